//! The required level: the lowest session level at which a command could succeed for some row.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use super::catalog::{Catalog, Guard, Policy, Role, Standing, Table, TableId};
use super::evaluation::{Evaluation, Work};
use super::expression::{Expression, Reason};
use super::session_kind::{Age, Enrolled, Session};
use super::value::Value;
use aal::Command;
use aal::FixedRequirement;
use aal::MaxAge;
use aal::Requirement;
use aal::protection::{Made, guard_requirement};
use aal::{Level, UnknownLevel};

/// What a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequiredLevel {
    /// Nothing: a session without any level could do it.
    None,
    /// One factor.
    Aal1,
    /// The level that the user can reach: one factor only for those who have enrolled no second one.
    Enrolled,
    /// Two factors.
    Aal2,
    /// A hardware-bound second factor.
    Aal3,
    /// No level suffices.
    Denied,
}

impl RequiredLevel {
    const VALID: [&'static str; 6] = ["none", "aal1", "enrolled", "aal2", "aal3", "denied"];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        Self::VALID[self as usize]
    }
}

impl fmt::Display for RequiredLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RequiredLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        use RequiredLevel::*;
        [None, Aal1, Enrolled, Aal2, Aal3, Denied]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| UnknownLevel::new(text, &Self::VALID))
    }
}

/// What a command needs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The lowest level that will do.
    pub level: RequiredLevel,
    /// How old the factor that gives that level may be, for a session of that level; `None`: any age.
    pub max_age: Option<MaxAge>,
    /// What decided it: policies, triggers, or why there was nothing to decide.
    pub decided_by: Vec<String>,
    /// What was taken as possibly true because it can't be read.
    pub note: Option<String>,
}

impl fmt::Display for Need {
    /// `nothing`, `aal2`, or `aal2 at most 15 minutes old`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.max_age) {
            (RequiredLevel::None, _) => f.write_str("nothing"),
            (level, None) => level.fmt(f),
            (level, Some(max_age)) => write!(f, "{level} at most {} old", max_age.in_words()),
        }
    }
}

impl Need {
    fn new(level: RequiredLevel, because: impl Into<String>) -> Need {
        Need { level, max_age: None, decided_by: vec![because.into()], note: None }
    }

    /// Adds another way to the same rows.
    fn or_through(&mut self, other: &Need, table: &str) {
        let mut lower = self.clone();
        let mut higher = other;
        let here;
        if other.level < self.level {
            here = self.clone();
            lower = other.clone();
            lower.decided_by.insert(0, format!("reached through {table}"));
            higher = &here;
        }
        // Sessions of the lower level may pass the other way, too: then it's by the age that is asked there.
        let also_passes = match lower.level {
            RequiredLevel::Aal1 => matches!(higher.level, RequiredLevel::Aal1 | RequiredLevel::Enrolled),
            RequiredLevel::Enrolled => matches!(higher.level, RequiredLevel::Enrolled | RequiredLevel::Aal2),
            level => higher.level == level,
        };
        let max_age = lower.max_age.zip(higher.max_age).map(|(a, b)| a.max(b));
        if also_passes && max_age != lower.max_age {
            lower.max_age = max_age;
            if std::ptr::eq(higher, other) {
                lower.decided_by.push(format!("or reached through {table}"));
            }
        }
        *self = lower;
    }

    /// Whether this asks for less than that.
    pub fn is_weaker_than(&self, other: &Need) -> bool {
        // Without a max_age the factor may be of any age: that is the weaker one.
        let age = |required: &Need| required.max_age.map_or(i64::MIN, |age| -age.micros());
        (self.level, age(self)) < (other.level, age(other))
    }
}

/// How much work weighing may be, in evaluated nodes. Who writes a policy must not be able to keep everybody from an answer.
#[derive(Debug)]
pub(crate) struct Effort {
    /// What is left for telling apart what unknowns come to, how old factors are and which setting holds the claims.
    closely: Work,
    /// What is left for weighing policies as they stand, where that would take too long.
    coarsely: Work,
}

