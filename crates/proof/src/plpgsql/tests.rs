//! What bodies come to, by kind of session. The texts in them are read by a reader of a few expressions.

use super::*;
use crate::sql::{Token, tokens};
use crate::{Comparison, Evaluation, Expression, Outcomes, Rows, Session, TableId, Truth, Value};
use aal::Level;
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Bool,
    Text,
    Other,
}

/// Reads comparisons of names, strings and a few calls: `level()`, `has_aal2()`, `require_aal2()`, `acts()`, `forges()`.
struct Few {
    steps: usize,
    is_void: bool,
}

fn few() -> Few {
    Few { steps: 10_000, is_void: false }
}

type Typed = (Expression, Kind);

struct Texts<'t, 's> {
    tokens: Vec<Token<'t>>,
    at: usize,
    scope: &'s Scope<'s, Kind>,
    /// Whether there is a FROM clause, so that a name can be a column's.
    has_from: bool,
}

impl Texts<'_, '_> {
    fn take(&mut self, keyword: &str) -> bool {
        let is_it = match self.tokens.get(self.at) {
            Some(Token::Symbol(symbol)) => symbol.to_string() == keyword,
            Some(Token::Operator(operator)) => *operator == keyword,
            Some(token) => token.is_keyword(keyword),
            None => false,
        };
        self.at += usize::from(is_it);
        is_it
    }

    fn or(&mut self) -> Option<Typed> {
        let mut all = vec![self.and()?];
        while self.take("or") {
            all.push(self.and()?);
        }
        Some(if all.len() == 1 {
            all.remove(0)
        } else {
            (Expression::Or(all.into_iter().map(|it| it.0).collect()), Kind::Bool)
        })
    }

    fn and(&mut self) -> Option<Typed> {
        let mut all = vec![self.not()?];
        while self.take("and") {
            all.push(self.not()?);
        }
        Some(if all.len() == 1 {
            all.remove(0)
        } else {
            (Expression::And(all.into_iter().map(|it| it.0).collect()), Kind::Bool)
        })
    }

    fn not(&mut self) -> Option<Typed> {
        if self.take("not") { Some((self.not()?.0.negate(), Kind::Bool)) } else { self.compared() }
    }

    fn compared(&mut self) -> Option<Typed> {
        let (a, kind) = self.atom()?;
        let compare = |comparison, a, b| Expression::Compare(comparison, Box::new(a), Box::new(b));
        let read = if self.take("=") {
            compare(Comparison::Equal, a, self.atom()?.0)
        } else if self.take("<>") {
            compare(Comparison::Equal, a, self.atom()?.0).negate()
        } else if self.take("in") {
            compare(Comparison::Equal, a, self.atom()?.0)
        } else if self.take("is") {
            let negated = self.take("not");
            if self.take("distinct") {
                self.take("from").then_some(())?;
                let same = compare(Comparison::Same, a, self.atom()?.0);
                if negated { same } else { same.negate() }
            } else {
                let truth = if self.take("null") {
                    Truth::Null
                } else if self.take("true") {
                    Truth::True
                } else {
                    self.take("false").then_some(Truth::False)?
                };
                Expression::Is { truth, negated, tested: Box::new(a) }
            }
        } else {
            return Some((a, kind));
        };
        Some((read, Kind::Bool))
    }

    fn atom(&mut self) -> Option<Typed> {
        if self.take("(") {
            let it = self.or()?;
            return self.take(")").then_some(it);
        }
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Text(text) => Some((Expression::Constant(Value::text(&text)), Kind::Text)),
            Token::Parameter(number) => found(self.scope.parameter(number[1..].parse().ok()?)),
            Token::Name { name, quoted: false } if ["true", "false", "null"].contains(&&*name) => Some(match &*name {
                "null" => (Expression::NULL, Kind::Text),
                truth => (Expression::Constant(Value::Bool(truth == "true")), Kind::Bool),
            }),
            Token::Name { name, .. } => {
                let mut parts = vec![name.into_owned()];
                while self.take(".") {
                    parts.push(self.tokens.get(self.at)?.name()?.to_owned());
                    self.at += 1;
                }
                if self.take("(") {
                    self.take(")").then_some(())?;
                    return Some(called(&parts));
                }
                if self.has_from { None } else { found(self.scope.find(&parts)) }
            }
            _ => None,
        }
    }
}

