//! What to do next: for a session that is refused, and for one that sees more than users do.

use std::collections::BTreeSet;

use super::access::{Access, CallersSession, RelationKind, RowSecurity};
use super::hurdles::{MOST_WORK, RowHurdles, expressions, guards, rows};
use super::verdict::{Outcome, Verdict};
use crate::evaluation::{Evaluation, Work};
use crate::expression::{Expression, Reason};
use crate::known_session::Life;
use crate::matrix::{RequiredLevel, Threshold, collect_ages};
use crate::session_kind::Session;
use aal::{Action, Command, Denial, FixedRequirement, Level, MaxAge, assess, assess_enrolled};

/// The next step: a word for programs, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The action of a denial, or another word.
    pub action: &'static str,
    /// The same in plain English.
    pub advice: String,
}

impl Next {
    fn new(action: &'static str, advice: impl Into<String>) -> Next {
        Next { action, advice: advice.into() }
    }
}

/// What to do next; `None` where nothing needs to be done.
pub fn next(access: &Access, session: &CallersSession<'_>, command: Command, verdict: &Verdict) -> Option<Next> {
    match verdict.result {
        Outcome::NoUsage => {
            Some(Next::new("grant", format!("grant usage on schema {} to {};", access.schema, access.role)))
        }
        Outcome::NoGrant => Some(of_missing_grant(access, command)),
        Outcome::Guarded | Outcome::NoRows | Outcome::NewRowRefused | Outcome::Raises => {
            Some(of_refusal(access, session, command, verdict))
        }
        Outcome::Unreadable => Some(Next::new(
            "policy",
            "A policy reads a table that the role may not read. Let a SECURITY DEFINER function read it, or grant select on it.",
        )),
        Outcome::DependsOnRow => of_dependence(access, command),
        Outcome::Untold => of_view(access),
        Outcome::Allowed => of_bypass(access),
    }
}

fn of_missing_grant(access: &Access, command: Command) -> Next {
    if command == Command::Truncate {
        return Next::new("none", "TRUNCATE bypasses row security. Leave it so.");
    }
    Next::new(
        "grant",
        format!("If it is meant: grant {} on {} to {};", command.in_lower_case(), access.name, access.role),
    )
}

fn of_refusal(access: &Access, session: &CallersSession<'_>, command: Command, verdict: &Verdict) -> Next {
    if let Some(fault) = &session.fault {
        let action = if fault.kind == "invalid_token" { "token" } else { "claims" };
        return Next::new(action, fault.remedy);
    }
    if verdict.lacks_permissive {
        return Next::new(
            "policy",
            "Write a permissive policy for this role and command, or protect the table with an owner_column.",
        );
    }
    if let Some(next) = of_dead_session(access, session, command) {
        return next;
    }
    let threshold = threshold(access, session, command);
    if threshold.level == RequiredLevel::Denied {
        return Next::new("policy", "No session passes at any level. Change the policy.");
    }
    if let Some(denial) = missing_level(session, threshold) {
        return Next::new(denial.action.as_str(), denial.hint(session.docs));
    }
    if session.claims().is_none_or(|claims| claims.subject().is_none()) {
        return Next::new("sign_in", "The session names no user. Sign in, then try again with the new access token.");
    }
    let asks_for_uuid = |it: &Expression| {
        it.any(&|it| matches!(it, Expression::Unknown { reason: Some(Reason::Subject { as_uuid: true }), .. }))
    };
    if session.claims().is_some_and(|claims| claims.subject_uuid().is_none())
        && rows(access, command).iter().flat_map(RowHurdles::all).any(|hurdle| asks_for_uuid(hurdle.expression))
    {
        let advice = "The claim sub is no UUID, so auth.subject_uuid() is NULL and no row is the user's. Compare a column of type text with auth.subject().";
        return Next::new("compare", advice);
    }
    Next::new("policy", "The level suffices. Another part of the condition is not true for this session.")
}