impl Effort {
    /// For one expression, or one table's policies for one command and role.
    const MOST_OF_ONE: u64 = 100_000;
    /// For one table.
    const MOST_OF_TABLE: u64 = 1_000_000;
    /// For all tables together.
    const MOST_OF_ALL: u64 = 20_000_000;

    pub(crate) const fn new() -> Effort {
        Effort { closely: Work::new(Self::MOST_OF_ALL), coarsely: Work::new(Self::MOST_OF_ALL) }
    }

    /// A table's share.
    fn of_table(&self) -> Effort {
        Effort {
            closely: Work::new(self.closely.left().min(Self::MOST_OF_TABLE)),
            coarsely: Work::new(self.coarsely.left()),
        }
    }

    /// What was taken off a share of this.
    fn take(&self, before: &Effort, share: &Effort) {
        self.closely.take(before.closely.left() - share.closely.left());
        self.coarsely.take(before.coarsely.left() - share.coarsely.left());
    }

    /// Weighs something closely if that isn't too much, else coarsely; says whether it did so closely, and whether at all.
    fn weigh<T>(&self, weigh: impl Fn(&Work, bool) -> T) -> (T, Weighed) {
        let closely = Work::new(self.closely.left().min(Self::MOST_OF_ONE));
        let before = closely.left();
        let answer = weigh(&closely, true);
        self.closely.take(before - closely.left());
        if !closely.is_spent() {
            return (answer, Weighed::Closely);
        }
        let answer = weigh(&self.coarsely, false);
        (answer, if self.coarsely.is_spent() { Weighed::NotAtAll } else { Weighed::Coarsely })
    }
}

/// How something was weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weighed {
    Closely,
    Coarsely,
    NotAtAll,
}

/// What every command of every table needs of every role.
#[derive(Debug)]
pub struct Matrix<'a> {
    catalog: &'a Catalog,
    effort: Effort,
    tables: HashMap<TableId, usize>,
    /// By table, role and command: what its own policies require.
    own: Vec<Vec<Vec<Need>>>,
    /// The same where the ways through parents and children count, too.
    all: Vec<Vec<Vec<Need>>>,
}

