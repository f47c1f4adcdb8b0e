//! Follows all paths through a body at once.

use std::collections::HashSet;
use std::rc::Rc;

use super::Mention;
use super::flow::{End, Flow, boolean, case};
use super::mentions::{Deed, mentions};
use super::scope::{Declared, Frame, Parameter, Scope, State, Value};
use super::statement::{Block, Body, Declaration, Does, Part, Statement, Target};
use crate::sql::{Token, tokens};
use crate::{Expression, Reason, Truth};

/// The columns that a query selects, each with its type.
pub type Columns<K> = Vec<(Expression, K)>;

/// Reads the texts in a body: expressions, queries and types.
pub trait Reader {
    /// A type, as far as types are told apart.
    type Kind: Copy;

    /// The type of this name, and whether it is one of those that are told apart.
    fn kind(&mut self, name: &str) -> (Self::Kind, bool);

    /// The type of conditions.
    fn boolean(&self) -> Self::Kind;

    /// What an expression comes to, and its type.
    fn expression(&mut self, text: &str, scope: &Scope<'_, Self::Kind>) -> (Expression, Self::Kind);

    /// What a query selects, column by column, and whether it has a row; `None` where that can't be told.
    fn query(&mut self, text: &str, scope: &Scope<'_, Self::Kind>) -> Option<(Columns<Self::Kind>, Expression)>;

    /// A value where one of this type is assigned.
    fn assigned(&mut self, value: (Expression, Self::Kind), to: Self::Kind) -> Expression;

    /// What something that the body mentions does.
    fn deed(&mut self, mention: Mention<'_>) -> Deed;

    /// A copy of an expression, or where that is too much, one that could come to anything.
    fn copy(&mut self, expression: &Expression) -> Expression;

    /// Whether so many more steps may be taken.
    fn spend(&mut self, steps: usize) -> bool;

    /// The function's name, as its body qualifies its parameters with.
    fn name(&self) -> String;

    /// Whether the function answers with nothing, so that it may end without RETURN.
    fn is_void(&self) -> bool {
        false
    }

    /// The function's full name, for a reader of notes.
    fn full_name(&self) -> String;
}

/// A part of a body that can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line of the body.
    pub line: u32,
    /// Its name: a loop, an expression.
    pub what: &'static str,
}

/// The question about a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What the function answers.
    Answer,
    /// Whether it gets to a statement that does something.
    Passage,
}

/// What a function answers that is called with these parameters. `result`: the type that it answers with.
pub fn answer<R: Reader>(
    body: &Body,
    parameters: Vec<Parameter<R::Kind>>,
    result: R::Kind,
    reader: &mut R,
) -> (Expression, Vec<Note>) {
    Run::new(body, Purpose::Answer, Some(result), reader).all(parameters)
}

/// True where a function gets to the first statement that does something: it writes, reads a table, calls a function that does, or
/// answers with rows. False, or raising, where it ends before.
pub fn passage<R: Reader>(body: &Body, parameters: Vec<Parameter<R::Kind>>, reader: &mut R) -> (Expression, Vec<Note>) {
    Run::new(body, Purpose::Passage, None, reader).all(parameters)
}

/// One run.
pub struct Run<'a, R: Reader> {
    body: &'a Body,
    purpose: Purpose,
    result: Option<R::Kind>,
    reader: &'a mut R,
    frames: Vec<Frame>,
    kinds: Vec<Declared<R::Kind>>,
    parameters: Vec<usize>,
    /// The variable FOUND.
    found: usize,
    notes: Vec<Note>,
}

const FOUND: &str = "found";

