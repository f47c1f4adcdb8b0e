//! A snapshot as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Call, Cell, Cells, Recorded, Settings, Snapshot, VERSION};
use aal::Command;

impl Snapshot {
    /// As JSON. The same snapshot has the same JSON.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(|(key, finding)| finding.to_json(key)).collect();
        json!({
            "version": VERSION,
            "settings": self.settings.to_json(),
            "roles": self.roles,
            "matrix": by_name(&self.matrix, |roles| by_name(roles, cells)),
            "functions": by_name(&self.functions, |roles| by_name(roles, Call::to_json)),
            "findings": findings,
        })
    }
}

impl Settings {
    /// The names and values of the settings.
    pub(crate) fn named(self) -> [(&'static str, &'static str); 2] {
        let claims_source = if self.trusts_gateway { "request" } else { "token" };
        [("claims_source", claims_source), ("anonymous_level", if self.guests_have_level { "aal1" } else { "none" })]
    }

    fn to_json(self) -> Value {
        let settings = self.named().into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Value::Object(settings.collect())
    }
}

fn by_name<T>(all: &BTreeMap<String, T>, to_json: impl Fn(&T) -> Value) -> Value {
    Value::Object(all.iter().map(|(name, it)| (name.clone(), to_json(it))).collect())
}

/// Commands that need the same, and for the same reasons, stand together.
fn cells(cells: &Cells) -> Value {
    let mut together: Vec<(Vec<&str>, &Cell)> = Vec::new();
    for (command, cell) in Command::ALL.into_iter().zip(cells) {
        let Some(cell) = cell else { continue };
        match together.iter_mut().find(|(_, known)| *known == cell) {
            Some((commands, _)) => commands.push(command.as_str()),
            None => together.push((vec![command.as_str()], cell)),
        }
    }
    Value::Object(together.into_iter().map(|(commands, cell)| (commands.join(", "), cell.to_json().into())).collect())
}

impl Cell {
    fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        json.insert("needs".to_owned(), self.threshold.in_options().into());
        json.insert("decided_by".to_owned(), self.decided_by.clone().into());
        put_names(&mut json, "applies_when", &self.applies_when);
        if self.guests_pass {
            json.insert("guests_pass".to_owned(), true.into());
        }
        if let Some(note) = &self.note {
            json.insert("note".to_owned(), note.clone().into());
        }
        json
    }
}

impl Call {
    fn to_json(&self) -> Value {
        let mut json = self.cell.to_json();
        put_names(&mut json, "reaches", &self.reaches);
        json.into()
    }
}

impl Recorded {
    fn to_json(&self, key: &str) -> Value {
        let mut json = Map::new();
        let texts = [
            ("key", key),
            ("name", &self.lint),
            ("level", self.level.as_str()),
            ("object", &self.object),
            ("detail", &self.detail),
        ];
        json.extend(texts.map(|(name, text)| (name.to_owned(), text.into())));
        for (name, names) in [("roles", &self.roles), ("commands", &self.commands), ("reaches", &self.reaches)] {
            put_names(&mut json, name, names);
        }
        json.into()
    }
}

/// An empty set isn't written.
fn put_names(json: &mut Map<String, Value>, name: &str, names: &BTreeSet<String>) {
    if !names.is_empty() {
        json.insert(name.to_owned(), names.iter().cloned().collect());
    }
}
