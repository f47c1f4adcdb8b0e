//! What `protect_schema` was asked for, and the record of it that the schema's watch holds.

use std::fmt;
use std::str::FromStr;

use minijinja::context;
use serde::{Deserialize, Serialize};

use super::levels::TableLevel;
use super::lowering::{FoundLevel, FoundProtection, FoundRoles};
use super::made::Made;
use super::render::{Quote, Renderer};
use super::request::{AppliesWhen, Owner, Protection};

/// What becomes of a table that comes into a protected schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewTables {
    /// It gets the schema's protection.
    Protect,
    /// The transaction fails, unless it protects the table.
    Refuse,
    /// A WARNING names it.
    Warn,
}

impl NewTables {
    /// Every one, as the argument `new_tables` names it.
    pub const ALL: [NewTables; 3] = [NewTables::Protect, NewTables::Refuse, NewTables::Warn];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            NewTables::Protect => "protect",
            NewTables::Refuse => "refuse",
            NewTables::Warn => "warn",
        }
    }
}

impl fmt::Display for NewTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NewTables {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        NewTables::ALL.into_iter().find(|it| it.as_str() == text).ok_or(())
    }
}

/// What `protect_schema` was asked for.
#[derive(Clone, Debug)]
pub struct SchemaProtection {
    /// The schema's name, and those that it had before.
    pub schemas: Vec<String>,
    /// What becomes of new tables.
    pub new_tables: NewTables,
    /// The names of the tables that it is not for.
    pub excluding: Vec<String>,
    /// The column of a row's owner, in the tables that have one.
    pub owner_column: Option<String>,
    /// The protection of each table, but for the owner.
    pub protection: Protection,
}

/// The record, as the watch holds it. Roles and functions stand in it by their names, so that dump and restore carry them.
#[derive(Serialize, Deserialize)]
struct Record {
    schemas: Vec<String>,
    new_tables: NewTables,
    read: String,
    insert: String,
    update: String,
    delete: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner_column: Option<String>,
    guard: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applies_when: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "is_false")]
    live: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    refuse_reads: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    excluding: Vec<String>,
}

fn is_false(it: &bool) -> bool {
    !it
}

impl SchemaProtection {
    /// The protection of a table that has this owner column, or none.
    pub fn of_table(&self, owner: Option<Owner>) -> Protection {
        Protection { owner, ..self.protection.clone() }
    }

    /// Whether it excludes a table by its name.
    pub fn excludes(&self, schema: &String, table: &String) -> bool {
        self.schemas.contains(schema) && self.excluding.contains(table)
    }

    /// The record of it.
    pub fn record(&self) -> String {
        let Protection { read, insert, update, delete, guard, live, refuse_reads, .. } = self.protection;
        let applies_when = self.protection.applies_when.as_ref();
        let record = Record {
            schemas: self.schemas.clone(),
            new_tables: self.new_tables,
            read: read.to_string(),
            insert: insert.to_string(),
            update: update.to_string(),
            delete: delete.to_string(),
            roles: if self.protection.binds_everybody() { Vec::new() } else { self.protection.roles.clone() },
            owner_column: self.owner_column.clone(),
            guard,
            applies_when: applies_when.map(|it| (it.schema.clone(), it.function.clone())),
            live,
            refuse_reads,
            excluding: self.excluding.clone(),
        };
        serde_json::to_string(&record).unwrap_or_default()
    }

    /// Reads a record back; `None` for a text that is none.
    pub fn from_record(record: &str, quote: &dyn Quote) -> Option<SchemaProtection> {
        let record: Record = serde_json::from_str(record).ok()?;
        let applies_when = |(schema, function): (String, String)| {
            let display_name = format!("{}.{}()", quote.identifier(&schema), quote.identifier(&function));
            AppliesWhen { schema, function, display_name }
        };
        Some(SchemaProtection {
            schemas: record.schemas,
            new_tables: record.new_tables,
            excluding: record.excluding,
            owner_column: record.owner_column,
            protection: Protection {
                read: record.read.parse().ok()?,
                insert: record.insert.parse().ok()?,
                update: record.update.parse().ok()?,
                delete: record.delete.parse().ok()?,
                roles: if record.roles.is_empty() { vec!["public".to_owned()] } else { record.roles },
                owner: None,
                sensitive_columns: Vec::new(),
                guard: record.guard,
                applies_when: record.applies_when.map(applies_when),
                live: record.live,
                refuse_reads: record.refuse_reads,
            },
        })
    }

