//! `auth.aal_snapshot()`: what every table needs and what was found, in a form that is committed, reviewed and compared.
//!
//! It holds names and no numbers of one database, no times, and everything in one order. So two databases that the same
//! migrations made have the same snapshot.

mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::lint::{Finding, FunctionNeed, Severity};
use crate::{Bypass, Catalog, Decision, Matrix, Need, RequiredLevel, Threshold};
use aal::Command;

pub use read::Unreadable;

/// The version of the form. A reader knows it and all before it.
pub const VERSION: u64 = 1;

/// The needs of every table for each role, the findings, and the settings that both depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The settings.
    pub settings: Settings,
    /// The names of the roles that it is about.
    pub roles: BTreeSet<String>,
    /// By table and role, what each command needs.
    pub matrix: BTreeMap<String, BTreeMap<String, Cells>>,
    /// By function and role, what a call needs.
    pub functions: BTreeMap<String, BTreeMap<String, Call>>,
    /// The findings, by their keys.
    pub findings: BTreeMap<String, Recorded>,
}

/// The settings that decide what the matrix and the findings mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the claims are a gateway's; else only verified tokens count.
    pub trusts_gateway: bool,
    /// Whether the level of anonymous users is that of their claim.
    pub guests_have_level: bool,
}

/// What each command needs, in the order of [`Command::ALL`]. `None` where the role has no privilege.
pub type Cells = [Option<Cell>; Command::ALL.len()];

/// What one command needs of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The least that a session must show.
    pub threshold: Threshold,
    /// What decided it.
    pub decided_by: Vec<String>,
    /// The functions of `applies_when`: the threshold is only for sessions for which each of them is true or NULL.
    pub applies_when: BTreeSet<String>,
    /// Whether anonymous users pass, too.
    pub guests_pass: bool,
    /// The note of the matrix.
    pub note: Option<String>,
}

/// What a call of one function needs of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it needs, and why.
    pub cell: Cell,
    /// What it reaches, each as `public.payments: UPDATE`.
    pub reaches: BTreeSet<String>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The lint's name.
    pub lint: String,
    /// How bad it is.
    pub level: Severity,
    /// The name of what it is about.
    pub object: String,
    /// In plain words.
    pub detail: String,
    /// The roles' names, if it is about some.
    pub roles: BTreeSet<String>,
    /// The commands, if it is about some.
    pub commands: BTreeSet<String>,
    /// The protected tables that something else reaches past their policies.
    pub reaches: BTreeSet<String>,
}

impl Snapshot {
    /// Takes one.
    pub fn take(catalog: &Catalog, matrix: &Matrix<'_>, findings: &[Finding], calls: &[FunctionNeed]) -> Snapshot {
        let mut snapshot = Snapshot::of_findings(catalog, findings);
        for table in catalog.tables.iter() {
            snapshot.matrix.entry(table.display_name.clone()).or_default();
        }
        for (table, role, command, need) in matrix.iter() {
            let cell = Cell::of(need);
            let roles = snapshot.matrix.entry(table.display_name.clone()).or_default();
            if cell.is_some() {
                roles.entry(role.name.clone()).or_default()[command.index()] = cell;
            }
        }
        for call in calls {
            let function = catalog.functions[call.function].display_name.clone();
            let role = catalog.roles[call.role].name.clone();
            snapshot.functions.entry(function).or_default().insert(role, Call::of(catalog, call));
        }
        snapshot
    }

    /// One without what tables and functions need.
    pub fn of_findings(catalog: &Catalog, findings: &[Finding]) -> Snapshot {
        let settings =
            Settings { trusts_gateway: catalog.trusts_settings, guests_have_level: catalog.guests_have_level };
        let roles = catalog.roles.iter().map(|role| role.name.clone()).collect();
        let mut snapshot = Snapshot { settings, roles, ..Snapshot::empty() };
        for finding in findings {
            snapshot.add(finding.cache_key(catalog), Recorded::of(catalog, finding));
        }
        snapshot
    }

    /// One of a database without tables.
    pub const fn empty() -> Snapshot {
        Snapshot {
            settings: Settings { trusts_gateway: true, guests_have_level: false },
            roles: BTreeSet::new(),
            matrix: BTreeMap::new(),
            functions: BTreeMap::new(),
            findings: BTreeMap::new(),
        }
    }

