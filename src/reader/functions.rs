//! The functions that policies call: ours, and the bodies of those that are written in SQL.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use proof::{FunctionId, SearchPath, plpgsql};

use super::acting::ActingNames;
use super::factor_store::FactorStore;
use super::known::{Known, builtin, known_by_name};
use super::names::Names;
use crate::pg::list::List;
use crate::pg::lookup;
use crate::pg::memory::Memory;
use crate::pg::node::{Node, NodeRef, NodeTree, parse};
use crate::pg::query::{catalog_query, quoted_name, rows};

/// The name of the function that our triggers call.
const GUARD: &str = "aal_guard";

/// The body of a function written in SQL: one query.
pub struct SqlBody<'tree> {
    /// What it says.
    pub query: BodyQuery<'tree>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The type of its result.
    pub result: pg_sys::Oid,
    /// The defaults of the last parameters.
    pub defaults: List<'tree>,
    /// Whether it is NULL where an argument is.
    pub strict: bool,
    /// The owner with whose rights it runs; `None`: with its caller's.
    pub runs_as: Option<pg_sys::Oid>,
    /// The search_path that it runs with, if it has its own.
    pub path: Option<SearchPath>,
    /// Whether it runs with other settings of its own that can change what it means.
    pub is_set: bool,
    /// The statements of a function in PL/pgSQL.
    pub procedure: Option<plpgsql::Body>,
}

impl SqlBody<'_> {
    /// Whether it runs with its owner's rights.
    pub fn security_definer(&self) -> bool {
        self.runs_as.is_some()
    }
}

