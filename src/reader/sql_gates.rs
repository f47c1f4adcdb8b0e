//! The gates of functions that are written in SQL.
//!
//! A body does one statement after the other. One that only answers, such as `select auth.require_aal('aal2')`, lets a session
//! pass where it raises nothing. One that reads or writes is the first that does something: as far as its own condition can be
//! true for some row. Everything else is no gate.

use std::cell::Cell;
use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use proof::{Expression, Function, FunctionGate, FunctionIndex, GateNote, Harmless, Origin, Rows, Value, sub_selects};

use super::budget::Nesting;
use super::expressions::{Frame, Reading};
use super::functions::{BodyQuery, GateSource, SqlBody};
use super::policies::Reader;
use super::procedures::OTHERS_CHOOSE;
use super::text_bodies::TextBody;
use crate::pg::list::List;
use crate::pg::node::{Form, Node, NodeRef};

/// What a statement does.
enum Does {
    /// Nothing but answer.
    Checks {
        /// True where it raises no error.
        completes: Expression,
        /// True where its answer may show something of a table's rows.
        shows: Expression,
    },
    /// Something, but to no row where this isn't true.
    Filters(Expression),
    /// Something.
    Acts,
}

/// A statement of a body, where it stands.
struct Statement {
    does: Does,
    line: Option<usize>,
    /// Why it counts as doing something, if that is worth a word.
    reason: Option<String>,
}

/// What a body calls.
#[derive(Clone, Copy)]
struct Calls {
    /// Functions of somebody's; or it reads rows itself.
    others: bool,
    /// A function that may read rows.
    reader: bool,
}

impl Reader<'_, '_> {
    /// The gate of a function that is written in SQL.
    pub fn gate_of_sql(
        &mut self,
        function: &Function,
        index: FunctionIndex,
        source: GateSource,
        harmless: &Harmless<'_>,
    ) -> FunctionGate {
        self.with_share(|reading| {
            let statements = if source.is_analyzed {
                let body = function.body.as_str();
                let calls = Calls { others: harmless.may_read(body), reader: harmless.calls_reader(body) };
                reading.analyzed_statements(&source, calls, || harmless.only_calls_harmless(index))
            } else {
                reading.written_statements(function, &source, harmless)
            };
            statements.map_or_else(|why| FunctionGate::unread(None, why), of_statements)
        })
    }
}

/// The gate that statements make, one after the other.
fn of_statements(statements: Vec<Statement>) -> FunctionGate {
    let truth = |truth| Expression::Constant(Value::Bool(truth));
    let first_act = statements.iter().position(|it| matches!(it.does, Does::Acts));
    let filters = |it: &Statement| matches!(it.does, Does::Filters(_));
    let statements_run = statements.iter().take(first_act.unwrap_or(usize::MAX)).any(filters);
    let noted = first_act.map(|place| &statements[place]).and_then(|it| Some((it.line, it.reason.clone()?)));
    let notes = noted.into_iter().map(|(line, what)| GateNote { line, what }).collect();
    let mut passage = truth(false);
    let mut is_last = true;
    for statement in statements.into_iter().rev() {
        passage = match statement.does {
            // Of the last statement alone, the answer is the function's.
            Does::Checks { completes, shows } if is_last => Expression::And(vec![completes, shows]),
            Does::Checks { completes, .. } => Expression::And(vec![completes, passage]),
            Does::Filters(condition) => Expression::Or(vec![condition, passage]),
            Does::Acts => truth(true),
        };
        is_last = false;
    }
    FunctionGate { passage, statements_run, notes, ..FunctionGate::open() }
}

