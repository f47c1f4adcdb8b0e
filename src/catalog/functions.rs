//! Which functions are known, and what those written in SQL say.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

use aal::access::Comparison;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use pgrx::{PgMemoryContexts, PgTryBuilder};

use crate::functions::session::is_cancellation;
use crate::planner::cast;
use crate::types::pointers;

/// What a function does, if it is one that is known.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// Compares its arguments; negated; the other way round.
    Compare(Comparison, bool, bool),
    /// LIKE; negated.
    Like(bool),
    /// Comes to its argument.
    Same,
    /// `->` and `->>` with a key.
    Member { as_text: bool },
    /// `#>` and `#>>`.
    Path { as_text: bool },
    /// `?`.
    HasKey,
    /// `current_setting`.
    Setting,
    /// `auth.claims`.
    Claims,
    /// `auth.aal`.
    Level,
    /// `auth.enrolled_aal`.
    EnrolledLevel,
    /// `auth.aal_status`.
    Status,
    /// `auth.amr`.
    Methods,
    /// `auth.has_aal` and `auth.require_aal`.
    HasLevel { raises: bool },
    /// `auth.has_enrolled_aal` and `auth.require_enrolled_aal`.
    HasEnrolledLevel { raises: bool },
    /// `auth.authenticated_at`.
    AuthenticatedAt,
}

/// The body of a function written in SQL: one query.
#[derive(Clone)]
pub struct SqlBody {
    /// The query. Lives as long as [`Functions`].
    pub query: *mut pg_sys::Query,
    /// How many parameters it takes.
    pub parameters: usize,
    /// The defaults of the last of them, as the catalog holds them.
    pub defaults: Option<CString>,
    /// Whether it is NULL where an argument is.
    pub strict: bool,
    /// Whether it runs with its owner's rights.
    pub security_definer: bool,
    /// Whether it runs with settings of its own.
    pub has_settings: bool,
}

/// The functions that policies call.
pub struct Functions {
    ours: HashMap<pg_sys::Oid, Option<Known>>,
    guard: pg_sys::Oid,
    bodies: RefCell<HashMap<pg_sys::Oid, Option<SqlBody>>>,
    /// Holds what is read of them.
    memory: RefCell<PgMemoryContexts>,
}

impl Functions {
    /// Finds our own: those that belong to the extension, so that nobody else's of that name is taken for one.
    pub fn read(client: &SpiClient<'_>) -> Result<Functions, spi::Error> {
        let rows = client.select(
            "select p.oid, p.proname::text
               from pg_catalog.pg_extension e
               join pg_catalog.pg_depend d
                 on d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = e.oid
                and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
               join pg_catalog.pg_proc p on p.oid = d.objid
              where e.extname = 'pg_aal'",
            None,
            &[],
        )?;
        let mut ours = HashMap::new();
        let mut guard = pg_sys::InvalidOid;
        for row in rows {
            let (Some(oid), Some(name)) = (row.get::<pg_sys::Oid>(1)?, row.get::<String>(2)?) else { continue };
            let known = Some(match name.as_str() {
                "claims" => Known::Claims,
                "aal" => Known::Level,
                "enrolled_aal" => Known::EnrolledLevel,
                "aal_status" => Known::Status,
                "amr" => Known::Methods,
                "has_aal" => Known::HasLevel { raises: false },
                "require_aal" => Known::HasLevel { raises: true },
                "has_enrolled_aal" => Known::HasEnrolledLevel { raises: false },
                "require_enrolled_aal" => Known::HasEnrolledLevel { raises: true },
                "authenticated_at" => Known::AuthenticatedAt,
                "aal_guard" => {
                    guard = oid;
                    continue;
                }
                // What it answers says nothing of the level.
                _ => {
                    ours.insert(oid, None);
                    continue;
                }
            });
            ours.insert(oid, known);
        }
        let memory = RefCell::new(PgMemoryContexts::new("pg_aal: bodies of functions"));
        Ok(Functions { ours, guard, bodies: RefCell::new(HashMap::new()), memory })
    }

    /// Those of ours that ask for a level.
    pub fn that_ask(&self) -> Vec<pg_sys::Oid> {
        let asks =
            |known: &Option<Known>| matches!(known, Some(Known::HasLevel { .. } | Known::HasEnrolledLevel { .. }));
        self.ours.iter().filter(|(_, known)| asks(known)).map(|(oid, _)| *oid).collect()
    }

