//! What a command must pass: the policies that bind the caller, and the guards that act.

use super::access::{Access, CallersPolicy};
use super::answer::Answer;
use crate::catalog::{Guard, Policy};
use crate::evaluation::Evaluation;
use crate::expression::Expression;
use crate::matrix::guard_expression;
use aal::Command;

/// How much work all answers may be, in nodes. The author of a policy must not be able to keep everybody from an answer.
pub const MOST_WORK: u64 = 1_000_000;

/// A row that policies look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// One that is there: USING counts.
    Existing,
    /// One that comes into being: WITH CHECK counts, or USING where there is none.
    New,
}

impl Side {
    /// The rows that a command's policies look at. TRUNCATE has no policies.
    pub const fn of(command: Command) -> &'static [Side] {
        match command {
            Command::Select | Command::Delete => &[Side::Existing],
            Command::Insert => &[Side::New],
            Command::Update => &[Side::Existing, Side::New],
            Command::Truncate => &[],
        }
    }

    /// The expression of a policy that counts.
    pub fn expression(self, policy: &Policy) -> Option<&Expression> {
        match self {
            Side::Existing => policy.using.as_ref(),
            Side::New => policy.check(),
        }
    }

    /// The same as SQL.
    pub fn text(self, policy: &CallersPolicy) -> Option<&str> {
        match self {
            Side::Existing => policy.using.as_deref(),
            Side::New if policy.policy.check.is_some() => policy.check.as_deref(),
            Side::New => policy.using.as_deref(),
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::Existing => "existing row",
            Side::New => "new row",
        }
    }
}

/// The policies that count for one kind of row.
pub struct RowHurdles<'a> {
    /// The kind of row.
    pub side: Side,
    /// Of these, one must be true.
    pub permissive: Vec<Hurdle<'a>>,
    /// Of these, all must be true.
    pub restrictive: Vec<Hurdle<'a>>,
}

/// A policy that binds, and the expression of it that counts.
#[derive(Clone, Copy)]
pub struct Hurdle<'a> {
    pub policy: &'a CallersPolicy,
    pub expression: &'a Expression,
}

/// The hurdles of a command, for each kind of row.
pub fn rows<'a>(access: &'a Access, command: Command) -> Vec<RowHurdles<'a>> {
    let of_side = |side: &Side| RowHurdles {
        side: *side,
        permissive: binding(access, command, *side, true),
        restrictive: binding(access, command, *side, false),
    };
    Side::of(command).iter().map(of_side).collect()
}

fn binding(access: &Access, command: Command, side: Side, permissive: bool) -> Vec<Hurdle<'_>> {
    let bound = access
        .policies
        .iter()
        .filter(|it| it.binds && access.is_permissive(&it.policy) == permissive && it.policy.command.covers(command));
    bound.filter_map(|policy| Some(Hurdle { policy, expression: side.expression(&policy.policy)? })).collect()
}

/// The guards that act for every row of a command, and what each of them asks, as an expression.
pub fn guards(access: &Access, command: Command) -> Vec<(&str, Expression)> {
    let acting = access.guards.iter().filter(|it| {
        it.acts[command.index()]
            && it.guard.enabled
            && it.guard.always_fires
            && it.guard.concerns(command)
            && access.has_guard(&it.guard, command)
    });
    acting.map(|it| (it.guard.name.as_str(), asked_by(access, command, &it.guard))).collect()
}

/// What one of the relation's guards asks for a command, as an expression. It is false where the guard raises: an outcome that raises
/// would be left out beside others.
pub fn asked_by(access: &Access, command: Command, guard: &Guard) -> Expression {
    guard_expression(command, guard, access.policies.iter().map(|it| &it.policy), false)
}

impl<'a> RowHurdles<'a> {
    /// The policies that refuse every row; `None` where they leave some row a chance.
    pub fn refusing(&self, evaluation: &Evaluation<'a>) -> Option<Vec<&'a str>> {
        let (permissive, restrictive) = (expressions(&self.permissive), expressions(&self.restrictive));
        if !self.permissive.is_empty() && evaluation.could_pass(Some(&permissive), &restrictive) {
            return None;
        }
        let refuses = |hurdle: &&Hurdle<'a>| Answer::of(evaluation, hurdle.expression).refuses();
        let mut refusing: Vec<&Hurdle<'a>> = self.restrictive.iter().filter(refuses).collect();
        if !evaluation.could_pass(Some(&permissive), &[]) {
            refusing.extend(&self.permissive);
        }
        if refusing.is_empty() {
            // None alone, but all of them together.
            refusing.extend(self.permissive.iter().chain(&self.restrictive));
        }
        Some(refusing.into_iter().map(|hurdle| hurdle.policy.policy.name.as_str()).collect())
    }

    /// Whether they let every row pass.
    pub fn pass_all(&self, evaluation: &Evaluation<'a>) -> bool {
        let is_true = |hurdle: &Hurdle<'a>| Answer::of(evaluation, hurdle.expression) == Answer::True;
        self.permissive.iter().any(is_true) && self.restrictive.iter().all(is_true)
    }

    /// Whether they are in the plan. Where no permissive policy binds, Postgres plans with `false` in the place of all of them.
    pub fn is_planned(&self) -> bool {
        !self.permissive.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Hurdle<'a>> {
        self.permissive.iter().chain(&self.restrictive)
    }
}

/// The expressions of hurdles.
pub fn expressions<'a>(hurdles: &[Hurdle<'a>]) -> Vec<&'a Expression> {
    hurdles.iter().map(|hurdle| hurdle.expression).collect()
}