impl<'tree> SqlBody<'tree> {
    /// A statement of a body, as its gate is read.
    pub fn for_gate(query: BodyQuery<'tree>, source: &GateSource) -> SqlBody<'tree> {
        SqlBody {
            query,
            parameters: source.parameters.clone(),
            result: pg_sys::InvalidOid,
            defaults: List::NIL,
            strict: false,
            runs_as: source.runs_as,
            path: source.path.as_deref().map(SearchPath::parse),
            is_set: source.is_set,
            procedure: None,
        }
    }
}

/// What the gate of a function in SQL is read with, beside the body's text.
pub struct GateSource {
    /// The body as Postgres analyzed it when the function was made; `None`, too, where that is too large.
    pub tree: Option<NodeTree>,
    /// Whether Postgres analyzed it.
    pub is_analyzed: bool,
    /// The search_path it runs with, if it has its own.
    pub path: Option<String>,
    /// The owner with whose rights it runs; `None`: with its caller's.
    pub runs_as: Option<pg_sys::Oid>,
    /// Whether it runs with other settings of its own that can change what it means.
    pub is_set: bool,
    /// The parameters that it is called with.
    pub parameters: Vec<Parameter>,
}

/// The query of a body.
#[derive(Clone, Copy)]
pub enum BodyQuery<'tree> {
    /// As Postgres understood it when the function was made.
    Analyzed(NodeRef<'tree, pg_sys::Query>),
    /// As it was written: what it means is decided each time it runs.
    Written(Node<'tree>),
    /// It isn't a query: the function is in PL/pgSQL.
    Procedure,
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
pub struct Functions<'tree> {
    ours: HashMap<pg_sys::Oid, Option<Known>>,
    /// Those of the portable edition, where they are as a release made them.
    portable: Vec<pg_sys::Oid>,
    /// Those of the portable edition, to tell what its `protect_table` made: each stands in a sub-select there.
    wrapped: Vec<pg_sys::Oid>,
    /// Whether nobody but a gateway sets settings, the search_path among them.
    trusts_settings: bool,
    guard: pg_sys::Oid,
    /// `aal.aal_guard` of the portable edition, where it counts as ours.
    portable_guard: Option<pg_sys::Oid>,
    names: Names,
    factors: Option<FactorStore>,
    /// The names by which a text does more than compute.
    pub(super) acting: ActingNames,
    /// The functions that are written in SQL.
    written: HashMap<pg_sys::Oid, Written<'tree>>,
    /// The parts of bodies in PL/pgSQL that were parsed, by their texts, and how many bytes more may be.
    parsed: RefCell<(HashMap<String, Option<Node<'tree>>>, usize)>,
    /// Holds the trees of their bodies.
    memory: &'tree Memory,
}

impl<'tree> Functions<'tree> {
    /// Reads them all, so that nothing has to be looked up while trees are read. Ours are those that belong to the
    /// extension: nobody else's of that name is taken for one. The trees of bodies live in `memory`.
    pub fn read(client: &SpiClient<'_>, memory: &'tree Memory, trusts_settings: bool) -> Result<Self, spi::Error> {
        let names = Names::read(client)?;
        let mut ours = HashMap::new();
        let mut guard = pg_sys::InvalidOid;
        for (oid, name) in names.ours() {
            if name == GUARD {
                guard = oid;
            }
            ours.insert(oid, known_by_name(name));
        }
        let factors = FactorStore::read(client)?;
        let (written, acting) = (sql_functions(client)?, ActingNames::read(client)?);
        let parsed = RefCell::new((HashMap::new(), MOST_PARSED));
        let (portable, wrapped) = (Vec::new(), Vec::new());
        let portable_guard = None;
        Ok(Functions {
            ours,
            portable,
            wrapped,
            trusts_settings,
            guard,
            portable_guard,
            written,
            names,
            factors,
            acting,
            parsed,
            memory,
        })
    }

    /// The same, to tell what `protect_table` of either edition made on a table: the functions of the portable edition count as ours.
    /// Never for a proof, which must know what they do.
    pub fn read_of_both_editions(client: &SpiClient<'_>, memory: &'tree Memory) -> Result<Self, spi::Error> {
        // Our own conditions read the same, whether or not settings are trusted.
        let mut functions = Functions::read(client, memory, false)?;
        let portable: Vec<_> = functions.names.portable().map(|(oid, name)| (oid, name.to_owned())).collect();
        portable.iter().for_each(|(function, name)| functions.count_as_ours(*function, name));
        functions.wrapped = portable.into_iter().map(|(function, _)| function).collect();
        Ok(functions)
    }

    /// Takes these functions of the portable edition for ours of the same names, which their release made to answer alike.
    pub fn with_portable(mut self, functions: &[(FunctionId, String)]) -> Self {
        for (function, name) in functions {
            let function = pg_sys::Oid::from(function.oid());
            self.portable.push(function);
            self.count_as_ours(function, name);
        }
        self
    }

    /// Takes a function of the portable edition for ours of the same name.
    fn count_as_ours(&mut self, function: pg_sys::Oid, name: &str) {
        let known = known_by_name(name);
        if name == GUARD {
            self.portable_guard = Some(function);
        }
        // The others are read like anybody's.
        if known.is_some() || name == GUARD {
            self.ours.insert(function, known);
        }
    }

    /// Those of the portable edition, as a release made them. Like those of the extension they need no proof.
    pub fn portable(&self) -> &[pg_sys::Oid] {
        &self.portable
    }

    /// Whether a function is called for every row, though it is one of ours: Postgres evaluates a call of the portable edition once
    /// only in a sub-select.
    pub fn is_called_per_row(&self, function: pg_sys::Oid) -> bool {
        self.portable.contains(&function)
    }

    /// Whether a sub-select of this call alone is read as the call itself: so `protect_table` of the portable edition writes what that
    /// of the extension writes bare. Only where what either of them made is to be told.
    pub fn is_wrapped(&self, function: pg_sys::Oid) -> bool {
        self.wrapped.contains(&function)
    }

    /// Those of ours that ask for a level.
    pub fn that_ask(&self) -> Vec<pg_sys::Oid> {
        let asks =
            |known: &Option<Known>| matches!(known, Some(Known::HasLevel { .. } | Known::HasEnrolledLevel { .. }));
        self.ours.iter().filter(|(_, known)| asks(known)).map(|(oid, _)| *oid).collect()
    }

    /// Whether nobody but a gateway sets settings.
    pub fn trusts_settings(&self) -> bool {
        self.trusts_settings
    }

    /// The OID of `auth.aal_guard`.
    pub fn guard(&self) -> pg_sys::Oid {
        self.guard
    }

    /// The same, and that of the portable edition.
    pub fn guards(&self) -> Vec<pg_sys::Oid> {
        self.portable_guard.into_iter().chain([self.guard]).collect()
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
        let Some((schema, name)) = lookup::qualified_function_name(function) else {
            return Some(format!("function {}", function.to_u32()));
        };
        Some(format!("{}.{}()", quoted_name(&schema), quoted_name(&name)))
    }

    /// The name of the one function that a call by this name can mean, if that is neither Postgres' nor ours.
    pub fn only_users(&self, schema: &str, name: &str) -> Option<String> {
        let mut all = self.names().functions_named(Some(schema), name).map(|it| self.name_if_users(it));
        let first = all.next()??;
        all.all(|it| it.as_ref() == Some(&first)).then_some(first)
    }

    /// The name of a user's function that gives one answer throughout a statement, and may give another in the next one. The planner
    /// keeps the answer of an IMMUTABLE one for statements to come.
    pub fn name_if_of_statement(&self, function: pg_sys::Oid) -> Option<String> {
        let is_stable = lookup::volatility(function) == Some(pg_sys::PROVOLATILE_STABLE);
        self.name_if_users(function).filter(|_| is_stable)
    }

    /// What a user's function says, if it is written in SQL and made of one query, or in PL/pgSQL, and answers with one value.
    pub fn sql_body(&self, function: pg_sys::Oid) -> Option<&SqlBody<'tree>> {
        self.body(function).filter(|_| self.written[&function].answers)
    }

    /// The same of any function.
    pub fn body(&self, function: pg_sys::Oid) -> Option<&SqlBody<'tree>> {
        if self.ours.contains_key(&function) {
            return None;
        }
        let written = self.written.get(&function)?;
        written.body.get_or_init(|| self.read_body(written)).as_ref()
    }

    /// The text of a user's function in SQL or PL/pgSQL.
    pub fn source(&self, function: pg_sys::Oid) -> Option<&str> {
        self.written.get(&function)?.source.as_ref()?.to_str().ok().filter(|_| self.written[&function].tree.is_none())
    }

    /// The tree of a body that Postgres analyzed, as it is stored.
    pub fn tree(&self, function: pg_sys::Oid) -> Option<&str> {
        self.written.get(&function)?.tree.as_ref()?.text().to_str().ok()
    }

    /// Whether a function is one of ours.
    pub fn is_ours(&self, function: pg_sys::Oid) -> bool {
        self.ours.contains_key(&function)
    }

    /// The statement that a part of a body in PL/pgSQL is.
    pub fn parsed(&self, sql: &str) -> Option<Node<'tree>> {
        if let Some(known) = self.parsed.borrow().0.get(sql) {
            return *known;
        }
        let left = self.parsed.borrow().1.checked_sub(sql.len())?;
        let statement = CString::new(sql).ok().and_then(|sql| statement(&sql, self.memory));
        let mut parsed = self.parsed.borrow_mut();
        parsed.1 = left;
        parsed.0.insert(sql.to_owned(), statement);
        statement
    }