    /// The OID of `auth.aal_guard`.
    pub fn guard(&self) -> pg_sys::Oid {
        self.guard
    }

    /// What this function does, if it is known.
    pub fn known(&self, function: pg_sys::Oid) -> Option<Known> {
        builtin(function.to_u32()).or_else(|| self.ours.get(&function).copied().flatten())
    }

    /// The name of a function that is neither Postgres' nor ours.
    pub fn name_if_users(&self, function: pg_sys::Oid) -> Option<String> {
        if is_postgres_own(function) || self.ours.contains_key(&function) {
            return None;
        }
        // SAFETY: looks a function and its schema up; NULL where there is none.
        let (schema, name) = unsafe {
            (pg_sys::get_namespace_name(pg_sys::get_func_namespace(function)), pg_sys::get_func_name(function))
        };
        if schema.is_null() || name.is_null() {
            return Some(format!("function {}", function.to_u32()));
        }
        // SAFETY: two C strings.
        let (schema, name) = unsafe { (CStr::from_ptr(schema), CStr::from_ptr(name)) };
        Some(format!(
            "{}.{}()",
            spi::quote_identifier(schema.to_string_lossy()),
            spi::quote_identifier(name.to_string_lossy())
        ))
    }

    /// What a user's function says, if it is written in SQL and made of one query.
    pub fn sql_body(&self, function: pg_sys::Oid) -> Option<SqlBody> {
        if is_postgres_own(function) || self.ours.contains_key(&function) {
            return None;
        }
        if let Some(known) = self.bodies.borrow().get(&function) {
            return known.clone();
        }
        // A body that calls its own function can't be seen through.
        self.bodies.borrow_mut().insert(function, None);
        let body = Spi::connect(|client| self.read_body(client, function)).ok().flatten();
        self.bodies.borrow_mut().insert(function, body.clone());
        body
    }

    fn read_body(&self, client: &SpiClient<'_>, function: pg_sys::Oid) -> Result<Option<SqlBody>, spi::Error> {
        let rows = client.select(
            "select p.prosrc, p.prosqlbody::pg_catalog.text, p.proowner, p.proisstrict, p.prosecdef, p.pronargs::pg_catalog.int4,
                    p.proargdefaults::pg_catalog.text, p.prorettype,
                    (select pg_catalog.substr(setting, 13) from pg_catalog.unnest(p.proconfig) setting)
               from pg_catalog.pg_proc p
               join pg_catalog.pg_language l on l.oid = p.prolang
              where p.oid = $1 and l.lanname = 'sql' and p.prokind = 'f' and not p.proretset and p.provariadic = 0
                and pg_catalog.cardinality(coalesce(p.proconfig, '{}')) <= 1
                and not exists (select from pg_catalog.unnest(p.proconfig) setting where setting not like 'search\\_path=%')
                and not exists (
                    select from pg_catalog.unnest(p.proargtypes) as argument(type)
                      join pg_catalog.pg_type t on t.oid = argument.type
                     where t.typtype = 'p')",
            Some(1),
            &[function.into()],
        )?;
        if rows.is_empty() {
            return Ok(None);
        }
        let row = rows.first();
        let source: Option<String> = row.get(1)?;
        let tree: Option<String> = row.get(2)?;
        let owner: pg_sys::Oid = row.get(3)?.unwrap_or(pg_sys::InvalidOid);
        let text = |text: Option<String>| text.and_then(|text| CString::new(text).ok());
        let result: pg_sys::Oid = row.get(8)?.unwrap_or(pg_sys::InvalidOid);
        let path = text(row.get(9)?);
        let has_settings = path.is_some();
        let path = path.unwrap_or_else(|| c"pg_catalog, pg_temp".to_owned());
        let query = match (text(tree), text(source)) {
            (Some(tree), _) => self.within_memory(|| single_query(&tree)),
            (None, Some(source)) => self.within_memory(|| parse(function, owner, &source, &path)),
            (None, None) => None,
        };
        let Some(query) = query.filter(|query| answers_with(*query, result)) else { return Ok(None) };
        Ok(Some(SqlBody {
            query,
            parameters: row.get::<i32>(6)?.and_then(|n| usize::try_from(n).ok()).unwrap_or_default(),
            defaults: text(row.get(7)?),
            strict: row.get(4)?.unwrap_or_default(),
            security_definer: row.get(5)?.unwrap_or_default(),
            has_settings,
        }))
    }

