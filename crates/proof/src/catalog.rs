//! What Postgres' catalog says, in the core's own words.

use std::borrow::Cow;
use std::collections::HashSet;

use super::expression::Expression;
use super::function_gate::FunctionGate;
use super::ids::{
    ByForeignKey, ByFunction, ByRole, ByStored, ByTable, ByView, ByWatch, FunctionId, FunctionIndex, RoleId, RoleIndex,
    TableId,
};
use super::portable::PortableEdition;
use super::shape::recognize;
use super::surroundings::{ColumnRight, StoredClaims};
use aal::protection::{Made, RecordedProtection, SchemaProtection, guard_refuses_reads, guard_requirement};
use aal::{Command, Level, Profiles};

/// The command a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyCommand {
    /// All of them.
    All,
    /// One.
    One(Command),
}

impl PolicyCommand {
    /// Whether it is for this one. None is for TRUNCATE.
    pub fn covers(self, command: Command) -> bool {
        match self {
            PolicyCommand::All => command != Command::Truncate,
            PolicyCommand::One(one) => one == command,
        }
    }
}

/// Everything that decides who can do what.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The roles.
    pub roles: ByRole<Role>,
    /// The tables.
    pub tables: ByTable<Table>,
    /// Views and materialized views, as far as they reach tables.
    pub views: ByView<View>,
    /// Functions that could bypass policies or read claims.
    pub functions: ByFunction<Function>,
    /// Triggers that call one of the functions.
    pub triggers: Vec<Trigger>,
    /// The functions that the expressions of a table call: its defaults, constraints, indexes and policies.
    pub called_by_tables: Vec<(TableId, FunctionIndex)>,
    /// The functions that operators, casts and types call: any code may, without naming them.
    pub called_unnamed: Vec<FunctionIndex>,
    /// Foreign keys.
    pub foreign_keys: ByForeignKey<ForeignKey>,
    /// What watches for new tables.
    pub watches: ByWatch<Watch>,
    /// The functions that policies call: by the table and the policy's name.
    pub called_by_policies: Vec<(TableId, String, FunctionIndex)>,
    /// Rights on columns that decide more than their rows.
    pub column_rights: Vec<ColumnRight>,
    /// The claims that are stored as settings.
    pub stored_claims: ByStored<StoredClaims>,
    /// Whether the claims are what a gateway sets; else tokens are verified, and settings can be anybody's.
    pub trusts_settings: bool,
    /// The claims profiles that sessions may have: that of this one, and those that are stored for roles and for the database.
    pub profiles: Vec<Profiles>,
    /// For whom other profiles are stored than those of this session, in words: `role authenticator`.
    pub other_profiles_of: Vec<String>,
    /// Whether anonymous users have a level, so that they are as others.
    pub guests_have_level: bool,
    /// Whether they have one in the sessions of some role, by a stored setting.
    pub guests_may_have_level: bool,
    /// The portable edition, if it is there.
    pub portable: Option<PortableEdition>,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its OID.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Whether any session can have it: it may log in, or one that may is a member.
    pub can_come: bool,
    /// Whether clients of an API have it: anon, authenticated, and the others that PostgREST's own role can become. Lists show
    /// these first.
    pub is_api: bool,
    /// Whether it may change what says who has enrolled a second factor: filled in where settings aren't trusted.
    pub may_change_enrollment: bool,
    /// What Citus gives it beside its privileges on tables.
    pub by_citus: ByCitus,
    /// The tables, of those that policies read, that it may read some column of.
    pub readable: HashSet<TableId>,
}

