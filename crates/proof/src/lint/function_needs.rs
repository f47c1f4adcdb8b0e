//! What functions need of sessions that reach protected tables through them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::commands::Commands;
use super::finding::listed;
use super::reach::{Actor, Heed, Reached, Step, TriggerPlace, Way};
use super::survey::{Measure, Survey};
use crate::{Catalog, Command, FunctionIndex, Matrix, Need, RequiredLevel, RoleIndex, TableIndex, Threshold, Trigger};

/// What a function needs of sessions of a role, and what it reaches for them.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionNeed {
    /// The function.
    pub function: FunctionIndex,
    /// The role.
    pub role: RoleIndex,
    /// The least that a session must show before the function touches a protected table.
    pub threshold: Threshold,
    /// The protected tables that it reaches, and what it may do there.
    pub reaches: BTreeMap<TableIndex, Vec<Command>>,
    /// Whether it may reach any other protected table, too: some code on the way can't be read.
    pub may_reach_all: bool,
    /// What decided it.
    pub decided_by: Vec<String>,
    /// What counted as possibly true because it couldn't be read, and who else passes.
    pub note: Option<String>,
}

impl FunctionNeed {
    /// What it reaches, as in `public.payments: UPDATE`.
    pub fn reached(&self, catalog: &Catalog) -> Vec<String> {
        let table = |(table, commands): (&TableIndex, &Vec<Command>)| {
            format!("{}: {}", catalog.tables[*table].display_name, listed(commands))
        };
        let any = self.may_reach_all.then(|| "any table that its role can reach".to_owned());
        self.reaches.iter().map(table).chain(any).collect()
    }

    /// Whether the role is held to the levels of the tables that it reaches, where no role is named.
    pub fn is_held(&self, catalog: &Catalog) -> bool {
        let mut tables = self.reaches.keys();
        self.reaches.is_empty() || tables.any(|table| catalog.is_held(&catalog.tables[*table], self.role))
    }
}

/// Derives what functions need: one item for each function and role that reaches a protected table by it, past what the matrix says of
/// the role itself. `only` narrows it to one function, or to one role. It calls `pause` now and then, which may unwind.
pub fn function_needs<'a>(
    catalog: &'a Catalog,
    matrix: &'a Matrix<'a>,
    only: (Option<FunctionIndex>, Option<RoleIndex>),
    pause: &'a dyn Fn(),
) -> Vec<FunctionNeed> {
    needs(&Survey::new(catalog, matrix, Measure::Policies, pause), only)
}

/// The same, from a survey by the tables' own policies.
pub(super) fn needs(survey: &Survey<'_>, only: (Option<FunctionIndex>, Option<RoleIndex>)) -> Vec<FunctionNeed> {
    if survey.protected().next().is_none() {
        return Vec::new();
    }
    let catalog = survey.catalog;
    let weighing = Weighing::new(survey);
    let roles: Vec<RoleIndex> =
        catalog.roles.indexes().filter(|role| only.1.is_none_or(|only| only == *role)).collect();
    let fired = weighing.fired(&roles, only.0);
    let mut needs = Vec::new();
    for (index, function) in catalog.functions.indexed() {
        if only.0.is_some_and(|only| only != index) {
            continue;
        }
        for role in roles.iter().copied() {
            let called = function.open_to.contains(&catalog.roles[role].name);
            let weighed = if called { weighing.called(index, role) } else { None };
            let weighed = weighed.map(|it| (*it).clone()).or_else(|| fired.get(&(index, role)).cloned());
            needs.extend(weighed.map(|weighed| weighed.into_need(index, role)));
        }
    }
    needs
}

/// What a session of a role must show to pass a function's own gate.
pub fn needed_by_gate(catalog: &Catalog, matrix: &Matrix<'_>, function: FunctionIndex, role: RoleIndex) -> Threshold {
    super::gates::Gates::new(catalog, matrix).needed(function, Some(role), true)
}

/// What a way into the database needs.
#[derive(Clone)]
struct Weighed {
    threshold: Threshold,
    reaches: BTreeMap<TableIndex, Commands>,
    may_reach_all: bool,
    decided_by: Vec<String>,
    notes: BTreeSet<String>,
}

