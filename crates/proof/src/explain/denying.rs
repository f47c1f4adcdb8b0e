//! The policies for which Postgres refuses a statement before it evaluates any: they read tables that the role may not read.

use super::hurdles::{Hurdle, RowHurdles};
use super::unreadable::{alternatives, is_denied, is_unreadable, lasts, reads_one};
use crate::evaluation::Evaluation;

/// The policies for which Postgres refuses the statement for certain, by name.
pub fn denying<'a>(rows: &[RowHurdles<'a>], evaluation: &Evaluation<'a>) -> Vec<&'a str> {
    let Some(readable) = evaluation.readable else { return Vec::new() };
    let mut denying: Vec<&Hurdle<'_>> = Vec::new();
    for row in rows.iter().filter(|row| row.is_planned()) {
        denying.extend(row.restrictive.iter().filter(|it| is_denied(evaluation, it.expression)));
        match row.permissive.as_slice() {
            [one] => denying.extend(is_denied(evaluation, one.expression).then_some(one)),
            // They are one condition: any of them.
            many if many.iter().all(|it| alternatives(it.expression).iter().all(lasts)) => {
                let reads = |it: &&Hurdle<'_>| alternatives(it.expression).iter().any(|it| reads_one(it, readable));
                denying.extend(many.iter().filter(reads));
            }
            _ => {}
        }
    }
    names(denying)
}

/// The policies for which Postgres may refuse the statement, by name.
pub fn maybe_denying<'a>(rows: &[RowHurdles<'a>], evaluation: &Evaluation<'a>) -> Vec<&'a str> {
    let Some(readable) = evaluation.readable else { return Vec::new() };
    let hurdles = rows.iter().filter(|row| row.is_planned()).flat_map(RowHurdles::all);
    names(hurdles.filter(|it| it.expression.has_rows(&|rows| is_unreadable(rows, readable))))
}

/// Each name once. A policy may count for both kinds of rows.
fn names<'a, 'b: 'a>(hurdles: impl IntoIterator<Item = &'a Hurdle<'b>>) -> Vec<&'b str> {
    let mut names: Vec<&str> = Vec::new();
    for hurdle in hurdles {
        let name = hurdle.policy.policy.name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
