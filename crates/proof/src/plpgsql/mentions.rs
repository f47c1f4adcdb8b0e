//! What a text calls and reads, by its names. It takes more for such than there is.

use crate::keywords::never_calls;
use crate::sql::{Token, tokens};

/// What something does to others than the session that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Nothing that matters.
    Nothing,
    /// It may change the claims, the role, or what names mean.
    ChangesSession,
    /// It may write, or read what isn't open to everybody.
    Acts,
    /// Both.
    ActsAndChangesSession,
}

impl Deed {
    /// What both do.
    #[must_use]
    pub fn and(self, other: Deed) -> Deed {
        match (self.acts() || other.acts(), self.changes_session() || other.changes_session()) {
            (false, false) => Deed::Nothing,
            (false, true) => Deed::ChangesSession,
            (true, false) => Deed::Acts,
            (true, true) => Deed::ActsAndChangesSession,
        }
    }

    /// Whether it may write, or read what isn't open to everybody.
    pub fn acts(self) -> bool {
        matches!(self, Deed::Acts | Deed::ActsAndChangesSession)
    }

    /// Whether questions about the session may have another answer behind it.
    pub fn changes_session(self) -> bool {
        matches!(self, Deed::ChangesSession | Deed::ActsAndChangesSession)
    }
}

/// Something that a text mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention<'a> {
    /// It calls a function of this name.
    Call(Option<&'a str>, &'a str),
    /// It reads a table of this name.
    Table(Option<&'a str>, &'a str),
    /// It makes a value of a type of this name.
    Type(Option<&'a str>, &'a str),
    /// It does this, also without a name.
    Does(Deed),
}

/// Functions whose arguments are written with FROM.
const WITH_FROM: &[&str] = &["extract", "overlay", "position", "substring", "trim"];

/// Operators that Postgres has. Another runs a function of somebody's.
const OPERATORS: &[&str] = &[
    "=", "<>", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "^", "||", "->", "->>", "#>", "#>>", "@>", "<@",
    "?", "?|", "?&", "&&", "~", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*", "@@", "@?", "#-", "=>", "..", "&", "|",
    "#", "<<", ">>", "|/", "||/", "@", "^@",
];

/// Types of Postgres' own, or words behind a cast.
const TYPES: &[&str] = &[
    "text",
    "varchar",
    "character",
    "char",
    "bpchar",
    "name",
    "bool",
    "boolean",
    "int",
    "integer",
    "int2",
    "int4",
    "int8",
    "bigint",
    "smallint",
    "numeric",
    "decimal",
    "real",
    "float",
    "float4",
    "float8",
    "double",
    "json",
    "jsonb",
    "jsonpath",
    "uuid",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "bytea",
    "inet",
    "cidr",
    "oid",
    "regclass",
    "regrole",
    "regproc",
    "regprocedure",
    "regtype",
    "regnamespace",
    "xid",
    "xml",
    "tstzrange",
    "citext",
    "bit",
];

/// Statements, or parts of them, that do something at any place.
const ACTING: &[&str] = &["insert", "update", "delete", "merge", "execute"];

/// Statements that do something where they begin.
const STATEMENTS: &[&str] = &[
    "alter", "analyze", "call", "cluster", "comment", "commit", "copy", "create", "do", "drop", "fetch", "grant",
    "import", "listen", "lock", "move", "notify", "open", "prepare", "refresh", "revoke", "rollback", "truncate",
    "vacuum",
];

/// Everything that a text mentions. It may be an expression, a query, or the whole body of a function.
pub fn mentions(sql: &str, mut found: impl FnMut(Mention<'_>)) {
    let mut scan = Scan { levels: vec![Level::default()], begins: true, found: &mut found };
    let all: Vec<Token<'_>> = tokens(sql).collect();
    let mut at = 0;
    while at < all.len() {
        at = scan.token(&all, at);
    }
}

/// The scan's knowledge between two parentheses.
#[derive(Default)]
struct Level {
    /// Whether it is of a function whose arguments are written with FROM.
    is_with_from: bool,
    /// Whether a FROM clause goes on.
    in_from: bool,
    /// Whether a table's name comes next.
    wants_table: bool,
}

struct Scan<'f> {
    levels: Vec<Level>,
    /// Whether a statement begins.
    begins: bool,
    found: &'f mut dyn FnMut(Mention<'_>),
}

