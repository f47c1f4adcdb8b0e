//! The gate: whether tables need what somebody asserts, and every role and every way by which they need less.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::lint::{Measure, applies_to_some, ways_past};
use crate::{Catalog, Command, Guard, Matrix, Need, RequiredLevel, RoleIndex, Table, TableIndex, Threshold};

/// What each command needs, in the order of [`Command::ALL`]. Nothing where nothing is asserted.
pub type Levels = [Threshold; Command::ALL.len()];

/// The levels that somebody asserts.
#[derive(Debug)]
pub struct Assertion {
    /// The tables, with the level of each command.
    pub tables: Vec<(TableIndex, Levels)>,
    /// The role that it is about; else every role that row security binds.
    pub role: Option<RoleIndex>,
}

/// A role, or a way around the policies, by which a command needs less than somebody asserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// In plain words.
    pub detail: String,
    /// What accepts it. A role's names the level, so that a lower one is another breach.
    pub key: String,
}

/// The case against an assertion.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The breaches that aren't accepted: roles first, then ways.
    pub breaches: Vec<Breach>,
    /// The accepted keys that name nothing that was found.
    pub stale: Vec<String>,
    /// The roles of an API that reach a table and of which nothing is asserted: they bypass row security by what they are.
    pub unbound: Vec<String>,
}

/// Holds the matrix and the ways around policies against an assertion. It calls `pause` now and then, which may unwind.
pub fn check(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    assertion: &Assertion,
    accepted: &[String],
    pause: &dyn Fn(),
) -> Verdict {
    let mut breaches = Vec::new();
    for (table, levels) in &assertion.tables {
        breaches.extend(roles_below(catalog, matrix, *table, levels, assertion.role));
        breaches.extend(exemptions(catalog, matrix, *table, levels, assertion.role));
        breaches.extend(guests(catalog, matrix, *table, levels, assertion.role));
    }
    let levels: HashMap<_, _> =
        assertion.tables.iter().map(|(table, levels)| (catalog.tables[*table].id, *levels)).collect();
    let measure = Measure::Asserted { levels, role: assertion.role };
    let ways = ways_past(catalog, matrix, measure, pause);
    breaches.extend(ways.iter().map(|way| Breach { detail: way.found.detail.clone(), key: way.cache_key(catalog) }));
    let found: HashSet<&str> = breaches.iter().map(|breach| breach.key.as_str()).collect();
    let stale = accepted.iter().filter(|key| !found.contains(key.as_str())).cloned().collect();
    breaches.retain(|breach| !accepted.contains(&breach.key));
    Verdict { breaches, stale, unbound: unbound(catalog, matrix, assertion) }
}

/// The roles that need less. Commands of one role for which the same decides stand together.
fn roles_below(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    table: TableIndex,
    levels: &Levels,
    only: Option<RoleIndex>,
) -> Vec<Breach> {
    let counts =
        |role: &RoleIndex| only.map_or_else(|| catalog.is_held(&catalog.tables[table], *role), |only| *role == only);
    let mut breaches = Vec::new();
    for role in catalog.roles.indexes().filter(counts) {
        let mut alike: BTreeMap<(RequiredLevel, String, String), Vec<Command>> = BTreeMap::new();
        for command in Command::ALL {
            let need = matrix.need(table, role, command);
            if !need.threshold.implies(levels[command.index()]) {
                let mut in_key = need.threshold.in_options().replace(' ', "_");
                let mut because = because(need);
                if command == Command::Update && has_sensitive_columns(&catalog.tables[table], role) {
                    because.push_str("; sensitive columns need more");
                    in_key.push_str("_of_other_columns");
                }
                alike.entry((need.level(), because, in_key)).or_default().push(command);
            }
        }
        breaches.extend(alike.into_iter().map(|((_, because, needed), commands)| {
            let (table, role) = (&catalog.tables[table], &catalog.roles[role].name);
            let names: Vec<&str> = commands.iter().map(|command| command.as_str()).collect();
            let key = format!("aal_matrix_{}_{}_{}_{role}_{needed}", table.schema, table.name, names.join("_"));
            Breach { detail: format!("{role} can {} {} {because}", names.join(", "), table.display_name), key }
        }));
    }
    breaches
}

