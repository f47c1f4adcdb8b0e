//! What lints look at, and what several of them ask.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::finding::Found;
use crate::{
    ByTable, Catalog, Command, Expression, Matrix, Policy, RequiredLevel, RoleIndex, Table, TableId, TableIndex,
    Threshold, View, ViewIndex, ViewKind,
};

/// How something is reached through a view.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Reading,
    Writing,
}

/// A view that reaches a protected table with rights that its policies do not bind.
pub(crate) struct ViewPastPolicies {
    pub view: ViewIndex,
    pub table: TableIndex,
    /// The commands that bypass the table's policies.
    pub commands: Vec<Command>,
}

/// What lints look at.
pub(crate) struct Survey<'a> {
    pub catalog: &'a Catalog,
    pub matrix: &'a Matrix<'a>,
    pub pause: &'a dyn Fn(),
    /// The views, by their OIDs.
    views: HashMap<TableId, Vec<&'a View>>,
    /// For each table, those through which some of its rows are reached: itself, those above and those beneath.
    families: ByTable<Vec<TableIndex>>,
    /// What expressions need: several lints ask.
    known: RefCell<HashMap<*const Expression, Threshold>>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(catalog: &'a Catalog, matrix: &'a Matrix<'a>, pause: &'a dyn Fn()) -> Survey<'a> {
        let mut views: HashMap<TableId, Vec<&View>> = HashMap::new();
        catalog.views.iter().for_each(|view| views.entry(view.id).or_default().push(view));
        let mut families: ByTable<Vec<TableIndex>> = catalog.tables.indexes().map(|table| vec![table]).collect();
        for table in catalog.tables.indexes() {
            for above in matrix.ancestors(table) {
                families[table].push(above);
                families[above].push(table);
            }
        }
        Survey { catalog, matrix, pause, views, families, known: RefCell::default() }
    }

    /// The tables with policies in force that ask for a level.
    pub(super) fn protected(&self) -> impl Iterator<Item = (TableIndex, &'a Table)> {
        self.catalog.tables.indexed().filter(|(_, table)| table.row_security && table.asks_for_level())
    }

    /// Every policy that asks for a level.
    pub(super) fn aal_policies(&self) -> impl Iterator<Item = (TableIndex, &'a Policy)> {
        self.policies().filter(|(_, policy)| policy.asks_for_level())
    }

    fn policies(&self) -> impl Iterator<Item = (TableIndex, &'a Policy)> {
        let tables = self.catalog.tables.indexed();
        tables.flat_map(|(index, table)| table.policies.iter().map(move |policy| (index, policy)))
    }

    /// Every policy's expressions.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (TableIndex, &'a Policy, &'a Expression)> {
        self.policies().flat_map(|(table, policy)| {
            (self.pause)();
            policy.expressions().map(move |expression| (table, policy, expression))
        })
    }

    /// One finding for each policy with an expression that matches.
    pub(super) fn policies_with(&self, matches: impl Fn(&Expression) -> bool, detail: &str) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (table, policy, expression) in self.expressions() {
            if matches(expression) {
                let name = &self.catalog.tables[table].display_name;
                let detail = format!("Policy {} on {name} {detail}", policy.name);
                let one = Found::on_table(table, detail).policy(policy);
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// The roles that row security binds.
    pub(super) fn bound_roles(&self, table: &'a Table) -> impl Iterator<Item = RoleIndex> {
        table.standings.indexed().filter(|(_, standing)| standing.bypass.is_none()).map(|(role, _)| role)
    }

    /// The lowest level at which an expression can be true.
    fn level(&self, expression: &'a Expression) -> RequiredLevel {
        self.lowest(expression).level
    }

    /// The same with how old its factor may be.
    pub(super) fn lowest(&self, expression: &'a Expression) -> Threshold {
        (self.pause)();
        // By its address: the catalog does not move.
        let address = std::ptr::from_ref(expression);
        if let Some(known) = self.known.borrow().get(&address) {
            return *known;
        }
        let threshold = self.matrix.lowest(expression);
        self.known.borrow_mut().insert(address, threshold);
        threshold
    }

    /// The level that a policy alone asks for a command.
    pub(super) fn policy_level(&self, policy: &'a Policy, command: Command) -> RequiredLevel {
        if !policy.command.covers(command) {
            return RequiredLevel::None;
        }
        let level = |expression: Option<&'a Expression>| expression.map_or(RequiredLevel::None, |it| self.level(it));
        match command {
            Command::Insert => level(policy.check()),
            Command::Update => level(policy.using.as_ref()).max(level(policy.check())),
            Command::Select | Command::Delete | Command::Truncate => level(policy.using.as_ref()),
        }
    }

    /// The highest level that any policy on a table asks of any role for a command.
    pub(super) fn asked(&self, table: &'a Table, command: Command) -> RequiredLevel {
        let asking = table.policies.iter().filter(|policy| policy.asks_for_level());
        let levels = asking.map(|policy| self.policy_level(policy, command));
        // A policy that refuses every session protects by no level.
        levels.filter(|level| *level != RequiredLevel::Denied).max().unwrap_or(RequiredLevel::None)
    }

    /// The views that match and reach a protected table with rights that its policies do not bind.
    pub(super) fn views_past_policies(&self, matches: impl Fn(&View) -> bool) -> Vec<ViewPastPolicies> {
        let mut found = Vec::new();
        for (index, view) in self.catalog.views.indexed().filter(|(_, view)| matches(view) && !view.asks_for_level) {
            let Some(owner) = self.catalog.role_index(view.owner) else { continue };
            let is_copy = view.kind == ViewKind::Materialized;
            let written = self.reached(&view.reads, is_copy, By::Writing);
            let read = self.reached(&view.reads, is_copy, By::Reading);
            for (table, _) in self.protected() {
                (self.pause)();
                let commands = self.commands_past_policies(view, owner, table, (&written, &read));
                if !commands.is_empty() {
                    found.push(ViewPastPolicies { view: index, table, commands });
                }
            }
        }
        found
    }

    /// The commands by which a view reaches a table for less than the table asks. `written` and `read` are what it reaches.
    fn commands_past_policies(
        &self,
        view: &View,
        owner: RoleIndex,
        index: TableIndex,
        (written, read): (&HashSet<TableId>, &HashSet<TableId>),
    ) -> Vec<Command> {
        // By reading, less is reached.
        if self.through(index, written).next().is_none() {
            return Vec::new();
        }
        let table = &self.catalog.tables[index];
        let by_reading = !view.kind.is_rule() && self.through(index, read).next().is_some();
        let passes = |command: &Command| {
            let is_open = if command.writes() || view.kind.is_rule() {
                !view.written_by.is_empty()
            } else {
                by_reading && !view.read_by.is_empty()
            };
            let asked = self.asked(table, *command);
            // A copy was made once. What its owner may do now does not matter.
            let bypasses = view.kind == ViewKind::Materialized
                || self.through(index, written).any(|it| self.matrix.own_need(it, owner, *command).level() < asked);
            is_open && asked != RequiredLevel::None && *command != Command::Truncate && bypasses
        };
        Command::ALL.into_iter().filter(passes).collect()
    }

    /// Of the tables that are reached, those through which some rows of a table are.
    pub(super) fn through(&self, table: TableIndex, reached: &HashSet<TableId>) -> impl Iterator<Item = TableIndex> {
        self.families[table].iter().copied().filter(|it| reached.contains(&self.catalog.tables[*it].id))
    }

    /// All that is reached from these tables and views with the rights of the role that reads there, also through other views. A
    /// view that reads with its caller's rights passes nothing on, unless the caller is the first: `is_first`. A copy holds
    /// everything it was made of. By writing, rules beneath count.
    pub(super) fn reached(&self, from: &[TableId], is_first: bool, by: By) -> HashSet<TableId> {
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

    /// A sentence that says which roles can do something with these tables. Roles that bypass row security on all of them are at its
    /// end, counted: that they can, tells little.
    pub(super) fn who_can(&self, roles: &[String], tables: &[TableIndex], what: &str) -> String {
        let bypasses = |role: &&str| {
            let index = self.catalog.roles.indexed().find(|(_, it)| it.name == **role).map(|(index, _)| index);
            let on = |table: &TableIndex, role| self.catalog.tables[*table].standings[role].bypass.is_some();
            index.is_some_and(|role| tables.iter().all(|table| on(table, role)))
        };
        let (bypassing, bound): (Vec<&str>, Vec<&str>) = roles.iter().map(String::as_str).partition(bypasses);
        let some = if let [_] = bypassing[..] {
            "1 role that bypasses".to_owned()
        } else {
            format!("{} roles that bypass", bypassing.len())
        };
        match (bound.is_empty(), bypassing.is_empty()) {
            (false, true) => format!("{} can {what}", bound.join(", ")),
            (true, _) => format!("{some} row security can {what}: {}", beginning(&bypassing)),
            (false, false) => {
                format!("{} can {what}; {some} row security can, too: {}", bound.join(", "), beginning(&bypassing))
            }
        }
    }

    /// Whether a finding is about a role that clients of an API have. One that names no role is about all of them.
    pub(super) fn concerns_api(&self, found: &Found) -> bool {
        let is_api = |name: &String| self.catalog.roles.iter().any(|role| role.is_api && role.name == *name);
        found.roles.is_empty() || found.roles.iter().any(is_api)
    }

    pub(super) fn role_names(&self, roles: &[RoleIndex]) -> Vec<&'a str> {
        roles.iter().map(|role| self.catalog.roles[*role].name.as_str()).collect()
    }
}

/// The first few names, and whether there are more.
fn beginning(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