impl Scan<'_> {
    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    /// Looks at a token, and answers which comes next.
    fn token(&mut self, all: &[Token<'_>], at: usize) -> usize {
        let begins = std::mem::take(&mut self.begins);
        match &all[at] {
            Token::Symbol('(') => {
                let is_with_from = at > 0 && WITH_FROM.iter().any(|word| all[at - 1].is_keyword(word));
                // A join, or a sub-select.
                let wants_table = std::mem::take(&mut self.level().wants_table);
                self.levels.push(Level { is_with_from, in_from: wants_table, wants_table });
                at + 1
            }
            Token::Symbol(')') => {
                self.levels.pop();
                at + 1
            }
            Token::Symbol(',') => {
                let level = self.level();
                level.wants_table = level.in_from;
                at + 1
            }
            Token::Symbol(':') if all.get(at + 1) == Some(&Token::Symbol(':')) => self.type_name(all, at + 2),
            Token::Symbol(';') => {
                self.levels.clear();
                self.begins = true;
                at + 1
            }
            Token::Operator(operator) => {
                // `:=` and an operator right behind it are one token.
                let operator = if at > 0 && all[at - 1] == Token::Symbol(':') {
                    operator.trim_start_matches('=')
                } else {
                    operator
                };
                if !operator.is_empty() && !OPERATORS.contains(&operator) {
                    (self.found)(Mention::Does(Deed::Acts));
                }
                at + 1
            }
            Token::Name { quoted: false, name } if self.keyword(name, all, at, begins) => at + 1,
            Token::Name { .. } => self.name(all, at),
            _ => at + 1,
        }
    }

    /// Whether a name is a keyword that matters here.
    fn keyword(&mut self, name: &str, all: &[Token<'_>], at: usize, begins: bool) -> bool {
        let after = |keyword: &str| at > 0 && all[at - 1].is_keyword(keyword);
        match name {
            "from" | "join" if !after("distinct") && !self.level().is_with_from => {
                let level = self.level();
                (level.in_from, level.wants_table) = (true, true);
            }
            "table" => self.level().wants_table = true,
            "lateral" | "only" => {}
            "where" | "group" | "having" | "order" | "limit" | "offset" | "union" | "intersect" | "except"
            | "window" | "select" => {
                let level = self.level();
                (level.in_from, level.wants_table) = (false, false);
            }
            "then" | "else" | "loop" | "begin" => self.begins = true,
            _ if ACTING.contains(&name) => {
                let deed = if name == "execute" { Deed::ActsAndChangesSession } else { Deed::Acts };
                (self.found)(Mention::Does(deed));
            }
            "call" | "do" | "commit" | "rollback" if begins => (self.found)(Mention::Does(Deed::ActsAndChangesSession)),
            "set" | "reset" | "discard" if begins => (self.found)(Mention::Does(Deed::ChangesSession)),
            _ if begins && STATEMENTS.contains(&name) => (self.found)(Mention::Does(Deed::Acts)),
            _ => return false,
        }
        true
    }

    /// A name of one or more parts: of a table, a function, or something that doesn't matter.
    fn name(&mut self, all: &[Token<'_>], at: usize) -> usize {
        let (schema, name, next) = full_name(all, at);
        let wants_table = std::mem::take(&mut self.level().wants_table);
        if all.get(next) == Some(&Token::Symbol('(')) {
            // The name of a function may be a keyword, too. Then it counts as a call, and there may be no such function.
            if !matches!(&all[at], Token::Name { quoted: false, .. } if next == at + 1 && never_calls(name)) {
                (self.found)(Mention::Call(schema, name));
            }
        } else if wants_table {
            (self.found)(Mention::Table(schema, name));
        }
        next
    }

    fn type_name(&mut self, all: &[Token<'_>], at: usize) -> usize {
        if all.get(at).and_then(Token::name).is_none() {
            return at;
        }
        let (schema, name, next) = full_name(all, at);
        if schema.is_some_and(|schema| schema != "pg_catalog") || !TYPES.contains(&name) {
            (self.found)(Mention::Type(schema, name));
        }
        next
    }
}

/// The last two parts of a name, and what comes behind it.
fn full_name<'a>(all: &'a [Token<'_>], at: usize) -> (Option<&'a str>, &'a str, usize) {
    let mut schema = None;
    let mut name = all[at].name().unwrap_or_default();
    let mut next = at + 1;
    while let (Some(Token::Symbol('.')), Some(part)) = (all.get(next), all.get(next + 1).and_then(Token::name)) {
        schema = Some(std::mem::replace(&mut name, part));
        next += 2;
    }
    (schema, name, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(sql: &str) -> Vec<String> {
        let mut calls = Vec::new();
        mentions(sql, |mention| {
            if let Mention::Call(_, name) = mention {
                calls.push(name.to_owned());
            }
        });
        calls
    }

    #[test]
    fn a_keyword_that_a_function_may_have_as_its_name_is_a_call() {
        for name in ["query", "notice", "cube", "sets", "within", "raise", "if", "\"and\"", "s.values"] {
            let expected = name.trim_matches('"').trim_start_matches("s.");
            assert_eq!(calls(&format!("perform {name}()")), [expected], "{name}");
        }
        assert_eq!(calls("select (a) and (b) or exists (select 1) and x in (1)"), [""; 0]);
    }
}
