//! A policy decides by a claim that tokens without a level have, too.

use std::collections::BTreeSet;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Expression, Policy, RequiredLevel, TableIndex, Value};
use aal::{Command, Profiles};

pub const LINT: Lint = Lint {
    name: "0044_claim_without_level",
    title: "A policy decides by a claim that tokens without a level have, too",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A claims profile reads this claim in tokens of its issuer, and of users. Tokens of another issuer or of a machine may have it as well. They have no level, and this policy passes them.",
    remediation: "Ask auth.has_aal instead, or beside it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed().filter(|(_, table)| table.row_security) {
        for policy in &table.policies {
            (survey.pause)();
            let claims = claims_of_levels(survey, policy);
            let open = if claims.is_empty() { Vec::new() } else { open_commands(survey, index, policy) };
            if !open.is_empty() {
                let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
                let detail = format!(
                    "Policy {} on {} decides by claim {}: for {}, tokens without a level may pass",
                    policy.name,
                    table.display_name,
                    claims.join(", "),
                    super::finding::listed(&open)
                );
                found.push(Found::on_table(index, detail).policy(policy).commands(&open));
            }
        }
    }
    found
}

/// The claims that a policy reads for a level: those that give one by a profile, and Supabase Auth's.
fn claims_of_levels(survey: &Survey<'_>, policy: &Policy) -> BTreeSet<String> {
    let of_issuers = || survey.catalog.profiles.iter().flat_map(Profiles::of_issuers);
    let mut claims = BTreeSet::new();
    if of_issuers().next().is_none() {
        return claims;
    }
    let is_level = |claim: &str| claim == "aal" || of_issuers().any(|it| it.reads_for_level(claim));
    for expression in policy.expressions() {
        expression.visit(&mut |it| {
            claims.extend(claims_read(it).into_iter().filter(|claim| is_level(claim)).map(str::to_owned));
            true
        });
    }
    claims
}

/// The claims that this node reads by their names.
fn claims_read(expression: &Expression) -> Vec<&str> {
    use Expression::{Array, Compare, Constant, HasKey, Member, Path};
    match expression {
        Member { document, key, .. } | HasKey(document, key) if document.is_claims() => match &**key {
            Constant(key) => text_of(key).into_iter().collect(),
            _ => Vec::new(),
        },
        Path { document, path, .. } if document.is_claims() => match &**path {
            Constant(Value::Array(keys)) => keys.first().and_then(text_of).into_iter().collect(),
            Array(keys) => match keys.first() {
                Some(Constant(key)) => text_of(key).into_iter().collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        Compare(crate::Comparison::Contains, document, part) if document.is_claims() => match &**part {
            Constant(Value::Json(serde_json::Value::Object(part))) => part.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The commands of a policy that need no level of a role that it binds and that is held to levels.
fn open_commands(survey: &Survey<'_>, index: TableIndex, policy: &Policy) -> Vec<Command> {
    let (catalog, matrix) = (survey.catalog, survey.matrix);
    let is_open = |command: &Command| {
        policy.command.covers(*command)
            && catalog.roles.indexes().any(|role| {
                policy.binds[role]
                    && catalog.is_held(&catalog.tables[index], role)
                    && matrix.own_need(index, role, *command).level() == RequiredLevel::None
            })
    };
    Command::ALL.into_iter().filter(is_open).collect()
}
