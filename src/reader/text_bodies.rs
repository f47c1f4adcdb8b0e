//! Bodies of SQL functions that are stored as text, such as Supabase's `auth.jwt()`.
//!
//! What such a text means is only decided when it runs, by the search_path and the settings of whoever runs it. And to have
//! Postgres analyze it can run others' code: the input functions of types that its literals are of. So it is only parsed,
//! which runs nothing, and read here: as far as it is made of what can't mean anything else where nobody but a gateway sets
//! the search_path. Those are operators of `pg_catalog` whose operands are exactly of their types, and functions by their
//! full names. Everything else is unknown.

use std::cell::Cell;
use std::ffi::{CStr, c_char};

use aal::MaxAge;
use pgrx::prelude::*;
use proof::{Comparison, Expression, Origin, Rows, Truth, Value};

use super::expressions::Reader;
use super::functions::SqlBody;
use crate::pg::list::pointers;
use crate::pg::node::{cast, is};

/// The types that are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Json,
    Jsonb,
    Boolean,
    TextArray,
    Interval,
    /// A literal that has no type yet.
    Literal,
    Other,
}

impl Kind {
    pub fn of(type_oid: pg_sys::Oid) -> Kind {
        match type_oid {
            pg_sys::TEXTOID => Kind::Text,
            pg_sys::JSONOID => Kind::Json,
            pg_sys::JSONBOID => Kind::Jsonb,
            pg_sys::BOOLOID => Kind::Boolean,
            pg_sys::TEXTARRAYOID => Kind::TextArray,
            pg_sys::INTERVALOID => Kind::Interval,
            _ => Kind::Other,
        }
    }
}

type Typed = (Expression, Kind);

/// A body being read.
pub struct TextBody<'a> {
    reader: &'a Reader<'a>,
    body: &'a SqlBody,
    arguments: &'a [Expression],
    callers_rights: bool,
    /// How many sub-selects with a FROM clause are open: there, a name can be a column's.
    from: Cell<u32>,
    /// Whether a column has been met.
    saw_column: Cell<bool>,
    /// Whether anything has been met that isn't known: it may hold an aggregate, also one of a query outside, or a function
    /// that returns a set. Then how many rows there are isn't known either.
    saw_unknown: Cell<bool>,
}

impl<'a> TextBody<'a> {
    pub fn new(reader: &'a Reader<'a>, body: &'a SqlBody, arguments: &'a [Expression], callers_rights: bool) -> Self {
        let (from, saw_column, saw_unknown) = (Cell::new(0), Cell::new(false), Cell::new(false));
        TextBody { reader, body, arguments, callers_rights, from, saw_column, saw_unknown }
    }

    /// What the body answers, and from where; `None` where that can't be told.
    pub fn read(&self, statement: *mut pg_sys::Node) -> Option<(Expression, Rows)> {
        let (target, kind, rows) = self.select(statement)?;
        let wanted = Kind::of(self.body.result);
        match (wanted, target) {
            // Of whatever type, it isn't known either way; but what it is made of is worth knowing.
            (Kind::Other, target @ Expression::Unknown { .. }) if kind == Kind::Other => Some((target, rows)),
            (_, target) => Some((coerced((target, kind), wanted)?, rows)),
        }
    }