fn found(found: Found<'_, Kind>) -> Option<Typed> {
    match found {
        Found::Variable(value, kind) => Some((value.clone(), kind)),
        Found::Unknown | Found::None => None,
    }
}

fn called(parts: &[String]) -> Typed {
    let has_level = |raises| Expression::HasLevel {
        level: Box::new(Expression::Constant(Value::text("aal2"))),
        max_age: Box::new(Expression::NULL),
        raises,
    };
    match parts[parts.len() - 1].as_str() {
        "level" => (Expression::Level, Kind::Text),
        "has_aal2" => (has_level(false), Kind::Bool),
        "require_aal2" => (has_level(true), Kind::Bool),
        "of_hidden" => {
            let rows = Rows { reads: TableId::new(1).into_iter().collect(), ..Rows::one() };
            (Expression::Select { target: Box::new(Expression::Constant(Value::Bool(true))), rows }, Kind::Bool)
        }
        _ => (Expression::unknown(), Kind::Bool),
    }
}

impl Reader for Few {
    type Kind = Kind;

    fn kind(&mut self, name: &str) -> (Kind, bool) {
        match name.trim() {
            "text" => (Kind::Text, true),
            "boolean" => (Kind::Bool, true),
            _ => (Kind::Other, false),
        }
    }

    fn boolean(&self) -> Kind {
        Kind::Bool
    }

    fn expression(&mut self, text: &str, scope: &Scope<'_, Kind>) -> Typed {
        let mut texts = Texts { tokens: tokens(text).collect(), at: 0, scope, has_from: false };
        let read = texts.or().filter(|_| texts.at == texts.tokens.len());
        read.unwrap_or((Expression::unknown(), Kind::Other))
    }

    fn query(&mut self, text: &str, scope: &Scope<'_, Kind>) -> Option<(Vec<Typed>, Expression)> {
        let has_from = tokens(text).any(|token| token.is_keyword("from"));
        let mut texts = Texts { tokens: tokens(text).collect(), at: 0, scope, has_from };
        texts.take("select").then_some(())?;
        let mut columns = vec![texts.or()?];
        while texts.take(",") {
            columns.push(texts.or()?);
        }
        let filter = if texts.take("where") { Some(texts.or()?.0) } else { None };
        if !has_from && texts.at != texts.tokens.len() {
            return None;
        }
        let rows = Rows { filter: filter.map(Box::new), from: has_from, ..Rows::one() };
        let of_rows = |(target, kind)| (Expression::Select { target: Box::new(target), rows: rows.clone() }, kind);
        Some((columns.into_iter().map(of_rows).collect(), Expression::Exists(rows.clone())))
    }

    fn assigned(&mut self, (value, from): Typed, to: Kind) -> Expression {
        if from == to || value == Expression::NULL { value } else { Expression::unknown() }
    }

    fn deed(&mut self, mention: Mention<'_>) -> Deed {
        match mention {
            Mention::Does(deed) => deed,
            Mention::Call(_, "acts") => Deed::Acts,
            Mention::Call(_, "forges" | "set_config") => Deed::ChangesSession,
            Mention::Table(_, "factors") => Deed::Nothing,
            Mention::Table(..) => Deed::Acts,
            Mention::Call(..) | Mention::Type(..) => Deed::Nothing,
        }
    }

    fn copy(&mut self, expression: &Expression) -> Expression {
        if self.spend(expression.extent().0) { expression.clone() } else { Expression::too_large() }
    }

    fn spend(&mut self, steps: usize) -> bool {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(0);
        left.is_some()
    }

    fn name(&self) -> String {
        "f".to_owned()
    }

    fn is_void(&self) -> bool {
        self.is_void
    }

    fn full_name(&self) -> String {
        "public.f()".to_owned()
    }
}

fn parameters() -> Vec<Parameter<Kind>> {
    let unknown = |name: &str, kind| Parameter { name: name.to_owned(), kind, value: Expression::unknown() };
    let level = Parameter { name: "given".to_owned(), kind: Kind::Text, value: Expression::Level };
    vec![level, unknown("flag", Kind::Bool), unknown("any", Kind::Text)]
}

fn at(level: Option<Level>) -> Session {
    Session { level, ..Session::NOBODY }
}

