//! What lints find.

use super::severity::Severity;
use super::survey::ViewPastPolicies;
use crate::{
    Catalog, Command, FunctionIndex, Policy, StoredIndex, TableId, TableIndex, ViewIndex, ViewKind, WatchIndex,
};

/// What a lint found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is about.
    pub subject: Subject,
    /// In plain words.
    pub detail: String,
    /// The policy, if it is about one.
    pub policy: Option<String>,
    /// The roles' names, if it is about some.
    pub roles: Vec<String>,
    /// The commands, if it is about some.
    pub commands: Vec<Command>,
    /// What tells it from others of the same lint and subject, where there can be several. It does not depend on which roles
    /// there happen to be.
    pub key: Option<String>,
    /// The protected tables that something else reaches past their policies.
    pub reaches: Vec<TableIndex>,
    /// How bad it is, where that isn't the lint's own level.
    pub level: Option<Severity>,
    /// SQL that mends it, where SQL can.
    pub fix: Option<String>,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A table.
    Table(TableIndex),
    /// A view.
    View(ViewIndex),
    /// A function.
    Function(FunctionIndex),
    /// An event trigger that watches for new tables.
    Watch(WatchIndex),
    /// A role or a database for which claims are stored.
    Stored(StoredIndex),
    /// The setting `pg_aal.claims_profile`.
    ClaimsProfile,
    /// The portable edition.
    Portable,
}

const CLAIMS_PROFILE: &str = "pg_aal.claims_profile";

impl Subject {
    /// The table, if it is one.
    pub const fn table(self) -> Option<TableIndex> {
        match self {
            Subject::Table(table) => Some(table),
            Subject::View(_) | Subject::Function(_) | Subject::Watch(_) => None,
            Subject::Stored(_) | Subject::ClaimsProfile | Subject::Portable => None,
        }
    }

    /// The names of its schema and of itself.
    pub(super) fn names(self, catalog: &Catalog) -> (&str, &str) {
        match self {
            Subject::Table(table) => (&catalog.tables[table].schema, &catalog.tables[table].name),
            Subject::View(view) => (&catalog.views[view].schema, &catalog.views[view].name),
            Subject::Function(function) => (&catalog.functions[function].schema, &catalog.functions[function].name),
            Subject::Watch(watch) => {
                let watch = &catalog.watches[watch];
                let schema = watch.protection.as_ref().and_then(|it| it.schemas.first());
                (schema.map_or("auth", |schema| schema), &watch.name)
            }
            // They belong to no schema. The catalog of settings is there.
            Subject::Stored(stored) => ("pg_catalog", &catalog.stored_claims[stored].name),
            Subject::ClaimsProfile => ("pg_catalog", CLAIMS_PROFILE),
            Subject::Portable => ("aal", "aal"),
        }
    }

    /// Its full name, as messages show it.
    pub fn display_name(self, catalog: &Catalog) -> String {
        match self {
            Subject::Table(table) => catalog.tables[table].display_name.clone(),
            Subject::View(view) => catalog.views[view].display_name.clone(),
            Subject::Function(function) => catalog.functions[function].display_name.clone(),
            Subject::Watch(watch) => catalog.watches[watch].name.clone(),
            Subject::Stored(stored) => catalog.stored_claims[stored].name.clone(),
            Subject::ClaimsProfile => CLAIMS_PROFILE.to_owned(),
            Subject::Portable => "schema aal".to_owned(),
        }
    }

    /// What kind of object it is, as splinter calls it.
    pub(crate) fn kind(self, catalog: &Catalog) -> &'static str {
        match self {
            Subject::Table(_) => "table",
            Subject::View(view) => match catalog.views[view].kind {
                ViewKind::Materialized => "materialized view",
                ViewKind::TableRule => "table",
                ViewKind::OwnerRights | ViewKind::InvokerRights | ViewKind::ViewRule => "view",
            },
            Subject::Function(_) => "function",
            Subject::Watch(_) => "event trigger",
            Subject::Stored(stored) if catalog.stored_claims[stored].is_database => "database",
            Subject::Stored(_) => "role",
            Subject::ClaimsProfile => "setting",
            Subject::Portable => "schema",
        }
    }
}

impl Found {
    fn about(subject: Subject, detail: String) -> Found {
        let (roles, commands, reaches) = (Vec::new(), Vec::new(), Vec::new());
        Found { subject, detail, policy: None, roles, commands, key: None, reaches, level: None, fix: None }
    }

    pub(super) fn on_table(table: TableIndex, detail: String) -> Found {
        Found::about(Subject::Table(table), detail)
    }

    /// About a table or a view, by its OID.
    pub(super) fn on_relation(catalog: &Catalog, id: TableId, detail: String) -> Option<Found> {
        let table = catalog.tables.indexed().find(|(_, table)| table.id == id).map(|(index, _)| Subject::Table(index));
        let view = || catalog.views.indexed().find(|(_, view)| view.id == id).map(|(index, _)| Subject::View(index));
        Some(Found::about(table.or_else(view)?, detail))
    }

    /// About a view that reaches a table past its policies, for these roles.
    pub(super) fn on_view(catalog: &Catalog, past: &ViewPastPolicies, roles: &[String], detail: String) -> Found {
        let view = &catalog.views[past.view];
        // The rules of a table are the table's own.
        let table = catalog.tables.indexed().find(|(_, table)| table.id == view.id).map(|(index, _)| index);
        let subject = table.map_or(Subject::View(past.view), Subject::Table);
        let key = catalog.tables[past.table].display_name.clone();
        let found = Found::about(subject, detail).roles(roles).reaches(&[past.table]);
        Found { commands: past.commands.clone(), key: Some(key), ..found }
    }

    pub(super) fn on_stored(stored: StoredIndex, detail: String) -> Found {
        Found::about(Subject::Stored(stored), detail)
    }

    pub(super) fn on_claims_profile(detail: String) -> Found {
        Found::about(Subject::ClaimsProfile, detail)
    }

    pub(super) fn on_portable(detail: String) -> Found {
        Found::about(Subject::Portable, detail)
    }

    pub(super) fn on_watch(watch: WatchIndex, detail: String) -> Found {
        Found::about(Subject::Watch(watch), detail)
    }

    pub(super) fn on_function(catalog: &Catalog, function: FunctionIndex, detail: String) -> Found {
        Found::about(Subject::Function(function), detail).key(&catalog.functions[function].display_name)
    }

    pub(super) fn policy(self, policy: &Policy) -> Found {
        Found { policy: Some(policy.name.clone()), ..self }
    }

    pub(super) fn key(self, key: &str) -> Found {
        Found { key: Some(key.to_owned()), ..self }
    }

    pub(super) fn roles<T: AsRef<str>>(self, roles: &[T]) -> Found {
        Found { roles: roles.iter().map(|role| role.as_ref().to_owned()).collect(), ..self }
    }

    pub(super) fn reaches(self, tables: &[TableIndex]) -> Found {
        Found { reaches: tables.to_vec(), ..self }
    }

    pub(super) fn level(self, level: Severity) -> Found {
        Found { level: Some(level), ..self }
    }

    pub(super) fn commands(self, commands: &[Command]) -> Found {
        Found { commands: commands.to_vec(), ..self }
    }
}

/// Commands' names in a row.
pub(super) fn listed(commands: &[Command]) -> String {
    commands.iter().map(|command| command.as_str()).collect::<Vec<_>>().join(", ")
}
