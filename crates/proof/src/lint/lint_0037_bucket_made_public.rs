//! A role may make a bucket public below the level that its objects need.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{ColumnRight, Command, Policy, RequiredLevel, RoleIndex, Threshold};

pub const LINT: Lint = Lint {
    name: "0037_bucket_made_public",
    title: "A role may make a bucket public below the level that its objects need",
    level: Severity::Error,
    category: "SECURITY",
    description: "Supabase Storage serves a public bucket without asking the policies on storage.objects. A session that may update storage.buckets makes a bucket public, whatever its objects need.",
    remediation: "revoke update on storage.buckets from ...; or let its policies ask for the level that storage.objects asks for.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let changes = survey.catalog.column_rights.iter().filter(|right| right.command == Command::Update);
    changes.filter_map(|right| finding(survey, right)).collect()
}

fn finding(survey: &Survey<'_>, right: &ColumnRight) -> Option<Found> {
    let is_objects = |(schema, name): (&str, &str)| (schema, name) == ("storage", "objects");
    let (_, objects) = survey.protected().find(|(_, table)| is_objects((&table.schema, &table.name)))?;
    let asked = strictest(survey, &objects.policies, Command::Select, |_| true);
    let index = survey.matrix.table_index(right.table)?;
    let buckets = &survey.catalog.tables[index];
    if asked.level == RequiredLevel::None {
        return None;
    }
    let needs_less = |role: &RoleIndex| {
        let need = survey.matrix.need(index, *role, Command::Update).threshold;
        // For some buckets more may be needed: then it is meant to be about those.
        let of_some = || match buckets.row_security {
            true => strictest(survey, &buckets.policies, Command::Update, |policy| policy.binds[*role]),
            false => Threshold::NOTHING,
        };
        !need.implies(asked) && !of_some().implies(asked)
    };
    let mut roles = survey.api_roles(&right.roles, index);
    roles.retain(needs_less);
    if roles.is_empty() {
        return None;
    }
    let names = survey.role_names(&roles);
    let detail = format!(
        "{} can update {} below {}, which {} asks for reads: a bucket that is made public shows its objects to everybody",
        names.join(", "),
        buckets.display_name,
        asked.in_options(),
        objects.display_name
    );
    Some(Found::on_table(index, detail).roles(&names).commands(&[Command::Update]))
}

/// The highest level that policies ask for by some part of their USING, be it for some rows only.
fn strictest<'a>(
    survey: &Survey<'a>,
    policies: &'a [Policy],
    command: Command,
    binds: impl Fn(&Policy) -> bool,
) -> Threshold {
    let mut strictest = Threshold::NOTHING;
    let covering = policies.iter().filter(|policy| policy.command.covers(command) && binds(policy));
    for using in covering.filter_map(|policy| policy.using.as_ref()) {
        using.visit(&mut |it| {
            let asks = it.asks_for_level();
            let lowest = if asks { survey.lowest(it) } else { Threshold::NOTHING };
            if lowest.level != RequiredLevel::Denied {
                strictest = strictest.and(lowest);
            }
            asks
        });
    }
    strictest
}
