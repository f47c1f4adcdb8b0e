//! Which functions are known, and what those written in SQL say.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use pgrx::{PgMemoryContexts, PgTryBuilder};
use proof::Comparison;

use super::text_bodies::Kind;
use crate::pg::elog::is_cancellation;
use crate::pg::list::pointers;
use crate::pg::node::cast;
use crate::pg::query::{catalog_query, rows};

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
    /// What it says.
    pub query: BodyQuery,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The type of its result.
    pub result: pg_sys::Oid,
    /// The defaults of the last parameters: a list of expressions, or NULL. Lives as long as [`Functions`].
    pub defaults: *mut pg_sys::List,
    /// Whether it is NULL where an argument is.
    pub strict: bool,
    /// Whether it runs with its owner's rights.
    pub security_definer: bool,
    /// Whether it runs with settings of its own.
    pub has_settings: bool,
    /// Whether it can mean nothing else.
    pub is_certain: bool,
}

/// A query. Lives as long as [`Functions`].
#[derive(Clone, Copy)]
pub enum BodyQuery {
    /// As Postgres understood it when the function was made.
    Analyzed(*mut pg_sys::Query),
    /// As it was written: what it means is decided each time it runs.
    Written(*mut pg_sys::Node),
}

/// A function's parameter.
#[derive(Clone)]
pub struct Parameter {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its type.
    pub kind: pg_sys::Oid,
}

/// The functions that policies call.
pub struct Functions {
    ours: HashMap<pg_sys::Oid, Option<Known>>,
    /// Whether nobody but a gateway sets settings, the search_path among them.
    trusts_settings: bool,
    guard: pg_sys::Oid,
    bodies: RefCell<HashMap<pg_sys::Oid, Option<SqlBody>>>,
    by_name: HashMap<(String, String), Option<pg_sys::Oid>>,
    /// The functions that are written in SQL, as the catalog has them.
    written: HashMap<pg_sys::Oid, Written>,
    /// Holds what is read of them.
    memory: RefCell<PgMemoryContexts>,
}

impl Functions {
    /// Reads them all, so that nothing has to be looked up while trees are read. Ours are those that belong to the
    /// extension: nobody else's of that name is taken for one.
    pub fn read(client: &SpiClient<'_>, trusts_settings: bool) -> Result<Functions, spi::Error> {
        let created = rows(client, catalog_query!("created_functions"), &[], |row| {
            let name: (String, String) = (row.get("schema")?, row.get("name")?);
            Ok((row.oid("oid")?, name, row.get("is_ours")?, row.nullable("is_type")?.unwrap_or(true)))
        })?;
        let mut ours = HashMap::new();
        let mut by_name: HashMap<(String, String), Option<pg_sys::Oid>> = HashMap::new();
        let mut guard = pg_sys::InvalidOid;
        for (oid, name, is_ours, is_type) in created {
            if is_ours {
                if name.1 == "aal_guard" {
                    guard = oid;
                }
                ours.insert(oid, known_by_name(&name.1));
            }
            // Of several by one name, which is called depends on the arguments; and a type's name is a cast.
            let function = (!is_type).then_some(oid);
            by_name.entry(name).and_modify(|known| *known = None).or_insert(function);
        }
        Ok(Functions {
            ours,
            trusts_settings,
            guard,
            written: sql_functions(client)?,
            bodies: RefCell::new(HashMap::new()),
            by_name,
            memory: RefCell::new(PgMemoryContexts::new("pg_aal: bodies of functions")),
        })
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
        if self.ours.contains_key(&function) {
            return None;
        }
        let written = self.written.get(&function)?;
        if let Some(known) = self.bodies.borrow().get(&function) {
            return known.clone();
        }
        let body = self.read_body(written);
        self.bodies.borrow_mut().insert(function, body.clone());
        body
    }

    fn read_body(&self, written: &Written) -> Option<SqlBody> {
        let query = match (&written.tree, &written.source) {
            (Some(tree), _) => {
                let query = self.within_memory(|| single_query(tree));
                query.filter(|query| answers_with(*query, written.result)).map(BodyQuery::Analyzed)
            }
            (None, Some(source)) => self.within_memory(|| parse(source)).map(BodyQuery::Written),
            (None, None) => None,
        }?;
        Some(SqlBody {
            query,
            parameters: written.parameters.clone(),
            result: written.result,
            defaults: match &written.defaults {
                None => std::ptr::null_mut(),
                // SAFETY: the text is Postgres' own, from its catalog: a list of expressions.
                Some(text) => self.within_memory(|| unsafe { pg_sys::stringToNode(text.as_ptr()) }).cast(),
            },
            strict: written.strict,
            security_definer: written.security_definer,
            has_settings: written.path.is_some(),
            // Written, it means what the search_path of whoever runs it makes it mean, unless it has its own.
            is_certain: match query {
                BodyQuery::Analyzed(_) => true,
                BodyQuery::Written(_) => {
                    self.trusts_settings && written.path.as_deref().is_none_or(begins_with_pg_catalog)
                }
            },
        })
    }

    /// What one of ours does, by its OID.
    pub fn ours(&self, function: pg_sys::Oid) -> Option<Known> {
        self.ours.get(&function).copied().flatten()
    }

