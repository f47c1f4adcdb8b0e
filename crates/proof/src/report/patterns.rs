//! The tables that need the same of every role, and why they do.

use std::collections::HashMap;

use serde::Serialize;

use super::data::{Data, TableCell};
use super::gather::gather;
use super::marks::Mark;
use crate::{Decision, ListIndex, Need, RequiredLevel, TableIndex};
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
    /// In the order of [`Command::ALL`].
    pub cells: Vec<Cell>,
    /// Whether the roles bypass row security for some command, and whether they do for each alike.
    pub bypasses: bool,
    pub bypasses_alike: bool,
}

/// What one command needs.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
pub struct Cell {
    pub required: &'static str,
    pub class: &'static str,
    pub max_age: Option<String>,
    pub bypasses: bool,
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
            let cells = Command::ALL.into_iter().zip(&line.cells).filter(|(command, _)| counts(*command));
            let lowest = cells.map(|(_, cell)| cell).filter(|cell| !cell.bypasses).map(|cell| cell.level).min();
            (lowest.is_none(), lowest)
        };
        let mut lowest: Vec<_> =
            self.lines.iter().flat_map(|line| line.roles.iter().map(move |_| lowest_of(line))).collect();
        lowest.sort_unstable();
        lowest
    }
}

fn marked_table<'a>(data: &Data<'a>, marks: &'a HashMap<TableIndex, Vec<Mark>>, table: TableIndex) -> MarkedTable<'a> {
    MarkedTable {
        name: &data.catalog.tables[table].display_name,
        number: table.to_usize(),
        marks: marks.get(&table).map_or(&[], Vec::as_slice),
    }
}

/// What a table needs, roles with the same together. Those that it cannot bind come last.
fn lines<'a>(data: &Data<'a>, cells: &[TableCell<'a>]) -> Vec<Line<'a>> {
    let by_role = gather(cells.iter().map(|(role, _, need)| (*role, cell(need))));
    let by_cells = gather(by_role.into_iter().map(|(role, cells)| (cells, data.role_name(role))));
    let lines = by_cells.into_iter().map(|(cells, roles)| {
        let bypasses_alike = cells.iter().all(|cell| cell.bypasses && *cell == cells[0]);
        Line { roles, bypasses: cells.iter().any(|cell| cell.bypasses), bypasses_alike, cells }
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.sort_by_key(|line| line.bypasses);
    lines
}

fn cell(need: &Need) -> Cell {
    let level = need.level();
    Cell {
        required: level.as_str(),
        // Colours are for levels needed of roles that can be bound.
        class: if need.is_bypass() { "bypass" } else { level.as_str() },
        max_age: need.threshold.max_age.map(aal::MaxAge::in_words),
        bypasses: need.is_bypass(),
        has_note: need.note.is_some(),
        level,
    }
}

/// What decided what a table needs, roles and commands with the same reason together.
fn reasons<'a>(data: &Data<'a>, cells: &[TableCell<'a>]) -> Vec<Reason<'a>> {
    let by_reason = gather(cells.iter().map(|(role, command, need)| {
        let reason: (&[Decision], Option<&str>) = (&need.decided_by, need.note.as_deref());
        (reason, (*role, *command))
    }));
    let mut reasons = Vec::new();
    for ((decided_by, note), who) in by_reason {
        for (commands, roles) in gather(gather(who).into_iter().map(|(role, commands)| (commands, role))) {
            reasons.push(Reason {
                commands: commands.into_iter().map(Command::as_str).collect(),
                roles: roles.into_iter().map(|role| data.role_name(role)).collect(),
                decided_by: decided_by.iter().map(Decision::to_string).collect(),
                note,
            });
        }
    }
    reasons
}
