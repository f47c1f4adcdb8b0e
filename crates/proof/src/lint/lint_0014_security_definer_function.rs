//! A SECURITY DEFINER function reaches a protected table and asks for no level.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::By;
use super::survey::Survey;
use crate::sql::{Token, tokens};
use crate::{Command, Function, FunctionIndex, RoleId, RoleIndex, Table, TableId, TableIndex};
use std::collections::{HashMap, HashSet};

pub const LINT: Lint = Lint {
    name: "0014_security_definer_function",
    title: "A SECURITY DEFINER function reaches a protected table and asks for no level",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A SECURITY DEFINER function works with its owner's rights. Where a table's policies don't bind the owner, a role that may call the function bypasses them.",
    remediation: "Begin it with perform auth.require_aal('aal2'), make it SECURITY INVOKER, or revoke EXECUTE.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let names = Names::new(survey);
    let mut bodies = HashMap::new();
    let mut found = Vec::new();
    for (index, function) in survey.catalog.functions.indexed() {
        if !function.security_definer || function.open_to.is_empty() {
            continue;
        }
        (survey.pause)();
        let by_owners = reached(survey, &names, &mut bodies, index);
        let is_past = |index: TableIndex, table: &Table| {
            by_owners.iter().any(|(owner, reached)| {
                survey.through(index, reached).any(|it| {
                    let owner_needs = |command| survey.matrix.own_need(it, *owner, command).level();
                    Command::ALL.into_iter().any(|command| owner_needs(command) < survey.asked(table, command))
                })
            })
        };
        let past = survey.protected().filter(|(index, table)| is_past(*index, table));
        let (tables, names): (Vec<TableIndex>, Vec<&str>) =
            past.map(|(index, table)| (index, table.display_name.as_str())).unzip();
        if !tables.is_empty() {
            let what = format!(
                "call {}, which reaches {}, runs with its owner's rights and asks for no level",
                function.display_name,
                names.join(", ")
            );
            let detail = survey.who_can(&function.open_to, &tables, &what);
            found.push(Found::on_function(survey.catalog, index, detail).roles(&function.open_to).reaches(&tables));
        }
    }
    found
}

/// By its name, what a body may mean, each with its schema.
#[derive(Default)]
struct Names<'a> {
    relations: HashMap<&'a str, Vec<(&'a str, TableId)>>,
    functions: HashMap<&'a str, Vec<FunctionIndex>>,
}

impl<'a> Names<'a> {
    fn new(survey: &Survey<'a>) -> Names<'a> {
        let mut names = Names::default();
        let tables = survey.catalog.tables.iter().map(|it| (&it.name, &it.schema, it.id));
        let views = survey.catalog.views.iter().map(|it| (&it.name, &it.schema, it.id));
        for (name, schema, id) in tables.chain(views) {
            names.relations.entry(name).or_default().push((schema, id));
        }
        // One that runs with its owner's rights is a finding of its own where others may call it.
        for (index, function) in survey.catalog.functions.indexed() {
            if !function.security_definer || function.open_to.is_empty() {
                names.functions.entry(&function.name).or_default().push(index);
            }
        }
        names
    }
}

/// What a function reaches, also through functions that it calls and that ask for no level: by the role with whose rights it does.
fn reached<'a>(
    survey: &Survey<'a>,
    names: &Names<'a>,
    bodies: &mut HashMap<FunctionIndex, Body>,
    function: FunctionIndex,
) -> HashMap<RoleIndex, HashSet<TableId>> {
    let functions = &survey.catalog.functions;
    let mut by_owners: HashMap<RoleId, Vec<TableId>> = HashMap::new();
    let mut open = vec![(function, functions[function].owner)];
    let mut seen = HashSet::new();
    while let Some((index, owner)) = open.pop() {
        let function = &functions[index];
        let owner = if function.security_definer { function.owner } else { owner };
        if !seen.insert((index, owner)) {
            continue;
        }
        (survey.pause)();
        let body = bodies.entry(index).or_insert_with(|| Body::new(function));
        if body.asks_for_level {
            continue;
        }
        let from = by_owners.entry(owner).or_default();
        from.extend(&function.reaches);
        for name in body.names.keys() {
            let relations = names.relations.get(name.as_str()).into_iter().flatten();
            from.extend(relations.filter(|(schema, _)| body.names(schema, name)).map(|(_, id)| id));
            let called = names.functions.get(name.as_str()).into_iter().flatten();
            open.extend(called.filter(|it| body.names(&functions[**it].schema, name)).map(|it| (*it, owner)));
        }
    }
    let reached = |(owner, from): (RoleId, Vec<TableId>)| {
        Some((survey.catalog.role_index(owner)?, survey.reached(&from, true, By::Writing)))
    };
    by_owners.into_iter().filter_map(reached).collect()
}

