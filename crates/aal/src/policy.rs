//! Protecting a table: what was asked for, the SQL that does it, and the record it leaves in the catalog.
//!
//! The texts come from `sql/templates/`, one file each. Postgres' own rules quote every name and literal: the
//! caller passes them as a [`Quote`].

use std::fmt;
use std::str::FromStr;

use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};

use crate::assurance::Requirement;
use crate::enrollment::Asked;
use crate::level::{Level, UnknownLevel};
use crate::time::MaxAge;

/// What a table asks of a session for one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLevel {
    /// Nothing: no policy is made for the command.
    None,
    /// At least this level.
    At(Level),
    /// The level this user can reach.
    Enrolled,
}

impl TableLevel {
    const VALID: [&'static str; 5] = ["none", "aal1", "enrolled", "aal2", "aal3"];

    /// Its place among the others: the enrolled level lies between aal1 and aal2.
    fn rank(self) -> u8 {
        match self {
            TableLevel::None => 0,
            TableLevel::At(Level::Aal1) => 1,
            TableLevel::Enrolled => 2,
            TableLevel::At(Level::Aal2) => 3,
            TableLevel::At(Level::Aal3) => 4,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            TableLevel::None => "none",
            TableLevel::At(level) => level.as_str(),
            TableLevel::Enrolled => "enrolled",
        }
    }
}

impl FromStr for TableLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "none" => Ok(TableLevel::None),
            "enrolled" => Ok(TableLevel::Enrolled),
            _ => Level::from_claim(text).map(TableLevel::At).ok_or_else(|| UnknownLevel::new(text, &Self::VALID)),
        }
    }
}

/// A command that a guard can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// INSERT, also MERGE's and the first half of ON CONFLICT.
    Insert,
    /// UPDATE, also MERGE's and ON CONFLICT DO UPDATE's.
    Update,
    /// DELETE, also MERGE's.
    Delete,
    /// TRUNCATE: row security doesn't see it. It asks what DELETE asks.
    Truncate,
}

impl Command {
    /// The command in lower case, as in `create trigger … before insert`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Command::Insert => "insert",
            Command::Update => "update",
            Command::Delete => "delete",
            Command::Truncate => "truncate",
        }
    }

    /// The policy that decides what a guard explains for this command.
    pub const fn policy(self) -> &'static str {
        match self {
            Command::Insert => "aal_insert",
            Command::Update => "aal_update",
            Command::Delete | Command::Truncate => "aal_delete",
        }
    }
}

/// What `protect_table` was asked for.
#[derive(Clone, Debug)]
pub struct Protection {
    /// For SELECT.
    pub read: TableLevel,
    /// For INSERT.
    pub insert: TableLevel,
    /// For UPDATE.
    pub update: TableLevel,
    /// For DELETE and TRUNCATE.
    pub delete: TableLevel,
    /// How old the factor may be, for the writes.
    pub max_age: Option<MaxAge>,
    /// The roles the policies bind; a `public` among them binds all.
    pub roles: Vec<String>,
    /// The column that holds the owner of a row, and how it compares.
    pub owner: Option<Owner>,
    /// Columns whose change needs the level of `update`; an update that leaves them as they are needs that of `read`.
    pub sensitive_columns: Vec<String>,
    /// Whether the table gets the guard trigger.
    pub guard: bool,
}

/// The column that holds the owner of a row.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The column's name.
    pub column: String,
    /// Whether it is a UUID (compared with `auth.subject_uuid()`) or a text (with `auth.subject()`).
    pub is_uuid: bool,
}

/// A table to protect, as the catalog has it.
#[derive(Clone, Debug)]
pub struct Table {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub name: String,
    /// How the table stood before it was protected first.
    pub before: Before,
    /// Whether its row-level triggers are copies that Postgres makes of its parent's, as a partition's are.
    pub copies_row_triggers: bool,
}

/// How a table stood before it was protected, so that `unprotect_table` can leave it that way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Whether row security was on.
    #[serde(rename = "row_security_before")]
    pub row_security: bool,
    /// Where it was off: a fingerprint of the policies that waited on the table even so, if there were any.
    #[serde(rename = "policies_before", default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
}

/// Quotes by Postgres' own rules.
pub trait Quote {
    /// `a"b` becomes `"a""b"`.
    fn identifier(&self, name: &str) -> String;
    /// `it's` becomes `'it''s'`.
    fn literal(&self, text: &str) -> String;
}

