//! Findings: how tables come to need less than somebody meant them to.
//!
//! Each lint is a triple: its file here, its page in docs/lints/, and its test in tests/pg_regress/, all of the same
//! number and name. None without the other two.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::{
    Catalog, Command, Expression, Function, Matrix, Need, Policy, RequiredLevel, Table, TableId, View, ViewKind,
};

mod conditions;
mod lint_0001_permissive_aal_policy;
mod lint_0002_write_left_open;
mod lint_0003_policy_binds_no_role;
mod lint_0004_role_not_bound;
mod lint_0005_check_weaker_than_using;
mod lint_0006_unknown_level;
mod lint_0007_open_without_claims;
mod lint_0008_level_from_user_metadata;
mod lint_0009_first_factor_as_mfa;
mod lint_0010_factors_read_as_caller;
mod lint_0011_evaluated_per_row;
mod lint_0012_owner_rights_view;
mod lint_0013_materialized_view;
mod lint_0014_security_definer_function;
mod lint_0015_unprotected_partition;
mod lint_0016_cascading_foreign_key;
mod lint_0017_truncate_granted;
mod lint_0018_raising_policy;
mod lint_0019_immutable_claims_reader;
mod lint_0020_protection_edited;
mod lint_0021_guard_missing;
mod lint_0022_row_security_off;
mod lint_0023_protected_table_published;
mod lint_0024_unverified_claims;
mod lint_0025_restrictive_lost;

/// Every lint, by number.
pub const LINTS: &[Lint] = &[
    lint_0001_permissive_aal_policy::LINT,
    lint_0002_write_left_open::LINT,
    lint_0003_policy_binds_no_role::LINT,
    lint_0004_role_not_bound::LINT,
    lint_0005_check_weaker_than_using::LINT,
    lint_0006_unknown_level::LINT,
    lint_0007_open_without_claims::LINT,
    lint_0008_level_from_user_metadata::LINT,
    lint_0009_first_factor_as_mfa::LINT,
    lint_0010_factors_read_as_caller::LINT,
    lint_0011_evaluated_per_row::LINT,
    lint_0012_owner_rights_view::LINT,
    lint_0013_materialized_view::LINT,
    lint_0014_security_definer_function::LINT,
    lint_0015_unprotected_partition::LINT,
    lint_0016_cascading_foreign_key::LINT,
    lint_0017_truncate_granted::LINT,
    lint_0018_raising_policy::LINT,
    lint_0019_immutable_claims_reader::LINT,
    lint_0020_protection_edited::LINT,
    lint_0021_guard_missing::LINT,
    lint_0022_row_security_off::LINT,
    lint_0023_protected_table_published::LINT,
    lint_0024_unverified_claims::LINT,
    lint_0025_restrictive_lost::LINT,
];

/// A lint.
#[derive(Clone, Copy)]
pub struct Lint {
    /// Its number and name, as its page and its test are called.
    pub name: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// How bad it is.
    pub level: Severity,
    /// `SECURITY` or `PERFORMANCE`.
    pub category: &'static str,
    /// Why it matters.
    pub description: &'static str,
    /// What to do.
    pub remediation: &'static str,
    /// Finds them.
    find: fn(&Survey<'_>) -> Vec<Found>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody can do what they shouldn't.
    Error,
    /// Something doesn't do what it seems to.
    Warn,
    /// Worth knowing.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "ERROR",
            Severity::Warn => "WARN",
            Severity::Info => "INFO",
        })
    }
}

/// A finding.
#[derive(Clone)]
pub struct Finding {
    /// The lint.
    pub lint: &'static Lint,
    /// What was found.
    pub found: Found,
}

impl Finding {
    /// The same for the same finding, run after run.
    pub fn cache_key(&self) -> String {
        let Found { schema, name, policy, key, .. } = &self.found;
        let parts = [Some(schema), Some(name), policy.as_ref(), key.as_ref()];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        format!("{}_{}", self.lint.name, parts.join("_"))
    }

    /// What it is about, for programs.
    pub fn metadata(&self) -> serde_json::Value {
        let Found { schema, name, kind, policy, role, command, .. } = &self.found;
        let mut metadata = serde_json::json!({ "schema": schema, "name": name, "type": kind });
        for (key, value) in [("policy", policy), ("role", role), ("command", command)] {
            if let (Some(value), Some(object)) = (value, metadata.as_object_mut()) {
                object.insert(key.to_owned(), value.as_str().into());
            }
        }
        metadata
    }
}

/// What a lint found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// In plain words.
    pub detail: String,
    /// The schema of what it is about.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `table`, `view`, `materialized view` or `function`.
    pub kind: &'static str,
    /// The policy, if it is about one.
    pub policy: Option<String>,
    /// The roles, if it is about some.
    pub role: Option<String>,
    /// The commands, if it is about some.
    pub command: Option<String>,
    /// What tells it from others about the same, if there can be such: not which roles there happen to be.
    pub key: Option<String>,
}