impl<'a> Matrix<'a> {
    /// Derives them all. Linear in policies, roles and tables. `pause` is called now and then: it may unwind.
    pub fn derive(catalog: &'a Catalog, pause: &dyn Fn()) -> Matrix<'a> {
        let tables: HashMap<TableId, usize> =
            catalog.tables.iter().enumerate().map(|(n, table)| (table.id, n)).collect();
        let effort = Effort::new();
        let own = all_tables(catalog, &effort, pause);
        let above: Vec<Vec<(usize, bool)>> =
            catalog.tables.iter().map(|table| ancestors(catalog, &tables, table)).collect();
        // What tables above foreign ones need where no WITH CHECK counts: rows that go to a foreign table skip it.
        let mut unchecked: HashMap<usize, Vec<Vec<Need>>> = HashMap::new();
        for (_, above) in above.iter().enumerate().filter(|(n, _)| catalog.tables[*n].takes_unchecked_rows) {
            for (parent, _) in above {
                let weigh = || of_table(catalog, &catalog.tables[*parent], Rows::Unchecked, &effort, pause);
                unchecked.entry(*parent).or_insert_with(weigh);
            }
        }
        let reach = |to: &mut [Vec<Need>], from: &[Vec<Need>], through: usize, commands: &[Command]| {
            for (to, from) in to.iter_mut().zip(from) {
                for command in commands {
                    to[command.index()].or_through(&from[command.index()], &catalog.tables[through].display_name);
                }
            }
        };
        // What is done to a parent is done to its children; but only partitions get its new rows.
        let mut downwards = own.clone();
        for (n, above) in above.iter().enumerate() {
            for (parent, is_partition) in above {
                let commands = if *is_partition { &Command::ALL[..] } else { &Command::BUT_INSERT };
                match unchecked.get(parent) {
                    Some(from) if catalog.tables[n].takes_unchecked_rows => {
                        reach(&mut downwards[n], from, *parent, commands);
                    }
                    // An update can move a row from here to a foreign partition.
                    Some(from) if *is_partition => {
                        reach(&mut downwards[n], &own[*parent], *parent, commands);
                        reach(&mut downwards[n], from, *parent, &[Command::Update]);
                    }
                    _ => reach(&mut downwards[n], &own[*parent], *parent, commands),
                }
            }
        }
        // A child's rows are its parents' rows, in whatever way they are reached: by the child's name, or by another parent's.
        let mut all = downwards.clone();
        for (n, above) in above.iter().enumerate() {
            for (parent, _) in above {
                reach(&mut all[*parent], &downwards[n], n, &Command::ALL);
            }
        }
        Matrix { catalog, effort, tables, own, all }
    }

    /// What a command needs, by the table's and the role's place in the catalog.
    pub fn at(&self, table: usize, role: usize, command: Command) -> &Need {
        &self.all[table][role][command.index()]
    }

    /// What the table's own policies require, whatever other ways there are to its rows.
    pub fn own(&self, table: usize, role: usize, command: Command) -> &Need {
        &self.own[table][role][command.index()]
    }

    /// The place of a table in the catalog.
    pub fn place(&self, table: TableId) -> Option<usize> {
        self.tables.get(&table).copied()
    }

    /// The lowest level at which an expression of the catalog could be true, for whatever role, and how old the factor may be.
    pub(crate) fn lowest(&self, expression: &Expression) -> Need {
        expression.lowest(self.catalog.trusts_settings, &self.effort)
    }

    /// The places of all tables above one.
    pub fn ancestors(&self, table: &Table) -> Vec<usize> {
        ancestors(self.catalog, &self.tables, table).into_iter().map(|(place, _)| place).collect()
    }

    /// The same by the table's OID.
    pub fn of(&self, table: TableId, role: usize, command: Command) -> Option<&Need> {
        self.tables.get(&table).map(|table| self.at(*table, role, command))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Table, &'a Role, Command, &Need)> {
        self.catalog.tables.iter().enumerate().flat_map(move |(t, table)| {
            self.catalog.roles.iter().enumerate().flat_map(move |(r, role)| {
                Command::ALL.into_iter().map(move |command| (table, role, command, self.at(t, r, command)))
            })
        })
    }
}

/// The places of all tables above one, and whether the way there is of partitions only.
fn ancestors(catalog: &Catalog, tables: &HashMap<TableId, usize>, table: &Table) -> Vec<(usize, bool)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(TableId, bool)> = table.parents.clone();
    while let Some((id, is_partition)) = open.pop() {
        let Some(place) = tables.get(&id) else { continue };
        if seen.insert(id) {
            found.push((*place, is_partition));
            open.extend(catalog.tables[*place].parents.iter().map(|(id, also)| (*id, is_partition && *also)));
        }
    }
    found
}

/// Which rows are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// A table's own.
    Own,
    /// Those that go to a foreign partition or child, for which WITH CHECK isn't asked.
    Unchecked,
}

/// What each table's commands need of each role, by its own policies. The tables with the smallest policies come first: if it gets
/// too much, it does so for the others.
fn all_tables(catalog: &Catalog, effort: &Effort, pause: &dyn Fn()) -> Vec<Vec<Vec<Need>>> {
    let size = |table: &Table| -> usize {
        table.policies.iter().flat_map(Policy::expressions).map(|expression| expression.extent().0).sum()
    };
    let mut places: Vec<(usize, usize)> =
        catalog.tables.iter().enumerate().map(|(place, table)| (size(table), place)).collect();
    places.sort_unstable();
    let mut own = vec![Vec::new(); catalog.tables.len()];
    for (_, place) in places {
        own[place] = of_table(catalog, &catalog.tables[place], Rows::Own, effort, pause);
    }
    own
}

/// For each policy, whether it binds a role, and whether the role may change it.
type Bound = Vec<(bool, bool)>;

