//! Which SQL does nothing but answer: it changes no row and no setting, and calls no function that could.
//!
//! A statement before a function's gate, or within it, must be such. Postgres' own functions and those of extensions count by
//! their declaration: one that isn't VOLATILE changes nothing. The bodies of all others are looked into.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::catalog::{Function, FunctionKind, View};
use crate::ids::{ByFunction, ByView, FunctionIndex, TableId};
use crate::keywords::may_be_syntax;
use crate::sql::{Token, runs_query, tokens};

/// How many calls deep bodies are looked into.
const DEEPEST: usize = 32;

/// Words that do something at any place.
const DOING: [&str; 8] = ["insert", "update", "delete", "merge", "truncate", "copy", "execute", "call"];

/// Words that do something where a statement begins.
const DOING_FIRST: [&str; 28] = [
    "alter",
    "analyze",
    "checkpoint",
    "cluster",
    "comment",
    "commit",
    "create",
    "discard",
    "do",
    "drop",
    "grant",
    "import",
    "listen",
    "load",
    "lock",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "set",
    "table",
    "vacuum",
];

/// The volatile functions of Postgres' own that change nothing.
const VOLATILE_AND_HARMLESS: [&str; 4] = ["clock_timestamp", "gen_random_uuid", "random", "timeofday"];

/// A function that came with Postgres or belongs to an extension.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Its schema's name.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether some function of that name may write or read: it is declared VOLATILE, or has a body that isn't looked into.
    pub may_act: bool,
    /// Whether some function of that name is an aggregate.
    pub aggregates: bool,
}

/// The tokens just before one, the last of them first.
type Before<'t> = [Option<Token<'t>>; 4];

/// Knows which functions do nothing but answer.
pub struct Harmless<'a> {
    functions: &'a ByFunction<Function>,
    by_name: HashMap<&'a str, Vec<FunctionIndex>>,
    /// By name, each with its schema and whether it is harmless.
    installed: HashMap<&'a str, Vec<(&'a str, bool)>>,
    /// The names of their aggregates.
    aggregates: HashSet<&'a str>,
    /// The first of the functions that an expression calls unnamed, by an operator, a cast or a type, and that may do something.
    unnamed: Option<FunctionIndex>,
    /// The names of the views that call a function which may do something.
    harmful_views: HashSet<&'a str>,
    known: RefCell<HashMap<FunctionIndex, bool>>,
    /// Of functions that were looked into, whether they may read rows.
    readers: RefCell<HashMap<FunctionIndex, bool>>,
    /// Whether a function may read rows that an expression calls unnamed.
    reads_unnamed: bool,
}

impl<'a> Harmless<'a> {
    /// For these functions. `unnamed` are those that operators, casts and types call.
    pub fn new(functions: &'a ByFunction<Function>, installed: &'a [Installed], unnamed: &[FunctionIndex]) -> Self {
        let mut harmless = Harmless {
            functions,
            by_name: HashMap::new(),
            installed: HashMap::new(),
            aggregates: installed.iter().filter(|it| it.aggregates).map(|it| it.name.as_str()).collect(),
            unnamed: None,
            harmful_views: HashSet::new(),
            known: RefCell::default(),
            readers: RefCell::default(),
            reads_unnamed: false,
        };
        for (index, function) in functions.indexed() {
            harmless.by_name.entry(&function.name).or_default().push(index);
        }
        for it in installed {
            let is_harmless = !runs_query(&it.name) && (!it.may_act || VOLATILE_AND_HARMLESS.contains(&&*it.name));
            harmless.installed.entry(&it.name).or_default().push((&it.schema, is_harmless));
        }
        harmless.unnamed = unnamed.iter().copied().find(|index| harmless.may_act_unnamed(*index));
        harmless.reads_unnamed =
            unnamed.iter().any(|index| !is_of_superusers(&functions[*index]) && harmless.is_reader(*index, 0));
        harmless
    }