impl<'a, R: Reader> Run<'a, R> {
    fn new(body: &'a Body, purpose: Purpose, result: Option<R::Kind>, reader: &'a mut R) -> Self {
        let (frames, kinds, parameters, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Run { body, purpose, result, reader, frames, kinds, parameters, found: 0, notes }
    }

    fn all(mut self, parameters: Vec<Parameter<R::Kind>>) -> (Expression, Vec<Note>) {
        let mut state = State { values: Vec::new(), is_changed: false };
        let label = self.reader.name();
        self.frames.push(Frame { label: Some(label), names: Vec::new() });
        for Parameter { name, kind, value } in parameters {
            let variable = self.declare(name, kind, false, value, &mut state);
            self.parameters.push(variable);
        }
        // It hides a parameter of its name.
        let kind = self.reader.boolean();
        self.found = self.declare(FOUND.to_owned(), kind, true, boolean(false), &mut state);
        let body = self.body;
        let flow = self.block(&body.block, state);
        // For a function that must answer, the end is an error.
        let end = match flow.end {
            End::Done(answer) => answer,
            End::Next(_) if self.purpose == Purpose::Passage => boolean(false),
            // Nothing isn't NULL.
            End::Next(_) if self.reader.is_void() => Expression::Constant(crate::Value::Other),
            End::Next(_) => Expression::Raises,
        };
        (case(flow.arms, end), self.notes)
    }

    pub(super) fn copy(&mut self, expression: &Expression) -> Expression {
        self.reader.copy(expression)
    }

    fn note(&mut self, line: u32, what: &'static str) {
        let note = Note { line, what };
        if self.notes.len() < 20 && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// An expression that can't be read, which stands in this line.
    fn unread(&mut self, line: u32, what: &'static str, arguments: Vec<Expression>) -> Expression {
        self.note(line, what);
        let reason = Some(Reason::Line { function: self.reader.full_name(), line, what });
        Expression::Unknown { key: None, strict: false, arguments, reason }
    }

    fn declare(&mut self, name: String, kind: R::Kind, is_known: bool, value: Expression, state: &mut State) -> usize {
        let variable = state.values.len();
        self.kinds.truncate(variable);
        self.kinds.push(Declared { kind, is_known, not_null: false });
        state.values.push(Value::new(value));
        if let Some(frame) = self.frames.last_mut() {
            frame.names.push((name, variable));
        }
        variable
    }

    /// Ends everything here: there is too much of it.
    fn too_large(&mut self) -> Flow {
        Flow::done(Expression::too_large())
    }

    fn statements(&mut self, statements: &[Statement], mut state: State) -> Flow {
        let mut arms = Vec::new();
        for statement in statements {
            if !self.reader.spend(1) {
                return Flow { arms, end: self.too_large().end };
            }
            let flow = self.statement(statement, state);
            arms.extend(flow.arms);
            match flow.end {
                End::Next(next) => state = next,
                end @ End::Done(_) => return Flow { arms, end },
            }
        }
        Flow { arms, end: End::Next(state) }
    }

    fn block(&mut self, block: &Block, state: State) -> Flow {
        let (frames, variables) = (self.frames.len(), state.values.len());
        self.frames.push(Frame { label: block.label.clone(), names: Vec::new() });
        let declared = self.declarations(&block.declarations, state);
        let mut arms = declared.arms;
        let mut flow = match declared.end {
            End::Done(_) => Flow { arms: Vec::new(), end: declared.end },
            End::Next(state) => self.block_behind_declarations(block, state),
        };
        arms.append(&mut flow.arms);
        self.frames.truncate(frames);
        if let End::Next(state) = &mut flow.end {
            state.values.truncate(variables);
        }
        Flow { arms, end: flow.end }
    }

    fn block_behind_declarations(&mut self, block: &Block, state: State) -> Flow {
        let changes = !block.handlers.is_empty() || block.may_be_left;
        let unsure = if changes { Some(self.unsure(&block.part, &state)) } else { None };
        let mut flow = self.statements(&block.statements, state);
        if let Some(unsure) = &unsure
            && !block.handlers.is_empty()
        {
            // An error anywhere in the block leads to one of its handlers.
            let mut handled = Vec::new();
            for handler in &block.handlers {
                let condition = self.unread(block.part.line, "an exception handler", Vec::new());
                let flow = self.statements(handler, unsure.clone());
                handled.push((condition, flow));
            }
            flow = self.join(handled, flow);
        }
        match unsure {
            Some(unsure) if block.may_be_left => self.left_at_any_time(flow, unsure),
            _ => flow,
        }
    }

    /// The state where any part of this may have been done: nothing is known of the variables that it names.
    fn unsure(&mut self, part: &Part, state: &State) -> State {
        let mut state = state.clone();
        let text = self.body.text(part);
        self.reader.spend(text.len() / 256 + state.values.len() / 8);
        self.forget_named(text, &mut state);
        self.forget(FOUND, &mut state);
        state.is_changed |= self.deed(text).changes_session();
        state
    }

    /// Forgets all variables that a text names.
    fn forget_named(&mut self, text: &str, state: &mut State) {
        let mut named = HashSet::new();
        for token in tokens(text) {
            match token {
                Token::Name { name, .. } => {
                    named.insert(name);
                }
                Token::Parameter(number) => {
                    let place = number[1..].parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                    let variable = place.and_then(|place| self.parameters.get(place)).copied();
                    variable.into_iter().for_each(|variable| state.values[variable] = Value::unknown());
                }
                _ => {}
            }
        }
        self.forget_all(|name| named.contains(name), state);
    }

    /// Forgets all variables of this name.
    fn forget(&self, name: &str, state: &mut State) {
        self.forget_all(|its| its == name, state);
    }

    fn forget_all(&self, is_such: impl Fn(&str) -> bool, state: &mut State) {
        let names = self.frames.iter().flat_map(|frame| &frame.names);
        names.filter(|(name, _)| is_such(name)).for_each(|(_, variable)| state.values[*variable] = Value::unknown());
    }

    fn declarations(&mut self, declarations: &[Declaration], mut state: State) -> Flow {
        let mut arms = Vec::new();
        for declaration in declarations {
            if !self.reader.spend(1) {
                return Flow { arms, end: self.too_large().end };
            }
            match declaration {
                Declaration::Opaque { name } => {
                    let kind = self.reader.kind("").0;
                    self.declare(name.clone(), kind, false, Expression::unknown(), &mut state);
                }
                Declaration::Alias { name, of } => self.alias(name, of, &mut state),
                Declaration::Variable { name, kind, not_null, value } => {
                    let (kind, is_known) = self.reader.kind(self.body.text(kind));
                    let value = match value {
                        None if is_known => Expression::NULL,
                        None => Expression::unknown(),
                        Some(part) => {
                            if self.acts(part, &mut state) {
                                return Flow { arms, end: End::Done(boolean(true)) };
                            }
                            let value = self.read(part, kind, &state);
                            arms.extend(self.forced(&value));
                            value
                        }
                    };
                    let variable = self.declare(name.clone(), kind, is_known, value, &mut state);
                    self.kinds[variable].not_null = *not_null;
                    arms.extend(self.forced_by_type(variable, &state));
                }
            }
        }
        Flow { arms, end: End::Next(state) }
    }

    fn alias(&mut self, name: &str, of: &Target, state: &mut State) {
        match self.variable(of) {
            Some(variable) => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.names.push((name.to_owned(), variable));
                }
            }
            None => {
                let kind = self.reader.kind("").0;
                self.declare(name.to_owned(), kind, false, Expression::unknown(), state);
            }
        }
    }

