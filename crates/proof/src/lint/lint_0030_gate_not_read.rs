//! A policy asks for a level by a function that can't be read.

use std::collections::BTreeMap;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::level_readers::is_sql;
use super::survey::Survey;
use crate::{Expression, FunctionIndex, Policy, Reason, RequiredLevel, TableIndex};

pub const LINT: Lint = Lint {
    name: "0030_gate_not_read",
    title: "A policy asks for a level by a function that can't be read",
    level: Severity::Warn,
    category: "SECURITY",
    description: "The policy calls a function that reads the level, and the proof can't tell what it answers. So the matrix counts it as possibly true: the level that it shows may be lower than the one that holds, and a fault in the function stays unseen.",
    remediation: "Write the function in SQL with its names qualified, or put a policy with auth.has_aal beside it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed() {
        for policy in &table.policies {
            (survey.pause)();
            for (function, why) in unread_gates(survey, index, policy) {
                found.push(finding(survey, index, policy, function, &why));
            }
        }
    }
    found
}

fn finding(survey: &Survey<'_>, table: TableIndex, policy: &Policy, function: FunctionIndex, why: &str) -> Found {
    let name = &survey.catalog.functions[function].display_name;
    let detail = format!(
        "Policy {} on {} asks for a level by {name}, which can't be read: {why}",
        policy.name, survey.catalog.tables[table].display_name,
    );
    Found::on_table(table, detail).policy(policy).key(name)
}

/// The functions that a policy calls, that read a level, and of which it isn't known what they answer; and why.
fn unread_gates<'a>(survey: &Survey<'a>, table: TableIndex, policy: &'a Policy) -> BTreeMap<FunctionIndex, String> {
    let readers = survey.level_readers();
    let mut unread = BTreeMap::new();
    for expression in policy.expressions() {
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
