//! Takes a body apart into statements, as pl_gram.y does. A body of another form is refused as a whole.

use std::ops::Range;

use super::Deed;
use super::statement::{Block, Body, Declaration, Does, Part, Statement, Target, Unparsed};
use crate::sql::{Token, placed_tokens, tokens};

/// How deep blocks and other statements may be nested.
const DEEPEST: usize = 60;

/// Words that are keywords if they aren't quoted.
const RESERVED: [&str; 24] = [
    "all", "begin", "by", "case", "declare", "else", "end", "execute", "for", "foreach", "from", "if", "in", "into",
    "loop", "not", "null", "or", "strict", "then", "to", "using", "when", "while",
];

type Parsed<T> = Result<T, Unparsed>;

impl Body {
    /// Takes a body apart.
    pub fn parse(source: &str) -> Result<Body, Unparsed> {
        let tokens: Vec<(Token<'_>, Range<usize>)> = placed_tokens(source).collect();
        let mut parser = Parser { source, tokens: &tokens, at: 0, lines: line_starts(source), labels: Vec::new() };
        if parser.has_unsure_backslash() || parser.has_unsure_name() {
            return Err(parser.unparsed());
        }
        parser.skip_options()?;
        let label = parser.label()?;
        let block = parser.block(label, 0)?;
        parser.take_symbol(';');
        match parser.token() {
            None => Ok(Body { source: source.to_owned(), block }),
            Some(_) => Err(parser.unparsed()),
        }
    }
}

/// Where each line begins.
fn line_starts(source: &str) -> Vec<usize> {
    std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Whether a loop's head, from IN on, names a cursor: neither a range, nor an array, nor a query.
fn fetches_from_cursor(head: &[(Token<'_>, Range<usize>)]) -> bool {
    let queries = ["select", "with", "values", "execute", "table", "insert", "update", "delete", "merge", "array"];
    let is_range = head.iter().any(|(token, _)| *token == Token::Operator(".."));
    let first = head.iter().map(|(token, _)| token).find(|token| !token.is_keyword("in"));
    let is_named = first.is_some_and(|first| first.name().is_some() && !queries.iter().any(|it| first.is_keyword(it)));
    is_named && !is_range && !head.iter().any(|(token, _)| token.is_keyword("array"))
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [(Token<'a>, Range<usize>)],
    at: usize,
    lines: Vec<usize>,
    /// The labels that EXIT has named so far.
    labels: Vec<String>,
}

impl<'a> Parser<'a> {
    fn token(&self) -> Option<&'a Token<'a>> {
        self.ahead(0)
    }

    fn ahead(&self, more: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at + more).map(|(token, _)| token)
    }

    /// Where the next token begins.
    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.source.len(), |(_, range)| range.start)
    }

    /// Where the token before the next one ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].1.end)
    }

    fn line_at(&self, place: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= place)).unwrap_or(u32::MAX)
    }

    fn line(&self) -> u32 {
        self.line_at(self.place())
    }

    fn unparsed(&self) -> Unparsed {
        Unparsed { line: self.line() }
    }

    fn part(&self, range: Range<usize>) -> Part {
        Part { line: self.line_at(range.start), range }
    }

    /// A setting decides what a backslash means in a plain string.
    fn has_unsure_backslash(&self) -> bool {
        let is_plain = |text: &str| text.starts_with(['\'', 'n', 'N', 'b', 'B', 'x', 'X']);
        let mut strings = self.tokens.iter().filter(|(token, _)| matches!(token, Token::Text(_)));
        strings.any(|(_, range)| {
            let text = &self.source[range.clone()];
            is_plain(text) && text.contains('\\')
        })
    }