    /// The variable that a target is, if it is a whole one.
    fn variable(&self, target: &Target) -> Option<usize> {
        let parts = match target {
            Target::Numbered(number) => return self.parameters.get(number.checked_sub(1)?).copied(),
            Target::Named(parts) => parts,
            Target::Element(_) => return None,
        };
        for frame in self.frames.iter().rev() {
            match parts.as_slice() {
                [name] => {
                    if let Some(variable) = frame.find(name) {
                        return Some(variable);
                    }
                }
                [label, name] => {
                    // It may be a field of that.
                    if frame.find(label).is_some() {
                        return None;
                    }
                    if frame.label.as_ref() == Some(label)
                        && let Some(variable) = frame.find(name)
                    {
                        return Some(variable);
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// Sets a variable; of which one isn't certain, all that it could be are unknown.
    fn set(&mut self, target: &Target, value: Option<(Expression, R::Kind)>, state: &mut State) {
        match (self.variable(target), value) {
            (Some(variable), Some(value)) => {
                let value = self.reader.assigned(value, self.kinds[variable].kind);
                state.values[variable] = Value::new(value);
            }
            (Some(variable), None) => state.values[variable] = Value::unknown(),
            (None, _) => {
                if let Target::Named(parts) | Target::Element(parts) = target {
                    parts.iter().for_each(|part| self.forget(part, state));
                }
            }
        }
    }

    /// What a text does to others. In all that comes behind it, the session may be another.
    fn deed(&mut self, text: &str) -> Deed {
        let mut deed = Deed::Nothing;
        let reader = &mut *self.reader;
        mentions(text, |mention| {
            deed = deed.and(match mention {
                Mention::Does(does) => does,
                other => reader.deed(other),
            });
        });
        if writes_factors(text) { deed.and(Deed::ChangesSession) } else { deed }
    }

    /// Whether a part of the source does something that ends a passage.
    fn acts(&mut self, part: &Part, state: &mut State) -> bool {
        let deed = self.deed(self.body.text(part));
        state.is_changed |= deed.changes_session();
        self.purpose == Purpose::Passage && deed.acts()
    }

    /// What a text comes to.
    fn read_text(&mut self, text: &str, line: u32, state: &State) -> (Expression, R::Kind) {
        let scope = Scope { frames: &self.frames, kinds: &self.kinds, state, parameters: &self.parameters };
        let (read, kind) = self.reader.expression(text, &scope);
        if state.is_changed {
            return (self.unread(line, "a session that was changed", vec![read]), kind);
        }
        if is_unread(&read) {
            return (self.unread(line, "an expression", vec![read]), kind);
        }
        // It names what isn't read.
        if read.any(&|it| matches!(it, Expression::Unknown { reason: Some(Reason::Function(_)), .. })) {
            self.note(line, "an expression");
        }
        (read, kind)
    }

    /// What an expression comes to where one of this type is wanted.
    fn read(&mut self, part: &Part, kind: R::Kind, state: &State) -> Expression {
        let read = self.read_text(self.body.text(part), part.line, state);
        self.reader.assigned(read, kind)
    }

    fn condition(&mut self, part: &Part, state: &State) -> Expression {
        let kind = self.reader.boolean();
        self.read(part, kind, state)
    }

    /// The arm that raises where this does: below a level, or for a role that may not read a table. What it comes to otherwise
    /// doesn't matter.
    fn forced(&mut self, value: &Expression) -> Option<(Expression, Expression)> {
        value.any(&|it| it.may_raise() || it.reads_tables()).then(|| self.evaluated(value))
    }

    /// The arm that raises where this does.
    fn evaluated(&mut self, value: &Expression) -> (Expression, Expression) {
        let tested = Box::new(self.copy(value));
        let is_null = Expression::Is { truth: Truth::Null, negated: false, tested };
        (case(vec![(is_null, boolean(false))], boolean(false)), Expression::Raises)
    }

    /// The arms that raise where a variable can't be what it was assigned: a text that is too long, or NULL.
    fn forced_by_type(&mut self, variable: usize, state: &State) -> Vec<(Expression, Expression)> {
        let value = &state.values[variable].expression;
        let cut = value.cuts().then(|| self.evaluated(value));
        cut.into_iter().chain(self.forced_not_null(variable, state)).collect()
    }

    /// The arm that raises where a variable that was declared NOT NULL was assigned NULL.
    fn forced_not_null(&mut self, variable: usize, state: &State) -> Option<(Expression, Expression)> {
        if !self.kinds[variable].not_null {
            return None;
        }
        let tested = Box::new(self.copy(&state.values[variable].expression));
        Some((Expression::Is { truth: Truth::Null, negated: false, tested }, Expression::Raises))
    }

    fn statement(&mut self, statement: &Statement, mut state: State) -> Flow {
        let line = statement.line;
        match &statement.does {
            Does::Block(block) => self.block(block, state),
            Does::Assign { target, value } => self.assign(target, value, state),
            Does::If { arms, otherwise } => self.conditional(arms, Some(otherwise.as_slice()), state),
            Does::Case { tested, arms, otherwise } => self.case(tested.as_ref(), arms, otherwise.as_deref(), state),
            Does::Loop { label, head, of_cursor, variables, statements, part } => {
                self.note(line, "a loop");
                if self.acts(head, &mut state) || (*of_cursor && self.purpose == Purpose::Passage) {
                    return Flow::done(boolean(true));
                }
                self.looping(label.as_deref(), variables, statements, part, line, state)
            }
            Does::Exit { condition: None } => Flow::done(Expression::Raises),
            Does::Exit { condition: Some(condition) } => {
                if self.acts(condition, &mut state) {
                    return Flow::done(boolean(true));
                }
                let condition = self.condition(condition, &state);
                self.join(vec![(condition, Flow::done(Expression::Raises))], Flow::next(state))
            }
            Does::Return(value) => self.returning(value.as_ref(), state),
            Does::ReturnRows => match self.purpose {
                Purpose::Passage => Flow::done(boolean(true)),
                Purpose::Answer => Flow::done(self.unread(line, "an answer of several rows", Vec::new())),
            },
            Does::Raise { ends, arguments } => {
                if self.acts(arguments, &mut state) {
                    return Flow::done(boolean(true));
                }
                if *ends { Flow::done(Expression::Raises) } else { Flow::next(state) }
            }
            Does::Perform(part) => {
                let text = self.body.text(part);
                self.into(&format!("select {text}"), &[], false, line, state)
            }
            Does::Into { query, targets, is_executed } => self.into(query, targets, *is_executed, line, state),
            Does::Other { part, targets, deed, sets_named } => {
                self.other(part, targets, *deed, *sets_named, line, state)
            }
            Does::Assert(part) => {
                self.note(line, "an ASSERT, which a setting switches off");
                self.nothing(part, &[], state)
            }
            Does::Nothing { part, targets } => self.nothing(part, targets, state),
        }
    }

    /// Nothing but what the expressions do, and unknown values for these targets.
    fn nothing(&mut self, part: &Part, targets: &[Target], mut state: State) -> Flow {
        if self.acts(part, &mut state) {
            return Flow::done(boolean(true));
        }
        targets.iter().for_each(|target| self.set(target, None, &mut state));
        Flow::next(state)
    }

    fn assign(&mut self, target: &Target, part: &Part, mut state: State) -> Flow {
        if self.acts(part, &mut state) {
            return Flow::done(boolean(true));
        }
        let read = self.read_text(self.body.text(part), part.line, &state);
        let mut arms: Vec<_> = self.forced(&read.0).into_iter().collect();
        self.set(target, Some(read), &mut state);
        arms.extend(self.variable(target).into_iter().flat_map(|variable| self.forced_by_type(variable, &state)));
        Flow { arms, end: End::Next(state) }
    }

    fn returning(&mut self, value: Option<&Part>, mut state: State) -> Flow {
        let Some(part) = value else {
            return Flow::done(match self.purpose {
                Purpose::Passage => boolean(false),
                Purpose::Answer => Expression::unknown(),
            });
        };
        if self.acts(part, &mut state) {
            return Flow::done(boolean(true));
        }
        match self.result {
            Some(result) if self.purpose == Purpose::Answer => Flow::done(self.read(part, result, &state)),
            _ => Flow::done(boolean(false)),
        }
    }

    /// IF, and CASE without a value that is tested. Without `otherwise`, it is an error that no condition is true.
    fn conditional(&mut self, arms: &[(Part, Vec<Statement>)], otherwise: Option<&[Statement]>, state: State) -> Flow {
        self.branches(arms, otherwise, state, 0, |run, condition, state| run.condition(condition, state))
    }

    fn case(
        &mut self,
        tested: Option<&Part>,
        arms: &[(Part, Vec<Statement>)],
        otherwise: Option<&[Statement]>,
        mut state: State,
    ) -> Flow {
        let Some(tested) = tested else { return self.conditional(arms, otherwise, state) };
        if self.acts(tested, &mut state) {
            return Flow::done(boolean(true));
        }
        self.branches(arms, otherwise, state, tested.range.len() / 64, |run, values, state| {
            // As Postgres puts it together. A comment may end either text.
            let text = format!("({}\n) in ({}\n)", run.body.text(tested), run.body.text(values));
            let read = run.read_text(&text, values.line, state);
            let kind = run.reader.boolean();
            run.reader.assigned(read, kind)
        })
    }

    /// Statements behind conditions, of which the first that is true decides. `cost`: of reading a condition, beside its own.
    fn branches(
        &mut self,
        arms: &[(Part, Vec<Statement>)],
        otherwise: Option<&[Statement]>,
        mut state: State,
        cost: usize,
        condition: impl Fn(&mut Self, &Part, &State) -> Expression,
    ) -> Flow {
        let mut flows = Vec::new();
        for (part, statements) in arms {
            if !self.reader.spend(1 + state.values.len() / 8 + cost) {
                return self.join(flows, Flow::done(Expression::too_large()));
            }
            if self.acts(part, &mut state) {
                return self.join(flows, Flow::done(boolean(true)));
            }
            let condition = condition(self, part, &state);
            let flow = self.statements(statements, state.clone());
            flows.push((condition, flow));
        }
        let otherwise = match otherwise {
            Some(statements) => self.statements(statements, state),
            None => Flow::done(Expression::Raises),
        };
        self.join(flows, otherwise)
    }

    /// A loop may end after any of its rounds, or do none. In each round nothing is known of the variables that it names.
    fn looping(
        &mut self,
        label: Option<&str>,
        variables: &[String],
        statements: &[Statement],
        part: &Part,
        line: u32,
        state: State,
    ) -> Flow {
        let mut unsure = self.unsure(part, &state);
        for (its, before) in unsure.values.iter_mut().zip(&state.values) {
            if !Rc::ptr_eq(&its.expression, &before.expression) {
                *its = Value::new(self.unread(line, "a loop", Vec::new()));
            }
        }
        let frames = self.frames.len();
        self.frames.push(Frame { label: label.map(str::to_owned), names: Vec::new() });
        let mut within = unsure.clone();
        for variable in variables {
            let kind = self.reader.kind("").0;
            self.declare(variable.clone(), kind, false, Expression::unknown(), &mut within);
        }
        let flow = self.statements(statements, within);
        self.frames.truncate(frames);
        self.left_at_any_time(flow, unsure)
    }

    /// A query whose columns are assigned, or none of them. `is_executed`: by EXECUTE, so that it names no variable.
    fn into(&mut self, query: &str, targets: &[Target], is_executed: bool, line: u32, mut state: State) -> Flow {
        let deed = self.deed(query);
        state.is_changed |= deed.changes_session();
        if self.purpose == Purpose::Passage && deed.acts() {
            if targets.is_empty() {
                self.note(line, "a call that may do something");
            }
            return Flow::done(boolean(true));
        }
        let scope = if is_executed {
            Scope { frames: &[], kinds: &[], state: &state, parameters: &[] }
        } else {
            Scope { frames: &self.frames, kinds: &self.kinds, state: &state, parameters: &self.parameters }
        };
        let read = self.reader.query(query, &scope).filter(|_| !state.is_changed);
        let Some((columns, found)) = read else {
            self.set_unread(targets, line, "a query", &mut state);
            return Flow::next(state);
        };
        let mut arms = Vec::new();
        let mut columns = columns.into_iter();
        if targets.is_empty() {
            arms.extend(columns.next().and_then(|(column, _)| self.forced(&column)));
        }
        let mut values = Vec::new();
        for target in targets {
            let column = columns.next().map(|(column, kind)| {
                (if is_unread(&column) { self.unread(line, "a query", vec![column]) } else { column }, kind)
            });
            arms.extend(column.as_ref().and_then(|(column, _)| self.forced(column)));
            values.push((target, column));
        }
        // Of the row as it was before: none of the columns sees what another is assigned to.
        for (target, column) in values {
            match column {
                // A record takes the whole row.
                Some(_) if targets.len() == 1 && self.is_unknown_kind(target) => self.set(target, None, &mut state),
                column => self.set(target, column, &mut state),
            }
            arms.extend(self.variable(target).into_iter().flat_map(|variable| self.forced_by_type(variable, &state)));
        }
        if !is_executed {
            state.values[self.found] = Value::new(found);
        }
        Flow { arms, end: End::Next(state) }
    }

    fn is_unknown_kind(&self, target: &Target) -> bool {
        self.variable(target).is_none_or(|variable| !self.kinds[variable].is_known)
    }

    fn other(
        &mut self,
        part: &Part,
        targets: &[Target],
        deed: Deed,
        sets_named: bool,
        line: u32,
        mut state: State,
    ) -> Flow {
        let deed = deed.and(self.deed(self.body.text(part)));
        if self.purpose == Purpose::Passage && deed.acts() {
            return Flow::done(boolean(true));
        }
        self.note(line, "a statement");
        state.is_changed |= deed.changes_session();
        if sets_named {
            let body = self.body;
            self.forget_named(body.text(part), &mut state);
        }
        self.set_unread(targets, line, "a statement", &mut state);
        Flow::next(state)
    }

    /// Sets variables, and FOUND, in a way that can't be followed.
    fn set_unread(&mut self, targets: &[Target], line: u32, what: &'static str, state: &mut State) {
        for target in targets {
            self.set(target, None, state);
            if let Some(variable) = self.variable(target) {
                state.values[variable] = Value::new(self.unread(line, what, Vec::new()));
            }
        }
        self.forget(FOUND, state);
    }
}

/// Whether a text may change who has enrolled a factor.
fn writes_factors(text: &str) -> bool {
    const WRITES: [&str; 6] = ["insert", "update", "delete", "merge", "truncate", "copy"];
    let (mut writes, mut names) = (false, false);
    for token in tokens(text) {
        writes |= WRITES.iter().any(|keyword| token.is_keyword(keyword));
        names |= token.name().is_some_and(|name| name.contains("factors"));
    }
    writes && names
}

/// Whether nothing is known of an expression, nor why.
fn is_unread(expression: &Expression) -> bool {
    match expression {
        Expression::Unknown { reason: None, strict: false, .. } => true,
        Expression::Select { target, .. } => is_unread(target),
        _ => false,
    }
}
