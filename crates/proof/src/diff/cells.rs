//! Changes of what commands and calls need.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, Kind, What};
use crate::RequiredLevel;
use crate::snapshot::{Call, Cell, Cells, Snapshot};
use aal::Command;

/// Changes of the matrix.
pub fn matrix(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for table in names(&before.matrix, &now.matrix) {
        let (was, is) = (before.matrix.get(table), now.matrix.get(table));
        let roles = was.into_iter().chain(is).flat_map(BTreeMap::keys);
        for role in roles.collect::<BTreeSet<_>>() {
            for command in Command::ALL {
                let at = |cells: Option<&BTreeMap<String, Cells>>| {
                    cells.and_then(|it| it.get(role)).and_then(|cells| cells[command.index()].clone())
                };
                // Of a new role, by what others needed: it is no new way to a table that others could use for as little.
                let lowest = || was.map(|roles| lowest_of_others(roles, command));
                let pair = Pair {
                    before: known(was.is_some(), before.roles.contains(role), at(was)),
                    now: known(is.is_some(), now.roles.contains(role), at(is)),
                };
                let Some((kind, compared)) = pair.kind(lowest) else { continue };
                let key = |cell: &Cell| {
                    format!("aal_matrix_{table}_{}_{role}_{}", command.as_str(), cell.in_words().replace(' ', "_"))
                };
                let change = pair.change(What::Matrix, kind, compared, key);
                changes.push(Change {
                    target: table.clone(),
                    role: Some(role.clone()),
                    command: Some(command),
                    ..change
                });
            }
        }
    }
    changes
}

/// Changes of functions.
pub fn calls(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for function in names(&before.functions, &now.functions) {
        let (was, is) = (before.functions.get(function), now.functions.get(function));
        let roles = was.into_iter().chain(is).flat_map(BTreeMap::keys);
        for role in roles.collect::<BTreeSet<_>>() {
            let at = |calls: Option<&BTreeMap<String, Call>>| calls.and_then(|it| it.get(role)).cloned();
            let (call_before, call_now) = (at(was), at(is));
            let cell = |call: &Option<Call>| call.as_ref().map(|it| it.cell.clone());
            let pair = Pair {
                before: known(was.is_some(), before.roles.contains(role), cell(&call_before)),
                now: known(is.is_some(), now.roles.contains(role), cell(&call_now)),
            };
            let reaches = |call: &Option<Call>| call.as_ref().map(|it| it.reaches.clone()).unwrap_or_default();
            let has_both = call_before.is_some() && call_now.is_some();
            let reaches_more = has_both && !reaches(&call_now).is_subset(&reaches(&call_before));
            let reaches_less = has_both && !reaches(&call_before).is_subset(&reaches(&call_now));
            let lowest = || was.map(lowest_of_calls);
            let kind = match pair.kind(lowest) {
                Some((Kind::Raised, compared)) if reaches_more => Some((Kind::Lowered, compared)),
                None if reaches_more => Some((Kind::Lowered, None)),
                None if reaches_less => Some((Kind::Raised, None)),
                other => other,
            };
            let Some((kind, compared)) = kind else { continue };
            let key = |cell: &Cell| format!("aal_function_{function}_{role}_{}", cell.in_words().replace(' ', "_"));
            let change = pair.change(What::Function, kind, compared, key);
            let reaching = |words: Option<String>, call: &Option<Call>| {
                let reaches: Vec<String> = reaches(call).into_iter().collect();
                let words = words?;
                Some(if reaches.is_empty() { words } else { format!("{words}; reaches {}", reaches.join(", ")) })
            };
            changes.push(Change {
                target: function.clone(),
                role: Some(role.clone()),
                before: reaching(change.before.clone(), &call_before),
                now: reaching(change.now.clone(), &call_now),
                ..change
            });
        }
    }
    changes
}

/// New tables of which a role that row security binds needs nothing for some command.
pub fn open_new_tables(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    let is_open = |cell: &Cell| cell.threshold.level == RequiredLevel::None && !cell.is_bypass();
    let new = now.matrix.iter().filter(|(table, _)| !before.matrix.contains_key(*table));
    let open = new.filter(|(_, roles)| roles.values().flatten().flatten().any(is_open));
    open.map(|(table, _)| table.clone()).collect()
}

