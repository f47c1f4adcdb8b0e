//! How the caller stands to a relation, as the catalog tells everybody.

use std::collections::HashSet;

use crate::catalog::{Bypass, Guard, Policy};
use crate::ids::TableId;
use aal::{Claims, ClaimsSource, Command, Level, Profiles};

use crate::known_session::KnownSession;

/// A relation, and how the caller's role stands to it.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its full name, quoted as SQL needs it.
    pub name: String,
    /// Its schema's name, quoted.
    pub schema: String,
    /// What it is.
    pub kind: RelationKind,
    /// The name of the caller's role, quoted.
    pub role: String,
    /// Whether row security binds the role.
    pub row_security: RowSecurity,
    /// Whether the role may use the schema.
    pub may_use_schema: bool,
    /// For each command, what the role is granted.
    pub grants: [Grant; Command::ALL.len()],
    /// Whether Citus holds it: then its rows are in shards.
    pub held_by_citus: bool,
    /// Whether it has partitions or children. TRUNCATE empties them, too, and their guards fire.
    pub has_tables_beneath: bool,
    /// The commands whose new rows may go to a foreign partition or child. For those Postgres does not ask WITH CHECK.
    pub unchecked: Vec<Command>,
    /// The commands in whose place, or beside which, rules do something else.
    pub ruled: Vec<Command>,
    /// Its policies, by name.
    pub policies: Vec<CallersPolicy>,
    /// Its guards, by name.
    pub guards: Vec<CallersGuard>,
    /// The tables that policies read and of which the role may read a column.
    pub readable: HashSet<TableId>,
    /// The claims profiles that are in force.
    pub profiles: Vec<Profiles>,
    /// The highest level of anonymous users.
    pub level_of_guests: Option<Level>,
}

impl Access {
    /// Whether a policy permits. In the shards of Citus, restrictive ones do, too.
    pub(super) fn is_permissive(&self, policy: &Policy) -> bool {
        policy.permissive || self.held_by_citus
    }

    /// Whether a guard is surely where the rows are. Citus hands none on that fires for TRUNCATE to the shards of a table that it holds already.
    pub(super) fn has_guard(&self, guard: &Guard, command: Command) -> bool {
        !self.held_by_citus || command == Command::Truncate || !guard.fires_for_truncate()
    }
}

/// What a relation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A table, which may have partitions.
    Table,
    /// A partition of the table of this name.
    Partition(String),
    /// A view.
    View {
        /// Whether the caller's rights count beneath it, and not its owner's.
        invoker: bool,
        /// The name of its owner.
        owner: String,
        /// The full names of the relations that it reads.
        reads: Vec<Beneath>,
    },
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    ForeignTable,
    /// A catalog of Postgres.
    SystemCatalog,
    /// Nothing that has rows of its own to read and write: an index, a sequence, a type.
    NoTable,
}

/// A relation beneath a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beneath {
    /// Its full name.
    pub name: String,
    /// How its row security stands to the role whose rights count there; `None` for a relation that is no table.
    pub row_security: Option<RowSecurity>,
}

/// How row security on a table stands to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSecurity {
    /// It is off.
    Off,
    /// It is on, and the role bypasses it.
    Bypassed(Bypass),
    /// It is on, and binds the role.
    Binds,
}

/// What a role is granted for one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The command, on the table.
    Table,
    /// The command, on some columns.
    Columns,
    /// Nothing.
    Missing,
}

/// A policy, as the caller meets it.
#[derive(Clone, Debug)]
pub struct CallersPolicy {
    /// The policy.
    pub policy: Policy,
    /// Whether it binds the caller's role.
    pub binds: bool,
    /// USING as SQL, if it isn't too long to be shown.
    pub using: Option<String>,
    /// WITH CHECK as SQL, if it isn't too long to be shown.
    pub check: Option<String>,
}

/// A guard, as the caller meets it.
#[derive(Clone, Debug)]
pub struct CallersGuard {
    /// The guard.
    pub guard: Guard,
    /// For each command, whether it acts for the caller's role.
    pub acts: [bool; Command::ALL.len()],
}

/// The caller's session, and where it is known from.
#[derive(Clone, Debug)]
pub struct CallersSession<'a> {
    /// The setting `pg_aal.claims_source`.
    pub claims_source: ClaimsSource,
    /// The setting that the claims, or the token, are in.
    pub held_in: Option<&'a str>,
    /// A setting that holds claims or a token, and does not count.
    pub left_out: Option<LeftOut<'a>>,
    /// Why there are no claims that can be read, though a setting holds some.
    pub fault: Option<Fault>,
    /// The address of the documentation.
    pub docs: &'a str,
    /// The session as it is now.
    pub known: KnownSession<'a>,
}

impl<'a> CallersSession<'a> {
    /// The claims in force, if there are any that can be read.
    pub fn claims(&self) -> Option<&'a Claims> {
        self.known.claims
    }
}

/// A setting that holds claims or a token, and does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut<'a> {
    /// Its name.
    pub setting: &'a str,
    /// Whether it would count if this transaction had set it.
    pub was_set_before: bool,
}

/// Why claims, or a token, don't count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `invalid_claims`, `invalid_token` or `unusable_source`.
    pub kind: &'static str,
    /// The fault. Never what the claims or the token say.
    pub reason: String,
    /// What to do.
    pub remedy: &'static str,
}
