//! Protecting a table: what was asked for, the SQL that does it, and the record it leaves in the catalog.

mod guard_arguments;
mod levels;
mod made;
mod record;
mod render;
#[cfg(test)]
mod tests;

use std::fmt;

use minijinja::context;

use self::guard_arguments::GuardArgument;
pub use self::guard_arguments::{InvalidGuard, guard_argument, guard_requirement};
pub use self::levels::TableLevel;
pub use self::made::Made;
pub use self::record::{Before, RECORD_MARK, RecordedProtection};
pub use self::render::{Quote, clear_statements, row_security_off_statement, row_security_on_statement};
use self::render::{Renderer, arguments_clause, policy_condition, qualified};
use crate::command::Command;
use crate::requirement::Requirement;
use crate::time::MaxAge;

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
    pub fn requires_enrolled(&self) -> bool {
        [self.read, self.insert, self.update, self.delete].contains(&TableLevel::Enrolled)
    }

    /// The statements that make the protection of one table, in order, after [`clear_statements`] and
    /// [`row_security_on_statement`].
    pub fn statements(&self, table: &Table, quote: &dyn Quote) -> Vec<String> {
        let renderer = Renderer { quote, table: qualified(table, quote), record: quote.literal(&self.record(table)) };
        let roles = &self.roles_clause(quote);
        let mut statements = Vec::new();
        for policy in Made::LEVEL_POLICIES {
            if let Some(required) = self.requirement(policy) {
                let allowed = policy_condition(required, quote);
                statements.extend(renderer.render(policy.template(), context! { roles, allowed }));
            }
        }
        if let Some(owner) = &self.owner {
            let owner_column = quote.identifier(&owner.column);
            let subject = if owner.is_uuid { "auth.subject_uuid()" } else { "auth.subject()" };
            statements.extend(renderer.render(Made::Owner.template(), context! { roles, owner_column, subject }));
        }
        if self.guard {
            statements.extend(self.guards(table, &renderer));
        }
        statements
    }

    fn guards(&self, table: &Table, renderer: &Renderer<'_>) -> Vec<String> {
        let argument =
            |command| self.requirement(Made::policy_for(command)).map(|required| GuardArgument { command, required });
        let guarded: Vec<GuardArgument> = Command::WRITES.into_iter().filter_map(argument).collect();
        let mut statements = Vec::new();
        if !guarded.is_empty() {
            let events: Vec<&str> = guarded.iter().map(|argument| argument.command.in_lower_case()).collect();
            let arguments = arguments_clause(&guarded, renderer.quote);
            let events = events.join(" or ");
            statements.extend(renderer.render(Made::Guard.template(), context! { events, arguments }));
        }
        let sensitive_update = self.update.requirement(self.max_age);
        if let (false, Some(required)) = (self.sensitive_columns.is_empty(), sensitive_update) {
            let columns: Vec<String> =
                self.sensitive_columns.iter().map(|column| renderer.quote.identifier(column)).collect();
            let columns = columns.join(", ");
            let arguments = arguments_clause(&[GuardArgument { command: Command::Update, required }], renderer.quote);
            if !table.copies_row_triggers {
                statements.extend(renderer.render(Made::Columns.template(), context! { columns, arguments }));
            }
        }
        statements
    }

    /// What a policy for a command requires. Where there are sensitive columns, that of UPDATE requires what an update needs
    /// that changes none of them: a policy can't see which columns change.
    fn requirement(&self, policy: Made) -> Option<Requirement> {
        match policy {
            Made::Read => self.read.requirement(None),
            Made::Insert => self.insert.requirement(self.max_age),
            Made::Update if self.sensitive_columns.is_empty() => self.update.requirement(self.max_age),
            Made::Update => self.read.requirement(None),
            Made::Delete => self.delete.requirement(self.max_age),
            Made::Owner | Made::Guard | Made::Columns => None,
        }
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

    /// What [`Protection::statements`] makes on a table.
    pub fn made(&self, table: &Table) -> Vec<Made> {
        let is_made = |made: &Made| match made {
            Made::Owner => self.owner.is_some(),
            Made::Guard => {
                let writes = [Made::Insert, Made::Update, Made::Delete];
                self.guard && writes.into_iter().any(|policy| self.requirement(policy).is_some())
            }
            Made::Columns => !self.sensitive_columns.is_empty() && !table.copies_row_triggers,
            policy => self.requirement(*policy).is_some(),
        };
        Made::ALL.into_iter().filter(is_made).collect()
    }
}
