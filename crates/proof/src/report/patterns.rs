//! The tables that need the same of every role, and why they do.

use std::collections::HashMap;

use serde::Serialize;

use super::data::{Data, TableCell};
use super::gather::gather;
use super::marks::Mark;
use crate::{Decision, ListIndex, Need, RequiredLevel, RoleIndex, TableIndex};
use aal::Command;

/// The tables that need the same of every role.
#[derive(Serialize)]
pub struct Pattern<'a> {
    /// Those with findings come first, the worst before.
    pub tables: Vec<MarkedTable<'a>>,
    pub lines: Vec<Line<'a>>,
    pub explanations: Vec<Explanation<'a>>,
}

/// A table, and what findings there are about it.
#[derive(Serialize)]
pub struct MarkedTable<'a> {
    pub name: &'a str,
    /// The number by which links lead to it.
    pub number: usize,
    pub marks: &'a [Mark],
}

/// What each command needs, and of which roles.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
pub struct Line<'a> {
    pub roles: Vec<&'a str>,
    pub needs: Needs,
}

/// What the commands need of the roles of a line.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Needs {
    /// In the order of [`Command::ALL`].
    Each { cells: Vec<Cell> },
    /// Nothing: the roles bypass row security. Not each may be granted each command.
    Bypassed { is_granted_all: bool, has_note: bool },
}

/// What one command needs.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
pub struct Cell {
    pub required: &'static str,
    pub class: &'static str,
    pub max_age: Option<String>,
    pub bypasses: bool,
    /// Whether it needs that only of some sessions: its note says of which.
    pub for_some: bool,
    pub has_note: bool,
    #[serde(skip)]
    level: RequiredLevel,
}

/// The tables of a pattern that have the same reasons for it.
#[derive(Serialize)]
pub struct Explanation<'a> {
    pub tables: Vec<&'a str>,
    pub reasons: Vec<Reason<'a>>,
}

/// What decided what these commands need of these roles.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
pub struct Reason<'a> {
    pub commands: Vec<&'static str>,
    pub roles: Vec<&'a str>,
    /// The level, where no cell of the table shows it: for roles that bypass row security.
    pub required: Option<&'static str>,
    pub decided_by: Vec<String>,
    pub note: Option<&'a str>,
}

/// The patterns. Those come first that the most roles can write at the lowest level.
pub fn patterns<'a>(data: &Data<'a>, marks: &'a HashMap<TableIndex, Vec<Mark>>) -> Vec<Pattern<'a>> {
    let catalog = data.catalog;
    let by_lines = gather(catalog.tables.indexes().map(|table| {
        let cells: Vec<TableCell> = data.cells_of(table).collect();
        (lines(data, &cells), (reasons(data, &cells), table))
    }));
    let names = |tables: &[TableIndex]| -> Vec<&'a str> {
        tables.iter().map(|table| catalog.tables[*table].display_name.as_str()).collect()
    };
    let mut patterns: Vec<Pattern> = by_lines
        .into_iter()
        .map(|(lines, tables)| {
            let mut marked: Vec<MarkedTable> =
                tables.iter().map(|(_, table)| marked_table(data, marks, *table)).collect();
            marked.sort_by_key(|table| (table.marks.is_empty(), table.marks.first().map(|mark| mark.severity)));
            let by_reasons = gather(tables).into_iter();
            let explanations = by_reasons.map(|(reasons, tables)| Explanation { tables: names(&tables), reasons });
            Pattern { lines, tables: marked, explanations: explanations.collect() }
        })
        .collect();
    patterns.sort_by_key(|pattern| (pattern.lowest(Command::writes), pattern.lowest(|command| !command.writes())));
    patterns
}

impl Pattern<'_> {
    /// The lowest level of these commands, for each role that row security binds, the weakest first. `None` where it binds the
    /// role for none of them comes last.
    fn lowest(&self, counts: impl Fn(Command) -> bool) -> Vec<(bool, Option<RequiredLevel>)> {
        let lowest_of = |line: &Line| {
            let cells = Command::ALL.into_iter().zip(line.cells()).filter(|(command, _)| counts(*command));
            let lowest = cells.map(|(_, cell)| cell).filter(|cell| !cell.bypasses).map(|cell| cell.level).min();
            (lowest.is_none(), lowest)
        };
        let mut lowest: Vec<_> =
            self.lines.iter().flat_map(|line| line.roles.iter().map(move |_| lowest_of(line))).collect();
        lowest.sort_unstable();
        lowest
    }
}

