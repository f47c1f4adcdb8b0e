//! SQL taken apart into tokens by Postgres' own rules: what in a text is a name, what a string, and what a comment.
//!
//! It reads the bodies of functions in SQL and PL/pgSQL, which share these rules. It reads as Postgres does in a
//! database with encoding UTF8 and `standard_conforming_strings = on`. A string, a quoted name or a comment that never
//! ends reaches to the text's end. Every text has tokens, and they are found in linear time.
//!
//! Source: Postgres' src/backend/parser/scan.l.

use std::borrow::Cow;
use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

/// A token. Spaces and comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword or an identifier, as Postgres compares it: folded to lower case unless it was quoted.
    Name {
        /// The name.
        name: Cow<'a, str>,
        /// Whether it was quoted, so that it is no keyword.
        quoted: bool,
    },
    /// The content of a string constant of any kind: `'…'`, `E'…'`, `U&'…'`, `$tag$…$tag$`, also in several parts.
    Text(Cow<'a, str>),
    /// A number.
    Number(&'a str),
    /// A parameter: `$1`.
    Parameter(&'a str),
    /// An operator of one or more characters, as Postgres puts them together; also PL/pgSQL's `..`.
    Operator(&'a str),
    /// Any other character: `(`, `;`, `.`.
    Symbol(char),
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self, Token::Name { name, quoted: false } if name == keyword)
    }

    /// The name, if it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Token::Name { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What the string contains, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Token::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// How the names of functions begin that run a query which they are given, or read a table that they are told. Some are declared STABLE.
pub const RUNS_QUERY: [&str; 12] = [
    "query_to_xml",
    "cursor_to_xml",
    "table_to_xml",
    "schema_to_xml",
    "database_to_xml",
    "dblink",
    "ts_stat",
    "ts_rewrite",
    "crosstab",
    "connectby",
    "xpath_table",
    "pg_background_launch",
];

/// Whether a function of this name runs a query which it is given, or reads a table that it is told: one of Postgres' own, or of an
/// extension.
pub fn runs_query(function: &str) -> bool {
    RUNS_QUERY.iter().any(|start| function.starts_with(start))
}

/// The tokens of a text.
pub fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { rest: sql }
}

/// The tokens of a text, each with its place there: the bytes that it takes.
pub fn placed_tokens(sql: &str) -> impl Iterator<Item = (Token<'_>, Range<usize>)> {
    let mut tokens = tokens(sql);
    std::iter::from_fn(move || {
        tokens.skip_spaces_and_comments();
        let start = sql.len() - tokens.rest.len();
        let token = tokens.next()?;
        Some((token, start..sql.len() - tokens.rest.len()))
    })
}

/// Finds one token after the other.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_spaces_and_comments();
        let first = self.rest.chars().next()?;
        Some(match first {
            '\'' => self.string(1, Escapes::None),
            'e' | 'E' if self.follows(1, "'") => self.string(2, Escapes::Backslash),
            'n' | 'N' | 'b' | 'B' | 'x' | 'X' if self.follows(1, "'") => self.string(2, Escapes::None),
            'u' | 'U' if self.follows(1, "&'") => self.unicode_string(),
            'u' | 'U' if self.follows(1, "&\"") => self.unicode_name(),
            '"' => Token::Name { name: truncated(self.until_quote(1, '"', false)), quoted: true },
            '$' => self.dollar(),
            _ if begins_name(first) => self.name(),
            _ if first.is_ascii_digit() || (first == '.' && self.digit_follows(1)) => Token::Number(self.number()),
            '.' if self.follows(1, ".") => Token::Operator(self.advance(2)),
            _ if OPERATOR.contains(first) => Token::Operator(self.operator()),
            _ => {
                self.advance(first.len_utf8());
                Token::Symbol(first)
            }
        })
    }
}

/// What operators are made of.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

/// The bytes that a name has at most: NAMEDATALEN - 1.
const NAME_LENGTH: usize = 63;

/// How a string writes characters that can't stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// A quote by two.
    None,
    /// Also by a backslash.
    Backslash,
}

impl<'a> Tokens<'a> {
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// Whether this follows after some bytes of ASCII.
    fn follows(&self, after: usize, text: &str) -> bool {
        self.rest.as_bytes()[after..].starts_with(text.as_bytes())
    }

    fn digit_follows(&self, after: usize) -> bool {
        self.rest.as_bytes().get(after).is_some_and(u8::is_ascii_digit)
    }

    /// The length of what begins the rest and is all such.
    fn run(&self, is_such: impl Fn(char) -> bool) -> usize {
        self.rest.find(|letter| !is_such(letter)).unwrap_or(self.rest.len())
    }