    fn select(&self, node: *mut pg_sys::Node) -> Option<(Expression, Kind, Rows)> {
        // SAFETY: a raw parse tree, which outlives this.
        let it = unsafe { cast::<pg_sys::SelectStmt>(node, pg_sys::NodeTag::T_SelectStmt) }?;
        let is_plain = it.op == pg_sys::SetOperation::SETOP_NONE
            && it.valuesLists.is_null()
            && it.withClause.is_null()
            && it.intoClause.is_null();
        if !is_plain {
            self.saw_unknown.set(true);
            return None;
        }
        let has_from = !it.fromClause.is_null();
        let saw_column = self.saw_column.replace(false);
        let saw_unknown = self.saw_unknown.replace(false);
        self.from.set(self.from.get() + u32::from(has_from));
        let mut rows = Rows {
            filter: None,
            from: has_from,
            always_one: false,
            may_be_cut: !it.limitCount.is_null() || !it.limitOffset.is_null(),
            reads: Vec::new(),
            mentions: Vec::new(),
            correlated: false,
            origin: Origin::SubSelect,
        };
        pointers(it.fromClause).for_each(|item| self.in_from_clause(item, &mut rows));
        let target = pointers::<pg_sys::ResTarget>(it.targetList).next().map(|target| {
            // SAFETY: a target list holds ResTarget.
            self.expression(unsafe { (*target).val })
        });
        let (target, kind) = target.unwrap_or_else(unknown);
        let targets = pointers::<pg_sys::ResTarget>(it.targetList).count();
        let is_simple = it.distinctClause.is_null()
            && it.sortClause.is_null()
            && it.windowClause.is_null()
            && it.groupClause.is_null()
            && it.havingClause.is_null()
            && targets <= 1
            && !self.saw_unknown.get();
        let filter = (!it.whereClause.is_null()).then(|| self.condition(it.whereClause));
        if is_simple {
            rows.filter = filter.map(Box::new);
        } else {
            // There may be a row whatever the filter says, and none without it. What isn't read here may be an aggregate of
            // a query outside, too.
            self.saw_unknown.set(true);
            rows.may_be_cut = true;
            rows.mentions.extend(filter);
        }
        rows.correlated = self.saw_column.get();
        self.from.set(self.from.get() - u32::from(has_from));
        self.saw_column.set(saw_column || rows.correlated);
        self.saw_unknown.set(saw_unknown || self.saw_unknown.get());
        Some((target, kind, rows))
    }

    fn in_from_clause(&self, node: *mut pg_sys::Node, rows: &mut Rows) {
        use pg_sys::NodeTag::*;
        // SAFETY: each `cast` compares the node's tag with the type it casts to.
        unsafe {
            if let Some(it) = cast::<pg_sys::RangeVar>(node, T_RangeVar) {
                // By its full name: only then is it certain which.
                if self.callers_rights && !it.schemaname.is_null() {
                    let schema = pg_sys::get_namespace_oid(it.schemaname, true);
                    let table = pg_sys::get_relname_relid(it.relname, schema);
                    if table != pg_sys::InvalidOid {
                        rows.reads.extend(proof::TableId::new(table.to_u32()));
                    }
                }
            } else if let Some(it) = cast::<pg_sys::JoinExpr>(node, T_JoinExpr) {
                self.in_from_clause(it.larg, rows);
                self.in_from_clause(it.rarg, rows);
            } else if let Some(it) = cast::<pg_sys::RangeSubselect>(node, T_RangeSubselect) {
                if let Some((target, _, beneath)) = self.reader.deeper(|| self.select(it.subquery)).flatten() {
                    rows.mentions.push(Expression::Select { target: Box::new(target), rows: beneath });
                }
            } else if let Some(it) = cast::<pg_sys::RangeFunction>(node, T_RangeFunction) {
                for list in pointers::<pg_sys::List>(it.functions) {
                    let function = pointers::<pg_sys::Node>(list).next().unwrap_or(std::ptr::null_mut());
                    if is_methods(function) {
                        rows.mentions.push(Expression::Methods);
                    } else if !function.is_null() {
                        rows.mentions.push(self.expression(function).0);
                    }
                }
            }
        }
    }

    /// An expression that must be a truth value.
    fn condition(&self, node: *mut pg_sys::Node) -> Expression {
        coerced(self.expression(node), Kind::Boolean).unwrap_or_else(Expression::unknown)
    }

    fn expression(&self, node: *mut pg_sys::Node) -> Typed {
        if node.is_null() {
            return unknown();
        }
        self.reader.deeper(|| self.of_node(node)).unwrap_or_else(|| self.unread_since(Expression::too_large()))
    }

