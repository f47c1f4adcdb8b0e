//! What lints look at, and what several of them ask.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::commands::Commands;
use super::finding::Found;
use super::level_readers::LevelReaders;
use super::no_level::{ReadingRole, WithoutLevel, without_level};
use super::reach::{Actor, Heed, Reach, Reached, Step, Way};
use crate::{
    ByTable, Catalog, Command, Expression, FunctionIndex, Matrix, Need, Policy, RequiredLevel, RoleId, RoleIndex,
    Table, TableId, TableIndex, Threshold, Trigger, View, ViewIndex, ViewKind,
};
use aal::{Doubt, Profile, Profiles};

/// A view that reaches a protected table with rights that its policies do not bind.
pub(crate) struct ViewPastPolicies {
    pub view: ViewIndex,
    pub table: TableIndex,
    /// The commands that bypass the table's policies.
    pub commands: Vec<Command>,
    /// The names of the roles that may use the view.
    pub roles: Vec<String>,
}

/// The levels that tables are held against.
pub(crate) enum Measure {
    /// What their own policies ask for.
    Policies,
    /// What somebody asserts.
    Asserted {
        /// For each table the levels, in the order of [`Command::ALL`].
        levels: HashMap<TableId, [Threshold; Command::ALL.len()]>,
        /// The role that it is about; else all that row security binds.
        role: Option<RoleIndex>,
    },
}

/// For so many roles it is tried what a policy says to each.
const MOST_ROLES: usize = 16;