/// What a table's commands need of each role, by its own policies.
fn of_table(catalog: &Catalog, table: &Table, rows: Rows, effort: &Effort, pause: &dyn Fn()) -> Vec<Vec<Need>> {
    let (before, share) = (effort.of_table(), effort.of_table());
    // Roles that the same policies bind need the same, unless a policy asks who they are or what they may read.
    let is_same_for_all = !table.policies.iter().flat_map(Policy::expressions).any(asks_who);
    let mut known: HashMap<(Command, Bound, [bool; 2]), Need> = HashMap::new();
    let each_role = catalog.roles.iter().zip(&table.standings).enumerate();
    let required = each_role
        .map(|(n, (role, standing))| {
            Command::ALL
                .into_iter()
                .map(|command| {
                    pause();
                    if let Some(required) = without_policies(table, standing, command) {
                        return required;
                    }
                    let place = Place { catalog, table, role, role_index: n, command, rows, standing };
                    if !is_same_for_all {
                        return place.required(&share);
                    }
                    let bound =
                        table.policies.iter().map(|policy| (policy.binds[n], policy.changeable_by.contains(&role.id)));
                    let may = [standing.may_undo_guards, role.may_change_enrollment];
                    let key = (command, bound.collect(), may);
                    known.entry(key).or_insert_with(|| place.required(&share)).clone()
                })
                .collect()
        })
        .collect();
    effort.take(&before, &share);
    required
}

/// Whether an expression's outcome depends on who asks, apart from the session.
fn asks_who(expression: &Expression) -> bool {
    expression.any(&|it| match it {
        Expression::CurrentRole => true,
        Expression::Select { rows, .. }
        | Expression::Exists(rows)
        | Expression::AnyRow { rows, .. }
        | Expression::ArrayOf { rows, .. } => !rows.reads.is_empty(),
        Expression::Member { key, .. } => !matches!(&**key, Expression::Constant(Value::Text(key)) if key != "role"),
        Expression::Path { .. } => true,
        Expression::Setting { name, .. } => {
            !matches!(&**name, Expression::Constant(Value::Text(name)) if !name.to_ascii_lowercase().ends_with(".role"))
        }
        _ => false,
    })
}

/// What a command needs where no policy has a say.
fn without_policies(table: &Table, standing: &Standing, command: Command) -> Option<Need> {
    if standing.bypass != Some(super::Bypass::Superuser) {
        // Usage is asked for where a name is looked up, and nowhere else.
        if !standing.may_use_schema && !table.reached_by_oid {
            return Some(Need::new(RequiredLevel::Denied, "no usage on the schema"));
        }
        if !standing.privileges[command.index()] {
            return Some(Need::new(RequiredLevel::Denied, "no privilege"));
        }
    }
    if let Some(bypass) = standing.bypass {
        return Some(Need::new(RequiredLevel::None, bypass.as_str()));
    }
    if table.ruled.contains(&command) {
        return Some(Need::new(RequiredLevel::None, "a rule of the table"));
    }
    (!table.row_security).then(|| Need::new(RequiredLevel::None, "row security is off"))
}

/// A table, a role and a command, for whom policies count.
struct Place<'a> {
    catalog: &'a Catalog,
    table: &'a Table,
    role: &'a Role,
    role_index: usize,
    command: Command,
    rows: Rows,
    standing: &'a Standing,
}

/// What must be passed.
struct Hurdles<'a> {
    /// For each kind of row, one that is there and one that comes into being: the permissive policies, of which any, and
    /// the restrictive ones, of which all must be true.
    rows: Vec<(Vec<Hurdle<'a>>, Vec<Hurdle<'a>>)>,
    /// The guards.
    guards: Vec<(&'a Guard, Expression)>,
}

type Hurdle<'a> = (&'a Policy, &'a Expression);