    fn skip_spaces_and_comments(&mut self) {
        loop {
            self.advance(self.run(is_space));
            if self.rest.starts_with("--") {
                self.advance(self.run(|letter| !is_line_end(letter)));
            } else if self.rest.starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    /// A comment in stars, which can hold others.
    fn skip_comment(&mut self) {
        let mut depth = 0usize;
        let mut at = 0;
        let bytes = self.rest.as_bytes();
        while at < bytes.len() {
            match &bytes[at..] {
                [b'/', b'*', ..] => {
                    depth += 1;
                    at += 2;
                }
                [b'*', b'/', ..] => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                }
                _ => at += 1,
            }
        }
        self.advance(at);
    }

    /// The text before the quote that ends it, after `opening` bytes. Two quotes are one within. With backslashes a
    /// quote behind one is no end; they stay as they are.
    fn until_quote(&mut self, opening: usize, quote: char, backslashes: bool) -> Cow<'a, str> {
        self.advance(opening);
        let bytes = self.rest.as_bytes();
        let mut doubled = false;
        let mut at = 0;
        while at < bytes.len() {
            match &bytes[at..] {
                [b'\\', _, ..] if backslashes => at += 2,
                [a, b, ..] if *a == quote as u8 && a == b => {
                    doubled = true;
                    at += 2;
                }
                [a, ..] if *a == quote as u8 => break,
                _ => at += 1,
            }
        }
        // A quote, or the end: no byte within a longer character is one.
        let content = self.advance(at);
        if !self.rest.is_empty() {
            self.advance(1);
        }
        if doubled && !backslashes { without_doubled(content, quote).into() } else { content.into() }
    }

    fn string(&mut self, opening: usize, escapes: Escapes) -> Token<'a> {
        let backslashes = escapes == Escapes::Backslash;
        let mut content = self.until_quote(opening, '\'', backslashes);
        while self.continues() {
            let more = self.until_quote(1, '\'', backslashes);
            content.to_mut().push_str(&more);
        }
        Token::Text(if backslashes { unescaped(&content).into() } else { content })
    }

    /// Whether the string goes on: after a line's end, with nothing but spaces and comments of one line between.
    fn continues(&mut self) -> bool {
        let mut ahead = self.clone();
        loop {
            ahead.advance(ahead.run(is_space));
            if !ahead.rest.starts_with("--") {
                break;
            }
            ahead.advance(ahead.run(|letter| !is_line_end(letter)));
        }
        let between = &self.rest[..self.rest.len() - ahead.rest.len()];
        let goes_on = ahead.rest.starts_with('\'') && between.contains(is_line_end);
        if goes_on {
            *self = ahead;
        }
        goes_on
    }

    fn unicode_string(&mut self) -> Token<'a> {
        let Token::Text(content) = self.string(3, Escapes::None) else { return Token::Symbol('\'') };
        let escape = self.unicode_escape();
        Token::Text(unicode_unescaped(content, escape))
    }

    fn unicode_name(&mut self) -> Token<'a> {
        let content = self.until_quote(3, '"', false);
        let escape = self.unicode_escape();
        Token::Name { name: truncated(unicode_unescaped(content, escape)), quoted: true }
    }

    /// The character that `uescape '…'` names, if that follows; else a backslash.
    fn unicode_escape(&mut self) -> char {
        let mut ahead = self.clone();
        ahead.skip_spaces_and_comments();
        let is_uescape = ahead.rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("uescape"));
        if is_uescape {
            ahead.advance(7);
            ahead.skip_spaces_and_comments();
            if let (true, Some(escape)) = (ahead.rest.starts_with('\''), ahead.rest[..].chars().nth(1))
                && ahead.rest[1 + escape.len_utf8()..].starts_with('\'')
            {
                ahead.advance(2 + escape.len_utf8());
                *self = ahead;
                return escape;
            }
        }
        '\\'
    }

    /// `$1`, `$tag$…$tag$`, or a dollar.
    fn dollar(&mut self) -> Token<'a> {
        if self.digit_follows(1) {
            let digits = self.rest[1..].find(|letter: char| !letter.is_ascii_digit());
            return Token::Parameter(self.advance(digits.map_or(self.rest.len(), |digits| digits + 1)));
        }
        let tag = self.rest[1..].find(|letter: char| !is_of_name(letter) || letter == '$').map(|length| length + 1);
        match tag {
            Some(length) if self.rest[length..].starts_with('$') => {
                let tag = self.advance(length + 1);
                let end = self.rest.find(tag);
                let content = self.advance(end.unwrap_or(self.rest.len()));
                self.advance(end.map_or(0, |_| tag.len()));
                Token::Text(content.into())
            }
            _ => {
                self.advance(1);
                Token::Symbol('$')
            }
        }
    }

    fn name(&mut self) -> Token<'a> {
        let name = self.advance(self.run(is_of_name));
        let folded: Cow<'a, str> = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            name.into()
        };
        Token::Name { name: truncated(folded), quoted: false }
    }

    /// A number with what directly follows it. Of `1..9` only the 1.
    fn number(&mut self) -> &'a str {
        let is_of_number = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut length = self.run(is_of_number);
        if self.rest[length..].starts_with('.') && !self.rest[length..].starts_with("..") {
            let fraction = &self.rest[length + 1..];
            length += 1 + fraction.find(|letter| !is_of_number(letter)).unwrap_or(fraction.len());
        }
        self.advance(length)
    }

    /// Postgres takes all that can be part of one, but ends it where a comment begins.
    fn operator(&mut self) -> &'a str {
        let is_of_operator = |byte: &u8| OPERATOR.as_bytes().contains(byte);
        // Postgres refuses longer ones.
        let length = self.rest.bytes().take(NAME_LENGTH).take_while(is_of_operator).count();
        let operator = &self.rest[..length];
        // None is at its very beginning: that was skipped before.
        let comment = operator.find("--").into_iter().chain(operator.find("/*")).min();
        let operator = &operator[..comment.unwrap_or(length)];
        // A sign at its end is the next token's, except behind characters that SQL itself has no operators of.
        let length = if operator.contains(|letter| "~!@#%^&|`?".contains(letter)) {
            operator.len()
        } else {
            operator.trim_end_matches(['+', '-']).len().max(1)
        };
        self.advance(length)
    }
}