/// The lowest level at which this can be true.
fn lowest(expression: &Expression) -> &'static str {
    let could = |level| Evaluation::new(at(level), None, None, true).outcomes(expression).can_be_true();
    let all = [(None, "none"), (Some(Level::Aal1), "aal1"), (Some(Level::Aal2), "aal2"), (Some(Level::Aal3), "aal3")];
    all.into_iter().find(|(level, _)| could(*level)).map_or("never", |(_, name)| name)
}

/// At which level a function that answers with a boolean can be true.
fn answers(source: &str) -> &'static str {
    match Body::parse(source) {
        Ok(body) => lowest(&answer(&body, parameters(), Kind::Bool, &mut few()).0),
        Err(Unparsed { .. }) => "unparsed",
    }
}

/// From which level on a function does something.
fn passes(source: &str) -> &'static str {
    match Body::parse(source) {
        Ok(body) => lowest(&passage(&body, parameters(), &mut few()).0),
        Err(Unparsed { .. }) => "unparsed",
    }
}

fn outcomes(source: &str, level: Option<Level>) -> Outcomes {
    let body = Body::parse(source).unwrap();
    let (answer, _) = answer(&body, parameters(), Kind::Bool, &mut few());
    Evaluation::new(at(level), None, None, true).outcomes(&answer)
}

/// Also where nothing is made of what it reads.
#[test]
fn a_function_that_reads_a_table_which_its_caller_may_not_read_raises() {
    for source in [
        "declare x boolean := of_hidden(); begin return true; end",
        "declare x boolean; begin x := of_hidden(); return true; end",
        "declare x boolean; begin select of_hidden() into x; return true; end",
        "begin perform of_hidden(); return true; end",
        "declare x boolean; begin if has_aal2() then x := of_hidden(); else return false; end if; return true; end",
    ] {
        let body = Body::parse(source).unwrap();
        let (answer, _) = answer(&body, parameters(), Kind::Bool, &mut few());
        let (none, all) = (HashSet::new(), TableId::new(1).into_iter().collect::<HashSet<TableId>>());
        let can_be_true = |readable| {
            Evaluation::new(at(Some(Level::Aal2)), None, Some(readable), true).outcomes(&answer).can_be_true()
        };
        assert!(!can_be_true(&none), "{source}");
        assert!(can_be_true(&all), "{source}");
    }
}