    fn of_node(&self, node: *mut pg_sys::Node) -> Typed {
        use pg_sys::NodeTag::*;
        // SAFETY: each `cast` compares the node's tag with the type it casts to.
        unsafe {
            if let Some(it) = cast::<pg_sys::A_Const>(node, T_A_Const) {
                constant(it)
            } else if let Some(it) = cast::<pg_sys::ParamRef>(node, T_ParamRef) {
                self.parameter(usize::try_from(it.number).ok().and_then(|n| n.checked_sub(1)))
            } else if let Some(it) = cast::<pg_sys::ColumnRef>(node, T_ColumnRef) {
                self.name(it)
            } else if let Some(it) = cast::<pg_sys::TypeCast>(node, T_TypeCast) {
                self.type_cast(it)
            } else if let Some(it) = cast::<pg_sys::A_Expr>(node, T_A_Expr) {
                self.operator(it).unwrap_or_else(|| self.unread())
            } else if let Some(it) = cast::<pg_sys::BoolExpr>(node, T_BoolExpr) {
                let mut all: Vec<Expression> = pointers(it.args).map(|node| self.condition(node)).collect();
                let logic = match it.boolop {
                    pg_sys::BoolExprType::AND_EXPR => Expression::And(all),
                    pg_sys::BoolExprType::OR_EXPR => Expression::Or(all),
                    _ => all.pop().map_or_else(Expression::unknown, Expression::negate),
                };
                (logic, Kind::Boolean)
            } else if let Some(it) = cast::<pg_sys::NullTest>(node, T_NullTest) {
                let tested = Box::new(self.expression(it.arg.cast()).0);
                let negated = it.nulltesttype == pg_sys::NullTestType::IS_NOT_NULL;
                (Expression::Is { truth: Truth::Null, negated, tested }, Kind::Boolean)
            } else if let Some(it) = cast::<pg_sys::BooleanTest>(node, T_BooleanTest) {
                let (truth, negated) = super::expressions::tested_for(it.booltesttype);
                (Expression::Is { truth, negated, tested: Box::new(self.condition(it.arg.cast())) }, Kind::Boolean)
            } else if let Some(it) = cast::<pg_sys::CaseExpr>(node, T_CaseExpr) {
                self.case(it).unwrap_or_else(|| self.unread())
            } else if let Some(it) = cast::<pg_sys::CoalesceExpr>(node, T_CoalesceExpr) {
                let (all, kind) = unified(pointers(it.args).map(|node| self.expression(node)).collect());
                (Expression::Coalesce(all), kind)
            } else if let Some(it) = cast::<pg_sys::A_ArrayExpr>(node, T_A_ArrayExpr) {
                match unified(pointers(it.elements).map(|node| self.expression(node)).collect()) {
                    (all, Kind::Text) => (Expression::Array(all), Kind::TextArray),
                    _ => self.unread(),
                }
            } else if let Some(it) = cast::<pg_sys::SubLink>(node, T_SubLink) {
                self.sub_select(it).unwrap_or_else(|| self.unread())
            } else if let Some(it) = cast::<pg_sys::FuncCall>(node, T_FuncCall) {
                self.call(it)
            } else {
                self.unread()
            }
        }
    }

    /// What wasn't looked at, or not all of it.
    fn unread(&self) -> Typed {
        self.unread_since(Expression::unknown())
    }

    fn unread_since(&self, what: Expression) -> Typed {
        self.saw_unknown.set(true);
        (what, Kind::Other)
    }

    fn parameter(&self, place: Option<usize>) -> Typed {
        let found = place.and_then(|place| Some((self.arguments.get(place)?, self.body.parameters.get(place)?)));
        match found {
            Some((argument, parameter)) => (self.reader.copied(argument), Kind::of(parameter.kind)),
            None => unknown(),
        }
    }

    /// A name: a parameter's, unless it could be a column's.
    fn name(&self, it: &pg_sys::ColumnRef) -> Typed {
        let name = match names(it.fields).as_deref() {
            Some([name]) => name.clone(),
            _ => String::new(),
        };
        let place = self.body.parameters.iter().position(|parameter| !name.is_empty() && parameter.name == name);
        if self.from.get() > 0 || place.is_none() {
            self.saw_column.set(true);
            return unknown();
        }
        self.parameter(place)
    }

    fn type_cast(&self, it: &pg_sys::TypeCast) -> Typed {
        let (argument, from) = self.expression(it.arg);
        // SAFETY: a cast has a type's name.
        let to = unsafe { it.typeName.as_ref() }.map_or(Kind::Other, type_named);
        match (from, to) {
            (Kind::Literal, _) => (coerced((argument, from), to).unwrap_or_else(Expression::unknown), to),
            (from, to) if from == to => (argument, to),
            (Kind::Text | Kind::Json | Kind::Jsonb, Kind::Json | Kind::Jsonb) => {
                (Expression::ToJson(Box::new(argument)), to)
            }
            (Kind::Jsonb, Kind::Text) => (Expression::JsonToText(Box::new(argument)), to),
            _ => (Expression::Unknown { key: None, strict: true, arguments: vec![argument], reason: None }, to),
        }
    }