/// What a role may do by functions of Citus, or by functions that Citus runs elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByCitus {
    /// Whether its own statements may run on other nodes, beside those that Citus makes of them.
    pub runs_on_other_nodes: bool,
    /// Whether it may give itself the transaction of another session, and so read that one's intermediate results: Citus keeps them for
    /// the role and the transaction.
    pub reads_results_of_others: bool,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its OID.
    pub id: TableId,
    /// Its schema's name.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its full name, quoted as SQL needs it.
    pub display_name: String,
    /// Its owner.
    pub owner: RoleId,
    /// Whether row security is on.
    pub row_security: bool,
    /// Whether it is a foreign table that may be written to. As a partition or a child it gets rows that no WITH CHECK sees.
    pub takes_unchecked_rows: bool,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// Its guards.
    pub guards: Vec<Guard>,
    /// Whether a view, a rule or a function holds it by its OID: through those it is reached without its schema.
    pub reached_by_oid: bool,
    /// The commands in whose place, or beside which, rules of the table do something else: with its owner's rights.
    pub ruled: Vec<Command>,
    /// How each role stands to it.
    pub standings: ByRole<Standing>,
    /// The tables it is a partition of or inherits from, and whether it is a partition.
    pub parents: Vec<(TableId, bool)>,
    /// The names of the publications it is in.
    pub publications: Vec<String>,
    /// Whether Citus holds its rows, in shards.
    pub held_by_citus: bool,
    /// Whether a shard of it may be on this node. Citus copies rows there by COPY and INSERT … SELECT, and asks no policy.
    pub takes_copied_rows: bool,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its command.
    pub command: PolicyCommand,
    /// Whether it is permissive; else restrictive.
    pub permissive: bool,
    /// The roles it names; none: everybody.
    pub roles: Vec<RoleId>,
    /// The names of those roles.
    pub role_names: Vec<String>,
    /// Whether it binds each role of the catalog.
    pub binds: ByRole<bool>,
    /// The roles that may replace or drop what it is made of, such as a function. Filled in where settings aren't trusted, since there
    /// clients run SQL of their own.
    pub changeable_by: HashSet<RoleId>,
    /// The roles of which a session can get out of it, since it names roles. Filled in likewise.
    pub left_by: HashSet<RoleId>,
    /// USING.
    pub using: Option<Expression>,
    /// WITH CHECK.
    pub check: Option<Expression>,
    /// Whether it permits rows whose owner is the session's subject, in the form that `protect_table` gives to `aal_owner`. A policy for a
    /// command does so from a level on, in the form for a table that Citus holds.
    pub permits_own_rows: bool,
    /// What `protect_table` recorded, if it made this.
    pub record: Option<RecordedProtection>,
}

impl Table {
    /// Whether any of its policies asks for an assurance level.
    pub fn asks_for_level(&self) -> bool {
        self.policies.iter().any(Policy::asks_for_level)
    }

    /// What `protect_table` recorded, if it made anything here. Where no record is left, what its policies and guards come to.
    pub fn protection(&self) -> Option<Cow<'_, RecordedProtection>> {
        let records =
            self.policies.iter().map(|policy| &policy.record).chain(self.guards.iter().map(|guard| &guard.record));
        let recorded = records.flatten().next().map(Cow::Borrowed);
        recorded.or_else(|| recognize(&self.policies, &self.guards).protection().map(Cow::Owned))
    }
}

impl Policy {
    /// What it is by its name, if `protect_table` gives that name to a policy.
    pub fn made(&self) -> Option<Made> {
        Made::from_name(&self.name).filter(|made| made.is_policy())
    }

    /// What rows that come into being must meet.
    pub fn check(&self) -> Option<&Expression> {
        self.check.as_ref().or(self.using.as_ref())
    }

    /// Its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.using.iter().chain(&self.check)
    }

    /// Whether it asks for an assurance level.
    pub fn asks_for_level(&self) -> bool {
        self.expressions().any(Expression::asks_for_level)
    }
}

/// A trigger that calls `auth.aal_guard()`.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Its name.
    pub name: String,
    /// Whether it fires, in any session of this database.
    pub enabled: bool,
    /// Whether it fires before each statement of its commands, without a condition, and for all columns.
    pub always_fires: bool,
    /// Whether it decides about columns: it is a constraint that fires after each row whose update names one of them.
    pub decides_columns: bool,
    /// The commands it fires for.
    pub commands: Vec<Command>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What `protect_table` recorded, if it made this.
    pub record: Option<RecordedProtection>,
}

impl Guard {
    /// Whether it decides about sensitive columns, and fires.
    pub(crate) fn guards_columns(&self) -> bool {
        self.enabled && self.made() == Some(Made::Columns)
    }

    /// Whether it fires for TRUNCATE. Citus hands none that does on to shards.
    pub fn fires_for_truncate(&self) -> bool {
        self.commands.contains(&Command::Truncate)
    }

