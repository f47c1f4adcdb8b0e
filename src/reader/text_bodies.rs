//! Bodies of SQL functions that are stored as text, such as Supabase's `auth.jwt()`.
//!
//! Only the search_path and the settings of its caller decide what such a text means. And to have Postgres analyze it can run
//! others' code: the input functions of types that its literals are of. So it is only parsed, which runs nothing, and read
//! here: as far as it can't mean anything else where nobody but a gateway sets the search_path. That is so for operators of
//! `pg_catalog` whose operands are exactly of their types, and for functions by their full names. Everything else is unknown.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use pgrx::prelude::*;
use proof::plpgsql::Found;
use proof::{Builtin, Comparison, Expression, Origin, Reason, Rows, Truth, Value};

use super::budget::Nesting;
use super::expressions::{Reading, cast, logic, tested_for};
use super::factors::count_of_factors;
use super::functions::SqlBody;
use super::names::table_named;
use super::queries::{mentioned, mentioning};
use super::text_builtins::{builtin_call, builtin_operator};
use super::text_factors::is_some_row;
use super::text_types::{Kind, Typed, coerced, equal, same_kind, unified};
use crate::pg::list::List;
use crate::pg::node::{Form, Node, NodeRef};

/// A body being read.
pub struct TextBody<'a, 'r, 'tree> {
    pub reading: &'a mut Reading<'r, 'tree>,
    pub body: &'a SqlBody<'tree>,
    pub arguments: &'a [Expression],
    pub callers_rights: bool,
    /// The variables of a function in PL/pgSQL, which then stand in the place of parameters.
    pub variables: Option<&'a dyn Variables>,
}

/// What names stand for in PL/pgSQL.
pub trait Variables {
    /// What a name of one or more parts stands for.
    fn named(&self, parts: &[String]) -> Found<'_, Kind>;
    /// What `$1` stands for, and so on.
    fn numbered(&self, number: usize) -> Found<'_, Kind>;
}

/// Where an expression of a body stands.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) nesting: Nesting<'a>,
    /// Whether a sub-select around it has a FROM clause: there, a name can be a column's.
    has_from: bool,
    /// What the sub-select around it has met.
    met: &'a Met,
    /// Whether the sub-select around it selects the session's verified factors, from its only table.
    of_factors: bool,
}

impl<'a> Scope<'a> {
    fn at(self, nesting: Nesting<'a>) -> Scope<'a> {
        Scope { nesting, ..self }
    }
}

/// What a sub-select has met, so far.
#[derive(Default)]
pub(super) struct Met {
    column: Cell<bool>,
    /// Anything that isn't known. It may hold an aggregate, also one of a query outside, or a function that returns a set. Then
    /// how many rows there are isn't known either.
    unknown: Cell<bool>,
    /// An aggregate of its own: then it has one row.
    aggregate: Cell<bool>,
    /// The tables of the sub-selects within it that are read with the caller's rights.
    tables: RefCell<Vec<proof::TableId>>,
}

impl TextBody<'_, '_, '_> {
    /// What the body answers, and from where; `None` where that can't be told.
    pub fn read(&mut self, statement: Node<'_>, nesting: Nesting<'_>) -> Option<(Expression, Rows)> {
        let scope = Scope { nesting, has_from: false, met: &Met::default(), of_factors: false };
        let (target, kind, rows) = self.select(statement, scope)?;
        let wanted = Kind::of_type(self.body.result);
        match (wanted, target) {
            // Of another type, it isn't known either way; but what it is made of is worth knowing.
            (Kind::Other, target @ Expression::Unknown { .. }) if kind == Kind::Other => Some((target, rows)),
            (_, target) => Some((coerced((target, kind), wanted)?, rows)),
        }
    }

