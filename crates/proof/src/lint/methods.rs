//! Which methods of authentication a condition counts.

use super::conditions::{reads_claim, texts_of};
use crate::{Comparison, Expression, Truth, Value};

/// How somebody signed in: a session with one of these is at aal1.
const FIRST_FACTORS: [&str; 4] = ["otp", "passkey", "recovery", "magiclink"];

/// Whether some condition in it admits sessions by a first factor among their methods.
pub(super) fn counts_first_factor(expression: &Expression) -> bool {
    counts(expression, true)
}

/// `admits`: whether the whole is true where this is; else where it isn't.
fn counts(expression: &Expression, admits: bool) -> bool {
    use Expression::{And, Is, Not, Or, Select};
    match expression {
        And(many) | Or(many) => many.iter().any(|it| counts(it, admits)),
        Not(it) => counts(it, !admits),
        Is { truth, negated, tested } if *truth != Truth::Null => {
            counts(tested, if is_refusal(*truth, *negated) { !admits } else { admits })
        }
        Select { target, rows } if !rows.from && rows.filter.is_none() && rows.mentions.is_empty() => {
            counts(target, admits)
        }
        _ => reads_methods(expression) && names_first_factor(expression, admits),
    }
}

fn reads_methods(expression: &Expression) -> bool {
    let names_methods = |it: &Expression| match it {
        Expression::Constant(value) => path_of(value).is_some_and(names_amr),
        _ => false,
    };
    expression.any(&|it| matches!(it, Expression::Methods) || reads_claim(it, "amr"))
        || (expression.any(&Expression::is_claims) && expression.any(&names_methods))
        || expression.any(&contains_methods)
}

/// `claims @> '{"amr": …}'`.
fn contains_methods(expression: &Expression) -> bool {
    let Expression::Compare(Comparison::Contains, whole, part) = expression else { return false };
    whole.is_claims()
        && matches!(part.unwrapped(), Expression::Constant(Value::Json(part)) if part.get("amr").is_some())
}

/// Whether a first factor is named where that admits a session. A negated condition refuses it instead.
fn names_first_factor(expression: &Expression, admits: bool) -> bool {
    use Expression::{Case, Compare, CompareEach, Constant, Is, Not};
    let is_false = |it: &Expression| matches!(it.unwrapped(), Constant(Value::Bool(false)));
    match expression {
        Constant(value) => match path_of(value) {
            Some(path) => strings_of_path(path)
                .any(|it| !it.is_member && it.is_negated != admits && FIRST_FACTORS.contains(&it.text)),
            None => admits && texts_of(value).iter().any(|text| FIRST_FACTORS.contains(text)),
        },
        Not(it) => names_first_factor(it, !admits),
        Is { truth, negated, tested } if *truth != Truth::Null => {
            names_first_factor(tested, if is_refusal(*truth, *negated) { !admits } else { admits })
        }
        Compare(Comparison::Equal | Comparison::Same, it, truth)
        | Compare(Comparison::Equal | Comparison::Same, truth, it)
            if is_false(truth) =>
        {
            names_first_factor(it, !admits)
        }
        CompareEach { negated: true, .. } => expression.any_child(&mut |it| names_first_factor(it, !admits)),
        Case { arms, otherwise } => {
            let of_arm = |(condition, result): &(Expression, Expression)| {
                let admitted = if is_false(result) { !admits } else { admits };
                names_first_factor(condition, admitted) || names_first_factor(result, admits)
            };
            arms.iter().any(of_arm) || names_first_factor(otherwise, admits)
        }
        _ => expression.any_child(&mut |it| names_first_factor(it, admits)),
    }
}

/// A jsonpath, as Postgres writes it; or as it is written in the text of a function.
fn path_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if ["$.", "$[", "$*"].iter().any(|start| text.contains(start)) => Some(text),
        _ => None,
    }
}

/// Whether a jsonpath reads the member `amr`, in quotes or not.
fn names_amr(path: &str) -> bool {
    let is_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    path.match_indices(".amr").any(|(at, _)| !path[at + 4..].starts_with(is_of_name))
        || strings_of_path(path).any(|it| it.is_member && it.text == "amr")
}

/// `is false`, `is not true`.
fn is_refusal(truth: Truth, negated: bool) -> bool {
    (truth == Truth::False) != negated
}

/// A string in a jsonpath.
struct PathString<'a> {
    text: &'a str,
    /// Whether it is a member's name: `."amr"`.
    is_member: bool,
    /// Whether it is what something must not be: `!= "otp"`, `!(… == "otp")`.
    is_negated: bool,
}

/// The strings of a jsonpath, as Postgres writes it: with every name in quotes.
fn strings_of_path(path: &str) -> impl Iterator<Item = PathString<'_>> {
    let mut negations: Vec<bool> = Vec::new();
    let mut rest = path;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(['"', '(', ')'])?;
            let before = rest[..at].trim_end();
            let after = &rest[at + 1..];
            match rest.as_bytes()[at] {
                b'(' => negations.push(before.ends_with('!')),
                b')' => {
                    negations.pop();
                }
                _ => {
                    let end = end_of_string(after);
                    rest = after.get(end + 1..).unwrap_or_default();
                    let is_unequal = before.ends_with("!=") || rest.trim_start().starts_with("!=");
                    let negated = negations.iter().filter(|it| **it).count() + usize::from(is_unequal);
                    let is_member = before.ends_with('.');
                    return Some(PathString { text: &after[..end], is_member, is_negated: negated % 2 == 1 });
                }
            }
            rest = after;
        }
    })
}

/// Where the quote stands that ends a string.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(path: &str) -> bool {
        let read = Expression::Unknown {
            key: None,
            strict: true,
            arguments: vec![Expression::Claims, Expression::Constant(Value::text(path))],
            reason: None,
        };
        counts_first_factor(&read)
    }

    #[test]
    fn a_first_factor_in_a_jsonpath_counts_where_it_admits() {
        assert!(counted(r#"$."amr"[*]?(@."method" == "otp")"#));
        assert!(counted(r#"($."amr"[*]."method" == "otp")"#));
        assert!(counted(r#"$."amr"[*]?("magiclink" == @."method" || @."method" == "totp")"#));
        assert!(!counted(r#"$."amr"[*]?(@."method" == "totp")"#));
        assert!(!counted(r#"$."amr"[*]?(@."method" != "otp")"#));
        assert!(!counted(r#"$."amr"[*]?(!(@."method" == "otp"))"#));
        assert!(!counted(r#"$."app_metadata"[*]?(@."method" == "otp")"#));
        assert!(!counted(r#"$."amr"."otp""#));
        assert!(!counted(r#"$."amr" == "\"otp"#));
        assert!(counted(r#"$.amr[*] ? (@.method == "otp")"#), "as it is written");
        assert!(!counted(r#"$.amr_of_old[*] ? (@.method == "otp")"#));
    }
}