#[test]
fn a_gate_answers_what_its_statements_come_to() {
    for (source, expected) in [
        ("begin return has_aal2(); end", "aal2"),
        ("\nBEGIN\n  RETURN level() = 'aal2';\nEND;\n", "aal2"),
        ("begin if level() = 'aal2' then return true; end if; return false; end", "aal2"),
        ("begin if level() = 'aal2' then return true; else return false; end if; end", "aal2"),
        ("begin if level() is distinct from 'aal2' then return false; end if; return true; end", "aal2"),
        ("begin if not has_aal2() then raise exception 'no'; end if; return true; end", "aal2"),
        ("begin if not has_aal2() then raise 'no % %', 1, 2 using errcode = '42501'; end if; return true; end", "aal2"),
        ("begin if has_aal2() then null; else raise insufficient_privilege; end if; return true; end", "aal2"),
        ("begin perform require_aal2(); return true; end", "aal2"),
        ("declare x boolean := require_aal2(); begin return true; end", "aal2"),
        ("declare x boolean; begin x := require_aal2(); return true; end", "aal2"),
        ("declare x boolean; begin select require_aal2() into x; return true; end", "aal2"),
        ("declare x boolean; begin select require_aal2() into strict x where true; return true; end", "aal2"),
        ("declare l text; begin l := level(); if l = 'aal2' then return true; end if; return false; end", "aal2"),
        ("declare l text = level(); begin return l = 'aal2'; end", "aal2"),
        ("declare l text default level(); begin return l = 'aal2'; end", "aal2"),
        ("declare l constant text not null := level(); begin return l = 'aal2'; end", "aal2"),
        ("declare x boolean; begin select level() = 'aal2' into x; return x is true; end", "aal2"),
        ("declare x boolean; begin select into x level() = 'aal2'; return x is true; end", "aal2"),
        ("declare a text; b text; begin select level(), 'aal2' into a, b; return a = b; end", "aal2"),
        ("declare x boolean := false; begin if has_aal2() then x := true; end if; return x; end", "aal2"),
        ("declare x boolean; begin x = has_aal2(); return x; end", "aal2"),
        ("declare x boolean; begin x:=has_aal2(); return x; end", "aal2"),
        ("begin case level() when 'aal2' then return true; else return false; end case; end", "aal2"),
        (
            "begin case when level() = 'aal2' then return true; when level() = 'aal3' then return true; else return false; end case; end",
            "aal2",
        ),
        ("begin case level() when 'aal2' then return true; when 'aal3' then return true; end case; end", "aal2"),
        ("begin begin if not has_aal2() then return false; end if; end; return true; end", "aal2"),
        (
            "begin if flag then if not has_aal2() then return false; end if; return true; end if; return false; end",
            "aal2",
        ),
        ("begin if flag then if not has_aal2() then return false; end if; end if; return has_aal2(); end", "aal2"),
        (
            "declare x boolean; begin if flag then x := has_aal2(); elsif any = 'a' then x := false; elseif any = 'b' then x := has_aal2(); end if; return x; end",
            "aal2",
        ),
        ("begin return given = 'aal2'; end", "aal2"),
        ("begin return $1 = 'aal2'; end", "aal2"),
        ("begin return f.given = 'aal2'; end", "aal2"),
        ("declare l alias for $1; begin return l = 'aal2'; end", "aal2"),
        ("declare l alias for given; begin return f.given = 'aal2'; end", "aal2"),
        ("<<a>> declare l text := level(); begin return a.l = 'aal2'; end a", "aal2"),
        ("begin raise notice 'x %', level(); raise debug 'y'; assert flag, 'z'; return has_aal2(); end", "aal2"),
        ("#variable_conflict use_column\nbegin return has_aal2(); end", "aal2"),
        ("begin begin return has_aal2(); exception when others then return false; end; end", "aal2"),
        ("begin begin return has_aal2(); exception when others then raise; end; end", "aal2"),
        (
            "begin return has_aal2(); exception when division_by_zero or sqlstate '22012' then return false; when others then raise notice 'x'; return null; end",
            "aal2",
        ),
        ("begin for i in 1..3 loop if flag then return has_aal2(); end if; end loop; return false; end", "aal2"),
        ("begin while flag loop exit when flag; continue; end loop; return has_aal2(); end", "aal2"),
        ("declare \"if\" text := level(); begin return \"if\" = 'aal2'; end", "aal2"),
        ("declare raise boolean; begin raise := has_aal2(); return raise; end", "aal2"),
        (
            "declare x text := $a$begin$a$; begin /* return true; /* nested */ */ -- return true;\n return has_aal2(); end",
            "aal2",
        ),
        ("declare x text := E'it\\'s; return true'; begin return has_aal2(); end", "aal2"),
        ("begin raise exception 'never'; return true; end", "never"),
        ("begin return false; end", "never"),
        ("begin return null; end", "never"),
        ("begin return true; end", "none"),
        ("begin null; end", "never"),
        ("begin if level() is null then raise 'no'; end if; return true; end", "aal1"),
    ] {
        assert_eq!(answers(source), expected, "{source}");
    }
}

#[test]
fn null_takes_the_else_branch() {
    for source in [
        "begin if level() <> 'aal2' then return false; end if; return true; end",
        "begin if not (level() = 'aal2') then raise exception 'no'; end if; return true; end",
        "begin if level() <> 'aal2' then return false; else return true; end if; end",
        "begin case when level() <> 'aal2' then return false; else return true; end case; end",
        "begin case level() when 'aal1' then return false; else return true; end case; end",
        "declare x boolean; begin if x then return false; end if; return true; end",
        "begin if null then return false; end if; return true; end",
        "begin while level() <> 'aal2' loop raise 'no'; end loop; return true; end",
        "declare x boolean := true; begin if level() <> 'aal2' then x := false; end if; return x; end",
    ] {
        assert_eq!(answers(source), "none", "{source}");
    }
    assert_eq!(answers("begin if level() <> 'aal2' then return true; end if; return false; end"), "aal1");
}

#[test]
fn a_variable_that_is_not_null_lets_nobody_in_by_null() {
    let behind = "if l <> 'aal2' then return false; end if; return true; end";
    for before in [
        "declare l text not null := level(); begin",
        "declare l constant text not null default level(); begin",
        "declare l text not null := ''; begin l := level();",
        "declare l text not null := ''; begin select level() into l;",
    ] {
        assert_eq!(answers(&format!("{before} {behind}")), "aal2", "{before}");
    }
    for before in [
        "declare l text := level(); begin",
        "declare l text not null := 'aal2'; begin begin l := level(); exception when others then null; end;",
        "declare l text not null := 'aal2'; begin declare l text; begin l := level(); end;",
    ] {
        assert_eq!(answers(&format!("{before} {behind}")), "none", "{before}");
    }
    assert_eq!(passes("declare l text not null := level(); begin update t set a = 1; end"), "aal1");
}