    /// What it is by its name, if `protect_table` gives that name to a trigger.
    pub fn made(&self) -> Option<Made> {
        Made::from_name(&self.name).filter(|made| !made.is_policy())
    }

    /// Whether it asks something of a command: of a write that it fires for, or of reads that it refuses.
    pub fn concerns(&self, command: Command) -> bool {
        let asks_nothing = || guard_requirement(command, self.arguments.iter().map(String::as_str)) == Ok(None);
        match command {
            Command::Select => self.refuses_reads(),
            _ => self.commands.contains(&command) && !asks_nothing(),
        }
    }

    /// Whether it refuses statements that read below the level.
    pub fn refuses_reads(&self) -> bool {
        self.enabled && self.always_fires && guard_refuses_reads(self.arguments.iter().map(String::as_str))
    }
}

/// How a role stands to a table.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether it may use the table's schema.
    pub may_use_schema: bool,
    /// For each command, whether it is granted it, for the table or any column.
    pub privileges: [bool; 5],
    /// Why the policies don't count for it, if so (where row security is on).
    pub bypass: Option<Bypass>,
    /// Whether it may replace a trigger of the table, or keep it from firing. Where settings are trusted clients run no SQL of
    /// their own, and none may.
    pub may_undo_guards: bool,
}

/// Why policies don't count for a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bypass {
    /// It is a superuser.
    Superuser,
    /// It has BYPASSRLS.
    BypassRls,
    /// It may do what the owner may, and row security isn't forced; or it could switch it off itself.
    Owner,
}

impl Bypass {
    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Bypass::Superuser => "superuser",
            Bypass::BypassRls => "BYPASSRLS",
            Bypass::Owner => "owner",
        }
    }
}

/// What kind of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// Reads with its owner's rights.
    OwnerRights,
    /// Reads with the caller's rights.
    InvokerRights,
    /// Holds a copy.
    Materialized,
    /// No view, but a table with rules: what they do is done with its owner's rights.
    TableRule,
    /// The rules by which a view of any kind is written to. They run with its owner's rights.
    ViewRule,
}

impl ViewKind {
    /// Whether it is what rules do when somebody writes.
    pub fn is_rule(self) -> bool {
        matches!(self, ViewKind::TableRule | ViewKind::ViewRule)
    }
}

/// A view.
#[derive(Clone, Debug)]
pub struct View {
    /// Its OID.
    pub id: TableId,
    /// Its schema's name.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its full name, quoted as SQL needs it.
    pub display_name: String,
    /// Its kind.
    pub kind: ViewKind,
    /// Its owner.
    pub owner: RoleId,
    /// The tables and views it reads.
    pub reads: Vec<TableId>,
    /// Whether it calls one of our functions that ask for a level. Rules are taken at this word.
    pub asks_for_level: bool,
    /// The condition without which its query shows no row; `None` where none is known.
    pub condition: Option<Expression>,
    /// Whether its query was read, and calls no function that could change the claims.
    pub is_steady: bool,
    /// Whether rows that are written through it must meet its condition.
    pub checks_new_rows: bool,
    /// Whether no function of a query that reads it may look at a row that it doesn't show.
    pub is_barrier: bool,
    /// The names of the roles, other than its owner, that may read it.
    pub read_by: Vec<String>,
    /// The names of the roles, other than its owner, that may write to it.
    pub written_by: Vec<String>,
    /// The names of those among them that may insert.
    pub inserted_by: Vec<String>,
    /// The name of its owner, unless that is a superuser or may not use the schema. It uses the view with its own rights, but a copy
    /// holds more than these show, and triggers of the view have rights of their own.
    pub owner_as_user: Option<String>,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// By its name.
    Plain,
    /// By its name, and it calls others with the rights of its owner to execute them.
    Aggregate,
    /// By a trigger alone.
    Trigger,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its OID.
    pub id: FunctionId,
    /// How it is called.
    pub kind: FunctionKind,
    /// Its schema's name.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its full name with the types of its arguments.
    pub display_name: String,
    /// Its owner.
    pub owner: RoleId,
    /// Whether it runs with its owner's rights.
    pub security_definer: bool,
    /// Whether it is marked IMMUTABLE.
    pub immutable: bool,
    /// Whether it is marked VOLATILE. Postgres lets no other function write.
    pub volatile: bool,
    /// Its language.
    pub language: String,
    /// Whether its SET clauses change the claims, or how they are read.
    pub sets_claims: bool,
    /// The role that its SET clauses set.
    pub sets_role: Option<String>,
    /// Whether its SET clauses set the search_path.
    pub has_search_path: bool,
    /// Whether Postgres analyzed its body when it was made: RETURN, BEGIN ATOMIC.
    pub is_analyzed: bool,
    /// Whether it answers with a boolean.
    pub returns_boolean: bool,
    /// Whether it is stored as the function that PostgREST calls before each request.
    pub is_pre_request: bool,
    /// Its body's text. Of a body that Postgres analyzed, the functions that it calls.
    pub body: String,
    /// Whether the body was read. It may be too large.
    pub is_read: bool,
    /// The functions that the defaults of its parameters call.
    pub called_by_defaults: Vec<FunctionId>,
    /// The tables that Postgres knows it to reach.
    pub reaches: Vec<TableId>,
    /// The commands in a body that Postgres analyzed.
    pub commands: Vec<Command>,
    /// The names of the roles, other than its owner, that may execute it by its name. Of a trigger's function none.
    pub open_to: Vec<String>,
    /// The names of the roles that may execute it where an expression calls it, though they may not use its schema.
    pub behind_expressions_for: Vec<String>,
    /// Whether all expressions that call it are policies'.
    pub is_called_by_policies_only: bool,
    /// What a session must pass before the function does anything.
    pub gate: FunctionGate,
}