    /// What a query selects, column by column, and from where; `None` where that can't be told.
    pub fn columns(&mut self, statement: Node<'_>, nesting: Nesting<'_>) -> Option<(Vec<Typed>, Rows)> {
        let scope = Scope { nesting, has_from: false, met: &Met::default(), of_factors: false };
        let targets = statement.cast::<pg_sys::SelectStmt>()?.targetList();
        // Of `*` it isn't known how many there are.
        let is_star = |target: NodeRef<'_, pg_sys::ResTarget>| match target.val().map(Node::form) {
            Some(Form::ColumnRef(it)) => names(it.fields()).is_none(),
            _ => false,
        };
        if targets.items::<pg_sys::ResTarget>().any(is_star) {
            return None;
        }
        // Nor of `(f()).*`, which stands for several columns.
        let is_unknown = |it: NodeRef<'_, pg_sys::ResTarget>| matches!(it.val().map(Node::form), Some(Form::Other));
        if targets.nodes().count() > 1 && targets.items::<pg_sys::ResTarget>().any(is_unknown) {
            return None;
        }
        self.select_columns(statement, scope)
    }

    fn select(&mut self, node: Node<'_>, outer: Scope<'_>) -> Option<(Expression, Kind, Rows)> {
        let (targets, rows) = self.select_columns(node, outer)?;
        let (target, kind) = targets.into_iter().next().unwrap_or_else(unknown);
        Some((target, kind, rows))
    }

    fn select_columns(&mut self, node: Node<'_>, outer: Scope<'_>) -> Option<(Vec<Typed>, Rows)> {
        let it = node.cast::<pg_sys::SelectStmt>()?;
        let is_plain = it.op == pg_sys::SetOperation::SETOP_NONE
            && it.valuesLists().is_empty()
            && it.withClause().is_none()
            && it.intoClause().is_none();
        if !is_plain {
            outer.met.unknown.set(true);
            return None;
        }
        let has_from = !it.fromClause().is_empty();
        let met = Met::default();
        let scope = Scope { has_from: outer.has_from || has_from, met: &met, of_factors: false, ..outer };
        let of_factors = !self.hides_columns() && self.selects_factors(it, scope);
        let scope = Scope { of_factors, ..scope };
        let may_be_cut = it.limitCount().is_some_and(|limit| !is_some_row(limit)) || it.limitOffset().is_some();
        let mut rows = Rows { from: has_from, may_be_cut, origin: Origin::SubSelect, ..mentioned(Vec::new()) };
        self.read_from_clause(it.fromClause(), scope, &mut rows);
        let targets = it.targetList().items::<pg_sys::ResTarget>();
        let targets: Vec<Typed> = targets.map(|target| self.expression(target.val(), scope)).collect();
        let is_simple = it.distinctClause().is_empty()
            && it.sortClause().is_empty()
            && it.windowClause().is_empty()
            && it.groupClause().is_empty()
            && it.havingClause().is_none()
            && !met.unknown.get();
        let filter = match it.whereClause() {
            Some(_) if of_factors => Some(Expression::HasFactor),
            filter => filter.map(|filter| self.condition(Some(filter), scope)),
        };
        // An aggregate has one row, unless that is cut.
        let is_simple = is_simple && !(met.aggregate.get() && may_be_cut);
        if is_simple {
            rows.always_one = met.aggregate.get();
            rows.filter = filter.map(Box::new);
        } else {
            // There may be a row where the filter is false, and none where it is true. An unread part may also hold an
            // aggregate of a query outside.
            met.unknown.set(true);
            rows.may_be_cut = true;
            rows.mentions.extend(filter);
        }
        // Where a part isn't read, its sub-selects may be lost. Postgres asks for the rights on their tables even so.
        let beneath = met.tables.take();
        if met.unknown.get() && !beneath.is_empty() {
            let reads = Rows { reads: beneath.clone(), origin: Origin::SubSelect, ..mentioned(Vec::new()) };
            rows.mentions.push(Expression::Exists(reads));
        }
        outer.met.tables.borrow_mut().extend(beneath.into_iter().chain(rows.reads.iter().copied()));
        rows.correlated = met.column.get();
        outer.met.column.set(outer.met.column.get() || met.column.get());
        outer.met.unknown.set(outer.met.unknown.get() || met.unknown.get());
        Some((targets, rows))
    }

    /// Whether a variable may be meant where a column of the table of factors seems to be: a setting decides that.
    fn hides_columns(&self) -> bool {
        let is_variable = |name: &str| {
            self.variables.is_some_and(|variables| !matches!(variables.named(&[name.to_owned()]), Found::None))
        };
        ["user_id", "status", "id", "factor_type", "mfa_factors", "auth"].into_iter().any(is_variable)
    }

    /// Notes what a FROM clause reads. Joins may be nested as deeply as there are tables, so they are taken apart one by one.
    fn read_from_clause(&mut self, list: List<'_>, scope: Scope<'_>, rows: &mut Rows) {
        let mut items: Vec<Option<Node<'_>>> = list.nodes().collect();
        items.reverse();
        while let Some(item) = items.pop() {
            if !self.reading.budget.spend(1) {
                scope.met.unknown.set(true);
                return rows.mentions.push(Expression::too_large());
            }
            match item.map(Node::form) {
                Some(Form::RangeVar(it)) if self.callers_rights => {
                    let table = table_named(it, scope.nesting.path());
                    rows.reads.extend(table.and_then(|table| proof::TableId::new(table.to_u32())));
                }
                Some(Form::JoinExpr(it)) => items.extend([it.rarg(), it.larg()]),
                Some(Form::RangeSubselect(it)) => {
                    let nesting = self.reading.budget.enter(scope.nesting);
                    let beneath = nesting.zip(it.subquery());
                    if let Some((target, _, beneath)) = beneath.and_then(|(to, query)| self.select(query, scope.at(to)))
                    {
                        rows.mentions.push(Expression::Select { target: Box::new(target), rows: beneath });
                    }
                }
                Some(Form::RangeFunction(it)) => {
                    // Each item is a function, and the columns that it was said to have.
                    let functions = it.functions().lists().filter_map(|item| item.nodes().next().flatten());
                    for function in functions {
                        rows.mentions.push(if is_methods(function) {
                            Expression::Methods
                        } else {
                            self.expression(Some(function), scope).0
                        });
                    }
                }
                _ => {}
            }
        }
    }

    /// A statement's condition. `is_of_rows`: names in it can be columns'.
    pub fn condition_of(&mut self, condition: Node<'_>, nesting: Nesting<'_>, is_of_rows: bool) -> Expression {
        let scope = Scope { nesting, has_from: is_of_rows, met: &Met::default(), of_factors: false };
        self.condition(Some(condition), scope)
    }

    /// An expression that must be a truth value.
    fn condition(&mut self, node: Option<Node<'_>>, scope: Scope<'_>) -> Expression {
        match self.expression(node, scope) {
            // Unknown as it is, what it is made of is worth knowing.
            (read, Kind::Other) if is_mention(&read) => read,
            read => coerced(read, Kind::Boolean).unwrap_or_else(Expression::unknown),
        }
    }

    fn many(&mut self, list: List<'_>, scope: Scope<'_>) -> Vec<Typed> {
        list.nodes().map(|node| self.expression(node, scope)).collect()
    }

    pub(super) fn expression(&mut self, node: Option<Node<'_>>, scope: Scope<'_>) -> Typed {
        let Some(node) = node else { return unknown() };
        match self.reading.budget.enter(scope.nesting) {
            Some(nesting) => self.form(node, scope.at(nesting)).unwrap_or_else(|| unread(scope)),
            None => (Expression::too_large(), unread(scope).1),
        }
    }

    /// An expression; `None` where it can't be looked at, or not all of it.
    fn form(&mut self, node: Node<'_>, scope: Scope<'_>) -> Option<Typed> {
        match node.form() {
            Form::A_Const(it) => Some(constant(it)),
            Form::ParamRef(it) if self.variables.is_some() => {
                let found = self.variables.zip(usize::try_from(it.number).ok());
                Some(self.found(found.map_or(Found::None, |(variables, number)| variables.numbered(number)), scope))
            }
            Form::ParamRef(it) => {
                Some(self.parameter(usize::try_from(it.number).ok().and_then(|n| n.checked_sub(1)), scope))
            }
            Form::ColumnRef(it) => Some(self.name(it, scope)),
            Form::TypeCast(it) => Some(self.type_cast(it, scope)),
            Form::A_Expr(it) => self.operator(it, scope).or_else(|| Some(mentions(constants_of(it), scope))),
            Form::BoolExpr(it) => {
                let all = it.args().nodes().map(|node| self.condition(node, scope)).collect();
                Some((logic(it.boolop, all), Kind::Boolean))
            }
            Form::NullTest(it) => {
                let tested = Box::new(self.expression(it.arg(), scope).0);
                let negated = it.nulltesttype == pg_sys::NullTestType::IS_NOT_NULL;
                Some((Expression::Is { truth: Truth::Null, negated, tested }, Kind::Boolean))
            }
            Form::BooleanTest(it) => {
                let (truth, negated) = tested_for(it.booltesttype);
                let tested = Box::new(self.condition(it.arg(), scope));
                Some((Expression::Is { truth, negated, tested }, Kind::Boolean))
            }
            Form::CaseExpr(it) => self.case(it, scope),
            Form::MinMaxExpr(it) => {
                let builtin = if it.op == pg_sys::MinMaxOp::IS_GREATEST { Builtin::Greatest } else { Builtin::Least };
                match unified(self.many(it.args(), scope)) {
                    (all, kind @ (Kind::Text | Kind::Boolean)) => Some((Expression::Call(builtin, all), kind)),
                    _ => None,
                }
            }
            Form::CoalesceExpr(it) => {
                let (all, kind) = unified(self.many(it.args(), scope));
                Some((Expression::Coalesce(all), kind))
            }
            Form::A_ArrayExpr(it) => match unified(self.many(it.elements(), scope)) {
                (all, Kind::Text) => Some((Expression::Array(all), Kind::TextArray)),
                _ => None,
            },
            Form::SubLink(it) => self.sub_select(it, scope),
            Form::FuncCall(it) => self.call(it, scope),
            _ => None,
        }
    }

    fn parameter(&mut self, place: Option<usize>, scope: Scope<'_>) -> Typed {
        let found = place.and_then(|place| Some((self.arguments.get(place)?, self.body.parameters.get(place)?)));
        match found {
            Some((argument, parameter)) => {
                (self.reading.budget.copy_or_cut(argument, scope.nesting), Kind::of_type(parameter.kind))
            }
            None => unknown(),
        }
    }

    /// A name: a parameter's, unless it could be a column's.
    fn name(&mut self, it: NodeRef<'_, pg_sys::ColumnRef>, scope: Scope<'_>) -> Typed {
        if let Some(variables) = self.variables {
            let parts = names(it.fields()).filter(|_| !scope.has_from);
            let found = parts.map_or(Found::None, |parts| variables.named(&parts));
            return self.found(found, scope);
        }
        let name = match names(it.fields()).as_deref() {
            Some([name]) => name.clone(),
            _ => String::new(),
        };
        let place = self.body.parameters.iter().position(|parameter| !name.is_empty() && parameter.name == name);
        if scope.has_from || place.is_none() {
            scope.met.column.set(true);
            return unknown();
        }
        self.parameter(place, scope)
    }

    /// What a name in PL/pgSQL stands for. One that isn't a variable's may be a column's.
    fn found(&mut self, found: Found<'_, Kind>, scope: Scope<'_>) -> Typed {
        match found {
            Found::Variable(value, kind) => {
                let kind = match kind {
                    Kind::Varchar(_) if !self.reading.functions.names().take_varchar_as_text() => return unknown(),
                    Kind::Varchar(_) => Kind::Text,
                    kind => kind,
                };
                (self.reading.budget.copy_or_cut(value, scope.nesting), kind)
            }
            Found::Unknown => unknown(),
            Found::None => {
                scope.met.column.set(true);
                unknown()
            }
        }
    }

    fn type_cast(&mut self, it: NodeRef<'_, pg_sys::TypeCast>, scope: Scope<'_>) -> Typed {
        let (argument, from) = self.expression(it.arg(), scope);
        let to = it.typeName().and_then(Node::cast).map_or(Kind::Other, type_named);
        match (from, to) {
            (Kind::Literal, _) => (coerced((argument, from), to).unwrap_or_else(Expression::unknown), to),
            (from, to) if from == to => (argument, to),
            (Kind::Text | Kind::Json | Kind::Jsonb, Kind::Json | Kind::Jsonb) => {
                (Expression::ToJson(Box::new(argument)), to)
            }
            (Kind::Jsonb, Kind::Text) => (Expression::JsonToText(Box::new(argument)), to),
            (Kind::Boolean, Kind::Int4) => (Expression::Call(Builtin::TruthToInteger, vec![argument]), to),
            (Kind::Boolean, Kind::Text) => (Expression::Call(Builtin::TruthToText, vec![argument]), to),
            (Kind::Jsonb, Kind::Boolean) => (Expression::Call(Builtin::JsonToTruth, vec![argument]), to),
            _ => (cast(argument, to == Kind::Boolean), to),
        }
    }

    fn operator(&mut self, it: NodeRef<'_, pg_sys::A_Expr>, scope: Scope<'_>) -> Option<Typed> {
        use pg_sys::A_Expr_Kind::*;
        let name = match names(it.name())?.as_slice() {
            [name] => name.clone(),
            [schema, name] if schema == "pg_catalog" => name.clone(),
            _ => return None,
        };
        match it.kind {
            AEXPR_OP => self.binary(&name, it, scope),
            AEXPR_LIKE | AEXPR_ILIKE | AEXPR_SIMILAR => {
                let (value, pattern) = self.operands(it, scope);
                builtin_operator(self.reading.functions.names(), &name, value, pattern)
            }
            AEXPR_BETWEEN | AEXPR_NOT_BETWEEN => {
                let [least, most] = it.rexpr()?.list()?.nodes().collect::<Option<Vec<_>>>()?.try_into().ok()?;
                if is_null_literal(least) || is_null_literal(most) {
                    return None;
                }
                let mut bound = |comparison, bound| {
                    let (a, b) = same_kind(self.expression(it.lexpr(), scope), self.expression(Some(bound), scope))?;
                    Some(Expression::Compare(comparison, Box::new(a), Box::new(b)))
                };
                let within = vec![bound(Comparison::GreaterOrEqual, least)?, bound(Comparison::LessOrEqual, most)?];
                let within = Expression::And(within);
                Some((if it.kind == AEXPR_BETWEEN { within } else { within.negate() }, Kind::Boolean))
            }
            AEXPR_DISTINCT | AEXPR_NOT_DISTINCT => {
                let (a, b) = self.operands(it, scope);
                let (a, b) = same_kind(a, b)?;
                let same = Expression::Compare(Comparison::Same, Box::new(a), Box::new(b));
                Some((if it.kind == AEXPR_DISTINCT { same.negate() } else { same }, Kind::Boolean))
            }
            AEXPR_NULLIF => {
                let (a, b) = self.operands(it, scope);
                let kind = if a.1 == Kind::Literal { b.1 } else { a.1 };
                let (a, b) = same_kind(a, b)?;
                Some((Expression::NullIf(Box::new(a), Box::new(b)), kind))
            }
            AEXPR_IN => {
                let items = it.rexpr().and_then(Node::list).unwrap_or(List::NIL);
                let items = unified(self.many(items, scope));
                compare_each(&name, self.expression(it.lexpr(), scope), items, name == "=")
            }
            AEXPR_OP_ANY | AEXPR_OP_ALL => {
                let array = match self.expression(it.rexpr(), scope) {
                    (Expression::Array(items), Kind::TextArray) => (items, Kind::Text),
                    _ => return None,
                };
                compare_each(&name, self.expression(it.lexpr(), scope), array, it.kind == AEXPR_OP_ANY)
            }
            _ => None,
        }
    }

    fn operands(&mut self, it: NodeRef<'_, pg_sys::A_Expr>, scope: Scope<'_>) -> (Typed, Typed) {
        (self.expression(it.lexpr(), scope), self.expression(it.rexpr(), scope))
    }

    fn binary(&mut self, name: &str, it: NodeRef<'_, pg_sys::A_Expr>, scope: Scope<'_>) -> Option<Typed> {
        let (left, right) = (it.lexpr()?, it.rexpr()?);
        let (a, b) = self.operands(it, scope);
        // A setting decides what `= null` means (transform_null_equals).
        if is_null_literal(left) || is_null_literal(right) {
            return None;
        }
        let compare = |comparison, a: Typed, b: Typed| {
            let (a, b) = same_kind(a, b)?;
            Some(Expression::Compare(comparison, Box::new(a), Box::new(b)))
        };
        let are_truths = a.1 == Kind::Boolean && b.1 == Kind::Boolean;
        let is_ordered = a.1 == Kind::Text || b.1 == Kind::Text || a.1.is_integer() && b.1.is_integer() || are_truths;
        let is_json = matches!(a.1, Kind::Json | Kind::Jsonb) && matches!(b.1, Kind::Text | Kind::Literal);
        // Of a literal's type nothing is known: an operator that somebody made for another could be meant.
        let names = self.reading.functions.names();
        let literal = |kind: Kind| if kind == Kind::Literal { Some(pg_sys::UNKNOWNOID) } else { kind.type_oid() };
        let is_json =
            is_json && literal(a.1).zip(literal(b.1)).is_some_and(|(a, b)| names.is_postgres_operator(name, a, b));
        let boxed = |a: Typed, b: Typed| (Box::new(a.0), Box::new(b.0));
        Some(match name {
            "=" => (equal(a, b)?, Kind::Boolean),
            "<>" => (equal(a, b)?.negate(), Kind::Boolean),
            "<" if is_ordered => (compare(Comparison::Less, a, b)?, Kind::Boolean),
            "<=" if is_ordered => (compare(Comparison::LessOrEqual, a, b)?, Kind::Boolean),
            ">" if is_ordered => (compare(Comparison::Greater, a, b)?, Kind::Boolean),
            ">=" if is_ordered => (compare(Comparison::GreaterOrEqual, a, b)?, Kind::Boolean),
            "->" | "->>" if is_json => {
                let kind = if name == "->" { a.1 } else { Kind::Text };
                let (document, key) = boxed(a, b);
                (Expression::Member { document, key, as_text: name == "->>" }, kind)
            }
            "?" if a.1 == Kind::Jsonb && is_json => {
                let (document, key) = boxed(a, b);
                (Expression::HasKey(document, key), Kind::Boolean)
            }
            _ => return builtin_operator(names, name, a, b),
        })
    }

    fn case(&mut self, it: NodeRef<'_, pg_sys::CaseExpr>, scope: Scope<'_>) -> Option<Typed> {
        let tested = it.arg().map(|tested| self.expression(Some(tested), scope));
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for arm in it.args().items::<pg_sys::CaseWhen>() {
            conditions.push(match &tested {
                None => self.condition(arm.expr(), scope),
                Some(tested) => {
                    let tested = (self.reading.budget.copy(&tested.0, scope.nesting)?, tested.1);
                    equal(tested, self.expression(arm.expr(), scope)).unwrap_or_else(Expression::unknown)
                }
            });
            results.push(self.expression(arm.result(), scope));
        }
        results.push(match it.defresult() {
            None => (Expression::NULL, Kind::Literal),
            some => self.expression(some, scope),
        });
        let (mut results, kind) = unified(results);
        let otherwise = Box::new(results.pop()?);
        Some((Expression::Case { arms: conditions.into_iter().zip(results).collect(), otherwise }, kind))
    }

    fn sub_select(&mut self, it: NodeRef<'_, pg_sys::SubLink>, scope: Scope<'_>) -> Option<Typed> {
        use pg_sys::SubLinkType::*;
        let (target, kind, rows) = self.select(it.subselect()?, scope)?;
        match it.subLinkType {
            EXISTS_SUBLINK => Some((Expression::Exists(rows), Kind::Boolean)),
            EXPR_SUBLINK => Some((Expression::Select { target: Box::new(target), rows }, kind)),
            ANY_SUBLINK if it.operName().is_empty() => {
                let tested = self.expression(it.testexpr(), scope);
                let test = Box::new(equal(tested, (target, kind)).unwrap_or_else(Expression::unknown));
                Some((Expression::AnyRow { test, rows }, Kind::Boolean))
            }
            _ => None,
        }
    }

    fn call(&mut self, it: NodeRef<'_, pg_sys::FuncCall>, scope: Scope<'_>) -> Option<Typed> {
        if scope.of_factors && self.counts(it) {
            scope.met.aggregate.set(true);
            return Some((count_of_factors(), Kind::Int8));
        }
        let arguments: Vec<(Option<String>, Typed)> = it
            .args()
            .nodes()
            .map(|node| match node.map(Node::form) {
                Some(Form::NamedArgExpr(named)) => (Some(text(named.name())), self.expression(named.arg(), scope)),
                _ => (None, self.expression(node, scope)),
            })
            .collect();
        let is_simple =
            !it.agg_star && !it.agg_distinct && !it.func_variadic && it.over().is_none() && it.agg_filter().is_none();
        let name = names(it.funcname()).filter(|_| is_simple).unwrap_or_default();
        let read = match name.as_slice() {
            [name] if name == "current_setting" => setting(&arguments),
            [schema, name] if schema == "pg_catalog" && name == "current_setting" => setting(&arguments),
            [name]
                if arguments.iter().all(|(name, _)| name.is_none())
                    && !self.reading.functions.names().has_function(name) =>
            {
                let names = self.reading.functions.names();
                builtin_call(names, name, arguments.iter().map(|(_, argument)| argument.clone()).collect())
            }
            [schema, name] if schema == "pg_catalog" && arguments.iter().all(|(name, _)| name.is_none()) => {
                let names = self.reading.functions.names();
                builtin_call(names, name, arguments.iter().map(|(_, argument)| argument.clone()).collect())
            }
            [name] => self.reading.call_by_name((None, name), &arguments, self.callers_rights, scope.nesting),
            [schema, name] => {
                self.reading.call_by_name((Some(schema), name), &arguments, self.callers_rights, scope.nesting)
            }
            _ => None,
        };
        if read.is_some() {
            return read;
        }
        let functions = self.reading.functions;
        let kinds: Vec<Kind> = arguments.iter().map(|(_, (_, kind))| *kind).collect();
        let function = match name.as_slice() {
            [schema, name] => functions.only_users(schema, name),
            // What a name without a schema means, the function's own search_path says, if it has one.
            [name] => functions
                .names()
                .function(None, name, &kinds, scope.nesting.path())
                .and_then(|it| functions.name_if_users(it)),
            _ => None,
        };
        let arguments = arguments.into_iter().map(|(_, (argument, _))| argument).collect();
        let Some(function) = function else { return Some(mentions(arguments, scope)) };
        let reason = Some(Reason::Function(function));
        let unknown = Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason };
        Some((Expression::Select { target: Box::new(unknown), rows: mentioned(arguments) }, unread(scope).1))
    }
}