    fn operator(&self, it: &pg_sys::A_Expr) -> Option<Typed> {
        use pg_sys::A_Expr_Kind::*;
        let name = match names(it.name)?.as_slice() {
            [name] => name.clone(),
            [schema, name] if schema == "pg_catalog" => name.clone(),
            _ => return None,
        };
        match it.kind {
            AEXPR_OP => self.binary(&name, it),
            AEXPR_LIKE => {
                let (value, pattern) = (self.expression(it.lexpr), self.expression(it.rexpr));
                let plain =
                    matches!(&pattern.0, Expression::Constant(Value::Text(text)) if !text.contains(['%', '_', '\\']));
                if !plain || value.1 != Kind::Text {
                    return None;
                }
                let compared = equal(value, pattern)?;
                Some((if name == "!~~" { compared.negate() } else { compared }, Kind::Boolean))
            }
            AEXPR_DISTINCT | AEXPR_NOT_DISTINCT => {
                let (a, b) = same_kind(self.expression(it.lexpr), self.expression(it.rexpr))?;
                let same = Expression::Compare(Comparison::Same, Box::new(a), Box::new(b));
                Some((if it.kind == AEXPR_DISTINCT { same.negate() } else { same }, Kind::Boolean))
            }
            AEXPR_NULLIF => {
                let (a, b) = (self.expression(it.lexpr), self.expression(it.rexpr));
                let kind = if a.1 == Kind::Literal { b.1 } else { a.1 };
                let (a, b) = same_kind(a, b)?;
                Some((Expression::NullIf(Box::new(a), Box::new(b)), kind))
            }
            AEXPR_IN => {
                let items = pointers(it.rexpr.cast::<pg_sys::List>()).map(|node| self.expression(node)).collect();
                self.compare_each(&name, self.expression(it.lexpr), unified(items), name == "=")
            }
            AEXPR_OP_ANY | AEXPR_OP_ALL => {
                let array = match self.expression(it.rexpr) {
                    (Expression::Array(items), Kind::TextArray) => (items, Kind::Text),
                    _ => return None,
                };
                self.compare_each(&name, self.expression(it.lexpr), array, it.kind == AEXPR_OP_ANY)
            }
            _ => None,
        }
    }

    fn compare_each(
        &self,
        name: &str,
        value: Typed,
        (items, kind): (Vec<Expression>, Kind),
        any: bool,
    ) -> Option<Typed> {
        let negated = match name {
            "=" => false,
            "<>" => true,
            _ => return None,
        };
        if value.1 != Kind::Text || kind != Kind::Text {
            return None;
        }
        let (value, array) = (Box::new(value.0), Box::new(Expression::Array(items)));
        Some((Expression::CompareEach { comparison: Comparison::Equal, negated, any, value, array }, Kind::Boolean))
    }

    fn binary(&self, name: &str, it: &pg_sys::A_Expr) -> Option<Typed> {
        if it.lexpr.is_null() || it.rexpr.is_null() {
            return None;
        }
        let (a, b) = (self.expression(it.lexpr), self.expression(it.rexpr));
        // What `= null` means is a setting's to say (transform_null_equals).
        if is_null_literal(it.lexpr) || is_null_literal(it.rexpr) {
            return None;
        }
        let compare = |comparison, a: Typed, b: Typed| {
            let (a, b) = same_kind(a, b)?;
            Some(Expression::Compare(comparison, Box::new(a), Box::new(b)))
        };
        let is_text = a.1 == Kind::Text || b.1 == Kind::Text;
        let is_json = matches!(a.1, Kind::Json | Kind::Jsonb) && matches!(b.1, Kind::Text | Kind::Literal);
        let boxed = |a: Typed, b: Typed| (Box::new(a.0), Box::new(b.0));
        Some(match name {
            "=" => (equal(a, b)?, Kind::Boolean),
            "<>" => (equal(a, b)?.negate(), Kind::Boolean),
            "<" if is_text => (compare(Comparison::Less, a, b)?, Kind::Boolean),
            "<=" if is_text => (compare(Comparison::LessOrEqual, a, b)?, Kind::Boolean),
            ">" if is_text => (compare(Comparison::Greater, a, b)?, Kind::Boolean),
            ">=" if is_text => (compare(Comparison::GreaterOrEqual, a, b)?, Kind::Boolean),
            "->" | "->>" if is_json => {
                let kind = if name == "->" { a.1 } else { Kind::Text };
                let (document, key) = boxed(a, b);
                (Expression::Member { document, key, as_text: name == "->>" }, kind)
            }
            "?" if a.1 == Kind::Jsonb && is_json => {
                let (document, key) = boxed(a, b);
                (Expression::HasKey(document, key), Kind::Boolean)
            }
            "@>" if a.1 == Kind::Jsonb => {
                let part = coerced(b, Kind::Jsonb)?;
                (Expression::Compare(Comparison::Contains, Box::new(a.0), Box::new(part)), Kind::Boolean)
            }
            _ => return None,
        })
    }