impl<'a> Place<'a> {
    fn required(&self, effort: &Effort) -> Need {
        let hurdles = self.hurdles();
        if hurdles.rows.iter().any(|(permissive, _)| permissive.is_empty()) {
            return Need::new(RequiredLevel::Denied, "no permissive policy");
        }
        let (mut required, weighed) = effort.weigh(|work, closely| self.weighed(&hurdles, work, closely));
        if weighed == Weighed::NotAtAll {
            required = Need::new(RequiredLevel::None, "too much to weigh");
        }
        let notes = self.notes(&hurdles, required.level, weighed);
        required.note = (!notes.is_empty()).then(|| notes.join("; "));
        required
    }

    fn weighed(&self, hurdles: &Hurdles<'a>, work: &Work, closely: bool) -> Need {
        let ages = if closely { self.ages(hurdles) } else { Vec::new() };
        let (level, max_age) = lowest(&ages, |session| self.passes(hurdles, &self.evaluation(session, work, closely)));
        let decided_by =
            self.decided_by(hurdles, below(level, max_age, &ages), |session| self.evaluation(session, work, closely));
        Need { level, max_age, decided_by, note: None }
    }

    fn hurdles(&self) -> Hurdles<'a> {
        let using: fn(&Policy) -> Option<&Expression> = |policy| policy.using.as_ref();
        let check: fn(&Policy) -> Option<&Expression> = Policy::check;
        let is_checked = self.rows == Rows::Own;
        let rows: &[fn(&Policy) -> Option<&Expression>] = match self.command {
            Command::Select | Command::Delete => &[using],
            Command::Insert if is_checked => &[check],
            Command::Update if is_checked => &[using, check],
            Command::Update => &[using],
            Command::Insert | Command::Truncate => &[],
        };
        let of = |permissive: bool, expression: &fn(&Policy) -> Option<&Expression>| -> Vec<Hurdle<'a>> {
            let binding = self.table.policies.iter().filter(|policy| {
                // In the shards of Citus, restrictive policies are permissive.
                (policy.permissive || self.table.held_by_citus) == permissive
                    && policy.command.covers(self.command)
                    && policy.binds[self.role_index]
            });
            let hurdles = binding.filter_map(|policy| Some((policy, expression(policy)?)));
            // What the role could change itself may come to anything, and a restrictive policy may go.
            hurdles.map(|(policy, it)| (policy, if self.may_change(policy) { &CHANGEABLE } else { it })).collect()
        };
        let rows = rows.iter().map(|expression| (of(true, expression), of(false, expression))).collect();
        Hurdles { rows, guards: self.guards() }
    }

    /// Whether the role may replace or drop what a policy is made of.
    fn may_change(&self, policy: &Policy) -> bool {
        policy.changeable_by.contains(&self.role.id)
    }

    /// The guards that speak up for this role, and that it can't get rid of.
    fn guards(&self) -> Vec<(&'a Guard, Expression)> {
        let command = self.command;
        if command == Command::Select {
            return Vec::new();
        }
        // Nor do they have triggers.
        if self.table.held_by_citus || !self.guards_speak_up(command) || self.standing.may_undo_guards {
            return Vec::new();
        }
        self.firing_guards().map(|guard| (guard, guard_expression(command, guard))).collect()
    }

    fn firing_guards(&self) -> impl Iterator<Item = &'a Guard> {
        let command = self.command;
        let fires = move |guard: &&Guard| guard.enabled && guard.always_fires && guard.commands.contains(&command);
        self.table.guards.iter().filter(fires)
    }

    /// As `auth.aal_guard` decides it: by the policy of this command, or for want of it another of ours.
    fn guards_speak_up(&self, command: Command) -> bool {
        let policies = &self.table.policies;
        let binds = |policy: &Policy| policy.binds[self.role_index] && !self.may_change(policy);
        match policies.iter().find(|policy| policy.made() == Some(Made::policy_for(command))) {
            Some(policy) => binds(policy),
            // Which of them it asks isn't known here.
            None => {
                let mut ours = policies.iter().filter(|policy| policy.made().is_some());
                ours.all(binds)
            }
        }
    }

    /// All `max_age`s that are asked, smallest first.
    fn ages(&self, hurdles: &Hurdles<'a>) -> Vec<MaxAge> {
        let mut ages = BTreeSet::new();
        for expression in hurdles.expressions() {
            ages_in(expression, &mut ages);
        }
        ages.into_iter().collect()
    }

    fn passes(&self, hurdles: &Hurdles<'a>, evaluation: &Evaluation<'_>) -> bool {
        let guards: Vec<&Expression> = hurdles.guards.iter().map(|(_, guard)| guard).collect();
        evaluation.could_pass(None, &guards)
            && hurdles.rows.iter().all(|(permissive, restrictive)| {
                let (permissive, restrictive) = (expressions(permissive), expressions(restrictive));
                evaluation.could_pass(Some(&permissive), &restrictive)
            })
    }

    fn evaluation<'b>(&'b self, session: Session, work: &'b Work, closely: bool) -> Evaluation<'b> {
        let role = Some(self.role.name.as_str());
        let enrolled = if self.role.may_change_enrollment { Enrolled::Either } else { session.enrolled };
        let session = Session { enrolled, ..session };
        let evaluation = Evaluation::new(session, role, Some(&self.role.readable), self.catalog.trusts_settings);
        evaluation.of_any_token().within(work, closely)
    }

    /// What refuses the sessions just below; or, where nothing does, what lets them in.
    fn decided_by<'b>(
        &'b self,
        hurdles: &'b Hurdles<'a>,
        below: Option<Session>,
        evaluation: impl Fn(Session) -> Evaluation<'b>,
    ) -> Vec<String> {
        let named =
            |policies: &[Hurdle<'a>]| policies.iter().map(|(policy, _)| policy_name(policy)).collect::<Vec<_>>();
        let Some(below) = below else {
            // Nothing is asked: these let everybody in.
            let evaluation = evaluation(Session::NOBODY);
            let lets_in = |(_, it): &&Hurdle<'a>| evaluation.could_pass(Some(&[*it]), &[]);
            let mut open: Vec<String> = Vec::new();
            for (permissive, _) in &hurdles.rows {
                let letting: Vec<Hurdle<'a>> = permissive.iter().filter(lets_in).copied().collect();
                named(&letting).into_iter().for_each(|name| push_new(&mut open, name));
            }
            if self.rows == Rows::Unchecked && matches!(self.command, Command::Insert | Command::Update) {
                push_new(&mut open, "WITH CHECK is not asked where rows go to a foreign table".to_owned());
            }
            if open.is_empty() && self.command == Command::Truncate {
                open.push("row security does not see TRUNCATE".to_owned());
            }
            return open;
        };
        let evaluation = evaluation(below);
        let mut refusing = Vec::new();
        for (permissive, restrictive) in &hurdles.rows {
            let refuses = |(_, it): &&Hurdle<'a>| !evaluation.could_pass(None, &[*it]);
            let restricting: Vec<Hurdle<'a>> = restrictive.iter().filter(refuses).copied().collect();
            named(&restricting).into_iter().for_each(|name| push_new(&mut refusing, name));
            if !evaluation.could_pass(Some(&expressions(permissive)), &[]) {
                named(permissive).into_iter().for_each(|name| push_new(&mut refusing, name));
            }
        }
        for (guard, expression) in &hurdles.guards {
            if !evaluation.could_pass(None, &[expression]) {
                push_new(&mut refusing, format!("trigger {}", guard.name));
            }
        }
        if refusing.is_empty() {
            // None alone, but all of them together.
            let all = hurdles.rows.iter().flat_map(|(permissive, restrictive)| permissive.iter().chain(restrictive));
            all.for_each(|(policy, _)| push_new(&mut refusing, policy_name(policy)));
        }
        refusing
    }

    /// What could have lowered the level: what counts as possibly true, and guards that don't count.
    fn notes(&self, hurdles: &Hurdles<'a>, level: RequiredLevel, weighed: Weighed) -> Vec<String> {
        if level == RequiredLevel::Denied {
            return Vec::new();
        }
        let (mut functions, mut cut_off, mut changeable) = (BTreeSet::new(), Vec::new(), Vec::new());
        for (policy, expression) in hurdles.policies() {
            if self.may_change(policy) {
                push_new(&mut changeable, policy_name(policy));
            }
            expression.visit(&mut |it| {
                match it {
                    Expression::Unknown { reason: Some(Reason::Function(name)), .. } => {
                        functions.insert(name.clone());
                    }
                    Expression::Unknown { reason: Some(Reason::TooLarge), .. } => {
                        push_new(&mut cut_off, policy_name(policy));
                    }
                    _ => {}
                }
                true
            });
        }
        if self.role.may_change_enrollment && hurdles.expressions().any(Expression::asks_who_enrolled) {
            changeable.push("who has enrolled a second factor".to_owned());
        }
        if self.standing.may_undo_guards && self.command.writes() {
            let guards = self.firing_guards().map(|guard| format!("trigger {}", guard.name));
            guards.for_each(|name| push_new(&mut changeable, name));
        }
        let mut notes = Vec::new();
        if self.table.held_by_citus {
            notes.push(
                "a Citus table: in its shards restrictive policies are permissive, and there are no triggers"
                    .to_owned(),
            );
        }
        let mut note = |names: Vec<String>, why: &str| {
            if !names.is_empty() {
                notes.push(format!("{why}: {}", names.join(", ")));
            }
        };
        note(functions.into_iter().collect(), "taken as possibly true, since it cannot be read");
        note(cut_off, "taken as possibly true from some depth or size on");
        note(changeable, "not counted, since the role could replace it, drop it or keep it from firing");
        match weighed {
            Weighed::Closely => {}
            Weighed::Coarsely => notes.push("weighed coarsely, since these policies are too complex".to_owned()),
            Weighed::NotAtAll => {
                notes.push("taken as possibly true, since all policies together are too complex".to_owned());
            }
        }
        notes
    }
}

