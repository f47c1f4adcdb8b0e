//! The guard of a protected table is missing or disabled.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, Guard, Table};
use aal::protection::RecordedProtection;

pub const LINT: Lint = Lint {
    name: "0021_guard_missing",
    title: "The guard of a protected table is missing or disabled",
    level: Severity::Warn,
    category: "SECURITY",
    description: "Without its guard a refused UPDATE or DELETE touches no row and says nothing, the client isn't told to step up, and TRUNCATE and sensitive columns aren't protected.",
    remediation: "alter table ... enable trigger aal_guard; or call auth.protect_table again.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let unguarded = |table: &Table, record: &RecordedProtection| {
        let guarded = |command: Command| {
            let guards = |guard: &&Guard| guard.always_fires && guard.enabled && guard.commands.contains(&command);
            table.guards.iter().any(|guard| guards(&guard))
        };
        let wanted = record.guarded().into_iter().map(|(command, _)| command);
        let mut missing: Vec<Command> = wanted.filter(|command| !guarded(*command)).collect();
        if record.refused_reads().is_some() && !table.guards.iter().any(Guard::refuses_reads) {
            missing.insert(0, Command::Select);
        }
        missing
    };
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed() {
        let Some(record) = table.protection() else { continue };
        let missing = unguarded(table, &record);
        if !missing.is_empty() {
            let detail =
                format!("No guard explains or decides {} on {}", super::finding::listed(&missing), table.display_name);
            found.push(Found::on_table(index, detail).commands(&missing));
        }
        // No policy decides these: without the trigger nothing does.
        if record.sensitive && !table.guards.iter().any(Guard::guards_columns) {
            let detail = format!("Nothing refuses changes of the sensitive columns of {}", table.display_name);
            let lost = Found::on_table(index, detail).commands(&[Command::Update]).key("sensitive_columns");
            found.push(lost.level(Severity::Error));
        }
    }
    found
}
