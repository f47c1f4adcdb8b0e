//! The options of `protect_table`, as they came, and what they ask for.

use aal::MaxAge;
use aal::protection::{AppliesWhen, InvalidTableLevel, Owner, Protection, TableLevel};
use pgrx::datum::{Array, Interval};
use pgrx::spi::{self, SpiClient};

use super::applies_when::session_function;
use crate::catalog::{Relation, SessionFunction};
use crate::denial;
use crate::functions::session::parse_max_age;
use crate::pg::elog::raise;
use crate::pg::interval::parse_interval;
use crate::pg::query::{catalog_query, first_row};
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Name, Regprocedure};

/// The arguments of `protect_table`, as they came.
pub struct Options<'a> {
    pub levels: Levels<'a>,
    pub max_age: Option<Interval>,
    pub roles: Option<Array<'a, Name>>,
    pub owner_column: Option<Name>,
    pub sensitive_columns: Option<Array<'a, Name>>,
    pub guard: Option<bool>,
    pub applies_when: Option<Regprocedure>,
    pub live: Option<bool>,
    pub refuse_reads: Option<bool>,
    pub lower: Option<bool>,
}

/// The levels among them.
pub struct Levels<'a> {
    pub read: Option<&'a str>,
    pub write: Option<&'a str>,
    pub on_insert: Option<&'a str>,
    pub on_update: Option<&'a str>,
    pub on_delete: Option<&'a str>,
}