    /// Adds a finding. Two that have one key are one.
    fn add(&mut self, key: String, finding: Recorded) {
        match self.findings.get_mut(&key) {
            Some(known) => known.merge(finding),
            None => {
                self.findings.insert(key, finding);
            }
        }
    }
}

impl Call {
    fn of(catalog: &Catalog, need: &FunctionNeed) -> Call {
        let cell = Cell {
            threshold: need.threshold,
            decided_by: need.decided_by.clone(),
            applies_when: BTreeSet::new(),
            guests_pass: false,
            note: need.note.clone(),
        };
        Call { cell, reaches: need.reached(catalog).into_iter().collect() }
    }
}

impl Cell {
    /// Of a cell of the matrix; `None` where the role has no privilege.
    fn of(need: &Need) -> Option<Cell> {
        if let [Decision::NoPrivilege | Decision::NoUsageOnSchema] = need.decided_by[..] {
            return None;
        }
        Some(Cell {
            threshold: need.threshold,
            decided_by: need.reasons(),
            applies_when: need.applies_when.clone(),
            guests_pass: need.guests_pass,
            note: need.note.clone(),
        })
    }

    /// What no session can do, for want of a privilege.
    pub fn without_privilege() -> Cell {
        Cell {
            threshold: Threshold::at_any_age(RequiredLevel::Denied),
            decided_by: vec![Decision::NoPrivilege.to_string()],
            applies_when: BTreeSet::new(),
            guests_pass: false,
            note: None,
        }
    }

    /// Whether row security doesn't bind the role by what it is.
    pub fn is_bypass(&self) -> bool {
        const BYPASSES: [Bypass; 3] = [Bypass::Superuser, Bypass::BypassRls, Bypass::Owner];
        self.decided_by.last().is_some_and(|reason| BYPASSES.iter().any(|bypass| bypass.as_str() == reason))
    }

    /// Whether the role is a superuser's.
    pub fn is_superusers(&self) -> bool {
        self.decided_by.last().is_some_and(|reason| reason == Bypass::Superuser.as_str())
    }

    /// Whether some session that doesn't meet the other one meets this.
    pub fn is_weaker_than(&self, other: &Cell) -> bool {
        if other.threshold.level == RequiredLevel::None {
            return false;
        }
        // Where no session passes, none is exempt from anything.
        let is_possible = self.threshold.level != RequiredLevel::Denied;
        !self.threshold.implies(other.threshold)
            || (is_possible && !self.applies_when.is_subset(&other.applies_when))
            || (self.guests_pass && !other.guests_pass)
    }

    /// Whether both need the same of the same sessions. The reasons may differ.
    pub fn needs_the_same_as(&self, other: &Cell) -> bool {
        let needs = |it: &Cell| (it.threshold, it.guests_pass, it.applies_when.clone());
        needs(self) == needs(other)
    }

    /// `aal2 within 15 minutes`, with the sessions that it is not for.
    pub fn in_words(&self) -> String {
        let mut words = self.threshold.in_options();
        for function in &self.applies_when {
            words.push_str(&format!(", where {function} is true or NULL"));
        }
        if self.guests_pass {
            words.push_str(", and as an anonymous user");
        }
        words
    }
}

impl Recorded {
    /// Of a finding.
    pub fn of(catalog: &Catalog, finding: &Finding) -> Recorded {
        let found = &finding.found;
        Recorded {
            lint: finding.lint.name.to_owned(),
            level: finding.lint.level,
            object: found.subject.display_name(catalog),
            detail: found.detail.clone(),
            roles: found.roles.iter().cloned().collect(),
            commands: found.commands.iter().map(|command| command.as_str().to_owned()).collect(),
            reaches: found.reaches.iter().map(|table| catalog.tables[*table].display_name.clone()).collect(),
        }
    }

    fn merge(&mut self, other: Recorded) {
        if !self.detail.contains(&other.detail) {
            self.detail = format!("{}; {}", self.detail, other.detail);
        }
        self.roles.extend(other.roles);
        self.commands.extend(other.commands);
        self.reaches.extend(other.reaches);
    }
}

#[cfg(test)]
pub(crate) mod tests;
