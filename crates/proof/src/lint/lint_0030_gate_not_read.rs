//! A policy, or a function that works with its owner's rights, asks for a level by a function or a condition that can't be read.

use std::collections::BTreeMap;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::level_readers::is_sql;
use super::no_level::WithoutLevel;
use super::reach::Step;
use super::rungs::Rung;
use super::survey::Survey;
use crate::evaluation::Residues;
use crate::{Enrolled, Expression, FunctionIndex, Policy, Reason, RequiredLevel, RoleIndex, TableIndex, Work};

/// How much work one policy may be.
const MOST_WORK: u64 = 100_000;

pub const LINT: Lint = Lint {
    name: "0030_gate_not_read",
    title: "A level is asked for in a way that can't be read",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A policy, or a SECURITY DEFINER function before it reaches a protected table, calls a function that reads the level, and the proof can't tell what it answers. Or a policy's own condition reads the level in a form that the proof doesn't know. So it counts as possibly true: the level that the matrix or aal_functions shows may be lower than the one that holds, and a fault in it stays unseen.",
    remediation: "Ask for the level by auth.has_aal, in the policy or in a function in SQL with its names qualified.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed() {
        for policy in &table.policies {
            (survey.pause)();
            let gates = unread_gates(survey, index, policy);
            if gates.is_empty() && has_unread_condition(survey, index, policy) {
                let (name, policy_name) = (&table.display_name, &policy.name);
                let (asks, level) = if policy.asks_for_level() {
                    ("asks for a level in a condition that can't be read", Severity::Warn)
                } else {
                    ("may ask for a level: it makes something of all claims that can't be read", Severity::Info)
                };
                let detail = format!("Policy {policy_name} on {name} {asks}");
                found.push(Found::on_table(index, detail).policy(policy).level(level));
            }
            for (function, why) in gates {
                found.push(finding(survey, index, policy, function, &why));
            }
        }
    }
    found.extend(survey.catalog.functions.indexes().flat_map(|index| of_procedure(survey, index)));
    found
}

/// The gates that can't be read of a function that clients call, which works with its owner's rights on a protected table.
fn of_procedure(survey: &Survey<'_>, index: FunctionIndex) -> Vec<Found> {
    let function = &survey.catalog.functions[index];
    let is_open = function.security_definer && !function.open_to.is_empty();
    if !is_open || survey.reach.gates.passed(index, None).threshold.level >= RequiredLevel::Aal2 {
        return Vec::new();
    }
    let passage = &function.gate.passage;
    let mut unread: BTreeMap<FunctionIndex, String> = unread_in(survey, passage).into_iter().rev().collect();
    if let Some(note) = function.gate.notes.first().filter(|_| function.gate.is_unread())
        && survey.level_readers().reads_level(index)
    {
        unread.entry(index).or_insert_with(|| note.to_string());
    }
    if unread.is_empty() || !reaches_protected_table(survey, index) {
        return Vec::new();
    }
    let name = &function.display_name;
    let found = unread.into_iter().map(|(gate, why)| {
        let gate_name = &survey.catalog.functions[gate].display_name;
        let detail = if gate == index {
            format!("Function {name} reads the level, and what it asks for can't be read: {why}")
        } else {
            format!("Function {name} asks for a level by {gate_name}, which can't be read: {why}")
        };
        Found::on_function(survey.catalog, index, detail).roles(&function.open_to).key(&format!("{name} {gate_name}"))
    });
    found.collect()
}

fn reaches_protected_table(survey: &Survey<'_>, index: FunctionIndex) -> bool {
    survey.heeds().into_iter().any(|heed| {
        let reached = survey.reach.from(Step::Function(index), heed, survey.pause);
        !survey.touched(&reached, heed).is_empty()
    })
}

fn finding(survey: &Survey<'_>, table: TableIndex, policy: &Policy, function: FunctionIndex, why: &str) -> Found {
    let name = &survey.catalog.functions[function].display_name;
    let detail = format!(
        "Policy {} on {} asks for a level by {name}, which can't be read: {why}",
        policy.name, survey.catalog.tables[table].display_name,
    );
    Found::on_table(table, detail).policy(policy).key(name)
}

/// The functions in an expression that read a level and can't be read; and why, as far as that is known.
fn unread_in(survey: &Survey<'_>, expression: &Expression) -> Vec<(FunctionIndex, String)> {
    let readers = survey.level_readers();
    let mut named: Vec<(FunctionIndex, String)> = Vec::new();
    expression.visit(&mut |it| {
        let (name, line) = match it {
            Expression::Unknown { reason: Some(Reason::Function(name)), .. } => (name, None),
            Expression::Unknown { reason: Some(Reason::Line { function, line, what }), .. } => {
                (function, Some(format!("line {line}: {what}")))
            }
            _ => return true,
        };
        let gates = readers.named(name).into_iter().filter(|function| readers.reads_level(*function));
        named.extend(gates.map(|gate| (gate, line.clone().unwrap_or_else(|| why(survey, gate)))));
        true
    });
    named
}

