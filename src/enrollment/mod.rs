//! Looking a user up: whether they have a verified second factor.
//!
//! Factors are kept by Supabase Auth, in `auth.mfa_factors`, or by whatever `pg_aal.enrollment_function` asks. The tables are
//! read row by row, below SQL: no name is resolved by anybody's search_path, no operator, cast, policy or function of
//! anybody's runs, and no rights matter. They are found by name once, locked, and read as what was locked. The function is
//! called by its OID with the rights of its owner and no others, as Postgres itself checks foreign keys.
//!
//! Nothing here is asked about another user than that of the claims in force.

use std::ffi::{CStr, CString};
use std::fmt;

use aal::Enrollment;
use pgrx::prelude::*;

use crate::citus::Held;
use crate::pg::list::oids;
use crate::session::{from_claims, statement_start};
use crate::settings;

/// Why nobody can be looked up.
#[derive(Clone, Debug)]
pub enum NoStore {
    /// `auth.mfa_factors` or `auth.users` isn't there, or not as Supabase Auth makes it.
    Tables(&'static str),
    /// `pg_aal.enrollment_function` doesn't name one that fits.
    Function(&'static str),
}

impl fmt::Display for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoStore::Tables(why) => write!(f, "cannot look up who has enrolled a second factor: {why}"),
            NoStore::Function(why) => {
                write!(f, "cannot look up who has enrolled a second factor: pg_aal.enrollment_function {why}")
            }
        }
    }
}

impl NoStore {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NoStore::Tables(_) => {
                "Without Supabase Auth, set pg_aal.enrollment_function to a function (text) that returns boolean."
            }
            NoStore::Function(_) => {
                "It must name, with its schema, a function (text) that returns boolean, is stable or immutable, and parallel safe."
            }
        }
    }
}

/// How long to wait for a table that somebody is altering.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until they are done.
    Wait,
    /// Not at all.
    Skip,
}

/// Whether the user of the claims in force has a verified factor.
pub fn look_up(patience: Patience) -> Result<Enrollment, NoStore> {
    let subject = from_claims(|claims| Some((claims.subject()?.to_owned(), claims.subject_uuid())));
    let Some((subject, uuid)) = subject else { return Ok(Enrollment::ForeignUser) };
    match settings::enrollment_function() {
        Some(name) => Ok(Function::find(&name)?.ask(&subject)),
        None => {
            let tables = Tables::find(patience)?;
            // Supabase Auth's users all have a UUID.
            Ok(uuid.map_or(Enrollment::ForeignUser, |uuid| tables.ask(uuid.as_bytes())))
        }
    }
}

/// Whether users can be looked up here at all.
pub fn check_store() -> Result<(), NoStore> {
    match settings::enrollment_function() {
        Some(name) => Function::find(&name).map(|_| ()),
        None => Tables::find(Patience::Wait).map(|_| ()),
    }
}

/// Supabase Auth's tables, open and locked.
struct Tables {
    users: Table,
    user_id: i16,
    deleted_at: Option<i16>,
    banned_until: Option<i16>,
    factors: Table,
    factor_user: i16,
    factor_status: i16,
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
    /// Both as its migrations make them, as far as they are read here: plain tables with the right columns, of one owner who
    /// may decide who is enrolled: the owner of schema auth, `supabase_auth_admin`, or a superuser.
    fn find(patience: Patience) -> Result<Tables, NoStore> {
        let there_are_none = NoStore::Tables("there are no tables auth.users and auth.mfa_factors");
        let busy = NoStore::Tables("auth.users or auth.mfa_factors is being altered");
        let open = |name| Table::open(name, patience);
        let users = open(c"users").map_err(|()| busy.clone())?.ok_or_else(|| there_are_none.clone())?;
        let factors = open(c"mfa_factors").map_err(|()| busy)?.ok_or(there_are_none)?;
        if !users.is_plain() || !factors.is_plain() {
            return Err(NoStore::Tables("auth.users and auth.mfa_factors are not both plain tables"));
        }
        let held = Held::read();
        // Whose partition one is, isn't looked at here.
        let is_elsewhere = |table: &Table| held.has(table.oid()) || (!held.is_nothing() && table.is_partition());
        if is_elsewhere(&users) || is_elsewhere(&factors) {
            return Err(NoStore::Tables("auth.users or auth.mfa_factors is a Citus table, whose rows are in shards"));
        }
        if users.owner() != factors.owner() || !may_decide(users.owner(), users.namespace()) {
            return Err(NoStore::Tables("auth.users and auth.mfa_factors do not belong to who keeps the users"));
        }
        let other_columns =
            NoStore::Tables("the columns of auth.users and auth.mfa_factors are not those of Supabase Auth");
        let uuid = |table: &Table, name| table.column(name).filter(|(_, kind)| *kind == pg_sys::UUIDOID);
        let (Some((user_id, _)), Some((factor_user, _)), Some((factor_status, status))) =
            (uuid(&users, c"id"), uuid(&factors, c"user_id"), factors.column(c"status"))
        else {
            return Err(other_columns);
        };
        // Old versions of Supabase Auth have neither of these two.
        let deleted_at = users.column(c"deleted_at").map(|(number, _)| number);
        let banned_until = match users.column(c"banned_until") {
            None => None,
            Some((number, pg_sys::TIMESTAMPTZOID)) => Some(number),
            Some(_) => return Err(other_columns),
        };
        let verified = Verified::of_type(status, factors.owner()).ok_or(other_columns)?;
        Ok(Tables { users, user_id, deleted_at, banned_until, factors, factor_user, factor_status, verified })
    }

