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
    pub reads: Open,
    pub writes: Open,
    /// How many tables need a level only of some sessions.
    pub for_some: usize,
    pub openings: Vec<Openings<'a>>,
    pub bypassing: Vec<Bypassing<'a>>,
    pub findings: usize,
    pub severities: Vec<(&'static str, usize)>,
}

/// How many tables are open to some role that row security binds.
#[derive(Serialize)]
pub struct Open {
    pub below_aal2: usize,
    pub without_level: usize,
    /// How many others are, but only in sessions that `applies_when` exempts.
    pub for_some: usize,
}

/// How many tables are open to a role that row security binds, by the lowest of the levels below aal2.
#[derive(Serialize)]
pub struct Openings<'a> {
    pub role: &'a str,
    pub reads: [usize; BELOW_AAL2.len()],
    pub writes: [usize; BELOW_AAL2.len()],
}

/// On how many tables a role bypasses row security.
#[derive(Serialize)]
pub struct Bypassing<'a> {
    pub role: &'a str,
    pub tables: usize,
}

/// Counts.
pub fn summary<'a>(data: &Data<'a>) -> Summary<'a> {
    let tables = &data.catalog.tables;
    let roles = &data.catalog.roles;
    let count = |severity| data.findings.iter().filter(|finding| finding.level() == severity).count();
    Summary {
        tables: tables.len(),
        // Without tables there is nothing to tell of any role.
        roles: if tables.is_empty() { 0 } else { roles.len() },
        reads: open(data, &[Command::Select]),
        writes: open(data, &Command::WRITES),
        for_some: tables.indexes().filter(|table| is_for_some(data, *table, &Command::ALL)).count(),
        openings: roles.indexes().filter_map(|role| openings(data, role)).collect(),
        bypassing: roles.indexes().filter_map(|role| bypassing(data, role)).collect(),
        findings: data.findings.len(),
        severities: Severity::ALL.map(|severity| (severity.as_str(), count(severity))).into(),
    }
}

fn open(data: &Data<'_>, commands: &[Command]) -> Open {
    let lowest = |table: TableIndex| {
        data.catalog.roles.indexes().filter_map(|role| lowest_below_aal2(data, table, role, commands)).min()
    };
    let places: Vec<(TableIndex, Option<usize>)> =
        data.catalog.tables.indexes().map(|table| (table, lowest(table))).collect();
    let closed = places.iter().filter(|(_, place)| place.is_none());
    Open {
        below_aal2: places.iter().filter(|(_, place)| place.is_some()).count(),
        without_level: places.iter().filter(|(_, place)| *place == Some(0)).count(),
        for_some: closed.filter(|(table, _)| is_for_some(data, *table, commands)).count(),
    }
}

/// Whether a table needs less of sessions that `applies_when` exempts, of a role that row security binds.
fn is_for_some(data: &Data<'_>, table: TableIndex, commands: &[Command]) -> bool {
    let of_role = |role| commands.iter().map(move |command| data.matrix.need(table, role, *command));
    let mut needs = data.catalog.roles.indexes().flat_map(of_role);
    needs.any(|need| !need.is_bypass() && !need.applies_when.is_empty())
}

/// `None` for a role to which no table is open.
fn openings<'a>(data: &Data<'a>, role: RoleIndex) -> Option<Openings<'a>> {
    let mut openings = Openings { role: data.role_name(role), reads: Default::default(), writes: Default::default() };
    for table in data.catalog.tables.indexes() {
        for (counts, commands) in
            [(&mut openings.reads, &[Command::Select][..]), (&mut openings.writes, &Command::WRITES)]
        {
            if let Some(place) = lowest_below_aal2(data, table, role, commands) {
                counts[place] += 1;
            }
        }
    }
    (openings.reads.iter().chain(&openings.writes).sum::<usize>() > 0).then_some(openings)
}

/// The place among [`BELOW_AAL2`] of the lowest level at which a role that row security binds gets through with one of these
/// commands.
fn lowest_below_aal2(data: &Data<'_>, table: TableIndex, role: RoleIndex, commands: &[Command]) -> Option<usize> {
    let needs = commands.iter().map(|command| data.matrix.need(table, role, *command));
    let lowest = needs.filter(|need| !need.is_bypass()).map(Need::level).min()?;
    BELOW_AAL2.iter().position(|level| *level == lowest)
}

/// `None` for a role that row security binds on every table.
fn bypassing<'a>(data: &Data<'a>, role: RoleIndex) -> Option<Bypassing<'a>> {
    let bypasses =
        |table: &TableIndex| Command::ALL.iter().any(|command| data.matrix.need(*table, role, *command).is_bypass());
    let tables = data.catalog.tables.indexes().filter(bypasses).count();
    (tables > 0).then(|| Bypassing { role: data.role_name(role), tables })
}
