//! What the texts of functions call, and which functions read a level, themselves or by what they call.

use std::collections::{HashMap, HashSet};

use super::body::ASKING;
use super::reach::Reach;
use crate::keywords::may_be_syntax;
use crate::sql::{Token, tokens};
use crate::{Catalog, Function, FunctionIndex};

/// Ours in schema auth that tell the level and ask for none.
const TELLING: [&str; 4] = ["aal", "enrolled_aal", "aal_status", "authenticated_at"];

/// A name in the text of a function, where it stands for a function, a table or a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Use {
    /// The schema before it; none where it stands alone.
    pub schema: Option<String>,
    pub name: String,
    /// Whether it is called; else rows come from it or go to it.
    pub is_call: bool,
}

/// The functions of the catalog by what they call, and those that read a level.
pub(super) struct LevelReaders<'a> {
    catalog: &'a Catalog,
    by_name: HashMap<&'a str, Vec<FunctionIndex>>,
    uses: HashMap<FunctionIndex, HashSet<Use>>,
    readers: HashSet<FunctionIndex>,
    /// The names of tables and views.
    relations: HashSet<&'a str>,
}

impl<'a> LevelReaders<'a> {
    pub(super) fn of(catalog: &'a Catalog, reach: &Reach<'a>, pause: &dyn Fn()) -> LevelReaders<'a> {
        let views = catalog.views.iter().map(|view| view.name.as_str());
        let relations = catalog.tables.iter().map(|table| table.name.as_str()).chain(views).collect();
        let mut all =
            LevelReaders { catalog, by_name: HashMap::new(), uses: HashMap::new(), readers: HashSet::new(), relations };
        for (index, function) in catalog.functions.indexed() {
            pause();
            all.by_name.entry(&function.name).or_default().push(index);
            let uses = if is_sql(function) { uses(&function.body) } else { HashSet::new() };
            if reach.body(index).asks_for_level || uses.iter().any(tells_level) {
                all.readers.insert(index);
            }
            all.uses.insert(index, uses);
        }
        all.find_callers_of_readers();
        all
    }

    fn find_callers_of_readers(&mut self) {
        let mut callers: HashMap<FunctionIndex, Vec<FunctionIndex>> = HashMap::new();
        for caller in self.catalog.functions.indexes() {
            for called in self.called_by(caller) {
                callers.entry(called).or_default().push(caller);
            }
        }
        let mut open: Vec<FunctionIndex> = self.readers.iter().copied().collect();
        while let Some(reader) = open.pop() {
            for caller in callers.get(&reader).into_iter().flatten() {
                if self.readers.insert(*caller) {
                    open.push(*caller);
                }
            }
        }
    }

    /// Whether a function reads a level, itself or by what it calls.
    pub(super) fn reads_level(&self, function: FunctionIndex) -> bool {
        self.readers.contains(&function)
    }

    /// The functions that a function's text names. Several where a name stands for several.
    pub(super) fn called_by(&self, function: FunctionIndex) -> Vec<FunctionIndex> {
        let calls = self.uses.get(&function).into_iter().flatten().filter(|it| it.is_call);
        let called = calls.flat_map(|call| {
            let named = self.by_name.get(call.name.as_str()).into_iter().flatten().copied();
            named.filter(|it| call.schema.as_ref().is_none_or(|schema| *schema == self.catalog.functions[*it].schema))
        });
        called.filter(|called| *called != function).collect()
    }

    /// The functions that a call such as `app."is_aal2"()` could mean. Several, if they have different parameters.
    pub(super) fn named(&self, call: &str) -> Vec<FunctionIndex> {
        let mut tokens = tokens(call);
        let (schema, name) = match (tokens.next(), tokens.next(), tokens.next()) {
            (Some(Token::Name { name: schema, .. }), Some(Token::Symbol('.')), Some(Token::Name { name, .. })) => {
                (schema, name)
            }
            _ => return Vec::new(),
        };
        let named = self.by_name.get(&*name).into_iter().flatten().copied();
        named.filter(|it| self.catalog.functions[*it].schema == schema).collect()
    }

    /// Whether a text calls something without its schema, be it Postgres' own.
    pub(super) fn calls_by_path(&self, function: FunctionIndex) -> bool {
        let uses = self.uses.get(&function).into_iter().flatten();
        uses.into_iter().any(|it| it.schema.is_none() && it.is_call && !may_be_syntax(&it.name))
    }

    /// The names without a schema in a function's text by which it means a function, a table or a view of somebody's, in order.
    pub(super) fn looked_up(&self, function: FunctionIndex) -> Vec<&str> {
        let uses = self.uses.get(&function).into_iter().flatten().filter(|it| it.schema.is_none());
        let is_somebodys = |it: &&Use| {
            if it.is_call {
                self.by_name.contains_key(it.name.as_str()) || ASKING.contains(&it.name.as_str())
            } else {
                self.relations.contains(it.name.as_str())
            }
        };
        let mut names: Vec<&str> = uses.filter(is_somebodys).map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whether the body is text that is taken apart here.
pub(super) fn is_sql(function: &Function) -> bool {
    matches!(function.language.as_str(), "sql" | "plpgsql")
}

fn tells_level(it: &Use) -> bool {
    it.is_call && it.schema.as_deref() == Some("auth") && TELLING.contains(&it.name.as_str())
}

/// The names in a text that stand where a function, a table or a view does. Its strings aren't looked at.
fn uses(sql: &str) -> HashSet<Use> {
    let all: Vec<Token<'_>> = tokens(sql).collect();
    let is_dot = |at: Option<usize>| at.and_then(|at| all.get(at)) == Some(&Token::Symbol('.'));
    let mut found = HashSet::new();
    for (at, token) in all.iter().enumerate() {
        let Some(name) = token.name() else { continue };
        let is_qualified = is_dot(at.checked_sub(1));
        let begin = if is_qualified { at.saturating_sub(2) } else { at };
        let before = begin.checked_sub(1).and_then(|at| all.get(at));
        let is_call = all.get(at + 1) == Some(&Token::Symbol('('));
        let is_relation =
            || !token.is_keyword("only") && !is_dot(Some(at + 1)) && before.is_some_and(is_before_relation);
        if is_call || is_relation() {
            let schema = if is_qualified { all[begin].name().map(str::to_owned) } else { None };
            found.insert(Use { schema, name: name.to_owned(), is_call });
        }
    }
    found
}

/// Whether a table or a view comes next.
fn is_before_relation(token: &Token<'_>) -> bool {
    ["from", "join", "into", "update", "only", "using"].iter().any(|keyword| token.is_keyword(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let shown = |it: Use| {
            let call = if it.is_call { "()" } else { "" };
            it.schema.map_or(format!("{}{call}", it.name), |schema| format!("{schema}.{}{call}", it.name))
        };
        let mut names: Vec<String> = uses(sql).into_iter().map(shown).collect();
        names.sort();
        names
    }

    #[test]
    fn calls_and_relations_are_told_from_columns() {
        assert_eq!(names("select is_aal2() and x.level = 1 from admins a"), ["admins", "is_aal2()"]);
        assert_eq!(names("select app.is_aal2() from \"App\".\"Admins\""), ["App.Admins", "app.is_aal2()"]);
        assert_eq!(names("select count(*) from a join only b on a.x = b.x"), ["a", "b", "count()"]);
        assert_eq!(names("-- is_aal2()\n select 'is_aal2()'"), [""; 0]);
        assert_eq!(names("begin if x then update t set y = f (1); end if; end"), ["f()", "t"]);
        assert_eq!(names("x.y"), [""; 0]);
        assert_eq!(names("."), [""; 0]);
        assert_eq!(names(".f("), ["f()"]);
    }
}