    fn ask(&self, user: &[u8; 16]) -> Enrollment {
        let snapshot = Snapshot::latest();
        let now = statement_start();
        let is_deleted = |row: &Row<'_>| self.deleted_at.is_some_and(|column| row.get(column).is_some());
        // A timestamptz is its microseconds, and the infinite ones are the smallest and the largest number.
        let is_banned = |row: &Row<'_>| {
            let until = self.banned_until.and_then(|column| row.get(column));
            until.is_some_and(|until| until.value() as pg_sys::TimestampTz > now)
        };
        let is_there = |row: &Row<'_>| !is_deleted(row) && !is_banned(row);
        if !self.users.any(&snapshot, self.user_id, user, is_there) {
            return Enrollment::UnknownUser;
        }
        let is_verified = |row: &Row<'_>| row.get(self.factor_status).is_some_and(|status| self.verified.is(status));
        if self.factors.any(&snapshot, self.factor_user, user, is_verified) {
            Enrollment::Factor
        } else {
            Enrollment::NoFactor
        }
    }
}

impl Verified {
    /// For a column of this type in a table of this owner; `None` where it can't be told.
    fn of_type(kind: pg_sys::Oid, owner: pg_sys::Oid) -> Option<Verified> {
        if kind == pg_sys::TEXTOID || kind == pg_sys::VARCHAROID {
            return Some(Verified::Text);
        }
        // SAFETY: looks catalog rows up by their keys; each is released after it was read. A label's row begins with its OID.
        unsafe {
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as _, pg_sys::Datum::from(kind));
            if row.is_null() {
                return None;
            }
            let entry = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_type>(row);
            let type_owner = (*entry).typowner;
            pg_sys::ReleaseSysCache(row);
            // Who owns an enum can rename its labels.
            if type_owner != owner && !pg_sys::superuser_arg(type_owner) {
                return None;
            }
            let label = pg_sys::Datum::from(c"verified".as_ptr());
            let cache = pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as _;
            let row = pg_sys::SearchSysCache2(cache, pg_sys::Datum::from(kind), label);
            if row.is_null() {
                return None;
            }
            let label = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_enum>(row)).oid;
            pg_sys::ReleaseSysCache(row);
            Some(Verified::Label(label))
        }
    }

    fn is(&self, status: pg_sys::Datum) -> bool {
        match self {
            // SAFETY: a value of a column of type text or varchar.
            Verified::Text => (unsafe { <&str>::from_datum(status, false) }) == Some("verified"),
            // An enum's value is its label's OID.
            Verified::Label(label) => pg_sys::Oid::from(status.value() as u32) == *label,
        }
    }
}