    /// The same, where these views call these functions.
    pub fn with_views(mut self, views: &'a ByView<View>, called: &[(TableId, FunctionIndex)]) -> Self {
        let acts = |(id, function): &&(TableId, FunctionIndex)| {
            views.iter().any(|it| it.id == *id) && !self.function(*function, 0)
        };
        let mut harmful: HashSet<TableId> = called.iter().filter(acts).map(|(id, _)| *id).collect();
        let mut readers: HashMap<TableId, Vec<&View>> = HashMap::new();
        for view in views {
            view.reads.iter().for_each(|read| readers.entry(*read).or_default().push(view));
        }
        // Views over these, too.
        let mut open: Vec<TableId> = harmful.iter().copied().collect();
        while let Some(id) = open.pop() {
            let above = readers.get(&id).into_iter().flatten().map(|view| view.id);
            open.extend(above.filter(|view| harmful.insert(*view)));
        }
        self.harmful_views =
            views.iter().filter(|view| harmful.contains(&view.id)).map(|view| view.name.as_str()).collect();
        self
    }

    /// What in a statement may do something, if anything may. `is_sql`: it is SQL, where SELECT … INTO makes a table.
    pub fn doing_in(&self, statement: &str, is_sql: bool) -> Option<String> {
        self.doing(statement, is_sql, true, 0)
    }

    /// The call in a statement that may do something, if there is one. What the statement itself does isn't looked at.
    pub fn call_in(&self, statement: &str) -> Option<String> {
        self.doing(statement, false, false, 0)
    }

    /// Whether a SELECT may have a row where its condition is true for none: it may call an aggregate of Postgres' own or of an
    /// extension, or it groups. An aggregate that somebody else made counts as doing something.
    pub fn may_have_row(&self, statement: &str) -> bool {
        let aggregates = |token: &Token<'_>| token.name().is_some_and(|name| self.aggregates.contains(name));
        tokens(statement).any(|token| aggregates(&token) || token.is_keyword("group") || token.is_keyword("having"))
    }