    /// What this takes away from another one, each in a line with the old and the new.
    pub fn lowers(&self, old: &SchemaProtection) -> Vec<String> {
        let mut lines = self.protection.lowers(&self.found(old));
        if let Some(column) = &old.owner_column
            && self.owner_column.as_ref() != Some(column)
        {
            lines.push(format!("owner_column: {column} -> {}", self.owner_column.as_deref().unwrap_or("none")));
        }
        if self.new_tables == NewTables::Warn && old.new_tables != NewTables::Warn {
            lines.push(format!("new_tables: {} -> {}", old.new_tables, self.new_tables));
        }
        let is_new = |name: &&String| !old.excluding.contains(name);
        let excluded: Vec<&str> = self.excluding.iter().filter(is_new).map(String::as_str).collect();
        if !excluded.is_empty() {
            lines.push(format!("excluding: {} -> excluded", excluded.join(", ")));
        }
        lines
    }

    /// The protection of a table that has exactly that of another schema, as this one's would be compared with it.
    fn found(&self, old: &SchemaProtection) -> FoundProtection {
        let Protection { read, insert, update, delete, guard, live, .. } = old.protection;
        let levels = [(Made::Read, read), (Made::Insert, insert), (Made::Update, update), (Made::Delete, delete)];
        let levels = levels.into_iter().filter(|(_, level)| *level != TableLevel::None);
        let is_left_out = |role: &&String| !self.protection.roles.contains(role);
        let bound = if old.protection.binds_everybody() {
            FoundRoles::Everybody
        } else {
            FoundRoles::Named { unbound: old.protection.roles.iter().filter(is_left_out).cloned().collect() }
        };
        FoundProtection {
            policies: levels.map(|(made, level)| (made, FoundLevel::Requires(vec![level]))).collect(),
            bound: Some(bound),
            applies_when: vec![old.protection.applies_when.as_ref().map(|it| it.display_name.clone())],
            guard,
            live,
            ..FoundProtection::default()
        }
    }

    /// The statements that begin the watch: its function, which holds the record, and its event trigger.
    pub fn watch_statements(&self, name: &str, quote: &dyn Quote) -> Vec<String> {
        let template = include_str!("../../../../sql/templates/watch.sql");
        let schema = self.schemas.first().map(String::as_str).unwrap_or_default();
        let comment = format!("Watches the tables that come into schema {schema}. Made by auth.protect_schema.");
        let tags: Vec<String> = WATCHED_TAGS.iter().map(|tag| quote.literal(tag)).collect();
        self.render(template, name, quote, context! { tags => tags.join(", "), comment => quote.literal(&comment) })
    }

    /// The statement that writes the record anew.
    pub fn record_statement(&self, function: &str, quote: &dyn Quote) -> Vec<String> {
        self.render(include_str!("../../../../sql/templates/watch_record.sql"), function, quote, context! {})
    }

    fn render(&self, template: &str, name: &str, quote: &dyn Quote, values: minijinja::Value) -> Vec<String> {
        let renderer = Renderer { quote, table: String::new(), record: quote.literal(&self.record()) };
        renderer.render(template, context! { name => quote.identifier(name), ..values })
    }
}

/// The statements that end a watch.
pub fn unwatch_statements(event_trigger: &str, function: &str, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: String::new(), record: String::new() };
    let (name, function) = (quote.identifier(event_trigger), quote.identifier(function));
    renderer.render(include_str!("../../../../sql/templates/unwatch.sql"), context! { name, function })
}

/// The commands by which tables come into a schema, as Postgres names them for event triggers.
pub const WATCHED_TAGS: [&str; 11] = [
    "ALTER EXTENSION",
    "ALTER FOREIGN TABLE",
    // It renames tables, too.
    "ALTER INDEX",
    "ALTER SCHEMA",
    "ALTER TABLE",
    "CREATE FOREIGN TABLE",
    "CREATE SCHEMA",
    "CREATE TABLE",
    "CREATE TABLE AS",
    "IMPORT FOREIGN SCHEMA",
    "SELECT INTO",
];
