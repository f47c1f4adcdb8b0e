//! What all of it together means for one command.

use super::access::{Access, Grant, RelationKind, RowSecurity};
use super::answer::Answer;
use super::denying::{denying, maybe_denying};
use super::hurdles::{RowHurdles, Side, asked_by, guards, rows};
use crate::evaluation::Evaluation;
use crate::expression::Expression;
use aal::Command;

/// What a command would do, and what decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it would do.
    pub result: Outcome,
    /// The policies or guards that refuse it.
    pub refused_by: Vec<String>,
    /// Whether no permissive policy binds the role.
    pub lacks_permissive: bool,
}

/// What a command would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches all rows.
    Allowed,
    /// It reaches the rows whose columns fit.
    DependsOnRow,
    /// It can't be told without running something.
    Untold,
    /// It reaches no row, and raises nothing.
    NoRows,
    /// A new row is refused by an error.
    NewRowRefused,
    /// The role may not use the schema.
    NoUsage,
    /// The role is not granted the command.
    NoGrant,
    /// A policy reads a table that the role may not read.
    Unreadable,
    /// A guard raises `insufficient_aal`.
    Guarded,
    /// A policy raises an error.
    Raises,
}

impl Outcome {
    /// The words for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::DependsOnRow => "depends on the row",
            Outcome::Untold => "can't be told",
            Outcome::NoRows => "no rows",
            Outcome::NewRowRefused => "new row refused",
            Outcome::NoUsage | Outcome::NoGrant => "permission denied",
            Outcome::Guarded => "insufficient_aal",
            Outcome::Unreadable | Outcome::Raises => "error",
        }
    }

    /// Whether no row is reached.
    pub const fn refuses(self) -> bool {
        !matches!(self, Outcome::Allowed | Outcome::DependsOnRow | Outcome::Untold)
    }
}

/// What a command would do, in the order in which Postgres asks.
pub fn verdict(access: &Access, command: Command, evaluation: &Evaluation<'_>) -> Verdict {
    let because = |result| Verdict { result, refused_by: Vec::new(), lacks_permissive: false };
    if let Some(result) = without_privilege(access, command) {
        return because(result);
    }
    let denying =
        if policies_count(access, command) { denying(&rows(access, command), evaluation) } else { Vec::new() };
    if !denying.is_empty() {
        let refused_by = denying.into_iter().map(str::to_owned).collect();
        return Verdict { refused_by, ..because(Outcome::Unreadable) };
    }
    let raising: Vec<String> = guards(access, command)
        .into_iter()
        .filter(|(_, expression)| Answer::of(evaluation, expression).refuses())
        .map(|(name, _)| name.to_owned())
        .collect();
    if !raising.is_empty() {
        return Verdict { refused_by: raising, ..because(Outcome::Guarded) };
    }
    let found = by_kind(access, command, evaluation);
    let is_untold = |(_, expression): &(&str, Expression)| Answer::of(evaluation, expression) == Answer::Untold;
    if found.result == Outcome::DependsOnRow && guards(access, command).iter().any(is_untold) {
        return because(Outcome::Untold);
    }
    if found.result == Outcome::Allowed && a_guard_may_raise(access, command, evaluation) {
        return because(Outcome::Untold);
    }
    found
}

/// What a command would do that no guard refuses.
fn by_kind(access: &Access, command: Command, evaluation: &Evaluation<'_>) -> Verdict {
    let because = |result| Verdict { result, refused_by: Vec::new(), lacks_permissive: false };
    match &access.kind {
        _ if access.ruled.contains(&command) => because(Outcome::Untold),
        _ if command == Command::Truncate && access.has_tables_beneath => because(Outcome::Untold),
        RelationKind::View { .. } => because(Outcome::Untold),
        _ if policies_count(access, command) => {
            by_policies(&rows(access, command), access.unchecked.contains(&command), evaluation)
        }
        _ => because(Outcome::Allowed),
    }
}

/// Whether the command does what policies are asked about.
pub fn policies_count(access: &Access, command: Command) -> bool {
    let is_table = matches!(access.kind, RelationKind::Table | RelationKind::Partition(_));
    is_table && access.row_security == RowSecurity::Binds && !access.ruled.contains(&command)
}

/// Whether a guard acts that fires for some rows, some columns or under a condition only, and that the session doesn't pass.
pub fn a_guard_may_raise(access: &Access, command: Command, evaluation: &Evaluation<'_>) -> bool {
    access.guards.iter().any(|it| {
        it.acts[command.index()]
            && it.guard.enabled
            && it.guard.concerns(command)
            && Answer::of(evaluation, &asked_by(access, command, &it.guard)) != Answer::True
    })
}

fn without_privilege(access: &Access, command: Command) -> Option<Outcome> {
    if !access.may_use_schema {
        return Some(Outcome::NoUsage);
    }
    (access.grants[command.index()] == Grant::Missing).then_some(Outcome::NoGrant)
}

fn by_policies(rows: &[RowHurdles<'_>], skips_checks: bool, evaluation: &Evaluation<'_>) -> Verdict {
    let hurdles = || rows.iter().flat_map(RowHurdles::all);
    let untold = || Verdict { result: Outcome::Untold, refused_by: Vec::new(), lacks_permissive: false };
    if !maybe_denying(rows, evaluation).is_empty() {
        return untold();
    }
    for row in rows {
        let Some(refusing) = row.refusing(evaluation) else { continue };
        if skips_checks && row.side == Side::New {
            return untold();
        }
        let raises = row.is_planned()
            && row.all().any(|hurdle| {
                Answer::of(evaluation, hurdle.expression) == Answer::Raises
                    && refusing.contains(&hurdle.policy.policy.name.as_str())
            });
        let result = match row.side {
            _ if raises => Outcome::Raises,
            Side::New => Outcome::NewRowRefused,
            Side::Existing => Outcome::NoRows,
        };
        let refused_by = refusing.into_iter().map(str::to_owned).collect();
        return Verdict { result, refused_by, lacks_permissive: row.permissive.is_empty() };
    }
    let result = if rows.iter().all(|row| row.pass_all(evaluation)) {
        // A table's own policies count in a sub-select, too, and they may read tables that the role may not read.
        let may_be_denied = hurdles().any(|hurdle| hurdle.expression.selects_from());
        if may_be_denied { Outcome::Untold } else { Outcome::Allowed }
    } else if hurdles().any(|hurdle| Answer::of(evaluation, hurdle.expression) == Answer::Untold) {
        Outcome::Untold
    } else {
        Outcome::DependsOnRow
    };
    Verdict { result, refused_by: Vec::new(), lacks_permissive: false }
}