/// A request for protection that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidProtection {
    /// `none` for every command.
    ProtectsNothing,
    /// No roles at all.
    NoRoles,
    /// `sensitive_columns` without the guard, which alone can enforce them.
    SensitiveColumnsNeedGuard,
    /// `sensitive_columns` where updates of other columns would need no level, or a higher one.
    SensitiveColumnsNeedLevels,
}

impl fmt::Display for InvalidProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProtectsNothing => "level none for every command protects nothing",
            Self::NoRoles => "roles must name at least one role",
            Self::SensitiveColumnsNeedGuard => "sensitive_columns need the guard",
            Self::SensitiveColumnsNeedLevels => {
                "sensitive_columns need a level for reads and at least the same for updates"
            }
        })
    }
}

impl InvalidProtection {
    /// What to do instead.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ProtectsNothing => "Give read or write a level, or call auth.unprotect_table.",
            Self::NoRoles => "Leave roles out to bind everybody.",
            Self::SensitiveColumnsNeedGuard => {
                "A policy can't see which columns change: leave guard at true, or sensitive_columns out."
            }
            Self::SensitiveColumnsNeedLevels => {
                "An update of any other column needs the level of reads, and would be open to all without one."
            }
        }
    }
}

impl std::error::Error for InvalidProtection {}

impl Protection {
    /// Whether this can be rendered into policies that protect something.
    ///
    /// # Errors
    /// [`InvalidProtection`] says what doesn't fit.
    pub fn validate(&self) -> Result<(), InvalidProtection> {
        let levels = [self.read, self.insert, self.update, self.delete];
        if levels.iter().all(|level| *level == TableLevel::None) {
            return Err(InvalidProtection::ProtectsNothing);
        }
        if self.roles.is_empty() {
            return Err(InvalidProtection::NoRoles);
        }
        if !self.sensitive_columns.is_empty() {
            if !self.guard {
                return Err(InvalidProtection::SensitiveColumnsNeedGuard);
            }
            if self.read == TableLevel::None || self.read.rank() > self.update.rank() {
                return Err(InvalidProtection::SensitiveColumnsNeedLevels);
            }
        }
        Ok(())
    }

    /// Whether the enrolled level is asked for any command.
    pub fn asks_for_enrollment(&self) -> bool {
        [self.read, self.insert, self.update, self.delete].contains(&TableLevel::Enrolled)
    }

    /// The statements that make the protection of one table, in order, after [`clear_statements`] and
    /// [`row_security_on_statement`].
    pub fn statements(&self, table: &Table, quote: &dyn Quote) -> Vec<String> {
        let renderer = Renderer { quote, table: qualified(table, quote), record: quote.literal(&self.record(table)) };
        let roles = &self.roles_clause(quote);
        let mut statements = Vec::new();
        let commands = [
            (template::AAL_READ, asked(self.read, None)),
            (template::AAL_INSERT, asked(self.insert, self.max_age)),
            (template::AAL_UPDATE, self.plain_update()),
            (template::AAL_DELETE, asked(self.delete, self.max_age)),
        ];
        for (template, required) in commands {
            if let Some(required) = required {
                let allowed = is_met(required, quote);
                statements.extend(renderer.render(template, context! { roles, allowed }));
            }
        }
        if let Some(owner) = &self.owner {
            let owner_column = quote.identifier(&owner.column);
            let subject = if owner.is_uuid { "auth.subject_uuid()" } else { "auth.subject()" };
            statements.extend(renderer.render(template::AAL_OWNER, context! { roles, owner_column, subject }));
        }
        if self.guard {
            statements.extend(self.guards(table, &renderer));
        }
        statements
    }

    fn guards(&self, table: &Table, renderer: &Renderer<'_>) -> Vec<String> {
        let levels = [
            (Command::Insert, asked(self.insert, self.max_age)),
            (Command::Update, self.plain_update()),
            (Command::Delete, asked(self.delete, self.max_age)),
            (Command::Truncate, asked(self.delete, self.max_age)),
        ];
        let guarded: Vec<GuardArgument> = levels
            .into_iter()
            .filter_map(|(command, required)| required.map(|required| GuardArgument { command, required }))
            .collect();
        let mut statements = Vec::new();
        if !guarded.is_empty() {
            let events: Vec<&str> = guarded.iter().map(|argument| argument.command.as_str()).collect();
            let arguments = arguments_clause(&guarded, renderer.quote);
            let events = events.join(" or ");
            statements.extend(renderer.render(template::AAL_GUARD, context! { events, arguments }));
        }
        let sensitive_update = asked(self.update, self.max_age);
        if let (false, Some(required)) = (self.sensitive_columns.is_empty(), sensitive_update) {
            let columns: Vec<String> =
                self.sensitive_columns.iter().map(|column| renderer.quote.identifier(column)).collect();
            let columns = columns.join(", ");
            let arguments = arguments_clause(&[GuardArgument { command: Command::Update, required }], renderer.quote);
            if !table.copies_row_triggers {
                statements.extend(renderer.render(template::AAL_COLUMNS, context! { columns, arguments }));
            }
        }
        statements
    }