/// What a function's body says, as far as it matters here.
#[derive(Default)]
struct Body {
    /// The names in it, each with the schemas that are written before it: none where it stands alone.
    names: HashMap<String, HashSet<Option<String>>>,
    /// Whether it reads the claim, or calls one of ours that asks for a level. What it does with the answer, isn't looked at.
    asks_for_level: bool,
}

/// Ours that ask for a level.
const ASKING: [&str; 4] = ["require_aal", "has_aal", "require_enrolled_aal", "has_enrolled_aal"];

/// How many strings within strings are looked into.
const DEPTH: usize = 8;

impl Body {
    fn new(function: &Function) -> Body {
        let mut body = Body::default();
        match function.language.as_str() {
            "sql" | "plpgsql" => body.read(&function.body, true, DEPTH),
            // In another language it isn't known which parts are strings or comments.
            _ => {
                let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
                function.body.split(|letter| !is_of_name(letter)).for_each(|word| body.add(word.to_owned(), None));
                let is_called = |name: &str| {
                    function.body.match_indices(name).any(|(at, _)| {
                        let (before, after) = (&function.body[..at], &function.body[at + name.len()..]);
                        !before.ends_with(is_of_name) && after.trim_start().starts_with('(')
                    })
                };
                body.asks_for_level = function.body.contains("'aal'") || ASKING.into_iter().any(is_called);
            }
        }
        body
    }

    fn names(&self, schema: &str, name: &str) -> bool {
        let before = self.names.get(name);
        before.is_some_and(|before| before.contains(&None) || before.contains(&Some(schema.to_owned())))
    }

    fn add(&mut self, name: String, schema: Option<String>) {
        self.names.entry(name).or_default().insert(schema);
    }

    /// `runs`: whether it is run as it stands; else it is a string, which is something that may be run.
    fn read(&mut self, sql: &str, runs: bool, depth: usize) {
        let mut before = Window::default();
        // Whether the statement takes JSON apart by a function.
        let mut extracts = false;
        for token in tokens(sql) {
            match &token {
                Token::Symbol(';') => extracts = false,
                Token::Name { name, .. } => {
                    extracts |= name.starts_with("jsonb_extract_path") || name.starts_with("json_extract_path");
                    let schema = before.qualifier();
                    self.add(name.to_string(), schema.map(str::to_owned));
                }
                Token::Symbol('(') if runs => self.asks_for_level |= before.is_asking(),
                Token::Text(text) => {
                    self.asks_for_level |= runs && before.reads_claim(text, extracts);
                    if depth > 0 && !before.is_raise() {
                        self.read(text, runs && before.is_execute(), depth - 1);
                    }
                }
                _ => {}
            }
            before.push(token);
        }
    }
}

/// The tokens just before one, the last of them first.
#[derive(Default)]
struct Window<'a>([Option<Token<'a>>; 4]);

impl<'a> Window<'a> {
    fn push(&mut self, token: Token<'a>) {
        self.0.rotate_right(1);
        self.0[0] = Some(token);
    }

    fn name(&self, n: usize) -> Option<&str> {
        self.0[n].as_ref().and_then(Token::name)
    }

    fn is_symbol(&self, n: usize, symbol: char) -> bool {
        matches!(&self.0[n], Some(Token::Symbol(it)) if *it == symbol)
    }

    fn is_keyword(&self, n: usize, keyword: &str) -> bool {
        self.0[n].as_ref().is_some_and(|token| token.is_keyword(keyword))
    }

    /// The schema that qualifies the name that comes next. None, too, where it is put in later: `%I.payments`.
    fn qualifier(&self) -> Option<&str> {
        let is_put_in = matches!(&self.0[2], Some(Token::Operator(it)) if it.ends_with('%'));
        if self.is_symbol(0, '.') && !is_put_in { self.name(1) } else { None }
    }

    /// Whether a parenthesis that comes next begins the arguments of one of ours.
    fn is_asking(&self) -> bool {
        let is_ours = !self.is_symbol(1, '.') || self.name(2) == Some("auth");
        self.name(0).is_some_and(|name| ASKING.contains(&name)) && is_ours
    }