/// The functions that a policy calls, that read a level, and of which it isn't known what they answer; and why.
fn unread_gates<'a>(survey: &Survey<'a>, table: TableIndex, policy: &'a Policy) -> BTreeMap<FunctionIndex, String> {
    let readers = survey.level_readers();
    let mut unread = BTreeMap::new();
    for expression in policy.expressions() {
        let named = unread_in(survey, expression);
        // Another condition may ask for the level beside it.
        if !named.is_empty() && survey.lowest(expression).level < RequiredLevel::Aal2 {
            named.into_iter().for_each(|(gate, why)| {
                unread.entry(gate).or_insert(why);
            });
        }
    }
    // Of what it calls, nothing was found that reads a level: that part was not read.
    if !policy.asks_for_level() && unread.is_empty() {
        let called = survey.called_by_policy(table, policy).into_iter();
        unread.extend(called.filter(|it| readers.reads_level(*it)).map(|gate| (gate, why(survey, gate))));
    }
    unread
}

/// Whether a policy asks for a level in a way that isn't told for every session: so other lints about what it asks for say nothing of it.
fn has_unread_condition<'a>(survey: &Survey<'a>, index: TableIndex, policy: &'a Policy) -> bool {
    // Where settings aren't a gateway's, that is another finding.
    if !survey.catalog.trusts_settings {
        return false;
    }
    let table = &survey.catalog.tables[index];
    let is_open = |it: &&'a Expression| {
        // A restrictive policy that needs aal2 is what it seems. Beside a permissive one, others matter, too.
        let asks = it.asks_for_level() || it.any(&is_made_of_claims);
        asks && (policy.permissive || survey.lowest(it).level < RequiredLevel::Aal2)
    };
    let open: Vec<&Expression> = policy.expressions().filter(is_open).collect();
    let role = survey.bound_roles(table).find(|role| policy.binds[*role]);
    let is_unread_at_levels = || role.is_some_and(|role| open.iter().any(|it| is_unread(survey, role, it)));
    // Which needs no level that a user has may still let sessions pass that have none.
    let is_unread_without =
        || policy.expressions().any(|it| survey.without_level(index, policy, it) == WithoutLevel::Unread);
    is_unread_at_levels() || is_unread_without()
}

/// Whether something that can't be read is made from the claims as a whole: the level may be in it.
fn is_made_of_claims(expression: &Expression) -> bool {
    match expression {
        Expression::Unknown { arguments, .. } => arguments.iter().any(Expression::is_claims),
        Expression::Select { target, rows } if matches!(**target, Expression::Unknown { .. }) => {
            rows.mentions.iter().any(Expression::is_claims)
        }
        _ => false,
    }
}

fn is_unread(survey: &Survey<'_>, role: RoleIndex, expression: &Expression) -> bool {
    let each_enrolled: &[Enrolled] =
        if expression.asks_who_enrolled() { &[Enrolled::Yes, Enrolled::No] } else { &[Enrolled::Yes] };
    each_enrolled.iter().any(|enrolled| {
        let work = Work::new(MOST_WORK);
        let mut residues = Residues::default();
        let rungs = Rung::of_user(survey.catalog, role, *enrolled, &work);
        let left: Vec<_> = rungs.iter().map(|rung| rung.left(&mut residues, expression)).collect();
        left.iter().any(|it| !residues.is_read(it)) || work.is_spent()
    })
}

/// Why a function can't be read.
fn why(survey: &Survey<'_>, index: FunctionIndex) -> String {
    let function = &survey.catalog.functions[index];
    let looked_up = survey.level_readers().looked_up(index);
    if !is_sql(function) {
        format!("it is written in {}", function.language)
    } else if !function.is_read {
        "its text is too large, or its strings may have backslashes".to_owned()
    } else if function.immutable {
        "it is declared IMMUTABLE, so a kept plan has the answer of an earlier session".to_owned()
    } else if function.is_analyzed {
        "it says something that the proof does not know".to_owned()
    } else if !survey.catalog.trusts_settings {
        "its body is stored as text, and any client may choose what names in it mean".to_owned()
    } else if !function.has_search_path && !looked_up.is_empty() {
        format!("its caller's search_path decides what it means by {}", looked_up.join(", "))
    } else {
        "it says something that the proof does not know, or names something without its schema".to_owned()
    }
}
