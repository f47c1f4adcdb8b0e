//! A view goes past the policies of a protected table.

use super::{Found, Lint, Severity, Survey};
use crate::access::{Command, ViewKind};

pub const LINT: Lint = Lint {
    name: "0012_owner_rights_view",
    title: "A view goes past the policies of a protected table",
    level: Severity::Error,
    category: "SECURITY",
    description: "A view reads its tables with its owner's rights, unless it is a security_invoker view, and so does what a table's rules do: the policies that bind whoever asks don't count.",
    remediation: "alter view … set (security_invoker = true); or revoke access to it. See docs/lints/0012_owner_rights_view.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    survey
        .views_past_policies(|view| matches!(view.kind, ViewKind::OwnerRights | ViewKind::Rule))
        .into_iter()
        .map(|(view, table, commands)| {
            let roles = if commands.iter().any(|it| *it != Command::Select) { &view.written_by } else { &view.read_by };
            let detail = format!(
                "{} can use {}, which reaches {} with its owner's rights",
                roles.join(", "),
                view.display_name,
                table.display_name
            );
            let kind = if view.kind == ViewKind::Rule { "table" } else { "view" };
            Found::on_view(view, table, kind, (roles, &commands), detail)
        })
        .collect()
}
