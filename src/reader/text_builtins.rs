//! Postgres' own functions and operators in bodies that are stored as text: those that come to the same whenever they are given
//! the same. They are read where nobody else's can be meant: where nobody created one of that name that would fit.

use pgrx::prelude::*;
use proof::{Builtin, Comparison, Expression, Value};

use super::known::{Known, known_call};
use super::names::Names;
use super::text_types::{Kind, Typed, coerced};

/// A call by a name without a schema, or with that of `pg_catalog`. Literals fit where Postgres has no other function for them.
pub fn builtin_call(names: &Names, name: &str, arguments: Vec<Typed>) -> Option<Typed> {
    use Kind::{Boolean, Int4, Json, Jsonb, Text, TextArray};
    if names.has_function(name) {
        return None;
    }
    let kinds: Vec<Kind> = arguments.iter().map(|(_, kind)| *kind).collect();
    let (builtin, wanted, result) = match (name, kinds.as_slice()) {
        ("lower", [Text]) => (Builtin::Lower, vec![Text], Text),
        ("upper", [Text]) => (Builtin::Upper, vec![Text], Text),
        ("md5", [Text]) => (Builtin::Md5, vec![Text], Text),
        ("btrim", [Text, ..]) => (Builtin::Trim { start: true, end: true }, vec![Text; kinds.len().min(2)], Text),
        ("ltrim", [Text, ..]) => (Builtin::Trim { start: true, end: false }, vec![Text; kinds.len().min(2)], Text),
        ("rtrim", [Text, ..]) => (Builtin::Trim { start: false, end: true }, vec![Text; kinds.len().min(2)], Text),
        ("concat", all) if all.iter().all(|kind| matches!(kind, Text | Kind::Literal)) => {
            (Builtin::Concat, vec![Text; kinds.len()], Text)
        }
        ("starts_with", [Text, _]) => (Builtin::StartsWith, vec![Text, Text], Boolean),
        ("left", [Text, Int4]) => (Builtin::Left, vec![Text, Int4], Text),
        ("right", [Text, Int4]) => (Builtin::Right, vec![Text, Int4], Text),
        ("substr" | "substring", [Text, Int4]) => (Builtin::Substring, vec![Text, Int4], Text),
        ("substr" | "substring", [Text, Int4, Int4]) => (Builtin::Substring, vec![Text, Int4, Int4], Text),
        ("replace", [Text, _, _]) => (Builtin::Replace, vec![Text, Text, Text], Text),
        ("position" | "strpos", [Text, _]) => (Builtin::Position, vec![Text, Text], Int4),
        ("length" | "char_length" | "character_length", [Text]) => (Builtin::Length, vec![Text], Int4),
        ("array_position", [TextArray, _]) => (Builtin::ArrayPosition, vec![TextArray, Text], Int4),
        ("string_to_array", [Text | Kind::Literal, Text | Kind::Literal]) => {
            (Builtin::StringToArray, vec![Text, Text], TextArray)
        }
        ("jsonb_typeof", [Jsonb]) => (Builtin::JsonType, vec![Jsonb], Text),
        ("json_typeof", [Json]) => (Builtin::JsonType, vec![Json], Text),
        // The same document.
        ("to_jsonb", [Jsonb]) => return arguments.into_iter().next(),
        ("to_jsonb", [Text | Boolean]) => (Builtin::ToJsonb, kinds.clone(), Jsonb),
        ("jsonb_path_exists", [Jsonb, Kind::Literal]) => return path(Builtin::PathExists, arguments, Boolean),
        ("jsonb_path_match", [Jsonb, Kind::Literal]) => return path(Builtin::PathMatches, arguments, Boolean),
        ("jsonb_path_query_first", [Jsonb, Kind::Literal]) => return path(Builtin::PathFirst, arguments, Jsonb),
        ("jsonb_extract_path_text", [Jsonb, ..]) => return extracted(arguments, true, Text),
        ("jsonb_extract_path", [Jsonb, ..]) => return extracted(arguments, false, Jsonb),
        ("jsonb_build_object", all) if all.iter().all(|kind| matches!(kind, Text | Kind::Literal)) => {
            (Builtin::BuildObject, vec![Text; kinds.len()], Jsonb)
        }
        // Given an array as VARIADIC, it counts the elements.
        ("num_nulls" | "num_nonnulls", all)
            if all.iter().all(|kind| !matches!(kind, TextArray | Kind::Other | Kind::Literal)) =>
        {
            (Builtin::CountNulls { others: name == "num_nonnulls" }, kinds.clone(), Int4)
        }
        // The regular expression of SIMILAR TO.
        ("similar_to_escape", [Text | Kind::Literal]) => (Builtin::SimilarTo, vec![Text], Text),
        _ => return None,
    };
    called(builtin, false, arguments, &wanted, result)
}

