//! Postgres' expression trees, as policies store them, into the core's expressions.
//!
//! Only what is recognized by its OID is taken for what it is: a function or an operator of `pg_catalog`, or one of
//! ours. Functions written in SQL are seen through. Whatever else there is becomes [`Expression::Unknown`].
//!
//! Nothing here evaluates an expression of somebody else's, nor has Postgres analyze one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};

use aal::MaxAge;
use pgrx::PgMemoryContexts;
use pgrx::datum::Interval;
use pgrx::prelude::*;
use proof::{Comparison, Expression, Key, Origin, Reason, Rows, Truth, Value};

use super::functions::{BodyQuery, Functions, Known, SqlBody, unless_it_fails};
use super::text_bodies::{Kind, TextBody, coerced};
use crate::pg::list::pointers;
use crate::pg::node::{cast, is};

/// How deeply expressions may be nested, bodies of functions included, and still be read.
const DEEPEST: usize = 200;

/// How large an expression may be, in nodes, bodies of functions included, and still be read: who writes a policy must not
/// be able to keep everybody from getting an answer.
const LARGEST: usize = 10_000;

/// How many nodes all expressions may have together. Each may have its share of what is left: so many large ones leave something
/// for small ones.
const MOST: usize = 1_000_000;
const SHARES: usize = 64;

/// How many bytes of text what can't be read may have, and still be told apart; of all policies together.
const MOST_KEYS: usize = 16 << 20;

/// How long the text of a tree may be, in bytes, so that what it was read to is kept for others of the same text; and how many are.
const KEPT: usize = 8_192;
const MOST_KEPT: usize = 4_096;

/// How large a constant may be, in bytes, and still be read: it is copied and compared.
const LARGEST_CONSTANT: usize = 4_096;

/// Reads expression trees.
pub struct Reader<'a> {
    functions: &'a Functions,
    /// What texts of trees were read to, and how many nodes that has.
    read: RefCell<HashMap<String, (Expression, usize)>>,
    depth: Cell<usize>,
    /// How many nodes the expression being read may still have.
    left: Cell<usize>,
    /// How many nodes all expressions that are still to be read may have.
    left_of_all: Cell<usize>,
    /// What can't be read but is told apart, by its text; and how many bytes more of such text there may be.
    keys: RefCell<HashMap<String, Key>>,
    left_for_keys: Cell<usize>,
    /// The outermost query, by how deep it is, that a column was met of.
    outermost: Cell<u32>,
    /// The functions whose bodies are being read.
    within: RefCell<Vec<pg_sys::Oid>>,
}

/// Where an expression stands.
struct Frame<'a> {
    /// The arguments of the function whose body this is; `None` in a policy.
    arguments: Option<&'a [Expression]>,
    /// Whether it runs with the rights of whoever asks, and not of a function's owner.
    callers_rights: bool,
    /// How many sub-selects deep it is.
    queries: u32,
    /// What the columns of a sub-select stand for, in the comparison of `= any (select …)`.
    selected: &'a [Expression],
    /// The value that `case x when …` compares.
    tested: Option<&'a Expression>,
    /// Whether it is part of something that can't be read.
    unread: bool,
}

const IN_POLICY: Frame<'static> =
    Frame { arguments: None, callers_rights: true, queries: 0, selected: &[], tested: None, unread: false };

impl Frame<'_> {
    /// Within a sub-select.
    fn in_query(&self) -> Frame<'_> {
        Frame { queries: self.queries + 1, selected: &[], tested: None, ..*self }
    }

    /// Within what can't be read.
    fn in_unread(&self) -> Frame<'_> {
        Frame { unread: true, ..*self }
    }
}

impl<'a> Reader<'a> {
    pub fn new(functions: &'a Functions) -> Self {
        Reader {
            functions,
            read: RefCell::new(HashMap::new()),
            depth: Cell::new(0),
            left: Cell::new(0),
            left_of_all: Cell::new(MOST),
            keys: RefCell::new(HashMap::new()),
            left_for_keys: Cell::new(MOST_KEYS),
            outermost: Cell::new(u32::MAX),
            within: RefCell::new(Vec::new()),
        }
    }

    /// Reads a policy's expression from the text of its tree, as the catalog holds it.
    pub fn read(&self, tree: &str) -> Expression {
        let most = LARGEST.min(self.left_of_all.get() / SHARES);
        if let Some((known, size)) = self.read.borrow().get(tree) {
            if *size > most {
                return Expression::too_large();
            }
            self.left_of_all.set(self.left_of_all.get() - size);
            return known.clone();
        }
        self.left.set(most);
        self.depth.set(0);
        self.within.borrow_mut().clear();
        let read = || {
            let text = CString::new(tree).ok()?;
            // SAFETY: the text is Postgres' own, from its catalog. What is made of it lives as long as the current memory
            // context, and nothing here outlives that.
            let node: *mut pg_sys::Node = unsafe { pg_sys::stringToNode(text.as_ptr()) }.cast();
            Some(self.expression(node, &IN_POLICY))
        };
        let mut memory = PgMemoryContexts::new("pg_aal: a policy's tree");
        // SAFETY: what is read owns its memory: nothing of it is in the context.
        let read = unsafe { memory.switch_to(|_| unless_it_fails(read)) };
        let expression = read.unwrap_or_else(Expression::too_large);
        self.left_of_all.set(self.left_of_all.get().saturating_sub(most - self.left.get()));
        let mut kept = self.read.borrow_mut();
        if tree.len() <= KEPT && kept.len() < MOST_KEPT {
            kept.insert(tree.to_owned(), (expression.clone(), expression.extent().0));
        }
        expression
    }