    fn read_body(&self, written: &Written<'tree>) -> Option<SqlBody<'tree>> {
        let mut procedure = None;
        let query = match (&written.tree, &written.source) {
            (_, Some(source)) if written.is_procedure => {
                procedure = Some(plpgsql::Body::parse(source.to_str().ok()?).ok()?);
                Some(BodyQuery::Procedure)
            }
            (Some(tree), _) => {
                let query = single_query(tree.read(self.memory)?)?;
                answers_with(query, written.result).then_some(BodyQuery::Analyzed(query))
            }
            (None, Some(source)) => single_statement(source, self.memory).map(BodyQuery::Written),
            (None, None) => None,
        }?;
        let defaults = match &written.defaults {
            None => List::NIL,
            Some(defaults) => defaults.read(self.memory)?.list()?,
        };
        Some(SqlBody {
            query,
            parameters: written.parameters.clone(),
            result: written.result,
            defaults,
            strict: written.strict,
            runs_as: written.runs_as,
            path: written.path.as_deref().map(SearchPath::parse),
            is_set: written.is_set,
            procedure,
        })
    }

    /// Parses the text of a body.
    pub fn parse(&self, text: &CStr) -> Option<List<'tree>> {
        parse(text, self.memory)
    }

    /// Reads the tree of a body.
    pub fn read_tree(&self, tree: &NodeTree) -> Option<Node<'tree>> {
        tree.read(self.memory)
    }

    /// What one of ours does, by its OID.
    pub fn ours(&self, function: pg_sys::Oid) -> Option<Known> {
        self.ours.get(&function).copied().flatten()
    }

    /// What names mean.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Supabase Auth's table of factors, where it says who has enrolled.
    pub fn factors(&self) -> Option<&FactorStore> {
        self.factors.as_ref()
    }
}