impl Weighed {
    fn into_need(self, function: FunctionIndex, role: RoleIndex) -> FunctionNeed {
        let notes: Vec<String> = self.notes.into_iter().collect();
        FunctionNeed {
            function,
            role,
            threshold: self.threshold,
            reaches: self.reaches.into_iter().map(|(table, commands)| (table, commands.iter().collect())).collect(),
            may_reach_all: self.may_reach_all,
            decided_by: self.decided_by,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// Adds another way by which a session reaches something.
    fn or(&mut self, other: Weighed) {
        for (table, commands) in other.reaches {
            let all = self.reaches.entry(table).or_default();
            *all = all.with(commands);
        }
        self.may_reach_all |= other.may_reach_all;
        self.notes.extend(other.notes);
        if other.threshold.is_weaker_than(self.threshold) {
            (self.threshold, self.decided_by) = (other.threshold, other.decided_by);
        }
    }
}

/// A command on a protected table that something on the way does.
struct Touch {
    /// The protected table.
    table: TableIndex,
    /// The table whose policies count: the same, or one of its family.
    through: TableIndex,
    command: Command,
    rights: Actor,
    needed: Threshold,
}

/// Where a search begins, and which ways count.
#[derive(Clone)]
struct Begin {
    step: Step,
    actor: Actor,
    /// The first trigger on the ways that count; `None`: all ways count.
    trigger: Option<TriggerPlace>,
    /// The role whose session it is; `None` where that doesn't matter.
    role: Option<RoleIndex>,
}

type Called = (FunctionIndex, Option<RoleIndex>);

struct Weighing<'s, 'a> {
    survey: &'s Survey<'a>,
    /// The roles that bypass the policies of some protected table.
    bypassing: BTreeSet<RoleIndex>,
    depends_on_role: bool,
    known: RefCell<HashMap<Called, Option<Rc<Weighed>>>>,
}

impl<'s, 'a> Weighing<'s, 'a> {
    fn new(survey: &'s Survey<'a>) -> Weighing<'s, 'a> {
        let bypasses = |role: &RoleIndex| survey.protected().any(|(_, table)| table.standings[*role].bypass.is_some());
        Weighing {
            survey,
            bypassing: survey.catalog.roles.indexes().filter(bypasses).collect(),
            depends_on_role: survey.reach.gates.depend_on_role(),
            known: RefCell::default(),
        }
    }

    /// What a function needs that a session of this role calls.
    fn called(&self, function: FunctionIndex, role: RoleIndex) -> Option<Rc<Weighed>> {
        let bypasses = self.bypassing.contains(&role);
        let role = (bypasses || self.depends_on_role).then_some(role);
        if let Some(known) = self.known.borrow().get(&(function, role)) {
            return known.clone();
        }
        let actor = match role {
            Some(role) if bypasses => Actor::Role(self.survey.catalog.roles[role].id),
            _ => Actor::Caller,
        };
        let weighed = self.weigh(&Begin { step: Step::Function(function), actor, trigger: None, role }).map(Rc::new);
        self.known.borrow_mut().insert((function, role), weighed.clone());
        weighed
    }

    fn weigh(&self, begin: &Begin) -> Option<Weighed> {
        let all = self.reached(begin, None);
        let touches = self.touches(begin, &all);
        let opaque = self.opaque(begin, &all);
        if touches.is_empty() && opaque.is_empty() {
            return None;
        }
        let (threshold, at) = self.highest(begin, &all, &touches, !opaque.is_empty());
        let mut weighed = Weighed {
            threshold,
            reaches: BTreeMap::new(),
            may_reach_all: !opaque.is_empty(),
            decided_by: self.reasons(begin, &at, threshold),
            notes: self.notes(&all, &at, threshold),
        };
        for touch in &touches {
            let commands = weighed.reaches.entry(touch.table).or_default();
            *commands = commands.with(touch.command.into());
        }
        self.let_guests_pass(begin, &at, &mut weighed);
        Some(weighed)
    }

    fn reached(&self, begin: &Begin, level: Option<Threshold>) -> Reached {
        let heed = Heed { level, role: begin.role, asserts: true, refuses_guests: false };
        self.survey.reach.of_actor(begin.step.clone(), begin.actor, heed, self.survey.pause)
    }

    /// The highest threshold below which nothing is reached, and what is reached from it on.
    fn highest(&self, begin: &Begin, all: &Reached, touches: &[Touch], is_opaque: bool) -> (Threshold, Reached) {
        let gates = all.functions.iter().map(|it| self.survey.reach.gates.passed(*it, begin.role).threshold);
        let by_policies = touches.iter().map(|touch| touch.needed);
        let owners = if is_opaque { self.needs_of_owners(all) } else { BTreeSet::new() };
        let needed = gates.chain(by_policies).flat_map(|it| [it, Threshold::at_any_age(it.level)]);
        let needed = needed.chain(owners.into_iter().map(Threshold::at_any_age));
        let mut candidates: Vec<Threshold> = needed.filter(|it| it.level != RequiredLevel::None).collect();
        // The highest first, and of one level those with the smallest age.
        candidates.sort_by_key(|it| (std::cmp::Reverse(it.level), it.max_age.is_none(), it.max_age));
        candidates.dedup();
        for candidate in candidates {
            let reached = self.reached(begin, Some(candidate));
            if self.is_closed(begin, &reached, candidate) {
                return (candidate, reached);
            }
        }
        (Threshold::NOTHING, self.reached(begin, None))
    }

    /// The levels that tables need of the roles whose rights unread code has.
    fn needs_of_owners(&self, all: &Reached) -> BTreeSet<RequiredLevel> {
        let mut levels = BTreeSet::new();
        for way in all.opaque.keys() {
            for (table, _) in self.survey.protected() {
                levels.extend(Command::ALL.map(|command| self.needed(way, table, command).level));
            }
        }
        levels
    }

    /// Whether nothing that is reached needs less.
    fn is_closed(&self, begin: &Begin, reached: &Reached, level: Threshold) -> bool {
        let opaque = self.opaque(begin, reached);
        let is_open = |way: &&Way| {
            let mut protected = self.survey.protected();
            protected.any(|(table, _)| Command::ALL.iter().any(|it| !self.needed(way, table, *it).implies(level)))
        };
        self.touches(begin, reached).iter().all(|touch| touch.needed.implies(level)) && !opaque.iter().any(is_open)
    }

    /// The commands on protected tables, as far as the rights on the way allow them.
    fn touches(&self, begin: &Begin, reached: &Reached) -> Vec<Touch> {
        let mut touches = Vec::new();
        for (way, tables) in reached.tables.iter().filter(|(way, _)| begin.counts(way)) {
            for (id, commands) in tables {
                let Some(through) = self.survey.matrix.table_index(*id) else { continue };
                for table in self.survey.protected_family(through) {
                    for command in commands.iter() {
                        let needed = self.needed(way, through, command);
                        if needed.level != RequiredLevel::Denied {
                            touches.push(Touch { table, through, command, rights: way.rights, needed });
                        }
                    }
                }
            }
        }
        touches
    }

    /// The ways on which some code isn't read that could do something to a protected table.
    fn opaque<'r>(&self, begin: &Begin, reached: &'r Reached) -> Vec<&'r Way> {
        let may = |way: &&Way| {
            let mut protected = self.survey.protected();
            let is_possible = |table, command| self.needed(way, table, command).level != RequiredLevel::Denied;
            protected.any(|(table, _)| Command::ALL.into_iter().any(|command| is_possible(table, command)))
        };
        reached.opaque.keys().filter(|way| begin.counts(way)).filter(may).collect()
    }