impl Line<'_> {
    fn cells(&self) -> &[Cell] {
        match &self.needs {
            Needs::Each { cells } => cells,
            Needs::Bypassed { .. } => &[],
        }
    }
}

fn marked_table<'a>(data: &Data<'a>, marks: &'a HashMap<TableIndex, Vec<Mark>>, table: TableIndex) -> MarkedTable<'a> {
    MarkedTable {
        name: &data.catalog.tables[table].display_name,
        number: table.to_usize(),
        marks: marks.get(&table).map_or(&[], Vec::as_slice),
    }
}

/// What a table needs, roles with the same together. Those that bypass its policies are one line, the last.
fn lines<'a>(data: &Data<'a>, cells: &[TableCell<'a>]) -> Vec<Line<'a>> {
    let by_role = gather(cells.iter().map(|(role, _, need)| (*role, *need)));
    let (bypassing, bound): (Vec<_>, Vec<_>) = by_role.into_iter().partition(|(_, needs)| is_bypass(needs));
    let cells_of = |(role, needs): (RoleIndex, Vec<&Need>)| -> (Vec<Cell>, &'a str) {
        (needs.into_iter().map(cell).collect(), data.role_name(role))
    };
    let by_cells = gather(bound.into_iter().map(cells_of)).into_iter();
    let mut lines: Vec<Line> = by_cells.map(|(cells, roles)| Line { roles, needs: Needs::Each { cells } }).collect();
    lines.sort_by_key(|line| line.cells().iter().any(|cell| cell.bypasses));
    if !bypassing.is_empty() {
        let roles = bypassing.iter().map(|(role, _)| data.role_name(*role)).collect();
        let mut needs = bypassing.iter().flat_map(|(_, needs)| needs);
        let has_note = needs.clone().any(|need| need.note.is_some());
        lines.push(Line {
            roles,
            needs: Needs::Bypassed { is_granted_all: needs.all(|need| need.is_bypass()), has_note },
        });
    }
    lines
}

/// Whether a role bypasses row security for each command that it is granted.
fn is_bypass(needs: &[&Need]) -> bool {
    let is_denied = |need: &&&Need| need.level() == RequiredLevel::Denied;
    needs.iter().all(|need| need.is_bypass() || is_denied(&need)) && needs.iter().any(|need| need.is_bypass())
}

fn cell(need: &Need) -> Cell {
    let level = need.level();
    Cell {
        required: level.as_str(),
        // Colours are for levels needed of roles that can be bound.
        class: if need.is_bypass() { "bypass" } else { level.as_str() },
        max_age: need.threshold.max_age.map(aal::MaxAge::in_words),
        bypasses: need.is_bypass(),
        for_some: !need.applies_when.is_empty(),
        has_note: need.note.is_some(),
        level,
    }
}

/// What decided what a table needs, roles and commands with the same reason together.
fn reasons<'a>(data: &Data<'a>, cells: &[TableCell<'a>]) -> Vec<Reason<'a>> {
    let bypassing: Vec<RoleIndex> = gather(cells.iter().map(|(role, _, need)| (*role, *need)))
        .into_iter()
        .filter_map(|(role, needs)| is_bypass(&needs).then_some(role))
        .collect();
    let by_reason = gather(cells.iter().map(|(role, command, need)| {
        let required = bypassing.contains(role).then(|| need.level().as_str());
        let reason: (Option<&'static str>, &[Decision], Option<&str>) =
            (required, &need.decided_by, need.note.as_deref());
        (reason, (*role, *command))
    }));
    let mut reasons = Vec::new();
    for ((required, decided_by, note), who) in by_reason {
        for (commands, roles) in gather(gather(who).into_iter().map(|(role, commands)| (commands, role))) {
            reasons.push(Reason {
                commands: commands.into_iter().map(Command::as_str).collect(),
                roles: roles.into_iter().map(|role| data.role_name(role)).collect(),
                required,
                decided_by: decided_by.iter().map(Decision::to_string).collect(),
                note,
            });
        }
    }
    reasons
}