    /// What an update needs that changes no sensitive column: all that a policy can ask for.
    fn plain_update(&self) -> Option<Asked> {
        if self.sensitive_columns.is_empty() { asked(self.update, self.max_age) } else { asked(self.read, None) }
    }

    /// `public` is a keyword here, not a role's name, and takes in all others.
    fn binds_everybody(&self) -> bool {
        self.roles.iter().any(|role| role == "public")
    }

    fn roles_clause(&self, quote: &dyn Quote) -> String {
        if self.binds_everybody() {
            return "public".to_owned();
        }
        let roles: Vec<String> = self.roles.iter().map(|role| quote.identifier(role)).collect();
        roles.join(", ")
    }

    /// The names of the policies and triggers that [`Protection::statements`] makes on a table.
    pub fn names(&self, table: &Table) -> Vec<&'static str> {
        let writes = [asked(self.insert, None), self.plain_update(), asked(self.delete, None)];
        let guarded = writes.iter().any(Option::is_some);
        let made = |name: &&str| match *name {
            "aal_read" => asked(self.read, None).is_some(),
            "aal_insert" => asked(self.insert, None).is_some(),
            "aal_update" => self.plain_update().is_some(),
            "aal_delete" => asked(self.delete, None).is_some(),
            "aal_owner" => self.owner.is_some(),
            "aal_guard" => self.guard && guarded,
            _ => !self.sensitive_columns.is_empty() && !table.copies_row_triggers,
        };
        POLICIES.into_iter().chain(TRIGGERS).filter(made).collect()
    }

    /// The comment on everything that is made: what was asked for, and how the table stood before.
    pub fn record(&self, table: &Table) -> String {
        let record = Record {
            read: self.read.as_str(),
            insert: self.insert.as_str(),
            update: self.update.as_str(),
            delete: self.delete.as_str(),
            max_age: self.max_age.map(|max_age| max_age.to_string()),
            sensitive: !self.sensitive_columns.is_empty(),
            guard: self.guard,
            owner: self.owner.is_some(),
            roles: if self.binds_everybody() { Vec::new() } else { self.roles.clone() },
            before: &table.before,
        };
        format!("{RECORD_MARK}{}", serde_json::to_string(&record).unwrap_or_default())
    }
}

/// The statements that take away what [`Protection::statements`] makes: all of it, or of that only what is in
/// `existing`.
pub fn clear_statements(table: &Table, existing: Option<&[String]>, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    let wanted = |name: &&str| match existing {
        Some(existing) => existing.iter().any(|existing| existing == name),
        None => !(table.copies_row_triggers && *name == "aal_columns"),
    };
    let names = POLICIES.into_iter().chain(TRIGGERS).filter(wanted);
    let wanted: Vec<String> = names.map(|name| format!(" if exists {name} on ")).collect();
    let is_wanted = |statement: &str| wanted.iter().any(|wanted| statement.contains(wanted));
    renderer.render_where(template::CLEAR, is_wanted, context! {})
}

/// The statement that switches row security on.
pub fn row_security_on_statement(table: &Table, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    renderer.render(template::ROW_SECURITY, context! {})
}

/// The statement that switches row security off.
pub fn row_security_off_statement(table: &Table, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    renderer.render(template::ROW_SECURITY_OFF, context! {})
}

/// How the comment on everything that `protect_table` makes begins.
pub const RECORD_MARK: &str = "pg_aal: ";

/// The policies that `protect_table` makes.
pub const POLICIES: [&str; 5] = ["aal_read", "aal_insert", "aal_update", "aal_delete", "aal_owner"];

/// The triggers that `protect_table` makes.
pub const TRIGGERS: [&str; 2] = ["aal_guard", "aal_columns"];

#[derive(Serialize)]
struct Record<'a> {
    read: &'static str,
    insert: &'static str,
    update: &'static str,
    delete: &'static str,
    max_age: Option<String>,
    sensitive: bool,
    #[serde(skip_serializing_if = "is_true")]
    guard: bool,
    #[serde(skip_serializing_if = "is_false")]
    owner: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(flatten)]
    before: &'a Before,
}