/// Whether a trigger refuses this role what the matrix allows it: changes of sensitive columns.
fn has_sensitive_columns(table: &Table, role: RoleIndex) -> bool {
    table.guards.iter().any(Guard::guards_columns) && !table.standings[role].may_undo_guards
}

/// The roles of an API that row security doesn't hold, and that can do something of which something is asserted.
fn unbound(catalog: &Catalog, matrix: &Matrix<'_>, assertion: &Assertion) -> Vec<String> {
    let reaches = |role: RoleIndex| {
        assertion.tables.iter().any(|(table, levels)| {
            let asserted =
                Command::ALL.into_iter().filter(|command| levels[command.index()].level != RequiredLevel::None);
            let mut possible =
                asserted.filter(|command| matrix.need(*table, role, *command).level() != RequiredLevel::Denied);
            !catalog.is_held(&catalog.tables[*table], role) && possible.next().is_some()
        })
    };
    let roles =
        catalog.roles.indexed().filter(|(index, role)| assertion.role.is_none() && role.is_api && reaches(*index));
    roles.map(|(_, role)| role.name.clone()).collect()
}

/// The roles as which anonymous users meet an asserted level by their claim `aal` alone, though they have none.
fn guests(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    table: TableIndex,
    levels: &Levels,
    only: Option<RoleIndex>,
) -> Vec<Breach> {
    let roles = catalog.roles.indexes().filter(|role| only.is_none_or(|only| *role == only));
    let breach = |role: RoleIndex| {
        let passes = |command: &Command| {
            let (need, asserted) = (matrix.need(table, role, *command), levels[command.index()]);
            need.guests_pass && asserted.level != RequiredLevel::None && need.threshold.implies(asserted)
        };
        let commands: Vec<&str> = Command::ALL.into_iter().filter(passes).map(|command| command.as_str()).collect();
        let (table, role) = (&catalog.tables[table], &catalog.roles[role].name);
        let (names, all) = (commands.join(", "), commands.join("_"));
        let detail = format!(
            "anonymous users can {names} {} as {role}: a policy reads the claim aal itself, which is aal1 for them",
            table.display_name
        );
        let key = format!("aal_matrix_{}_{}_{all}_{role}_guests", table.schema, table.name);
        (!commands.is_empty()).then_some(Breach { detail, key })
    };
    roles.filter_map(breach).collect()
}

/// The functions by which sessions are exempt from a level that is asserted, for a role that the table needs it of.
fn exemptions(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    table: TableIndex,
    levels: &Levels,
    only: Option<RoleIndex>,
) -> Vec<Breach> {
    let roles = || catalog.roles.indexes().filter(|role| only.is_none_or(|only| *role == only));
    let asserted = || Command::ALL.into_iter().filter(|command| levels[command.index()].level != RequiredLevel::None);
    let needs = roles().flat_map(|role| asserted().map(move |command| matrix.need(table, role, command)));
    let functions: BTreeSet<&String> = needs.flat_map(|need| &need.applies_when).collect();
    let findings = functions.into_iter().map(|function| applies_to_some(catalog, table, function));
    findings.map(|it| Breach { key: it.cache_key(catalog), detail: it.found.detail }).collect()
}

/// The level at which a command is possible, with the reasons and the matrix' note.
fn because(need: &Need) -> String {
    let at = match need.level() {
        RequiredLevel::None => "without any level".to_owned(),
        _ => format!("at {}", need.threshold),
    };
    let note = need.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
    format!("{at}, decided by {}{note}", need.reasons().join(", "))
}