    fn expression(&self, node: *mut pg_sys::Node, frame: &Frame<'_>) -> Expression {
        if node.is_null() {
            return Expression::unknown();
        }
        self.deeper(|| self.keyed(self.of_node(node, frame), node, frame)).unwrap_or_else(Expression::too_large)
    }

    /// Reads something one level further down; `None` where it is too deep or too large.
    pub fn deeper<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        if self.depth.get() >= DEEPEST || !self.spend(1) {
            return None;
        }
        pgrx::check_for_interrupts!();
        self.depth.set(self.depth.get() + 1);
        let read = read();
        self.depth.set(self.depth.get() - 1);
        Some(read)
    }

    /// A copy of an expression, in another's place; `None` where that gets too deep or too large.
    pub fn copy(&self, expression: &Expression) -> Option<Expression> {
        let (size, height) = expression.extent();
        // Spent also where it is too deep: measuring it is work, too.
        (self.spend(size) && self.depth.get() + height <= DEEPEST).then(|| expression.clone())
    }

    /// The same, or in its stead what is too large.
    pub fn copied(&self, expression: &Expression) -> Expression {
        self.copy(expression).unwrap_or_else(Expression::too_large)
    }

    /// Whether there's room for so many nodes more.
    fn spend(&self, nodes: usize) -> bool {
        let left = self.left.get().checked_sub(nodes);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// A condition that can't be read but comes to the same wherever it stands in the policies for a row: so it can be
    /// told apart whether it holds. Only directly in a policy, where columns are the row's own; and only the outermost of
    /// several, so that no part of the text is looked at twice.
    fn keyed(&self, expression: Expression, node: *mut pg_sys::Node, frame: &Frame<'_>) -> Expression {
        match expression {
            Expression::Unknown { key: None, strict, arguments, reason }
                if frame.queries == 0
                    && frame.arguments.is_none()
                    && !frame.unread
                    && reason != Some(Reason::TooLarge)
                    && is_boolean(node)
                    && !is_volatile(node) =>
            {
                // SAFETY: a node; the answer is a C string in the current memory context. A tree that was read back
                // holds no places of the source text, so equal trees give equal texts.
                let text = unsafe { CStr::from_ptr(pg_sys::nodeToString(node.cast())) };
                let text = text.to_string_lossy();
                // What stands for something else elsewhere, or is looked up anew each time, isn't the same wherever it stands.
                let stands_alone =
                    !["{CASETESTEXPR", "{PARAM", "{SUBLINK", "{AGGREF"].iter().any(|part| text.contains(part));
                let key = stands_alone.then(|| self.key(&text)).flatten();
                Expression::Unknown { key, strict, arguments, reason }
            }
            other => other,
        }
    }

    fn column(&self, it: &pg_sys::Var, frame: &Frame<'_>) -> Expression {
        let is_of_row = frame.arguments.is_none() && it.varlevelsup == frame.queries;
        if !is_of_row {
            return Expression::unknown();
        }
        let key = (it.vartype == pg_sys::BOOLOID).then(|| self.key(&format!("column {}", it.varattno))).flatten();
        Expression::Unknown { key, strict: false, arguments: Vec::new(), reason: None }
    }

    /// The key of what has this text; `None` where there would be too many.
    fn key(&self, text: &str) -> Option<Key> {
        let mut keys = self.keys.borrow_mut();
        if let Some(key) = keys.get(text) {
            return Some(*key);
        }
        self.left_for_keys.set(self.left_for_keys.get().checked_sub(text.len())?);
        let key = Key(u32::try_from(keys.len()).ok()?);
        keys.insert(text.to_owned(), key);
        Some(key)
    }

    fn many(&self, list: *mut pg_sys::List, frame: &Frame<'_>) -> Vec<Expression> {
        pointers::<pg_sys::Node>(list).map(|node| self.expression(node, frame)).collect()
    }

    fn boxed<T>(&self, node: *mut T, frame: &Frame<'_>) -> Box<Expression> {
        Box::new(self.expression(node.cast(), frame))
    }

    fn of_node(&self, node: *mut pg_sys::Node, frame: &Frame<'_>) -> Expression {
        use pg_sys::NodeTag::*;
        // SAFETY: each `cast` compares the node's tag with the type it casts to; the tree lives as long as this call.
        unsafe {
            if let Some(it) = cast::<pg_sys::Const>(node, T_Const) {
                let constant = constant(it);
                if self.spend(constant.weight() - 1) { constant } else { Expression::too_large() }
            } else if let Some(it) = cast::<pg_sys::Var>(node, T_Var) {
                self.outermost.set(self.outermost.get().min(frame.queries.saturating_sub(it.varlevelsup)));
                self.column(it, frame)
            } else if let Some(it) = cast::<pg_sys::Param>(node, T_Param) {
                // What stands for it is copied.
                parameter(it, frame).map_or_else(Expression::unknown, |it| self.copied(it))
            } else if let Some(it) = cast::<pg_sys::FuncExpr>(node, T_FuncExpr) {
                if it.funcretset && !matches!(self.functions.known(it.funcid), Some(Known::Methods)) {
                    self.opaque_call(it.funcid, it.args, frame)
                } else {
                    self.call(it.funcid, it.args, it.inputcollid, frame)
                }
            } else if let Some(it) = cast::<pg_sys::OpExpr>(node, T_OpExpr) {
                self.call(pg_sys::get_opcode(it.opno), it.args, it.inputcollid, frame)
            } else if let Some(it) = cast::<pg_sys::OpExpr>(node, T_DistinctExpr) {
                self.null_safe(it, frame).map_or_else(|| self.parts(it.args, frame), Expression::negate)
            } else if let Some(it) = cast::<pg_sys::OpExpr>(node, T_NullIfExpr) {
                self.null_if(it, frame)
            } else if let Some(it) = cast::<pg_sys::ScalarArrayOpExpr>(node, T_ScalarArrayOpExpr) {
                self.compare_each(it, frame)
            } else if let Some(it) = cast::<pg_sys::BoolExpr>(node, T_BoolExpr) {
                self.logic(it, frame)
            } else if let Some(it) = cast::<pg_sys::NullTest>(node, T_NullTest) {
                self.null_test(it, frame)
            } else if let Some(it) = cast::<pg_sys::BooleanTest>(node, T_BooleanTest) {
                self.boolean_test(it, frame)
            } else if let Some(it) = cast::<pg_sys::CaseExpr>(node, T_CaseExpr) {
                self.case(it, frame)
            } else if is(node, T_CaseTestExpr) {
                frame.tested.map_or_else(Expression::unknown, |it| self.copied(it))
            } else if let Some(it) = cast::<pg_sys::CoalesceExpr>(node, T_CoalesceExpr) {
                Expression::Coalesce(self.many(it.args, frame))
            } else if let Some(it) = cast::<pg_sys::ArrayExpr>(node, T_ArrayExpr) {
                if it.multidims { Expression::unknown() } else { Expression::Array(self.many(it.elements, frame)) }
            } else if let Some(it) = cast::<pg_sys::RelabelType>(node, T_RelabelType) {
                self.relabelled(it, frame)
            } else if let Some(it) = cast::<pg_sys::CollateExpr>(node, T_CollateExpr) {
                self.expression(it.arg.cast(), frame)
            } else if let Some(it) = cast::<pg_sys::CoerceToDomain>(node, T_CoerceToDomain) {
                self.expression(it.arg.cast(), frame)
            } else if let Some(it) = cast::<pg_sys::CoerceViaIO>(node, T_CoerceViaIO) {
                self.converted(it, frame)
            } else if let Some(it) = cast::<pg_sys::ArrayCoerceExpr>(node, T_ArrayCoerceExpr) {
                self.converted_array(it, frame)
            } else if let Some(it) = cast::<pg_sys::SubscriptingRef>(node, T_SubscriptingRef) {
                self.subscript(it, frame)
            } else if let Some(it) = cast::<pg_sys::SQLValueFunction>(node, T_SQLValueFunction) {
                value_function(it, frame)
            } else if let Some(it) = cast::<pg_sys::SubLink>(node, T_SubLink) {
                self.sub_select(it, frame)
            } else if let Some(it) = cast::<pg_sys::NamedArgExpr>(node, T_NamedArgExpr) {
                self.expression(it.arg.cast(), frame)
            } else if let Some(it) = cast::<pg_sys::FieldSelect>(node, T_FieldSelect) {
                Expression::Unknown {
                    key: None,
                    strict: true,
                    arguments: vec![self.expression(it.arg.cast(), frame)],
                    reason: None,
                }
            } else if let Some(it) = cast::<pg_sys::MinMaxExpr>(node, T_MinMaxExpr) {
                self.parts(it.args, frame)
            } else if let Some(it) = cast::<pg_sys::RowExpr>(node, T_RowExpr) {
                self.parts(it.args, frame)
            } else if let Some(it) = cast::<pg_sys::Aggref>(node, T_Aggref) {
                // What is aggregated doesn't say what comes of it.
                let arguments =
                    pointers::<pg_sys::TargetEntry>(it.args).map(|entry| self.expression((*entry).expr.cast(), frame));
                let mentions: Vec<Expression> = arguments.collect();
                mentioning(mentions)
            } else {
                Expression::unknown()
            }
        }
    }

    /// What can't be read, but has parts that can. They may never be evaluated.
    fn parts(&self, list: *mut pg_sys::List, frame: &Frame<'_>) -> Expression {
        mentioning(self.many(list, frame))
    }

    fn logic(&self, it: &pg_sys::BoolExpr, frame: &Frame<'_>) -> Expression {
        let mut all = self.many(it.args, frame);
        match it.boolop {
            pg_sys::BoolExprType::AND_EXPR => Expression::And(all),
            pg_sys::BoolExprType::OR_EXPR => Expression::Or(all),
            _ => all.pop().map_or_else(Expression::unknown, Expression::negate),
        }
    }

    fn null_test(&self, it: &pg_sys::NullTest, frame: &Frame<'_>) -> Expression {
        let tested = self.boxed(it.arg, frame);
        // Of a row value it asks for all of its columns.
        if it.argisrow {
            return mentioning(vec![*tested]);
        }
        Expression::Is { truth: Truth::Null, negated: it.nulltesttype == pg_sys::NullTestType::IS_NOT_NULL, tested }
    }

    fn boolean_test(&self, it: &pg_sys::BooleanTest, frame: &Frame<'_>) -> Expression {
        let (truth, negated) = tested_for(it.booltesttype);
        Expression::Is { truth, negated, tested: self.boxed(it.arg, frame) }
    }

    fn case(&self, it: &pg_sys::CaseExpr, frame: &Frame<'_>) -> Expression {
        let tested = (!it.arg.is_null()).then(|| self.expression(it.arg.cast(), frame));
        let within = Frame { tested: tested.as_ref().or(frame.tested), ..*frame };
        let arms = pointers::<pg_sys::CaseWhen>(it.args).map(|arm| {
            // SAFETY: a CASE holds a list of CaseWhen.
            let arm = unsafe { &*arm };
            (self.expression(arm.expr.cast(), &within), self.expression(arm.result.cast(), frame))
        });
        let arms = arms.collect();
        let otherwise =
            if it.defresult.is_null() { Expression::NULL } else { self.expression(it.defresult.cast(), frame) };
        Expression::Case { arms, otherwise: Box::new(otherwise) }
    }

    /// `not (a is distinct from b)`, if the operator beneath is one that is known.
    fn null_safe(&self, it: &pg_sys::OpExpr, frame: &Frame<'_>) -> Option<Expression> {
        self.equality(it)?;
        let [a, b] = self.two(it.args, frame)?;
        Some(Expression::Compare(Comparison::Same, Box::new(a), Box::new(b)))
    }

    fn null_if(&self, it: &pg_sys::OpExpr, frame: &Frame<'_>) -> Expression {
        match (self.equality(it), self.two(it.args, frame)) {
            (Some(()), Some([a, b])) => Expression::NullIf(Box::new(a), Box::new(b)),
            _ => self.parts(it.args, frame),
        }
    }

    /// Whether an operator is an equality that is known.
    fn equality(&self, it: &pg_sys::OpExpr) -> Option<()> {
        // SAFETY: looks an operator up.
        let function = unsafe { pg_sys::get_opcode(it.opno) };
        let is_equality =
            matches!(self.functions.known(function), Some(Known::Compare(Comparison::Equal, false, false)));
        (is_equality && compares_bytes(it.inputcollid)).then_some(())
    }

    fn two(&self, list: *mut pg_sys::List, frame: &Frame<'_>) -> Option<[Expression; 2]> {
        self.many(list, frame).try_into().ok()
    }

    fn compare_each(&self, it: &pg_sys::ScalarArrayOpExpr, frame: &Frame<'_>) -> Expression {
        // SAFETY: looks an operator up.
        let function = unsafe { pg_sys::get_opcode(it.opno) };
        match (self.functions.known(function), self.two(it.args, frame)) {
            (Some(Known::Compare(comparison, negated, false)), Some([value, array]))
                if compares_bytes(it.inputcollid) =>
            {
                let (value, array) = (Box::new(value), Box::new(array));
                Expression::CompareEach { comparison, negated, any: it.useOr, value, array }
            }
            _ => self.parts(it.args, frame),
        }
    }

    /// A call of a function, or of the function behind an operator.
    fn call(
        &self,
        function: pg_sys::Oid,
        list: *mut pg_sys::List,
        collation: pg_sys::Oid,
        frame: &Frame<'_>,
    ) -> Expression {
        let read = match self.functions.known(function) {
            Some(known) => {
                // Whatever is left out of a call of ours is NULL by default.
                let given = self.by_position(list, frame).into_iter().map(|it| it.unwrap_or(Expression::NULL));
                known_call(known, given.collect(), collation)
            }
            // Its parameters get the call's collation: texts that differ could be equal there.
            None if !compares_bytes(collation) => None,
            None => self
                .within_function(function, |body| self.through(function, body, self.by_position(list, frame), frame)),
        };
        read.unwrap_or_else(|| self.opaque_call(function, list, frame))
    }

    /// The arguments of a call, each at its place; `None` where one is left out before another that is named.
    fn by_position(&self, list: *mut pg_sys::List, frame: &Frame<'_>) -> Vec<Option<Expression>> {
        let mut given = Vec::new();
        for (n, node) in pointers::<pg_sys::Node>(list).enumerate() {
            // SAFETY: an argument of a call; the cast looks at its tag.
            let named = unsafe { cast::<pg_sys::NamedArgExpr>(node, pg_sys::NodeTag::T_NamedArgExpr) };
            let place = named.map_or(n, |named| usize::try_from(named.argnumber).unwrap_or(n));
            if given.len() <= place {
                given.resize(place + 1, None);
            }
            given[place] = Some(self.expression(node, frame));
        }
        given
    }

    /// A call that says nothing but what its arguments are.
    fn opaque_call(&self, function: pg_sys::Oid, list: *mut pg_sys::List, frame: &Frame<'_>) -> Expression {
        // SAFETY: looks a function up, which the expression depends on: so it's there.
        let strict = unsafe { pg_sys::func_strict(function) };
        let reason = self.functions.name_if_users(function).map(Reason::Function);
        Expression::Unknown { key: None, strict, arguments: self.many(list, &frame.in_unread()), reason }
    }

    /// Reads the body of a user's function, if it can be seen through. One that calls itself can't.
    fn within_function<T>(&self, function: pg_sys::Oid, read: impl FnOnce(&SqlBody) -> Option<T>) -> Option<T> {
        if self.within.borrow().contains(&function) {
            return None;
        }
        let body = self.functions.sql_body(function)?;
        self.within.borrow_mut().push(function);
        let result = read(&body);
        self.within.borrow_mut().pop();
        result
    }

    /// What a call of an SQL function comes to.
    fn through(
        &self,
        function: pg_sys::Oid,
        body: &SqlBody,
        mut given: Vec<Option<Expression>>,
        frame: &Frame<'_>,
    ) -> Option<Expression> {
        let count = body.parameters.len();
        let mut defaults = Vec::new();
        if given.len() < count || given.contains(&None) {
            defaults = self.many(body.defaults, &Frame { arguments: Some(&[]), ..*frame });
        }
        given.resize(count, None);
        let first_default = count - defaults.len().min(count);
        let filled = given
            .into_iter()
            .enumerate()
            .map(|(n, it)| it.or_else(|| n.checked_sub(first_default).and_then(|n| defaults.get(n)).cloned()));
        let arguments: Vec<Expression> = filled.collect::<Option<_>>()?;
        let callers_rights = frame.callers_rights && !body.security_definer;
        // Its columns are its own.
        let outermost = self.outermost.get();
        let (target, mut rows) = match body.query {
            BodyQuery::Analyzed(query) => {
                let within = Frame { arguments: Some(&arguments), callers_rights, queries: 1, ..IN_POLICY };
                let (mut selected, rows) = self.query(query, &within)?;
                if selected.is_empty() {
                    return None;
                }
                (selected.remove(0), rows)
            }
            BodyQuery::Written(statement) => TextBody::new(self, body, &arguments, callers_rights).read(statement)?,
        };
        self.outermost.set(outermost);
        // The planner inlines only where it would lose nothing by it.
        let inlined =
            !body.security_definer && !body.has_settings && !rows.from && rows.filter.is_none() && !rows.may_be_cut;
        rows.origin = if inlined { Origin::Inlined } else { Origin::Call };
        let result = Expression::Select { target: Box::new(target), rows };
        if !body.is_certain {
            // It only mentions what it would be, if it meant what it seems to.
            let reason = self.functions.name_if_users(function).map(Reason::Function);
            let unknown = Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason };
            return Some(Expression::Select { target: Box::new(unknown), rows: mentioned(vec![result]) });
        }
        if !body.strict || arguments.is_empty() {
            return Some(result);
        }
        let is_null = |tested: &Expression| {
            Some(Expression::Is { truth: Truth::Null, negated: false, tested: Box::new(self.copy(tested)?) })
        };
        let any_null = Expression::Or(arguments.iter().map(is_null).collect::<Option<_>>()?);
        Some(Expression::Case { arms: vec![(any_null, Expression::NULL)], otherwise: Box::new(result) })
    }

    /// A call in a body that is stored as text, of a function by its full name.
    pub fn call_by_name(
        &self,
        schema: &str,
        name: &str,
        arguments: &[(Option<String>, (Expression, Kind))],
        callers_rights: bool,
    ) -> Option<(Expression, Kind)> {
        let function = self.functions.named(schema, name)?;
        if let Some(known) = self.functions.ours(function) {
            let (parameters, kind) = known.signature()?;
            let mut given = vec![None; parameters.len()];
            for (n, (name, argument)) in arguments.iter().enumerate() {
                let place = name.as_ref().map_or(Some(n), |name| parameters.iter().position(|(it, _)| it == name))?;
                let (_, wanted) = parameters.get(place)?;
                let argument = (self.copied(&argument.0), argument.1);
                given[place] = Some(coerced(argument, *wanted).unwrap_or_else(Expression::unknown));
            }
            while given.last() == Some(&None) {
                given.pop();
            }
            let given = given.into_iter().map(|it| it.unwrap_or(Expression::NULL)).collect();
            return known_call(known, given, pg_sys::InvalidOid).map(|expression| (expression, kind));
        }
        self.within_function(function, |body| {
            // Exactly of their types: else Postgres looks for a cast.
            let given = arguments.iter().zip(&body.parameters).map(|((name, argument), parameter)| {
                let argument = (self.copied(&argument.0), argument.1);
                let fits = name.is_none().then(|| coerced(argument, Kind::of(parameter.kind))).flatten();
                Some(fits.unwrap_or_else(Expression::unknown))
            });
            let given = given.collect();
            if arguments.len() > body.parameters.len() || arguments.iter().any(|(name, _)| name.is_some()) {
                return None;
            }
            let frame = Frame { callers_rights, ..IN_POLICY };
            self.through(function, body, given, &frame).map(|expression| (expression, Kind::of(body.result)))
        })
    }

    /// The same bytes as another type. What that type's operators say of them is the same only for texts.
    fn relabelled(&self, it: &pg_sys::RelabelType, frame: &Frame<'_>) -> Expression {
        let argument = self.expression(it.arg.cast(), frame);
        // SAFETY: an expression, and types, looked up.
        let (from, to) = unsafe { (pg_sys::exprType(it.arg.cast()), it.resulttype) };
        let element = |oid| {
            // SAFETY: looks a type up.
            Family::of(unsafe { pg_sys::get_element_type(oid) })
        };
        let texts = Family::of(from) == Family::Text && Family::of(to) == Family::Text;
        if texts || (element(from) == Family::Text && element(to) == Family::Text) {
            return argument;
        }
        Expression::Unknown { key: None, strict: true, arguments: vec![argument], reason: None }
    }

    fn converted(&self, it: &pg_sys::CoerceViaIO, frame: &Frame<'_>) -> Expression {
        // SAFETY: an expression.
        let source = unsafe { pg_sys::exprType(it.arg.cast()) };
        let (from, to) = (Family::of(source), Family::of(it.resulttype));
        let argument = self.boxed(it.arg, frame);
        match (from, to) {
            (Family::Text | Family::Json, Family::Json) => Expression::ToJson(argument),
            // The text of a json is as somebody wrote it; that of a jsonb is always the same.
            (Family::Json, Family::Text) if source == pg_sys::JSONBOID => Expression::JsonToText(argument),
            (Family::Text | Family::Enum, Family::Text | Family::Enum) => *argument,
            _ => Expression::Unknown { key: None, strict: true, arguments: vec![*argument], reason: None },
        }
    }

    fn converted_array(&self, it: &pg_sys::ArrayCoerceExpr, frame: &Frame<'_>) -> Expression {
        // SAFETY: an expression, and a type, looked up.
        let (from, to) = unsafe {
            (pg_sys::get_element_type(pg_sys::exprType(it.arg.cast())), pg_sys::get_element_type(it.resulttype))
        };
        let argument = self.expression(it.arg.cast(), frame);
        // Not varchar(3): that cuts. An element's cast to it is a call, not a relabelling.
        // SAFETY: an expression node.
        let relabels = unsafe {
            is(it.elemexpr.cast(), pg_sys::NodeTag::T_RelabelType)
                || is(it.elemexpr.cast(), pg_sys::NodeTag::T_CoerceViaIO)
        };
        match (Family::of(from), Family::of(to)) {
            (Family::Text | Family::Enum, Family::Text | Family::Enum) if relabels => argument,
            _ => Expression::Unknown { key: None, strict: true, arguments: vec![argument], reason: None },
        }
    }

    /// `document['key']`, of jsonb.
    fn subscript(&self, it: &pg_sys::SubscriptingRef, frame: &Frame<'_>) -> Expression {
        let document = self.boxed(it.refexpr, frame);
        let keys = self.many(it.refupperindexpr, frame);
        let is_read = it.refassgnexpr.is_null() && it.reflowerindexpr.is_null();
        if is_read && it.refcontainertype == pg_sys::JSONBOID {
            return Expression::Path { document, path: Box::new(Expression::Array(keys)), as_text: false };
        }
        mentioning([vec![*document], keys].concat())
    }

    fn sub_select(&self, it: &pg_sys::SubLink, frame: &Frame<'_>) -> Expression {
        use pg_sys::SubLinkType::*;
        let Some((selected, rows)) = self.query(it.subselect.cast(), &frame.in_query()) else {
            return Expression::unknown();
        };
        let test = |selected: &[Expression]| self.boxed(it.testexpr, &Frame { selected, ..*frame });
        let target =
            |selected: Vec<Expression>| Box::new(selected.into_iter().next().unwrap_or_else(Expression::unknown));
        match it.subLinkType {
            EXISTS_SUBLINK => Expression::Exists(rows),
            EXPR_SUBLINK => Expression::Select { target: target(selected), rows },
            ARRAY_SUBLINK => Expression::ArrayOf { target: target(selected), rows },
            ANY_SUBLINK => Expression::AnyRow { test: test(&selected), rows },
            // True for all is not false for any.
            ALL_SUBLINK => Expression::AnyRow { test: Box::new(test(&selected).negate()), rows }.negate(),
            _ => Expression::unknown(),
        }
    }

    /// What a query selects, column by column.
    fn selected(&self, query: *mut pg_sys::Query, frame: &Frame<'_>) -> Option<Vec<Expression>> {
        // SAFETY: a query node, or NULL.
        let query = unsafe { cast::<pg_sys::Query>(query.cast(), pg_sys::NodeTag::T_Query) }?;
        let entries = pointers::<pg_sys::TargetEntry>(query.targetList).filter_map(|entry| {
            // SAFETY: a target list holds target entries.
            let entry = unsafe { &*entry };
            (!entry.resjunk).then(|| self.expression(entry.expr.cast(), frame))
        });
        Some(if is_plain(query) { entries.collect() } else { entries.map(|it| mentioning(vec![it])).collect() })
    }

    /// What a query selects, column by column, and from where.
    fn query(&self, query: *mut pg_sys::Query, frame: &Frame<'_>) -> Option<(Vec<Expression>, Rows)> {
        let before = self.outermost.replace(u32::MAX);
        let mut read = self.query_here(query, frame);
        let outermost = self.outermost.get();
        if let Some((_, rows)) = &mut read {
            rows.correlated = outermost < frame.queries;
        }
        self.outermost.set(before.min(outermost));
        read
    }

    fn query_here(&self, query: *mut pg_sys::Query, frame: &Frame<'_>) -> Option<(Vec<Expression>, Rows)> {
        let target = self.selected(query, frame)?;
        // SAFETY: a query node; `selected` has looked.
        let query = unsafe { cast::<pg_sys::Query>(query.cast(), pg_sys::NodeTag::T_Query) }?;
        if query.commandType != pg_sys::CmdType::CMD_SELECT {
            return None;
        }
        let mut rows = Rows {
            filter: None,
            from: true,
            always_one: false,
            may_be_cut: true,
            reads: Vec::new(),
            mentions: Vec::new(),
            origin: Origin::SubSelect,
            correlated: false,
        };
        for entry in pointers::<pg_sys::RangeTblEntry>(query.rtable) {
            // SAFETY: a range table holds range table entries.
            let entry = unsafe { &*entry };
            match entry.rtekind {
                pg_sys::RTEKind::RTE_RELATION if frame.callers_rights => {
                    rows.reads.extend(proof::TableId::new(entry.relid.to_u32()))
                }
                pg_sys::RTEKind::RTE_SUBQUERY => {
                    let beneath = self.deeper(|| self.query(entry.subquery, &frame.in_query())).flatten();
                    if let Some((selected, beneath)) = beneath {
                        let target = Box::new(mentioning(selected));
                        rows.mentions.push(Expression::Select { target, rows: beneath });
                    }
                }
                pg_sys::RTEKind::RTE_FUNCTION => {
                    for function in pointers::<pg_sys::RangeTblFunction>(entry.functions) {
                        // SAFETY: a function's entry holds RangeTblFunction.
                        rows.mentions.push(self.expression(unsafe { (*function).funcexpr }, frame));
                    }
                }
                _ => {}
            }
        }
        // SAFETY: NULL or the query's own FROM and WHERE.
        let Some(from) = (unsafe { query.jointree.as_ref() }) else { return Some((target, rows)) };
        let filter = (!from.quals.is_null()).then(|| self.expression(from.quals, frame));
        if !is_plain(query) {
            rows.mentions.extend(filter);
            return Some((target, rows));
        }
        rows.from = !from.fromlist.is_null();
        rows.may_be_cut = !query.limitCount.is_null() || !query.limitOffset.is_null() || query.hasTargetSRFs;
        let grouped = !query.groupClause.is_null() || !query.groupingSets.is_null() || !query.havingQual.is_null();
        if query.hasAggs && !grouped {
            // One row, whatever the filter finds; unless that row is cut.
            rows.always_one = !rows.may_be_cut;
            if !rows.always_one {
                rows.mentions.extend(filter);
                return Some((target, rows));
            }
        } else if !query.havingQual.is_null() || !query.groupingSets.is_null() {
            // Empty grouping sets have a row even where nothing is grouped.
            rows.may_be_cut = true;
            rows.mentions.extend(filter);
            return Some((target, rows));
        }
        rows.filter = filter.map(Box::new);
        Some((target, rows))
    }
}

