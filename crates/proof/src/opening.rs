//! What a function asks of a session before it does anything else, in forms whose meaning no caller can choose. They count
//! where the caller could choose the meaning of other texts: in token mode, or by the search_path.
//!
//! It knows few forms, and those for certain:
//!
//! - PL/pgSQL: `perform auth.require_aal('aal2');` first, or `if not auth.has_aal('aal2') then raise …` or `… then return;`;
//! - SQL: `select auth.require_aal('aal2');` first, as a statement of its own.

use aal::protection::TableLevel;

use crate::sql::{Token, tokens};
use crate::{Expression, Function, FunctionGate, RequiredLevel, Threshold};
use aal::{FixedRequirement, Level, Requirement};

/// The gate of a function that begins with one of the forms.
pub fn opening_gate(function: &Function) -> Option<FunctionGate> {
    let threshold = opening(&function.language, &function.body);
    let max_age = threshold.max_age;
    let requirement = match threshold.level {
        RequiredLevel::None | RequiredLevel::Denied => return None,
        RequiredLevel::Enrolled => Requirement::Enrolled(max_age),
        level => Requirement::Fixed(FixedRequirement { level: Level::from_claim(level.as_str())?, max_age }),
    };
    Some(FunctionGate { passage: Expression::for_requirement(requirement, false), ..FunctionGate::open() })
}

/// What a session must show before anything in a body happens: nothing for a body that doesn't begin with one of the forms.
fn opening(language: &str, body: &str) -> Threshold {
    let all: Vec<Token<'_>> = tokens(body).collect();
    let level = match language {
        "plpgsql" if !catches_errors(&all) => first_statement(&all).and_then(plpgsql_level),
        "sql" => sql_level(&all),
        _ => None,
    };
    level.unwrap_or(Threshold::NOTHING)
}

/// Whether a handler could go on behind a refusal.
fn catches_errors(all: &[Token<'_>]) -> bool {
    all.windows(2).any(|pair| pair[0].is_keyword("exception") && pair[1].is_keyword("when"))
}

/// The tokens behind the first BEGIN, if nothing before it can call anything.
fn first_statement<'b, 'a>(all: &'b [Token<'a>]) -> Option<&'b [Token<'a>]> {
    let mut rest = all;
    // #variable_conflict use_column
    while let [Token::Operator("#"), Token::Name { .. }, Token::Name { .. }, after @ ..] = rest {
        rest = after;
    }
    if let [Token::Operator("<<"), Token::Name { .. }, Token::Operator(">>"), after @ ..] = rest {
        rest = after;
    }
    if rest.first()?.is_keyword("declare") {
        let begin = rest.iter().position(|token| token.is_keyword("begin"))?;
        if !initializes_by_constants(&rest[1..begin]) {
            return None;
        }
        rest = &rest[begin..];
    }
    rest.split_first().filter(|(first, _)| first.is_keyword("begin")).map(|(_, after)| after)
}

fn initializes_by_constants(declarations: &[Token<'_>]) -> bool {
    const CONSTANTS: [&str; 3] = ["null", "true", "false"];
    let is_initializer = |token: &Token<'_>| matches!(token, Token::Operator("=")) || token.is_keyword("default");
    let is_constant = |token: &Token<'_>| match token {
        Token::Text(_) | Token::Number(_) => true,
        Token::Name { name, quoted } => !quoted && CONSTANTS.contains(&&**name),
        _ => false,
    };
    declarations.split(|token| *token == Token::Symbol(';')).all(|declaration| {
        let initializer = declaration.iter().position(is_initializer);
        initializer.is_none_or(|at| declaration[at + 1..].iter().all(is_constant))
    })
}

