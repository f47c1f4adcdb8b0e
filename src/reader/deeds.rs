//! What the names in a body do: whether a call writes, reads, or changes the session.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use pgrx::prelude::*;
use proof::plpgsql::{Deed, Mention, mentions};
use proof::sql::runs_query;

use super::acting::Mentioned;
use super::functions::Functions;
use crate::pg::lookup;

/// Whether a table of this name may be read before a gate.
pub type IsOpen<'a> = &'a dyn Fn(Option<&str>, &str) -> bool;

impl Functions<'_> {
    /// What something does that a body mentions. A name counts as everything that it could be.
    pub fn deed(&self, mention: Mention<'_>, is_open: IsOpen<'_>) -> Deed {
        match mention {
            Mention::Does(deed) => deed,
            Mention::Table(schema, name) => of_table(schema, name, is_open),
            Mention::Type(_, name) if self.acting.types.contains(name) => Deed::Acts,
            Mention::Type(..) => Deed::Nothing,
            Mention::Call(schema, name) => self.of_call(schema, name, is_open),
        }
    }

    /// What a call does, with all that its function calls.
    fn of_call(&self, schema: Option<&str>, name: &str, is_open: IsOpen<'_>) -> Deed {
        let mut deed = Deed::Nothing;
        let mut seen = HashSet::new();
        let mut open = VecDeque::from([(schema.map(str::to_owned), name.to_owned())]);
        while let Some((schema, name)) = open.pop_front() {
            pgrx::check_for_interrupts!();
            if schema.as_deref().is_none_or(|schema| schema == "pg_catalog") {
                deed = deed.and(self.acting.builtin(&name));
            }
            let mut functions: Vec<pg_sys::Oid> = self.names().functions_named(schema.as_deref(), &name).collect();
            while let Some(function) = functions.pop() {
                if !seen.insert(function) {
                    continue;
                }
                let its = self.mentioned(function);
                deed = deed.and(its.does);
                functions.extend(&its.functions);
                its.tables
                    .iter()
                    .for_each(|(schema, name)| deed = deed.and(of_table(schema.as_deref(), name, is_open)));
                open.extend(its.calls.iter().cloned());
            }
            if deed == Deed::ActsAndChangesSession {
                break;
            }
        }
        deed
    }

    /// What one function mentions.
    fn mentioned(&self, function: pg_sys::Oid) -> Rc<Mentioned> {
        if let Some(known) = self.acting.looked_at.borrow().get(&function) {
            return Rc::clone(known);
        }
        let mentioned = Rc::new(self.look_at(function));
        self.acting.looked_at.borrow_mut().insert(function, Rc::clone(&mentioned));
        mentioned
    }

    fn look_at(&self, function: pg_sys::Oid) -> Mentioned {
        let name = || lookup::function_name(function).unwrap_or_default();
        if function.to_u32() < pg_sys::FirstNormalObjectId {
            return Mentioned::only(self.acting.builtin(&name()));
        }
        if self.is_ours(function) {
            return Mentioned::only(match self.ours(function) {
                Some(_) => Deed::Nothing,
                None if name() == "authenticate" => Deed::ChangesSession,
                None => Deed::Acts,
            });
        }
        if let Some(tree) = self.tree(function) {
            return of_tree(tree);
        }
        let Some(source) = self.source(function) else {
            // Only superusers make functions in C. One that isn't volatile writes nothing.
            let is_c = lookup::c_function(function).is_some();
            let is_volatile = lookup::volatility(function).is_none_or(|it| it == pg_sys::PROVOLATILE_VOLATILE);
            return Mentioned::only(if is_c && !is_volatile && !runs_query(&name()) {
                Deed::Nothing
            } else {
                Deed::Acts
            });
        };
        let mut found = Mentioned::only(Deed::Nothing);
        let owned = |schema: Option<&str>, name: &str| (schema.map(str::to_owned), name.to_owned());
        mentions(source, |mention| match mention {
            Mention::Does(deed) => found.does = found.does.and(deed),
            Mention::Call(schema, name) => found.calls.push(owned(schema, name)),
            Mention::Table(schema, name) => found.tables.push(owned(schema, name)),
            Mention::Type(_, name) if self.acting.types.contains(name) => found.does = found.does.and(Deed::Acts),
            Mention::Type(..) => {}
        });
        found
    }
}

fn of_table(schema: Option<&str>, name: &str, is_open: IsOpen<'_>) -> Deed {
    let is_catalog = schema.is_some_and(|schema| matches!(schema, "pg_catalog" | "information_schema"));
    if is_catalog || is_open(schema, name) { Deed::Nothing } else { Deed::Acts }
}

/// What a body mentions that Postgres analyzed, by the text of its tree.
fn of_tree(tree: &str) -> Mentioned {
    let mut found = Mentioned::only(Deed::Nothing);
    let mut words = tree.split([' ', '{', '}', '(', ')']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let mut oid = || words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        match word {
            ":commandType" if oid() != 1 => found.does = Deed::Acts,
            ":funcid" | ":opfuncid" | ":aggfnoid" => found.functions.push(pg_sys::Oid::from(oid())),
            ":relid" => match oid() {
                0 => {}
                table => found.tables.push(name_of_table(table.into())),
            },
            _ => {}
        }
    }
    // What analyzes no operator yet has none of its function here.
    found.functions.retain(|function| *function != pg_sys::InvalidOid);
    found
}

fn name_of_table(table: pg_sys::Oid) -> (Option<String>, String) {
    let name = lookup::qualified_relation_name(table).unwrap_or_default();
    match name.split_once('.') {
        Some((schema, name)) if !schema.contains('"') && !name.contains('"') => {
            (Some(schema.to_owned()), name.to_owned())
        }
        _ => (None, name),
    }
}
