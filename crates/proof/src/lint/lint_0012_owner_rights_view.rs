//! A view bypasses the policies of a protected table.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use super::survey::ViewPastPolicies;
use crate::{RequiredLevel, TableId, TableIndex, ViewKind};

pub const LINT: Lint = Lint {
    name: "0012_owner_rights_view",
    title: "A view goes past the policies of a protected table",
    level: Severity::Error,
    category: "SECURITY",
    description: "A view reads its tables with its owner's rights, unless it is a security_invoker view. Its rules act with the owner's rights in both cases. So the policies that bind the caller don't count.",
    remediation: "alter view ... set (security_invoker = true); or revoke access to it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let past =
        survey.views_past_policies(|view| !matches!(view.kind, ViewKind::InvokerRights | ViewKind::Materialized));
    // The rules of a view are no other finding where the view itself is one.
    let written: Vec<(TableId, TableIndex)> = past
        .iter()
        .map(|past| (&survey.catalog.views[past.view], past))
        .filter(|(view, past)| !view.kind.is_rule() && past.commands.iter().any(|command| command.writes()))
        .map(|(view, past)| (view.id, past.table))
        .collect();
    let is_news = |past: &&ViewPastPolicies| {
        let view = &survey.catalog.views[past.view];
        view.kind != ViewKind::ViewRule || !written.contains(&(view.id, past.table))
    };
    past.iter().filter(is_news).map(|past| finding(survey, past)).collect()
}

fn finding(survey: &Survey<'_>, past: &ViewPastPolicies) -> Found {
    let (view, table) = (&survey.catalog.views[past.view], &survey.catalog.tables[past.table]);
    let roles = &past.roles;
    let how = if view.kind == ViewKind::ViewRule { "whose rules reach" } else { "which reaches" };
    let own = survey.reach.asked_by(past.view);
    let asking = if view.kind.is_rule() && view.asks_for_level {
        "; the level that it asks for isn't weighed".to_owned()
    } else if own.level != RequiredLevel::None {
        format!("; the view itself asks for {own}")
    } else {
        String::new()
    };
    let what = format!("use {}, {how} {} with its owner's rights{asking}", view.display_name, table.display_name);
    let detail = survey.who_can(roles, &[past.table], &what);
    let found = Found::on_view(survey.catalog, past, roles, detail);
    // A key that somebody accepted for reads accepts no writes.
    let commands: Vec<&str> = past.commands.iter().map(|command| command.as_str()).collect();
    let rule = if view.kind == ViewKind::ViewRule { "_rule" } else { "" };
    found.key(&format!("{}{rule}_{}", table.display_name, commands.join("_")))
}
