//! The tables of Supabase Auth: `auth.users` and `auth.mfa_factors`.
//!
//! They are read row by row, below SQL (see [`table_scan`](crate::pg::table_scan)). They are found by name once and locked, and
//! the locked tables are read.

use std::ffi::CStr;

use aal::{Enrollment, store_fault};
use pgrx::prelude::*;

use super::no_store::NoStore;
use crate::citus::Held;
use crate::pg::table_scan::{Busy, Column, Patience, Row, Snapshot, Table};
use crate::pg::{lookup, role, transaction};

/// Supabase Auth's tables, open and locked.
pub struct Tables {
    users: Table,
    user_id: Column,
    deleted_at: Option<Column>,
    banned_until: Option<Column>,
    factors: Table,
    factor_user: Column,
    factor_status: Column,
    verified: Label,
}

/// A word as a column holds it: a factor's status, or a session's level.
#[derive(Clone, Copy)]
pub enum Label {
    /// This text.
    Text(&'static CStr),
    /// This label of an enum.
    Enum(pg_sys::Oid),
}

impl Tables {
    /// Both as its migrations make them, as far as they are read here: plain tables with the right columns. Both have one
    /// owner, who may decide who is enrolled: `supabase_auth_admin`, a superuser, or the owner of both schema auth and the database.
    pub fn find(patience: Patience) -> Result<Tables, NoStore> {
        let there_are_none = NoStore::Tables(store_fault::NO_TABLES);
        let busy = NoStore::Tables("auth.users or auth.mfa_factors is being altered");
        let open = |name| Table::open(|| lookup::relation(lookup::schema(c"auth")?, name), patience);
        let users = open(c"users").map_err(|Busy| busy.clone())?.ok_or_else(|| there_are_none.clone())?;
        let factors = open(c"mfa_factors").map_err(|Busy| busy)?.ok_or(there_are_none)?;
        if !users.is_plain() || !factors.is_plain() {
            return Err(NoStore::Tables(store_fault::NOT_PLAIN));
        }
        let held = Held::read();
        if is_elsewhere(&held, &users) || is_elsewhere(&held, &factors) {
            return Err(NoStore::Tables("auth.users or auth.mfa_factors is a Citus table, whose rows are in shards"));
        }
        if users.owner() != factors.owner() || !may_decide(users.owner(), users.schema()) {
            return Err(NoStore::Tables(store_fault::OF_OTHERS));
        }
        let other_columns = NoStore::Tables(store_fault::OTHER_COLUMNS);
        let uuid = |table: &Table, name| table.column(name).filter(|column| column.kind() == pg_sys::UUIDOID);
        let (Some(user_id), Some(factor_user), Some(factor_status)) =
            (uuid(&users, c"id"), uuid(&factors, c"user_id"), factors.column(c"status"))
        else {
            return Err(other_columns);
        };
        // Old versions of Supabase Auth have neither of these two.
        let deleted_at = users.column(c"deleted_at");
        let banned_until = users.column(c"banned_until");
        if banned_until.is_some_and(|column| column.kind() != pg_sys::TIMESTAMPTZOID) {
            return Err(other_columns);
        }
        let verified = Label::in_type(c"verified", factor_status.kind(), factors.owner()).ok_or(other_columns)?;
        Ok(Tables { users, user_id, deleted_at, banned_until, factors, factor_user, factor_status, verified })
    }

    /// Whether this user has a verified factor.
    pub fn ask(&self, user: &[u8; 16]) -> Enrollment {
        let snapshot = Snapshot::latest();
        if !self.has_user(&snapshot, user) {
            return Enrollment::UnknownUser;
        }
        if self.factors.rows_with_uuid(&snapshot, self.factor_user, user).any(|row| self.is_verified(row)) {
            Enrollment::Factor
        } else {
            Enrollment::NoFactor
        }
    }

    /// Whether this user is there: neither deleted nor banned.
    pub fn has_user(&self, snapshot: &Snapshot, user: &[u8; 16]) -> bool {
        let now = transaction::statement_start();
        let is_deleted = |row: &Row<'_>| self.deleted_at.is_some_and(|column| row.has(column));
        let is_banned = |row: &Row<'_>| {
            let until = self.banned_until.and_then(|column| row.timestamptz(column));
            until.is_some_and(|until| until > now)
        };
        let is_there = |row: &Row<'_>| !is_deleted(row) && !is_banned(row);
        self.users.rows_with_uuid(snapshot, self.user_id, user).any(is_there)
    }

    /// Whether this factor is there, of this user, and verified.
    pub fn has_verified_factor(&self, snapshot: &Snapshot, id: Column, factor: &[u8; 16], user: &[u8; 16]) -> bool {
        let is_theirs = |row: &Row<'_>| row.uuid(self.factor_user).as_ref() == Some(user);
        self.factors.rows_with_uuid(snapshot, id, factor).any(|row| is_theirs(row) && self.is_verified(row))
    }

    fn is_verified(&self, factor: &Row<'_>) -> bool {
        self.verified.is_in(factor, self.factor_status)
    }

    /// The column of factors that names each of them.
    pub fn factor_id(&self) -> Option<Column> {
        self.factors.column(c"id").filter(|column| column.kind() == pg_sys::UUIDOID)
    }

    /// Whether it can be told of users that they are deleted or banned.
    pub fn knows_bans(&self) -> bool {
        self.deleted_at.is_some() && self.banned_until.is_some()
    }

    /// The owner of both.
    pub fn owner(&self) -> pg_sys::Oid {
        self.users.owner()
    }
}

impl Label {
    /// This word in a column of this type, in a table of this owner; `None` where it can't be told.
    pub fn in_type(word: &'static CStr, kind: pg_sys::Oid, owner: pg_sys::Oid) -> Option<Label> {
        if kind == pg_sys::TEXTOID || kind == pg_sys::VARCHAROID {
            return Some(Label::Text(word));
        }
        // The owner of an enum can rename its labels.
        let type_owner = lookup::type_owner(kind)?;
        if type_owner != owner && !role::is_superuser(type_owner) {
            return None;
        }
        lookup::enum_value(kind, word).map(Label::Enum)
    }

    /// Whether a row has it in a column.
    pub fn is_in(self, row: &Row<'_>, column: Column) -> bool {
        match self {
            Label::Text(word) => word.to_str().is_ok_and(|word| row.has_text(column, word)),
            Label::Enum(label) => row.oid(column) == Some(label),
        }
    }
}

/// A table of Citus, whose rows are in shards.
pub fn is_elsewhere(held: &Held, table: &Table) -> bool {
    // Whose partition it is, isn't looked at here.
    held.has(table.oid()) || (!held.is_nothing() && table.is_partition())
}

/// Whether this role decides about the users: a superuser, Supabase Auth's own, or the owner of their schema if it owns the database,
/// too. Where there was no such schema, any role that may create schemas could have made one, with users as it likes.
fn may_decide(role: pg_sys::Oid, schema: pg_sys::Oid) -> bool {
    role::is_superuser(role)
        || lookup::role(c"supabase_auth_admin") == Some(role)
        || (lookup::schema_owner(schema) == Some(role) && lookup::database_owner() == Some(role))
}
