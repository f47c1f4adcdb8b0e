//! What the text of a function says: the names in it and what is done with them, and whether it asks for a level.

use std::collections::HashMap;

use super::commands::Commands;
use super::settings::{Forgery, forged};
use crate::sql::{Token, Tokens, runs_query, tokens};
use crate::{Command, Function, FunctionKind};

/// What a function's body says, as far as it matters here.
pub(super) struct Body {
    /// The names in it.
    uses: HashMap<String, Vec<Use>>,
    /// The commands that it has anywhere, and whether it has others that may do anything to a table.
    verbs: Commands,
    changes_schema: bool,
    /// Whether an INSERT may update instead.
    has_conflict: bool,
    /// What it may do at most.
    most: Commands,
    /// Whether it reads the claim, or calls one of ours that asks for a level. What it does with the answer, isn't looked at.
    pub asks_for_level: bool,
    /// Whether its text doesn't show all that it does: it is in another language, or runs SQL that it puts together.
    pub is_opaque: bool,
    /// Whether it may change the claims, so that levels that are asked behind that say nothing, or the session's role.
    pub forgery: Forgery,
}

/// One place where a name stands.
#[derive(PartialEq, Eq)]
struct Use {
    /// The schema before it; none where it stands alone.
    schema: Option<String>,
    context: Context,
}

/// What the words around a name say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Does(Commands),
    /// Nothing.
    Plain,
    /// Nothing, and it is in a string, which may be a part of a statement.
    Quoted,
}

/// Ours that ask for a level.
pub(super) const ASKING: [&str; 4] = ["require_aal", "has_aal", "require_enrolled_aal", "has_enrolled_aal"];

/// Commands after which a table may have other rights, other policies, or no rows.
const CHANGES_SCHEMA: [&str; 9] =
    ["alter", "create", "drop", "grant", "lock", "revoke", "refresh", "protect_table", "unprotect_table"];

/// How many strings within strings are looked into.
const DEPTH: usize = 8;

impl Body {
    pub(super) fn new(function: &Function) -> Body {
        let mut body = Body {
            uses: HashMap::new(),
            verbs: Commands::NONE,
            changes_schema: false,
            has_conflict: false,
            most: Commands::ALL,
            asks_for_level: false,
            is_opaque: !function.is_read,
            forgery: Forgery::by_clauses(function),
        };
        match function.language.as_str() {
            "sql" | "plpgsql" => {
                body.read(&function.body, true, DEPTH);
                if !function.volatile {
                    body.most = Command::Select.into();
                }
            }
            _ if function.kind == FunctionKind::Aggregate => body.read(&function.body, true, DEPTH),
            _ => body.read_words(&function.body),
        }
        body
    }

    /// In another language it isn't known which parts are strings or comments.
    fn read_words(&mut self, text: &str) {
        self.is_opaque = true;
        self.forgery.claims = true;
        let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        let words = text.split(|letter| !is_of_name(letter));
        words.for_each(|word| self.add(word.to_owned(), None, Context::Does(Commands::ALL)));
        let is_called = |name: &str| {
            text.match_indices(name).any(|(at, _)| {
                let (before, after) = (&text[..at], &text[at + name.len()..]);
                !before.ends_with(is_of_name) && after.trim_start().starts_with('(')
            })
        };
        self.asks_for_level = text.contains("'aal'") || ASKING.into_iter().any(is_called);
    }

