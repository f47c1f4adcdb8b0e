//! Bodies of functions in PL/pgSQL. `proof::plpgsql` follows their statements. Their expressions are SQL: they are parsed and read
//! as the body of an SQL function is, with variables in the place of parameters.

use pgrx::prelude::*;
use proof::plpgsql::{Body, Deed, Found, Mention, Note, Parameter, Reader as Texts, Scope, answer, passage};
use proof::sql::{Token, tokens};
use proof::{Builtin, Expression, Rows, Value};

use super::budget::Nesting;
use super::deeds::IsOpen;
use super::expressions::{Reading, cast};
use super::functions::SqlBody;
use super::queries::mentioned;
use super::text_bodies::{TextBody, Variables};
use super::text_types::{Kind, Typed, coerced};
use crate::pg::lookup;
use crate::pg::node::Node;

/// Why a body stored as text isn't taken at its word.
pub(super) const OTHERS_CHOOSE: &str = "what its text means can be chosen by its caller, or by its settings";

/// Whether a table says only who a session's user is: a gate may read it.
fn is_of_session(schema: Option<&str>, name: &str) -> bool {
    schema == Some("auth") && matches!(name, "users" | "mfa_factors" | "sessions" | "mfa_amr_claims" | "identities")
}

impl<'tree> Reading<'_, 'tree> {
    /// What a function in PL/pgSQL answers with these arguments.
    pub fn answer_of_procedure(
        &mut self,
        function: pg_sys::Oid,
        body: &SqlBody<'tree>,
        procedure: &Body,
        arguments: &[Expression],
        callers_rights: bool,
        nesting: Nesting<'_>,
    ) -> (Expression, Rows) {
        let parameters = body.parameters.iter().zip(arguments);
        let parameters = parameters.map(|(parameter, value)| Parameter {
            name: parameter.name.clone(),
            kind: Kind::of_type(parameter.kind),
            value: self.budget.copy_or_cut(value, nesting),
        });
        let parameters = parameters.collect();
        let mut texts = Procedure { reading: self, function, body, callers_rights, nesting, is_open: &is_of_session };
        let (answer, _) = answer(procedure, parameters, Kind::of_type(body.result), &mut texts);
        let answer = if self.budget.fits(&answer, nesting) { answer } else { Expression::too_large() };
        (answer, Rows { from: false, may_be_cut: false, ..mentioned(Vec::new()) })
    }

    /// True where a function in PL/pgSQL passes its gates; or why it can't be read. Its parameters are its caller's to choose.
    pub fn passage_of_procedure(
        &mut self,
        function: pg_sys::Oid,
        body: &SqlBody<'tree>,
        procedure: &Body,
        is_open: IsOpen<'_>,
    ) -> Result<(Expression, Vec<Note>), &'static str> {
        let parameters = body.parameters.iter().map(|parameter| Parameter {
            name: parameter.name.clone(),
            kind: Kind::of_type(parameter.kind),
            value: Expression::unknown(),
        });
        let parameters = parameters.collect();
        let is_open = |schema: Option<&str>, name: &str| is_of_session(schema, name) || is_open(schema, name);
        let callers_rights = !body.security_definer();
        let call = Nesting::OUTERMOST.call(function).ok_or("it calls itself")?;
        let call = call.of(body.path.as_ref(), body.runs_as);
        let nesting = Nesting::OUTERMOST.within(&call);
        if !self.is_certain(body, nesting) {
            return Err(OTHERS_CHOOSE);
        }
        let mut texts = Procedure { reading: self, function, body, callers_rights, nesting, is_open: &is_open };
        let (passage, notes) = passage(procedure, parameters, &mut texts);
        let passage = if self.budget.fits(&passage, nesting) { passage } else { Expression::too_large() };
        Ok((passage, notes))
    }
}

/// A function in PL/pgSQL whose texts are read.
struct Procedure<'a, 'r, 'tree> {
    reading: &'a mut Reading<'r, 'tree>,
    function: pg_sys::Oid,
    body: &'a SqlBody<'tree>,
    callers_rights: bool,
    nesting: Nesting<'a>,
    is_open: IsOpen<'a>,
}