fn is_true(it: &bool) -> bool {
    *it
}

fn is_false(it: &bool) -> bool {
    !it
}

/// What `protect_table` was asked for, read back from the record it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProtection {
    /// For SELECT.
    pub read: TableLevel,
    /// For INSERT.
    pub insert: TableLevel,
    /// For UPDATE.
    pub update: TableLevel,
    /// For DELETE and TRUNCATE.
    pub delete: TableLevel,
    /// How old the factor may be, for the writes.
    pub max_age: Option<MaxAge>,
    /// Whether there are sensitive columns.
    pub sensitive: bool,
    /// Whether it made a guard.
    pub guard: bool,
    /// Whether it made the policy for rows of one's own.
    pub owner: bool,
    /// The roles that its policies bind; none: everybody.
    pub roles: Vec<String>,
}

#[derive(Deserialize)]
struct ReadRecord {
    read: String,
    insert: String,
    update: String,
    delete: String,
    max_age: Option<String>,
    #[serde(default)]
    sensitive: bool,
    #[serde(default = "yes")]
    guard: bool,
    #[serde(default)]
    owner: bool,
    #[serde(default)]
    roles: Vec<String>,
}

fn yes() -> bool {
    true
}

impl RecordedProtection {
    /// Reads it from a comment; `None` where `protect_table` didn't write it.
    pub fn from_record(comment: &str) -> Option<RecordedProtection> {
        let record: ReadRecord = serde_json::from_str(comment.strip_prefix(RECORD_MARK)?).ok()?;
        Some(RecordedProtection {
            read: record.read.parse().ok()?,
            insert: record.insert.parse().ok()?,
            update: record.update.parse().ok()?,
            delete: record.delete.parse().ok()?,
            max_age: record.max_age.map(|text| parse_max_age(&text)).transpose().ok()?,
            sensitive: record.sensitive,
            guard: record.guard,
            owner: record.owner,
            roles: record.roles,
        })
    }

    /// The policies for commands that it made, and what each asks.
    pub fn policies(&self) -> impl Iterator<Item = (&'static str, Asked)> {
        let update = if self.sensitive { asked(self.read, None) } else { asked(self.update, self.max_age) };
        let made = [
            ("aal_read", asked(self.read, None)),
            ("aal_insert", asked(self.insert, self.max_age)),
            ("aal_update", update),
            ("aal_delete", asked(self.delete, self.max_age)),
        ];
        made.into_iter().filter_map(|(name, asked)| asked.map(|asked| (name, asked)))
    }

    /// Whether it asks for a level for this command.
    pub fn asks(&self, command: crate::access::Command) -> bool {
        use crate::access::Command::*;
        let policy = match command {
            Select => "aal_read",
            Insert => "aal_insert",
            Update => "aal_update",
            Delete | Truncate => "aal_delete",
        };
        self.policies().any(|(name, _)| name == policy)
    }

    /// The commands that its guard fires for, and what it asks for each.
    pub fn guarded(&self) -> Vec<(Command, Asked)> {
        let asked_by = |name: &str| self.policies().find(|(policy, _)| *policy == name).map(|(_, asked)| asked);
        let commands = [Command::Insert, Command::Update, Command::Delete, Command::Truncate];
        let asked = commands.into_iter().filter_map(|command| asked_by(command.policy()).map(|asked| (command, asked)));
        if self.guard { asked.collect() } else { Vec::new() }
    }
}

impl Before {
    /// Reads the record back from a comment; `None` where `protect_table` didn't write it.
    pub fn from_record(comment: &str) -> Option<Before> {
        serde_json::from_str(comment.strip_prefix(RECORD_MARK)?).ok()
    }
}

/// One argument of a guard trigger: `insert=aal2` or `insert=aal2,max_age=900 seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GuardArgument {
    command: Command,
    required: Asked,
}

impl fmt::Display for GuardArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, max_age) = match self.required {
            Asked::Level(Requirement { level, max_age }) => (level.as_str(), max_age),
            Asked::Enrolled(max_age) => ("enrolled", max_age),
        };
        write!(f, "{}={level}", self.command.as_str())?;
        match max_age {
            Some(max_age) => write!(f, ",max_age={max_age}"),
            None => Ok(()),
        }
    }
}

