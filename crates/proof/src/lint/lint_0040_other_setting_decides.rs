//! A policy decides by a setting that isn't the claims.

use std::collections::BTreeSet;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Expression, Policy, Value};

pub const LINT: Lint = Lint {
    name: "0040_other_setting_decides",
    title: "A policy decides by a setting that isn't the claims",
    level: Severity::Info,
    category: "SECURITY",
    description: "Gateways other than PostgREST put what they know of a session into settings of their own. The proof reads the claims that PostgREST and Supabase set; any other setting counts as possibly right.",
    remediation: "Check who sets the setting; for the level, use auth.has_aal and what it reads.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed() {
        for policy in &table.policies {
            (survey.pause)();
            let settings = other_settings(policy);
            if !settings.is_empty() {
                let settings: Vec<String> = settings.into_iter().collect();
                let detail = format!(
                    "Policy {} on {} decides by {}, which the proof does not read",
                    policy.name,
                    table.display_name,
                    settings.join(", ")
                );
                found.push(Found::on_table(index, detail).policy(policy));
            }
        }
    }
    found
}

/// The settings that a policy reads and that are neither the claims nor Postgres' own.
fn other_settings(policy: &Policy) -> BTreeSet<String> {
    let mut settings = BTreeSet::new();
    for expression in policy.expressions() {
        expression.visit(&mut |it| {
            if let Expression::Setting { name, .. } = it
                && let Expression::Constant(Value::Text(name)) = &**name
                && is_other(&name.to_ascii_lowercase())
            {
                settings.insert(name.clone());
            }
            true
        });
    }
    settings
}

/// Whether a setting is neither Postgres' own nor a gateway's: PostgREST puts the token and the claims into some, and Supabase's
/// services say by others what they were asked for.
fn is_other(setting: &str) -> bool {
    const OF_GATEWAYS: [&str; 4] = ["request.jwt.", "realtime.", "storage.", "pg_aal."];
    let is_gateways = OF_GATEWAYS.iter().any(|prefix| setting.starts_with(prefix));
    setting.contains('.') && setting != "request.jwt" && !is_gateways
}