/// Whether this role decides about the users: the owner of their schema, Supabase Auth's own, or a superuser.
fn may_decide(role: pg_sys::Oid, schema: pg_sys::Oid) -> bool {
    // SAFETY: looks up a role by its name, whether one is a superuser, and the row of a schema, which is released.
    unsafe {
        if pg_sys::superuser_arg(role) || pg_sys::get_role_oid(c"supabase_auth_admin".as_ptr(), true) == role {
            return true;
        }
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::NAMESPACEOID as _, pg_sys::Datum::from(schema));
        if row.is_null() {
            return false;
        }
        let owner = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_namespace>(row)).nspowner;
        pg_sys::ReleaseSysCache(row);
        owner == role
    }
}

/// A table of schema auth, open and locked until the transaction ends.
struct Table(pg_sys::Relation);

/// A row of a table, as long as the scan stands on it.
struct Row<'a> {
    tuple: pg_sys::HeapTuple,
    table: &'a Table,
}

impl Table {
    /// `None` if there is none of this name; an error where somebody is altering it and there is no patience.
    fn open(name: &CStr, patience: Patience) -> Result<Option<Table>, ()> {
        const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as _;
        loop {
            let Some(oid) = oid_in_auth(name) else { return Ok(None) };
            // SAFETY: locks a table by its OID, which needs no such table; opens it under that lock.
            unsafe {
                match patience {
                    Patience::Wait => pg_sys::LockRelationOid(oid, LOCK),
                    Patience::Skip if pg_sys::ConditionalLockRelationOid(oid, LOCK) => {}
                    Patience::Skip => return Err(()),
                }
                // While it was waited for, the name may have come to mean another.
                if oid_in_auth(name) != Some(oid) {
                    pg_sys::UnlockRelationOid(oid, LOCK);
                    continue;
                }
                let relation = pg_sys::try_relation_open(oid, pg_sys::NoLock as _);
                return Ok(if relation.is_null() { None } else { Some(Table(relation)) });
            }
        }
    }

    fn entry(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: the table is open as long as this lives, and an open relation has its catalog row.
        unsafe { &*(*self.0).rd_rel }
    }

    fn is_plain(&self) -> bool {
        self.entry().relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
    }

    fn is_partition(&self) -> bool {
        self.entry().relispartition
    }

    fn oid(&self) -> pg_sys::Oid {
        self.entry().oid
    }

    fn owner(&self) -> pg_sys::Oid {
        self.entry().relowner
    }

    fn namespace(&self) -> pg_sys::Oid {
        self.entry().relnamespace
    }

    /// The number and the type of a column.
    fn column(&self, name: &CStr) -> Option<(i16, pg_sys::Oid)> {
        // SAFETY: looks a column up in the catalog; 0 and below are no columns of users.
        unsafe {
            let table = (*self.0).rd_id;
            let number = pg_sys::get_attnum(table, name.as_ptr());
            if number > 0 { Some((number, pg_sys::get_atttype(table, number))) } else { None }
        }
    }

    /// Whether a row whose column of type uuid is `key` fits. It is found by an index if there is one.
    fn any(&self, snapshot: &Snapshot, column: i16, key: &[u8; 16], fits: impl Fn(&Row<'_>) -> bool) -> bool {
        let index = self.index_on(column);
        let mut scan_key = pg_sys::ScanKeyData::default();
        // SAFETY: an open, locked table; an index of it or none; a snapshot that is registered, and a key for one of its columns,
        // by the equality of its type, that outlives the scan. Row by row until there are no more.
        unsafe {
            pg_sys::ScanKeyInit(
                &mut scan_key,
                column,
                pg_sys::BTEqualStrategyNumber as _,
                pg_sys::Oid::from(pg_sys::F_UUID_EQ),
                pg_sys::Datum::from(key.as_ptr().cast_mut().cast::<std::ffi::c_void>()),
            );
            let oid = index.unwrap_or(pg_sys::InvalidOid);
            let scan = pg_sys::systable_beginscan(self.0, oid, index.is_some(), snapshot.0, 1, &mut scan_key);
            let mut found = false;
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                if fits(&Row { tuple, table: self }) {
                    found = true;
                    break;
                }
            }
            pg_sys::systable_endscan(scan);
            found
        }
    }