/// What stands in the place of a policy that the role itself could change.
static CHANGEABLE: Expression = Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: None };

impl<'a> Hurdles<'a> {
    fn policies(&self) -> impl Iterator<Item = Hurdle<'a>> {
        self.rows.iter().flat_map(|(permissive, restrictive)| permissive.iter().chain(restrictive)).copied()
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.policies().map(|(_, expression)| expression).chain(self.guards.iter().map(|(_, expression)| expression))
    }
}

fn expressions<'a>(hurdles: &[Hurdle<'a>]) -> Vec<&'a Expression> {
    hurdles.iter().map(|(_, expression)| *expression).collect()
}

fn policy_name(policy: &Policy) -> String {
    format!("policy {}", policy.name)
}

fn push_new(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// How many `max_age`s are told apart in the policies for one command.
const MOST_AGES: usize = 16;

/// The lowest level that passes, and the greatest age of its factor.
fn lowest(ages: &[MaxAge], passes: impl Fn(Session) -> bool) -> (RequiredLevel, Option<MaxAge>) {
    // So many aren't told apart.
    let ages = if ages.len() > MOST_AGES { &[] } else { ages };
    if passes(Session::NOBODY) {
        return (RequiredLevel::None, None);
    }
    let oldest = |session: Session| {
        let oldest = if ages.is_empty() { Age::Any } else { Age::Older };
        let mut older = [oldest].into_iter().chain(ages.iter().rev().map(|age| Age::AtMost(*age)));
        older.find(|age| passes(session.aged(*age)))
    };
    let max_age = |age: Age| match age {
        Age::AtMost(age) => Some(age),
        Age::Older | Age::Any => None,
    };
    let enrolled = oldest(Session::at_aal1(Enrolled::Yes));
    let others = oldest(Session::at_aal1(Enrolled::No));
    match (enrolled, others) {
        // At aal1 with whatever user: the one whose factor may be older.
        (Some(one), Some(other)) => {
            return (RequiredLevel::Aal1, max_age(one).zip(max_age(other)).map(|(one, other)| one.max(other)));
        }
        (Some(one), None) => return (RequiredLevel::Aal1, max_age(one)),
        // The enrolled level is aal1 for some, and aal2 for the others.
        (None, Some(other)) => {
            let enrolled = Session { enrolled: Enrolled::Yes, ..Session::at(Level::Aal2) };
            let max_age = match oldest(enrolled) {
                Some(one) => max_age(one).zip(max_age(other)).map(|(one, other)| one.max(other)),
                None => max_age(other),
            };
            return (RequiredLevel::Enrolled, max_age);
        }
        (None, None) => {}
    }
    for (level, required) in [(Level::Aal2, RequiredLevel::Aal2), (Level::Aal3, RequiredLevel::Aal3)] {
        if let Some(age) = oldest(Session::at(level)) {
            return (required, max_age(age));
        }
    }
    (RequiredLevel::Denied, None)
}

impl Expression {
    /// The lowest level at which this could be true, for whatever role, and how old the factor may be.
    fn lowest(&self, trusts_settings: bool, effort: &Effort) -> Need {
        let mut ages = BTreeSet::new();
        ages_in(self, &mut ages);
        let ages: Vec<MaxAge> = ages.into_iter().collect();
        let weigh = |work: &Work, closely: bool| {
            let ages = if closely { ages.as_slice() } else { &[] };
            let evaluation =
                |session| Evaluation::new(session, None, None, trusts_settings).of_any_token().within(work, closely);
            lowest(ages, |session| evaluation(session).could_pass(None, &[self]))
        };
        let ((level, max_age), _) = effort.weigh(weigh);
        Need { level, max_age, decided_by: Vec::new(), note: None }
    }
}

/// The `max_age`s that an expression asks.
fn ages_in(expression: &Expression, ages: &mut BTreeSet<MaxAge>) {
    expression.visit(&mut |it| {
        if let Expression::Constant(Value::Interval(age)) = it {
            ages.insert(*age);
        }
        true
    });
}

/// The sessions that just don't suffice; `None` where all do.
fn below(level: RequiredLevel, max_age: Option<MaxAge>, ages: &[MaxAge]) -> Option<Session> {
    let aged = |session: Session| {
        let max_age = max_age?;
        let older = ages.iter().find(|age| **age > max_age).map_or(Age::Older, |age| Age::AtMost(*age));
        Some(session.aged(older))
    };
    match level {
        RequiredLevel::None => None,
        RequiredLevel::Aal1 => Some(aged(Session::at_aal1(Enrolled::Yes)).unwrap_or(Session::NOBODY)),
        RequiredLevel::Enrolled => {
            Some(aged(Session::at_aal1(Enrolled::No)).unwrap_or(Session::at_aal1(Enrolled::Yes)))
        }
        RequiredLevel::Aal2 => Some(aged(Session::at(Level::Aal2)).unwrap_or(Session::at_aal1(Enrolled::Yes))),
        RequiredLevel::Aal3 => Some(aged(Session::at(Level::Aal3)).unwrap_or(Session::at(Level::Aal2))),
        RequiredLevel::Denied => Some(Session::at(Level::Aal3)),
    }
}

/// What a guard asks, as an expression.
fn guard_expression(command: Command, guard: &Guard) -> Expression {
    match guard_requirement(command, guard.arguments.iter().map(String::as_str)) {
        // A guard that doesn't know its level lets nothing pass.
        Err(_) => Expression::Constant(Value::Bool(false)),
        Ok(asked) => met(asked, true),
    }
}

/// The expression that is true where this is met.
pub(crate) fn met(asked: Requirement, raises: bool) -> Expression {
    let interval =
        |max_age: Option<MaxAge>| Box::new(Expression::Constant(max_age.map_or(Value::Null, Value::Interval)));
    match asked {
        Requirement::Fixed(FixedRequirement { level, max_age }) => Expression::HasLevel {
            level: Box::new(Expression::Constant(Value::text(level.as_str()))),
            max_age: interval(max_age),
            raises,
        },
        Requirement::Enrolled(max_age) => Expression::HasEnrolledLevel { max_age: interval(max_age), raises },
    }
}