    /// Whether a SELECT that has such a row may show something of others in it: it reads in its columns, or behind its condition.
    pub fn shows_others(&self, statement: &str) -> bool {
        const BEHIND: [&str; 8] = ["group", "having", "window", "order", "limit", "offset", "fetch", "for"];
        let (mut depth, mut is_shown) = (0usize, true);
        for (token, reads) in tokens_that_read(statement) {
            match &token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                token if depth == 0 && reads && token.is_keyword("from") => is_shown = false,
                token if depth == 0 && token.is_keyword("where") => is_shown = false,
                token if depth == 0 && BEHIND.iter().any(|word| token.is_keyword(word)) => is_shown = true,
                token if is_shown && (reads || self.is_reader_named(token, 0)) => return true,
                token if is_shown && depth > 0 && token.is_keyword("select") => return true,
                _ => {}
            }
        }
        self.reads_unnamed
    }

    /// Whether a text calls a function that may read rows.
    pub fn calls_reader(&self, text: &str) -> bool {
        self.reads_unnamed || tokens(text).any(|token| self.is_reader_named(&token, 0))
    }

    /// Whether a token is the name of a function that may read rows.
    fn is_reader_named(&self, token: &Token<'_>, depth: usize) -> bool {
        let Some(name) = token.name() else { return false };
        let is_installed = self.installed.get(name).is_some_and(|all| all.iter().any(|(_, is_harmless)| !is_harmless));
        is_installed || self.by_name.get(name).into_iter().flatten().any(|index| self.is_reader(*index, depth + 1))
    }

    /// Whether a function may read rows: for certain not where its body has no FROM and calls no such function. One that Postgres
    /// analyzed has no text but the names of the functions that it calls.
    fn is_reader(&self, index: FunctionIndex, depth: usize) -> bool {
        once(&self.readers, index, depth, true, || {
            let function = &self.functions[index];
            let is_text = function.is_read && matches!(function.language.as_str(), "sql" | "plpgsql");
            !is_text
                || !function.called_by_defaults.is_empty()
                || (function.is_analyzed && !function.reaches.is_empty())
                || tokens_that_read(&function.body)
                    .any(|(token, reads)| reads || token.is_keyword("execute") || self.is_reader_named(&token, depth))
        })
    }

    /// Whether a statement may read rows, or call a function of somebody's that does.
    pub fn may_read(&self, statement: &str) -> bool {
        let is_of_somebody = |token: &Token<'_>| token.name().is_some_and(|name| self.by_name.contains_key(name));
        self.reads_unnamed || tokens_that_read(statement).any(|(token, reads)| reads || is_of_somebody(&token))
    }

    /// Whether all functions that a body calls, which Postgres analyzed, do nothing but answer.
    pub fn only_calls_harmless(&self, function: FunctionIndex) -> bool {
        let function = &self.functions[function];
        self.unnamed.is_none() && function.is_read && self.call_in(&function.body).is_none()
    }

    /// Why any expression may do something, if that is so: by the function of an operator, a cast or a type.
    pub fn acts_unnamed(&self) -> Option<String> {
        let name = |index| &self.functions[index].display_name;
        self.unnamed.map(|index| format!("an operator, a cast or a type may call {}", name(index)))
    }

    fn doing(&self, sql: &str, is_sql: bool, with_verbs: bool, depth: usize) -> Option<String> {
        if self.unnamed.is_some() {
            return self.acts_unnamed();
        }
        let mut before: Before<'_> = [None, None, None, None];
        for token in tokens(sql).chain([Token::Symbol(';')]) {
            let called = match &token {
                Token::Symbol('(') => self.harmful_call(&before, depth),
                _ => self.harmful_attribute(&before, depth),
            };
            if let Some(called) = called {
                return Some(format!("calls {called}, which may do something"));
            }
            match &token {
                Token::Name { name, .. } if self.harmful_views.contains(&**name) => {
                    return Some(format!("may read {name}, which calls a function that may do something"));
                }
                Token::Name { name, quoted: false } if with_verbs => {
                    let verbs = || DOING.contains(&&**name) || (is_sql && name == "into");
                    if verbs() || (begins_statement(&before[0]) && DOING_FIRST.contains(&&**name)) {
                        return Some(name.to_uppercase());
                    }
                }
                _ => {}
            }
            before.rotate_right(1);
            before[0] = Some(token);
        }
        None
    }

    /// The function that these tokens, the last of them first, call before a parenthesis, if it may do something.
    fn harmful_call(&self, before: &Before<'_>, depth: usize) -> Option<String> {
        let Some(Token::Name { name, quoted }) = &before[0] else { return None };
        let is_qualified = before[1] == Some(Token::Symbol('.'));
        // INSERT INTO a table with its columns.
        if before[if is_qualified { 3 } else { 1 }].as_ref().is_some_and(|token| token.is_keyword("into")) {
            return None;
        }
        if !is_qualified {
            // Some of these words can be a function's name, too.
            let is_syntax = !quoted && may_be_syntax(name) && !self.by_name.contains_key(&**name);
            return (!is_syntax && !self.called(None, name, depth)).then(|| format!("{name}()"));
        }
        let schema = before[2].as_ref().and_then(Token::name);
        let is_harmless = schema.is_some_and(|schema| self.called(Some(schema), name, depth));
        (!is_harmless).then(|| format!("{}.{name}()", schema.unwrap_or("?")))
    }

    /// `row.f` calls `f(row)` where the row has no such column.
    fn harmful_attribute(&self, before: &Before<'_>, depth: usize) -> Option<String> {
        let Some(Token::Name { name, .. }) = &before[0] else { return None };
        let is_attribute = before[1] == Some(Token::Symbol('.')) && self.by_name.contains_key(&**name);
        (is_attribute && !self.called(None, name, depth)).then(|| format!("{name}()"))
    }

    /// Whether all functions that such a call may mean are harmless, and there is one.
    fn called(&self, schema: Option<&str>, name: &str, depth: usize) -> bool {
        let is_meant = |its: &str| schema.is_none_or(|schema| schema == its);
        let mut is_any = false;
        for (_, is_harmless) in self.installed.get(name).into_iter().flatten().filter(|(its, _)| is_meant(its)) {
            if !is_harmless {
                return false;
            }
            is_any = true;
        }
        for index in self.by_name.get(name).into_iter().flatten().copied() {
            if !is_meant(&self.functions[index].schema) {
                continue;
            }
            if !self.function(index, depth + 1) {
                return false;
            }
            is_any = true;
        }
        is_any
    }

    fn function(&self, index: FunctionIndex, depth: usize) -> bool {
        once(&self.known, index, depth, false, || {
            let function = &self.functions[index];
            function.is_read
                && function.kind == FunctionKind::Plain
                && matches!(function.language.as_str(), "sql" | "plpgsql")
                && !function.sets_claims
                && function.sets_role.is_none()
                && function.commands.is_empty()
                && function.called_by_defaults.is_empty()
                && self.doing(&function.body, function.language == "sql", true, depth).is_none()
        })
    }

    /// Whether a function that operators, casts or types call may do something. One in C is of somebody who may make such.
    fn may_act_unnamed(&self, index: FunctionIndex) -> bool {
        !is_of_superusers(&self.functions[index]) && !self.function(index, 0)
    }
}

