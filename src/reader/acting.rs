//! The names by which a text does more than compute, and what bodies mention that were looked at.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use proof::plpgsql::{Deed, Mention, mentions};
use proof::sql::runs_query;

use crate::pg::query::{catalog_query, rows};

/// Names that do something.
pub struct ActingNames {
    functions: HashSet<String>,
    pub types: HashSet<String>,
    sets: HashSet<String>,
    /// What the bodies that were looked at mention.
    pub looked_at: RefCell<HashMap<pg_sys::Oid, Rc<Mentioned>>>,
}

/// What a body mentions.
pub struct Mentioned {
    pub does: Deed,
    pub calls: Vec<(Option<String>, String)>,
    pub tables: Vec<(Option<String>, String)>,
    /// Functions that it calls by their OIDs.
    pub functions: Vec<pg_sys::Oid>,
}

impl Mentioned {
    pub fn only(does: Deed) -> Mentioned {
        Mentioned { does, calls: Vec::new(), tables: Vec::new(), functions: Vec::new() }
    }
}

impl ActingNames {
    /// Reads them.
    pub fn read(client: &SpiClient<'_>) -> Result<ActingNames, spi::Error> {
        let all = rows(client, catalog_query!("acting_names"), &[], |row| {
            Ok((row.get::<String>("kind")?, row.get::<String>("name")?))
        })?;
        let of_kind = |kind: &str| all.iter().filter(|(its, _)| its == kind).map(|(_, name)| name.clone()).collect();
        Ok(ActingNames {
            functions: of_kind("function"),
            types: of_kind("type"),
            sets: of_kind("set"),
            looked_at: RefCell::new(HashMap::new()),
        })
    }

    /// Whether an expression may have any number of rows: it may call a function that answers with them.
    pub fn may_be_set(&self, sql: &str) -> bool {
        // `(row).name` may be a call.
        let mut may_be = sql.contains(").");
        mentions(sql, |mention| match mention {
            Mention::Call(_, name) => may_be |= self.sets.contains(name),
            // An operator of somebody's.
            Mention::Does(_) => may_be = true,
            Mention::Table(..) | Mention::Type(..) => {}
        });
        may_be
    }

    /// What Postgres' own function of this name does, if there is one.
    pub fn builtin(&self, name: &str) -> Deed {
        match name {
            "set_config" => Deed::ChangesSession,
            name if self.functions.contains(name) || runs_query(name) => Deed::Acts,
            _ => Deed::Nothing,
        }
    }
}
