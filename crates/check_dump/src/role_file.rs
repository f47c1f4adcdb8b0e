//! The file of roles, as `pg_dumpall --roles-only` writes it: one statement a line, of a few kinds.
//!
//! Nothing of it is run: roles need a superuser, and the file must not have one. Each line must be exactly of one of these kinds,
//! and its statement is made anew from its parts.

/// What the file says.
#[derive(Debug, Default, PartialEq)]
pub struct RoleFile {
    pub statements: Vec<RoleStatement>,
    /// The lines that are of none of these kinds, by number.
    pub unread: Vec<(usize, String)>,
}

/// A statement about roles.
#[derive(Debug, PartialEq)]
pub enum RoleStatement {
    Create(String),
    /// The words that say what a role may do.
    Attributes {
        role: String,
        words: Vec<String>,
    },
    Set {
        role: String,
        setting: String,
        values: Vec<String>,
    },
    Grant {
        role: String,
        to: String,
        inherits: Option<bool>,
        may_set: Option<bool>,
    },
    /// What a role may do with a setting.
    Parameter {
        privileges: &'static str,
        parameter: String,
        to: String,
    },
}

/// The privileges on a setting, as pg_dumpall writes them.
const ON_PARAMETER: [(&[&str], &str); 3] =
    [(&["SET"], "set"), (&["ALTER", "SYSTEM"], "alter system"), (&["ALL"], "all")];

const ATTRIBUTES: [&str; 14] = [
    "SUPERUSER",
    "NOSUPERUSER",
    "INHERIT",
    "NOINHERIT",
    "CREATEROLE",
    "NOCREATEROLE",
    "CREATEDB",
    "NOCREATEDB",
    "LOGIN",
    "NOLOGIN",
    "REPLICATION",
    "NOREPLICATION",
    "BYPASSRLS",
    "NOBYPASSRLS",
];

impl RoleFile {
    pub fn parse(text: &str) -> RoleFile {
        let mut file = RoleFile::default();
        for (number, line) in (1..).zip(text.lines()) {
            match parse_line(line.trim()) {
                Some(Some(statement)) => file.statements.push(statement),
                Some(None) => {}
                None => file.unread.push((number, line.trim().chars().take(60).collect())),
            }
        }
        file
    }
}

/// The statement of a line; `Some(None)` where it says nothing of roles, and `None` where it can't be read.
fn parse_line(line: &str) -> Option<Option<RoleStatement>> {
    let is_restriction = ["\\restrict ", "\\unrestrict "].iter().any(|it| line.starts_with(it));
    if line.is_empty() || line.starts_with("--") || is_restriction {
        return Some(None);
    }
    let tokens = tokens(line.strip_suffix(';')?)?;
    let mut rest = Tokens(&tokens);
    // SET, RESET: of the session that restores.
    if rest.words(&["SET"]) || rest.words(&["RESET"]) || rest.words(&["COMMENT", "ON", "ROLE"]) {
        return Some(None);
    }
    let statement = if rest.words(&["CREATE", "ROLE"]) {
        RoleStatement::Create(rest.name()?)
    } else if rest.words(&["ALTER", "ROLE"]) {
        let role = rest.name()?;
        if rest.words(&["IN", "DATABASE"]) {
            rest.name()?;
        }
        if rest.words(&["SET"]) { setting(role, &mut rest)? } else { attributes(role, &mut rest)? }
    } else if rest.words(&["GRANT"]) {
        match on_parameter(&mut rest) {
            Some(privileges) => parameter(privileges, &mut rest)?,
            None => membership(&mut rest)?,
        }
    } else {
        return None;
    };
    rest.0.is_empty().then_some(Some(statement))
}

fn attributes(role: String, rest: &mut Tokens<'_>) -> Option<RoleStatement> {
    rest.words(&["WITH"]).then_some(())?;
    let mut words = Vec::new();
    while !rest.0.is_empty() {
        if rest.words(&["CONNECTION", "LIMIT"]) || rest.words(&["PASSWORD"]) || rest.words(&["VALID", "UNTIL"]) {
            rest.value()?;
        } else {
            let word = ATTRIBUTES.into_iter().find(|word| rest.words(&[word]))?;
            words.push(word.to_owned());
        }
    }
    Some(RoleStatement::Attributes { role, words })
}

