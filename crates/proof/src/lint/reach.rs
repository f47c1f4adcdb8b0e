//! What code and views reach, and with whose rights: through the functions that they call, the triggers and rules of the
//! tables that they write, and foreign keys.
//!
//! It takes more for reached than can be: each body does all that it names, in any order.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::body::Body;
use super::commands::Commands;
use crate::{
    Catalog, Command, ForeignKey, Function, FunctionIndex, FunctionKind, RoleId, TableId, Threshold, View, ViewIndex,
    ViewKind,
};

/// Whose rights something has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    /// The role that began. The matrix says what it can do itself.
    Caller,
    /// A role.
    Role(RoleId),
    /// None: rows were copied.
    Copy,
}

/// Which bodies are taken at their word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// Those that ask for any level anywhere.
    AnyAsking,
    /// Those that certainly begin by asking for this or more.
    Opening(Threshold),
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
}

/// The catalog, by what leads from one thing to the next.
pub(crate) struct Reach<'a> {
    catalog: &'a Catalog,
    relations: HashMap<&'a str, Vec<(&'a str, TableId)>>,
    functions: HashMap<&'a str, Vec<FunctionIndex>>,
    views: HashMap<TableId, Vec<ViewIndex>>,
    triggers: HashMap<TableId, Vec<TriggerPlace>>,
    called: HashMap<TableId, Vec<FunctionIndex>>,
    keys: HashMap<TableId, Vec<&'a ForeignKey>>,
    /// The tables above and beneath each one.
    families: HashMap<TableId, Vec<TableId>>,
    owners: HashMap<TableId, RoleId>,
    bodies: RefCell<HashMap<FunctionIndex, Rc<Body>>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(catalog: &'a Catalog, families: HashMap<TableId, Vec<TableId>>) -> Reach<'a> {
        let mut reach = Reach {
            catalog,
            relations: HashMap::new(),
            functions: HashMap::new(),
            views: HashMap::new(),
            triggers: HashMap::new(),
            called: HashMap::new(),
            keys: HashMap::new(),
            families,
            owners: catalog.tables.iter().map(|table| (table.id, table.owner)).collect(),
            bodies: RefCell::default(),
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

    /// Whether a write to a table could lead anywhere: a look before a search.
    pub(super) fn leads_on(&self, table: TableId) -> bool {
        self.related(table)
            .any(|it| self.triggers.contains_key(&it) || self.keys.contains_key(&it) || self.views.contains_key(&it))
    }

    /// All that follows from this step of a caller.
    pub(super) fn from(&self, step: Step, heed: Heed, pause: &dyn Fn()) -> Reached {
        let mut search =
            Search { reach: self, heed, reached: Reached::default(), seen: Seen::default(), open: Vec::new() };
        let way = Way { rights: Actor::Caller, trigger: None, claims_may_differ: false };
        search.open.push(Taken { step, way, user: Actor::Caller });
        while let Some(taken) = search.open.pop() {
            pause();
            match taken.step {
                Step::Function(function) => search.function(function, taken.way, taken.user),
                Step::Relation(id, commands) => search.relation(id, commands, taken.way, taken.user),
                Step::View(view, commands) => search.view(view, commands, taken.way, taken.user),
            }
        }
        search.reached
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
        let user = if function.security_definer { Actor::Role(function.owner) } else { user };
        let way = Way { rights: user, ..way };
        // What the caller calls with its own rights, it may call anyway. An aggregate calls others with its owner's right to.
        if (user == Actor::Caller && function.kind != FunctionKind::Aggregate)
            || !self.seen.functions.insert((index, way, user))
        {
            return;
        }
        let body = self.reach.body(index);
        if self.is_heeded(index, &body, way) {
            return;
        }
        let way = Way { claims_may_differ: way.claims_may_differ || body.may_set_claims, ..way };
        if body.is_opaque && user != Actor::Caller {
            self.reached.opaque.insert(way, index);
        }
        self.follow_names(function, &body, way, user);
    }

    fn is_heeded(&mut self, index: FunctionIndex, body: &Body, way: Way) -> bool {
        match self.heed {
            Heed::AnyAsking => body.asks_for_level,
            Heed::Opening(level) => {
                let is_heeded = body.opening.implies(level) && !way.claims_may_differ;
                if body.asks_for_level && !is_heeded {
                    self.reached.unproven.insert(index);
                }
                is_heeded
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
                if body.mentions(&its.schema, name) && !(self.heed == Heed::AnyAsking && is_own_finding) {
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
        if user != Actor::Caller {
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

    /// Foreign keys act in the name of their table's owner, whom no policy binds then. TRUNCATE … CASCADE follows all of them.
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
                let owner = Actor::Role(*owner);
                self.push(Step::Relation(key.table, done), Way { rights: owner, ..way }, owner);
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
            ViewKind::Materialized => (Actor::Copy, Actor::Copy, Command::Select.into()),
            // What their actions are isn't looked at. TRUNCATE is none.
            ViewKind::TableRule | ViewKind::ViewRule => (owner, user, Commands::ALL.without(Command::Truncate.into())),
        };
        // What a view filters by, it reads.
        let commands = commands.with(Command::Select.into());
        for id in &view.reads {
            self.push(Step::Relation(*id, commands), Way { rights, ..way }, user);
        }
    }
}
