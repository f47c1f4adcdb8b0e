//! A view goes past the policies of a protected table.

use super::{Found, Lint, Severity, Survey};
use crate::{Command, TableId, ViewKind};

pub const LINT: Lint = Lint {
    name: "0012_owner_rights_view",
    title: "A view goes past the policies of a protected table",
    level: Severity::Error,
    category: "SECURITY",
    description: "A view reads its tables with its owner's rights, unless it is a security_invoker view, and what rules do is done with the owner's rights, too, also of a security_invoker view: the policies that bind whoever asks don't count.",
    remediation: "alter view … set (security_invoker = true); or revoke access to it. See docs/lints/0012_owner_rights_view.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let past =
        survey.views_past_policies(|view| !matches!(view.kind, ViewKind::InvokerRights | ViewKind::Materialized));
    // What a view's rules do is no other finding where the view itself is one.
    let written: Vec<(TableId, TableId)> = past
        .iter()
        .filter(|(view, _, commands)| !view.kind.is_rule() && commands.iter().any(|command| command.writes()))
        .map(|(view, table, _)| (view.id, table.id))
        .collect();
    past.into_iter()
        .filter(|(view, table, _)| view.kind != ViewKind::ViewRule || !written.contains(&(view.id, table.id)))
        .map(|(view, table, commands)| {
            let writes = view.kind.is_rule() || commands.iter().any(|it| *it != Command::Select);
            let roles = if writes { &view.written_by } else { &view.read_by };
            let how = if view.kind == ViewKind::ViewRule { "whose rules reach" } else { "which reaches" };
            let detail = format!(
                "{} can use {}, {how} {} with its owner's rights",
                roles.join(", "),
                view.display_name,
                table.display_name
            );
            let kind = if view.kind == ViewKind::TableRule { "table" } else { "view" };
            let found = Found::on_view(view, table, kind, (roles, &commands), detail);
            if view.kind == ViewKind::ViewRule { found.key(&format!("{}_rule", table.display_name)) } else { found }
        })
        .collect()
}
