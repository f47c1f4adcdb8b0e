//! A protection is not as auth.protect_table made it.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::lint_0025_restrictive_lost::lost_restrictive;
use super::lint_0027_applies_to_some::exempting_function;
use super::survey::Survey;
use crate::{Expression, Guard, Policy, PolicyCommand, Table};
use aal::Command;
use aal::protection::{EXEMPTS_BY_POLICY, LIVE_ONLY, Made, RecordedProtection, guard_argument};
use std::collections::{BTreeSet, HashSet};

pub const LINT: Lint = Lint {
    name: "0020_protection_edited",
    title: "A protection is not as auth.protect_table made it",
    level: Severity::Warn,
    category: "SECURITY",
    description: "Policies that protect_table made were altered or dropped by hand: what auth.protected_tables says was asked for isn't what counts.",
    remediation: "Call auth.protect_table again with what is wanted.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let roles: HashSet<&str> = survey.catalog.roles.iter().map(|role| role.name.as_str()).collect();
    let edited = |table: &Table| {
        let record = table.protection()?;
        let changes = changes(table, &record, &roles);
        (!changes.is_empty()).then(|| format!("On {}, {}", table.display_name, changes.join(", ")))
    };
    let tables = survey.catalog.tables.indexed();
    tables.filter_map(|(index, table)| edited(table).map(|detail| Found::on_table(index, detail))).collect()
}

fn changes(table: &Table, record: &RecordedProtection, roles: &HashSet<&str>) -> Vec<String> {
    let mut changes = Vec::new();
    let binds_as_recorded = |policy: &Policy| binds_as_recorded(table, policy, record, roles);
    let named = |made: Made| table.policies.iter().find(|policy| policy.made() == Some(made));
    // Which function it was isn't on record, since functions get other names. All policies must have the same.
    let exempting = record.for_some.then(|| exempting_function(table).unwrap_or_default());
    for (made, requirement) in record.policies() {
        let name = made.name();
        let Some(policy) = named(made) else {
            changes.push(format!("policy {name} is missing"));
            continue;
        };
        let wanted = Expression::for_requirement(requirement, false);
        let (using, check) = match made {
            Made::Read | Made::Delete => (true, false),
            Made::Insert => (false, true),
            _ => (true, true),
        };
        let is_wanted = |expression: Option<&Expression>, there: bool| match expression {
            Some(expression) => {
                let (asked, found_exempting) = policy.beside_owner(expression).without_exemption();
                there && asked.without_liveness() == (&wanted, record.live) && found_exempting == exempting
            }
            None => !there,
        };
        // That it isn't restrictive any more is a finding of its own.
        let as_made = (policy.is_for_shards() == record.in_shards && (!policy.permissive || record.in_shards)
            || lost_restrictive(policy))
            && made.command().is_some_and(|command| policy.command == PolicyCommand::One(command))
            && binds_as_recorded(policy)
            && is_wanted(policy.using.as_ref(), using)
            && is_wanted(policy.check.as_ref(), check);
        if !as_made {
            changes.push(format!("policy {name} was altered"));
        }
    }
    if record.owner && !record.in_shards {
        match named(Made::Owner) {
            None => changes.push("policy aal_owner is missing".to_owned()),
            Some(policy) if !policy.permissive || !binds_as_recorded(policy) => {
                changes.push("policy aal_owner was altered".to_owned());
            }
            Some(_) => {}
        }
    }
    let mut guarded: Vec<String> =
        record.guarded().iter().map(|(command, asked)| guard_argument(*command, *asked)).collect();
    guarded.extend(record.refused_reads().map(|asked| guard_argument(Command::Select, asked)));
    guarded.extend(record.for_some.then(|| EXEMPTS_BY_POLICY.to_owned()));
    guarded.extend(record.live.then(|| LIVE_ONLY.to_owned()));
    guarded.sort_unstable();
    let differs = |guard: &&Guard| {
        let mut arguments = guard.arguments.clone();
        arguments.sort_unstable();
        guard.made() == Some(Made::Guard) && arguments != guarded
    };
    if record.guard && table.guards.iter().any(|guard| differs(&guard)) {
        changes.push("trigger aal_guard asks for something else".to_owned());
    }
    changes
}

/// Whether a policy binds the roles that are on record. There they are by their names, in the policy not: a name that no role
/// has now, is one that was given another name, or was dropped. Then most of ours must agree on which one it is. And if all of them
/// bind as many as are on record, another role may have the name by now.
fn binds_as_recorded(table: &Table, policy: &Policy, record: &RecordedProtection, roles: &HashSet<&str>) -> bool {
    let recorded: BTreeSet<&str> = record.roles.iter().map(String::as_str).collect();
    let bound: BTreeSet<&str> = policy.role_names.iter().map(String::as_str).collect();
    if recorded.is_empty() != bound.is_empty() {
        return false;
    }
    let is_gone = |name: &&&str| !roles.contains(**name) && !name.starts_with("pg_");
    let (gone, there): (Vec<&str>, Vec<&str>) = recorded.difference(&bound).partition(is_gone);
    let others = bound.difference(&recorded).count();
    let bound_by = |it: &Policy| it.roles.iter().copied().collect::<BTreeSet<_>>();
    let ours = table.policies.iter().filter(|it| it.made().is_some());
    let (like_this, unlike): (Vec<&Policy>, Vec<&Policy>) = ours.partition(|it| bound_by(it) == bound_by(policy));
    let has_new_names = || like_this.len() > 1 && unlike.is_empty() && recorded.len() == bound.len();
    let are_as_recorded =
        there.is_empty() && others <= gone.len() && (gone.is_empty() || like_this.len() > unlike.len());
    are_as_recorded || has_new_names()
}