    fn within_memory<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: switches to a context that lives as long as this, and back.
        let before = unsafe { pg_sys::MemoryContextSwitchTo(self.memory.borrow().value()) };
        let done = work();
        // SAFETY: the context that was current.
        unsafe { pg_sys::MemoryContextSwitchTo(before) };
        done
    }
}

/// Whether a function came with Postgres.
pub fn is_postgres_own(function: pg_sys::Oid) -> bool {
    function.to_u32() < pg_sys::FirstNormalObjectId
}

/// What functions of `pg_catalog` do. Their OIDs never change.
fn builtin(function: u32) -> Option<Known> {
    use Comparison::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Overlaps};
    use pg_sys::*;
    Some(match function {
        F_TEXTEQ | F_BOOLEQ | F_ENUM_EQ | F_JSONB_EQ | F_ARRAY_EQ | F_NAMEEQ | F_NAMEEQTEXT | F_TEXTEQNAME => {
            Known::Compare(Equal, false, false)
        }
        F_TEXTNE | F_BOOLNE | F_ENUM_NE | F_JSONB_NE | F_ARRAY_NE | F_NAMENE | F_NAMENETEXT | F_TEXTNENAME => {
            Known::Compare(Equal, true, false)
        }
        F_TEXT_LT => Known::Compare(Less, false, false),
        F_TEXT_LE => Known::Compare(LessOrEqual, false, false),
        F_TEXT_GT => Known::Compare(Greater, false, false),
        F_TEXT_GE => Known::Compare(GreaterOrEqual, false, false),
        F_ARRAYCONTAINS | F_JSONB_CONTAINS => Known::Compare(Contains, false, false),
        F_ARRAYCONTAINED | F_JSONB_CONTAINED => Known::Compare(Contains, false, true),
        F_ARRAYOVERLAP => Known::Compare(Overlaps, false, false),
        F_TEXTLIKE | F_LIKE_TEXT_TEXT => Known::Like(false),
        F_TEXTNLIKE | F_NOTLIKE_TEXT_TEXT => Known::Like(true),
        F_TEXT_NAME => Known::Same,
        F_JSON_OBJECT_FIELD | F_JSONB_OBJECT_FIELD => Known::Member { as_text: false },
        F_JSON_OBJECT_FIELD_TEXT | F_JSONB_OBJECT_FIELD_TEXT => Known::Member { as_text: true },
        F_JSON_EXTRACT_PATH | F_JSONB_EXTRACT_PATH => Known::Path { as_text: false },
        F_JSON_EXTRACT_PATH_TEXT | F_JSONB_EXTRACT_PATH_TEXT => Known::Path { as_text: true },
        F_JSONB_EXISTS => Known::HasKey,
        F_CURRENT_SETTING_TEXT | F_CURRENT_SETTING_TEXT_BOOL => Known::Setting,
        _ => return None,
    })
}

/// The one query of a body that is stored as a tree.
fn single_query(tree: &CStr) -> Option<*mut pg_sys::Query> {
    // SAFETY: the text is Postgres' own, from its catalog.
    let node: *mut pg_sys::Node = unsafe { pg_sys::stringToNode(tree.as_ptr()) }.cast();
    // SAFETY: a query, or for BEGIN ATOMIC a list that begins with the list of its queries.
    let list = unsafe { cast::<pg_sys::List>(node, pg_sys::NodeTag::T_List) };
    match list {
        None => Some(node.cast()),
        Some(list) => only(pointers::<pg_sys::List>(std::ptr::from_ref(list).cast_mut()).next()?),
    }
}

/// The only item of a list; `None` where there are more or none.
fn only<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    let mut items = pointers::<T>(list);
    let first = items.next();
    if items.next().is_some() { None } else { first }
}

