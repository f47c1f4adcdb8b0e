//! Parts of conditions that occur more than once, and come to the same each time.

use std::collections::HashMap;

use crate::builtin::Builtin;
use crate::expression::{Expression, Key, Reason};
use crate::value::Value;

/// A part that occurs more than once.
#[derive(Clone, Copy)]
pub(super) enum Recurring<'a> {
    /// An unknown with a key.
    Unknown(Key),
    /// What the claims or the settings of a gateway say, as `auth.uid()`.
    OfClaims(&'a Expression),
}

/// The unknowns that occur more than once, in the order in which they do. One that occurs once depends on nothing else.
pub(super) fn recurring_unknowns<'a>(expressions: impl Iterator<Item = &'a Expression>) -> Vec<Key> {
    let mut seen: Vec<(Key, bool)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut count = |it: &Expression| {
        let Expression::Unknown { key: Some(key), .. } = it else { return };
        match places.get(key) {
            Some(place) => seen[*place].1 = true,
            None => {
                places.insert(*key, seen.len());
                seen.push((*key, false));
            }
        }
    };
    for expression in expressions {
        expression.visit(&mut |it| {
            count(it);
            // It is compared with each element.
            if let Expression::CompareEach { value, .. } = it {
                value.visit(&mut |it| {
                    count(it);
                    true
                });
            }
            true
        });
    }
    seen.into_iter().filter(|(_, recurs)| *recurs).map(|(key, _)| key).collect()
}

/// How many parts of the claims are told apart.
const MOST_OF_CLAIMS: usize = 2;

/// The parts of the claims and settings that are asked for more than once, the largest first, and then the claims as a whole. It is the same
/// throughout a statement. Not the claim `aal`, nor anything else that a kind of session decides.
pub(super) fn recurring_claims<'a>(expressions: impl Iterator<Item = &'a Expression>) -> Vec<&'a Expression> {
    let mut seen: Vec<(&Expression, bool)> = Vec::new();
    for expression in expressions {
        expression.visit(&mut |it| {
            if is_of_claims(it) {
                match seen.iter_mut().find(|(one, _)| *one == it) {
                    Some((_, recurs)) => *recurs = true,
                    None => seen.push((it, false)),
                }
            }
            true
        });
    }
    let mut recurring: Vec<&Expression> = seen.into_iter().filter(|(_, recurs)| *recurs).map(|(it, _)| it).collect();
    recurring.sort_by_key(|it| (it.is_claims(), std::cmp::Reverse(it.extent().0)));
    let mut chosen: Vec<&Expression> = Vec::new();
    for it in recurring {
        // A part of a chosen one occurs there.
        if chosen.len() < MOST_OF_CLAIMS && !chosen.iter().any(|chosen| chosen.any(&|part| part == it)) {
            chosen.push(it);
        }
    }
    chosen
}

/// Whether this node asks for a part of the claims or for all, and for nothing else.
fn is_of_claims(expression: &Expression) -> bool {
    let is_asked = match expression {
        Expression::Unknown { reason: Some(Reason::Subject { .. }), .. } => true,
        Expression::Unknown { reason: Some(Reason::Cast { .. }), arguments, .. } => !arguments.is_empty(),
        Expression::Member { document, .. } | Expression::Path { document, .. } | Expression::HasKey(document, _) => {
            document.is_claims() && !expression.asks_for_level()
        }
        Expression::Setting { name, .. } => {
            let is_other = |name: &str| !name.eq_ignore_ascii_case("request.jwt.claim.aal");
            matches!(&**name, Expression::Constant(Value::Text(name)) if is_other(name))
        }
        Expression::Call(Builtin::Ago, _) => false,
        Expression::Call(..) => !expression.asks_for_level(),
        _ => expression.is_claims(),
    };
    is_asked && depends_on_claims_alone(expression)
}

fn depends_on_claims_alone(expression: &Expression) -> bool {
    use Expression::*;
    let alone = match expression {
        Constant(_) | Claims | Setting { .. } | Member { .. } | Path { .. } | ToJson(_) | Coalesce(_) | NullIf(..) => {
            true
        }
        Call(..) | Array(_) | JsonToText(_) | HasKey(..) => true,
        Unknown { reason: Some(Reason::Subject { .. } | Reason::Cast { .. }), key: None, .. } => true,
        Select { .. } => !std::ptr::eq(expression.unwrapped(), expression),
        _ => false,
    };
    alone && !expression.any_child(&mut |it| !depends_on_claims_alone(it))
}

/// Whether such a part is a truth value.
pub(super) fn is_condition(expression: &Expression) -> bool {
    match expression {
        Expression::Unknown { reason: Some(Reason::Cast { to_boolean }), .. } => *to_boolean,
        Expression::Call(builtin, _) => builtin.is_condition(),
        Expression::HasKey(..) => true,
        _ => false,
    }
}
