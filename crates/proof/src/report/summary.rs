//! The numbers at the top of the page.

use serde::Serialize;

use super::data::Data;
use crate::lint::Severity;
use crate::{Need, RequiredLevel, RoleIndex, TableIndex};
use aal::Command;

/// The levels below aal2.
const BELOW_AAL2: [RequiredLevel; 3] = [RequiredLevel::None, RequiredLevel::Aal1, RequiredLevel::Enrolled];

/// The numbers.
#[derive(Serialize)]
pub struct Summary<'a> {
    pub tables: usize,
    pub roles: usize,
    /// How many tables can be written below aal2 by some role that row security binds.
    pub writable: usize,
    pub writers: Vec<Writer<'a>>,
    pub findings: usize,
    pub severities: Vec<(&'static str, usize)>,
}

/// How a role can write tables.
#[derive(Serialize)]
pub struct Writer<'a> {
    pub role: &'a str,
    /// How many tables, by the lowest of the levels below aal2.
    pub open: [usize; BELOW_AAL2.len()],
    /// How many tables, past row security.
    pub bypassed: usize,
}

/// How a role can write one table.
#[derive(Clone, Copy, PartialEq)]
enum Write {
    /// Below aal2, though row security binds the role: at this place of [`BELOW_AAL2`].
    Open(usize),
    Bypassed,
}

/// Counts.
pub fn summary<'a>(data: &Data<'a>) -> Summary<'a> {
    let tables = &data.catalog.tables;
    let roles = &data.catalog.roles;
    let is_open =
        |table: TableIndex| roles.indexes().any(|role| matches!(write(data, table, role), Some(Write::Open(_))));
    let count = |severity| data.findings.iter().filter(|finding| finding.lint.level == severity).count();
    Summary {
        tables: tables.len(),
        // Without tables there is nothing to tell of any role.
        roles: if tables.is_empty() { 0 } else { roles.len() },
        writable: tables.indexes().filter(|table| is_open(*table)).count(),
        writers: writers(data),
        findings: data.findings.len(),
        severities: Severity::ALL.map(|severity| (severity.as_str(), count(severity))).into(),
    }
}

/// The roles that can write some table below aal2 or past row security, in the order in which tables show them.
fn writers<'a>(data: &Data<'a>) -> Vec<Writer<'a>> {
    let mut writers: Vec<(RoleIndex, Writer)> = Vec::new();
    for table in data.catalog.tables.indexes() {
        for role in data.catalog.roles.indexes() {
            let Some(write) = write(data, table, role) else { continue };
            let at = writers.iter().position(|(known, _)| *known == role).unwrap_or_else(|| {
                writers.push((role, Writer { role: data.role_name(role), open: Default::default(), bypassed: 0 }));
                writers.len() - 1
            });
            match write {
                Write::Open(place) => writers[at].1.open[place] += 1,
                Write::Bypassed => writers[at].1.bypassed += 1,
            }
        }
    }
    writers.into_iter().map(|(_, writer)| writer).collect()
}

fn write(data: &Data<'_>, table: TableIndex, role: RoleIndex) -> Option<Write> {
    let needs = || Command::WRITES.into_iter().map(|command| data.matrix.need(table, role, command));
    let lowest = needs().filter(|need| !need.is_bypass()).map(Need::level).min();
    let open = lowest.and_then(|lowest| BELOW_AAL2.iter().position(|level| *level == lowest));
    open.map(Write::Open).or_else(|| needs().any(Need::is_bypass).then_some(Write::Bypassed))
}