#[test]
fn no_way_around_a_gate_is_missed() {
    for source in [
        // Jumps past it.
        "<<a>> begin if flag then exit a; end if; if not has_aal2() then return false; end if; end; return true;",
        "begin <<a>> begin if flag then exit a; end if; if not has_aal2() then return false; end if; end; return true; end",
        "begin <<a>> begin exit a when flag; perform require_aal2(); end; return true; end",
        "begin <<a>> begin begin exit a; end; return false; end a; return true; end",
        "begin loop exit; return false; end loop; return true; end",
        "begin loop if flag then exit; end if; if not has_aal2() then return false; end if; end loop; return true; end",
        "begin for i in 1..3 loop continue when flag; perform require_aal2(); end loop; return true; end",
        "begin while flag loop perform require_aal2(); end loop; return true; end",
        "begin <<o>> loop loop exit o; end loop; return false; end loop; return true; end",
        // Swallows it.
        "begin begin perform require_aal2(); exception when others then null; end; return true; end",
        "begin perform require_aal2(); return false; exception when others then return true; end",
        "begin begin if not has_aal2() then raise 'no'; end if; exception when raise_exception then raise notice 'x'; end; return true; end",
        "begin begin perform require_aal2(); exception when division_by_zero then null; when others then return true; end; return false; end",
        "declare x boolean := false; begin begin perform require_aal2(); exception when others then x := true; end; return x; end",
        "declare x boolean := false; begin begin x := true; perform require_aal2(); x := false; exception when others then null; end; return x; end",
        "declare x boolean := false; begin begin x := true; raise 'e'; exception when others then return x; end; return false; end",
        // Isn't one.
        "begin assert has_aal2(); return true; end",
        "begin perform has_aal2(); return true; end",
        "begin raise warning 'not aal2'; return true; end",
        "begin if has_aal2() then raise notice 'yes'; else raise log 'no'; end if; return true; end",
        "begin if false then perform require_aal2(); end if; return true; end",
        "begin if flag then perform require_aal2(); end if; return true; end",
        "begin perform require_aal2() from nobody; return true; end",
        "begin perform require_aal2() where false; return true; end",
        "begin perform require_aal2() where flag; return true; end",
        // Is another variable.
        "declare x boolean := has_aal2(); begin declare x boolean := true; begin return x; end; end",
        "declare x boolean := has_aal2(); begin begin x := true; end; return x; end",
        "<<a>> declare x boolean := has_aal2(); begin declare x boolean := false; begin a.x := true; end; return x; end",
        "<<a>> declare x boolean := has_aal2(); begin declare x boolean := true; begin return x; end; end",
        "declare x boolean := has_aal2(); y alias for x; begin y := true; return x; end",
        "begin given := 'aal2'; return given = 'aal2'; end",
        "begin $1 := 'aal2'; return given = 'aal2'; end",
        "begin f.given := 'aal2'; return $1 = 'aal2'; end",
        "declare given text := 'aal2'; begin return given = 'aal2'; end",
        "declare found boolean; begin return found is null; end",
        "declare r record; begin r.ok := has_aal2(); return r.ok; end",
        "declare x boolean; begin x[1] := has_aal2(); return x; end",
        "declare x boolean := has_aal2(); begin x[1] := true; return x; end",
        // Is set in another way.
        "declare x boolean := has_aal2(); begin get diagnostics x = row_count; return x; end",
        "declare x boolean := has_aal2(); begin select true into x from t; return x; end",
        "declare x boolean := has_aal2(); begin select true, true into x, flag; return x; end",
        "declare x boolean := has_aal2(); begin execute 'select true' into x; return x; end",
        "declare x boolean := has_aal2(); begin execute 'select $1' into strict x using true; return x; end",
        "declare x boolean := has_aal2(); begin insert into t values (1) returning true into x; return x; end",
        "declare x boolean := has_aal2(); begin fetch c into x; return x; end",
        "declare x boolean := has_aal2(); begin call p(x); return x; end",
        "declare x boolean := has_aal2(); begin for x in select true loop null; end loop; return x; end",
        "declare x boolean := has_aal2(); begin foreach x in array '{t}' loop null; end loop; return x; end",
        "declare x boolean := has_aal2(); begin for i in 1..2 loop x := i; end loop; return x; end",
        "declare x boolean := has_aal2(); begin with a as (select true) select true into x from a; return x; end",
        "declare x boolean not null = true; begin return x; end",
        "declare x public.flag; begin return x; end",
        "declare x text collate \"ci\" := level(); begin return x = 'AAL2'; end",
        "declare x varchar(3) := level(); begin return x = 'aal'; end",
        // The session is another by then.
        "begin perform set_config('request.jwt.claims', '{\"aal\":\"aal2\"}', true); return has_aal2(); end",
        "begin perform forges(); perform require_aal2(); return true; end",
        "declare x text := set_config('a', 'b', true); begin return has_aal2(); end",
        "begin set local \"request.jwt.claims\" = '{}'; return has_aal2(); end",
        "begin execute 'set role x'; return has_aal2(); end",
        "begin if forges() then null; end if; return has_aal2(); end",
        "begin loop if has_aal2() then return true; end if; perform forges(); end loop; end",
        "begin begin perform forges(); raise 'e'; exception when others then return has_aal2(); end; end",
        "begin do $$ begin end $$; return has_aal2(); end",
        "begin delete from auth.mfa_factors where user_id = any; return has_aal2(); end",
        "begin with d as (delete from auth.mfa_factors returning id) select true into flag from d; return has_aal2(); end",
        // FOUND, and rows.
        "declare x boolean; begin select true into x from t; if found then return true; end if; return false; end",
        "declare x boolean; begin select true into x; return found; end",
        "declare x boolean; begin select true into x where level() is null; return found; end",
        "begin perform 1; return found; end",
        "begin delete from t; return found; end",
        "declare x boolean := has_aal2(); begin select has_aal2() into x where flag; return x is null; end",
        "begin return query select 1; return; end",
        "declare \u{e4} boolean := has_aal2(); begin \u{c4} := true; return \u{e4}; end",
        "begin return next true; return; end",
        "#variable_conflict use_variable\nbegin return has_aal2(); end",
    ] {
        let answer = answers(source);
        assert!(answer == "none" || answer == "unparsed", "{source}: {answer}");
    }
}

