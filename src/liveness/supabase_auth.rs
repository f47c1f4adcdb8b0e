//! The sessions of Supabase Auth: `auth.sessions`, beside `auth.users` and `auth.mfa_factors`.
//!
//! They are read as the factors are: row by row, below SQL, under a lock.

use aal::{Level, Liveness, store_fault};
use pgrx::prelude::*;

use super::NoSessions;
use crate::citus::Held;
use crate::enrollment::NoStore;
use crate::enrollment::supabase_auth::{Label, Tables, is_elsewhere};
use crate::pg::table_scan::{Busy, Column, Patience, Snapshot, Table};
use crate::pg::{lookup, transaction};

/// Supabase Auth's tables, open and locked.
pub struct Sessions {
    tables: Tables,
    factor_id: Column,
    sessions: Table,
    columns: Columns,
    /// Level aal2, as the sessions have it.
    aal2: Label,
}

/// The columns of `auth.sessions`.
#[derive(Clone, Copy)]
struct Columns {
    id: Column,
    user_id: Column,
    created_at: Column,
    not_after: Column,
    aal: Column,
    factor_id: Column,
}

/// A session's row.
struct Session {
    user: Option<[u8; 16]>,
    has_ended: bool,
    /// Whether it is at the token's level; true where that is no second factor's.
    has_level: bool,
    factor: Option<[u8; 16]>,
}

impl Sessions {
    /// As Supabase Auth's migrations make them, as far as they are read here. `auth.sessions` has the owner of the other two.
    pub fn find(patience: Patience) -> Result<Sessions, NoSessions> {
        let is_none = NoSessions::Tables(store_fault::NO_SESSION_TABLE);
        let open = || Table::open(|| lookup::relation(lookup::schema(c"auth")?, c"sessions"), patience);
        let sessions = open().map_err(|Busy| NoSessions::Tables("auth.sessions is being altered"))?.ok_or(is_none)?;
        if !sessions.is_plain() {
            return Err(NoSessions::Tables(store_fault::SESSIONS_NOT_PLAIN));
        }
        if is_elsewhere(&Held::read(), &sessions) {
            return Err(NoSessions::Tables("auth.sessions is a Citus table, whose rows are in shards"));
        }
        let no_tables = |(NoStore::Tables(why) | NoStore::Function(why))| NoSessions::Tables(why);
        let tables = Tables::find(patience).map_err(no_tables)?;
        if sessions.owner() != tables.owner() {
            return Err(NoSessions::Tables(store_fault::SESSIONS_OF_OTHERS));
        }
        // An old version of Supabase Auth lacks some. That a session didn't end can't be told there.
        let other_columns = NoSessions::Tables(store_fault::OTHER_COLUMNS_OF_SESSIONS);
        let (Some(columns), Some(factor_id), true) = (Columns::of(&sessions), tables.factor_id(), tables.knows_bans())
        else {
            return Err(other_columns);
        };
        let aal2 = Label::in_type(c"aal2", columns.aal.kind(), sessions.owner()).ok_or(other_columns)?;
        Ok(Sessions { tables, factor_id, sessions, columns, aal2 })
    }

    /// Whether this is a live session of this user, whose token is at this level. `timebox`: after how many microseconds it ends.
    pub fn ask(&self, session: &[u8; 16], user: &[u8; 16], level: Option<Level>, timebox: Option<i64>) -> Liveness {
        let snapshot = Snapshot::latest();
        if !self.tables.has_user(&snapshot, user) {
            return Liveness::UnknownUser;
        }
        let found =
            self.read(&snapshot, session, level, timebox).filter(|it| it.user.as_ref() == Some(user) && !it.has_ended);
        let Some(found) = found else { return Liveness::Ended };
        if level.is_none_or(|level| level < Level::Aal2) {
            return Liveness::Live;
        }
        let is_there = |factor| self.tables.has_verified_factor(&snapshot, self.factor_id, &factor, user);
        if found.has_level && found.factor.is_some_and(is_there) { Liveness::Live } else { Liveness::FactorRemoved }
    }

    fn read(
        &self,
        snapshot: &Snapshot,
        session: &[u8; 16],
        level: Option<Level>,
        timebox: Option<i64>,
    ) -> Option<Session> {
        let Columns { id, user_id, not_after, created_at, aal, factor_id } = self.columns;
        let label = match level {
            None | Some(Level::Aal1) => None,
            Some(Level::Aal2) => Some(Some(self.aal2)),
            Some(Level::Aal3) => Some(Label::in_type(c"aal3", aal.kind(), self.sessions.owner())),
        };
        let now = transaction::statement_start();
        let mut rows = self.sessions.rows_with_uuid(snapshot, id, session);
        let row = rows.next()?;
        // A session that is older than the timebox, or of unknown age, has ended.
        let is_too_old = timebox.is_some_and(|timebox| {
            row.timestamptz(created_at).is_none_or(|created_at| created_at.saturating_add(timebox) <= now)
        });
        Some(Session {
            user: row.uuid(user_id),
            has_ended: is_too_old || row.timestamptz(not_after).is_some_and(|not_after| not_after <= now),
            has_level: label.is_none_or(|label| label.is_some_and(|label| label.is_in(&row, aal))),
            factor: row.uuid(factor_id),
        })
    }
}

impl Columns {
    fn of(sessions: &Table) -> Option<Columns> {
        let uuid = |name| sessions.column(name).filter(|column| column.kind() == pg_sys::UUIDOID);
        let time = |name| sessions.column(name).filter(|column| column.kind() == pg_sys::TIMESTAMPTZOID);
        Some(Columns {
            id: uuid(c"id")?,
            user_id: uuid(c"user_id")?,
            created_at: time(c"created_at")?,
            not_after: time(c"not_after")?,
            aal: sessions.column(c"aal")?,
            factor_id: uuid(c"factor_id")?,
        })
    }
}