    /// A btree that begins with this column, by the ordinary order of uuid, and has all rows.
    fn index_on(&self, column: i16) -> Option<pg_sys::Oid> {
        // SAFETY: the list of an open table's indexes; each is opened, looked at and closed again. An index has as many keys,
        // families and input types as its catalog row says, and at least one.
        unsafe {
            oids(pg_sys::RelationGetIndexList(self.0)).find(|oid| {
                let index = pg_sys::index_open(*oid, pg_sys::AccessShareLock as _);
                let entry = &*(*index).rd_index;
                let fits = entry.indisvalid
                    && entry.indkey.values.as_slice(1)[0] == column
                    && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                    && *(*index).rd_opcintype == pg_sys::UUIDOID
                    && *(*index).rd_opfamily == UUID_BTREE_FAMILY
                    && pg_sys::heap_attisnull(
                        (*index).rd_indextuple,
                        pg_sys::Anum_pg_index_indpred as _,
                        std::ptr::null_mut(),
                    );
                pg_sys::index_close(index, pg_sys::AccessShareLock as _);
                fits
            })
        }
    }
}

/// `uuid_ops` of btree, in Postgres' pg_opfamily.dat.
const UUID_BTREE_FAMILY: pg_sys::Oid = pg_sys::Oid::from_u32(2968);

impl Drop for Table {
    fn drop(&mut self) {
        // After an error, Postgres closes it.
        if !std::thread::panicking() {
            // SAFETY: opened once, closed once. The lock stays until the transaction ends.
            unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as _) };
        }
    }
}

impl Row<'_> {
    fn get(&self, column: i16) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: a row of this table, and a column of it.
        let value =
            unsafe { pg_sys::heap_getattr(self.tuple, i32::from(column), (*self.table.0).rd_att, &mut is_null) };
        if is_null { None } else { Some(value) }
    }
}

/// The table of this name in schema auth.
fn oid_in_auth(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: both look names up in the catalog's caches, and raise nothing where there is none.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"auth".as_ptr(), true);
        if schema == pg_sys::InvalidOid { schema } else { pg_sys::get_relname_relid(name.as_ptr(), schema) }
    };
    if oid == pg_sys::InvalidOid { None } else { Some(oid) }
}

/// What is committed now, and what this transaction did: not only what an older snapshot of it sees. Within a parallel query
/// there is only that one.
struct Snapshot(pg_sys::Snapshot);

impl Snapshot {
    fn latest() -> Snapshot {
        // SAFETY: takes a snapshot, or the active one, which a statement has; registered until this is dropped.
        unsafe {
            let snapshot =
                if pg_sys::IsInParallelMode() { pg_sys::GetActiveSnapshot() } else { pg_sys::GetLatestSnapshot() };
            Snapshot(pg_sys::RegisterSnapshot(snapshot))
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // After an error, Postgres does.
        if !std::thread::panicking() {
            // SAFETY: registered once.
            unsafe { pg_sys::UnregisterSnapshot(self.0) };
        }
    }
}

/// The function of `pg_aal.enrollment_function`.
struct Function {
    oid: pg_sys::Oid,
    owner: pg_sys::Oid,
}

impl Function {
    fn find(name: &str) -> Result<Function, NoStore> {
        let names = name.split_once('.').filter(|(_, function)| !function.contains('.'));
        let c_string = |name: &str| CString::new(name).ok();
        let Some((Some(schema), Some(function))) = names.map(|(schema, name)| (c_string(schema), c_string(name)))
        else {
            return Err(NoStore::Function("does not name a schema and a function"));
        };
        // SAFETY: looks catalog rows up by their keys. The function's is released after it was read.
        unsafe {
            let schema = pg_sys::get_namespace_oid(schema.as_ptr(), true);
            let arguments = pg_sys::buildoidvector(&pg_sys::TEXTOID, 1);
            let row = pg_sys::SearchSysCache3(
                pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as _,
                pg_sys::Datum::from(function.as_ptr()),
                pg_sys::Datum::from(arguments.cast::<std::ffi::c_void>()),
                pg_sys::Datum::from(schema),
            );
            if row.is_null() {
                return Err(NoStore::Function("names a function (text) that is not there"));
            }
            let entry = &*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_proc>(row);
            let is = |value: std::ffi::c_char, letters: &[u8]| letters.contains(&(value as u8));
            let fits = entry.prorettype == pg_sys::BOOLOID
                && !entry.proretset
                && is(entry.prokind, b"f")
                && is(entry.provolatile, b"si")
                && is(entry.proparallel, b"s");
            let found = Function { oid: entry.oid, owner: entry.proowner };
            let mut is_null = false;
            let settings = pg_sys::SysCacheGetAttr(
                pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as _,
                row,
                pg_sys::Anum_pg_proc_proconfig as _,
                &mut is_null,
            );
            let settings = Vec::<String>::from_datum(settings, is_null).unwrap_or_default();
            pg_sys::ReleaseSysCache(row);
            if !fits {
                return Err(NoStore::Function(
                    "names a function that does not return boolean, is volatile, or is not parallel safe",
                ));
            }
            if settings.iter().any(|setting| is_open_search_path(setting)) {
                return Err(NoStore::Function(
                    "names a function whose search_path does not end with pg_temp: temporary tables come before all others",
                ));
            }
            Ok(found)
        }
    }

