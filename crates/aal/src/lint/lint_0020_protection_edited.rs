//! A protection is not as auth.protect_table made it.

use super::{Found, Lint, Severity, Survey};
use crate::access::{Command, Policy, PolicyCommand, Table, met};
use crate::policy::{RecordedProtection, guard_argument};

pub const LINT: Lint = Lint {
    name: "0020_protection_edited",
    title: "A protection is not as auth.protect_table made it",
    level: Severity::Warn,
    category: "SECURITY",
    description: "Policies that protect_table made were altered or dropped by hand: what auth.protected_tables says was asked for isn't what counts.",
    remediation: "Call auth.protect_table again with what is wanted. See docs/lints/0020_protection_edited.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let edited = |table: &Table| {
        let record = table.protection()?;
        let changes = changes(table, record);
        (!changes.is_empty()).then(|| format!("On {}, {}", table.display_name, changes.join(", ")))
    };
    survey.catalog.tables.iter().filter_map(|table| edited(table).map(|detail| Found::on(table, detail))).collect()
}

fn changes(table: &Table, record: &RecordedProtection) -> Vec<String> {
    let mut changes = Vec::new();
    let named = |name: &str| table.policies.iter().find(|policy| policy.name == name);
    for (name, asked) in record.policies() {
        let Some(policy) = named(name) else {
            changes.push(format!("policy {name} is missing"));
            continue;
        };
        let wanted = met(asked, false);
        let (using, check) = match name {
            "aal_read" | "aal_delete" => (true, false),
            "aal_insert" => (false, true),
            _ => (true, true),
        };
        let is = |expression: Option<&crate::access::Expression>, there: bool| match expression {
            Some(expression) => there && *expression.unwrapped() == wanted,
            None => !there,
        };
        let as_made = !policy.permissive
            && policy.command == command_of(name)
            && binds_as_recorded(policy, record)
            && is(policy.using.as_ref(), using)
            && is(policy.check.as_ref(), check);
        if !as_made {
            changes.push(format!("policy {name} was altered"));
        }
    }
    if record.owner {
        match named("aal_owner") {
            None => changes.push("policy aal_owner is missing".to_owned()),
            Some(policy) if !policy.permissive || !binds_as_recorded(policy, record) => {
                changes.push("policy aal_owner was altered".to_owned());
            }
            Some(_) => {}
        }
    }
    let mut guarded: Vec<String> =
        record.guarded().iter().map(|(command, asked)| guard_argument(*command, *asked)).collect();
    guarded.sort_unstable();
    let differs = |guard: &&crate::access::Guard| {
        let mut arguments = guard.arguments.clone();
        arguments.sort_unstable();
        guard.name == "aal_guard" && arguments != guarded
    };
    if record.guard && table.guards.iter().any(|guard| differs(&guard)) {
        changes.push("trigger aal_guard asks for something else".to_owned());
    }
    changes
}

fn command_of(name: &str) -> PolicyCommand {
    PolicyCommand::One(match name {
        "aal_read" => Command::Select,
        "aal_insert" => Command::Insert,
        "aal_update" => Command::Update,
        _ => Command::Delete,
    })
}

fn binds_as_recorded(policy: &Policy, record: &RecordedProtection) -> bool {
    let mut recorded: Vec<&str> = record.roles.iter().map(String::as_str).collect();
    let mut bound: Vec<&str> = policy.role_names.iter().map(String::as_str).collect();
    recorded.sort_unstable();
    recorded.dedup();
    bound.sort_unstable();
    recorded == bound
}
