//! Calls of functions, and of the functions behind operators.

use std::cell::Cell;

use pgrx::prelude::*;
use proof::{Builtin, Expression, Origin, Reason, Rows, SearchPath, Truth};

use super::budget::Nesting;
use super::expressions::{Frame, Reading};
use super::functions::{BodyQuery, SqlBody};
use super::known::{Known, known_call};
use super::queries::mentioned;
use super::text_bodies::TextBody;
use super::text_types::{Kind, Typed, coerced};
use super::types::{Family, compares_bytes, orders_labels};
use crate::pg::list::List;
use crate::pg::lookup;
use crate::pg::node::{Form, Node};

impl<'tree> Reading<'_, 'tree> {
    /// A call of a function, or of the function behind an operator.
    pub fn call(
        &mut self,
        function: pg_sys::Oid,
        list: List<'_>,
        collation: pg_sys::Oid,
        frame: &Frame<'_>,
    ) -> Expression {
        let known = match self.functions.known(function) {
            // The same document.
            Some(Known::Builtin(Builtin::ToJsonb, _)) if is_jsonb(list.single()) => Some(Known::Same),
            known => known,
        };
        let read = match known {
            Some(known) if !self.takes_arguments(known, list) => None,
            Some(known) => {
                // An argument left out of a call of ours is NULL by default.
                let given = self.by_position(list, frame).into_iter().map(|it| it.unwrap_or(Expression::NULL));
                let given: Vec<Expression> = given.collect();
                if known.keys_columns() && given.iter().any(Expression::depends_on_row) {
                    let strict = lookup::is_strict(function).unwrap_or(false);
                    return Expression::Unknown { key: None, strict, arguments: given, reason: None };
                }
                let call = known_call(known, given, collation);
                if self.functions.is_called_per_row(function) { call.map(per_row) } else { call }
            }
            // Its parameters get the call's collation: texts that differ could be equal there.
            None if !compares_bytes(collation) => None,
            None => self.body_of_call(function, list, frame),
        };
        read.unwrap_or_else(|| self.opaque_call(function, list, frame))
    }

    /// Whether a function that is known is read with arguments of these types. Those that take any type do something else with some.
    fn takes_arguments(&self, known: Known, list: List<'_>) -> bool {
        let types = || list.nodes().map(|node| node.and_then(Node::expression_type).unwrap_or(pg_sys::InvalidOid));
        match known {
            Known::CompareEnums(_) => types().next().is_some_and(orders_labels),
            Known::Builtin(Builtin::Concat, _) => {
                types().all(|it| matches!(Family::of_type(it), Family::Text | Family::Enum))
            }
            // Given an array as VARIADIC, it counts the elements.
            Known::Builtin(Builtin::CountNulls { .. }, _) => types().all(|it| lookup::element_type(it).is_none()),
            Known::Builtin(Builtin::ToJsonb | Builtin::BuildObject, _) => {
                let is_known = |it| it == pg_sys::BOOLOID || Family::of_type(it) != Family::Other;
                // A json's text can say the same of a document in other ways.
                types().all(|it| is_known(it) && it != pg_sys::JSONOID)
            }
            _ => true,
        }
    }

    /// The arguments of a call, each at its place; `None` where one is left out before another that is named.
    fn by_position(&mut self, list: List<'_>, frame: &Frame<'_>) -> Vec<Option<Expression>> {
        let mut given = Vec::new();
        for (n, node) in list.nodes().enumerate() {
            let place = match node.map(Node::form) {
                Some(Form::NamedArgExpr(named)) => usize::try_from(named.argnumber).unwrap_or(n),
                _ => n,
            };
            if given.len() <= place {
                given.resize(place + 1, None);
            }
            given[place] = Some(self.expression(node, frame));
        }
        given
    }

    /// A call of which only the arguments can be read.
    pub fn opaque_call(&mut self, function: pg_sys::Oid, list: List<'_>, frame: &Frame<'_>) -> Expression {
        let strict = lookup::is_strict(function).unwrap_or(false);
        let reason = self.functions.name_if_users(function).map(Reason::Function);
        Expression::Unknown { key: None, strict, arguments: self.many(list, &frame.in_unread()), reason }
    }

    /// What a call comes to, if its function can be seen through. One that calls itself can't.
    fn body_of_call(&mut self, function: pg_sys::Oid, list: List<'_>, frame: &Frame<'_>) -> Option<Expression> {
        let call = frame.nesting.call(function)?;
        let functions = self.functions;
        let body = functions.sql_body(function)?;
        let call = call.of(body.path.as_ref(), body.runs_as);
        let frame = Frame { nesting: frame.nesting.within(&call), ..*frame };
        let given = self.by_position(list, &frame);
        self.through(function, body, given, &frame)
    }

    /// What a call of an SQL function comes to. `frame` is already within the call.
    fn through(
        &mut self,
        function: pg_sys::Oid,
        body: &SqlBody<'tree>,
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
        let (target, rows) = self.answer(function, body, &arguments, frame)?;
        let mut result = Expression::Select { target: Box::new(target), rows };
        let is_of_other = self.may_be_kept(function, body, arguments.len(), &result, frame);
        // The caller's query has the tables that they read, whether the body looks at them or not.
        if arguments.iter().any(Expression::selects_from) {
            let beside = arguments.iter().filter(|it| it.selects_from());
            let beside = beside.map(|it| self.budget.copy(it, frame.nesting)).collect::<Option<_>>()?;
            let rows = Rows { from: false, may_be_cut: false, ..mentioned(beside) };
            result = Expression::Select { target: Box::new(result), rows };
        }
        if is_of_other || !self.is_certain(body, frame.nesting) {
            // It only mentions what it would be, if it meant what it seems to.
            let reason = self.functions.name_if_users(function).map(Reason::Function);
            let unknown = Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason };
            return Some(Expression::Select { target: Box::new(unknown), rows: mentioned(vec![result]) });
        }
        if !body.strict || arguments.is_empty() {
            return Some(result);
        }
        let mut are_null = Vec::new();
        for argument in &arguments {
            let tested = Box::new(self.budget.copy(argument, frame.nesting)?);
            are_null.push(Expression::Is { truth: Truth::Null, negated: false, tested });
        }
        let arms = vec![(Expression::Or(are_null), Expression::NULL)];
        Some(Expression::Case { arms, otherwise: Box::new(result) })
    }

    /// Whether a function's answer may be that of another session: the planner calls a function that is declared IMMUTABLE, and a plan
    /// that is kept has its answer. What it is told by its caller counts for each call. `answer` is what it comes to in this one.
    fn may_be_kept(
        &mut self,
        function: pg_sys::Oid,
        body: &SqlBody<'tree>,
        count: usize,
        answer: &Expression,
        frame: &Frame<'_>,
    ) -> bool {
        if lookup::volatility(function) != Some(pg_sys::PROVOLATILE_IMMUTABLE)
            || !answer.any(&Expression::reads_session)
        {
            return false;
        }
        let arguments = vec![Expression::unknown(); count];
        let by_itself = self.answer(function, body, &arguments, frame);
        let by_itself = by_itself.map(|(target, rows)| Expression::Select { target: Box::new(target), rows });
        by_itself.is_none_or(|it| it.any(&Expression::reads_session))
    }

    /// Whether a body can mean nothing else. What a written query means, the search_path decides: the function's own, or that of the
    /// calls around it.
    pub(super) fn is_certain(&self, body: &SqlBody<'tree>, within: Nesting<'_>) -> bool {
        match body.query {
            BodyQuery::Analyzed(_) => true,
            BodyQuery::Written(_) | BodyQuery::Procedure => {
                self.functions.trusts_settings()
                    && !body.is_set
                    && within.path().is_none_or(SearchPath::begins_with_pg_catalog)
            }
        }
    }

    /// What a body answers with these arguments, and from where.
    fn answer(
        &mut self,
        function: pg_sys::Oid,
        body: &SqlBody<'tree>,
        arguments: &[Expression],
        frame: &Frame<'_>,
    ) -> Option<(Expression, Rows)> {
        let callers_rights = frame.callers_rights && !body.security_definer();
        let (target, mut rows) = match body.query {
            BodyQuery::Analyzed(query) => {
                // Its columns are its own: they don't matter to the query around the call.
                let columns = Cell::new(u32::MAX);
                let arguments = Some(arguments);
                let within =
                    Frame { arguments, callers_rights, queries: 1, ..Frame::in_policy(frame.nesting, &columns) };
                let (mut selected, rows) = self.query(query, &within)?;
                if selected.is_empty() {
                    return None;
                }
                (selected.remove(0), rows)
            }
            BodyQuery::Written(statement) => {
                let variables = None;
                TextBody { reading: self, body, arguments, callers_rights, variables }.read(statement, frame.nesting)?
            }
            BodyQuery::Procedure => {
                let procedure = body.procedure.as_ref()?;
                self.answer_of_procedure(function, body, procedure, arguments, callers_rights, frame.nesting)
            }
        };
        // The planner inlines only where it would lose nothing by it.
        let is_call = body.security_definer() || body.path.is_some() || body.procedure.is_some();
        let inlined = !is_call && !rows.from && rows.filter.is_none() && !rows.may_be_cut;
        rows.origin = if inlined { Origin::Inlined } else { Origin::Call };
        Some((target, rows))
    }

    /// A call in a body that is stored as text.
    pub fn call_by_name(
        &mut self,
        (schema, name): (Option<&str>, &str),
        arguments: &[(Option<String>, Typed)],
        callers_rights: bool,
        nesting: Nesting<'_>,
    ) -> Option<Typed> {
        let functions = self.functions;
        let kinds: Vec<Kind> = arguments.iter().map(|(_, (_, kind))| *kind).collect();
        let function = functions.names().function(schema, name, &kinds, nesting.path())?;
        if let Some(known) = functions.ours(function) {
            let (parameters, kind) = known.signature()?;
            let mut given = vec![None; parameters.len()];
            for (n, (name, argument)) in arguments.iter().enumerate() {
                let place = name.as_ref().map_or(Some(n), |name| parameters.iter().position(|(it, _)| it == name))?;
                let (_, wanted) = parameters.get(place)?;
                given[place] = Some(self.argument(argument, *wanted, nesting).unwrap_or_else(Expression::unknown));
            }
            while given.last() == Some(&None) {
                given.pop();
            }
            let given = given.into_iter().map(|it| it.unwrap_or(Expression::NULL)).collect();
            let call = known_call(known, given, pg_sys::InvalidOid)?;
            return Some((if functions.is_called_per_row(function) { per_row(call) } else { call }, kind));
        }
        let call = nesting.call(function)?;
        let body = functions.sql_body(function)?;
        let call = call.of(body.path.as_ref(), body.runs_as);
        let nesting = nesting.within(&call);
        if arguments.len() > body.parameters.len() || arguments.iter().any(|(name, _)| name.is_some()) {
            return None;
        }
        // Exactly of their types: else Postgres looks for a cast.
        let given = arguments.iter().zip(&body.parameters).map(|((_, argument), parameter)| {
            let fits = self.argument(argument, Kind::of_type(parameter.kind), nesting);
            Some(fits.unwrap_or_else(Expression::unknown))
        });
        let given = given.collect();
        let columns = Cell::new(u32::MAX);
        let frame = Frame { callers_rights, ..Frame::in_policy(nesting, &columns) };
        self.through(function, body, given, &frame).map(|expression| (expression, Kind::of_type(body.result)))
    }

    /// An argument where one of this type is wanted.
    fn argument(&mut self, (argument, kind): &Typed, wanted: Kind, nesting: Nesting<'_>) -> Option<Expression> {
        coerced((self.budget.copy_or_cut(argument, nesting), *kind), wanted)
    }
}

/// A call that stays one, though what it comes to is known.
fn per_row(call: Expression) -> Expression {
    let rows = Rows { from: false, may_be_cut: false, origin: Origin::Call, ..mentioned(Vec::new()) };
    Expression::Select { target: Box::new(call), rows }
}

/// Whether this is a value of type jsonb.
fn is_jsonb(node: Option<Node<'_>>) -> bool {
    node.and_then(Node::expression_type) == Some(pg_sys::JSONBOID)
}
