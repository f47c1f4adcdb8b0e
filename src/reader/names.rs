//! What the names in a function's text mean: by their full names, or by the search_path that the function sets.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::CString;

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use proof::SearchPath;

use super::text_types::Kind;
use crate::pg::lookup;
use crate::pg::node::NodeRef;
use crate::pg::query::{catalog_query, rows};

/// The functions of the portable edition that stand in policies and triggers, with how many arguments they take.
const PORTABLE: [(&str, usize); 6] = [
    ("has_aal", 2),
    ("has_enrolled_aal", 1),
    ("session_is_live", 0),
    ("subject", 0),
    ("subject_uuid", 0),
    ("aal_guard", 0),
];

/// The functions and operators that didn't come with Postgres, by their names.
pub struct Names {
    functions: HashMap<String, Vec<Created>>,
    operators: Vec<(String, pg_sys::Oid, pg_sys::Oid)>,
    take_varchar_as_text: OnceCell<bool>,
}

/// A function of some name.
struct Created {
    oid: pg_sys::Oid,
    schema: String,
    is_ours: bool,
    /// Whether its name is a type's of the same schema: then a call may be a cast.
    is_type: bool,
    /// Whether Postgres has a function of this name.
    is_postgres_own: bool,
    parameters: Vec<pg_sys::Oid>,
}

impl Created {
    /// Whether it takes exactly these.
    fn takes(&self, arguments: &[Kind]) -> bool {
        self.parameters.len() == arguments.len()
            && arguments.iter().zip(&self.parameters).all(|(kind, wanted)| kind.type_oid() == Some(*wanted))
    }
}

impl Names {
    pub fn read(client: &SpiClient<'_>) -> Result<Names, spi::Error> {
        let mut functions: HashMap<String, Vec<Created>> = HashMap::new();
        let created = rows(client, catalog_query!("created_functions"), &[], |row| {
            let created = Created {
                oid: row.oid("oid")?,
                schema: row.get("schema")?,
                is_ours: row.get("is_ours")?,
                is_type: row.nullable("is_type")?.unwrap_or(true),
                is_postgres_own: row.nullable("is_postgres_own")?.unwrap_or(true),
                parameters: row.get("parameter_types")?,
            };
            Ok((row.get("name")?, created))
        })?;
        for (name, one) in created {
            functions.entry(name).or_default().push(one);
        }
        let operators = rows(client, catalog_query!("created_operators"), &[], |row| {
            Ok((row.get("name")?, row.oid("left_type")?, row.oid("right_type")?))
        })?;
        Ok(Names { functions, operators, take_varchar_as_text: OnceCell::new() })
    }

    /// The functions that belong to the extension, with their names.
    pub fn ours(&self) -> impl Iterator<Item = (pg_sys::Oid, &str)> {
        let all = self.functions.iter().flat_map(|(name, created)| created.iter().map(move |one| (one, name.as_str())));
        all.filter(|(one, _)| one.is_ours).map(|(one, name)| (one.oid, name))
    }

    /// The functions of the portable edition that a protection names, by schema, name and number of arguments. Anybody can make such
    /// functions: so this tells what a policy looks like, and never what it does.
    pub fn portable(&self) -> impl Iterator<Item = (pg_sys::Oid, &str)> {
        PORTABLE.iter().flat_map(move |(name, arguments)| {
            let all = self.functions.get(*name).map(Vec::as_slice).unwrap_or_default();
            let is_portable = move |one: &&Created| one.schema == "aal" && one.parameters.len() == *arguments;
            all.iter().filter(is_portable).map(move |one| (one.oid, *name))
        })
    }

    /// All functions of this name that somebody created.
    pub fn functions_named<'n>(
        &'n self,
        schema: Option<&'n str>,
        name: &str,
    ) -> impl Iterator<Item = pg_sys::Oid> + 'n {
        let all = self.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |one| schema.is_none_or(|schema| schema == one.schema)).map(|one| one.oid)
    }

    /// Whether somebody created a function of this name, in any schema.
    pub fn has_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// The function that a call means. Without a schema, the search_path must be a function's own. A role that may not use one
    /// of its schemas finds nothing there. So a name counts only if one schema alone has it. Of several by one name, Postgres takes that
    /// with exactly the arguments' types.
    pub fn function(
        &self,
        schema: Option<&str>,
        name: &str,
        arguments: &[Kind],
        path: Option<&SearchPath>,
    ) -> Option<pg_sys::Oid> {
        let created = self.functions.get(name)?;
        let found: Vec<&Created> = match schema {
            Some(schema) => created.iter().filter(|one| one.schema == schema).collect(),
            None => {
                let schemas: Vec<&str> = path?.schemas()?.collect();
                created.iter().filter(|one| schemas.contains(&one.schema.as_str())).collect()
            }
        };
        let (first, others) = found.split_first()?;
        if schema.is_none() && (first.is_postgres_own || others.iter().any(|one| one.schema != first.schema)) {
            return None;
        }
        match found.iter().find(|one| one.takes(arguments)) {
            Some(exact) => Some(exact.oid),
            None if others.is_empty() && !first.is_type => Some(first.oid),
            None => None,
        }
    }

    /// Whether calls and operators mean the same with a value of type varchar as with a text.
    pub fn take_varchar_as_text(&self) -> bool {
        *self.take_varchar_as_text.get_or_init(|| self.have_nothing_for_varchar())
    }

    fn have_nothing_for_varchar(&self) -> bool {
        let takes = |one: &Created| one.parameters.contains(&pg_sys::VARCHAROID);
        let is_chosen_by_it = |all: &Vec<Created>| all.len() > 1 && all.iter().any(takes);
        let is_operators =
            |(_, left, right): &(String, pg_sys::Oid, pg_sys::Oid)| [left, right].contains(&&pg_sys::VARCHAROID);
        !self.functions.values().any(is_chosen_by_it) && !self.operators.iter().any(is_operators)
    }

    /// Whether an operator of this name with operands of these types is Postgres' own. The right one may be a literal without a type.
    pub fn is_postgres_operator(&self, name: &str, left: pg_sys::Oid, right: pg_sys::Oid) -> bool {
        !self.operators.iter().any(|(created, for_left, for_right)| {
            created == name && lookup::is_coercible(left, *for_left) && lookup::is_coercible(right, *for_right)
        })
    }
}

/// The table that a name in a FROM clause means; `None` where that can't be told.
pub fn table_named(it: NodeRef<'_, pg_sys::RangeVar>, path: Option<&SearchPath>) -> Option<pg_sys::Oid> {
    let name = it.relname()?;
    match it.schemaname() {
        Some(schema) => lookup::relation(lookup::schema(schema)?, name),
        None => {
            // One that only one schema of the path has.
            let path = path.filter(|path| path.begins_with_pg_catalog())?;
            let found = |schema: &str| lookup::relation(lookup::schema(&CString::new(schema).ok()?)?, name);
            let mut tables = path.schemas()?.chain(["pg_catalog"]).filter_map(found);
            let first = tables.next()?;
            tables.all(|other| other == first).then_some(first)
        }
    }
}