/// What `is true` and its siblings test for, and whether that is negated.
pub fn tested_for(test: pg_sys::BoolTestType::Type) -> (Truth, bool) {
    use pg_sys::BoolTestType::*;
    match test {
        IS_TRUE => (Truth::True, false),
        IS_NOT_TRUE => (Truth::True, true),
        IS_FALSE => (Truth::False, false),
        IS_NOT_FALSE => (Truth::False, true),
        IS_UNKNOWN => (Truth::Null, false),
        _ => (Truth::Null, true),
    }
}

/// Whether what a query selects is made of its own FROM and WHERE alone.
fn is_plain(query: &pg_sys::Query) -> bool {
    query.setOperations.is_null() && query.cteList.is_null() && query.commandType == pg_sys::CmdType::CMD_SELECT
}

fn known_call(known: Known, arguments: Vec<Expression>, collation: pg_sys::Oid) -> Option<Expression> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().map(Box::new);
    let or_null = |argument: Option<Box<Expression>>| argument.unwrap_or(Box::new(Expression::NULL));
    Some(match known {
        Known::Compare(comparison, negated, swapped) => {
            if !compares_bytes(collation) || !orders_levels(comparison, collation) {
                return None;
            }
            let (a, b) = (next()?, next()?);
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let compared = Expression::Compare(comparison, a, b);
            if negated { compared.negate() } else { compared }
        }
        Known::Like(negated) => {
            let (a, b) = (next()?, next()?);
            let plain =
                matches!(&*b, Expression::Constant(Value::Text(pattern)) if !pattern.contains(['%', '_', '\\']));
            if !plain || !compares_bytes(collation) {
                return None;
            }
            let compared = Expression::Compare(Comparison::Equal, a, b);
            if negated { compared.negate() } else { compared }
        }
        Known::Same => *next()?,
        Known::Member { as_text } => Expression::Member { document: next()?, key: next()?, as_text },
        Known::Path { as_text } => Expression::Path { document: next()?, path: next()?, as_text },
        Known::HasKey => Expression::HasKey(next()?, next()?),
        Known::Setting => {
            let name = next()?;
            let missing_ok = match next().as_deref() {
                None => false,
                Some(Expression::Constant(Value::Bool(missing_ok))) => *missing_ok,
                Some(_) => return None,
            };
            Expression::Setting { name, missing_ok }
        }
        Known::Claims => Expression::Claims,
        Known::Level => Expression::Level,
        Known::EnrolledLevel => Expression::EnrolledLevel,
        Known::Status => Expression::Status,
        Known::Methods => Expression::Methods,
        Known::HasLevel { raises } => Expression::HasLevel { level: next()?, max_age: or_null(next()), raises },
        Known::HasEnrolledLevel { raises } => Expression::HasEnrolledLevel { max_age: or_null(next()), raises },
        Known::AuthenticatedAt => {
            Expression::AuthenticatedAt(next().unwrap_or(Box::new(Expression::Constant(Value::text("aal1")))))
        }
    })
}

