//! The required level: the lowest session level at which a command could succeed for some row.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use super::catalog::{Catalog, Command, Guard, Policy, Role, Standing, Table, TableId};
use super::evaluation::Evaluation;
use super::expression::{Expression, Reason};
use super::session::{Age, Enrolled, Session};
use super::value::Value;
use crate::assurance::Requirement;
use crate::enrollment::Asked;
use crate::level::{Level, UnknownLevel};
use crate::policy::{self, guard_requirement};
use crate::time::MaxAge;

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
pub struct Required {
    /// The lowest level that will do.
    pub level: RequiredLevel,
    /// How old the factor that gives that level may be, for a session of that level; `None`: any age.
    pub max_age: Option<MaxAge>,
    /// What decided it: policies, triggers, or why there was nothing to decide.
    pub decided_by: Vec<String>,
    /// What was taken as possibly true because it can't be read.
    pub note: Option<String>,
}

impl fmt::Display for Required {
    /// `nothing`, `aal2`, or `aal2 at most 15 minutes old`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.max_age) {
            (RequiredLevel::None, _) => f.write_str("nothing"),
            (level, None) => level.fmt(f),
            (level, Some(max_age)) => write!(f, "{level} at most {} old", max_age.in_words()),
        }
    }
}

impl Required {
    fn new(level: RequiredLevel, because: impl Into<String>) -> Required {
        Required { level, max_age: None, decided_by: vec![because.into()], note: None }
    }

    /// Adds another way to the same rows.
    fn or_through(&mut self, other: &Required, table: &str) {
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
    pub fn is_weaker_than(&self, other: &Required) -> bool {
        // Without a max_age the factor may be of any age: that is the weaker one.
        let age = |required: &Required| required.max_age.map_or(i64::MIN, |age| -age.micros());
        (self.level, age(self)) < (other.level, age(other))
    }
}

/// What every command of every table needs of every role.
#[derive(Debug)]
pub struct Requirements<'a> {
    catalog: &'a Catalog,
    tables: HashMap<TableId, usize>,
    /// By table, role and command: what its own policies require.
    own: Vec<Vec<Vec<Required>>>,
    /// The same where the ways through parents and children count, too.
    all: Vec<Vec<Vec<Required>>>,
}

impl<'a> Requirements<'a> {
    /// Derives them all. Linear in policies, roles and tables. `pause` is called now and then: it may unwind.
    pub fn derive(catalog: &'a Catalog, pause: &dyn Fn()) -> Requirements<'a> {
        let tables: HashMap<TableId, usize> =
            catalog.tables.iter().enumerate().map(|(n, table)| (table.id, n)).collect();
        let own: Vec<Vec<Vec<Required>>> = catalog.tables.iter().map(|table| of_table(catalog, table, pause)).collect();
        let above: Vec<Vec<(usize, bool)>> =
            catalog.tables.iter().map(|table| ancestors(catalog, &tables, table)).collect();
        let reach = |to: &mut [Vec<Required>], from: &[Vec<Required>], through: usize, commands: &[Command]| {
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
                reach(&mut downwards[n], &own[*parent], *parent, commands);
            }
        }
        // A child's rows are its parents' rows, in whatever way they are reached: by the child's name, or by another parent's.
        let mut all = downwards.clone();
        for (n, above) in above.iter().enumerate() {
            for (parent, _) in above {
                reach(&mut all[*parent], &downwards[n], n, &Command::ALL);
            }
        }
        Requirements { catalog, tables, own, all }
    }

    /// What a command needs, by the table's and the role's place in the catalog.
    pub fn at(&self, table: usize, role: usize, command: Command) -> &Required {
        &self.all[table][role][command.index()]
    }

    /// What the table's own policies require, whatever other ways there are to its rows.
    pub fn own(&self, table: usize, role: usize, command: Command) -> &Required {
        &self.own[table][role][command.index()]
    }

    /// The place of a table in the catalog.
    pub fn place(&self, table: TableId) -> Option<usize> {
        self.tables.get(&table).copied()
    }

    /// The places of all tables above one.
    pub fn ancestors(&self, table: &Table) -> Vec<usize> {
        ancestors(self.catalog, &self.tables, table).into_iter().map(|(place, _)| place).collect()
    }