fn names<'a, T>(before: &'a BTreeMap<String, T>, now: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    before.keys().chain(now.keys()).collect()
}

/// What a snapshot says of one role and command.
enum Known {
    /// There is no such table or function.
    NoTarget,
    /// There is no such role.
    NoRole,
    /// This is needed.
    Needs(Cell),
}

fn known(has_target: bool, has_role: bool, cell: Option<Cell>) -> Known {
    match cell {
        Some(cell) => Known::Needs(cell),
        None if !has_target => Known::NoTarget,
        None if !has_role => Known::NoRole,
        None => Known::Needs(Cell::without_privilege()),
    }
}

impl Known {
    fn cell(&self) -> Option<&Cell> {
        match self {
            Known::Needs(cell) => Some(cell),
            Known::NoTarget | Known::NoRole => None,
        }
    }

    /// Whether some session could do it.
    fn is_possible(&self) -> bool {
        self.cell().is_some_and(|cell| cell.threshold.level != RequiredLevel::Denied)
    }
}

/// The same before and now.
struct Pair {
    before: Known,
    now: Known,
}

impl Pair {
    /// How it changed, with the cell of others that it was compared with. `lowest` is what others needed before.
    fn kind(&self, lowest: impl FnOnce() -> Option<Cell>) -> Option<(Kind, Option<Cell>)> {
        match (&self.before, &self.now) {
            (Known::Needs(before), Known::Needs(now)) => compare(before, now).map(|kind| (kind, None)),
            (Known::NoRole, Known::Needs(now)) if self.now.is_possible() && !now.is_bypass() => {
                let others = lowest().unwrap_or_else(Cell::without_privilege);
                match compare(&others, now) {
                    Some(kind @ (Kind::Opened | Kind::Lowered)) => Some((kind, Some(others))),
                    _ => Some((Kind::New, None)),
                }
            }
            // A superuser can do everything with every table: that tells nothing of a new one.
            (Known::NoTarget, Known::Needs(it)) | (Known::Needs(it), Known::NoTarget) if it.is_superusers() => None,
            (_, Known::Needs(_)) => self.now.is_possible().then_some((Kind::New, None)),
            (Known::Needs(_), _) => self.before.is_possible().then_some((Kind::Gone, None)),
            _ => None,
        }
    }

    fn change(&self, what: What, kind: Kind, compared: Option<Cell>, key: impl Fn(&Cell) -> String) -> Change {
        let before = compared.as_ref().or(self.before.cell());
        let now = self.now.cell();
        let decided_by = |cell: Option<&Cell>| cell.map(|it| it.decided_by.clone()).unwrap_or_default();
        let gone = Cell::without_privilege();
        Change {
            what,
            target: String::new(),
            role: None,
            command: None,
            kind,
            before: before.map(Cell::in_words),
            now: now.map(Cell::in_words),
            decided_before: decided_by(before),
            decided_now: decided_by(now),
            severity: None,
            fails: matches!(kind, Kind::Opened | Kind::Lowered),
            key: key(now.unwrap_or(&gone)),
        }
    }
}

/// How a need changed.
pub fn compare(before: &Cell, now: &Cell) -> Option<Kind> {
    let was_denied = before.threshold.level == RequiredLevel::Denied;
    if now.is_weaker_than(before) {
        let is_opened = was_denied || now.threshold.level == RequiredLevel::None;
        return Some(if is_opened { Kind::Opened } else { Kind::Lowered });
    }
    (!now.needs_the_same_as(before)).then_some(Kind::Raised)
}

/// The least that a role which row security binds needed for a command; `None` if none could do it.
fn lowest_of_others(roles: &BTreeMap<String, Cells>, command: Command) -> Cell {
    lowest(roles.values().filter_map(|cells| cells[command.index()].as_ref()))
}

fn lowest_of_calls(calls: &BTreeMap<String, Call>) -> Cell {
    lowest(calls.values().map(|call| &call.cell))
}

fn lowest<'a>(cells: impl Iterator<Item = &'a Cell>) -> Cell {
    let bound = cells.filter(|cell| !cell.is_bypass());
    let lower = |one: Cell, other: &Cell| if other.is_weaker_than(&one) { other.clone() } else { one };
    bound.fold(Cell::without_privilege(), lower)
}