/// What looking into a function finds; it is done once. `worst`: the answer too deep, and for a call of itself meanwhile.
fn once(
    known: &RefCell<HashMap<FunctionIndex, bool>>,
    index: FunctionIndex,
    depth: usize,
    worst: bool,
    look: impl FnOnce() -> bool,
) -> bool {
    if let Some(known) = known.borrow().get(&index) {
        return *known;
    }
    if depth > DEEPEST {
        return worst;
    }
    known.borrow_mut().insert(index, worst);
    let found = look();
    known.borrow_mut().insert(index, found);
    found
}

/// The tokens of a text, and whether each begins to read rows: FROM, but not that of IS DISTINCT FROM, and TABLE.
fn tokens_that_read(text: &str) -> impl Iterator<Item = (Token<'_>, bool)> {
    let mut is_behind_distinct = false;
    tokens(text).map(move |token| {
        let reads = token.is_keyword("table") || (token.is_keyword("from") && !is_behind_distinct);
        is_behind_distinct = token.is_keyword("distinct");
        (token, reads)
    })
}

/// Whether a function is in a language in which only superusers make functions.
fn is_of_superusers(function: &Function) -> bool {
    matches!(function.language.as_str(), "c" | "internal")
}

/// How many sub-selects a SELECT has.
pub fn sub_selects(statement: &str) -> usize {
    let mut depth = 0usize;
    let begins = |token: &Token<'_>| {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0 && (token.is_keyword("select") || token.is_keyword("table"))
    };
    tokens(statement).filter(begins).count()
}