    fn case(&self, it: &pg_sys::CaseExpr) -> Option<Typed> {
        let tested = (!it.arg.is_null()).then(|| self.expression(it.arg.cast()));
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for arm in pointers::<pg_sys::CaseWhen>(it.args) {
            // SAFETY: a CASE holds a list of CaseWhen.
            let arm = unsafe { &*arm };
            conditions.push(match &tested {
                None => self.condition(arm.expr.cast()),
                Some(tested) => {
                    let tested = (self.reader.copy(&tested.0)?, tested.1);
                    equal(tested, self.expression(arm.expr.cast())).unwrap_or_else(Expression::unknown)
                }
            });
            results.push(self.expression(arm.result.cast()));
        }
        let otherwise = if it.defresult.is_null() {
            (Expression::NULL, Kind::Literal)
        } else {
            self.expression(it.defresult.cast())
        };
        results.push(otherwise);
        let (mut results, kind) = unified(results);
        let otherwise = Box::new(results.pop()?);
        Some((Expression::Case { arms: conditions.into_iter().zip(results).collect(), otherwise }, kind))
    }

    fn sub_select(&self, it: &pg_sys::SubLink) -> Option<Typed> {
        use pg_sys::SubLinkType::*;
        let (target, kind, rows) = self.select(it.subselect)?;
        match it.subLinkType {
            EXISTS_SUBLINK => Some((Expression::Exists(rows), Kind::Boolean)),
            EXPR_SUBLINK => Some((Expression::Select { target: Box::new(target), rows }, kind)),
            ANY_SUBLINK if it.operName.is_null() => {
                let test = equal(self.expression(it.testexpr), (target, kind)).unwrap_or_else(Expression::unknown);
                Some((Expression::AnyRow { test: Box::new(test), rows }, Kind::Boolean))
            }
            _ => None,
        }
    }

    fn call(&self, it: &pg_sys::FuncCall) -> Typed {
        let arguments: Vec<(Option<String>, Typed)> = pointers::<pg_sys::Node>(it.args)
            .map(|node| {
                // SAFETY: an argument of a call; the cast looks at its tag.
                match unsafe { cast::<pg_sys::NamedArgExpr>(node, pg_sys::NodeTag::T_NamedArgExpr) } {
                    Some(named) => (Some(text_at(named.name)), self.expression(named.arg.cast())),
                    None => (None, self.expression(node)),
                }
            })
            .collect();
        let is_simple =
            !it.agg_star && !it.agg_distinct && !it.func_variadic && it.over.is_null() && it.agg_filter.is_null();
        let known = names(it.funcname).filter(|_| is_simple).and_then(|name| match name.as_slice() {
            [name] if name == "current_setting" => setting(&arguments),
            [schema, name] if schema == "pg_catalog" && name == "current_setting" => setting(&arguments),
            [schema, name] => self.reader.call_by_name(schema, name, &arguments, self.callers_rights),
            _ => None,
        });
        known.unwrap_or_else(|| self.unread())
    }
}

/// Whether this is a call of `auth.amr()`.
fn is_methods(node: *mut pg_sys::Node) -> bool {
    // SAFETY: NULL or a node of a raw parse tree.
    let call = unsafe { cast::<pg_sys::FuncCall>(node, pg_sys::NodeTag::T_FuncCall) };
    call.and_then(|call| names(call.funcname)).is_some_and(|name| name == ["auth", "amr"])
}

fn unknown() -> Typed {
    (Expression::unknown(), Kind::Other)
}

fn constant(it: &pg_sys::A_Const) -> Typed {
    if it.isnull {
        return (Expression::NULL, Kind::Literal);
    }
    // SAFETY: a constant that isn't null holds a node, whose tag says which.
    unsafe {
        match it.val.node.type_ {
            pg_sys::NodeTag::T_String => (Expression::Constant(Value::Text(text_at(it.val.sval.sval))), Kind::Literal),
            pg_sys::NodeTag::T_Boolean => (Expression::Constant(Value::Bool(it.val.boolval.boolval)), Kind::Boolean),
            _ => unknown(),
        }
    }
}