/// A call with arguments of these types.
fn called(builtin: Builtin, negated: bool, arguments: Vec<Typed>, wanted: &[Kind], result: Kind) -> Option<Typed> {
    if arguments.len() != wanted.len() {
        return None;
    }
    let arguments = arguments.into_iter().zip(wanted).map(|(argument, kind)| coerced(argument, *kind));
    let call = known_call(Known::Builtin(builtin, negated), arguments.collect::<Option<_>>()?, pg_sys::InvalidOid)?;
    Some((call, result))
}

/// A call with a JSON path, which is a literal.
fn path(builtin: Builtin, arguments: Vec<Typed>, result: Kind) -> Option<Typed> {
    let is_text = matches!(arguments.get(1), Some((Expression::Constant(Value::Text(_)), Kind::Literal)));
    let arguments = arguments.into_iter().map(|(argument, _)| argument).collect();
    is_text.then_some((Expression::Call(builtin, arguments), result))
}

fn extracted(arguments: Vec<Typed>, as_text: bool, result: Kind) -> Option<Typed> {
    let mut arguments = arguments.into_iter();
    let document = Box::new(arguments.next()?.0);
    let keys: Vec<Expression> = arguments.map(|key| coerced(key, Kind::Text)).collect::<Option<_>>()?;
    if keys.is_empty() {
        return None;
    }
    Some((Expression::Path { document, path: Box::new(Expression::Array(keys)), as_text }, result))
}

/// An operator between two operands.
pub fn builtin_operator(names: &Names, name: &str, a: Typed, b: Typed) -> Option<Typed> {
    use Kind::{Boolean, Json, Jsonb, Literal, Text, TextArray};
    let type_oid = |kind: Kind| if kind == Literal { Some(pg_sys::UNKNOWNOID) } else { kind.type_oid() };
    if !names.is_postgres_operator(name, type_oid(a.1)?, type_oid(b.1)?) {
        return None;
    }
    let like = |ignores_case| Builtin::Like { ignores_case };
    let compared = |comparison, a: Expression, b: Expression| {
        Some((Expression::Compare(comparison, Box::new(a), Box::new(b)), Boolean))
    };
    match (name, a.1, b.1) {
        ("||", Text, Text | Literal) | ("||", Literal, Text) => {
            called(Builtin::Append, false, vec![a, b], &[Text, Text], Text)
        }
        ("^@", Text, Text | Literal) => called(Builtin::StartsWith, false, vec![a, b], &[Text, Text], Boolean),
        ("~~" | "!~~", Text, Text | Literal) => called(like(false), name == "!~~", vec![a, b], &[Text, Text], Boolean),
        ("~~*" | "!~~*", Text, Text | Literal) => {
            called(like(true), name == "!~~*", vec![a, b], &[Text, Text], Boolean)
        }
        ("~" | "!~", Text, Text | Literal) => {
            called(Builtin::Matches { ignores_case: false }, name == "!~", vec![a, b], &[Text, Text], Boolean)
        }
        ("~*" | "!~*", Text, Text | Literal) => {
            called(Builtin::Matches { ignores_case: true }, name == "!~*", vec![a, b], &[Text, Text], Boolean)
        }
        ("@?", Jsonb, Literal) => path(Builtin::PathExists, vec![a, b], Boolean),
        ("@@", Jsonb, Literal) => path(Builtin::PathMatches, vec![a, b], Boolean),
        ("?|", Jsonb, TextArray | Literal) => {
            called(Builtin::HasAnyKey, false, vec![a, b], &[Jsonb, TextArray], Boolean)
        }
        ("?&", Jsonb, TextArray | Literal) => {
            called(Builtin::HasAllKeys, false, vec![a, b], &[Jsonb, TextArray], Boolean)
        }
        ("#>" | "#>>", Json | Jsonb, TextArray | Literal) => {
            let (kind, as_text) = (a.1, name == "#>>");
            let path = Box::new(coerced(b, TextArray)?);
            Some((Expression::Path { document: Box::new(a.0), path, as_text }, if as_text { Text } else { kind }))
        }
        ("@>", Jsonb, _) => compared(Comparison::Contains, a.0, coerced(b, Jsonb)?),
        ("<@", _, Jsonb) => compared(Comparison::Contains, b.0, coerced(a, Jsonb)?),
        ("@>", TextArray, TextArray | Literal) => compared(Comparison::Contains, a.0, coerced(b, TextArray)?),
        ("<@", TextArray, TextArray | Literal) => compared(Comparison::Contains, coerced(b, TextArray)?, a.0),
        ("&&", TextArray, TextArray | Literal) => compared(Comparison::Overlaps, a.0, coerced(b, TextArray)?),
        _ => None,
    }
}