    /// The encoding decides whether a letter beyond ASCII is folded to lower case.
    fn has_unsure_name(&self) -> bool {
        let may_fold = |name: &str| name.chars().any(|letter| !letter.is_ascii() && letter.is_uppercase());
        self.tokens.iter().any(|(token, _)| matches!(token, Token::Name { name, quoted: false } if may_fold(name)))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.token().is_some_and(|token| token.is_keyword(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_it = self.is_keyword(keyword);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect_keyword(&mut self, keyword: &str) -> Parsed<()> {
        if self.take_keyword(keyword) { Ok(()) } else { Err(self.unparsed()) }
    }

    fn is_symbol(&self, symbol: char) -> bool {
        self.token() == Some(&Token::Symbol(symbol))
    }

    fn take_symbol(&mut self, symbol: char) -> bool {
        let is_it = self.is_symbol(symbol);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect_symbol(&mut self, symbol: char) -> Parsed<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unparsed()) }
    }

    fn is_operator(&self, operator: &str) -> bool {
        self.token() == Some(&Token::Operator(operator))
    }

    /// A name that isn't a reserved keyword.
    fn name(&mut self) -> Parsed<String> {
        match self.token() {
            Some(Token::Name { name, quoted }) if *quoted || !RESERVED.contains(&name.as_ref()) => {
                self.at += 1;
                Ok(name.clone().into_owned())
            }
            _ => Err(self.unparsed()),
        }
    }

    /// `#variable_conflict use_column` and the like. With `use_variable`, a name of a column may mean a variable: that isn't read.
    fn skip_options(&mut self) -> Parsed<()> {
        while self.is_operator("#") {
            self.at += 1;
            self.name()?;
            if self.is_keyword("use_variable") {
                return Err(self.unparsed());
            }
            self.name()?;
        }
        Ok(())
    }

    /// `<<label>>`, if there is one.
    fn label(&mut self) -> Parsed<Option<String>> {
        if !self.is_operator("<<") {
            return Ok(None);
        }
        self.at += 1;
        let label = self.name()?;
        if !self.is_operator(">>") {
            return Err(self.unparsed());
        }
        self.at += 1;
        Ok(Some(label))
    }

    fn block(&mut self, label: Option<String>, depth: usize) -> Parsed<Block> {
        if depth > DEEPEST {
            return Err(self.unparsed());
        }
        let labels = self.labels.len();
        let mut declarations = Vec::new();
        if self.take_keyword("declare") {
            self.declarations(&mut declarations)?;
        }
        let start = self.place();
        self.expect_keyword("begin")?;
        let statements = self.statements(depth + 1)?;
        let mut handlers = Vec::new();
        if self.take_keyword("exception") {
            while self.take_keyword("when") {
                self.until(&["then"])?;
                self.at += 1;
                handlers.push(self.statements(depth + 1)?);
            }
            if handlers.is_empty() {
                return Err(self.unparsed());
            }
        }
        self.expect_keyword("end")?;
        let part = self.part(start..self.end());
        if !self.is_symbol(';') && self.token().is_some() {
            self.name()?;
        }
        let may_be_left = label.as_ref().is_some_and(|label| self.labels[labels..].contains(label));
        Ok(Block { label, declarations, statements, handlers, part, may_be_left })
    }

    fn declarations(&mut self, declarations: &mut Vec<Declaration>) -> Parsed<()> {
        while !self.is_keyword("begin") {
            if self.take_keyword("declare") {
                continue;
            }
            let name = self.name()?;
            declarations.push(self.declaration(name)?);
            self.expect_symbol(';')?;
        }
        Ok(())
    }

    fn declaration(&mut self, name: String) -> Parsed<Declaration> {
        let is_next = |n: usize, keyword: &str| self.ahead(n).is_some_and(|token| token.is_keyword(keyword));
        if is_next(0, "alias") && is_next(1, "for") {
            self.at += 2;
            let of = self.target()?;
            return Ok(Declaration::Alias { name, of });
        }
        if is_next(0, "cursor") || is_next(0, "scroll") || (is_next(0, "no") && is_next(1, "scroll")) {
            self.until(&[])?;
            return Ok(Declaration::Opaque { name });
        }
        if is_next(0, "constant") {
            self.at += 1;
        }
        let start = self.place();
        while !self.is_symbol(';') && !self.begins_default() && !self.is_keyword("not") && !self.is_keyword("collate") {
            if self.token().is_none() {
                return Err(self.unparsed());
            }
            self.at += 1;
        }
        // Texts that differ may be equal in a collation: then it is a type of its own.
        let end = if self.is_keyword("collate") { start } else { self.end().max(start) };
        let kind = self.part(start..end);
        let mut not_null = false;
        while !self.is_symbol(';') && !self.begins_default() {
            if self.token().is_none() {
                return Err(self.unparsed());
            }
            not_null |= self.is_keyword("not");
            self.at += 1;
        }
        let value = if self.is_symbol(';') {
            None
        } else {
            let start = match self.assignment() {
                Some(start) => start,
                None => {
                    self.at += 1;
                    self.place()
                }
            };
            self.until(&[])?;
            Some(self.part(start..self.place()))
        };
        Ok(Declaration::Variable { name, kind, not_null, value })
    }

    fn begins_default(&self) -> bool {
        self.is_operator("=") || self.is_keyword("default") || self.colon_equals().is_some()
    }

    /// Where the value begins behind `:=`. An operator that follows without a space is a token with its `=`.
    fn colon_equals(&self) -> Option<usize> {
        let (colon, its) = self.tokens.get(self.at)?;
        let (operator, place) = self.tokens.get(self.at + 1)?;
        let is_it = *colon == Token::Symbol(':')
            && matches!(operator, Token::Operator(operator) if operator.starts_with('='))
            && its.end == place.start;
        is_it.then_some(place.start + 1)
    }

    /// Takes `:=` or `=`, and says where the value begins.
    fn assignment(&mut self) -> Option<usize> {
        if let Some(start) = self.colon_equals() {
            self.at += 2;
            return Some(start);
        }
        if self.is_operator("=") {
            self.at += 1;
            return Some(self.end());
        }
        None
    }

    fn target(&mut self) -> Parsed<Target> {
        if let Some(Token::Parameter(number)) = self.token() {
            self.at += 1;
            return number[1..].parse().map(Target::Numbered).map_err(|_| self.unparsed());
        }
        let mut names = vec![self.name()?];
        while self.take_symbol('.') {
            names.push(self.name()?);
        }
        Ok(Target::Named(names))
    }

    fn targets(&mut self) -> Parsed<Vec<Target>> {
        let mut targets = vec![self.element()?];
        while self.take_symbol(',') {
            targets.push(self.element()?);
        }
        Ok(targets)
    }

    /// A target, or an element of one.
    fn element(&mut self) -> Parsed<Target> {
        let target = self.target()?;
        if !self.is_symbol('[') {
            return Ok(target);
        }
        let names = match target {
            Target::Named(names) => names,
            _ => return Err(self.unparsed()),
        };
        while self.is_symbol('[') {
            self.skip_brackets()?;
            while self.take_symbol('.') {
                self.name()?;
            }
        }
        Ok(Target::Element(names))
    }

    fn skip_brackets(&mut self) -> Parsed<()> {
        let mut depth = 0usize;
        loop {
            match self.token() {
                Some(Token::Symbol('[')) => depth += 1,
                Some(Token::Symbol(']')) => depth -= 1,
                None | Some(Token::Symbol(';')) => return Err(self.unparsed()),
                Some(_) => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Goes on to one of these keywords outside of parentheses; or to the end of the statement, where there are none.
    fn until(&mut self, keywords: &[&str]) -> Parsed<Part> {
        let start = self.place();
        let mut depth = 0usize;
        loop {
            match self.token() {
                None => return Err(self.unparsed()),
                Some(Token::Symbol(';')) if keywords.is_empty() && depth == 0 => break,
                Some(Token::Symbol(';')) => return Err(self.unparsed()),
                Some(Token::Symbol('(' | '[')) => depth += 1,
                Some(Token::Symbol(')' | ']')) => depth = depth.checked_sub(1).ok_or_else(|| self.unparsed())?,
                Some(token) if depth == 0 && keywords.iter().any(|keyword| token.is_keyword(keyword)) => break,
                Some(_) => {}
            }
            self.at += 1;
        }
        Ok(self.part(start..self.place()))
    }

    /// The statements up to a keyword that ends them.
    fn statements(&mut self, depth: usize) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        while !self.ends_statements() {
            statements.push(self.statement(depth)?);
        }
        Ok(statements)
    }

    fn ends_statements(&self) -> bool {
        let ends = ["end", "else", "when", "elsif", "elseif", "exception"];
        match self.token() {
            None => true,
            Some(token) => ends.iter().any(|keyword| token.is_keyword(keyword)) && !self.assigns_next(),
        }
    }

    /// Whether a name stands here that is assigned to: then it is no keyword.
    fn assigns_next(&self) -> bool {
        let follows = matches!(self.ahead(1), Some(Token::Symbol('.' | '[') | Token::Operator("=")));
        let colon = Parser { at: self.at + 1, lines: Vec::new(), labels: Vec::new(), ..*self }.colon_equals().is_some();
        match self.token() {
            Some(Token::Name { name, quoted }) => (follows || colon) && (*quoted || !RESERVED.contains(&name.as_ref())),
            Some(Token::Parameter(_)) => follows || colon,
            _ => false,
        }
    }

    fn statement(&mut self, depth: usize) -> Parsed<Statement> {
        if depth > DEEPEST {
            return Err(self.unparsed());
        }
        let line = self.line();
        let label = self.label()?;
        let does = if label.is_none() && self.assigns_next() {
            let target = self.element()?;
            let start = self.assignment().ok_or_else(|| self.unparsed())?;
            self.until(&[])?;
            Does::Assign { target, value: self.part(start..self.place()) }
        } else {
            let start = self.place();
            let keyword = match self.token() {
                Some(Token::Name { name, quoted: false }) => name.as_ref(),
                _ if label.is_some() => return Err(self.unparsed()),
                _ => "",
            };
            self.keyword(keyword, label, start, depth)?
        };
        self.expect_symbol(';')?;
        Ok(Statement { line, does })
    }

    fn keyword(&mut self, keyword: &str, label: Option<String>, start: usize, depth: usize) -> Parsed<Does> {
        if label.is_some() && !["declare", "begin", "loop", "while", "for", "foreach"].contains(&keyword) {
            return Err(self.unparsed());
        }
        match keyword {
            "declare" | "begin" => self.block(label, depth).map(Does::Block),
            "loop" | "while" | "for" | "foreach" => self.looping(label, start, depth),
            "if" => self.conditional(depth),
            "case" => self.case(depth),
            "exit" | "continue" => self.exit(),
            "return" => self.returning(),
            "raise" => self.raise(),
            "perform" => {
                self.at += 1;
                self.until(&[]).map(Does::Perform)
            }
            "assert" => self.until(&[]).map(Does::Assert),
            "null" => self.until(&[]).map(|part| Does::Nothing { part, targets: Vec::new() }),
            "get" => self.diagnostics(),
            _ => self.sql(keyword),
        }
    }

    fn conditional(&mut self, depth: usize) -> Parsed<Does> {
        let mut arms = Vec::new();
        loop {
            self.at += 1;
            let condition = self.until(&["then"])?;
            self.at += 1;
            arms.push((condition, self.statements(depth + 1)?));
            if !self.is_keyword("elsif") && !self.is_keyword("elseif") {
                break;
            }
        }
        let otherwise = if self.take_keyword("else") { self.statements(depth + 1)? } else { Vec::new() };
        self.expect_keyword("end")?;
        self.expect_keyword("if")?;
        Ok(Does::If { arms, otherwise })
    }

    fn case(&mut self, depth: usize) -> Parsed<Does> {
        self.at += 1;
        let tested = if self.is_keyword("when") { None } else { Some(self.until(&["when"])?) };
        let mut arms = Vec::new();
        while self.take_keyword("when") {
            let condition = self.until(&["then"])?;
            self.at += 1;
            arms.push((condition, self.statements(depth + 1)?));
        }
        let otherwise = if self.take_keyword("else") { Some(self.statements(depth + 1)?) } else { None };
        self.expect_keyword("end")?;
        self.expect_keyword("case")?;
        if arms.is_empty() {
            return Err(self.unparsed());
        }
        Ok(Does::Case { tested, arms, otherwise })
    }

    fn looping(&mut self, label: Option<String>, start: usize, depth: usize) -> Parsed<Does> {
        let counts = self.is_keyword("for") || self.is_keyword("foreach");
        if !self.is_keyword("loop") {
            self.at += 1;
        }
        let mut variables = Vec::new();
        if counts {
            let begins = self.at;
            self.until(&["in", "slice"])?;
            let names = self.tokens[begins..self.at].iter().filter_map(|(token, _)| token.name());
            variables.extend(names.map(str::to_owned));
        }
        let begins = self.at;
        let head = self.until(&["loop"])?;
        let of_cursor = counts && fetches_from_cursor(&self.tokens[begins..self.at]);
        self.at += 1;
        let statements = self.statements(depth + 1)?;
        self.expect_keyword("end")?;
        self.expect_keyword("loop")?;
        if !self.is_symbol(';') {
            self.name()?;
        }
        let part = self.part(start..self.end());
        Ok(Does::Loop { label, head, of_cursor, variables, statements, part })
    }

    fn exit(&mut self) -> Parsed<Does> {
        self.at += 1;
        if !self.is_symbol(';') && !self.is_keyword("when") {
            let label = self.name()?;
            self.labels.push(label);
        }
        let condition = if self.take_keyword("when") { Some(self.until(&[])?) } else { None };
        Ok(Does::Exit { condition })
    }

    fn returning(&mut self) -> Parsed<Does> {
        self.at += 1;
        if self.is_keyword("next") || self.is_keyword("query") {
            self.until(&[])?;
            return Ok(Does::ReturnRows);
        }
        let part = self.until(&[])?;
        Ok(Does::Return(if part.range.is_empty() { None } else { Some(part) }))
    }

    fn raise(&mut self) -> Parsed<Does> {
        self.at += 1;
        let told = ["warning", "notice", "info", "log", "debug"].iter().any(|level| self.is_keyword(level));
        if told || self.is_keyword("exception") {
            self.at += 1;
        }
        Ok(Does::Raise { ends: !told, arguments: self.until(&[])? })
    }

    /// `get diagnostics a = row_count, b = …`.
    fn diagnostics(&mut self) -> Parsed<Does> {
        let start = self.place();
        self.at += 1;
        let _ = self.take_keyword("current") || self.take_keyword("stacked");
        self.expect_keyword("diagnostics")?;
        let mut targets = Vec::new();
        loop {
            targets.push(self.element()?);
            if self.assignment().is_none() {
                return Err(self.unparsed());
            }
            self.name()?;
            if !self.take_symbol(',') {
                break;
            }
        }
        // What it asks for isn't SQL.
        Ok(Does::Nothing { part: self.part(start..start), targets })
    }

    /// The query that EXECUTE runs, where it is a constant that stands between the keyword, at this token, and this place.
    fn executed_query(&self, execute: usize, end: usize) -> Option<String> {
        let [(keyword, _), (Token::Text(query), text), rest @ ..] = self.tokens.get(execute..)? else { return None };
        let is_whole = rest.first().is_none_or(|(_, next)| next.start >= end);
        // A setting decides what a backslash means, and the encoding how letters beyond ASCII are folded.
        let is_plain = self.source[text.clone()].starts_with(['\'', '$']) && query.is_ascii() && !query.contains('\\');
        if !keyword.is_keyword("execute") || !is_whole || !is_plain {
            return None;
        }
        let mut tokens = tokens(query);
        // It makes a table with INTO, and another statement would stand behind a semicolon.
        let is_query = tokens.next()?.is_keyword("select")
            && tokens.all(|token| token != Token::Symbol(';') && !token.is_keyword("into"));
        is_query.then(|| query.clone().into_owned())
    }

    /// Any other statement, which ends at the next semicolon. INTO may stand anywhere in it.
    fn sql(&mut self, keyword: &str) -> Parsed<Does> {
        let (start, first) = (self.place(), self.at);
        let mut into: Option<(usize, usize)> = None;
        let mut targets = Vec::new();
        let mut depth = 0usize;
        while !self.is_symbol(';') {
            let after = |keyword: &str| self.at > first && self.tokens[self.at - 1].0.is_keyword(keyword);
            match self.token() {
                None => return Err(self.unparsed()),
                Some(Token::Symbol('(')) => depth += 1,
                Some(Token::Symbol(')')) => depth = depth.saturating_sub(1),
                // Another function's body may stand here, with semicolons of its own.
                Some(token) if token.is_keyword("atomic") && keyword == "create" => return Err(self.unparsed()),
                Some(token) if token.is_keyword("into") => {
                    let is_target = !after("insert") && !after("merge") && keyword != "import";
                    if is_target && (into.is_some() || depth > 0) {
                        return Err(self.unparsed());
                    }
                    if is_target {
                        let place = self.place();
                        self.at += 1;
                        self.take_keyword("strict");
                        targets = self.targets()?;
                        into = Some((place, self.end()));
                        continue;
                    }
                }
                Some(_) => {}
            }
            self.at += 1;
        }
        let part = self.part(start..self.place());
        if let Some(query) = self.executed_query(first, into.map_or(part.range.end, |(from, _)| from))
            && into.is_none_or(|(_, to)| to == part.range.end)
        {
            return Ok(Does::Into { query, targets, is_executed: true });
        }
        Ok(match (keyword, into) {
            ("select" | "with" | "values" | "table", Some((from, to))) => {
                let query = format!("{} {}", &self.source[start..from], &self.source[to..part.range.end]);
                Does::Into { query, targets, is_executed: false }
            }
            ("select" | "values" | "table" | "with", None) => {
                Does::Other { part, targets, deed: Deed::Nothing, sets_named: false }
            }
            ("set" | "reset" | "discard", _) => {
                Does::Other { part, targets, deed: Deed::ChangesSession, sets_named: false }
            }
            ("call" | "do" | "commit" | "rollback" | "execute" | "", _) => {
                Does::Other { part, targets, deed: Deed::ActsAndChangesSession, sets_named: true }
            }
            ("close", _) => Does::Other { part, targets, deed: Deed::Nothing, sets_named: true },
            _ => Does::Other { part, targets, deed: Deed::Acts, sets_named: true },
        })
    }
}
