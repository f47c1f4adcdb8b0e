//! A protected table is in a publication.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0023_protected_table_published",
    title: "A protected table is in a publication",
    level: Severity::Info,
    category: "SECURITY",
    description: "A publication sends rows without asking policies: replicas have all of them. (Supabase's Realtime asks the policies for SELECT for each subscriber, and nothing about writes.)",
    remediation: "Check that the readers of the replica may read the rows; otherwise alter publication ... drop table.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let published = survey.protected().filter(|(_, table)| !table.publications.is_empty());
    published
        .map(|(index, table)| {
            let detail = format!("{} is in publication {}", table.display_name, table.publications.join(", "));
            Found::on_table(index, detail)
        })
        .collect()
}
