//! A materialized view holds rows of a protected table.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::ViewKind;

pub const LINT: Lint = Lint {
    name: "0013_materialized_view",
    title: "A materialized view holds rows of a protected table",
    level: Severity::Error,
    category: "SECURITY",
    description: "A materialized view is a copy, made with its owner's rights, and has no row security. A role that may read it reads all of it, at any level.",
    remediation: "Revoke access to it, or use a security_invoker view.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let past = survey.views_past_policies(|view| view.kind == ViewKind::Materialized);
    past.iter()
        .map(|past| {
            let (view, table) = (&survey.catalog.views[past.view], &survey.catalog.tables[past.table]);
            let roles = &past.roles;
            let what = format!("read {}, a copy of rows of {}", view.display_name, table.display_name);
            let detail = survey.who_can(roles, &[past.table], &what);
            Found::on_view(survey.catalog, past, roles, detail)
        })
        .collect()
}