/// What can't be read, but has these in it.
fn mentioning(mentions: Vec<Expression>) -> Expression {
    Expression::Select { target: Box::new(Expression::unknown()), rows: mentioned(mentions) }
}

/// Rows of which only this is known. Whether it is evaluated at all isn't: so if it raises, that says nothing.
fn mentioned(mentions: Vec<Expression>) -> Rows {
    Rows {
        filter: None,
        from: true,
        always_one: false,
        may_be_cut: true,
        reads: Vec::new(),
        mentions,
        correlated: false,
        origin: Origin::Inlined,
    }
}

fn parameter<'a>(it: &pg_sys::Param, frame: &Frame<'a>) -> Option<&'a Expression> {
    let place = usize::try_from(it.paramid).ok()?.checked_sub(1)?;
    match it.paramkind {
        pg_sys::ParamKind::PARAM_EXTERN => frame.arguments?.get(place),
        pg_sys::ParamKind::PARAM_SUBLINK => frame.selected.get(place),
        _ => None,
    }
}

fn value_function(it: &pg_sys::SQLValueFunction, frame: &Frame<'_>) -> Expression {
    use pg_sys::SQLValueFunctionOp::*;
    match it.op {
        SVFOP_CURRENT_ROLE | SVFOP_CURRENT_USER | SVFOP_USER if frame.callers_rights => Expression::CurrentRole,
        _ => Expression::unknown(),
    }
}

