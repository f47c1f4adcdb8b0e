//! What code and views reach, and with whose rights: through the functions that they call, the triggers and rules of the
//! tables that they write, and foreign keys.
//!
//! It takes more for reached than can be: each body does all that it names, in any order.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::body::Body;
use super::commands::Commands;
use super::gates::Gates;
use super::settings::{Forgery, NewRole};
use crate::{
    Catalog, Command, ForeignKey, Function, FunctionId, FunctionIndex, FunctionKind, Matrix, RequiredLevel, RoleId,
    RoleIndex, TableId, Threshold, View, ViewIndex, ViewKind,
};

/// Whose rights something has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    /// The role that began. The matrix says what it can do itself.
    Caller,
    /// A role.
    Role(RoleId),
    /// None that policies bind: rows were copied, or a foreign key acts.
    Unbound,
}

/// Whose gates end a search, and how closely it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heed {
    /// The gates that count: those that ask for this or more. `None`: no gate counts.
    pub level: Option<Threshold>,
    /// The role whose session it is; `None`: any.
    pub role: Option<RoleIndex>,
    /// Whether it is for an assertion. Lints say nothing of code that isn't read, nor of functions that no body names, nor of what
    /// follows from a change of claims.
    pub asserts: bool,
    /// Whether a gate counts for nothing where it lets anonymous users pass by their claim `aal`.
    pub refuses_guests: bool,
}

/// A trigger, by its place in the catalog's list.
pub(super) type TriggerPlace = usize;

/// With whose rights something is done, and how that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    /// Whose rights count.
    pub rights: Actor,
    /// The first trigger on the way.
    pub trigger: Option<TriggerPlace>,
    /// Whether the claims may be others by then.
    pub claims_may_differ: bool,
    /// Whether a foreign key acted.
    pub by_key: bool,
    /// Whether a rule or an expression's function acted behind a foreign key.
    pub by_more_than_keys: bool,
    /// What views on the way ask of the session.
    pub asked: Threshold,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A function runs, called by its name or by a trigger.
    Function(FunctionIndex),
    /// A table or view is read or written by its name.
    Relation(TableId, Commands),
    /// A view's query or rules run.
    View(ViewIndex, Commands),
}

/// A step, and who takes it: `way.rights` opens relations, `user` runs functions.
#[derive(Clone, Debug)]
struct Taken {
    step: Step,
    way: Way,
    user: Actor,
}

/// The end of a search.
#[derive(Default)]
pub(super) struct Reached {
    /// The commands on tables.
    pub tables: HashMap<Way, HashMap<TableId, Commands>>,
    /// Whose rights code has that isn't read here, with that code.
    pub opaque: HashMap<Way, FunctionIndex>,
    /// Functions that ask for a level in a way that isn't taken at its word.
    pub unproven: HashSet<FunctionIndex>,
    /// The functions that ran.
    pub functions: HashSet<FunctionIndex>,
    /// The functions whose gates counted.
    pub heeded: HashSet<FunctionIndex>,
    /// What the session's claims or role may become on the way.
    pub forgery: Forgery,
}