    /// What a command on a table needs of the role whose rights count.
    fn needed(&self, way: &Way, table: TableIndex, command: Command) -> Threshold {
        const DENIED: Threshold = Threshold::at_any_age(RequiredLevel::Denied);
        let Actor::Role(role) = way.rights else { return self.survey.needed_on(table, table, way, command) };
        match self.need_of(role, table, command) {
            None => Threshold::NOTHING,
            Some(need) if need.threshold == DENIED => DENIED,
            Some(need) if way.claims_may_differ || !need.applies_when.is_empty() => Threshold::NOTHING,
            Some(need) => need.threshold,
        }
    }

    fn need_of(&self, role: crate::RoleId, table: TableIndex, command: Command) -> Option<&'a Need> {
        let role = self.survey.catalog.role_index(role)?;
        Some(self.survey.matrix.own_need(table, role, command))
    }

    /// What refuses sessions below a threshold. Where nothing is needed, with whose rights tables are reached.
    fn reasons(&self, begin: &Begin, reached: &Reached, threshold: Threshold) -> Vec<String> {
        let functions = &self.survey.catalog.functions;
        let gates = reached.heeded.iter().filter(|_| threshold.level != RequiredLevel::None);
        let mut reasons: BTreeSet<String> =
            gates.map(|it| format!("gate of {}", functions[*it].display_name)).collect();
        for touch in self.touches(begin, reached) {
            if touch.needed.level > threshold.level {
                continue;
            }
            reasons.insert(match touch.rights {
                Actor::Role(role) => {
                    let name = self.survey.catalog.role_index(role).map(|it| &self.survey.catalog.roles[it].name);
                    let need = self.need_of(role, touch.through, touch.command);
                    let why = need.map(|need| need.reasons().join(", ")).unwrap_or_default();
                    format!("as {}: {why}", name.map_or("a role that is gone", String::as_str))
                }
                Actor::Unbound => "no policy binds what follows".to_owned(),
                Actor::Caller => "its session changes".to_owned(),
            });
        }
        if reasons.is_empty() {
            reasons.insert("code that is not read".to_owned());
        }
        reasons.into_iter().collect()
    }

    /// What couldn't be read, of functions whose gates didn't count, or for no more than aal1.
    fn notes(&self, all: &Reached, at: &Reached, threshold: Threshold) -> BTreeSet<String> {
        const SHOWN: usize = 3;
        let functions = &self.survey.catalog.functions;
        let mut notes = BTreeSet::new();
        let counted = at.heeded.iter().filter(|_| threshold.level < RequiredLevel::Aal2);
        for index in at.functions.iter().chain(counted) {
            let function = &functions[*index];
            for note in function.gate.notes.iter().take(SHOWN) {
                notes.insert(format!("{}, {note}", function.display_name));
            }
        }
        for index in all.opaque.values() {
            let name = &functions[*index].display_name;
            notes.insert(format!("{name} may do all that its role can, since it is not read to its end"));
        }
        notes.extend(all.forgery.in_words().map(|changes| format!("some code on the way {changes}")));
        notes
    }

    /// Anonymous users count at the level of their claim `aal`, with a factor of any age.
    fn let_guests_pass(&self, begin: &Begin, at: &Reached, weighed: &mut Weighed) {
        let passes = |it: &FunctionIndex| self.survey.reach.gates.passed(*it, begin.role).by_guests;
        if weighed.threshold.level == RequiredLevel::None || !at.heeded.iter().any(passes) {
            return;
        }
        let level = weighed.threshold.level;
        let level = if level <= RequiredLevel::Enrolled { level } else { RequiredLevel::Aal1 };
        weighed.threshold = Threshold::at_any_age(level);
        weighed
            .notes
            .insert("anonymous users pass, too: a gate reads the claim aal itself, which is aal1 for them".to_owned());
    }

    /// What the functions of triggers need, by function and role: of a session whose write fires them first.
    fn fired(&self, roles: &[RoleIndex], only: Option<FunctionIndex>) -> HashMap<(FunctionIndex, RoleIndex), Weighed> {
        let mut fired = HashMap::new();
        let survey = self.survey;
        let is_wanted = |trigger: &Trigger| only.is_none_or(|only| only == trigger.function);
        if !survey.catalog.triggers.iter().any(is_wanted) {
            return fired;
        }
        for (index, table) in survey.catalog.tables.indexed().filter(|(_, table)| survey.reach.leads_on(table.id)) {
            for command in Command::WRITES {
                let step = Step::Relation(table.id, command.into());
                self.fired_by(&step, roles, only, &mut fired, |role, trigger, forges| {
                    survey.need_to_fire(index, role, command, trigger, forges)
                });
            }
        }
        for view in survey.catalog.views.iter().filter(|view| !view.kind.is_rule()) {
            let triggers = survey.catalog.triggers.iter().filter(|trigger| trigger.table == view.id);
            let commands: Commands = triggers.flat_map(|trigger| trigger.commands.iter().copied()).collect();
            if !commands.is_empty() && !view.written_by.is_empty() {
                self.fired_by(&Step::Relation(view.id, commands), roles, only, &mut fired, |role, _, _| {
                    let may = view.written_by.contains(&survey.catalog.roles[role].name);
                    may.then_some(Threshold::NOTHING)
                });
            }
        }
        fired
    }

    /// Adds what follows from a step. `need`: what a session of a role must show to fire a trigger by it; `None` where it can't.
    fn fired_by(
        &self,
        step: &Step,
        roles: &[RoleIndex],
        only: Option<FunctionIndex>,
        fired: &mut HashMap<(FunctionIndex, RoleIndex), Weighed>,
        need: impl Fn(RoleIndex, &Trigger, bool) -> Option<Threshold>,
    ) {
        let survey = self.survey;
        let begin = |trigger, role| Begin { step: step.clone(), actor: Actor::Caller, trigger, role };
        let all = self.reached(&begin(None, None), None);
        let places: BTreeSet<TriggerPlace> =
            all.tables.keys().chain(all.opaque.keys()).filter_map(|way| way.trigger).collect();
        for place in places {
            let trigger = &survey.catalog.triggers[place];
            if only.is_some_and(|only| only != trigger.function) {
                continue;
            }
            let mut of_any = None;
            // The matrix has what a role that bypasses policies can do itself.
            for role in roles.iter().copied().filter(|role| !self.bypassing.contains(role)) {
                let Some(needed) = need(role, trigger, all.forgery.is_some()) else { continue };
                let weighed = if self.depends_on_role {
                    self.weigh(&begin(Some(place), Some(role)))
                } else {
                    of_any.get_or_insert_with(|| self.weigh(&begin(Some(place), None))).clone()
                };
                let Some(mut weighed) = weighed else { continue };
                if weighed.threshold.is_weaker_than(needed) {
                    weighed.decided_by = vec!["what the write that fires it needs".to_owned()];
                }
                weighed.threshold = weighed.threshold.and(needed);
                match fired.get_mut(&(trigger.function, role)) {
                    Some(before) => before.or(weighed),
                    None => {
                        fired.insert((trigger.function, role), weighed);
                    }
                }
            }
        }
    }
}

impl Begin {
    fn counts(&self, way: &Way) -> bool {
        self.trigger.is_none() || way.trigger == self.trigger
    }
}