/// As scan.l's `space`.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}

fn begins_name(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii()
}

fn is_of_name(letter: char) -> bool {
    begins_name(letter) || letter.is_ascii_digit() || letter == '$'
}

/// As Postgres cuts a name that is too long.
fn truncated(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.len() <= NAME_LENGTH {
        return name;
    }
    let length = (0..=NAME_LENGTH).rev().find(|length| name.is_char_boundary(*length)).unwrap_or_default();
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[..length]),
        Cow::Owned(mut name) => {
            name.truncate(length);
            Cow::Owned(name)
        }
    }
}

fn without_doubled(content: &str, quote: char) -> String {
    let mut kept = String::with_capacity(content.len());
    let mut letters = content.chars().peekable();
    while let Some(letter) = letters.next() {
        kept.push(letter);
        if letter == quote {
            letters.next_if_eq(&quote);
        }
    }
    kept
}

/// What `E'…'` stands for. It may write bytes that are no UTF-8, which Postgres refuses.
fn unescaped(content: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(content.len());
    let mut letters = content.chars().peekable();
    // The first half of a surrogate pair.
    let mut half = None;
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\'' => {
                letters.next_if_eq(&'\'');
                Some('\'')
            }
            '\\' => match letters.next() {
                None => None,
                Some('b') => Some('\x08'),
                Some('f') => Some('\x0c'),
                Some('n') => Some('\n'),
                Some('r') => Some('\r'),
                Some('t') => Some('\t'),
                Some('v') => Some('\x0b'),
                Some(first @ '0'..='7') => {
                    let value = digits(&mut letters, 8, 2, first.to_digit(8).unwrap_or_default());
                    bytes.push((value & 0xFF) as u8);
                    None
                }
                Some('x') if letters.peek().is_some_and(char::is_ascii_hexdigit) => {
                    bytes.push((digits(&mut letters, 16, 2, 0) & 0xFF) as u8);
                    None
                }
                Some('u') => paired(&mut half, digits(&mut letters, 16, 4, 0)),
                Some('U') => paired(&mut half, digits(&mut letters, 16, 8, 0)),
                other => other,
            },
            other => Some(other),
        };
        if let Some(plain) = plain {
            bytes.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads digits, `most` at most, behind those that `value` is of.
fn digits(letters: &mut Peekable<Chars<'_>>, radix: u32, most: usize, mut value: u32) -> u32 {
    for _ in 0..most {
        let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(radix)) else { break };
        letters.next();
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    value
}

/// What `U&'…'` stands for.
fn unicode_unescaped(content: Cow<'_, str>, escape: char) -> Cow<'_, str> {
    if !content.contains(escape) {
        return content;
    }
    let mut plain = String::with_capacity(content.len());
    let mut half = None;
    let mut rest = &content[..];
    while let Some(at) = rest.find(escape) {
        plain.push_str(&rest[..at]);
        rest = &rest[at + escape.len_utf8()..];
        if let Some(after) = rest.strip_prefix(escape) {
            plain.push(escape);
            rest = after;
            continue;
        }
        let (from, to) = if rest.starts_with('+') { (1, 7) } else { (0, 4) };
        let value = rest.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        // Postgres refuses an escape without its four or six digits.
        let Some(value) = value.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { continue };
        plain.extend(paired(&mut half, value));
        rest = &rest[to..];
    }
    plain.push_str(rest);
    plain.into()
}

/// The character of a code, which may need two: then `half` keeps the first.
fn paired(half: &mut Option<u32>, value: u32) -> Option<char> {
    match (value, half.take()) {
        (0xD800..=0xDBFF, _) => {
            *half = Some(value);
            None
        }
        (0xDC00..=0xDFFF, Some(first)) => char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (value - 0xDC00)),
        _ => char::from_u32(value),
    }
}

#[cfg(test)]
mod tests;