    /// Every name in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.uses.keys().map(String::as_str)
    }

    /// Whether it names something of this name and schema.
    pub(super) fn mentions(&self, schema: &str, name: &str) -> bool {
        self.uses_of(schema, name).next().is_some()
    }

    /// What it may do to a table of this name and schema.
    pub(super) fn does(&self, schema: &str, name: &str) -> Commands {
        let done = self.uses_of(schema, name).map(|it| self.done(it.context));
        done.fold(Commands::NONE, Commands::with).common(self.most)
    }

    /// What a body that Postgres analyzed may do to the tables that it depends on.
    pub(super) fn does_by(&self, commands: &[Command]) -> Commands {
        self.widened(commands.iter().copied().collect()).with(Command::Select.into()).common(self.most)
    }

    fn uses_of<'b>(&'b self, schema: &'b str, name: &str) -> impl Iterator<Item = &'b Use> {
        let uses = self.uses.get(name).map(Vec::as_slice).unwrap_or_default();
        uses.iter().filter(move |it| it.schema.as_deref().is_none_or(|its| its == schema))
    }

    fn done(&self, context: Context) -> Commands {
        let select = Commands::from(Command::Select);
        match context {
            Context::Does(commands) => self.widened(commands),
            Context::Plain | Context::Quoted if self.changes_schema => Commands::ALL,
            // A list goes on: TRUNCATE a, b.
            Context::Plain => select.with(self.widened(self.verbs.common(Command::Truncate.into()))),
            Context::Quoted => select.with(self.widened(self.verbs)),
        }
    }

    /// The commands, and those that come with them: conditions read rows, and TRUNCATE removes them.
    fn widened(&self, commands: Commands) -> Commands {
        let mut all = commands;
        if commands.has(Command::Truncate) {
            all = all.with(Command::Delete.into());
        }
        if commands.has(Command::Insert) && self.has_conflict {
            all = all.with(Command::Update.into());
        }
        if all.has(Command::Update) || commands.has(Command::Delete) {
            all = all.with(Command::Select.into());
        }
        all
    }

    fn add(&mut self, name: String, schema: Option<String>, context: Context) {
        let uses = self.uses.entry(name).or_default();
        let one = Use { schema, context };
        if !uses.contains(&one) {
            uses.push(one);
        }
    }

    /// `runs`: whether it is run as it stands; else it is a string, which is something that may be run.
    fn read(&mut self, sql: &str, runs: bool, depth: usize) {
        let mut before = Window::default();
        // Whether the statement takes JSON apart by a function.
        let mut extracts = false;
        let mut rest = tokens(sql);
        while let Some(token) = rest.next() {
            match &token {
                Token::Symbol(';') => extracts = false,
                Token::Name { name, quoted } => {
                    extracts |= name.starts_with("jsonb_extract_path") || name.starts_with("json_extract_path");
                    if !quoted {
                        self.note_keyword(name, &before);
                    }
                    if let Some(forgery) = forged(&token, rest.clone(), || before.ends_statement()) {
                        self.forgery.add(forgery);
                    }
                    if runs {
                        self.is_opaque |= token.is_keyword("execute") && !runs_constant(rest.clone());
                        self.is_opaque |= runs_query(name);
                    }
                    let context = match before.verb() {
                        Some(commands) => Context::Does(commands),
                        None if depth == DEPTH => Context::Plain,
                        None => Context::Quoted,
                    };
                    let schema = before.qualifier();
                    self.add(name.to_string(), schema.map(str::to_owned), context);
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

    fn note_keyword(&mut self, name: &str, before: &Window<'_>) {
        match name {
            "insert" | "copy" => self.verbs = self.verbs.with(Command::Insert.into()),
            "update" if !before.is_lock(0) => self.verbs = self.verbs.with(Command::Update.into()),
            "delete" => self.verbs = self.verbs.with(Command::Delete.into()),
            "truncate" => self.verbs = self.verbs.with(Command::Truncate.into()),
            "merge" => {
                let merged = [Command::Insert, Command::Update, Command::Delete].into_iter().collect();
                self.verbs = self.verbs.with(merged);
            }
            "conflict" => self.has_conflict = true,
            _ => self.changes_schema |= CHANGES_SCHEMA.contains(&name),
        }
    }
}

/// Whether EXECUTE runs a string that is written out: a constant, or a format into which only constants are put.
fn runs_constant(mut rest: Tokens<'_>) -> bool {
    let ends = |next: Option<Token<'_>>| match next {
        None | Some(Token::Symbol(';')) => true,
        Some(token) => ["into", "using", "loop"].iter().any(|keyword| token.is_keyword(keyword)),
    };
    match rest.next() {
        Some(Token::Text(_)) => ends(rest.next()),
        // GRANT EXECUTE ON FUNCTION.
        Some(token) if token.is_keyword("on") => true,
        // EXECUTE FUNCTION f() of a trigger. Variables may have such a name, too.
        Some(token) if ["function", "procedure"].iter().any(|keyword| token.is_keyword(keyword)) => {
            const BEHIND_VARIABLES: [&str; 3] = ["into", "using", "loop"];
            let next = rest.next();
            let is_keyword = |next: &Token<'_>| BEHIND_VARIABLES.iter().any(|keyword| next.is_keyword(keyword));
            next.is_some_and(|next| next.name().is_some() && !is_keyword(&next))
        }
        Some(token) if token.is_keyword("format") => {
            let is_literal = match (rest.next(), rest.next()) {
                (Some(Token::Symbol('(')), Some(Token::Text(format))) => {
                    !format.replace("%%", "").replace("%L", "").contains('%')
                }
                _ => false,
            };
            let mut open = 1;
            while is_literal && open > 0 {
                match rest.next() {
                    None => return false,
                    Some(Token::Symbol('(')) => open += 1,
                    Some(Token::Symbol(')')) => open -= 1,
                    Some(_) => {}
                }
            }
            is_literal && ends(rest.next())
        }
        _ => false,
    }
}

/// The tokens just before one, the last of them first.
#[derive(Default)]
struct Window<'a>([Option<Token<'a>>; 10]);

