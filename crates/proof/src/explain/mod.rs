//! `auth.explain_access()`: why a session gets what it gets, for itself.
//!
//! Nothing of a user's runs for it. A policy's expression is evaluated by the proof, over the session as it is now
//! ([`KnownSession`](crate::KnownSession)). Where that leaves more than one outcome, the answer says that it depends on the row,
//! or that it can't be told. The rest is what Postgres' catalog tells everybody.

mod access;
mod answer;
mod denying;
mod hurdles;
mod next;
mod session;
mod step;
mod unreadable;
mod verdict;
mod wrap;

use std::collections::BTreeSet;

use crate::evaluation::{Evaluation, Work, is_of_request};
use crate::expression::Expression;
use crate::value::Value;
use aal::Command;

use aal::protection::{TableLevel, guard_asks_for_live, guard_exempts, guard_requirement};
pub use access::{
    Access, Beneath, CallersGuard, CallersPolicy, CallersSession, Fault, Grant, LeftOut, RelationKind, RowSecurity,
};
use answer::Answer;
use denying::maybe_denying;
use hurdles::{MOST_WORK, Side, asked_by, rows};
use next::next;
pub use step::Step;
use verdict::{Outcome, Verdict, a_guard_may_raise, policies_count, verdict};

/// Explains commands on a relation to the session that asks.
pub fn explain(access: &Access, session: &CallersSession<'_>, commands: &[Command]) -> Vec<Step> {
    let work = Work::new(MOST_WORK);
    let evaluation = Evaluation::of_known(&session.known, Some(&access.readable)).within(&work, true);
    let mut steps = session::steps(access, session);
    if access.kind == RelationKind::NoTable {
        return steps;
    }
    for command in commands {
        let of_command = steps_of_command(access, session, *command, &evaluation);
        steps.extend(of_command.into_iter().map(|step| Step { command: Some(*command), ..step }));
    }
    steps
}

/// The settings of a gateway's that policies read.
pub fn settings_read(access: &Access) -> BTreeSet<String> {
    let mut settings = BTreeSet::new();
    for expression in access.policies.iter().flat_map(|it| it.policy.expressions()) {
        expression.visit(&mut |it| {
            if let Expression::Setting { name, .. } = it
                && let Expression::Constant(Value::Text(name)) = &**name
                && is_of_request(name)
            {
                settings.insert(name.to_ascii_lowercase());
            }
            true
        });
    }
    settings
}

/// Whether the answers depend on whether the session's user has enrolled a second factor.
pub fn asks_who_enrolled(access: &Access) -> bool {
    let mut policies = access.policies.iter().filter(|it| it.binds).flat_map(|it| it.policy.expressions());
    let mut guards = access.guards.iter().flat_map(|it| &it.guard.arguments);
    policies.any(Expression::asks_for_level) || guards.next().is_some()
}

/// Whether the answers depend on whether the session is live.
pub fn asks_for_live(access: &Access) -> bool {
    let mut policies = access.policies.iter().filter(|it| it.binds).flat_map(|it| it.policy.expressions());
    let asks = |it: &CallersGuard| guard_asks_for_live(it.guard.arguments.iter().map(String::as_str)) == Ok(true);
    policies.any(Expression::asks_for_live) || access.guards.iter().any(asks)
}

fn steps_of_command(
    access: &Access,
    session: &CallersSession<'_>,
    command: Command,
    evaluation: &Evaluation<'_>,
) -> Vec<Step> {
    let mut steps = vec![grant_step(access, command)];
    if access.ruled.contains(&command) {
        steps.push(Step::new(
            "rule",
            &access.name,
            "does it instead",
            Some("A rule runs with its owner's rights.".to_owned()),
        ));
    }
    steps.extend(guard_steps(access, command, evaluation));
    if access.row_security == RowSecurity::Binds {
        steps.extend(policy_steps(access, command, evaluation));
    }
    let found = verdict(access, command, evaluation);
    steps.push(result_step(access, session, command, &found, evaluation));
    if let Some(next) = next(access, session, command, &found) {
        steps.push(Step::without_subject("next", next.action, Some(next.advice)));
    }
    steps
}

fn grant_step(access: &Access, command: Command) -> Step {
    if !access.may_use_schema {
        return Step::new("grant", &access.schema, "missing", Some("There is no usage on the schema.".to_owned()));
    }
    match access.grants[command.index()] {
        Grant::Table => Step::new("grant", &access.role, "granted", None),
        Grant::Columns => {
            let note = match command {
                Command::Select => "Only some columns. select * is denied.",
                _ => "Only some columns.",
            };
            Step::new("grant", &access.role, "some columns", Some(note.to_owned()))
        }
        Grant::Missing => Step::new("grant", &access.role, "missing", None),
    }
}

fn guard_steps(access: &Access, command: Command, evaluation: &Evaluation<'_>) -> Vec<Step> {
    let of_command = access.guards.iter().filter(|it| it.guard.concerns(command));
    of_command.map(|it| guard_step(access, it, command, evaluation)).collect()
}

fn guard_step(access: &Access, it: &CallersGuard, command: Command, evaluation: &Evaluation<'_>) -> Step {
    let (guard, asks) = (&it.guard, asked(&it.guard.arguments, command));
    let step = |answer: &str, note| Step::new("guard", &guard.name, answer, note);
    if !guard.enabled {
        return step("disabled", None);
    }
    if !it.acts[command.index()] {
        return step("silent", Some("It does not act for this role.".to_owned()));
    }
    if !access.has_guard(guard, command) {
        let note =
            "It fires for TRUNCATE: the shards of Citus have it only if the table had it before it was distributed.";
        return step("can't be told", Some(note.to_owned()));
    }
    match Answer::of(evaluation, &asked_by(access, command, guard)) {
        Answer::True => step("passes", asks),
        Answer::Untold | Answer::DependsOnRow => step("can't be told", asks),
        // It fires for some rows, or some columns, only.
        _ if !guard.always_fires => step("depends on the row", asks),
        _ => step("raises", asks),
    }
}