/// The catalog, by what leads from one thing to the next.
pub(crate) struct Reach<'a> {
    catalog: &'a Catalog,
    pub(super) gates: Gates<'a>,
    relations: HashMap<&'a str, Vec<(&'a str, TableId)>>,
    functions: HashMap<&'a str, Vec<FunctionIndex>>,
    views: HashMap<TableId, Vec<ViewIndex>>,
    triggers: HashMap<TableId, Vec<TriggerPlace>>,
    called: HashMap<TableId, Vec<FunctionIndex>>,
    keys: HashMap<TableId, Vec<&'a ForeignKey>>,
    /// The tables above and beneath each one.
    families: HashMap<TableId, Vec<TableId>>,
    owners: HashMap<TableId, RoleId>,
    by_id: HashMap<FunctionId, FunctionIndex>,
    /// The threshold that each view asks of a session before it shows a row.
    asking_views: HashMap<ViewIndex, Threshold>,
    bodies: RefCell<HashMap<FunctionIndex, Rc<Body>>>,
    /// Whether any function forges something.
    any_forges: OnceCell<bool>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        matrix: &'a Matrix<'a>,
        families: HashMap<TableId, Vec<TableId>>,
    ) -> Reach<'a> {
        let mut reach = Reach {
            catalog,
            gates: Gates::new(catalog, matrix),
            relations: HashMap::new(),
            functions: HashMap::new(),
            views: HashMap::new(),
            triggers: HashMap::new(),
            called: HashMap::new(),
            keys: HashMap::new(),
            families,
            owners: catalog.tables.iter().map(|table| (table.id, table.owner)).collect(),
            by_id: catalog.functions.indexed().map(|(index, function)| (function.id, index)).collect(),
            asking_views: HashMap::new(),
            bodies: RefCell::default(),
            any_forges: OnceCell::new(),
        };
        let tables = catalog.tables.iter().map(|it| (&it.name, &it.schema, it.id));
        let views = catalog.views.iter().map(|it| (&it.name, &it.schema, it.id));
        for (name, schema, id) in tables.chain(views) {
            reach.relations.entry(name).or_default().push((schema, id));
        }
        // Nobody calls a trigger's function by its name.
        for (index, function) in catalog.functions.indexed().filter(|(_, it)| it.kind != FunctionKind::Trigger) {
            reach.functions.entry(&function.name).or_default().push(index);
        }
        for (index, view) in catalog.views.indexed() {
            reach.views.entry(view.id).or_default().push(index);
        }
        for (place, trigger) in catalog.triggers.iter().enumerate() {
            reach.triggers.entry(trigger.table).or_default().push(place);
        }
        for (table, function) in &catalog.called_by_tables {
            reach.called.entry(*table).or_default().push(*function);
        }
        for key in &catalog.foreign_keys {
            reach.keys.entry(key.referenced).or_default().push(key);
        }
        reach
    }

    /// The same, where these views ask this of the session.
    pub(super) fn with_asking_views(self, asking_views: HashMap<ViewIndex, Threshold>) -> Reach<'a> {
        Reach { asking_views, ..self }
    }

    /// The threshold that a view asks of a session before it shows a row.
    pub(super) fn asked_by(&self, view: ViewIndex) -> Threshold {
        self.asking_views.get(&view).copied().unwrap_or(Threshold::NOTHING)
    }

    /// Whether a write to a table could lead anywhere: a look before a search.
    pub(super) fn leads_on(&self, table: TableId) -> bool {
        self.related(table)
            .any(|it| self.triggers.contains_key(&it) || self.keys.contains_key(&it) || self.views.contains_key(&it))
    }

    /// All that follows from this step of a caller. Where some code on the way changes the session's claims or role, all that
    /// follows may come behind that.
    pub(super) fn from(&self, step: Step, heed: Heed, pause: &dyn Fn()) -> Reached {
        self.of_actor(step, Actor::Caller, heed, pause)
    }

    /// The same, of a caller that is known.
    pub(super) fn of_actor(&self, step: Step, actor: Actor, heed: Heed, pause: &dyn Fn()) -> Reached {
        let way = Way {
            rights: actor,
            trigger: None,
            claims_may_differ: false,
            by_key: false,
            by_more_than_keys: false,
            asked: Threshold::NOTHING,
        };
        let begin = Taken { step, way, user: actor };
        if !heed.asserts || !self.any_forges(pause) {
            return self.search(begin, heed, false, pause).reached;
        }
        let first = self.search(begin.clone(), heed, true, pause);
        let Some(trigger) = first.forged_by else { return self.search(begin, heed, false, pause).reached };
        let forgery = first.reached.forgery;
        let user = match &forgery.role {
            None => actor,
            Some(NewRole::Any) => Actor::Unbound,
            Some(NewRole::Named(name)) => {
                let role = self.catalog.roles.iter().find(|role| role.name == *name);
                role.map_or(Actor::Unbound, |role| Actor::Role(role.id))
            }
        };
        let way = Way { rights: user, trigger, claims_may_differ: forgery.claims, ..way };
        let reached = self.search(Taken { way, user, ..begin }, heed, true, pause).reached;
        Reached { forgery, ..reached }
    }

    /// `enters`: whether code that has the caller's own rights is searched, too.
    fn search(&self, begin: Taken, heed: Heed, enters: bool, pause: &dyn Fn()) -> Search<'a, '_> {
        let (reached, seen) = (Reached::default(), Seen::default());
        let mut search = Search { reach: self, heed, enters, forged_by: None, reached, seen, open: vec![begin] };
        while let Some(taken) = search.open.pop() {
            pause();
            match taken.step {
                Step::Function(function) => search.function(function, taken.way, taken.user),
                Step::Relation(id, commands) => search.relation(id, commands, taken.way, taken.user),
                Step::View(view, commands) => search.view(view, commands, taken.way, taken.user),
            }
        }
        search
    }

    fn any_forges(&self, pause: &dyn Fn()) -> bool {
        let forges = |index: FunctionIndex| {
            pause();
            self.forges(index, &self.body(index))
        };
        *self.any_forges.get_or_init(|| self.catalog.functions.indexes().any(forges))
    }

    /// Whether a function changes claims or role. That of Realtime does so for each subscriber to whom it shows a change.
    fn forges(&self, index: FunctionIndex, body: &Body) -> bool {
        let function = &self.catalog.functions[index];
        let is_realtime = (function.schema.as_str(), function.name.as_str()) == ("realtime", "apply_rls");
        body.forgery.is_some() && !is_realtime
    }

    pub(super) fn body(&self, index: FunctionIndex) -> Rc<Body> {
        let body = || Rc::new(Body::new(&self.catalog.functions[index]));
        Rc::clone(self.bodies.borrow_mut().entry(index).or_insert_with(body))
    }

    fn related(&self, table: TableId) -> impl Iterator<Item = TableId> {
        let family = self.families.get(&table).into_iter().flatten().copied();
        family.chain([table])
    }
}