/// A trigger, other than a guard.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Its table or view.
    pub table: TableId,
    /// The function that it calls.
    pub function: FunctionIndex,
    /// The commands that it fires for.
    pub commands: Vec<Command>,
    /// Whether it fires once for each statement, also for one that touches no row.
    pub for_each_statement: bool,
    /// Whether it fires before the row or the statement is done.
    pub is_before: bool,
}

/// A foreign key. It may change the rows that refer to others when those change.
#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The table whose rows refer.
    pub table: TableId,
    /// The table that they refer to.
    pub referenced: TableId,
    /// What it does on DELETE, if it changes rows: `CASCADE`, `SET NULL` or `SET DEFAULT`.
    pub on_delete: Option<&'static str>,
    /// What it does on UPDATE.
    pub on_update: Option<&'static str>,
    /// Its columns: each with the one that it refers to.
    pub columns: Vec<(String, String)>,
    /// Those that it sets on DELETE, where they aren't all.
    pub set_on_delete: Vec<String>,
    /// The roles that may update a column of the key that it refers to.
    pub key_updated_by: Vec<RoleId>,
}

/// An event trigger that watches for new tables.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Its name.
    pub name: String,
    /// The protection of the schema that it watches, if its record can be read.
    pub protection: Option<SchemaProtection>,
    /// Whether it is the extension's own, for new partitions of protected tables.
    pub is_of_partitions: bool,
    /// Whether it is there, fires for each command that it should in every session, and runs as a superuser.
    pub is_whole: bool,
}

impl Watch {
    /// Whether it knows what it watches.
    pub fn is_read(&self) -> bool {
        self.is_of_partitions || self.protection.is_some()
    }
}

impl Catalog {
    /// The highest level that anonymous users may have.
    pub(crate) fn level_of_guests(&self) -> Option<Level> {
        (self.guests_have_level || self.guests_may_have_level).then_some(Level::Aal1)
    }

    /// The index of a role.
    pub fn role_index(&self, id: RoleId) -> Option<RoleIndex> {
        self.roles.indexed().find(|(_, role)| role.id == id).map(|(index, _)| index)
    }

    /// Whether a role is held to a table's levels where none is named: policies bind it, or ought to. A role of an API ought to be
    /// bound, unless it is made to bypass row security, as service_role is.
    pub(crate) fn is_held(&self, table: &Table, role: RoleIndex) -> bool {
        const OF_USERS: [&str; 2] = ["anon", "authenticated"];
        let its = &self.roles[role];
        match table.standings[role].bypass {
            None => true,
            Some(Bypass::Owner) => its.is_api,
            Some(Bypass::Superuser | Bypass::BypassRls) => OF_USERS.contains(&its.name.as_str()),
        }
    }

    /// A table by its OID.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.iter().find(|table| table.id == id)
    }
}