/// The argument by which a guard asks this for a command.
pub fn guard_argument(command: Command, required: Asked) -> String {
    GuardArgument { command, required }.to_string()
}

/// A guard trigger's arguments that don't say what the guard must ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidGuard;

impl fmt::Display for InvalidGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arguments of the guard trigger do not say what it must ask for")
    }
}

impl std::error::Error for InvalidGuard {}

/// What a guard trigger with these arguments asks for a command.
///
/// # Errors
/// [`InvalidGuard`] where the command's argument is missing, stands twice or can't be read: a guard that doesn't
/// know its level lets nothing pass.
pub fn guard_requirement<'a>(
    command: Command,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Asked, InvalidGuard> {
    let mut found = None;
    for argument in arguments {
        let (name, required) = argument.split_once('=').ok_or(InvalidGuard)?;
        if name == command.as_str() && found.replace(parse_requirement(required)?).is_some() {
            return Err(InvalidGuard);
        }
    }
    found.ok_or(InvalidGuard)
}

/// `aal2` or `aal2,max_age=900 seconds`, as [`GuardArgument`] writes it.
fn parse_requirement(text: &str) -> Result<Asked, InvalidGuard> {
    let (level, max_age) = match text.split_once(",max_age=") {
        Some((level, max_age)) => (level, Some(parse_max_age(max_age)?)),
        None => (text, None),
    };
    match level {
        "enrolled" => Ok(Asked::Enrolled(max_age)),
        _ => Ok(Asked::Level(Requirement { level: Level::from_claim(level).ok_or(InvalidGuard)?, max_age })),
    }
}

/// `900 seconds` or `1.5 seconds`, as [`MaxAge`] writes it.
fn parse_max_age(text: &str) -> Result<MaxAge, InvalidGuard> {
    let number = text.strip_suffix(" seconds").or_else(|| text.strip_suffix(" second")).ok_or(InvalidGuard)?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || fraction.len() > 6 || !digits(seconds) || !digits(fraction) {
        return Err(InvalidGuard);
    }
    let seconds: i64 = seconds.parse().map_err(|_| InvalidGuard)?;
    let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| InvalidGuard)?;
    let micros = seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_add(fraction)).ok_or(InvalidGuard)?;
    MaxAge::from_interval(0, 0, micros).map_err(|_| InvalidGuard)
}

/// `None` where nothing is asked.
fn asked(level: TableLevel, max_age: Option<MaxAge>) -> Option<Asked> {
    match level {
        TableLevel::None => None,
        TableLevel::At(level) => Some(Asked::Level(Requirement { level, max_age })),
        TableLevel::Enrolled => Some(Asked::Enrolled(max_age)),
    }
}

/// The expression for a policy. All arguments, with their types: an exact match, which no other function of that name can
/// come before.
fn is_met(required: Asked, quote: &dyn Quote) -> String {
    let interval = |max_age: Option<MaxAge>| {
        let max_age = max_age.map_or("null".to_owned(), |max_age| quote.literal(&max_age.to_string()));
        format!("{max_age}::interval")
    };
    match required {
        Asked::Level(Requirement { level, max_age }) => {
            format!("auth.has_aal({}::text, {})", quote.literal(level.as_str()), interval(max_age))
        }
        Asked::Enrolled(max_age) => format!("auth.has_enrolled_aal({})", interval(max_age)),
    }
}

fn arguments_clause(arguments: &[GuardArgument], quote: &dyn Quote) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| quote.literal(&argument.to_string())).collect();
    arguments.join(", ")
}

fn qualified(table: &Table, quote: &dyn Quote) -> String {
    format!("{}.{}", quote.identifier(&table.schema), quote.identifier(&table.name))
}

/// Renders templates for one table.
struct Renderer<'a> {
    quote: &'a dyn Quote,
    table: String,
    record: String,
}

impl Renderer<'_> {
    /// The statements of a template. It is split before anything is filled in, so that a name can't end one.
    fn render(&self, template: &str, values: Value) -> Vec<String> {
        self.render_where(template, |_| true, values)
    }

    /// Of those, the ones whose template is wanted.
    fn render_where(&self, template: &str, wanted: impl Fn(&str) -> bool, values: Value) -> Vec<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let values = context! { table => &self.table, record => &self.record, ..values };
        split_statements(template)
            .into_iter()
            .filter(|statement| wanted(statement))
            .map(|statement| {
                // The templates are part of the program and every one is rendered by a test.
                environment.render_str(statement, &values).expect("a template of sql/templates renders")
            })
            .collect()
    }
}