/// Whether a statement begins behind this token.
fn begins_statement(before: &Option<Token<'_>>) -> bool {
    match before {
        None | Some(Token::Symbol(';')) => true,
        Some(Token::Operator(label)) => *label == ">>",
        Some(token) => ["begin", "then", "else", "loop"].iter().any(|word| token.is_keyword(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FunctionId, RoleId};

    fn function(n: u32, schema: &str, name: &str, language: &str, body: &str) -> Function {
        Function {
            id: FunctionId::new(n).unwrap(),
            kind: FunctionKind::Plain,
            schema: schema.to_owned(),
            name: name.to_owned(),
            display_name: format!("{schema}.{name}()"),
            owner: RoleId::new(1).unwrap(),
            security_definer: false,
            immutable: false,
            volatile: true,
            language: language.to_owned(),
            sets_claims: false,
            sets_role: None,
            has_search_path: false,
            is_analyzed: false,
            returns_boolean: false,
            is_pre_request: false,
            body: body.to_owned(),
            is_read: true,
            called_by_defaults: Vec::new(),
            reaches: Vec::new(),
            commands: Vec::new(),
            open_to: Vec::new(),
            behind_expressions_for: Vec::new(),
            is_called_by_policies_only: false,
            gate: crate::FunctionGate::open(),
        }
    }

    fn installed() -> Vec<Installed> {
        let all = [
            ("auth", "require_aal", false),
            ("auth", "has_aal", false),
            ("auth", "protect_table", true),
            ("pg_catalog", "set_config", true),
            ("pg_catalog", "current_setting", false),
            ("pg_catalog", "now", false),
            ("pg_catalog", "random", true),
            ("pg_catalog", "nextval", true),
            ("extensions", "dblink", true),
            ("pg_catalog", "table_to_xml", false),
            ("extensions", "xpath_table", false),
        ];
        let mut installed: Vec<Installed> = all
            .map(|(schema, name, may_act)| {
                let (schema, name) = (schema.to_owned(), name.to_owned());
                Installed { schema, name, may_act, aggregates: false }
            })
            .into();
        let (schema, name) = ("pg_catalog".to_owned(), "max".to_owned());
        installed.push(Installed { schema, name, may_act: false, aggregates: true });
        installed
    }

    fn functions() -> ByFunction<Function> {
        let all = vec![
            function(1, "auth", "jwt", "sql", "select current_setting('request.jwt.claims', true)::jsonb"),
            function(2, "private", "must", "plpgsql", "begin if not auth.has_aal('aal2') then raise 'no'; end if; end"),
            function(3, "private", "wipe", "sql", "delete from payments"),
            function(4, "private", "calls_wipe", "plpgsql", "begin perform private.wipe(); end"),
            function(5, "private", "itself", "sql", "select private.itself()"),
            function(6, "private", "c", "c", "wipe"),
            function(7, "one", "twice", "sql", "select 1"),
            function(8, "two", "twice", "sql", "truncate payments"),
            function(9, "private", "now", "sql", "delete from payments"),
            function(10, "private", "sets", "plpgsql", "begin set local role postgres; end"),
        ];
        all.into()
    }

    #[test]
    fn a_statement_that_only_answers_is_harmless() {
        let (functions, installed) = (functions(), installed());
        let harmless = Harmless::new(&functions, &installed, &[]);
        for sql in [
            "select auth.require_aal('aal2')",
            "select \"auth\" . require_aal /* */ ('aal2')",
            "select auth.jwt() ->> 'aal' in ('aal2')",
            "select private.must()",
            "select must()",
            "select case when (auth.jwt()) is null then 1 else coalesce(2, 3) end",
            "select 'delete from payments', $$insert$$, \"update\"",
            "select random() -- wipe()",
            "select one.twice()",
            "select x::numeric(10, 2) from t where exists (select from u)",
        ] {
            assert_eq!(harmless.doing_in(sql, true), None, "{sql}");
        }
    }

    #[test]
    fn a_statement_that_may_do_something_is_not_harmless() {
        let (functions, installed) = (functions(), installed());
        let harmless = Harmless::new(&functions, &installed, &[]);
        for sql in [
            "select private.wipe()",
            "select wipe()",
            "select private . \"wipe\" ()",
            "select private.calls_wipe()",
            "select private.itself()",
            "select private.c()",
            "select private.sets()",
            "select twice()",
            "select now()",
            "select set_config('request.jwt.claims', '{}', true)",
            "select pg_catalog.set_config('a', 'b', true)",
            "select nextval('s')",
            "select extensions.dblink('')",
            "select table_to_xml('payments', true, true, '')",
            "select extensions.xpath_table('id', 'body', 'payments', '/a', 'true')",
            "select unknown()",
            "select other.require_aal('aal2')",
            "select a.b.require_aal('aal2')",
            "with gone as (delete from payments returning *) select * from gone",
            "select 1 into t",
            "select 1 from t for update",
            "set role postgres",
            "do $$ begin end $$",
            "call p()",
            "lock t",
            "select t.wipe from t",
        ] {
            assert!(harmless.doing_in(sql, true).is_some(), "{sql}");
        }
        assert_eq!(harmless.call_in("delete from payments where auth.has_aal('aal2')"), None);
        assert_eq!(harmless.call_in("insert into public.payments (a) select 1 where auth.has_aal('aal2')"), None);
        assert_eq!(harmless.call_in("insert into wipe (a) select 1"), None);
        for aggregate in ["max(now())", "pg_catalog . max (1)", "row.max", "MAX(1)"] {
            assert!(harmless.may_have_row(&format!("insert into t select {aggregate} where auth.has_aal('aal2')")));
        }
        assert!(!harmless.may_have_row("insert into t select now() where auth.has_aal('aal2') and private.must()"));
        assert!(harmless.call_in("delete from payments where private.wipe() and auth.has_aal('aal2')").is_some());
    }

    #[test]
    fn sub_selects_are_counted_where_they_stand() {
        assert_eq!(sub_selects("select sum(a) from t where (select auth.has_aal('aal2'))"), 1);
        assert_eq!(sub_selects("select sum(a), (select b from u) from t where c"), 1);
        assert_eq!(sub_selects("select (select count(*) from t where (select true))"), 2);
    }

    #[test]
    fn where_an_operator_may_do_something_nothing_is_harmless() {
        let (functions, installed) = (functions(), installed());
        let by = |name: &str| functions.indexed().find(|(_, it)| it.name == name).map(|(index, _)| index).unwrap();
        assert_eq!(Harmless::new(&functions, &installed, &[by("must"), by("c")]).doing_in("select 1", true), None);
        assert!(Harmless::new(&functions, &installed, &[by("wipe")]).doing_in("select 1", true).is_some());
    }

    #[test]
    fn a_view_that_calls_something_is_not_harmless_to_read() {
        let (functions, installed) = (functions(), installed());
        let by = |name: &str| functions.indexed().find(|(_, it)| it.name == name).map(|(index, _)| index).unwrap();
        let id = |n: u32| TableId::new(n).unwrap();
        let view = |n: u32, name: &str, reads: &[u32]| View {
            id: id(n),
            schema: "public".to_owned(),
            name: name.to_owned(),
            display_name: format!("public.{name}"),
            kind: crate::ViewKind::OwnerRights,
            owner: RoleId::new(1).unwrap(),
            reads: reads.iter().copied().map(id).collect(),
            asks_for_level: false,
            condition: None,
            is_steady: true,
            checks_new_rows: false,
            is_barrier: false,
            read_by: Vec::new(),
            written_by: Vec::new(),
            inserted_by: Vec::new(),
            owner_as_user: None,
        };
        let views: ByView<View> = vec![view(1, "wiping", &[]), view(2, "above", &[1]), view(3, "plain", &[4])].into();
        let called = [(id(1), by("wipe")), (id(3), by("must"))];
        let harmless = Harmless::new(&functions, &installed, &[]).with_views(&views, &called);
        assert!(harmless.doing_in("select (select count(*) from above)", true).is_some());
        assert!(harmless.call_in("update t set a = 1 where exists (select from public.wiping)").is_some());
        assert_eq!(harmless.doing_in("select (select 1 from plain)", true), None);
    }

    #[test]
    fn a_long_chain_of_calls_is_looked_into_within_bounds() {
        let link = |n: u32| function(n, "s", &format!("f{n}"), "sql", &format!("select s.f{}()", n + 1));
        let functions: ByFunction<Function> = (1..20_000).map(link).collect();
        let harmless = Harmless::new(&functions, &[], &[]);
        assert!(harmless.doing_in("select s.f1()", true).is_some());
    }
}
