//! Guards: the triggers that call `auth.aal_guard`.

use aal::Command;
use aal::protection::RecordedProtection;
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{Guard, TableId};

use super::ids;
use crate::pg::query::{Row, catalog_query, rows};

/// The guards of these tables. `functions`: `auth.aal_guard`, and that of the portable edition where it counts.
pub fn read(client: &SpiClient<'_>, tables: &[Oid], functions: &[Oid]) -> Result<Vec<(TableId, Guard)>, spi::Error> {
    rows(client, catalog_query!("guards"), &[tables.to_vec().into(), functions.to_vec().into()], |row| {
        let always_fires = row.get("for_each_statement")? && row.get("is_before")? && row.get("is_unconditional")?;
        let guard = Guard {
            name: row.get("name")?,
            enabled: row.get("enabled")?,
            always_fires,
            decides_columns: row.get("decides_columns")?,
            commands: commands(row)?,
            arguments: arguments(&row.get::<Vec<u8>>("arguments")?),
            record: RecordedProtection::from_record(&row.get::<String>("comment")?),
        };
        Ok((ids::table(row, "table_id")?, guard))
    })
}

/// The commands that a trigger fires for.
pub(super) fn commands(row: &Row<'_>) -> Result<Vec<Command>, spi::Error> {
    let events = [
        ("on_insert", Command::Insert),
        ("on_update", Command::Update),
        ("on_delete", Command::Delete),
        ("on_truncate", Command::Truncate),
    ];
    let mut commands = Vec::new();
    for (column, command) in events {
        if row.get(column)? {
            commands.push(command);
        }
    }
    Ok(commands)
}

/// A trigger's arguments, from `pg_trigger.tgargs`: each ends with a zero byte.
fn arguments(tgargs: &[u8]) -> Vec<String> {
    let arguments = tgargs.split_inclusive(|byte| *byte == 0);
    arguments.map(|argument| String::from_utf8_lossy(argument).trim_end_matches('\0').to_owned()).collect()
}