fn setting(arguments: &[(Option<String>, Typed)]) -> Option<Typed> {
    let name = match arguments.first()? {
        (None, (name, Kind::Text | Kind::Literal)) => Box::new(name.clone()),
        _ => return None,
    };
    let missing_ok = match arguments.get(1..)? {
        [] => false,
        [(None, (Expression::Constant(Value::Bool(missing_ok)), _))] => *missing_ok,
        _ => return None,
    };
    Some((Expression::Setting { name, missing_ok }, Kind::Text))
}

/// An expression where one of this type is wanted; `None` where Postgres would look for a cast.
pub fn coerced((expression, from): Typed, to: Kind) -> Option<Expression> {
    if from == to && to != Kind::Other {
        return Some(expression);
    }
    match (from, expression) {
        (Kind::Literal, Expression::Constant(Value::Null)) => Some(Expression::NULL),
        (Kind::Literal, Expression::Constant(Value::Text(text))) => Some(match to {
            Kind::Text => Expression::Constant(Value::Text(text)),
            Kind::Json | Kind::Jsonb => serde_json::from_str(&text)
                .map_or_else(|_| Expression::unknown(), |json| Expression::Constant(Value::Json(json))),
            Kind::Interval => {
                interval(&text).map_or_else(Expression::unknown, |age| Expression::Constant(Value::Interval(age)))
            }
            _ => Expression::unknown(),
        }),
        _ => None,
    }
}

/// `15 minutes`: the plainest form of an interval. Others depend on settings.
fn interval(text: &str) -> Option<MaxAge> {
    let (count, unit) = text.trim().split_once(' ')?;
    let count: u32 = count.parse().ok()?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(MaxAge::from_seconds)
}

fn equal(a: Typed, b: Typed) -> Option<Expression> {
    let (a, b) = same_kind(a, b)?;
    Some(Expression::Compare(Comparison::Equal, Box::new(a), Box::new(b)))
}

/// Two operands for an operator of `pg_catalog` that takes exactly these types.
fn same_kind(a: Typed, b: Typed) -> Option<(Expression, Expression)> {
    let kind = if a.1 == Kind::Literal { b.1 } else { a.1 };
    if !matches!(kind, Kind::Text | Kind::Boolean | Kind::Jsonb) {
        return None;
    }
    Some((coerced(a, kind)?, coerced(b, kind)?))
}

/// Expressions that come to one type, as in CASE; [`Kind::Other`] where they don't.
fn unified(all: Vec<Typed>) -> (Vec<Expression>, Kind) {
    let kind = all.iter().map(|(_, kind)| *kind).find(|kind| *kind != Kind::Literal).unwrap_or(Kind::Text);
    let count = all.len();
    let coerced: Vec<Expression> = all.into_iter().filter_map(|it| coerced(it, kind)).collect();
    if coerced.len() == count { (coerced, kind) } else { (vec![Expression::unknown(); count], Kind::Other) }
}

fn is_null_literal(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node of a raw parse tree.
    unsafe { cast::<pg_sys::A_Const>(node, pg_sys::NodeTag::T_A_Const) }.is_some_and(|it| it.isnull)
}

/// The type of this name, if it is one that is told apart.
fn type_named(it: &pg_sys::TypeName) -> Kind {
    let is_plain = it.typmods.is_null() && it.arrayBounds.is_null() && !it.setof && !it.pct_type;
    let names = names(it.names).filter(|_| is_plain).unwrap_or_default();
    let name = match names.as_slice() {
        [name] => name.as_str(),
        [schema, name] if schema == "pg_catalog" => name.as_str(),
        _ => "",
    };
    match name {
        "text" => Kind::Text,
        "json" => Kind::Json,
        "jsonb" => Kind::Jsonb,
        "bool" => Kind::Boolean,
        "interval" => Kind::Interval,
        _ => Kind::Other,
    }
}

/// The parts of a name; `None` where one isn't a name, as `*`.
fn names(list: *mut pg_sys::List) -> Option<Vec<String>> {
    pointers::<pg_sys::Node>(list)
        .map(|node| {
            // SAFETY: a part of a name: a String, or something else by its tag.
            unsafe {
                if is(node, pg_sys::NodeTag::T_String) {
                    Some(text_at((*node.cast::<pg_sys::String>()).sval))
                } else {
                    None
                }
            }
        })
        .collect()
}

/// A C string of a parse tree.
fn text_at(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: a C string that lives as long as the tree.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