/// What lints look at.
pub(crate) struct Survey<'a> {
    pub catalog: &'a Catalog,
    pub matrix: &'a Matrix<'a>,
    pub pause: &'a dyn Fn(),
    /// What the tables are held against.
    pub measure: Measure,
    /// What leads from one thing to the next.
    pub(super) reach: Reach<'a>,
    /// For each table, those through which some of its rows are reached: itself, those above and those beneath.
    families: ByTable<Vec<TableIndex>>,
    /// What expressions need: several lints ask.
    known: RefCell<HashMap<*const Expression, Threshold>>,
    /// What sessions without a level get by expressions: two lints ask.
    without_level: RefCell<HashMap<*const Expression, WithoutLevel>>,
    level_readers: OnceCell<LevelReaders<'a>>,
    /// The functions that policies call.
    called_by_policies: HashMap<(TableId, &'a str), Vec<FunctionIndex>>,
    /// The levels that tables' policies ask for.
    asked_anywhere: OnceCell<HashSet<Threshold>>,
    refuses_guests: OnceCell<bool>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        matrix: &'a Matrix<'a>,
        measure: Measure,
        pause: &'a dyn Fn(),
    ) -> Survey<'a> {
        let mut families: ByTable<Vec<TableIndex>> = catalog.tables.indexes().map(|table| vec![table]).collect();
        for table in catalog.tables.indexes() {
            for above in matrix.ancestors(table) {
                families[table].push(above);
                families[above].push(table);
            }
        }
        let ids = |family: &Vec<TableIndex>| family[1..].iter().map(|it| catalog.tables[*it].id).collect();
        let others = catalog.tables.iter().zip(&families).filter(|(_, family)| family.len() > 1);
        let mut called_by_policies: HashMap<_, Vec<FunctionIndex>> = HashMap::new();
        for (table, policy, function) in &catalog.called_by_policies {
            called_by_policies.entry((*table, policy.as_str())).or_default().push(*function);
        }
        let reach = Reach::new(catalog, matrix, others.map(|(table, family)| (table.id, ids(family))).collect());
        let reach = reach.with_asking_views(asking_views(catalog, matrix, &measure, pause));
        Survey {
            catalog,
            matrix,
            pause,
            measure,
            reach,
            families,
            known: RefCell::default(),
            without_level: RefCell::default(),
            level_readers: OnceCell::new(),
            called_by_policies,
            asked_anywhere: OnceCell::new(),
            refuses_guests: OnceCell::new(),
        }
    }

    /// The tables that are held against something: with policies in force that ask for a level, or asserted.
    pub(super) fn protected(&self) -> impl Iterator<Item = (TableIndex, &'a Table)> {
        self.catalog.tables.indexed().filter(|(_, table)| self.is_protected(table))
    }

    fn is_protected(&self, table: &Table) -> bool {
        match &self.measure {
            Measure::Policies => table.row_security && table.asks_for_level(),
            Measure::Asserted { levels, .. } => levels.contains_key(&table.id),
        }
    }

    /// The functions by what they call, and those that read a level.
    pub(super) fn level_readers(&self) -> &LevelReaders<'a> {
        self.level_readers.get_or_init(|| LevelReaders::of(self.catalog, &self.reach, self.pause))
    }

    /// The functions that a policy calls itself.
    pub(super) fn called_by_policy(&self, table: TableIndex, policy: &Policy) -> Vec<FunctionIndex> {
        let key = (self.catalog.tables[table].id, policy.name.as_str());
        self.called_by_policies.get(&key).cloned().unwrap_or_default()
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
        self.policies_where(|_, _, expression| matches(expression), detail)
    }

    /// The same, where it matters whose expression it is.
    pub(super) fn policies_where(
        &self,
        matches: impl Fn(TableIndex, &Policy, &Expression) -> bool,
        detail: &str,
    ) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (table, policy, expression) in self.expressions() {
            if matches(table, policy, expression) {
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

    /// The roles that a policy binds and that have rights on its table, each with the tables that it may read. One stands for all of them
    /// if the policy is the same to all.
    pub(super) fn roles_of(&self, table: TableIndex, policy: &Policy) -> Vec<ReadingRole<'a>> {
        let table = &self.catalog.tables[table];
        let has_right = |role: &RoleIndex| table.standings[*role].privileges.contains(&true);
        let bound = self.bound_roles(table).filter(|role| policy.binds[*role] && has_right(role)).take(MOST_ROLES);
        let roles = bound.map(|role| &self.catalog.roles[role]);
        let roles: Vec<ReadingRole<'a>> = roles.map(|role| (role.name.as_str(), Some(&role.readable))).collect();
        let is_same_for_all = !policy.expressions().any(Expression::depends_on_role);
        match roles.as_slice() {
            [] => vec![("authenticated", None)],
            [first, ..] if is_same_for_all => vec![*first],
            _ => roles,
        }
    }

    /// What sessions without a level get by an expression of a policy.
    pub(super) fn without_level(&self, table: TableIndex, policy: &Policy, expression: &Expression) -> WithoutLevel {
        // By its address: the catalog does not move.
        let address = std::ptr::from_ref(expression);
        if let Some(known) = self.without_level.borrow().get(&address) {
            return *known;
        }
        let found = without_level(expression, &self.roles_of(table, policy), self.catalog.trusts_settings);
        self.without_level.borrow_mut().insert(address, found);
        found
    }

    /// The doubts about each claims profile of an issuer.
    pub(super) fn doubts(&self) -> impl Iterator<Item = (&'a Profile, Doubt)> {
        let profiles = self.catalog.profiles.iter().flat_map(Profiles::of_issuers);
        profiles.flat_map(|profile| profile.doubts().into_iter().map(move |doubt| (profile, doubt)))
    }

    /// The roles that row security binds.
    pub(super) fn bound_roles(&self, table: &'a Table) -> impl Iterator<Item = RoleIndex> {
        table.standings.indexed().filter(|(_, standing)| standing.bypass.is_none()).map(|(role, _)| role)
    }

    /// The lowest level at which an expression can be true, and how old its factor may be.
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

    /// What a policy alone asks for a command.
    pub(super) fn policy_threshold(&self, policy: &'a Policy, command: Command) -> Threshold {
        if !policy.command.covers(command) {
            return Threshold::NOTHING;
        }
        let lowest = |it: Option<&'a Expression>| it.map_or(Threshold::NOTHING, |it| self.lowest(it));
        match command {
            Command::Insert => lowest(policy.check()),
            Command::Update => lowest(policy.using.as_ref()).and(lowest(policy.check())),
            Command::Select | Command::Delete | Command::Truncate => lowest(policy.using.as_ref()),
        }
    }

    /// The assertion that a command on a table is held against, or the highest level that any policy asks of any role. With it, the
    /// smallest age of its factor that goes with that level.
    pub(super) fn asked(&self, table: &'a Table, command: Command) -> Threshold {
        if let Measure::Asserted { levels, .. } = &self.measure {
            return levels.get(&table.id).map_or(Threshold::NOTHING, |levels| levels[command.index()]);
        }
        let asking = table.policies.iter().filter(|policy| policy.asks_for_level());
        let asked = asking.map(|policy| (policy.permissive, self.policy_threshold(policy, command)));
        // A policy that refuses every session protects by no level.
        let asked: Vec<_> = asked.filter(|(_, it)| it.level != RequiredLevel::Denied).collect();
        let highest = asked.iter().map(|(_, it)| it.level).max().unwrap_or(RequiredLevel::None);
        // Restrictive policies hold together, at any level. Of those that permit, another may do so for less.
        let counts = |(permissive, it): &&(bool, Threshold)| !*permissive || it.level == highest;
        asked.iter().filter(counts).map(|(_, it)| *it).fold(Threshold::NOTHING, Threshold::and)
    }

    /// All that a command is held against on a table and those through which some of its rows are reached.
    pub(super) fn asked_of_family(&self, table: TableIndex, command: Command) -> Threshold {
        match &self.measure {
            Measure::Policies => self.asked(&self.catalog.tables[table], command),
            Measure::Asserted { .. } => {
                let levels = self.families[table].iter().map(|it| self.asked(&self.catalog.tables[*it], command));
                levels.fold(Threshold::NOTHING, Threshold::and)
            }
        }
    }

    /// The roles for which a way from `begins` to the rows of `table` counts.
    pub(super) fn roles_beginning(&self, begins: &'a Table, table: &'a Table) -> Vec<RoleIndex> {
        match &self.measure {
            Measure::Policies => self.bound_roles(begins).collect(),
            Measure::Asserted { .. } => self.catalog.roles.indexes().filter(|role| self.counts(*role, table)).collect(),
        }
    }

    /// Of roles' names, those for which a way to the rows of one of these tables counts.
    pub(super) fn counted(&self, names: &[String], tables: &[TableIndex]) -> Vec<String> {
        if matches!(self.measure, Measure::Policies) {
            return names.to_vec();
        }
        let counts = |name: &str| {
            let role = self.catalog.roles.indexed().find(|(_, role)| role.name == name).map(|(index, _)| index);
            role.is_none_or(|role| tables.iter().any(|table| self.counts(role, &self.catalog.tables[*table])))
        };
        self.in_order(names.iter().filter(|name| counts(name)).cloned().collect())
    }

    /// Names of roles in the order of lists.
    pub(super) fn in_order(&self, mut names: Vec<String>) -> Vec<String> {
        let place = |name: &String| self.catalog.roles.iter().position(|role| role.name == *name);
        names.sort_by_cached_key(|name| place(name).unwrap_or(usize::MAX));
        names
    }

    /// Whether a way of this role to a table's rows counts: row security binds it, or the assertion is about it.
    pub(super) fn counts(&self, role: RoleIndex, table: &Table) -> bool {
        match &self.measure {
            Measure::Asserted { role: Some(only), .. } => role == *only,
            Measure::Asserted { role: None, .. } => self.catalog.is_held(table, role),
            Measure::Policies => table.standings[role].bypass.is_none(),
        }
    }

    /// Which gates count: for each of these a search of its own.
    pub(super) fn heeds(&self) -> Vec<Heed> {
        let (levels, asserts, role) = match &self.measure {
            Measure::Policies => (self.levels_of_policies(), false, None),
            Measure::Asserted { levels, role } => (levels.values().flatten().copied().collect(), true, *role),
        };
        let counts = |it: &Threshold| it.level != RequiredLevel::None;
        let levels: BTreeSet<_> = levels.into_iter().filter(counts).map(|it| (it.level, it.max_age)).collect();
        let heed = |(level, max_age)| Heed {
            level: Some(Threshold { level, max_age }),
            role,
            asserts,
            refuses_guests: asserts || self.refuses_guests(),
        };
        levels.into_iter().map(heed).collect()
    }

    /// Whether gates let anonymous users pass, by their claim `aal`, and no policy that asks for a level does.
    fn refuses_guests(&self) -> bool {
        let by_gates = || self.catalog.functions.indexes().any(|it| self.reach.gates.passed(it, None).by_guests);
        let by_policies = || self.aal_policies().any(|(_, it)| it.expressions().any(|it| self.lets_guests_pass(it)));
        *self.refuses_guests.get_or_init(|| by_gates() && !by_policies())
    }

    fn lets_guests_pass(&self, expression: &Expression) -> bool {
        (self.pause)();
        expression.asks_for_level() && self.matrix.lets_guests_pass(expression)
    }

    /// The levels that tables' policies ask for.
    fn levels_of_policies(&self) -> HashSet<Threshold> {
        let asked = || {
            let tables = self.protected().flat_map(|(_, table)| Command::ALL.map(|command| (table, command)));
            tables.map(|(table, command)| self.asked(table, command)).collect()
        };
        self.asked_anywhere.get_or_init(asked).clone()
    }

    /// The protected tables of which some rows may be reached. The answer of [`Survey::past`] is empty for all others.
    pub(super) fn touched(&self, reached: &Reached, heed: Heed) -> BTreeSet<TableIndex> {
        // Lints say nothing of code that they don't read.
        if heed.asserts && !reached.opaque.is_empty() {
            return self.protected().map(|(index, _)| index).collect();
        }
        let others = reached.tables.iter().filter(|(way, _)| way.rights != Actor::Caller || way.claims_may_differ);
        let ids: BTreeSet<TableId> = others.flat_map(|(_, tables)| tables.keys().copied()).collect();
        let indexes = ids.into_iter().filter_map(|id| self.matrix.table_index(id));
        let families: BTreeSet<TableIndex> = indexes.flat_map(|index| self.families[index].iter().copied()).collect();
        families.into_iter().filter(|index| self.is_protected(&self.catalog.tables[*index])).collect()
    }

    /// The commands that are done to a table's rows, on ways that match, for less than the table is held against.
    pub(super) fn past(
        &self,
        reached: &Reached,
        heed: Heed,
        table: TableIndex,
        matches: impl Fn(&Way) -> bool,
    ) -> Commands {
        let asked = Command::ALL.map(|command| match heed.level {
            Some(level) if self.asked(&self.catalog.tables[table], command) != level => Threshold::NOTHING,
            _ => self.asked(&self.catalog.tables[table], command),
        });
        if asked.iter().all(|it| it.level == RequiredLevel::None) {
            return Commands::NONE;
        }
        let mut past = Commands::NONE;
        let mut add = |way: &Way, it: TableIndex, commands: Commands| {
            let is_open = |command: &Command| {
                let asked = asked[command.index()];
                !self.needed_on(table, it, way, *command).implies(asked)
                    && (way.claims_may_differ || !way.asked.implies(asked))
            };
            let open = commands.iter().filter(is_open);
            past = past.with(open.collect());
        };
        for it in self.families[table].iter().copied() {
            let id = self.catalog.tables[it].id;
            for (way, tables) in reached.tables.iter().filter(|(way, _)| matches(way)) {
                add(way, it, tables.get(&id).copied().unwrap_or_default());
            }
            // Lints say nothing of code that they don't read.
            if heed.asserts {
                reached.opaque.keys().filter(|way| matches(way)).for_each(|way| add(way, it, Commands::ALL));
            }
        }
        past
    }

    /// The protected tables some of whose rows are reached through this one.
    pub(super) fn protected_family(&self, through: TableIndex) -> impl Iterator<Item = TableIndex> {
        let family = self.families[through].iter().copied();
        family.filter(|table| self.is_protected(&self.catalog.tables[*table]))
    }

    /// What a session of a role must show to fire a trigger by a command on a table, if it can. `forges`: something on the way changes
    /// the session.
    pub(super) fn need_to_fire(
        &self,
        table: TableIndex,
        role: RoleIndex,
        command: Command,
        trigger: &Trigger,
        forges: bool,
    ) -> Option<Threshold> {
        let own = self.matrix.own_need(table, role, command);
        let of_sessions = |need: &Need| if need.applies_when.is_empty() { need.threshold } else { Threshold::NOTHING };
        let needed = if !trigger.for_each_statement && !trigger.is_before {
            of_sessions(own)
        } else if trigger.for_each_statement && trigger.is_before && forges && own.level() != RequiredLevel::Denied {
            // It may change the claims before the guard reads them.
            Threshold::NOTHING
        } else {
            // It fires before a policy refuses a row, or without any row.
            of_sessions(&self.matrix.need_to_fire(table, role, command, trigger.for_each_statement))
        };
        (needed.level != RequiredLevel::Denied).then_some(needed)
    }

    /// What a need requires of sessions on their way to rows of this table. It requires nothing of those that it exempts, unless the table
    /// exempts the same sessions.
    pub(super) fn needed_for(&self, need: &Need, table: TableIndex) -> Threshold {
        let Measure::Asserted { levels, .. } = &self.measure else { return need.threshold };
        if need.applies_when.is_empty() {
            return need.threshold;
        }
        let asserted = |it: &Command| {
            let levels = levels.get(&self.catalog.tables[table].id);
            levels.is_some_and(|levels| levels[it.index()].level != RequiredLevel::None)
        };
        let commands = || Command::ALL.into_iter().filter(asserted);
        let roles = || self.catalog.roles.indexes();
        let needs = || roles().flat_map(|role| commands().map(move |command| self.matrix.need(table, role, command)));
        // The gate names these on the table itself.
        let is_exempt = |function: &String| needs().any(|need| need.applies_when.contains(function));
        if need.applies_when.iter().all(is_exempt) { need.threshold } else { Threshold::NOTHING }
    }

    /// What a command needs of the role whose rights count, on a way to rows of `to`.
    pub(super) fn needed_on(&self, to: TableIndex, table: TableIndex, way: &Way, command: Command) -> Threshold {
        const DENIED: Threshold = Threshold::at_any_age(RequiredLevel::Denied);
        let needed = |role: RoleId| {
            let need = self.catalog.role_index(role).map(|role| self.matrix.own_need(table, role, command));
            need.map_or(Threshold::NOTHING, |need| self.needed_for(need, to))
        };
        match way.rights {
            // With other claims, a role can do all that it may do at any level. Else the matrix says what it can do itself.
            Actor::Caller if way.claims_may_differ && self.may_some_role(table, command) => Threshold::NOTHING,
            Actor::Caller => DENIED,
            Actor::Unbound => Threshold::NOTHING,
            Actor::Role(role) => match needed(role) {
                DENIED => DENIED,
                _ if way.claims_may_differ => Threshold::NOTHING,
                needed => needed,
            },
        }
    }

    /// Whether some role that row security binds may do this at some level.
    fn may_some_role(&self, table: TableIndex, command: Command) -> bool {
        let mut roles = self.catalog.roles.indexes().filter(|role| self.counts(*role, &self.catalog.tables[table]));
        roles.any(|role| self.matrix.own_need(table, role, command).level() != RequiredLevel::Denied)
    }

    /// The views that match and reach a protected table with rights that its policies do not bind.
    pub(super) fn views_past_policies(&self, matches: impl Fn(&View) -> bool) -> Vec<ViewPastPolicies> {
        let asserts = matches!(self.measure, Measure::Asserted { .. });
        // Lints take rules at their word.
        let is_heeded = |view: &View| !asserts && view.kind.is_rule() && view.asks_for_level;
        let views = self.catalog.views.indexed().filter(|(_, view)| matches(view) && !is_heeded(view));
        let mut found = Vec::new();
        for (index, view) in views {
            let mut by_table: BTreeMap<TableIndex, Commands> = BTreeMap::new();
            let readers = readers_of(view, asserts);
            let asks = self.reach.asked_by(index).level != RequiredLevel::None;
            for heed in self.heeds() {
                let reads = self.reached_by_view(index, Command::Select.into(), &readers, heed);
                let mut writes = Commands::ALL.without([Command::Select, Command::Truncate].into_iter().collect());
                // Through a view that asks, only INSERT may be open.
                if asks && view.inserted_by.is_empty() {
                    writes = writes.without(Command::Insert.into());
                }
                let writes = self.reached_by_view(index, writes, &view.written_by, heed);
                let touched = |it: &Option<Reached>| it.as_ref().map(|it| self.touched(it, heed)).unwrap_or_default();
                for table in touched(&reads).union(&touched(&writes)).copied() {
                    let past = |reached: &Option<Reached>| {
                        let past = reached.as_ref().map(|reached| self.past(reached, heed, table, |_| true));
                        past.unwrap_or_default()
                    };
                    let written = past(&writes);
                    let select = Commands::from(Command::Select);
                    // A write that reads is shown as a write. A rule may do anything.
                    let written = if view.kind.is_rule() { written } else { written.without(select) };
                    let shown = past(&reads);
                    // What the making of a copy writes, its readers don't.
                    let shown = if view.kind == ViewKind::Materialized { shown.common(select) } else { shown };
                    let commands = written.with(shown);
                    let all = by_table.entry(table).or_default();
                    *all = all.with(commands);
                }
            }
            for (table, commands) in by_table {
                let commands: Vec<Command> = commands.iter().collect();
                let users = match commands.as_slice() {
                    [Command::Insert] if asks => view.inserted_by.clone(),
                    _ => users_of(view, &readers, &commands, asserts),
                };
                let roles = self.counted(&users, &[table]);
                if !commands.is_empty() && !roles.is_empty() {
                    found.push(ViewPastPolicies { view: index, table, commands, roles });
                }
            }
        }
        found
    }

    /// The end of a search from a view that some of these roles may use; `None` if there is no such role.
    fn reached_by_view(&self, view: ViewIndex, commands: Commands, roles: &[String], heed: Heed) -> Option<Reached> {
        let kind = self.catalog.views[view].kind;
        let does_nothing = kind.is_rule() && !commands.writes();
        (!roles.is_empty() && !does_nothing).then(|| self.reach.from(Step::View(view, commands), heed, self.pause))
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

/// The threshold that each view asks of a session before it shows a row of a table. Of one that calls a VOLATILE function, or reads a view of which that
/// isn't known, nothing: the claims may be others by then.
fn asking_views(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    measure: &Measure,
    pause: &dyn Fn(),
) -> HashMap<ViewIndex, Threshold> {
    let is_query = |view: &View| matches!(view.kind, ViewKind::OwnerRights | ViewKind::InvokerRights);
    let mut readers: HashMap<TableId, Vec<TableId>> = HashMap::new();
    for view in catalog.views.iter().filter(|view| is_query(view)) {
        view.reads.iter().for_each(|id| readers.entry(*id).or_default().push(view.id));
    }
    let mut open: Vec<TableId> =
        catalog.views.iter().filter(|view| is_query(view) && !view.is_steady).map(|view| view.id).collect();
    let mut unsteady: HashSet<TableId> = HashSet::new();
    while let Some(view) = open.pop() {
        if unsteady.insert(view) {
            open.extend(readers.get(&view).into_iter().flatten());
        }
    }
    let asking = |(index, view): (ViewIndex, &View)| {
        pause();
        // A function in a client's own SQL may look at rows before the condition does.
        let holds = (catalog.trusts_settings || view.is_barrier) && !unsteady.contains(&view.id);
        let condition = view.condition.as_ref().filter(|_| is_query(view) && holds)?;
        let threshold = condition.asks_for_level().then(|| matrix.lowest(condition))?;
        // An assertion holds for anonymous users, too.
        let counts = matches!(measure, Measure::Policies) || !matrix.lets_guests_pass(condition);
        counts.then_some((index, threshold))
    };
    catalog.views.indexed().filter_map(asking).collect()
}

/// The first few names, and whether there are more.
fn beginning(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// The names of the roles that may read a view for more than they may read themselves. Lints trust the owner of a copy.
fn readers_of(view: &View, with_owner: bool) -> Vec<String> {
    let owner = view.owner_as_user.iter().filter(|_| with_owner && view.kind == ViewKind::Materialized);
    view.read_by.iter().chain(owner).cloned().collect()
}

/// The names of the roles that may use a view for these commands.
fn users_of(view: &View, readers: &[String], commands: &[Command], with_readers: bool) -> Vec<String> {
    let writes = view.kind.is_rule() || commands.iter().any(|command| command.writes());
    let reads = !writes || (with_readers && !view.kind.is_rule() && commands.contains(&Command::Select));
    let mut users = if writes { view.written_by.clone() } else { Vec::new() };
    let others: Vec<String> = readers.iter().filter(|name| reads && !users.contains(name)).cloned().collect();
    users.extend(others);
    users
}