fn is_boolean(node: *mut pg_sys::Node) -> bool {
    // SAFETY: an expression.
    unsafe { pg_sys::exprType(node) == pg_sys::BOOLOID }
}

fn is_volatile(node: *mut pg_sys::Node) -> bool {
    // SAFETY: an expression.
    unsafe { pg_sys::contain_volatile_functions(node) }
}

/// Whether texts are equal in this collation only if their bytes are.
fn compares_bytes(collation: pg_sys::Oid) -> bool {
    // SAFETY: looks a collation up; an expression that holds it depends on it, so it's there.
    collation == pg_sys::InvalidOid || unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// Whether levels order in this collation as they do: another may have rules of its own.
fn orders_levels(comparison: Comparison, collation: pg_sys::Oid) -> bool {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let plain = [pg_sys::InvalidOid, pg_sys::DEFAULT_COLLATION_OID, pg_sys::C_COLLATION_OID];
    !matches!(comparison, Less | LessOrEqual | Greater | GreaterOrEqual) || plain.contains(&collation)
}

/// The families of types that are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Json,
    Enum,
    Other,
}

impl Family {
    fn of(type_oid: pg_sys::Oid) -> Family {
        if type_oid == pg_sys::InvalidOid {
            return Family::Other;
        }
        // SAFETY: looks a type up.
        let base = unsafe { pg_sys::getBaseType(type_oid) };
        match base {
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::UNKNOWNOID => Family::Text,
            pg_sys::JSONOID | pg_sys::JSONBOID => Family::Json,
            // SAFETY: looks a type up.
            _ if unsafe { pg_sys::get_typtype(base) } as u8 == pg_sys::TYPTYPE_ENUM => Family::Enum,
            _ => Family::Other,
        }
    }
}