/// For a session that isn't live where that is asked. It can reach no level, so this comes before the level.
fn of_dead_session(access: &Access, session: &CallersSession<'_>, command: Command) -> Option<Next> {
    session.claims()?.level()?;
    let rows = rows(access, command);
    let guards = guards(access, command);
    let asked = rows.iter().flat_map(RowHurdles::all).map(|hurdle| hurdle.expression);
    if !asked.chain(guards.iter().map(|(_, expression)| expression)).any(Expression::asks_for_live) {
        return None;
    }
    match session.known.life {
        Life::Over(not_live) => Some(Next::new(not_live.action().as_str(), not_live.hint())),
        Life::NoStore => Some(Next::new("configure", "Sessions cannot be looked up here, so none counts as live.")),
        Life::Live | Life::NotAsked => None,
    }
}

fn of_dependence(access: &Access, command: Command) -> Option<Next> {
    let rows = rows(access, command);
    let asks_whose = rows.iter().flat_map(RowHurdles::all).any(|hurdle| hurdle.expression.asks_whose());
    asks_whose.then(|| Next::new("compare", "Compare the row's column with auth.subject()."))
}

fn of_view(access: &Access) -> Option<Next> {
    let RelationKind::View { reads, .. } = &access.kind else { return None };
    (!reads.is_empty()).then(|| Next::new("explain", "Explain the tables beneath the view, too."))
}

fn of_bypass(access: &Access) -> Option<Next> {
    let bypasses = matches!(access.row_security, RowSecurity::Bypassed(_));
    bypasses.then(|| Next::new("set_role", "Users get less. Try it as one: set role authenticated;"))
}

/// The least that a session of this role must show, by policies and guards.
fn threshold(access: &Access, session: &CallersSession<'_>, command: Command) -> Threshold {
    let (rows, guards) = (rows(access, command), guards(access, command));
    let asked: Vec<&Expression> = guards.iter().map(|(_, expression)| expression).collect();
    let mut ages = BTreeSet::new();
    let policies = rows.iter().flat_map(RowHurdles::all).map(|hurdle| hurdle.expression);
    policies.chain(asked.iter().copied()).for_each(|expression| collect_ages(expression, &mut ages));
    let ages: Vec<MaxAge> = ages.into_iter().collect();
    let work = Work::new(MOST_WORK);
    Threshold::lowest(&ages, |kind: Session| {
        let evaluation = Evaluation::new(kind, Some(session.known.role), Some(&access.readable), true)
            .by_profiles(&access.profiles, access.level_of_guests)
            .within(&work, true);
        evaluation.could_pass(None, &asked)
            && rows
                .iter()
                .all(|row| evaluation.could_pass(Some(&expressions(&row.permissive)), &expressions(&row.restrictive)))
    })
}

/// The denial of a session that doesn't reach a threshold; `None` where it does.
fn missing_level(session: &CallersSession<'_>, threshold: Threshold) -> Option<Denial> {
    let (claims, clock, factors) = (session.claims(), || session.known.clock, session.known.factors.known());
    let max_age = threshold.max_age;
    let level = match threshold.level {
        RequiredLevel::None | RequiredLevel::Denied => return None,
        // Where nobody can be looked up, aal2 suffices.
        RequiredLevel::Enrolled => match assess_enrolled(claims, factors, max_age, clock) {
            Some(answer) => return answer.err(),
            None => Level::Aal2,
        },
        RequiredLevel::Aal1 => Level::Aal1,
        RequiredLevel::Aal2 => Level::Aal2,
        RequiredLevel::Aal3 => Level::Aal3,
    };
    let denial = assess(claims, FixedRequirement { level, max_age }, clock).err()?;
    Some(match factors {
        Some(enrollment) if denial.action != Action::SignIn => denial.knowing(enrollment),
        _ => denial,
    })
}