impl Found {
    fn on(table: &Table, detail: String) -> Found {
        let (schema, name) = (table.schema.clone(), table.name.clone());
        Found { detail, schema, name, kind: "table", policy: None, role: None, command: None, key: None }
    }

    /// About a view that reaches a table past its policies, by these roles and commands.
    fn on_view(
        view: &View,
        table: &Table,
        kind: &'static str,
        (roles, commands): (&[String], &[Command]),
        detail: String,
    ) -> Found {
        Found {
            detail,
            schema: view.schema.clone(),
            name: view.name.clone(),
            kind,
            policy: None,
            role: Some(roles.join(", ")),
            command: Some(listed(commands)),
            key: Some(table.display_name.clone()),
        }
    }

    fn on_function(function: &Function, detail: String) -> Found {
        let (schema, name) = (function.schema.clone(), function.name.clone());
        let key = Some(function.display_name.clone());
        Found { detail, schema, name, kind: "function", policy: None, role: None, command: None, key }
    }

    fn policy(self, policy: &Policy) -> Found {
        Found { policy: Some(policy.name.clone()), ..self }
    }

    fn key(self, key: &str) -> Found {
        Found { key: Some(key.to_owned()), ..self }
    }

    fn roles(self, roles: &[&str]) -> Found {
        Found { role: Some(roles.join(", ")), ..self }
    }

    fn commands(self, commands: &[Command]) -> Found {
        Found { command: Some(listed(commands)), ..self }
    }
}

fn listed(commands: &[Command]) -> String {
    commands.iter().map(|command| command.as_str()).collect::<Vec<_>>().join(", ")
}

/// Runs every lint.
/// `pause` is called now and then: it may unwind.
pub fn run<'a>(catalog: &'a Catalog, requirements: &'a Matrix<'a>, pause: &'a dyn Fn()) -> Vec<Finding> {
    let mut views: HashMap<TableId, Vec<&View>> = HashMap::new();
    catalog.views.iter().for_each(|view| views.entry(view.id).or_default().push(view));
    let mut families: Vec<Vec<usize>> = (0..catalog.tables.len()).map(|place| vec![place]).collect();
    for (place, table) in catalog.tables.iter().enumerate() {
        for above in requirements.ancestors(table) {
            families[place].push(above);
            families[above].push(place);
        }
    }
    let survey = Survey { catalog, requirements, pause, views, families, known: RefCell::default() };
    let findings =
        LINTS.iter().flat_map(|lint| (lint.find)(&survey).into_iter().map(move |found| Finding { lint, found }));
    findings.collect()
}

/// How something is reached through a view.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Reading,
    Writing,
}

/// What lints look at.
struct Survey<'a> {
    catalog: &'a Catalog,
    requirements: &'a Matrix<'a>,
    pause: &'a dyn Fn(),
    /// The views, by their OIDs.
    views: HashMap<TableId, Vec<&'a View>>,
    /// By a table's place, the places of the tables that some of its rows are reached through: itself, those above and those beneath.
    families: Vec<Vec<usize>>,
    /// What expressions need: several lints ask.
    known: RefCell<HashMap<*const Expression, Need>>,
}

impl<'a> Survey<'a> {
    /// The tables with policies in force that ask for a level, and their places.
    fn protected(&self) -> impl Iterator<Item = (usize, &'a Table)> {
        let tables = self.catalog.tables.iter().enumerate();
        tables.filter(|(_, table)| table.row_security && table.asks_for_level())
    }

    /// Every policy that asks for a level.
    fn aal_policies(&self) -> impl Iterator<Item = (&'a Table, &'a Policy)> {
        let tables = self.catalog.tables.iter();
        tables.flat_map(|table| {
            table.policies.iter().filter(|policy| policy.asks_for_level()).map(move |policy| (table, policy))
        })
    }

    /// Every policy's expressions.
    fn expressions(&self) -> impl Iterator<Item = (&'a Table, &'a Policy, &'a Expression)> {
        let policies =
            self.catalog.tables.iter().flat_map(|table| table.policies.iter().map(move |policy| (table, policy)));
        policies.flat_map(|(table, policy)| {
            (self.pause)();
            policy.expressions().map(move |expression| (table, policy, expression))
        })
    }