fn setting(role: String, rest: &mut Tokens<'_>) -> Option<RoleStatement> {
    let mut setting = rest.name()?;
    while rest.mark('.') {
        setting = format!("{setting}.{}", rest.name()?);
    }
    (rest.words(&["TO"]) || rest.mark('=')).then_some(())?;
    let mut values = vec![rest.value()?];
    while rest.mark(',') {
        values.push(rest.value()?);
    }
    Some(RoleStatement::Set { role, setting, values })
}

/// The privileges of a grant on a setting; `None`, and nothing taken, where it is another grant.
fn on_parameter(rest: &mut Tokens<'_>) -> Option<&'static str> {
    ON_PARAMETER
        .into_iter()
        .find_map(|(words, privileges)| rest.words(&[words, &["ON", "PARAMETER"]].concat()).then_some(privileges))
}

fn parameter(privileges: &'static str, rest: &mut Tokens<'_>) -> Option<RoleStatement> {
    let parameter = rest.name()?;
    rest.words(&["TO"]).then_some(())?;
    let to = rest.name()?;
    let _ = rest.words(&["WITH", "GRANT", "OPTION"]);
    Some(RoleStatement::Parameter { privileges, parameter, to })
}

fn membership(rest: &mut Tokens<'_>) -> Option<RoleStatement> {
    let role = rest.name()?;
    rest.words(&["TO"]).then_some(())?;
    let to = rest.name()?;
    let (mut inherits, mut may_set) = (None, None);
    if rest.words(&["WITH"]) {
        loop {
            if rest.words(&["ADMIN"]) {
                let _ = rest.words(&["OPTION"]) || rest.truth().is_some();
            } else if rest.words(&["INHERIT"]) {
                inherits = Some(rest.truth()?);
            } else {
                rest.words(&["SET"]).then_some(())?;
                may_set = Some(rest.truth()?);
            }
            if !rest.mark(',') {
                break;
            }
        }
    }
    if rest.words(&["GRANTED", "BY"]) {
        rest.name()?;
    }
    Some(RoleStatement::Grant { role, to, inherits, may_set })
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Name(String),
    Text(String),
    Mark(char),
}

/// The parts of a line; `None` where there is anything else.
fn tokens(line: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
        let (token, length) = match first {
            ' ' => {
                rest = &rest[1..];
                continue;
            }
            '"' => quoted(rest, '"').map(|(name, length)| (Token::Name(name), length))?,
            '\'' => quoted(rest, '\'').map(|(text, length)| (Token::Text(text), length))?,
            ',' | '=' | '.' => (Token::Mark(first), 1),
            first if first != '$' && is_of_word(first) => {
                let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            _ => return None,
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Some(tokens)
}

/// The text between quotes, where a doubled one stands for itself, and its length in bytes with them. A backslash is refused: it
/// could mean two things.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut found = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != quote {
            (letter != '\\').then_some(())?;
            found.push(letter);
        } else if letters.next_if(|(_, next)| *next == quote).is_some() {
            found.push(quote);
        } else {
            return Some((found, at + 1));
        }
    }
    None
}

struct Tokens<'a>(&'a [Token]);