fn unknown() -> Typed {
    (Expression::unknown(), Kind::Other)
}

/// What wasn't looked at, or not all of it.
fn unread(scope: Scope<'_>) -> Typed {
    scope.met.unknown.set(true);
    unknown()
}

/// What wasn't looked at as a whole, but has these in it.
fn mentions(mentions: Vec<Expression>, scope: Scope<'_>) -> Typed {
    let (unknown, kind) = unread(scope);
    (if mentions.is_empty() { unknown } else { mentioning(mentions) }, kind)
}

/// Whether this is what `mentioning` makes, or a call that wasn't read.
fn is_mention(expression: &Expression) -> bool {
    match expression {
        Expression::Select { target, rows } => {
            rows.from && rows.may_be_cut && matches!(&**target, Expression::Unknown { key: None, .. })
        }
        _ => false,
    }
}

/// The texts that are operands of an operator.
fn constants_of(it: NodeRef<'_, pg_sys::A_Expr>) -> Vec<Expression> {
    let right = it.rexpr();
    let items = right.and_then(Node::list).unwrap_or(List::NIL).nodes().flatten();
    let operands = it.lexpr().into_iter().chain(right).chain(items);
    let constants = operands.filter_map(|operand| {
        let operand = operand.cast::<pg_sys::TypeCast>().map_or(Some(operand), |cast| cast.arg())?;
        Some(constant(operand.cast::<pg_sys::A_Const>()?).0)
    });
    constants.filter(|it| matches!(it, Expression::Constant(Value::Text(_)))).collect()
}