/// The statements of a template: each ends with a semicolon at the end of a line.
fn split_statements(template: &str) -> Vec<&str> {
    template.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

mod template {
    pub const ROW_SECURITY: &str = include_str!("../../../sql/templates/row_security.sql");
    pub const ROW_SECURITY_OFF: &str = include_str!("../../../sql/templates/row_security_off.sql");
    pub const CLEAR: &str = include_str!("../../../sql/templates/clear.sql");
    pub const AAL_READ: &str = include_str!("../../../sql/templates/aal_read.sql");
    pub const AAL_INSERT: &str = include_str!("../../../sql/templates/aal_insert.sql");
    pub const AAL_UPDATE: &str = include_str!("../../../sql/templates/aal_update.sql");
    pub const AAL_DELETE: &str = include_str!("../../../sql/templates/aal_delete.sql");
    pub const AAL_OWNER: &str = include_str!("../../../sql/templates/aal_owner.sql");
    pub const AAL_GUARD: &str = include_str!("../../../sql/templates/aal_guard.sql");
    pub const AAL_COLUMNS: &str = include_str!("../../../sql/templates/aal_columns.sql");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quotes always, as Postgres may.
    struct Always;

    impl Quote for Always {
        fn identifier(&self, name: &str) -> String {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
        fn literal(&self, text: &str) -> String {
            format!("'{}'", text.replace('\'', "''"))
        }
    }

    fn default() -> Protection {
        let aal2 = TableLevel::At(Level::Aal2);
        Protection {
            read: TableLevel::At(Level::Aal1),
            insert: aal2,
            update: aal2,
            delete: aal2,
            max_age: None,
            roles: vec!["public".to_owned()],
            owner: None,
            sensitive_columns: Vec::new(),
            guard: true,
        }
    }

    fn payments() -> Table {
        let before = Before { row_security: false, policies: None };
        Table { schema: "public".to_owned(), name: "payments".to_owned(), before, copies_row_triggers: false }
    }

    fn creates(protection: &Protection) -> Vec<String> {
        let statements = protection.statements(&payments(), &Always);
        statements.into_iter().filter(|statement| statement.starts_with("create")).collect()
    }

    #[test]
    fn the_default_makes_four_restrictive_policies_and_a_guard() {
        let creates = creates(&default());
        assert_eq!(creates.len(), 5);
        assert!(creates[..4].iter().all(|policy| policy.contains("as restrictive")), "{creates:#?}");
        assert!(creates[0].contains("using (auth.has_aal('aal1'::text, null::interval))"));
        assert!(creates[2].contains("with check (auth.has_aal('aal2'::text, null::interval))"));
        assert!(creates[4].contains("before insert or update or delete or truncate on \"public\".\"payments\""));
        assert!(creates[4].contains("auth.aal_guard('insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2')"));
    }

    #[test]
    fn max_age_binds_the_writes_only() {
        let protection = Protection { max_age: Some(MaxAge::from_seconds(900)), ..default() };
        let creates = creates(&protection);
        assert!(creates[0].contains("auth.has_aal('aal1'::text, null::interval))"));
        assert!(creates[1].contains("auth.has_aal('aal2'::text, '900 seconds'::interval)"));
        assert!(creates[4].contains("'insert=aal2,max_age=900 seconds'"));
    }

    #[test]
    fn the_enrolled_level_is_asked_by_its_own_function() {
        let insert = TableLevel::Enrolled;
        let protection = Protection { insert, max_age: Some(MaxAge::from_seconds(900)), ..default() };
        let creates = creates(&protection);
        assert!(creates[1].contains("with check (auth.has_enrolled_aal('900 seconds'::interval))"));
        assert!(creates[4].contains("'insert=enrolled,max_age=900 seconds'"));
    }

    #[test]
    fn none_makes_no_policy_and_no_guard_for_its_command() {
        let protection = Protection { read: TableLevel::None, delete: TableLevel::None, ..default() };
        let creates = creates(&protection);
        assert_eq!(creates.len(), 3);
        assert!(creates[2].contains("before insert or update on"));
    }

    #[test]
    fn a_sensitive_column_needs_the_write_level_and_others_the_read_level() {
        let protection = Protection { sensitive_columns: vec!["iban".to_owned()], ..default() };
        let creates = creates(&protection);
        assert!(creates[2].contains("for update") && creates[2].contains("'aal1'"));
        assert!(creates[4].contains("'update=aal1'"));
        assert!(creates[5].starts_with("create constraint trigger aal_columns"));
        assert!(creates[5].contains("after update of \"iban\" on") && creates[5].contains("'update=aal2'"));
        let partition = Table { copies_row_triggers: true, ..payments() };
        let statements = protection.statements(&partition, &Always);
        assert!(!statements.iter().any(|statement| statement.contains("constraint trigger")));
    }

    #[test]
    fn the_names_are_those_of_what_the_statements_make() {
        let none = TableLevel::None;
        let variants = [
            default(),
            Protection { guard: false, ..default() },
            Protection { read: none, ..default() },
            Protection { insert: none, update: none, delete: none, ..default() },
            Protection { insert: none, delete: none, ..default() },
            Protection { owner: Some(Owner { column: "o".to_owned(), is_uuid: true }), ..default() },
            Protection { sensitive_columns: vec!["c".to_owned()], ..default() },
            Protection { read: none, insert: none, delete: none, sensitive_columns: vec!["c".to_owned()], ..default() },
        ];
        for protection in variants {
            for copies_row_triggers in [false, true] {
                let table = Table { copies_row_triggers, ..payments() };
                let statements = protection.statements(&table, &Always).join("\n");
                for name in POLICIES.into_iter().chain(TRIGGERS) {
                    let is_made = statements.contains(&format!("comment on policy {name} on "))
                        || statements.contains(&format!("comment on trigger {name} on "));
                    assert_eq!(protection.names(&table).contains(&name), is_made, "{name} {protection:?}");
                }
            }
        }
    }

    #[test]
    fn clearing_takes_all_or_only_what_is_there() {
        let all = clear_statements(&payments(), None, &Always);
        assert_eq!(all.len(), POLICIES.len() + TRIGGERS.len());
        for (statement, name) in all.iter().zip(POLICIES.into_iter().chain(TRIGGERS)) {
            assert!(statement.contains(&format!("if exists {name} on \"public\".\"payments\"")), "{statement}");
        }
        let there = ["aal_read".to_owned(), "aal_guard".to_owned()];
        let some = clear_statements(&payments(), Some(&there), &Always);
        assert_eq!(some, [all[0].clone(), all[5].clone()]);
        let partition = Table { copies_row_triggers: true, ..payments() };
        assert!(
            !clear_statements(&partition, None, &Always).iter().any(|statement| statement.contains("aal_columns on"))
        );
    }

    #[test]
    fn owner_rows_compare_with_the_subject_of_the_columns_type() {
        let owner = |is_uuid| Some(Owner { column: "user id".to_owned(), is_uuid });
        let by_uuid = creates(&Protection { owner: owner(true), ..default() });
        assert!(by_uuid[4].contains("using (\"user id\" operator(pg_catalog.=) auth.subject_uuid())"));
        let by_text = creates(&Protection { owner: owner(false), ..default() });
        assert!(by_text[4].contains("operator(pg_catalog.=) auth.subject())"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        use InvalidProtection::*;
        let sensitive = || vec!["iban".to_owned()];
        for (protection, expected) in [
            (Protection { roles: Vec::new(), ..default() }, NoRoles),
            (Protection { sensitive_columns: sensitive(), guard: false, ..default() }, SensitiveColumnsNeedGuard),
            (
                Protection { sensitive_columns: sensitive(), update: TableLevel::None, ..default() },
                SensitiveColumnsNeedLevels,
            ),
            (
                Protection { sensitive_columns: sensitive(), read: TableLevel::None, ..default() },
                SensitiveColumnsNeedLevels,
            ),
            (
                Protection {
                    sensitive_columns: sensitive(),
                    read: TableLevel::At(Level::Aal2),
                    update: TableLevel::Enrolled,
                    ..default()
                },
                SensitiveColumnsNeedLevels,
            ),
            (
                Protection { sensitive_columns: sensitive(), read: TableLevel::At(Level::Aal3), ..default() },
                SensitiveColumnsNeedLevels,
            ),
            (
                Protection {
                    read: TableLevel::None,
                    insert: TableLevel::None,
                    update: TableLevel::None,
                    delete: TableLevel::None,
                    ..default()
                },
                ProtectsNothing,
            ),
        ] {
            assert_eq!(protection.validate(), Err(expected));
        }
        assert_eq!(default().validate(), Ok(()));
    }

    #[test]
    fn the_record_reads_back() {
        let table = Table { before: Before { row_security: false, policies: Some("d41d8".to_owned()) }, ..payments() };
        let comment = default().record(&table);
        assert_eq!(Before::from_record(&comment), Some(table.before));
        for foreign in ["", "pg_aal: ", "pg_aal: {}", "pg_aal: []", "{\"row_security_before\":true}", "my policy"] {
            assert_eq!(Before::from_record(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_guard_that_does_not_know_its_level_refuses() {
        let ask = |arguments: &[&str]| guard_requirement(Command::Update, arguments.iter().copied());
        let aal2 = |max_age| Ok(Asked::Level(Requirement { level: Level::Aal2, max_age }));
        let age = Some(MaxAge::from_interval(0, 0, 1_500_000).unwrap());
        assert_eq!(ask(&["insert=aal3", "update=aal2"]), aal2(None));
        assert_eq!(ask(&["update=aal2,max_age=1.5 seconds"]), aal2(age));
        assert_eq!(ask(&["update=enrolled,max_age=1.5 seconds"]), Ok(Asked::Enrolled(age)));
        for wrong in [
            &[][..],
            &["insert=aal2"],
            &["update"],
            &["update=AAL2"],
            &["update=none"],
            &["update=aal2", "update=aal1"],
            &["update=aal2,max_age="],
            &["update=aal2,max_age=900"],
            &["update=aal2,max_age=-1 seconds"],
            &["update=aal2,max_age=99999999999999999999 seconds"],
            &["update=aal2,max_age=+1 seconds"],
            &["update=aal2 "],
            &["junk", "update=aal2"],
        ] {
            assert_eq!(ask(wrong), Err(InvalidGuard), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_names_stay_inside_their_quotes(schema in any::<String>(), name in any::<String>(), column in any::<String>(), role in any::<String>()) {
            let table = Table { schema: schema.clone(), name: name.clone(), ..payments() };
            let protection = Protection {
                roles: vec![role.clone()],
                owner: Some(Owner { column: column.clone(), is_uuid: true }),
                sensitive_columns: vec![column.clone()],
                ..default()
            };
            // However the names read, the statements are the same but for the quoted names.
            let plain = Protection {
                roles: vec!["R".to_owned()],
                owner: Some(Owner { column: "C".to_owned(), is_uuid: true }),
                sensitive_columns: vec!["C".to_owned()],
                ..default()
            };
            prop_assume!(role != "public");
            // In the record, which is JSON within a literal, the role is a JSON string.
            let recorded = Always.literal(&serde_json::json!([role]).to_string());
            let filling = [
                ("[\"R\"]", recorded[1..recorded.len() - 1].to_owned()),
                ("\"S\"", Always.identifier(&schema)),
                ("\"T\"", Always.identifier(&name)),
                ("\"C\"", Always.identifier(&column)),
                ("\"R\"", Always.identifier(&role)),
            ];
            let expected: Vec<String> = plain
                .statements(&Table { schema: "S".to_owned(), name: "T".to_owned(), ..payments() }, &Always)
                .iter()
                .map(|statement| fill(statement, &filling))
                .collect();
            prop_assert_eq!(protection.statements(&table, &Always), expected);
        }

        #[test]
        fn a_guard_reads_back_what_was_written(micros in 0i64.., level in prop::sample::select(Level::ALL.to_vec())) {
            let max_age = Some(MaxAge::from_interval(0, 0, micros).unwrap());
            for required in [Asked::Level(Requirement { level, max_age }), Asked::Enrolled(max_age)] {
                let written = GuardArgument { command: Command::Delete, required }.to_string();
                prop_assert_eq!(guard_requirement(Command::Delete, [written.as_str()]), Ok(required));
            }
        }

        #[test]
        fn any_guard_arguments_are_read_without_a_panic(arguments in proptest::collection::vec(any::<String>(), 0..4)) {
            let _ = guard_requirement(Command::Insert, arguments.iter().map(String::as_str));
        }
    }

    /// Replaces placeholders in one pass, so that a name that looks like a placeholder isn't replaced again.
    fn fill(statement: &str, filling: &[(&str, String)]) -> String {
        let mut filled = String::new();
        let mut rest = statement;
        while !rest.is_empty() {
            match filling.iter().find(|(placeholder, _)| rest.starts_with(placeholder)) {
                Some((placeholder, text)) => {
                    filled.push_str(text);
                    rest = &rest[placeholder.len()..];
                }
                None => {
                    let next = rest.chars().next().map_or(0, char::len_utf8);
                    filled.push_str(&rest[..next]);
                    rest = &rest[next..];
                }
            }
        }
        filled
    }
}