    /// The same by the table's OID.
    pub fn of(&self, table: TableId, role: usize, command: Command) -> Option<&Required> {
        self.tables.get(&table).map(|table| self.at(*table, role, command))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Table, &'a Role, Command, &Required)> {
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

/// What a table's commands need of each role, by its own policies.
fn of_table(catalog: &Catalog, table: &Table, pause: &dyn Fn()) -> Vec<Vec<Required>> {
    // Roles that the same policies bind need the same, unless a policy asks who they are or what they may read.
    let is_same_for_all = !table.policies.iter().flat_map(Policy::expressions).any(asks_who);
    let mut known: HashMap<(Command, Vec<bool>), Required> = HashMap::new();
    let each_role = catalog.roles.iter().zip(&table.standings).enumerate();
    each_role
        .map(|(n, (role, standing))| {
            Command::ALL
                .into_iter()
                .map(|command| {
                    pause();
                    if let Some(required) = without_policies(table, standing, command) {
                        return required;
                    }
                    let place = Place { catalog, table, role, role_index: n, command };
                    if !is_same_for_all {
                        return place.required();
                    }
                    let bound = table.policies.iter().map(|policy| policy.binds[n]).collect();
                    known.entry((command, bound)).or_insert_with(|| place.required()).clone()
                })
                .collect()
        })
        .collect()
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
fn without_policies(table: &Table, standing: &Standing, command: Command) -> Option<Required> {
    if standing.bypass != Some(super::Bypass::Superuser) {
        // Usage is asked for where a name is looked up, and nowhere else.
        if !standing.may_use_schema && !table.reached_by_oid {
            return Some(Required::new(RequiredLevel::Denied, "no usage on the schema"));
        }
        if !standing.privileges[command.index()] {
            return Some(Required::new(RequiredLevel::Denied, "no privilege"));
        }
    }
    if let Some(bypass) = standing.bypass {
        return Some(Required::new(RequiredLevel::None, bypass.as_str()));
    }
    if table.ruled.contains(&command) {
        return Some(Required::new(RequiredLevel::None, "a rule of the table"));
    }
    (!table.row_security).then(|| Required::new(RequiredLevel::None, "row security is off"))
}

/// A table, a role and a command, for whom policies count.
struct Place<'a> {
    catalog: &'a Catalog,
    table: &'a Table,
    role: &'a Role,
    role_index: usize,
    command: Command,
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
    fn required(&self) -> Required {
        let hurdles = self.hurdles();
        if hurdles.rows.iter().any(|(permissive, _)| permissive.is_empty()) {
            return Required::new(RequiredLevel::Denied, "no permissive policy");
        }
        let ages = self.ages(&hurdles);
        let (level, max_age) = lowest(&ages, |session| self.passes(&hurdles, session));
        let mut decided_by = self.decided_by(&hurdles, level, max_age, &ages);
        if decided_by.is_empty() && self.command == Command::Truncate {
            decided_by.push("row security does not see TRUNCATE".to_owned());
        }
        Required { level, max_age, decided_by, note: self.note(&hurdles, level) }
    }

    fn hurdles(&self) -> Hurdles<'a> {
        let using: fn(&Policy) -> Option<&Expression> = |policy| policy.using.as_ref();
        let check: fn(&Policy) -> Option<&Expression> = Policy::check;
        let rows: &[fn(&Policy) -> Option<&Expression>] = match self.command {
            Command::Select | Command::Delete => &[using],
            Command::Insert => &[check],
            Command::Update => &[using, check],
            Command::Truncate => &[],
        };
        let of = |permissive: bool, expression: &fn(&Policy) -> Option<&Expression>| -> Vec<Hurdle<'a>> {
            let binding = self.table.policies.iter().filter(|policy| {
                policy.permissive == permissive && policy.command.covers(self.command) && policy.binds[self.role_index]
            });
            binding.filter_map(|policy| expression(policy).map(|expression| (policy, expression))).collect()
        };
        let rows = rows.iter().map(|expression| (of(true, expression), of(false, expression))).collect();
        Hurdles { rows, guards: self.guards() }
    }

    /// The guards that speak up for this role.
    fn guards(&self) -> Vec<(&'a Guard, Expression)> {
        let command = match self.command {
            Command::Select => return Vec::new(),
            Command::Insert => policy::Command::Insert,
            Command::Update => policy::Command::Update,
            Command::Delete => policy::Command::Delete,
            Command::Truncate => policy::Command::Truncate,
        };
        if !self.guards_speak_up(command) {
            return Vec::new();
        }
        let fires = |guard: &&Guard| guard.enabled && guard.always_fires && guard.commands.contains(&self.command);
        self.table.guards.iter().filter(fires).map(|guard| (guard, guard_expression(command, guard))).collect()
    }