    /// Whether a string that comes next is run: `execute '…'`, `execute format('…'`.
    fn is_execute(&self) -> bool {
        self.is_keyword(0, "execute")
            || (self.is_symbol(0, '(')
                && (self.is_keyword(1, "execute") || (self.name(1) == Some("format") && self.is_keyword(2, "execute"))))
    }

    /// Whether a string that comes next is what RAISE says.
    fn is_raise(&self) -> bool {
        const LEVELS: [&str; 6] = ["debug", "log", "info", "notice", "warning", "exception"];
        self.is_keyword(0, "raise")
            || (LEVELS.iter().any(|level| self.is_keyword(0, level)) && self.is_keyword(1, "raise"))
    }

    /// Whether a string that comes next names the claim `aal` where it is read.
    fn reads_claim(&self, text: &str, extracts: bool) -> bool {
        let is_operator =
            |operators: &[&str]| matches!(&self.0[0], Some(Token::Operator(it)) if operators.contains(it));
        let is_argument = self.is_symbol(0, '(') || self.is_symbol(0, ',');
        match text {
            "aal" => {
                let is_key = is_operator(&["->", "->>", "?"]) || self.is_symbol(0, '[');
                is_key || (extracts && self.is_symbol(0, ','))
            }
            "{aal}" => is_operator(&["#>", "#>>"]),
            _ if text.eq_ignore_ascii_case("request.jwt.claim.aal") => is_argument,
            _ => is_operator(&["@>"]) && text.contains("\"aal\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(sql: &str) -> Body {
        let mut body = Body::default();
        body.read(sql, true, DEPTH);
        body
    }

    #[test]
    fn only_a_call_asks_for_a_level() {
        for sql in [
            "perform auth.require_aal('aal2')",
            "if not has_aal ('aal2')",
            "select auth.has_enrolled_aal()",
            "select \"auth\" . \"has_aal\" /* comment */ ('aal2')",
            "AUTH.REQUIRE_AAL('aal2')",
            "if auth.jwt() ->> 'aal' = 'aal2'",
            "auth.jwt() #>> '{aal}'",
            "(auth.jwt())['aal']",
            "auth.jwt() @> '{\"aal\":\"aal2\"}'",
            "jsonb_extract_path_text(auth.jwt(), 'aal')",
            "current_setting('request.jwt.claim.aal', true)",
            "execute 'select auth.require_aal(''aal2'')'",
            "execute format($q$ select auth.require_aal(%L) $q$, level)",
            "-- no\n perform auth.require_aal('aal2')",
            "select '--', auth.has_aal('aal2')",
        ] {
            assert!(body(sql).asks_for_level, "{sql}");
        }
        for sql in [
            "-- TODO: has_aal('aal2')",
            "/* require_aal('aal2') */ delete",
            "/* a /* b */ require_aal('aal2') */ delete",
            "my_has_aal('aal2')",
            "select has_aal",
            "raise notice 'no require_aal() here'",
            "note := 'auth.require_aal(1)'",
            "select $$auth.require_aal('aal2')$$",
            "select E'\\' auth.require_aal('",
            "app.require_aal('aal2')",
            "insert into kinds values ('aal'), (1, 'aal')",
            "x := jsonb_extract_path(y, 'z'); insert into kinds values (1, 'aal')",
            "\"require_aal (\"",
            "",
        ] {
            assert!(!body(sql).asks_for_level, "{sql}");
        }
    }

    #[test]
    fn a_table_is_named_wherever_it_can_be_reached_by_that_name() {
        for sql in [
            "delete from payments",
            "delete from Public . PAYMENTS",
            "delete from \"payments\"",
            "execute 'delete from payments'",
            "q := $q$delete from public.payments$q$",
            "select '--'; delete from payments",
            "execute format('delete from %I.payments', s)",
            "execute 'delete from ' || s || '.payments'",
            "raise notice '%', 1; delete from payments",
            "select 'it''s'' payments'",
        ] {
            assert!(body(sql).names("public", "payments"), "{sql}");
        }
        for sql in [
            "delete from payments_2",
            "delete from other.payments",
            "delete from \"Payments\"",
            "-- payments",
            "/* /* */ payments */",
            "raise exception 'payments are closed'",
            "raise 'payments are closed'",
        ] {
            assert!(!body(sql).names("public", "payments"), "{sql}");
        }
        assert!(body("delete from \"My payments\"").names("public", "My payments"));
    }

    #[test]
    fn strings_within_strings_take_no_more_than_their_length() {
        // Each level halves the quotes.
        let body = body(&"'".repeat(100_000));
        assert!(!body.asks_for_level);
    }
}