impl<'tree> Reading<'_, 'tree> {
    fn written_statements(
        &mut self,
        function: &Function,
        source: &GateSource,
        harmless: &Harmless<'_>,
    ) -> Result<Vec<Statement>, &'static str> {
        let text = function.body.as_str();
        // A setting decides what a backslash means (standard_conforming_strings).
        let text = CString::new(text).ok().filter(|text| !text.to_bytes().contains(&b'\\'));
        let Some(text) = text else { return Err("a backslash may mean something else than it seems to") };
        let parsed = self.functions.parse(&text).ok_or("it is no SQL")?;
        let arguments = vec![Expression::unknown(); source.parameters.len()];
        let mut statements = Vec::new();
        for node in parsed.nodes() {
            let Some(raw) = node.and_then(Node::cast::<pg_sys::RawStmt>) else { return Err("it is no SQL") };
            let Some(statement) = raw.stmt() else { continue };
            let (text, line) = place_of(&text, raw);
            let body = SqlBody::for_gate(BodyQuery::Written(statement), source);
            let call = Nesting::OUTERMOST.call(function.id.oid().into()).ok_or("it calls itself")?;
            let call = call.of(body.path.as_ref(), body.runs_as);
            let nesting = Nesting::OUTERMOST.within(&call);
            if !self.is_certain(&body, nesting) {
                return Err(OTHERS_CHOOSE);
            }
            let mut reader =
                TextBody { reading: self, body: &body, arguments: &arguments, callers_rights: false, variables: None };
            let (does, reason) = written_does(&mut reader, statement, text, harmless, nesting);
            statements.push(Statement { does, line: Some(line), reason });
        }
        Ok(statements)
    }

    /// `is_harmless`: whether all that the body calls does nothing but answer.
    fn analyzed_statements(
        &mut self,
        source: &GateSource,
        calls: Calls,
        is_harmless: impl Fn() -> bool,
    ) -> Result<Vec<Statement>, &'static str> {
        const TOO_LARGE: &str = "its body is too large";
        let body = source.tree.as_ref().and_then(|tree| self.functions.read_tree(tree)).ok_or(TOO_LARGE)?;
        let queries: Vec<Node<'_>> = match body.list() {
            None => vec![body],
            Some(lists) => lists.lists().next().unwrap_or(List::NIL).nodes().flatten().collect(),
        };
        let arguments = vec![Expression::unknown(); source.parameters.len()];
        let columns = Cell::new(u32::MAX);
        let frame = Frame {
            arguments: Some(&arguments),
            callers_rights: false,
            queries: 1,
            ..Frame::in_policy(Nesting::OUTERMOST, &columns)
        };
        let statements = queries.into_iter().map(|query| {
            let it = query.cast::<pg_sys::Query>();
            let does = match it {
                Some(it) if !query.may_be_volatile() || is_harmless() => self.analyzed_does(it, calls, &frame),
                _ => Does::Acts,
            };
            let reason = it.filter(|it| !it.cteList().is_empty()).map(|_| WITH.to_owned());
            Statement { does, line: None, reason }
        });
        Ok(statements.collect())
    }

    fn analyzed_does(&mut self, query: NodeRef<'_, pg_sys::Query>, calls: Calls, frame: &Frame<'_>) -> Does {
        use pg_sys::CmdType::{CMD_DELETE, CMD_SELECT, CMD_UPDATE};
        if !query.cteList().is_empty() || query.setOperations().is_some() {
            return Does::Acts;
        }
        let Some(from) = query.jointree().and_then(Node::cast::<pg_sys::FromExpr>) else { return Does::Acts };
        if query.commandType == CMD_SELECT && from.fromlist().is_empty() {
            let Some((selected, rows)) = self.query(query, frame) else { return Does::Acts };
            let may_read = query.hasSubLinks || calls.others;
            return checking(selected, &rows, may_read, !sub_select_has_others(query, calls));
        }
        // Postgres evaluates a limit first.
        let is_limited = query.limitCount().is_some() || query.limitOffset().is_some();
        let shows_others = query.hasSubLinks || calls.reader;
        match from.quals().filter(|_| !((may_have_row(query) || is_limited) && shows_others)) {
            Some(quals) if matches!(query.commandType, CMD_SELECT | CMD_UPDATE | CMD_DELETE) => {
                Does::Filters(self.expression(Some(quals), frame))
            }
            _ => Does::Acts,
        }
    }
}

/// Why a statement counts as doing something that begins with WITH.
const WITH: &str = "a WITH query";