    /// Calls it by its owner's rights, in a restricted operation, with names as they are in `pg_catalog`. NULL: there is no such
    /// user.
    fn ask(&self, subject: &str) -> Enrollment {
        let rights = RightsOf::owner(self.owner);
        let Some(argument) = subject.into_datum() else { return Enrollment::UnknownUser };
        let mut function = pg_sys::FmgrInfo::default();
        // SAFETY: as pgrx calls functions: room for the call info and its one argument, which is a text as the function wants.
        // `function` outlives the call. Calling it may raise, so that is done within pgrx's guard, in a closure that holds
        // nothing to drop.
        let (answer, is_null) = unsafe {
            pg_sys::fmgr_info(self.oid, &mut function);
            let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + size_of::<pg_sys::NullableDatum>();
            let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
            (*call).flinfo = &mut function;
            (*call).fncollation = pg_sys::DEFAULT_COLLATION_OID;
            (*call).nargs = 1;
            let arguments: *mut pg_sys::NullableDatum = (&raw mut (*call).args).cast();
            *arguments = pg_sys::NullableDatum { value: argument, isnull: false };
            let answer = function.fn_addr.map(|address| pg_sys::ffi::pg_guard_ffi_boundary(|| address(call)));
            (answer, (*call).isnull)
        };
        drop(rights);
        match answer {
            Some(answer) if !is_null && answer.value() != 0 => Enrollment::Factor,
            Some(_) if !is_null => Enrollment::NoFactor,
            _ => Enrollment::UnknownUser,
        }
    }
}

/// Whether a function's setting is a search_path that a temporary table can come first in: all that name schemas, but don't
/// name pg_temp last.
fn is_open_search_path(setting: &str) -> bool {
    let Some(path) = setting.strip_prefix("search_path=") else { return false };
    let last = path.rsplit(',').next().unwrap_or_default().trim().trim_matches('"');
    !last.is_empty() && last != "pg_temp"
}

/// As long as this lives, the current role is another, in a restricted operation, names mean what they do in `pg_catalog`, and
/// the latest snapshot is active.
struct RightsOf {
    user: pg_sys::Oid,
    context: std::ffi::c_int,
    nest_level: std::ffi::c_int,
    has_snapshot: bool,
}

impl RightsOf {
    fn owner(owner: pg_sys::Oid) -> RightsOf {
        let mut before = RightsOf { user: pg_sys::InvalidOid, context: 0, nest_level: 0, has_snapshot: false };
        let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        // SAFETY: as Postgres' own ri_PerformCheck: the role is put back when this is dropped, and by Postgres itself where
        // the transaction or a savepoint fails. So are the setting, by its nest level, and the snapshot.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut before.user, &mut before.context);
            before.nest_level = pg_sys::NewGUCNestLevel();
            pg_sys::set_config_option(
                c"search_path".as_ptr(),
                c"pg_catalog, pg_temp".as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
            if !pg_sys::IsInParallelMode() {
                pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
                before.has_snapshot = true;
            }
            pg_sys::SetUserIdAndSecContext(owner, before.context | restricted as std::ffi::c_int);
        }
        before
    }
}

impl Drop for RightsOf {
    fn drop(&mut self) {
        // After an error, Postgres does all of it when it rolls back, and none must be done twice.
        if std::thread::panicking() {
            return;
        }
        // SAFETY: what was there before.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            if self.has_snapshot {
                pg_sys::PopActiveSnapshot();
            }
            pg_sys::AtEOXact_GUC(false, self.nest_level);
        }
    }
}