impl Options<'_> {
    /// What they ask for. Raises where that makes no sense.
    pub fn protection(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Protection, spi::Error> {
        self.protection_on(client, Some(relation))
    }

    /// What they ask for, of one table or of any. Raises where that makes no sense.
    pub fn protection_on(&self, client: &SpiClient<'_>, relation: Option<&Relation>) -> Result<Protection, spi::Error> {
        let max_age = self.max_age.map(parse_max_age);
        let write = table_level("write", self.levels.write);
        let of_write =
            |name, text: Option<&str>| text.map_or(write, |text| table_level(name, Some(text))).or_within(max_age);
        let Some(guard) = self.guard else { denial::null_argument("guard") };
        let roles = names("roles", self.roles.as_ref()).unwrap_or_else(|| denial::null_argument("roles"));
        refuse_unknown_roles(client, &roles)?;
        let protection = Protection {
            read: table_level("read", self.levels.read),
            insert: of_write("on_insert", self.levels.on_insert),
            update: of_write("on_update", self.levels.on_update),
            delete: of_write("on_delete", self.levels.on_delete),
            roles,
            owner: relation.map(|relation| self.owner(client, relation)).transpose()?.flatten(),
            sensitive_columns: relation
                .map_or_else(|| Ok(Vec::new()), |relation| self.sensitive_columns(client, relation))?,
            guard,
            applies_when: self.applies_when(client)?,
            live: self.live.unwrap_or_else(|| denial::null_argument("live")),
            refuse_reads: self.refuse_reads.unwrap_or_else(|| denial::null_argument("refuse_reads")),
        };
        match protection.validate() {
            Ok(()) => Ok(protection),
            Err(error) => raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(error.hint())),
        }
    }

    /// Whether the protection that is on the table may be lowered.
    pub fn lower(&self) -> bool {
        self.lower.unwrap_or_else(|| denial::null_argument("lower"))
    }

    /// The function of `applies_when`. Raises where it can't be one.
    pub fn session_function(&self, client: &SpiClient<'_>) -> Result<Option<SessionFunction>, spi::Error> {
        self.applies_when.as_ref().map(|Regprocedure(oid)| session_function(client, *oid)).transpose()
    }

    fn applies_when(&self, client: &SpiClient<'_>) -> Result<Option<AppliesWhen>, spi::Error> {
        let function = self.session_function(client)?;
        Ok(function.map(AppliesWhen::from))
    }

    fn owner(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Option<Owner>, spi::Error> {
        let Some(Name(column)) = &self.owner_column else { return Ok(None) };
        let found = relation.column(client, column)?.unwrap_or_else(|| no_column(relation, column));
        if !found.is_uuid && !found.is_text {
            let message =
                format!("owner_column \"{column}\" of {} must be of type uuid or text", relation.display_name());
            raise(
                SqlState::DATATYPE_MISMATCH,
                &message,
                None,
                Some("It is compared with the subject of the access token."),
            );
        }
        Ok(Some(Owner { column: column.clone(), is_uuid: found.is_uuid }))
    }

    fn sensitive_columns(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Vec<String>, spi::Error> {
        let mut columns = names("sensitive_columns", self.sensitive_columns.as_ref()).unwrap_or_default();
        columns.sort();
        columns.dedup();
        for column in &columns {
            if relation.column(client, column)?.is_none() {
                no_column(relation, column);
            }
            if relation.is_generated(column) {
                let message =
                    format!("sensitive column \"{column}\" of {} is a generated column", relation.display_name());
                raise(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    &message,
                    None,
                    Some("Name the columns that it is computed from."),
                );
            }
        }
        Ok(columns)
    }
}

/// Raises for a role that doesn't exist: a policy for it would bind nobody.
fn refuse_unknown_roles(client: &SpiClient<'_>, roles: &[String]) -> Result<(), spi::Error> {
    let unknown =
        first_row(client, catalog_query!("unknown_roles"), &[roles.to_vec().into()], |row| row.get::<String>("name"))?;
    if let Some(name) = unknown {
        let hint = "Correct the option roles, or create the role first.";
        raise(SqlState::UNDEFINED_OBJECT, &format!("role \"{name}\" does not exist"), None, Some(hint));
    }
    Ok(())
}

fn no_column(relation: &Relation, column: &str) -> ! {
    raise(
        SqlState::UNDEFINED_COLUMN,
        &format!("column \"{column}\" of {} does not exist", relation.display_name()),
        None,
        None,
    )
}

/// A level, as `aal2` or `aal2 within 10 minutes` says it.
pub fn table_level(argument: &str, text: Option<&str>) -> TableLevel {
    let Some(text) = text else { denial::null_argument(argument) };
    let (level, age) = TableLevel::split(text);
    match TableLevel::new(level, age.map(|age| max_age(text, age))) {
        Ok(level) => level,
        Err(InvalidTableLevel::Unknown(error)) => denial::unknown_level(&error),
        Err(InvalidTableLevel::NoneWithAge | InvalidTableLevel::UnknownAge) => {
            let message = format!("level none has no age: \"{text}\"");
            raise(SqlState::INVALID_PARAMETER_VALUE, &message, None, Some(TableLevel::FORMS))
        }
    }
}

/// The age in the text of a level.
fn max_age(level: &str, age: &str) -> MaxAge {
    let Some(interval) = parse_interval(age) else {
        let message = format!("invalid age \"{age}\" in level \"{level}\"");
        raise(SqlState::INVALID_DATETIME_FORMAT, &message, None, Some(TableLevel::FORMS))
    };
    MaxAge::from_interval(interval.months(), interval.days(), interval.micros()).unwrap_or_else(|error| {
        let message = format!("invalid age in level \"{level}\": {error}");
        raise(SqlState::INVALID_PARAMETER_VALUE, &message, None, Some(TableLevel::FORMS))
    })
}

fn names(argument: &str, array: Option<&Array<'_, Name>>) -> Option<Vec<String>> {
    array.map(|array| names_of(array, argument))
}

/// The names in an array. Raises for a NULL among them; `argument` says what it is.
pub fn names_of(array: &Array<'_, Name>, argument: &str) -> Vec<String> {
    let name = |name: Option<Name>| name.map_or_else(|| denial::null_argument(argument), |Name(name)| name);
    array.iter().map(name).collect()
}