#[test]
fn a_passage_begins_with_the_first_statement_that_does_something() {
    for (source, expected) in [
        ("begin update t set a = 1; end", "none"),
        ("begin perform require_aal2(); update t set a = 1; end", "aal2"),
        ("begin update t set a = 1; perform require_aal2(); end", "none"),
        ("begin if not has_aal2() then raise exception 'no'; end if; update t set a = 1; end", "aal2"),
        ("begin if not has_aal2() then return; end if; update t set a = 1; return; end", "aal2"),
        ("begin if level() is distinct from 'aal2' then raise 'no'; end if; delete from t; return null; end", "aal2"),
        ("begin if level() <> 'aal2' then raise exception 'aal2_required'; end if; update t set a = 1; end", "none"),
        (
            "begin if not (level() = 'aal2') then raise exception 'aal2_required'; end if; update t set a = 1; end",
            "none",
        ),
        ("begin if has_aal2() then update t set a = 1; else raise 'no'; end if; end", "aal2"),
        (
            "declare n int; begin select count(*) into n from factors; if n > 0 then perform require_aal2(); end if; update t set a = 1; end",
            "none",
        ),
        ("declare n int; begin select count(*) into n from secrets; perform require_aal2(); end", "none"),
        ("begin if exists (select from secrets) then perform require_aal2(); end if; end", "none"),
        ("begin perform acts(); perform require_aal2(); end", "none"),
        ("declare x text := acts(); begin perform require_aal2(); end", "none"),
        ("begin raise notice '%', (select a from secrets); perform require_aal2(); end", "none"),
        ("begin assert acts(); perform require_aal2(); end", "none"),
        ("begin perform require_aal2(); return query select * from t; end", "aal2"),
        ("begin return query select 1; end", "none"),
        ("begin perform require_aal2(); execute 'x'; end", "aal2"),
        ("begin begin perform require_aal2(); exception when others then null; end; update t set a = 1; end", "none"),
        ("begin begin perform require_aal2(); exception when others then raise; end; update t set a = 1; end", "aal2"),
        ("begin perform require_aal2(); begin update t set a = 1; exception when others then raise; end; end", "aal2"),
        ("begin for r in select * from secrets loop null; end loop; perform require_aal2(); end", "none"),
        ("begin for r in execute 'x' loop null; end loop; perform require_aal2(); end", "none"),
        ("begin perform require_aal2(); for r in select * from secrets loop update t set a = 1; end loop; end", "aal2"),
        ("begin <<a>> begin if flag then exit a; end if; perform require_aal2(); end; update t set a = 1; end", "none"),
        ("begin perform forges(); perform require_aal2(); update t set a = 1; end", "none"),
        ("begin set local role service_role; perform require_aal2(); update t set a = 1; end", "none"),
        ("begin perform require_aal2(); perform forges(); update t set a = 1; end", "aal2"),
        ("begin -- perform require_aal2();\n update t set a = 1; end", "none"),
        ("begin return has_aal2(); end", "never"),
        ("begin null; end", "never"),
        ("begin open c for select 1; perform require_aal2(); end", "none"),
        (
            "declare c cursor for select * from secrets; begin for r in c loop any := r.a; end loop; perform require_aal2(); return any; end",
            "none",
        ),
        (
            "declare c cursor (n int) for select * from secrets; begin for r in c(1) loop any := r.a; end loop; return any; end",
            "none",
        ),
        (
            "begin for i in reverse 3..1 loop any := 'x'; end loop; for i in any..2 by 1 loop null; end loop; perform require_aal2(); update t set a = 1; end",
            "aal2",
        ),
        (
            "begin foreach any in array '{}' loop null; end loop; perform require_aal2(); update t set a = 1; end",
            "aal2",
        ),
        ("begin for r in (select * from secrets) loop null; end loop; perform require_aal2(); end", "none"),
        ("begin commit; perform require_aal2(); end", "none"),
        ("begin if any @@@ 'x' then perform require_aal2(); end if; end", "none"),
        ("begin perform require_aal2(); select a into any from t; return any; end", "aal2"),
        ("begin with x as (delete from t returning 1) select 1 into any from x; perform require_aal2(); end", "none"),
        ("begin perform a.acts(); end", "none"),
        ("begin lock table t; perform require_aal2(); end", "none"),
        ("begin perform 1 from (factors f join secrets s on true); perform require_aal2(); end", "none"),
        ("begin perform 1 from factors, secrets; perform require_aal2(); end", "none"),
        ("begin perform (table secrets); perform require_aal2(); end", "none"),
        ("begin return (select a from secrets); end", "none"),
        (
            "begin if extract(epoch from now()) is distinct from any then perform require_aal2(); end if; return null; end",
            "never",
        ),
    ] {
        assert_eq!(passes(source), expected, "{source}");
    }
}

