//! Looking a user up: whether they have a verified second factor.
//!
//! Factors are kept by Supabase Auth, in `auth.mfa_factors`, or by whatever `pg_aal.enrollment_function` asks. Either is
//! read with the rights of its owner and no others, as Postgres itself checks foreign keys: its readers need no grants,
//! and nothing in it runs with anybody's rights but those of who made it. Its owner must be somebody who may decide who
//! is enrolled.

use std::fmt;

use aal::{Claims, Enrollment};
use pgrx::datum::Uuid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::catalog::PostgresQuote;
use crate::session::with_claims;
use crate::settings;
use aal::policy::Quote;

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
                "It must name, with its schema, a function (text) that returns boolean and is stable or immutable."
            }
        }
    }
}

/// Whether the user of the claims in force has a verified factor. Nobody can ask about another user.
pub fn look_up() -> Result<Enrollment, NoStore> {
    let subject = with_claims(|claims| claims.and_then(Result::ok).and_then(Claims::subject).map(str::to_owned));
    let uuid = with_claims(|claims| claims.and_then(Result::ok).and_then(Claims::subject_uuid));
    let Some(subject) = subject else { return Ok(Enrollment::UnknownUser) };
    let answer = Spi::connect(|client| match settings::enrollment_function() {
        Some(function) => ask_function(client, &function, &subject),
        None => ask_supabase_auth(client, uuid.map(|uuid| Uuid::from_bytes(*uuid.as_bytes()))),
    });
    answer.unwrap_or_else(|error| error!("looking up a user: {error}"))
}

/// Whether users can be looked up here at all.
pub fn check_store() -> Result<(), NoStore> {
    let answer = Spi::connect(|client| match settings::enrollment_function() {
        Some(function) => Ok(Function::find(client, &function)?.map(|_| ())),
        None => Ok::<_, spi::Error>(Tables::find(client)?.map(|_| ())),
    });
    answer.unwrap_or_else(|error| error!("looking up a user: {error}"))
}

fn ask_supabase_auth(client: &SpiClient<'_>, user: Option<Uuid>) -> Result<Result<Enrollment, NoStore>, spi::Error> {
    let tables = match Tables::find(client)? {
        Ok(tables) => tables,
        Err(error) => return Ok(Err(error)),
    };
    let Some(user) = user else { return Ok(Ok(Enrollment::UnknownUser)) };
    let deleted = if tables.users_can_be_deleted { "and u.deleted_at is null" } else { "" };
    let question = format!(
        "select exists (
            select from only auth.mfa_factors f
             where f.user_id operator(pg_catalog.=) u.id and f.status::pg_catalog.text operator(pg_catalog.=) 'verified')
           from only auth.users u
          where u.id operator(pg_catalog.=) $1 {deleted}"
    );
    let _rights = RightsOf::owner(tables.owner);
    let rows = client.select(&question, Some(1), &[user.into()])?;
    if rows.is_empty() {
        return Ok(Ok(Enrollment::UnknownUser));
    }
    Ok(Ok(enrollment(rows.first().get_one()?)))
}

fn ask_function(client: &SpiClient<'_>, name: &str, subject: &str) -> Result<Result<Enrollment, NoStore>, spi::Error> {
    let function = match Function::find(client, name)? {
        Ok(function) => function,
        Err(error) => return Ok(Err(error)),
    };
    let _rights = RightsOf::owner(function.owner);
    let question = format!("select {}($1::pg_catalog.text)", function.name);
    Ok(Ok(enrollment(client.select(&question, Some(1), &[subject.into()])?.first().get_one()?)))
}

/// NULL: there is no such user.
fn enrollment(has_factor: Option<bool>) -> Enrollment {
    match has_factor {
        Some(true) => Enrollment::Factor,
        Some(false) => Enrollment::NoFactor,
        None => Enrollment::UnknownUser,
    }
}

/// Supabase Auth's tables.
struct Tables {
    owner: pg_sys::Oid,
    users_can_be_deleted: bool,
}

