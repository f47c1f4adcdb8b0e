//! The gates of functions, read from their bodies.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use pgrx::spi::{self, SpiClient};
use proof::{
    Catalog, Function, FunctionGate, FunctionId, FunctionIndex, GateNote, Harmless, Installed, TableId,
    is_ordered_by_collation, opening_gate,
};

use super::ids;
use crate::pg::query::{catalog_query, rows};
use crate::reader::{GateSource, Parameter, Reader};

/// How many bytes a body may have, as text or as a tree, and still be read for its gate; and those of all together. The smallest are
/// read first.
const LARGEST_BODY: usize = 256 << 10;
const MOST_BODIES: usize = 16 << 20;

/// Reads the gates of the catalog's functions.
pub fn read(
    client: &SpiClient<'_>,
    catalog: &Catalog,
    reader: &mut Reader<'_, '_>,
) -> Result<Vec<(FunctionIndex, FunctionGate)>, spi::Error> {
    let installed = rows(client, catalog_query!("installed_functions"), &[], |row| {
        let (schema, name) = (row.get("schema")?, row.get("name")?);
        Ok(Installed { schema, name, may_act: row.get("may_act")?, aggregates: row.get("aggregates")? })
    })?;
    let functions = &catalog.functions;
    let harmless = Harmless::new(functions, &installed, &catalog.called_unnamed)
        .with_views(&catalog.views, &catalog.called_by_tables);
    let names = TableNames::new(catalog);
    let mut sources = sources(client)?;
    let mut smallest_first: Vec<(usize, FunctionIndex)> =
        functions.indexed().map(|(index, function)| (function.body.len(), index)).collect();
    smallest_first.sort_unstable();
    let mut left = MOST_BODIES;
    let mut gates = Vec::new();
    for (size, index) in smallest_first {
        pgrx::check_for_interrupts!();
        let function = &functions[index];
        let fits = size <= LARGEST_BODY && size <= left;
        left = left.saturating_sub(size);
        // Its SET clauses decide what the session seems to be.
        let gate = if !function.is_read || !fits {
            FunctionGate::unread(None, "its body is too large, or may mean something else than it seems to")
        } else if function.sets_claims || function.sets_role.is_some() {
            FunctionGate::unread(None, "its SET clauses change the session")
        } else {
            match (function.language.as_str(), sources.remove(&function.id)) {
                ("sql", Some(source)) => reader.gate_of_sql(function, index, source, &harmless),
                ("plpgsql", _) => gate_of_procedure(function, &harmless, &names, reader),
                _ => FunctionGate::unread(None, "it is written in another language than SQL and PL/pgSQL"),
            }
        };
        // What the forms of old mean isn't a caller's to choose.
        let is_text = function.is_read && fits && !function.sets_claims && gate.is_unread();
        let mut gate = match is_text.then(|| opening_gate(function)).flatten() {
            // The rest of it isn't read.
            Some(opening) => FunctionGate { notes: gate.notes, ..opening },
            None => gate,
        };
        if gate.passage.any(&is_ordered_by_collation) {
            let what = "an order of texts that their collation decides".to_owned();
            gate.notes.push(GateNote { line: None, what });
        }
        gates.push((index, gate));
    }
    Ok(gates)
}

fn gate_of_procedure(
    function: &Function,
    harmless: &Harmless<'_>,
    names: &TableNames<'_>,
    reader: &mut Reader<'_, '_>,
) -> FunctionGate {
    if let Some(unnamed) = harmless.acts_unnamed() {
        return FunctionGate::unread(None, &unnamed);
    }
    let reads = RefCell::new(BTreeSet::new());
    let is_open = |schema: Option<&str>, name: &str| names.may_be_read(schema, name, &reads);
    let (passage, notes) = match reader.passage(function.id.oid().into(), &is_open) {
        Ok(read) => read,
        Err(why) => return FunctionGate::unread(None, why),
    };
    let line = |line: u32| usize::try_from(line).ok();
    let notes = notes.into_iter().map(|note| GateNote { line: line(note.line), what: note.what.to_owned() });
    FunctionGate {
        passage,
        notes: notes.collect(),
        reads: reads.into_inner().into_iter().collect(),
        ..FunctionGate::open()
    }
}

/// The tables and views by name.
struct TableNames<'a>(HashMap<&'a str, Vec<(&'a str, TableId, bool)>>);

impl<'a> TableNames<'a> {
    fn new(catalog: &'a Catalog) -> TableNames<'a> {
        let mut names: HashMap<&str, Vec<(&str, TableId, bool)>> = HashMap::new();
        for table in &catalog.tables {
            let is_open = !(table.row_security && table.asks_for_level());
            names.entry(&table.name).or_default().push((&table.schema, table.id, is_open));
        }
        // What lies beneath a view isn't looked at.
        for view in catalog.views.iter().filter(|view| !view.kind.is_rule()) {
            names.entry(&view.name).or_default().push((&view.schema, view.id, false));
        }
        TableNames(names)
    }

    /// Whether a gate may read a table to decide: each of this name is one that asks for no level. Notes which they are.
    fn may_be_read(&self, schema: Option<&str>, name: &str, reads: &RefCell<BTreeSet<TableId>>) -> bool {
        let all = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        let meant = || all.iter().filter(|(its, ..)| schema.is_none_or(|schema| schema == *its));
        let may_be_read = meant().all(|(.., is_open)| *is_open);
        reads.borrow_mut().extend(meant().filter(|_| may_be_read).map(|(_, id, _)| *id));
        may_be_read
    }
}

fn sources(client: &SpiClient<'_>) -> Result<HashMap<FunctionId, GateSource>, spi::Error> {
    let largest = i64::try_from(LARGEST_BODY).unwrap_or(i64::MAX);
    let sources = rows(client, catalog_query!("gates"), &[largest.into()], |row| {
        let types: Vec<pgrx::pg_sys::Oid> = row.get("parameter_types")?;
        let names: Vec<Option<String>> = row.get("parameter_names")?;
        let name = |n: usize| names.get(n).cloned().flatten().unwrap_or_default();
        let source = GateSource {
            tree: row.nullable("tree")?,
            is_analyzed: row.get("is_analyzed")?,
            path: row.nullable("search_path")?,
            runs_as: row.nullable("runs_as")?,
            is_set: row.get("is_set")?,
            parameters: types.into_iter().enumerate().map(|(n, kind)| Parameter { name: name(n), kind }).collect(),
        };
        Ok((ids::function(row, "oid")?, source))
    })?;
    Ok(sources.into_iter().collect())
}