#[test]
fn a_constant_query_that_is_executed_counts_as_that_query() {
    for (does, expected) in [
        ("execute 'select require_aal2()';", "aal2"),
        ("execute $q$ SELECT require_aal2() $q$ /* */;", "aal2"),
        (
            "declare x boolean; begin execute 'select has_aal2()' into strict x; if not x then return; end if; end;",
            "aal2",
        ),
        ("if not found then execute 'select require_aal2()'; end if; if found then return; end if;", "aal2"),
        // It is another one, or not known.
        ("execute 'select require_aal2() where false';", "none"),
        ("execute 'select has_aal2()';", "none"),
        ("execute 'select require' || '_aal2()';", "none"),
        ("execute ('select require_aal2()');", "none"),
        ("execute format('select require_aal2()');", "none"),
        ("execute any;", "none"),
        ("execute 'select require_aal2()' using flag;", "none"),
        ("execute E'select require_aal2()';", "none"),
        ("execute $q$select require_aal2() as a\\b$q$;", "none"),
        ("execute 'select require_aal2() into x';", "none"),
        // It does something before, or behind.
        ("execute 'reset role'; perform require_aal2();", "none"),
        ("execute 'select 1; reset role'; perform require_aal2();", "none"),
        ("execute 'select forges()'; perform require_aal2();", "none"),
        ("execute 'select acts()'; perform require_aal2();", "none"),
        ("execute 'select a from secrets'; perform require_aal2();", "none"),
        ("execute 'with x as (delete from t returning 1) select 1 from x'; perform require_aal2();", "none"),
        // It names no variable, no parameter, and doesn't set FOUND.
        (
            "declare x boolean := has_aal2(); begin execute 'select x' into x; if not x then return; end if; end;",
            "none",
        ),
        ("execute 'select $1' into any; if any is distinct from 'aal2' then return; end if;", "none"),
        ("execute 'select given' into any; if any is distinct from 'aal2' then return; end if;", "none"),
        ("perform has_aal2(); execute 'select has_aal2() where false'; if found then return; end if;", "never"),
    ] {
        let passed = passes(&format!("begin {does} update t set a = 1; end"));
        assert_eq!(passed, expected, "{does}");
    }
}