impl<'tree> Procedure<'_, '_, 'tree> {
    /// What a query selects, column by column, and from where.
    fn columns(&mut self, sql: &str, scope: &Scope<'_, Kind>) -> Option<(Vec<Typed>, Rows)> {
        let statement = self.reading.functions.parsed(sql)?;
        // It is parsed anew for each call of the function.
        if !self.reading.budget.spend(1 + sql.len() / 64) {
            return None;
        }
        let arguments = &[];
        let (body, callers_rights) = (self.body, self.callers_rights);
        let variables = Some(scope as &dyn Variables);
        let mut text = TextBody { reading: self.reading, body, arguments, callers_rights, variables };
        let (columns, rows) = text.columns(statement, self.nesting)?;
        // A row is certain, also where what it is made of isn't known.
        let is_one = is_bare(statement) && !self.reading.functions.acting.may_be_set(sql);
        let rows = if is_one { Rows { from: false, may_be_cut: false, ..mentioned(rows.mentions) } } else { rows };
        Some((columns, rows))
    }
}

impl Texts for Procedure<'_, '_, '_> {
    type Kind = Kind;

    fn kind(&mut self, name: &str) -> (Kind, bool) {
        let tokens: Vec<Token<'_>> = tokens(name).collect();
        let tokens = match tokens.as_slice() {
            [Token::Name { name, .. }, Token::Symbol('.'), rest @ ..] if name == "pg_catalog" => rest,
            all => all,
        };
        match tokens {
            [Token::Name { name, .. }, modifier @ ..] if name == "varchar" => varchar(modifier),
            [Token::Name { name, .. }, Token::Name { name: varying, .. }, modifier @ ..]
                if name == "character" && varying == "varying" =>
            {
                varchar(modifier)
            }
            [Token::Name { name, .. }] => type_named(name),
            [Token::Name { name, .. }, Token::Symbol('['), Token::Symbol(']')] if name == "text" => {
                (Kind::TextArray, true)
            }
            _ => (Kind::Other, false),
        }
    }

    fn boolean(&self) -> Kind {
        Kind::Boolean
    }

    fn expression(&mut self, text: &str, scope: &Scope<'_, Kind>) -> Typed {
        match self.columns(&format!("select {text}"), scope) {
            Some((columns, rows)) => match columns.into_iter().next() {
                Some((target, kind)) => (selected(target, rows), kind),
                None => (Expression::unknown(), Kind::Other),
            },
            None => (Expression::unknown(), Kind::Other),
        }
    }

    fn query(&mut self, text: &str, scope: &Scope<'_, Kind>) -> Option<(Vec<Typed>, Expression)> {
        let (columns, rows) = self.columns(text, scope)?;
        let mut all = Vec::new();
        for (target, kind) in columns {
            if !self.reading.budget.spend(rows_extent(&rows)) {
                return None;
            }
            all.push((selected(target, rows.clone()), kind));
        }
        let found = if is_one_row(&rows) { Expression::Constant(Value::Bool(true)) } else { Expression::Exists(rows) };
        Some((all, found))
    }

    fn assigned(&mut self, value: Typed, to: Kind) -> Expression {
        match (value, to) {
            // Also from a variable of the same type: it fits, so nothing is cut.
            (value, Kind::Varchar(modifier)) => {
                let text = self.assigned(value, Kind::Text);
                let Some(modifier) = modifier else { return text };
                let how = [Value::Integer(i64::from(modifier)), Value::Bool(false)].map(Expression::Constant);
                Expression::Call(Builtin::Cut, [text].into_iter().chain(how).collect())
            }
            ((value, from), to) if from == to && to != Kind::Other => value,
            ((value @ Expression::Constant(Value::Null), _), _) => value,
            ((Expression::Constant(Value::Text(text)), Kind::Literal), Kind::Boolean) => match text.as_str() {
                "true" | "t" => Expression::Constant(Value::Bool(true)),
                "false" | "f" => Expression::Constant(Value::Bool(false)),
                _ => Expression::unknown(),
            },
            ((value, Kind::Literal), to) => coerced((value, Kind::Literal), to).unwrap_or_else(Expression::unknown),
            ((value, Kind::Text | Kind::Json | Kind::Jsonb), Kind::Json | Kind::Jsonb) => {
                Expression::ToJson(Box::new(value))
            }
            // One that is too large raises.
            ((value, Kind::Int4 | Kind::Int8), Kind::Int4 | Kind::Int8) => value,
            ((value, Kind::Jsonb), Kind::Text) => Expression::JsonToText(Box::new(value)),
            ((value, _), to) => cast(value, to == Kind::Boolean),
        }
    }

    fn deed(&mut self, mention: Mention<'_>) -> Deed {
        self.reading.functions.deed(mention, self.is_open)
    }

    fn copy(&mut self, expression: &Expression) -> Expression {
        self.reading.budget.copy_or_cut(expression, self.nesting)
    }

    fn spend(&mut self, steps: usize) -> bool {
        self.reading.budget.spend(steps)
    }

    fn name(&self) -> String {
        lookup::function_name(self.function).unwrap_or_default()
    }

    fn is_void(&self) -> bool {
        self.body.result == pg_sys::VOIDOID
    }

    fn full_name(&self) -> String {
        self.reading.functions.name_if_users(self.function).unwrap_or_default()
    }
}