/// What a guard asks for a command, in words.
fn asked(arguments: &[String], command: Command) -> Option<String> {
    let level = TableLevel::Required(guard_requirement(command, arguments.iter().map(String::as_str)).ok()??);
    let unless = match guard_exempts(arguments.iter().map(String::as_str)) {
        Ok(true) => ", unless the policies exempt the session",
        _ => "",
    };
    let live = match guard_asks_for_live(arguments.iter().map(String::as_str)) {
        Ok(true) => " in a live session",
        _ => "",
    };
    Some(format!("needs {level}{live}{unless}"))
}

fn policy_steps(access: &Access, command: Command, evaluation: &Evaluation<'_>) -> Vec<Step> {
    let mut ordered: Vec<&CallersPolicy> =
        access.policies.iter().filter(|it| it.policy.command.covers(command)).collect();
    ordered.sort_by_key(|it| !access.is_permissive(&it.policy));
    ordered.into_iter().flat_map(|policy| steps_of_policy(access, policy, command, evaluation)).collect()
}

fn steps_of_policy(access: &Access, it: &CallersPolicy, command: Command, evaluation: &Evaluation<'_>) -> Vec<Step> {
    let kind = if access.is_permissive(&it.policy) { "permissive" } else { "restrictive" };
    let name = &it.policy.name;
    if !it.binds {
        let note = format!("only for {}", it.policy.role_names.join(", "));
        return vec![Step::new(kind, name, "not bound", Some(note))];
    }
    let answers: Vec<(Side, Answer, Option<&str>)> = Side::of(command)
        .iter()
        .filter_map(|side| Some((*side, Answer::of(evaluation, side.expression(&it.policy)?), side.text(it))))
        .collect();
    let noted = |text: &str| match kind {
        "permissive" if !it.policy.permissive => format!("permissive in the shards of Citus: {text}"),
        _ => text.to_owned(),
    };
    let are_same = answers.windows(2).all(|two| two[0].1 == two[1].1 && two[0].2 == two[1].2);
    if are_same {
        let first = answers.first().map(|(_, answer, text)| Step::new(kind, name, answer, text.map(noted)));
        return first.into_iter().collect();
    }
    let of_side = |(side, answer, text): &(Side, Answer, Option<&str>)| {
        let note = noted(&format!("{}: {}", side.as_str(), text.unwrap_or_default()));
        Step::new(kind, name, answer, Some(note))
    };
    answers.iter().map(of_side).collect()
}

fn result_step(
    access: &Access,
    session: &CallersSession<'_>,
    command: Command,
    found: &Verdict,
    evaluation: &Evaluation<'_>,
) -> Step {
    let note = if found.lacks_permissive {
        Some("No permissive policy binds the role.".to_owned())
    } else if !found.refused_by.is_empty() {
        Some(format!("refused by {}", found.refused_by.join(", ")))
    } else {
        without_select(access, command, found, evaluation).or_else(|| why(access, command, found, evaluation))
    };
    let answer = match &session.fault {
        // The guard says so instead.
        Some(fault) if found.result == Outcome::Guarded => fault.kind,
        _ => found.result.as_str(),
    };
    Step::without_subject("result", answer, note)
}

/// The reason for a result that no policy decided.
fn why(access: &Access, command: Command, found: &Verdict, evaluation: &Evaluation<'_>) -> Option<String> {
    let maybe_denying = maybe_denying(&rows(access, command), evaluation);
    if found.result == Outcome::Untold && policies_count(access, command) && !maybe_denying.is_empty() {
        let policies = maybe_denying.join(", ");
        return Some(format!(
            "The role may read no column of a table in {policies}. That is an error, unless the planner drops that part."
        ));
    }
    let reason = match (&access.kind, found.result, access.row_security) {
        (_, Outcome::NoUsage | Outcome::NoGrant, _) => return None,
        (RelationKind::View { .. }, ..) => "The tables beneath decide.",
        (RelationKind::MaterializedView, ..) => "It holds a copy, which no policy protects.",
        (RelationKind::ForeignTable, ..) => "The foreign server decides the rest.",
        (RelationKind::SystemCatalog, ..) => "Row security does not apply.",
        (_, Outcome::Untold, _) if access.unchecked.contains(&command) => {
            "Rows that go to a foreign table skip WITH CHECK."
        }
        (_, Outcome::Untold, _) if a_guard_may_raise(access, command, evaluation) => "A guard may refuse it.",
        (_, Outcome::Untold, _) if command == Command::Truncate => {
            "It empties the tables beneath, too. Their guards decide."
        }
        _ if command == Command::Truncate => "Row security does not see TRUNCATE.",
        (_, Outcome::Allowed, RowSecurity::Off) => "Row security is off, so no policy counts.",
        (_, Outcome::Allowed, RowSecurity::Bypassed(_)) => "The role bypasses row security.",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// A write that passes may still need rights to read: with WHERE or RETURNING.
fn without_select(access: &Access, command: Command, found: &Verdict, evaluation: &Evaluation<'_>) -> Option<String> {
    let clause = match command {
        Command::Insert => "RETURNING",
        Command::Update | Command::Delete => "WHERE",
        Command::Select | Command::Truncate => return None,
    };
    if found.result.refuses() {
        return None;
    }
    let reading = verdict(access, Command::Select, evaluation).result;
    reading.refuses().then(|| format!("With {clause} it needs SELECT, too: {}.", reading.as_str()))
}

#[cfg(test)]
mod tests;