fn constant(it: &pg_sys::Const) -> Expression {
    if it.constisnull {
        return Expression::NULL;
    }
    // SAFETY: the datum of a constant of this type, not null.
    let value = unsafe { value_of(it.consttype, it.constvalue) };
    value.map_or_else(Expression::unknown, Expression::Constant)
}

/// # Safety
/// `datum` must be a value of this type, and not null.
unsafe fn value_of(type_oid: pg_sys::Oid, datum: pg_sys::Datum) -> Option<Value> {
    // SAFETY: the caller's promise, for each type as it is.
    unsafe {
        match type_oid {
            pg_sys::BOOLOID => bool::from_datum(datum, false).map(Value::Bool),
            // Nobody compares a level with so much.
            pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::JSONOID
            | pg_sys::JSONBOID
            | pg_sys::TEXTARRAYOID
            | VARCHAR_ARRAY
                if pg_sys::toast_raw_datum_size(datum) > LARGEST_CONSTANT =>
            {
                None
            }
            pg_sys::TEXTOID | pg_sys::VARCHAROID => String::from_datum(datum, false).map(Value::Text),
            pg_sys::UNKNOWNOID => {
                let text = CStr::from_ptr(datum.cast_mut_ptr::<c_char>());
                text.to_str().ok().map(Value::text)
            }
            pg_sys::NAMEOID => {
                let text = CStr::from_ptr(datum.cast_mut_ptr::<c_char>());
                text.to_str().ok().map(Value::text)
            }
            pg_sys::JSONOID => {
                String::from_datum(datum, false).and_then(|text| serde_json::from_str(&text).ok()).map(Value::Json)
            }
            pg_sys::JSONBOID => output(pg_sys::F_JSONB_OUT.into(), datum)
                .and_then(|text| serde_json::from_str(&text).ok())
                .map(Value::Json),
            pg_sys::INTERVALOID => {
                let interval = Interval::from_datum(datum, false)?;
                MaxAge::from_interval(interval.months(), interval.days(), interval.micros()).ok().map(Value::Interval)
            }
            pg_sys::TEXTARRAYOID | VARCHAR_ARRAY => {
                if !is_simple_array(datum) {
                    return None;
                }
                let array = pgrx::datum::Array::<&str>::from_datum(datum, false)?;
                let item = |item: Option<&str>| item.map_or(Value::Null, Value::text);
                Some(Value::Array(array.iter().map(item).collect()))
            }
            _ if Family::of(type_oid) == Family::Enum => output(pg_sys::F_ENUM_OUT.into(), datum).map(Value::Text),
            _ => None,
        }
    }
}

/// Whether an array has one dimension that begins at 1, or none.
///
/// # Safety
/// `datum` must be an array, and not null.
unsafe fn is_simple_array(datum: pg_sys::Datum) -> bool {
    // SAFETY: the caller's promise; the header is followed by the lengths and then the lower bounds of its dimensions.
    unsafe {
        let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        match (*array).ndim {
            0 => true,
            1 => *array.add(1).cast::<i32>().add(1) == 1,
            _ => false,
        }
    }
}

/// `_varchar`, which has no name among Postgres' own constants.
const VARCHAR_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1015);

/// # Safety
/// `function` must be the output function of the datum's type.
unsafe fn output(function: pg_sys::Oid, datum: pg_sys::Datum) -> Option<String> {
    // SAFETY: the caller's promise; the answer is a C string.
    let text = unsafe { CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, datum)) };
    text.to_str().ok().map(str::to_owned)
}