    /// As `auth.aal_guard` decides it: by the policy of this command, or for want of it another of ours.
    fn guards_speak_up(&self, command: policy::Command) -> bool {
        let policies = &self.table.policies;
        match policies.iter().find(|policy| policy.name == command.policy()) {
            Some(policy) => policy.binds[self.role_index],
            // Which of them it asks isn't known here.
            None => {
                let mut ours = policies.iter().filter(|policy| policy::POLICIES.contains(&policy.name.as_str()));
                ours.all(|policy| policy.binds[self.role_index])
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

    fn passes(&self, hurdles: &Hurdles<'a>, session: Session) -> bool {
        let evaluation = self.evaluation(session);
        let guards: Vec<&Expression> = hurdles.guards.iter().map(|(_, guard)| guard).collect();
        evaluation.could_pass(None, &guards)
            && hurdles.rows.iter().all(|(permissive, restrictive)| {
                let (permissive, restrictive) = (expressions(permissive), expressions(restrictive));
                evaluation.could_pass(Some(&permissive), &restrictive)
            })
    }

    fn evaluation(&self, session: Session) -> Evaluation<'a> {
        let role = Some(self.role.name.as_str());
        Evaluation::new(session, role, Some(&self.role.readable), self.catalog.trusts_settings)
    }

    /// What refuses the sessions just below; or, where nothing does, what lets them in.
    fn decided_by(
        &self,
        hurdles: &Hurdles<'a>,
        level: RequiredLevel,
        max_age: Option<MaxAge>,
        ages: &[MaxAge],
    ) -> Vec<String> {
        let named =
            |policies: &[Hurdle<'a>]| policies.iter().map(|(policy, _)| policy_name(policy)).collect::<Vec<_>>();
        let Some(below) = below(level, max_age, ages) else {
            // Nothing is asked: these let everybody in.
            let evaluation = self.evaluation(Session::NOBODY);
            let lets_in = |(_, it): &&Hurdle<'a>| evaluation.could_pass(Some(&[*it]), &[]);
            let mut open: Vec<String> = Vec::new();
            for (permissive, _) in &hurdles.rows {
                let letting: Vec<Hurdle<'a>> = permissive.iter().filter(lets_in).copied().collect();
                named(&letting).into_iter().for_each(|name| push_new(&mut open, name));
            }
            return open;
        };
        let evaluation = self.evaluation(below);
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

    /// Functions that count as possibly true, where that could have lowered the level.
    fn note(&self, hurdles: &Hurdles<'a>, level: RequiredLevel) -> Option<String> {
        if level == RequiredLevel::Denied {
            return None;
        }
        let mut opaque = BTreeSet::new();
        for expression in hurdles.expressions() {
            expression.visit(&mut |it| {
                if let Expression::Unknown { reason: Some(Reason::Function(name)), .. } = it {
                    opaque.insert(name.clone());
                }
                true
            });
        }
        let names: Vec<String> = opaque.into_iter().collect();
        (!names.is_empty()).then(|| format!("taken as possibly true, since it cannot be read: {}", names.join(", ")))
    }
}

impl<'a> Hurdles<'a> {
    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let policies = self.rows.iter().flat_map(|(permissive, restrictive)| permissive.iter().chain(restrictive));
        policies.map(|(_, expression)| *expression).chain(self.guards.iter().map(|(_, expression)| expression))
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
    /// The lowest level at which this could be true, for whatever role.
    pub fn lowest_level(&self, trusts_settings: bool) -> RequiredLevel {
        self.lowest(trusts_settings).level
    }

    /// The same with how old the factor may be.
    pub fn lowest(&self, trusts_settings: bool) -> Required {
        let passes = |session| Evaluation::new(session, None, None, trusts_settings).could_pass(None, &[self]);
        let mut ages = BTreeSet::new();
        ages_in(self, &mut ages);
        let ages: Vec<MaxAge> = ages.into_iter().collect();
        let (level, max_age) = lowest(&ages, passes);
        Required { level, max_age, decided_by: Vec::new(), note: None }
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
fn guard_expression(command: policy::Command, guard: &Guard) -> Expression {
    match guard_requirement(command, guard.arguments.iter().map(String::as_str)) {
        // A guard that doesn't know its level lets nothing pass.
        Err(_) => Expression::Constant(Value::Bool(false)),
        Ok(asked) => met(asked, true),
    }
}

/// The expression that is true where this is met.
pub(crate) fn met(asked: Asked, raises: bool) -> Expression {
    let interval =
        |max_age: Option<MaxAge>| Box::new(Expression::Constant(max_age.map_or(Value::Null, Value::Interval)));
    match asked {
        Asked::Level(Requirement { level, max_age }) => Expression::HasLevel {
            level: Box::new(Expression::Constant(Value::text(level.as_str()))),
            max_age: interval(max_age),
            raises,
        },
        Asked::Enrolled(max_age) => Expression::HasEnrolledLevel { max_age: interval(max_age), raises },
    }
}