/// Whether a query is a SELECT of one column of this type. Of another, Postgres would convert it.
fn answers_with(query: *mut pg_sys::Query, result: pg_sys::Oid) -> bool {
    // SAFETY: NULL or a query.
    let Some(query) = (unsafe { cast::<pg_sys::Query>(query.cast(), pg_sys::NodeTag::T_Query) }) else { return false };
    let shown = pointers::<pg_sys::TargetEntry>(query.targetList).filter(|entry| {
        // SAFETY: a target list holds target entries.
        unsafe { !(**entry).resjunk }
    });
    let types: Vec<pg_sys::Oid> = shown
        .map(|entry| {
            // SAFETY: as above; its expression.
            unsafe { pg_sys::exprType((*entry).expr.cast()) }
        })
        .collect();
    let is_text = |oid: pg_sys::Oid| matches!(oid, pg_sys::TEXTOID | pg_sys::VARCHAROID);
    query.commandType == pg_sys::CmdType::CMD_SELECT
        && matches!(types.as_slice(), [one] if *one == result || (is_text(*one) && is_text(result)))
}

// Declared as in Postgres' executor/functions.h, which pgrx doesn't bind.
unsafe extern "C-unwind" {
    fn prepare_sql_fn_parse_info(
        tuple: pg_sys::HeapTuple,
        call: *mut pg_sys::Node,
        collation: pg_sys::Oid,
    ) -> *mut c_void;
    fn sql_fn_parser_setup(state: *mut pg_sys::ParseState, info: *mut c_void);
}

/// Parses the body of a function, as a call of it would; `None` where that fails, or it isn't one query.
///
/// Parsing can run the input functions of types, and of domains their checks. So it happens as the function's owner, who
/// could have had them run anyway, where nothing can be left behind for whoever asks.
fn parse(function: pg_sys::Oid, owner: pg_sys::Oid, source: &CStr, path: &CStr) -> Option<*mut pg_sys::Query> {
    // SAFETY: variables of the backend, which the end of a subtransaction doesn't restore.
    let (memory, resources) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    // SAFETY: begins a subtransaction, which is rolled back below in any case.
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(memory);
    }
    let parsed = PgTryBuilder::new(|| {
        let query = as_owner(owner, path, || parse_here(function, source));
        // What the owner's code may have done is undone. The query stays: it isn't in the subtransaction's memory.
        // SAFETY: the subtransaction begun above.
        unsafe { pg_sys::RollbackAndReleaseCurrentSubTransaction() };
        Ok(query)
    })
    .catch_others(|error| {
        // SAFETY: as above. It puts the current user and settings back, too.
        unsafe { pg_sys::RollbackAndReleaseCurrentSubTransaction() };
        match &error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
                if !is_cancellation(report.sql_error_code()) =>
            {
                Ok(None)
            }
            _ => Err(error),
        }
    })
    .execute();
    // SAFETY: what was current before.
    unsafe {
        pg_sys::MemoryContextSwitchTo(memory);
        pg_sys::CurrentResourceOwner = resources;
    }
    parsed.unwrap_or_else(|error| error.rethrow())
}

/// Does something with another user's rights and search_path. Where it raises, the end of the subtransaction puts both
/// back.
fn as_owner<T>(owner: pg_sys::Oid, path: &CStr, work: impl FnOnce() -> T) -> T {
    let (mut user, mut context): (pg_sys::Oid, c_int) = (pg_sys::InvalidOid, 0);
    // SAFETY: reads and sets variables of the backend; the level of settings is closed below.
    let level = unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as c_int);
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            path.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        level
    };
    let done = work();
    // SAFETY: what was current before.
    unsafe {
        pg_sys::AtEOXact_GUC(false, level);
        pg_sys::SetUserIdAndSecContext(user, context);
    }
    done
}

fn parse_here(function: pg_sys::Oid, source: &CStr) -> Option<*mut pg_sys::Query> {
    type Setup = unsafe extern "C-unwind" fn(*mut pg_sys::ParseState, *mut c_void);
    let setup: Setup = sql_fn_parser_setup;
    // SAFETY: a text and a function's row of the catalog, held until the parse is done; all is allocated in the current
    // memory context. The calls are guarded, in a closure that holds nothing to drop.
    unsafe {
        let raw: *mut pg_sys::RawStmt = only(pg_sys::pg_parse_query(source.as_ptr().cast::<c_char>()))?;
        let tuple =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as c_int, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return None;
        }
        let info = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            prepare_sql_fn_parse_info(tuple, std::ptr::null_mut(), pg_sys::InvalidOid)
        });
        let query = pg_sys::parse_analyze_withcb(raw, source.as_ptr(), Some(setup), info, std::ptr::null_mut());
        pg_sys::ReleaseSysCache(tuple);
        Some(query)
    }
}