/// What a statement with this text does, and why it counts as doing something.
fn written_does(
    body: &mut TextBody<'_, '_, '_>,
    statement: Node<'_>,
    text: &str,
    harmless: &Harmless<'_>,
    nesting: Nesting<'_>,
) -> (Does, Option<String>) {
    let with = match statement.form() {
        Form::SelectStmt(it) => it.withClause(),
        Form::InsertStmt(it) => it.withClause(),
        Form::UpdateStmt(it) => it.withClause(),
        Form::DeleteStmt(it) => it.withClause(),
        _ => None,
    };
    if with.is_some() {
        return (Does::Acts, Some(WITH.to_owned()));
    }
    let (condition, is_of_rows) = match statement.form() {
        Form::SelectStmt(it) if is_plain(it) && it.fromClause().is_empty() => {
            if let Some(reason) = harmless.doing_in(text, true) {
                return (Does::Acts, Some(reason));
            }
            let Some((columns, rows)) = body.columns(statement, nesting) else { return (Does::Acts, None) };
            let columns = columns.into_iter().map(|(column, _)| column).collect();
            // Beside an aggregate, another sub-select shows something where the condition is true for no row.
            let is_one = !harmless.may_have_row(text) || (sub_selects(text) == 1 && !harmless.calls_reader(text));
            return (checking(columns, &rows, harmless.may_read(text), is_one), None);
        }
        Form::SelectStmt(it) if is_plain(it) => {
            let has_row = harmless.may_have_row(text) || is_limited(it);
            (it.whereClause().filter(|_| !has_row || !harmless.shows_others(text)), true)
        }
        Form::UpdateStmt(it) => (it.whereClause(), true),
        Form::DeleteStmt(it) => (it.whereClause(), true),
        Form::InsertStmt(it) => match it.selectStmt().and_then(Node::cast) {
            // An aggregate has a row where the condition is true for none, and that row is inserted.
            Some(select)
                if is_plain(select)
                    && !harmless.may_have_row(text)
                    && !(is_limited(select) && harmless.shows_others(text)) =>
            {
                (select.whereClause(), !select.fromClause().is_empty())
            }
            _ => (None, true),
        },
        _ => (None, true),
    };
    let Some(condition) = condition else { return (Does::Acts, None) };
    // A function that the statement calls may run though the condition is false.
    match harmless.call_in(text) {
        None => (Does::Filters(body.condition_of(condition, nesting, is_of_rows)), None),
        reason => (Does::Acts, reason),
    }
}

/// Whether a query may have a row where its condition is true for none: then what else it reads is shown.
fn may_have_row(query: NodeRef<'_, pg_sys::Query>) -> bool {
    query.hasAggs || !query.groupingSets().is_empty() || query.havingQual().is_some()
}

/// Whether the sub-select that a statement selects reads others beside an aggregate.
fn sub_select_has_others(query: NodeRef<'_, pg_sys::Query>, calls: Calls) -> bool {
    let mut selected = query.targetList().items::<pg_sys::TargetEntry>().filter_map(|entry| entry.expr());
    let inner = selected.next().and_then(Node::cast::<pg_sys::SubLink>).and_then(|it| it.subselect());
    inner
        .and_then(Node::cast::<pg_sys::Query>)
        .is_none_or(|inner| may_have_row(inner) && (inner.hasSubLinks || calls.reader))
}

/// Whether a SELECT has a limit. Postgres evaluates it first.
fn is_limited(it: NodeRef<'_, pg_sys::SelectStmt>) -> bool {
    it.limitCount().is_some() || it.limitOffset().is_some()
}

/// Whether a SELECT is made of its own FROM and WHERE alone.
fn is_plain(it: NodeRef<'_, pg_sys::SelectStmt>) -> bool {
    it.op == pg_sys::SetOperation::SETOP_NONE
        && it.valuesLists().is_empty()
        && it.withClause().is_none()
        && it.intoClause().is_none()
}

/// What a statement does that selects these columns, once, and otherwise only answers.
/// `is_one`: its only sub-select shows nothing where that one's condition is true for no row.
fn checking(columns: Vec<Expression>, rows: &Rows, may_read: bool, is_one: bool) -> Does {
    let shows = match columns.as_slice() {
        _ if !may_read => Expression::Constant(Value::Bool(false)),
        [
            Expression::Select {
                rows: Rows { filter: Some(filter), from: true, origin: Origin::SubSelect, .. }, ..
            },
        ] if is_one => (**filter).clone(),
        _ => Expression::Constant(Value::Bool(true)),
    };
    let completes =
        |target: Expression| Expression::Select { target: Box::new(target), rows: rows.clone() }.completes();
    Does::Checks { completes: Expression::And(columns.into_iter().map(completes).collect()), shows }
}

/// The text of a statement within that of the body, and the line where it begins.
fn place_of<'a>(body: &'a CStr, raw: NodeRef<'_, pg_sys::RawStmt>) -> (&'a str, usize) {
    let bytes = body.to_bytes();
    let start = usize::try_from(raw.stmt_location).unwrap_or(0).min(bytes.len());
    let length = usize::try_from(raw.stmt_len).unwrap_or(0);
    let end = if length == 0 { bytes.len() } else { (start + length).min(bytes.len()) };
    // Spaces before it aren't its own.
    let blank = bytes[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let line = 1 + bytes[..start + blank].iter().filter(|byte| **byte == b'\n').count();
    (str::from_utf8(&bytes[start..end]).unwrap_or_default(), line)
}