/// Whether this is a call of `auth.amr()`.
fn is_methods(node: Node<'_>) -> bool {
    let call = node.cast::<pg_sys::FuncCall>();
    call.and_then(|call| names(call.funcname())).is_some_and(|name| name == ["auth", "amr"])
}

fn constant(it: NodeRef<'_, pg_sys::A_Const>) -> Typed {
    match it.value().map(Node::form) {
        None => (Expression::NULL, Kind::Literal),
        Some(Form::String(it)) => (Expression::Constant(Value::Text(text(it.sval()))), Kind::Literal),
        Some(Form::Boolean(it)) => (Expression::Constant(Value::Bool(it.boolval)), Kind::Boolean),
        Some(Form::Integer(it)) => (Expression::Constant(Value::Integer(it.ival.into())), Kind::Int4),
        Some(_) => unknown(),
    }
}

fn is_null_literal(node: Node<'_>) -> bool {
    node.cast::<pg_sys::A_Const>().is_some_and(|it| it.isnull)
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

/// `value = any (array)`, or `<> all`; `None` for other operators, and for other types than text.
fn compare_each(name: &str, value: Typed, (items, kind): (Vec<Expression>, Kind), any: bool) -> Option<Typed> {
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

/// The type of this name, if it is one that is told apart.
pub(super) fn type_named(it: NodeRef<'_, pg_sys::TypeName>) -> Kind {
    let is_plain = it.typmods().is_empty() && it.arrayBounds().is_empty() && !it.setof && !it.pct_type;
    let names = names(it.names()).filter(|_| is_plain).unwrap_or_default();
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
        "uuid" => Kind::Uuid,
        "int4" => Kind::Int4,
        "int8" => Kind::Int8,
        _ => Kind::Other,
    }
}

/// The parts of a name; `None` where one isn't a name, as `*`.
pub(super) fn names(list: List<'_>) -> Option<Vec<String>> {
    list.nodes()
        .map(|node| match node?.form() {
            Form::String(it) => Some(text(it.sval())),
            _ => None,
        })
        .collect()
}

/// A string of a parse tree.
fn text(text: Option<&CStr>) -> String {
    text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