impl Tables {
    /// Both as its migrations make them, as far as they are read here: plain tables of the right types, so that reading
    /// them runs nobody's code; of one owner, whom their row security doesn't hide anything from, and who may decide:
    /// the owner of schema auth, `supabase_auth_admin`, or a superuser.
    fn find(client: &SpiClient<'_>) -> Result<Result<Tables, NoStore>, spi::Error> {
        let rows = client.select(
            "select f.relowner,
                    f.relkind = 'r' and u.relkind = 'r',
                    f.relowner = u.relowner
                      and (f.relowner = n.nspowner or r.rolsuper or r.rolname = 'supabase_auth_admin'),
                    r.rolsuper or r.rolbypassrls or not (f.relforcerowsecurity or u.relforcerowsecurity),
                    (select t.typname in ('text', 'varchar') and t.typnamespace = 'pg_catalog'::regnamespace or t.typtype = 'e'
                       from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
                      where a.attrelid = f.oid and a.attname = 'status' and not a.attisdropped)
                      and (select a.atttypid = 'uuid'::regtype from pg_catalog.pg_attribute a
                            where a.attrelid = f.oid and a.attname = 'user_id' and not a.attisdropped)
                      and (select a.atttypid = 'uuid'::regtype from pg_catalog.pg_attribute a
                            where a.attrelid = u.oid and a.attname = 'id' and not a.attisdropped),
                    exists (select from pg_catalog.pg_attribute a
                             where a.attrelid = u.oid and a.attname = 'deleted_at' and not a.attisdropped)
               from pg_catalog.pg_namespace n
               join pg_catalog.pg_class f on f.relnamespace = n.oid and f.relname = 'mfa_factors'
               join pg_catalog.pg_class u on u.relnamespace = n.oid and u.relname = 'users'
               join pg_catalog.pg_roles r on r.oid = f.relowner
              where n.nspname = 'auth'",
            Some(1),
            &[],
        )?;
        if rows.is_empty() {
            return Ok(Err(NoStore::Tables("there are no tables auth.users and auth.mfa_factors")));
        }
        let row = rows.first();
        let is = |column| Ok::<bool, spi::Error>(row.get::<bool>(column)?.unwrap_or(false));
        Ok(if !is(2)? {
            Err(NoStore::Tables("auth.users and auth.mfa_factors are not both plain tables"))
        } else if !is(3)? {
            Err(NoStore::Tables("auth.users and auth.mfa_factors do not belong to who keeps the users"))
        } else if !is(4)? {
            Err(NoStore::Tables(
                "row security is forced on auth.users or auth.mfa_factors, and hides rows from their owner",
            ))
        } else if !is(5)? {
            Err(NoStore::Tables("the columns of auth.users and auth.mfa_factors are not those of Supabase Auth"))
        } else {
            let owner = row.get(1)?.unwrap_or(pg_sys::InvalidOid);
            Ok(Tables { owner, users_can_be_deleted: is(6)? })
        })
    }
}

/// The function of `pg_aal.enrollment_function`.
struct Function {
    /// Quoted, with its schema.
    name: String,
    owner: pg_sys::Oid,
}

impl Function {
    fn find(client: &SpiClient<'_>, name: &str) -> Result<Result<Function, NoStore>, spi::Error> {
        let Some((schema, function)) = name.split_once('.').filter(|(_, function)| !function.contains('.')) else {
            return Ok(Err(NoStore::Function("does not name a schema and a function")));
        };
        let rows = client.select(
            "select p.proowner, p.prorettype = 'bool'::regtype and not p.proretset and p.prokind = 'f' and p.provolatile in ('s', 'i')
               from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
              where n.nspname = $1 and p.proname = $2 and p.pronargs = 1 and p.proargtypes[0] = 'text'::regtype",
            Some(1),
            &[schema.into(), function.into()],
        )?;
        if rows.is_empty() {
            return Ok(Err(NoStore::Function("names a function (text) that is not there")));
        }
        let row = rows.first();
        if !row.get::<bool>(2)?.unwrap_or(false) {
            return Ok(Err(NoStore::Function("names a function that is volatile or does not return boolean")));
        }
        let name = format!("{}.{}", PostgresQuote.identifier(schema), PostgresQuote.identifier(function));
        Ok(Ok(Function { name, owner: row.get(1)?.unwrap_or(pg_sys::InvalidOid) }))
    }
}

/// As long as this lives, the current role is another, in a restricted operation, and names mean what they do in
/// `pg_catalog`.
struct RightsOf {
    user: pg_sys::Oid,
    context: std::ffi::c_int,
    nest_level: std::ffi::c_int,
}

impl RightsOf {
    fn owner(owner: pg_sys::Oid) -> RightsOf {
        let mut before = RightsOf { user: pg_sys::InvalidOid, context: 0, nest_level: 0 };
        let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        // SAFETY: as Postgres' own ri_PerformCheck: the role is put back when this is dropped, and by Postgres itself where
        // the transaction or a savepoint fails. The setting goes back with its nest level.
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
            pg_sys::SetUserIdAndSecContext(owner, before.context | restricted as std::ffi::c_int);
        }
        before
    }
}

impl Drop for RightsOf {
    fn drop(&mut self) {
        // After an error, Postgres does both when it rolls back, and a nest level must not be ended twice.
        if std::thread::panicking() {
            return;
        }
        // SAFETY: what was there before.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            pg_sys::AtEOXact_GUC(false, self.nest_level);
        }
    }
}