/// The steps that were taken already: functions that ran, and commands on relations.
#[derive(Default)]
struct Seen {
    functions: HashSet<(FunctionIndex, Way, Actor)>,
    relations: HashMap<(TableId, Way, Actor), Commands>,
    views: HashMap<(ViewIndex, Way, Actor), Commands>,
}

struct Search<'a, 'b> {
    reach: &'b Reach<'a>,
    heed: Heed,
    enters: bool,
    /// The first trigger on the way to the code that changes claims or role, if there is such code.
    forged_by: Option<Option<TriggerPlace>>,
    reached: Reached,
    seen: Seen,
    open: Vec<Taken>,
}

impl<'a> Search<'a, '_> {
    fn push(&mut self, step: Step, way: Way, user: Actor) {
        self.open.push(Taken { step, way, user });
    }

    fn function(&mut self, index: FunctionIndex, way: Way, user: Actor) {
        let function = &self.reach.catalog.functions[index];
        // Its caller evaluates the defaults of its parameters, before it runs.
        for called in &function.called_by_defaults {
            if let Some(called) = self.reach.by_id.get(called).filter(|called| **called != index) {
                self.push(Step::Function(*called), Way { rights: user, ..way }, user);
            }
        }
        let user = if function.security_definer { Actor::Role(function.owner) } else { user };
        let way = Way { rights: user, by_more_than_keys: way.by_more_than_keys || way.by_key, ..way };
        // What the caller calls with its own rights, it may call anyway. An aggregate calls others with its owner's right to.
        if (user == Actor::Caller && function.kind != FunctionKind::Aggregate && !self.enters)
            || !self.seen.functions.insert((index, way, user))
        {
            return;
        }
        let body = self.reach.body(index);
        if self.is_heeded(index, &body, way) {
            // What it reads to decide counts as read.
            for id in &function.gate.reads {
                self.push(Step::Relation(*id, Command::Select.into()), way, user);
            }
            self.fire_for_statements(function, &body, way, user);
            return;
        }
        self.reached.functions.insert(index);
        let way = Way { claims_may_differ: way.claims_may_differ || body.forgery.claims, ..way };
        if self.reach.forges(index, &body) {
            self.note_forgery(&body.forgery, way, user);
        }
        if body.is_opaque && user != Actor::Caller {
            self.reached.opaque.insert(way, index);
        }
        self.follow_names(function, &body, way, user);
        self.follow_unnamed(way, user);
    }

    /// Lints say nothing of functions that a body doesn't name.
    fn follow_unnamed(&mut self, way: Way, user: Actor) {
        if (user != Actor::Caller || self.enters) && self.heed.asserts {
            for function in &self.reach.catalog.called_unnamed {
                self.push(Step::Function(*function), way, user);
            }
        }
    }

    /// Code that runs with an owner's rights can't change the role.
    fn note_forgery(&mut self, forgery: &Forgery, way: Way, user: Actor) {
        let role = forgery.role.clone().filter(|_| user == Actor::Caller);
        let forgery = Forgery { role, ..forgery.clone() };
        if forgery.is_some() {
            self.forged_by.get_or_insert(way.trigger);
            self.reached.forgery.add(forgery);
        }
    }

    /// Whether the search ends at this function's gate. A gate behind a change of claims counts for nothing.
    fn is_heeded(&mut self, index: FunctionIndex, body: &Body, way: Way) -> bool {
        let Some(level) = self.heed.level else { return false };
        let needed = self.reach.gates.needed(index, self.heed.role, self.heed.refuses_guests);
        // One that does nothing to tables may still change the session for later steps.
        let only_forges = needed.level == RequiredLevel::Denied && self.reach.forges(index, body);
        let is_heeded = needed.implies(level) && !way.claims_may_differ && !only_forges;
        if is_heeded {
            self.reached.heeded.insert(index);
        } else if body.asks_for_level {
            self.reached.unproven.insert(index);
        }
        is_heeded
    }

    /// Follows a function whose gate is its statements' own conditions: they touch no row, and triggers for each statement fire
    /// even so. The actions of rules count, too.
    fn fire_for_statements(&mut self, function: &'a Function, body: &Body, way: Way, user: Actor) {
        if !function.gate.statements_run {
            return;
        }
        let reach = self.reach;
        let mut written: Vec<(TableId, Commands)> =
            function.reaches.iter().map(|id| (*id, body.does_by(&function.commands))).collect();
        for name in body.names() {
            let relations = reach.relations.get(name).into_iter().flatten();
            written.extend(relations.map(|(schema, id)| (*id, body.does(schema, name))));
        }
        for (id, commands) in written.into_iter().filter(|(_, commands)| commands.writes()) {
            for place in reach.triggers.get(&id).into_iter().flatten() {
                let trigger = &reach.catalog.triggers[*place];
                if trigger.for_each_statement && trigger.commands.iter().any(|command| commands.has(*command)) {
                    let way = Way { trigger: way.trigger.or(Some(*place)), ..way };
                    self.push(Step::Function(trigger.function), way, user);
                }
            }
            for view in reach.views.get(&id).into_iter().flatten() {
                if reach.catalog.views[*view].kind.is_rule() {
                    self.push(Step::View(*view, commands), way, user);
                }
            }
        }
    }

    fn follow_names(&mut self, function: &'a Function, body: &Body, way: Way, user: Actor) {
        let reach = self.reach;
        for id in &function.reaches {
            self.push(Step::Relation(*id, body.does_by(&function.commands)), way, user);
        }
        for name in body.names() {
            for (schema, id) in reach.relations.get(name).into_iter().flatten() {
                let commands = body.does(schema, name);
                if !commands.is_empty() {
                    self.push(Step::Relation(*id, commands), way, user);
                }
            }
            for called in reach.functions.get(name).into_iter().flatten() {
                let its = &reach.catalog.functions[*called];
                // One that runs with its owner's rights is a finding of its own where others may call it.
                let is_own_finding = its.security_definer && !its.open_to.is_empty();
                if body.mentions(&its.schema, name) && (self.heed.asserts || !is_own_finding) {
                    self.push(Step::Function(*called), way, user);
                }
            }
        }
    }

    fn relation(&mut self, id: TableId, commands: Commands, way: Way, user: Actor) {
        let reach = self.reach;
        let before = self.seen.relations.entry((id, way, user)).or_default();
        let commands = commands.without(*before);
        if commands.is_empty() {
            return;
        }
        *before = before.with(commands);
        let is_table = reach.owners.contains_key(&id);
        if is_table {
            let tables = self.reached.tables.entry(way).or_default();
            let reached = tables.entry(id).or_default();
            *reached = reached.with(commands);
        }
        for view in reach.views.get(&id).into_iter().flatten() {
            self.push(Step::View(*view, commands), way, user);
        }
        if commands.writes() {
            self.fire_triggers(id, commands, way, user);
            self.act_by_keys(id, commands, way, user);
        }
        if user != Actor::Caller || self.enters {
            for function in reach.called.get(&id).into_iter().flatten() {
                self.push(Step::Function(*function), way, user);
            }
        }
    }

    fn fire_triggers(&mut self, id: TableId, commands: Commands, way: Way, user: Actor) {
        // An update may move a row: then it is deleted in one partition and inserted in another.
        let moved = [Command::Insert, Command::Update, Command::Delete].into_iter().collect();
        let for_family = if commands.has(Command::Update) { commands.with(moved) } else { commands };
        for table in self.reach.related(id) {
            let commands = if table == id { commands } else { for_family };
            for place in self.reach.triggers.get(&table).into_iter().flatten() {
                let trigger = &self.reach.catalog.triggers[*place];
                if trigger.commands.iter().any(|command| commands.has(*command)) {
                    let way = Way { trigger: way.trigger.or(Some(*place)), ..way };
                    self.push(Step::Function(trigger.function), way, user);
                }
            }
        }
    }

    /// Foreign keys act in the name of their table's owner, whom no policy binds then, also where row security is forced. TRUNCATE … CASCADE follows all of them.
    fn act_by_keys(&mut self, id: TableId, commands: Commands, way: Way, user: Actor) {
        for referenced in self.reach.related(id) {
            for key in self.reach.keys.get(&referenced).into_iter().flatten() {
                let Some(owner) = self.reach.owners.get(&key.table) else { continue };
                if commands.has(Command::Truncate) {
                    let truncated = [Command::Delete, Command::Truncate].into_iter().collect();
                    self.push(Step::Relation(key.table, truncated), way, user);
                }
                let mut done = Commands::NONE;
                if commands.has(Command::Delete) {
                    done = done.with(match key.on_delete {
                        Some("CASCADE") => Command::Delete.into(),
                        Some(_) => Command::Update.into(),
                        None => Commands::NONE,
                    });
                }
                if commands.has(Command::Update) && key.on_update.is_some() {
                    done = done.with(Command::Update.into());
                }
                let way = Way { rights: Actor::Unbound, by_key: true, ..way };
                self.push(Step::Relation(key.table, done), way, Actor::Role(*owner));
            }
        }
    }

    fn view(&mut self, index: ViewIndex, commands: Commands, way: Way, user: Actor) {
        let view: &'a View = &self.reach.catalog.views[index];
        let before = self.seen.views.entry((index, way, user)).or_default();
        let commands = commands.without(*before);
        *before = before.with(commands);
        if commands.is_empty() || (view.kind.is_rule() && !commands.writes()) {
            return;
        }
        let owner = Actor::Role(view.owner);
        let (rights, user, commands) = match view.kind {
            ViewKind::InvokerRights => (user, user, commands),
            ViewKind::OwnerRights => (owner, user, commands),
            ViewKind::Materialized => (Actor::Unbound, Actor::Unbound, Command::Select.into()),
            // What their actions are isn't looked at. TRUNCATE is none.
            ViewKind::TableRule | ViewKind::ViewRule => (owner, user, Commands::ALL.without(Command::Truncate.into())),
        };
        if view.kind == ViewKind::Materialized {
            // They ran when the copy was made, in another session.
            let way = Way { rights, claims_may_differ: true, ..way };
            for function in self.reach.called.get(&view.id).into_iter().flatten() {
                self.push(Step::Function(*function), way, user);
            }
        }
        let by_more_than_keys = way.by_more_than_keys || (way.by_key && view.kind.is_rule());
        let way = Way { by_more_than_keys, ..way };
        let way = Way { rights, ..way };
        // Rows that are written through a view need not be such that it shows them.
        let unasked: Commands = if view.checks_new_rows { Commands::NONE } else { Command::Insert.into() };
        if let Some(asked) = self.reach.asking_views.get(&index) {
            let added = commands.common(unasked);
            for id in view.reads.iter().filter(|_| !added.is_empty()) {
                self.push(Step::Relation(*id, added), way, user);
            }
            // Claims that may have changed by then prove nothing, nor do those of the session that made a copy.
            let is_of_others = way.claims_may_differ || user == Actor::Unbound;
            let way = if is_of_others { way } else { Way { asked: way.asked.or_stronger(*asked), ..way } };
            return self.read_beneath(view, commands.without(added), way, user);
        }
        self.read_beneath(view, commands, way, user);
    }

    fn read_beneath(&mut self, view: &View, commands: Commands, way: Way, user: Actor) {
        if commands.is_empty() {
            return;
        }
        // What a view filters by, it reads.
        let commands = commands.with(Command::Select.into());
        for id in &view.reads {
            self.push(Step::Relation(*id, commands), way, user);
        }
    }
}
