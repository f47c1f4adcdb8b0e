//! A foreign key changes a protected table for less than it asks.

use super::{Found, Lint, Severity, Survey};
use crate::access::Command;

pub const LINT: Lint = Lint {
    name: "0016_cascading_foreign_key",
    title: "A foreign key changes a protected table for less than it asks",
    level: Severity::Warn,
    category: "SECURITY",
    description: "What a foreign key does when the row it refers to is deleted or updated is done in the name of the table's owner: neither policies nor guards count.",
    remediation: "Protect the other table, too, or use ON DELETE RESTRICT. See docs/lints/0016_cascading_foreign_key.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for key in &survey.catalog.foreign_keys {
        let (Some(table), Some(referenced)) =
            (survey.requirements.place(key.table), survey.requirements.place(key.referenced))
        else {
            continue;
        };
        let (changed, other) = (&survey.catalog.tables[table], &survey.catalog.tables[referenced]);
        for (trigger, action) in [(Command::Delete, key.on_delete), (Command::Update, key.on_update)] {
            let Some(action) = action else { continue };
            let effect =
                if trigger == Command::Delete && action == "CASCADE" { Command::Delete } else { Command::Update };
            let asked = survey.asked(changed, effect);
            let cheaper = |role: &usize| {
                let may = trigger == Command::Delete || key.key_updated_by.contains(&survey.catalog.roles[*role].id);
                may && survey.requirements.at(referenced, *role, trigger).level < asked
            };
            let roles: Vec<usize> = survey.bound_roles(other).filter(cheaper).collect();
            if !roles.is_empty() {
                let roles = survey.role_names(&roles);
                let detail = format!(
                    "{} on {} by {} changes rows of {} (foreign key {}, ON {} {action}) without the {asked} that {} asks there",
                    trigger.as_str(),
                    other.display_name,
                    roles.join(", "),
                    changed.display_name,
                    key.name,
                    trigger.as_str(),
                    effect.as_str()
                );
                found.push(Found::on(changed, detail).roles(&roles).commands(&[trigger]).key(&format!(
                    "{}_{}",
                    key.name,
                    trigger.as_str()
                )));
            }
        }
    }
    found
}