impl Tokens<'_> {
    /// Takes these words, if they come next.
    fn words(&mut self, words: &[&str]) -> bool {
        let is_next = |(n, word): (usize, &&str)| matches!(self.0.get(n), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        let are_next = words.iter().enumerate().all(is_next);
        if are_next {
            self.0 = &self.0[words.len()..];
        }
        are_next
    }

    fn mark(&mut self, mark: char) -> bool {
        let is_next = self.0.first() == Some(&Token::Mark(mark));
        if is_next {
            self.0 = &self.0[1..];
        }
        is_next
    }

    /// A name: Postgres folds one without quotes to lower case.
    fn name(&mut self) -> Option<String> {
        let name = match self.0.first()? {
            Token::Word(word) => word.to_lowercase(),
            Token::Name(name) => name.clone(),
            _ => return None,
        };
        self.0 = &self.0[1..];
        Some(name)
    }

    fn value(&mut self) -> Option<String> {
        let value = match self.0.first()? {
            Token::Word(it) | Token::Name(it) | Token::Text(it) => it.clone(),
            Token::Mark(_) => return None,
        };
        self.0 = &self.0[1..];
        Some(value)
    }

    fn truth(&mut self) -> Option<bool> {
        if self.words(&["TRUE"]) || self.words(&["OPTION"]) {
            return Some(true);
        }
        self.words(&["FALSE"]).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Option<RoleStatement> {
        let mut file = RoleFile::parse(line);
        assert!(file.statements.len() + file.unread.len() <= 1, "{line}");
        file.statements.pop()
    }

    #[test]
    fn the_lines_of_pg_dumpall_are_read() {
        let role = || "service_role".to_owned();
        let create = |name: &str| Some(RoleStatement::Create(name.to_owned()));
        assert_eq!(one("CREATE ROLE service_role;"), create("service_role"));
        assert_eq!(one("CREATE ROLE \"a \"\"b; c\";"), create("a \"b; c"));
        let words = vec!["NOSUPERUSER".to_owned(), "BYPASSRLS".to_owned()];
        let attributes = "ALTER ROLE service_role WITH NOSUPERUSER BYPASSRLS CONNECTION LIMIT 5 PASSWORD 'x''y' VALID UNTIL '2030-01-01 00:00:00+00';";
        assert_eq!(one(attributes), Some(RoleStatement::Attributes { role: role(), words }));
        let set = |setting: &str, values: &[&str]| {
            let values = values.iter().map(|it| (*it).to_owned()).collect();
            Some(RoleStatement::Set { role: role(), setting: setting.to_owned(), values })
        };
        assert_eq!(
            one("ALTER ROLE service_role SET \"pgrst.db_pre_request\" TO 'a.b';"),
            set("pgrst.db_pre_request", &["a.b"])
        );
        assert_eq!(
            one("ALTER ROLE service_role IN DATABASE d SET search_path TO '$user', 'public';"),
            set("search_path", &["$user", "public"])
        );
        let grant =
            |inherits, may_set| Some(RoleStatement::Grant { role: "anon".to_owned(), to: role(), inherits, may_set });
        assert_eq!(one("GRANT anon TO service_role;"), grant(None, None));
        assert_eq!(
            one("GRANT anon TO service_role WITH ADMIN OPTION, INHERIT FALSE, SET TRUE GRANTED BY postgres;"),
            grant(Some(false), Some(true))
        );
        let parameter = |privileges| {
            let (parameter, to) = ("pgrst.db_pre_request".to_owned(), role());
            Some(RoleStatement::Parameter { privileges, parameter, to })
        };
        let on_parameter = "ON PARAMETER \"pgrst.db_pre_request\" TO service_role";
        assert_eq!(one(&format!("GRANT SET {on_parameter};")), parameter("set"));
        assert_eq!(one(&format!("GRANT ALTER SYSTEM {on_parameter};")), parameter("alter system"));
        assert_eq!(one(&format!("GRANT ALL {on_parameter} WITH GRANT OPTION;")), parameter("all"));
        let others = "--\n\n\\restrict abc\nSET client_encoding = 'UTF8';\nRESET ALL;\nCOMMENT ON ROLE anon IS 'a; b';\n\\unrestrict abc";
        assert_eq!(RoleFile::parse(others), RoleFile::default());
    }

    #[test]
    fn nothing_else_is_read() {
        for line in [
            "COPY t FROM PROGRAM 'true';",
            "CREATE ROLE a; COPY t FROM PROGRAM 'true';",
            "CREATE ROLE a SUPERUSER;",
            "ALTER ROLE a RENAME TO b;",
            "ALTER ROLE a WITH PASSWORD E'\\'; drop';",
            "GRANT SELECT ON t TO a;",
            "GRANT a TO b, c;",
            "GRANT SET ON PARAMETER a TO b, c;",
            "GRANT SET ON TABLE a TO b;",
            "CREATE ROLE a",
            "DO $$ begin end $$;",
            "\\! true",
            "ALTER ROLE a SET search_path TO $$x$$;",
        ] {
            assert_eq!(one(line), None, "{line}");
            assert_eq!(RoleFile::parse(line).unread.len(), 1, "{line}");
        }
    }
}
