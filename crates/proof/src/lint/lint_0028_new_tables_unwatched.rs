//! The event trigger that watches for new tables doesn't fire, or can't protect them.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::Watch;

pub const LINT: Lint = Lint {
    name: "0028_new_tables_unwatched",
    title: "Nothing watches the new tables that should be protected",
    level: Severity::Warn,
    category: "SECURITY",
    description: "An event trigger gives new tables of a protected schema, and new partitions of protected tables, their protection. It is gone, doesn't fire for every command in every session, or doesn't run as a superuser.",
    remediation: "As a superuser: alter event trigger ... enable always; or call auth.protect_schema again.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let impaired = survey.catalog.watches.indexed().filter(|(_, watch)| !watch.is_whole || !watch.is_read());
    impaired.map(|(index, watch)| Found::on_watch(index, detail(watch))).collect()
}

fn detail(watch: &Watch) -> String {
    match &watch.protection {
        Some(protection) => {
            let name = &watch.name;
            format!("Event trigger {name} does not watch schema {} as it should", protection.schemas.join(", "))
        }
        None if watch.is_of_partitions => {
            format!("Event trigger {} does not cover new partitions of protected tables", watch.name)
        }
        None => format!("Event trigger {} holds no record that can be read", watch.name),
    }
}