fn plpgsql_level(statement: &[Token<'_>]) -> Option<Threshold> {
    let (first, rest) = statement.split_first()?;
    if first.is_keyword("perform") {
        let (level, rest) = asked(rest, "require_aal", "require_enrolled_aal")?;
        return (rest.first()? == &Token::Symbol(';')).then_some(level);
    }
    if first.is_keyword("if") && rest.first()?.is_keyword("not") {
        let (level, rest) = asked(&rest[1..], "has_aal", "has_enrolled_aal")?;
        let refuses = rest.first()?.is_keyword("then") && refuses(&rest[1..]);
        return refuses.then_some(level);
    }
    None
}

/// Whether a statement ends the function: RAISE of an error, or a RETURN that evaluates nothing.
fn refuses(statement: &[Token<'_>]) -> bool {
    const MESSAGES: [&str; 5] = ["debug", "log", "info", "notice", "warning"];
    match statement {
        [raise, Token::Text(_), ..] => raise.is_keyword("raise"),
        [raise, what, _, ..] if raise.is_keyword("raise") => {
            what.name().is_some() && !MESSAGES.iter().any(|level| what.is_keyword(level))
        }
        [end, Token::Symbol(';'), ..] => end.is_keyword("return"),
        [end, value, Token::Symbol(';'), ..] if end.is_keyword("return") => match value {
            Token::Text(_) | Token::Number(_) => true,
            Token::Name { name, .. } => ["null", "true", "false"].contains(&&**name),
            _ => false,
        },
        _ => false,
    }
}

fn sql_level(all: &[Token<'_>]) -> Option<Threshold> {
    let (first, rest) = all.split_first()?;
    if !first.is_keyword("select") {
        return None;
    }
    let (level, rest) = asked(rest, "require_aal", "require_enrolled_aal")?;
    (rest.first()? == &Token::Symbol(';')).then_some(level)
}

/// A call of ours with a constant level, and what follows it.
fn asked<'b, 'a>(tokens: &'b [Token<'a>], fixed: &str, enrolled: &str) -> Option<(Threshold, &'b [Token<'a>])> {
    let [schema, Token::Symbol('.'), function, Token::Symbol('('), arguments @ ..] = tokens else { return None };
    if schema.name() != Some("auth") {
        return None;
    }
    let end = arguments.iter().position(|token| *token == Token::Symbol(')'))?;
    let (arguments, after) = (&arguments[..end], &arguments[end + 1..]);
    // An argument that calls something would do so before the level counts.
    if arguments.contains(&Token::Symbol('(')) {
        return None;
    }
    let threshold = match function.name()? {
        name if name == enrolled => within(RequiredLevel::Enrolled, arguments),
        name if name == fixed => {
            let [Token::Text(level), then @ ..] = arguments else { return None };
            let max_age = match then {
                [] => then,
                [Token::Symbol(','), max_age @ ..] => max_age,
                _ => return None,
            };
            let is_fixed = |level: &RequiredLevel| (RequiredLevel::Aal1..=RequiredLevel::Aal3).contains(level);
            within(level.parse().ok().filter(is_fixed)?, max_age)
        }
        _ => return None,
    };
    Some((threshold, after))
}

/// A level with the age that an argument gives: any age, unless it is written as here: `'15 minutes'`, `interval '15 minutes'`,
/// `max_age => '15 minutes'`.
fn within(level: RequiredLevel, argument: &[Token<'_>]) -> Threshold {
    let argument = match argument {
        [name, Token::Operator("=>" | ":="), value @ ..] if name.name() == Some("max_age") => value,
        _ => argument,
    };
    let text = match argument {
        [Token::Text(text)] => text,
        [interval, Token::Text(text)] if interval.is_keyword("interval") => text,
        _ => return Threshold::at_any_age(level),
    };
    let age = format!("aal1 within {text}").parse::<TableLevel>().ok().and_then(TableLevel::max_age);
    Threshold { level, max_age: age }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_begins_by_asking_needs_that_level() {
        for (language, body, level) in [
            ("plpgsql", "begin perform auth.require_aal('aal2'); delete from t; end", RequiredLevel::Aal2),
            ("plpgsql", "BEGIN PERFORM auth.require_aal('aal2', '5 minutes'); END", RequiredLevel::Aal2),
            ("plpgsql", "begin perform \"auth\" . require_aal /* */ ('aal1'); end", RequiredLevel::Aal1),
            ("plpgsql", "begin perform auth.require_enrolled_aal(); end", RequiredLevel::Enrolled),
            (
                "plpgsql",
                "declare n int; m text := 'x'; begin perform auth.require_aal('aal3'); end",
                RequiredLevel::Aal3,
            ),
            (
                "plpgsql",
                "begin if not auth.has_aal('aal2') then raise exception 'no'; end if; end",
                RequiredLevel::Aal2,
            ),
            ("plpgsql", "begin if not auth.has_aal('aal2') then raise 'no'; end if; end", RequiredLevel::Aal2),
            ("plpgsql", "begin if not auth.has_aal('aal2') then return; end if; end", RequiredLevel::Aal2),
            ("plpgsql", "begin if not auth.has_aal('aal2') then return null; end if; end", RequiredLevel::Aal2),
            (
                "plpgsql",
                "#variable_conflict use_column\n<<a>> begin perform auth.require_aal('aal2'); end",
                RequiredLevel::Aal2,
            ),
            ("sql", "select auth.require_aal('aal2'); delete from t", RequiredLevel::Aal2),
        ] {
            assert_eq!(opening(language, body).level, level, "{body}");
        }
    }

    #[test]
    fn a_body_that_begins_by_asking_needs_that_age() {
        let minutes = |count: u32| Some(aal::MaxAge::from_seconds(60 * count));
        for (call, max_age) in [
            ("require_aal('aal2', '15 minutes')", minutes(15)),
            ("require_aal('aal2', interval '15 minutes')", minutes(15)),
            ("require_aal('aal2', max_age => '1 hour')", minutes(60)),
            ("require_enrolled_aal('15 minutes')", minutes(15)),
            ("require_enrolled_aal(max_age => '15 minutes')", minutes(15)),
            ("require_aal('aal2')", None),
            ("require_aal('aal2', null)", None),
            ("require_aal('aal2', age)", None),
            ("require_aal('aal2', '00:15')", None),
            ("require_aal('aal2', '15 minutes' - '1 day')", None),
            ("require_aal('aal2', other => '15 minutes')", None),
        ] {
            let body = format!("begin perform auth.{call}; delete from t; end");
            assert_eq!(opening("plpgsql", &body).max_age, max_age, "{body}");
        }
    }

    #[test]
    fn a_body_that_could_do_something_without_the_level_needs_none() {
        for (language, body) in [
            ("plpgsql", "begin delete from t; perform auth.require_aal('aal2'); end"),
            ("plpgsql", "begin perform auth.require_aal('aal2') where false; end"),
            ("plpgsql", "begin perform auth.require_aal('aal2') from empty; end"),
            ("plpgsql", "begin perform require_aal('aal2'); end"),
            ("plpgsql", "begin perform mine.require_aal('aal2'); end"),
            ("plpgsql", "begin perform auth.require_aal(level); end"),
            ("plpgsql", "begin perform auth.require_aal('aal' || n); end"),
            ("plpgsql", "begin perform auth.require_aal('aal2', f()); end"),
            ("plpgsql", "begin perform auth.require_aal('AAL2'); end"),
            ("plpgsql", "begin perform auth.require_aal('aal2'); exception when others then delete from t; end"),
            ("plpgsql", "declare n int := f(); begin perform auth.require_aal('aal2'); end"),
            ("plpgsql", "declare n int default (select 1); begin perform auth.require_aal('aal2'); end"),
            ("plpgsql", "begin perform auth.has_aal('aal2'); delete from t; end"),
            ("plpgsql", "begin if not auth.has_aal('aal2') then raise notice 'no'; end if; delete from t; end"),
            ("plpgsql", "begin if not auth.has_aal('aal2') then return f(); end if; end"),
            ("plpgsql", "begin if not auth.has_aal('aal2') and false then return; end if; end"),
            ("plpgsql", "begin if auth.has_aal('aal2') then return; end if; end"),
            ("plpgsql", "begin if not auth.has_aal('aal2') then perform f(); end if; end"),
            ("plpgsql", "begin return query delete from t; end"),
            ("plpgsql", "begin perform 'auth.require_aal(''aal2'');'; end"),
            ("plpgsql", "begin /* perform auth.require_aal('aal2'); */ delete from t; end"),
            ("sql", "select auth.require_aal('aal2') where false; delete from t"),
            ("sql", "select auth.require_aal('aal2'), f()"),
            ("sql", "select * from t where auth.has_aal('aal2')"),
            ("plpgsql", ""),
            ("sql", ""),
            ("c", "begin perform auth.require_aal('aal2'); end"),
        ] {
            assert_eq!(opening(language, body), Threshold::NOTHING, "{body}");
        }
    }
}