impl<'a> Window<'a> {
    fn push(&mut self, token: Token<'a>) {
        self.0.rotate_right(1);
        self.0[0] = Some(token);
    }

    fn at(&self, n: usize) -> Option<&Token<'a>> {
        self.0.get(n)?.as_ref()
    }

    fn name(&self, n: usize) -> Option<&str> {
        self.at(n).and_then(Token::name)
    }

    fn is_symbol(&self, n: usize, symbol: char) -> bool {
        matches!(self.at(n), Some(Token::Symbol(it)) if *it == symbol)
    }

    fn is_keyword(&self, n: usize, keyword: &str) -> bool {
        self.at(n).is_some_and(|token| token.is_keyword(keyword))
    }

    /// Whether a statement begins next.
    fn ends_statement(&self) -> bool {
        match self.at(0) {
            None | Some(Token::Symbol(';')) => true,
            Some(Token::Operator(label)) => *label == ">>",
            _ => ["begin", "then", "else", "loop"].iter().any(|keyword| self.is_keyword(0, keyword)),
        }
    }

    /// The schema that qualifies the name that comes next. None, too, where it is put in later: `%I.payments`.
    fn qualifier(&self) -> Option<&str> {
        let is_put_in = matches!(&self.0[2], Some(Token::Operator(it)) if it.ends_with('%'));
        if self.is_symbol(0, '.') && !is_put_in { self.name(1) } else { None }
    }

    /// The commands on the name that comes next: `delete from only`. `None` if these tokens don't say.
    fn verb(&self) -> Option<Commands> {
        let mut at = 0;
        // Before a schema the name of the database may stand.
        while self.is_symbol(at, '.') {
            at += 2;
        }
        at += usize::from(self.is_symbol(at, '('));
        at += usize::from(self.is_keyword(at, "only"));
        let is = |n: usize, keyword: &str| self.is_keyword(at + n, keyword);
        if is(0, "into") && is(1, "insert") {
            Some(Command::Insert.into())
        } else if is(0, "into") && is(1, "merge") {
            Some([Command::Insert, Command::Update, Command::Delete].into_iter().collect())
        } else if is(0, "update") && !self.is_lock(at + 1) {
            Some(Command::Update.into())
        } else if is(0, "from") && is(1, "delete") {
            Some(Command::Delete.into())
        } else if is(0, "truncate") || (is(0, "table") && is(1, "truncate")) {
            Some(Command::Truncate.into())
        } else if is(0, "copy") {
            Some([Command::Select, Command::Insert].into_iter().collect())
        } else if is(0, "from") || is(0, "join") || is(0, "using") {
            Some(Command::Select.into())
        } else {
            None
        }
    }

    /// Whether these words make an UPDATE behind them a lock: `for update`, `for no key update`.
    fn is_lock(&self, n: usize) -> bool {
        self.is_keyword(n, "for") || (self.is_keyword(n, "key") && self.is_keyword(n + 1, "no"))
    }

    /// Whether a parenthesis that comes next begins the arguments of one of ours.
    fn is_asking(&self) -> bool {
        let is_ours = !self.is_symbol(1, '.') || self.name(2) == Some("auth");
        self.name(0).is_some_and(|name| ASKING.contains(&name)) && is_ours
    }

    /// Whether a string that comes next is run: `execute '…'`, `execute format('…'`, `do '…'`, `do language plpgsql '…'`.
    fn is_execute(&self) -> bool {
        self.is_keyword(0, "execute")
            || self.is_keyword(0, "do")
            || (self.is_keyword(1, "language") && self.is_keyword(2, "do"))
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
    use crate::{FunctionId, RoleId};

    fn body(sql: &str) -> Body {
        Body::new(&Function {
            id: FunctionId::new(1).unwrap(),
            kind: FunctionKind::Plain,
            schema: "public".to_owned(),
            name: "f".to_owned(),
            display_name: "public.f()".to_owned(),
            owner: RoleId::new(1).unwrap(),
            security_definer: true,
            immutable: false,
            volatile: true,
            language: "plpgsql".to_owned(),
            sets_claims: false,
            sets_role: None,
            has_search_path: false,
            is_analyzed: false,
            returns_boolean: false,
            is_pre_request: false,
            body: sql.to_owned(),
            is_read: true,
            called_by_defaults: Vec::new(),
            reaches: Vec::new(),
            commands: Vec::new(),
            open_to: Vec::new(),
            behind_expressions_for: Vec::new(),
            is_called_by_policies_only: false,
            gate: crate::FunctionGate::open(),
        })
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
            assert!(body(sql).mentions("public", "payments"), "{sql}");
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
            assert!(!body(sql).mentions("public", "payments"), "{sql}");
        }
        assert!(body("delete from \"My payments\"").mentions("public", "My payments"));
    }

    #[test]
    fn strings_within_strings_take_no_more_than_their_length() {
        // Each level halves the quotes.
        let body = body(&"'".repeat(100_000));
        assert!(!body.asks_for_level);
    }

    #[test]
    fn what_is_done_to_a_table_is_read_from_the_words_before_its_name() {
        use Command::*;
        for (sql, commands) in [
            ("select * from payments", &[Select][..]),
            ("select 1 from a, payments", &[Select]),
            ("perform payments.id", &[Select]),
            ("select 1 from payments for update of payments", &[Select]),
            ("insert into public.payments values (1)", &[Insert]),
            ("insert into payments values (1) on conflict (id) do update set x = 1", &[Select, Insert, Update]),
            ("update only public.payments set x = 1", &[Select, Update]),
            ("delete from only (payments)", &[Select, Delete]),
            ("truncate payments", &[Delete, Truncate]),
            ("truncate table only payments", &[Delete, Truncate]),
            ("truncate a, payments", &[Select, Delete, Truncate]),
            ("merge into payments using a on true when matched then delete", &[Select, Insert, Update, Delete]),
            ("delete from a using payments", &[Select]),
            ("delete from a where exists (select from payments)", &[Select]),
            ("drop policy p on payments", &Command::ALL),
            ("perform auth.unprotect_table('payments')", &Command::ALL),
            ("alter table payments disable row level security", &Command::ALL),
            ("execute 'delete from payments'", &[Select, Delete]),
            ("execute 'delete from ' || 'payments'", &[Select, Delete]),
        ] {
            let done: Vec<Command> = body(sql).does("public", "payments").iter().collect();
            assert_eq!(done, commands, "{sql}");
        }
    }

    #[test]
    fn sql_that_is_put_together_is_opaque() {
        for sql in [
            "execute statement",
            "execute 'delete from ' || name",
            "execute format('delete from %I', name)",
            "execute format('delete from %s', name) using 1",
            "execute format('delete from payments where id = %L', id) || tail",
            "return query execute statement",
            "perform query_to_xml(statement, true, true, '')",
            "perform dblink_exec('', statement)",
            "select * from crosstab(statement) as t(a int)",
            "do $d$ begin execute statement; end $d$",
            "do language plpgsql 'begin execute statement; end'",
            "execute $e$ do $d$ begin execute statement; end $d$ $e$",
            "execute function",
            "execute function;",
            "execute procedure into x",
            "for r in execute function loop",
            "execute function || name",
            "execute (select statement from statements)",
            "execute 'execute statement'",
        ] {
            assert!(body(sql).is_opaque, "{sql}");
        }
        for sql in [
            "execute 'delete from payments'",
            "execute 'delete from payments' using 1;",
            "execute $$delete from payments$$ into x;",
            "execute format('delete from payments where id = %L', upper(id));",
            "grant execute on function f() to anon",
            "create trigger t before insert on payments execute function f()",
            "create trigger t before insert on payments execute procedure s.f()",
            "insert into payments values (1) on conflict do nothing",
            "raise notice 'execute statement'",
            "-- execute statement",
        ] {
            assert!(!body(sql).is_opaque, "{sql}");
        }
    }
}
