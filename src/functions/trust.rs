//! The trust of this session: by which settings and keys claims count. And whether Citus' other nodes have the same.

use std::collections::BTreeMap;

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::pg::elog::raise;
use crate::pg::query::{Row, rows};
use crate::pg::role;
use crate::pg::sqlstate::SqlState;
use crate::{citus, session, settings};

/// Settings, versions and the digest of the keys, by name.
type Trust = BTreeMap<String, String>;

/// The settings by which claims count in this session, a digest of the keys, and the versions. No key, and no secret.
///
/// STABLE: the settings decide, and the file as it was last read. PARALLEL RESTRICTED: a worker would read the file again.
///
/// Errors: 42501 for a role that may not see all settings.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn trust() -> pgrx::JsonB {
    require_rights();
    let trust = Spi::connect(in_force);
    pgrx::JsonB(serde_json::json!(trust.unwrap_or_else(failed)))
}

/// Raises P0004 where a node of Citus trusts other than this session, and says what differs. Without Citus there is no other
/// node.
///
/// VOLATILE and PARALLEL UNSAFE: it asks other nodes.
///
/// Errors: P0004 if so, or if a node does not answer; 42501 for a role that may not see all settings.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn assert_same_trust() {
    require_rights();
    if !citus::is_there() {
        return;
    }
    let lines = Spi::connect_mut(|client| {
        let here = in_force(client)?;
        let mut lines: Vec<String> = answers(client)?.iter().flat_map(|answer| answer.differences(&here)).collect();
        lines.sort();
        Ok::<_, spi::Error>(lines)
    });
    let lines = lines.unwrap_or_else(failed);
    if !lines.is_empty() {
        let hint = "Give every node the same settings and keys, for this database and this role, and the same version of pg_aal.";
        let message = "not every node of Citus trusts what this session does";
        raise(SqlState::ASSERT_FAILURE, message, Some(&lines.join("\n")), Some(hint));
    }
}

/// What a node says of itself.
struct Answer {
    node: String,
    trust: Result<Trust, String>,
}

impl Answer {
    /// A line for each name that stands for another value there. Of keys it says only that they differ.
    fn differences(&self, here: &Trust) -> Vec<String> {
        let node = &self.node;
        let there = match &self.trust {
            Ok(there) => there,
            Err(error) => return vec![format!("{node}: does not say what it trusts: {error}")],
        };
        let names = here.keys().chain(there.keys().filter(|name| !here.contains_key(*name)));
        let differs = names.filter(|name| here.get(*name) != there.get(*name));
        let line = |name: &String| {
            let value = |trust: &Trust| trust.get(name).map_or_else(|| "unknown".to_owned(), |it| format!("{it:?}"));
            if name == KEYS {
                format!("{node}: other keys")
            } else {
                format!("{node}: {name} is {}, here {}", value(there), value(here))
            }
        };
        differs.map(line).collect()
    }
}

/// The name of the digest of the keys.
const KEYS: &str = "keys";

/// What all nodes say, this one among them if Citus knows it.
fn answers(client: &mut SpiClient<'_>) -> Result<Vec<Answer>, spi::Error> {
    let query = "select coalesce(node.nodename || ':' || node.nodeport, 'node ' || answer.nodeid) as node, answer.success, answer.result
                   from pg_catalog.run_command_on_all_nodes('select auth.trust()::pg_catalog.text') answer
                   left join pg_catalog.pg_dist_node node on node.nodeid operator(pg_catalog.=) answer.nodeid";
    let read = |row: &Row<'_>| {
        let result: String = row.get("result")?;
        let trust = if row.get("success")? {
            serde_json::from_str(&result).map_err(|_| "its answer cannot be read".to_owned())
        } else {
            Err(result)
        };
        Ok(Answer { node: row.get("node")?, trust })
    };
    rows(client, query, &[], read)
}

fn in_force(client: &SpiClient<'_>) -> Result<Trust, spi::Error> {
    let shown: Vec<String> = settings::names_that_decide_trust()
        .filter(|name| !settings::hold_keys(name))
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let query = "select name, current_setting(name) as value from unnest($1::text[]) name
                 union all select 'version of the extension', extversion from pg_extension where extname = 'pg_aal'";
    let read = |row: &Row<'_>| Ok((row.get("name")?, row.get("value")?));
    let mut trust: Trust = rows(client, query, &[shown.into()], read)?.into_iter().collect();
    trust.insert("version of the library".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    trust.insert(KEYS.to_owned(), session::digest_of_keys().to_string());
    Ok(trust)
}

fn require_rights() {
    if !role::reads_all_settings(role::current()) {
        let hint = "Grant pg_read_all_settings to it.";
        raise(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied to see what pg_aal trusts", None, Some(hint));
    }
}

fn failed<T>(error: spi::Error) -> T {
    raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None)
}
