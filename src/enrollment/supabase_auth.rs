//! The tables of Supabase Auth: `auth.users` and `auth.mfa_factors`.
//!
//! They are read row by row, below SQL (see [`table_scan`](crate::pg::table_scan)). They are found by name once and locked, and
//! the locked tables are read.

use aal::Enrollment;
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
    verified: Verified,
}

/// What a verified factor has in its column `status`.
enum Verified {
    /// This text.
    Text,
    /// This label of an enum.
    Label(pg_sys::Oid),
}

impl Tables {
    /// Both as its migrations make them, as far as they are read here: plain tables with the right columns. Both have one
    /// owner, who may decide who is enrolled: the owner of schema auth, `supabase_auth_admin`, or a superuser.
    pub fn find(patience: Patience) -> Result<Tables, NoStore> {
        let there_are_none = NoStore::Tables("there are no tables auth.users and auth.mfa_factors");
        let busy = NoStore::Tables("auth.users or auth.mfa_factors is being altered");
        let open = |name| Table::open(|| lookup::relation(lookup::schema(c"auth")?, name), patience);
        let users = open(c"users").map_err(|Busy| busy.clone())?.ok_or_else(|| there_are_none.clone())?;
        let factors = open(c"mfa_factors").map_err(|Busy| busy)?.ok_or(there_are_none)?;
        if !users.is_plain() || !factors.is_plain() {
            return Err(NoStore::Tables("auth.users and auth.mfa_factors are not both plain tables"));
        }
        let held = Held::read();
        // Whose partition one is, isn't looked at here.
        let is_elsewhere = |table: &Table| held.has(table.oid()) || (!held.is_nothing() && table.is_partition());
        if is_elsewhere(&users) || is_elsewhere(&factors) {
            return Err(NoStore::Tables("auth.users or auth.mfa_factors is a Citus table, whose rows are in shards"));
        }
        if users.owner() != factors.owner() || !may_decide(users.owner(), users.schema()) {
            return Err(NoStore::Tables("auth.users and auth.mfa_factors do not belong to who keeps the users"));
        }
        let other_columns =
            NoStore::Tables("the columns of auth.users and auth.mfa_factors are not those of Supabase Auth");
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
        let verified = Verified::in_type(factor_status.kind(), factors.owner()).ok_or(other_columns)?;
        Ok(Tables { users, user_id, deleted_at, banned_until, factors, factor_user, factor_status, verified })
    }

    /// Whether this user has a verified factor.
    pub fn ask(&self, user: &[u8; 16]) -> Enrollment {
        let snapshot = Snapshot::latest();
        let now = transaction::statement_start();
        let is_deleted = |row: &Row<'_>| self.deleted_at.is_some_and(|column| row.has(column));
        let is_banned = |row: &Row<'_>| {
            let until = self.banned_until.and_then(|column| row.timestamptz(column));
            until.is_some_and(|until| until > now)
        };
        let is_there = |row: &Row<'_>| !is_deleted(row) && !is_banned(row);
        if !self.users.rows_with_uuid(&snapshot, self.user_id, user).any(is_there) {
            return Enrollment::UnknownUser;
        }
        let is_verified = |row: &Row<'_>| match self.verified {
            Verified::Text => row.has_text(self.factor_status, "verified"),
            Verified::Label(label) => row.oid(self.factor_status) == Some(label),
        };
        if self.factors.rows_with_uuid(&snapshot, self.factor_user, user).any(is_verified) {
            Enrollment::Factor
        } else {
            Enrollment::NoFactor
        }
    }
}

impl Verified {
    /// For a column of this type in a table of this owner; `None` where it can't be told.
    fn in_type(kind: pg_sys::Oid, owner: pg_sys::Oid) -> Option<Verified> {
        if kind == pg_sys::TEXTOID || kind == pg_sys::VARCHAROID {
            return Some(Verified::Text);
        }
        // The owner of an enum can rename its labels.
        let type_owner = lookup::type_owner(kind)?;
        if type_owner != owner && !role::is_superuser(type_owner) {
            return None;
        }
        lookup::enum_value(kind, c"verified").map(Verified::Label)
    }
}

/// Whether this role decides about the users: the owner of their schema, Supabase Auth's own, or a superuser.
fn may_decide(role: pg_sys::Oid, schema: pg_sys::Oid) -> bool {
    role::is_superuser(role)
        || lookup::role(c"supabase_auth_admin") == Some(role)
        || lookup::schema_owner(schema) == Some(role)
}