impl Variables for Scope<'_, Kind> {
    fn named(&self, parts: &[String]) -> Found<'_, Kind> {
        self.find(parts)
    }

    fn numbered(&self, number: usize) -> Found<'_, Kind> {
        self.parameter(number)
    }
}

/// The type of this name, and whether a variable of it is NULL at first, and one value.
fn type_named(name: &str) -> (Kind, bool) {
    const PLAIN: [&str; 8] = ["smallint", "int2", "numeric", "real", "timestamptz", "timestamp", "date", "bytea"];
    match name {
        "text" => (Kind::Text, true),
        "json" => (Kind::Json, true),
        "jsonb" => (Kind::Jsonb, true),
        "bool" | "boolean" => (Kind::Boolean, true),
        "interval" => (Kind::Interval, true),
        "uuid" => (Kind::Uuid, true),
        "int" | "integer" | "int4" => (Kind::Int4, true),
        "bigint" | "int8" => (Kind::Int8, true),
        name => (Kind::Other, PLAIN.contains(&name)),
    }
}

/// The type varchar, with the tokens behind its name.
fn varchar(modifier: &[Token<'_>]) -> (Kind, bool) {
    match modifier {
        [] => (Kind::Varchar(None), true),
        [Token::Symbol('('), Token::Number(length), Token::Symbol(')')] => match length.parse::<i32>() {
            // It counts a header of four bytes.
            Ok(length @ 1..=10_485_760) => (Kind::Varchar(Some(length + 4)), true),
            _ => (Kind::Other, false),
        },
        _ => (Kind::Other, false),
    }
}

/// Whether a query is nothing but what it selects.
fn is_bare(statement: Node<'_>) -> bool {
    statement.cast::<pg_sys::SelectStmt>().is_some_and(|it| {
        it.op == pg_sys::SetOperation::SETOP_NONE
            && it.fromClause().is_empty()
            && it.whereClause().is_none()
            && it.groupClause().is_empty()
            && it.havingClause().is_none()
            && it.limitCount().is_none()
            && it.limitOffset().is_none()
            && it.distinctClause().is_empty()
            && it.sortClause().is_empty()
            && it.windowClause().is_empty()
            && it.valuesLists().is_empty()
            && it.withClause().is_none()
    })
}

/// Whether rows are one for certain.
fn is_one_row(rows: &Rows) -> bool {
    !rows.from && rows.filter.is_none() && !rows.may_be_cut
}

fn selected(target: Expression, rows: Rows) -> Expression {
    if is_one_row(&rows) && rows.mentions.is_empty() {
        target
    } else {
        Expression::Select { target: Box::new(target), rows }
    }
}

fn rows_extent(rows: &Rows) -> usize {
    rows.filter
        .iter()
        .map(|filter| filter.extent().0)
        .chain(rows.mentions.iter().map(|it| it.extent().0))
        .sum::<usize>()
        + 1
}
