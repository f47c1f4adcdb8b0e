//! Functions, and who may execute them.

use aal::Command;
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::sql::RUNS_QUERY;
use proof::{Function, FunctionGate, FunctionId, FunctionKind, TableId};

use super::ids;
use super::roles::Names;
use crate::pg::guc;
use crate::pg::query::{catalog_query, rows};

/// How many bytes the text of a function's body may have, and the texts of all of them, and still be searched for names.
const LARGEST_TEXT: i64 = 1 << 20;
const MOST_TEXT: i64 = 64 << 20;

/// The functions, without the ones that belong to extensions, and without those that are `known`.
pub fn read(client: &SpiClient<'_>, roles: &[Oid], known: &[Oid], names: &Names) -> Result<Vec<Function>, spi::Error> {
    rows(
        client,
        catalog_query!("functions"),
        &[
            roles.to_vec().into(),
            LARGEST_TEXT.into(),
            MOST_TEXT.into(),
            RUNS_QUERY.to_vec().into(),
            known.to_vec().into(),
            (!guc::is(c"standard_conforming_strings", c"on")).into(),
        ],
        |row| {
            let commands: Vec<String> = row.get("tree_commands")?;
            Ok(Function {
                id: ids::function(row, "oid")?,
                kind: kind(&row.get::<String>("kind")?),
                schema: row.get("schema")?,
                name: row.get("name")?,
                display_name: row.get("display_name")?,
                owner: ids::role(row, "owner")?,
                security_definer: row.get("security_definer")?,
                immutable: row.get("immutable")?,
                volatile: row.get("volatile")?,
                sets_claims: row.get("sets_claims")?,
                sets_role: row.nullable("sets_role")?,
                has_search_path: row.get("has_search_path")?,
                is_analyzed: row.get("is_analyzed")?,
                returns_boolean: row.get("returns_boolean")?,
                is_pre_request: row.get("is_pre_request")?,
                language: row.get("language")?,
                body: row.get("body")?,
                is_read: row.get("is_read")?,
                commands: commands.iter().flat_map(|command| commands_of(command)).copied().collect(),
                called_by_defaults: ids::functions(row, "called_by_defaults")?,
                reaches: ids::tables(row, "reaches")?,
                open_to: names.sorted(&ids::roles(row, "open_to")?),
                behind_expressions_for: names.sorted(&ids::roles(row, "behind_expressions_for")?),
                is_called_by_policies_only: row.get("is_called_by_policies_only")?,
                gate: FunctionGate::open(),
            })
        },
    )
}

/// How a function is called, by the word that the query has for it.
fn kind(word: &str) -> FunctionKind {
    match word {
        "aggregate" => FunctionKind::Aggregate,
        "trigger" => FunctionKind::Trigger,
        _ => FunctionKind::Plain,
    }
}

/// What a command of a tree does to tables, by the word that the query has for it.
fn commands_of(word: &str) -> &'static [Command] {
    match word {
        "INSERT" => &[Command::Insert],
        "UPDATE" => &[Command::Update],
        "DELETE" => &[Command::Delete],
        _ => &[Command::Insert, Command::Update, Command::Delete],
    }
}

/// The functions that the expressions of each table or view call.
pub fn called_by_tables(client: &SpiClient<'_>) -> Result<Vec<(TableId, FunctionId)>, spi::Error> {
    rows(client, catalog_query!("called_by_tables"), &[], |row| {
        Ok((ids::table(row, "table_id")?, ids::function(row, "function")?))
    })
}

/// The functions that each policy calls.
pub fn called_by_policies(client: &SpiClient<'_>) -> Result<Vec<(TableId, String, FunctionId)>, spi::Error> {
    rows(client, catalog_query!("called_by_policies"), &[], |row| {
        Ok((ids::table(row, "table_id")?, row.get("policy")?, ids::function(row, "function")?))
    })
}

/// The functions that operators, casts and types call.
pub fn called_unnamed(client: &SpiClient<'_>) -> Result<Vec<FunctionId>, spi::Error> {
    rows(client, catalog_query!("called_unnamed"), &[], |row| ids::function(row, "function"))
}
