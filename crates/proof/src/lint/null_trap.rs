//! Comparisons of the level by which PL/pgSQL means to turn sessions away, and that are NULL where there is no level.

use std::collections::HashSet;

use crate::sql::{Token, placed_tokens};

/// Where a body has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trap {
    /// The line, as Postgres counts them in its errors.
    pub line: usize,
}

/// The first IF in a body that raises, or answers false, where a comparison of the level is true, and not where it is NULL.
pub(super) fn trap(body: &str) -> Option<Trap> {
    let all = with_lines(body);
    let levels = variables_of_levels(&all);
    let begins = |at: usize| {
        let opens = ["if", "elsif", "elseif"].iter().any(|keyword| all[at].0.is_keyword(keyword));
        // END IF has no condition.
        opens && !(at > 0 && all[at - 1].0.is_keyword("end"))
    };
    (0..all.len()).filter(|at| begins(*at)).find_map(|at| {
        let end = at + 1 + end_of_condition(&all[at + 1..])?;
        let is_trap = compares_level(&all[at + 1..end], &levels) && turns_away(&all[end + 1..]);
        is_trap.then_some(Trap { line: all[at].1 })
    })
}

type Lined<'a> = (Token<'a>, usize);

fn with_lines(body: &str) -> Vec<Lined<'_>> {
    let (mut line, mut counted) = (1, 0);
    let lined = placed_tokens(body).map(|(token, place)| {
        line += body[counted..place.start].matches('\n').count();
        counted = place.start;
        (token, line)
    });
    lined.collect()
}