#[test]
fn what_cannot_be_followed_is_named_with_its_line() {
    let source = "\ndeclare\n  x text;\nbegin\n  execute 'y' into x;\n  return unknown_gate();\nend";
    let body = Body::parse(source).unwrap();
    let (answer, notes) = answer(&body, parameters(), Kind::Bool, &mut few());
    assert!(notes.contains(&Note { line: 5, what: "a statement" }), "{notes:?}");
    assert!(notes.iter().any(|note| note.line == 6), "{notes:?}");
    let names =
        answer.any(&|it| matches!(it, Expression::Unknown { reason: Some(crate::Reason::Line { line: 6, .. }), .. }));
    assert!(names, "{answer:?}");
}

#[test]
fn a_function_that_ends_without_return_raises_unless_it_is_void() {
    assert!(outcomes("begin if flag then return true; end if; end", None).can_be_true());
    assert!(outcomes("begin perform 1; end", None).always_raises());
    let void = |source: &str, level| {
        let body = Body::parse(source).unwrap();
        let (answer, _) = answer(&body, parameters(), Kind::Other, &mut Few { is_void: true, ..few() });
        Evaluation::new(at(level), None, None, true).outcomes(&answer)
    };
    assert!(!void("begin perform 1; end", None).always_raises());
    assert!(void("begin perform require_aal2(); end", None).always_raises());
    assert!(!void("begin perform require_aal2(); end", Some(Level::Aal2)).always_raises());
    assert!(!void("begin if not has_aal2() then return; end if; end", None).always_raises());
}

#[test]
fn a_body_of_any_size_takes_bounded_work() {
    let gate = "if not has_aal2() then return false; end if; ";
    assert_eq!(answers(&format!("begin {} return true; end", gate.repeat(300))), "aal2");
    let branches = format!("begin {} return true; end", "if flag then any := 'x'; end if; ".repeat(10_000));
    assert_eq!(answers(&branches), "none");
    let chain = (0..10_000).map(|n| format!("elsif any = '{n}' then given := any; ")).collect::<String>();
    assert_eq!(answers(&format!("begin if flag then null; {chain} end if; return has_aal2(); end")), "none");
    let deep = format!("begin {} null; {} return true; end", "if flag then ".repeat(5_000), "end if; ".repeat(5_000));
    assert_eq!(answers(&deep), "unparsed");
    let nested = "begin if flag then if flag then return false; end if; ".repeat(15);
    let nested = format!("begin {nested} {} return has_aal2(); end", "end if; end; ".repeat(15));
    assert_ne!(answers(&nested), "aal3");
    assert_eq!(answers(&"(".repeat(1 << 20)), "unparsed");
    assert_eq!(answers(&"begin ".repeat(1 << 17)), "unparsed");
    assert_eq!(answers(&format!("begin x := {} 1; end", "(".repeat(100_000))), "unparsed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_taken_apart_or_refused(source in "\\PC{0,200}") {
        answers(&source);
        passes(&source);
    }

    #[test]
    fn any_words_are_taken_apart_or_refused(words in proptest::collection::vec(proptest::sample::select(vec![
        "begin", "end", "if", "then", "else", "elsif", "end if;", "loop", "end loop;", "exit", "a", "<<a>>", ";", ":=", "=", "x", ".", "[", "]", "(", ")",
        "return", "true", "declare", "text", "exception", "when", "others", "case", "end case;", "select", "into", "raise", "perform", "for", "in", "1..2",
        "while", "has_aal2()", "$1", "'s'", "$$", "\"", "--", "/*", "*/", "\n", "alias", "null;",
    ]), 0..60)) {
        let source = words.join(" ");
        answers(&source);
        passes(&format!("begin {source} end"));
    }
}