/// Whether a function came with Postgres.
fn is_postgres_own(function: pg_sys::Oid) -> bool {
    function.to_u32() < pg_sys::FirstNormalObjectId
}

/// The one query of a body that is stored as a tree: the tree itself, or for BEGIN ATOMIC the first of its lists.
fn single_query(body: Node<'_>) -> Option<NodeRef<'_, pg_sys::Query>> {
    match body.list() {
        None => body.cast(),
        Some(lists) => lists.lists().next()?.single()?.cast(),
    }
}

/// Whether a query is a SELECT of one column of this type. Of another, Postgres would convert it.
fn answers_with(query: NodeRef<'_, pg_sys::Query>, result: pg_sys::Oid) -> bool {
    let shown = query.targetList().items::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk);
    let types: Vec<Option<pg_sys::Oid>> = shown.map(|entry| entry.expr()?.expression_type()).collect();
    let is_text = |oid: pg_sys::Oid| matches!(oid, pg_sys::TEXTOID | pg_sys::VARCHAROID);
    query.commandType == pg_sys::CmdType::CMD_SELECT
        && matches!(types.as_slice(), [Some(one)] if *one == result || (is_text(*one) && is_text(result)))
}

/// The one statement of a body that is stored as text.
fn single_statement<'tree>(source: &CStr, memory: &'tree Memory) -> Option<Node<'tree>> {
    // A setting decides what a backslash means (standard_conforming_strings).
    if source.to_bytes().contains(&b'\\') {
        return None;
    }
    statement(source, memory)
}

fn statement<'tree>(source: &CStr, memory: &'tree Memory) -> Option<Node<'tree>> {
    parse(source, memory)?.single()?.cast::<pg_sys::RawStmt>()?.stmt()
}

/// A function written in SQL or PL/pgSQL, as the catalog has it.
struct Written<'tree> {
    /// Whether it is in PL/pgSQL.
    is_procedure: bool,
    /// Whether it answers with one value, and can be seen through.
    answers: bool,
    /// Whether it runs with settings of its own that can change what its body means, beside the search_path.
    is_set: bool,
    source: Option<CString>,
    tree: Option<NodeTree>,
    strict: bool,
    runs_as: Option<pg_sys::Oid>,
    /// The search_path it runs with, if it has its own.
    path: Option<String>,
    defaults: Option<NodeTree>,
    result: pg_sys::Oid,
    parameters: Vec<Parameter>,
    /// What it says, once that was asked for.
    body: OnceCell<Option<SqlBody<'tree>>>,
}

/// How many bytes a function's body may have, in text and as a tree, and its parameters' defaults, and still be read; and those of
/// all functions together. The smallest are read first.
const LARGEST_BODY: i64 = 256 << 10;
const MOST_BODIES: i64 = 64 << 20;

/// How many bytes of the parts of bodies in PL/pgSQL are parsed.
const MOST_PARSED: usize = 16 << 20;

/// Those that can be seen through: without settings but a search_path, and without parameters of any type. And all in PL/pgSQL.
fn sql_functions<'tree>(client: &SpiClient<'_>) -> Result<HashMap<pg_sys::Oid, Written<'tree>>, spi::Error> {
    let written = rows(client, catalog_query!("sql_functions"), &[LARGEST_BODY.into(), MOST_BODIES.into()], |row| {
        let types: Vec<pg_sys::Oid> = row.get("parameter_types")?;
        let names: Vec<Option<String>> = row.get("parameter_names")?;
        let name = |n: usize| names.get(n).cloned().flatten().unwrap_or_default();
        let written = Written {
            source: row.nullable::<String>("source")?.and_then(|text| CString::new(text).ok()),
            tree: row.nullable("tree")?,
            is_procedure: row.get("is_procedure")?,
            answers: row.get("answers")?,
            is_set: row.get("is_set")?,
            strict: row.get("strict")?,
            runs_as: if row.get("security_definer")? { Some(row.oid("owner")?) } else { None },
            path: row.nullable("search_path")?,
            defaults: row.nullable("defaults")?,
            result: row.oid("result")?,
            parameters: types.into_iter().enumerate().map(|(n, kind)| Parameter { name: name(n), kind }).collect(),
            body: OnceCell::new(),
        };
        Ok((row.oid("oid")?, written))
    })?;
    Ok(written.into_iter().collect())
}