/// How many tokens come before the THEN of an IF. A CASE has others.
fn end_of_condition(tokens: &[Lined<'_>]) -> Option<usize> {
    let mut depth = 0;
    for (at, (token, _)) in tokens.iter().enumerate() {
        if token.is_keyword("case") {
            depth += 1;
        } else if token.is_keyword("end") && depth > 0 {
            depth -= 1;
        } else if token.is_keyword("then") && depth == 0 {
            return Some(at);
        } else if *token == Token::Symbol(';') || token.is_keyword("if") {
            return None;
        }
    }
    None
}

/// Whether a branch begins by raising, or by answering false.
fn turns_away(branch: &[Lined<'_>]) -> bool {
    const NO_ERROR: [&str; 5] = ["debug", "log", "info", "notice", "warning"];
    let is = |at: usize, keyword: &str| branch.get(at).is_some_and(|(token, _)| token.is_keyword(keyword));
    (is(0, "raise") && !NO_ERROR.iter().any(|level| is(1, level))) || (is(0, "return") && is(1, "false"))
}

/// Whether a condition compares the level for inequality, and says nothing of one that is NULL.
fn compares_level(condition: &[Lined<'_>], levels: &HashSet<&str>) -> bool {
    let is = |at: usize, keyword: &str| condition.get(at).is_some_and(|(token, _)| token.is_keyword(keyword));
    let differs = (0..condition.len()).any(|at| {
        matches!(condition[at].0, Token::Operator("<>" | "!="))
            || (is(at, "not")
                && (is(at + 1, "in") || condition.get(at + 1).is_some_and(|it| it.0 == Token::Symbol('('))))
    });
    let minds_null = (0..condition.len()).any(|at| {
        let tests =
            is(at, "is") && (is(at + 1, "null") || is(at + 1, "distinct") || is(at + 1, "not") && is(at + 2, "true"));
        is(at, "coalesce") || (tests && reads_level(operand_before(&condition[..at]), levels))
    });
    differs && !minds_null && reads_level(condition, levels)
}

/// The operand of a test: the tokens before it, since the last AND or OR. A longer one isn't looked at as a whole.
fn operand_before<'a, 't>(condition: &'a [Lined<'t>]) -> &'a [Lined<'t>] {
    const LONGEST: usize = 64;
    let condition = &condition[condition.len().saturating_sub(LONGEST)..];
    let joins = |(token, _): &Lined<'_>| token.is_keyword("and") || token.is_keyword("or");
    let begin = condition.iter().rposition(joins).map_or(0, |at| at + 1);
    &condition[begin..]
}

/// Whether some tokens read the level: the claim, or a variable that holds it.
fn reads_level(tokens: &[Lined<'_>], levels: &HashSet<&str>) -> bool {
    (0..tokens.len()).any(|at| {
        let before = |back: usize| at.checked_sub(back).map(|at| &tokens[at].0);
        match &tokens[at].0 {
            Token::Text(text) if *text == "aal" => {
                matches!(before(1), Some(Token::Operator("->>" | "->"))) || before(1) == Some(&Token::Symbol('['))
            }
            Token::Text(text) if *text == "{aal}" => matches!(before(1), Some(Token::Operator("#>>" | "#>"))),
            Token::Text(text) => text.eq_ignore_ascii_case("request.jwt.claim.aal"),
            Token::Name { name, .. } if before(1) == Some(&Token::Symbol('.')) => {
                *name == "aal" && before(2).and_then(Token::name) == Some("auth")
            }
            Token::Name { name, .. } => levels.contains(&**name),
            _ => false,
        }
    })
}

/// The variables that are given the level: `name := auth.jwt() ->> 'aal'`, `select auth.jwt() ->> 'aal' into name`.
fn variables_of_levels<'t>(all: &'t [Lined<'_>]) -> HashSet<&'t str> {
    let mut levels = HashSet::new();
    for statement in all.split(|(token, _)| *token == Token::Symbol(';')) {
        if !reads_level(statement, &HashSet::new()) || statement.iter().any(|it| it.0.is_keyword("coalesce")) {
            continue;
        }
        let into = statement.iter().position(|it| it.0.is_keyword("into"));
        let assigned =
            statement.windows(2).position(|pair| pair[0].0 == Token::Symbol(':') && pair[1].0 == Token::Operator("="));
        let name = match (into, assigned) {
            (Some(at), _) => statement[at + 1..].iter().find(|it| !it.0.is_keyword("strict")),
            // In a declaration the type comes between.
            (None, Some(at)) => {
                let begin = statement[..at].iter().rposition(|it| {
                    ["declare", "begin", "then", "else", "loop"].iter().any(|keyword| it.0.is_keyword(keyword))
                });
                statement.get(begin.map_or(0, |begin| begin + 1))
            }
            (None, None) => None,
        };
        levels.extend(name.and_then(|it| it.0.name()));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_that_is_null_without_a_level_is_found_with_its_line() {
        for (body, line) in [
            ("begin if (auth.jwt() ->> 'aal') <> 'aal2' then raise exception 'no'; end if; end", 1),
            ("\nbegin\n  if auth.jwt() ->> 'aal' != 'aal2' then\n raise insufficient_privilege; end if; end", 3),
            ("begin if not (auth.jwt() ->> 'aal' = 'aal2') then return false; end if; return true; end", 1),
            ("begin if auth.uid() is null or (auth.jwt() ->> 'aal') <> 'aal2' then raise 'no'; end if; end", 1),
            ("begin if (auth.jwt() #>> '{aal}') not in ('aal2', 'aal3') then raise 'no'; end if; end", 1),
            ("declare\n l text := auth.jwt() ->> 'aal';\nbegin\n if l <> 'aal2' then raise 'no'; end if; end", 4),
            (
                "declare l text; begin select auth.jwt() ->> 'aal' into l;\n if l <> 'aal2' then raise 'no'; end if; end",
                2,
            ),
            ("begin if x then null; elsif auth.aal() <> 'aal2' then raise 'no'; end if; end", 1),
            ("begin if case when x then true else auth.aal() <> 'aal2' end then raise 'no'; end if; end", 1),
        ] {
            assert_eq!(trap(body), Some(Trap { line }), "{body}");
        }
    }

    #[test]
    fn what_minds_a_level_that_is_null_is_none() {
        for body in [
            "begin if (auth.jwt() ->> 'aal') is distinct from 'aal2' then raise exception 'no'; end if; end",
            "begin if coalesce(auth.jwt() ->> 'aal', '') <> 'aal2' then raise exception 'no'; end if; end",
            "begin if (auth.jwt() ->> 'aal') is null or (auth.jwt() ->> 'aal') <> 'aal2' then raise 'no'; end if; end",
            "begin if (auth.jwt() ->> 'aal' = 'aal2') is not true then raise exception 'no'; end if; end",
            "begin if not auth.has_aal('aal2') then raise exception 'no'; end if; end",
            "begin if not (auth.has_aal('aal2')) then raise exception 'no'; end if; end",
            "begin if auth.aal() <> 'aal2' then raise notice 'low'; end if; end",
            "begin if auth.aal() <> 'aal2' then perform f(); end if; end",
            "begin -- if auth.aal() <> 'aal2' then raise 'no'; end if;\n end",
            "begin if x <> 'aal2' then raise 'no'; end if; end",
            "declare l text := coalesce(auth.jwt() ->> 'aal', ''); begin if l <> 'aal2' then raise 'no'; end if; end",
            "begin if auth.aal() = 'aal1' then raise 'no'; end if; end",
            "begin if auth.aal() <> 'aal2'",
            "if if if <> <>",
            &"if is null <> ".repeat(50_000),
            &format!("if {} then raise 'no'; end if;", "auth.aal() is null <> ".repeat(50_000)),
            "",
        ] {
            assert_eq!(trap(body), None, "{body}");
        }
    }
}