    /// A function by its full name, if there's only one of that name and no type.
    pub fn named(&self, schema: &str, name: &str) -> Option<pg_sys::Oid> {
        self.by_name.get(&(schema.to_owned(), name.to_owned())).copied().flatten()
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

impl Known {
    /// The parameters and the result of one of ours; `None` for what a body that is stored as text can't be read with.
    pub fn signature(self) -> Option<(&'static [(&'static str, Kind)], Kind)> {
        const LEVEL: (&str, Kind) = ("level", Kind::Text);
        const MAX_AGE: (&str, Kind) = ("max_age", Kind::Interval);
        Some(match self {
            Known::HasLevel { .. } => (&[LEVEL, MAX_AGE], Kind::Boolean),
            Known::HasEnrolledLevel { .. } => (&[MAX_AGE], Kind::Boolean),
            Known::AuthenticatedAt => (&[LEVEL], Kind::Other),
            Known::Level | Known::EnrolledLevel => (&[], Kind::Text),
            Known::Claims | Known::Status => (&[], Kind::Jsonb),
            _ => return None,
        })
    }
}

/// Whether a function came with Postgres.
fn is_postgres_own(function: pg_sys::Oid) -> bool {
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

/// A function written in SQL, as the catalog has it.
struct Written {
    source: Option<CString>,
    tree: Option<CString>,
    strict: bool,
    security_definer: bool,
    /// The search_path it runs with, if it has its own.
    path: Option<String>,
    defaults: Option<CString>,
    result: pg_sys::Oid,
    parameters: Vec<Parameter>,
}

/// How many bytes a function's body may have, in text and as a tree, and its parameters' defaults, and still be read; and those of
/// all functions together. The smallest are read first.
const LARGEST_BODY: i64 = 256 << 10;
const MOST_BODIES: i64 = 64 << 20;

/// Those that can be seen through: without settings but a search_path, and without parameters of any type.
fn sql_functions(client: &SpiClient<'_>) -> Result<HashMap<pg_sys::Oid, Written>, spi::Error> {
    let c_string = |text: Option<String>| text.and_then(|text| CString::new(text).ok());
    let written = rows(client, catalog_query!("sql_functions"), &[LARGEST_BODY.into(), MOST_BODIES.into()], |row| {
        let types: Vec<pg_sys::Oid> = row.get("parameter_types")?;
        let names: Vec<Option<String>> = row.get("parameter_names")?;
        let name = |n: usize| names.get(n).cloned().flatten().unwrap_or_default();
        let written = Written {
            source: c_string(row.nullable("source")?),
            tree: c_string(row.nullable("tree")?),
            strict: row.get("strict")?,
            security_definer: row.get("security_definer")?,
            path: row.nullable("search_path")?,
            defaults: c_string(row.nullable("defaults")?),
            result: row.oid("result")?,
            parameters: types.into_iter().enumerate().map(|(n, kind)| Parameter { name: name(n), kind }).collect(),
        };
        Ok((row.oid("oid")?, written))
    })?;
    Ok(written.into_iter().collect())
}

/// What one of ours does; `None` where that says nothing of the level.
fn known_by_name(name: &str) -> Option<Known> {
    Some(match name {
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
        _ => return None,
    })
}

/// Whether names are looked for in `pg_catalog` first: there it comes unless the path says otherwise.
fn begins_with_pg_catalog(path: &str) -> bool {
    let path = path.to_lowercase();
    let schemas: Vec<&str> = path.split(',').map(|schema| schema.trim().trim_matches('"')).collect();
    !schemas.contains(&"pg_catalog") || schemas[0] == "pg_catalog"
}

/// Parses the text of a body, without looking up what any name in it means: nothing is run by that. `None` where it is not
/// one statement.
fn parse(source: &CStr) -> Option<*mut pg_sys::Node> {
    // What a backslash means is a setting's to say (standard_conforming_strings).
    if source.to_bytes().contains(&b'\\') {
        return None;
    }
    unless_it_fails(|| {
        // SAFETY: a C string; the tree is made in the current memory context.
        let raw: *mut pg_sys::RawStmt = only(unsafe { pg_sys::pg_parse_query(source.as_ptr()) })?;
        // SAFETY: a list of RawStmt.
        Some(unsafe { (*raw).stmt })
    })
}

/// What reading something came to; `None` where Postgres raised an error in it: a body that isn't SQL, a tree too deep, an
/// object dropped meanwhile. One such must not keep everybody from an answer about all the others.
///
/// Only for what takes no locks and opens nothing: there's no subtransaction to give them back.
pub fn unless_it_fails<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    // SAFETY: reads a variable of the backend.
    let memory = unsafe { pg_sys::CurrentMemoryContext };
    let read = std::panic::AssertUnwindSafe(read);
    PgTryBuilder::new(move || {
        let read = read;
        (read.0)()
    })
    .catch_others(move |error| {
        // SAFETY: the context that was current.
        unsafe { pg_sys::MemoryContextSwitchTo(memory) };
        match &error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
                if !is_cancellation(report.sql_error_code()) =>
            {
                None
            }
            _ => error.rethrow(),
        }
    })
    .execute()
}