    /// One finding for each policy of which an expression is such.
    fn policies_with(&self, is_such: impl Fn(&Expression) -> bool, detail: &str) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (table, policy, expression) in self.expressions() {
            if is_such(expression) {
                let one = Found::on(table, format!("Policy {} on {} {detail}", policy.name, table.display_name))
                    .policy(policy);
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// The places of the roles that row security binds.
    fn bound_roles(&self, table: &'a Table) -> impl Iterator<Item = usize> {
        let standings = table.standings.iter().enumerate();
        standings.filter(|(_, standing)| standing.bypass.is_none()).map(|(n, _)| n)
    }

    /// The lowest level at which an expression can be true.
    fn level(&self, expression: &'a Expression) -> RequiredLevel {
        self.lowest(expression).level
    }

    /// The same with how old its factor may be.
    fn lowest(&self, expression: &'a Expression) -> Need {
        (self.pause)();
        // By its place: the catalog holds still.
        let place = std::ptr::from_ref(expression);
        if let Some(known) = self.known.borrow().get(&place) {
            return known.clone();
        }
        let required = self.requirements.lowest(expression);
        self.known.borrow_mut().insert(place, required.clone());
        required
    }

    /// The level that a policy alone asks for a command.
    fn level_of(&self, policy: &'a Policy, command: Command) -> RequiredLevel {
        if !policy.command.covers(command) {
            return RequiredLevel::None;
        }
        let of = |expression: Option<&'a Expression>| expression.map_or(RequiredLevel::None, |it| self.level(it));
        match command {
            Command::Insert => of(policy.check()),
            Command::Update => of(policy.using.as_ref()).max(of(policy.check())),
            _ => of(policy.using.as_ref()),
        }
    }

    /// The highest level that any policy on a table asks of anybody for a command.
    fn asked(&self, table: &'a Table, command: Command) -> RequiredLevel {
        let asking = table.policies.iter().filter(|policy| policy.asks_for_level());
        let levels = asking.map(|policy| self.level_of(policy, command));
        // A policy that lets nobody pass protects by no level.
        levels.filter(|level| *level != RequiredLevel::Denied).max().unwrap_or(RequiredLevel::None)
    }

    /// The views that reach a protected table with rights that its policies don't bind, by the commands that go past.
    fn views_past_policies(&self, is_such: impl Fn(&View) -> bool) -> Vec<(&'a View, &'a Table, Vec<Command>)> {
        let mut found = Vec::new();
        for view in self.catalog.views.iter().filter(|view| is_such(view) && !view.asks_for_level) {
            let Some(owner) = self.catalog.role_place(view.owner) else { continue };
            let written = self.reached(&view.reads, view.kind == ViewKind::Materialized, By::Writing);
            let read = self.reached(&view.reads, view.kind == ViewKind::Materialized, By::Reading);
            for (place, table) in self.protected() {
                (self.pause)();
                let by_writing = self.through(place, &written).next().is_some();
                // By reading, less is reached.
                if !by_writing {
                    continue;
                }
                let by_reading = !view.kind.is_rule() && self.through(place, &read).next().is_some();
                let passes = |command: &Command| {
                    let is_open = if command.writes() || view.kind.is_rule() {
                        by_writing && !view.written_by.is_empty()
                    } else {
                        by_reading && !view.read_by.is_empty()
                    };
                    // A copy was made once, whatever its owner may do now.
                    let goes_past = view.kind == ViewKind::Materialized
                        || self
                            .through(place, &written)
                            .any(|it| self.requirements.own(it, owner, *command).level < self.asked(table, *command));
                    let asked = self.asked(table, *command) != RequiredLevel::None;
                    is_open && asked && *command != Command::Truncate && goes_past
                };
                let commands: Vec<Command> = Command::ALL.into_iter().filter(passes).collect();
                if !commands.is_empty() {
                    found.push((view, table, commands));
                }
            }
        }
        found
    }

    /// The places of the tables of these through which some rows of the table at this place are reached.
    fn through(&self, place: usize, reached: &HashSet<TableId>) -> impl Iterator<Item = usize> {
        self.families[place].iter().copied().filter(|it| reached.contains(&self.catalog.tables[*it].id))
    }

    /// What is reached from these tables and views with the rights of who asks there, also through other views. One that reads with
    /// the caller's rights asks for those of whoever asks first: `is_first` says whether that is here. A copy holds what it was made
    /// of, in whatever way. By writing, rules beneath count.
    fn reached(&self, from: &[TableId], is_first: bool, by: By) -> HashSet<TableId> {
        let mut open = from.to_vec();
        let mut reached = HashSet::new();
        let passes_on = |it: &&&View| match it.kind {
            ViewKind::InvokerRights => is_first,
            ViewKind::TableRule | ViewKind::ViewRule => by == By::Writing,
            ViewKind::OwnerRights | ViewKind::Materialized => true,
        };
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let beneath = self.views.get(&id).into_iter().flatten();
                open.extend(beneath.filter(passes_on).flat_map(|view| &view.reads));
            }
        }
        reached
    }

    fn role_names(&self, places: &[usize]) -> Vec<&'a str> {
        places.iter().map(|place| self.catalog.roles[*place].name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests;
