//! Keys: the same for conditions that can't be read and come to the same within one row.
//!
//! A key is of a condition's text, as Postgres would store it; but not of how it is wrapped: `auth.uid() = user_id` and
//! `user_id = (select auth.uid())` have the same.

use std::fmt::Write;

use pgrx::prelude::*;
use proof::{Comparison, Expression, Key, Reason};

use super::expressions::{Frame, Reading};
use crate::pg::list::List;
use crate::pg::lookup;
use crate::pg::node::{Form, Node, NodeRef};

/// How deep a condition is taken apart for its key. Beneath, it is its text as a whole.
const DEEPEST: usize = 32;

impl Reading<'_, '_> {
    /// Gives an unread condition a key, if it has the same answer everywhere in the policies for a row. So the proof can tell
    /// whether it holds. Only in a policy itself, where columns are the row's own; in its sub-selects, where no others are asked for.
    /// And only the outermost of several, so that no part of the text is looked at more than twice.
    pub fn keyed(&mut self, expression: Expression, node: Node<'_>, frame: &Frame<'_>) -> Expression {
        let may_have_one = frame.arguments.is_none() && !frame.unread;
        if !may_have_one {
            return expression;
        }
        match expression {
            Expression::Unknown { key: None, strict, arguments, reason }
                if reason != Some(Reason::TooLarge)
                    && node.expression_type() == Some(pg_sys::BOOLOID)
                    && self.is_lasting(node) =>
            {
                Expression::Unknown { key: self.key(node, frame), strict, arguments, reason }
            }
            // A column of texts beside something that isn't the level's: it is read, and can't be told apart further.
            Expression::Compare(comparison, a, b) if is_of_row(comparison, &a, &b) && self.is_lasting(node) => {
                match self.key(node, frame) {
                    None => Expression::Compare(comparison, a, b),
                    key => {
                        let reason = Some(Reason::Compared(comparison));
                        Expression::Unknown { key, strict: true, arguments: vec![*a, *b], reason }
                    }
                }
            }
            Expression::Exists(mut rows) if rows.key.is_none() => {
                rows.key = self.key_of_rows(node, frame);
                Expression::Exists(rows)
            }
            Expression::AnyRow { test, mut rows } if rows.key.is_none() => {
                rows.key = self.key_of_rows(node, frame);
                Expression::AnyRow { test, rows }
            }
            // The queries of a UNION.
            Expression::Or(mut many) if node.cast::<pg_sys::SubLink>().is_some() => {
                if let Some(text) = self.text_of_rows(node, frame) {
                    for (n, it) in many.iter_mut().enumerate() {
                        if let Expression::Exists(rows) | Expression::AnyRow { rows, .. } = it {
                            rows.key = self.keys.key(&format!("rows {n} {text}"));
                        }
                    }
                }
                Expression::Or(many)
            }
            other => other,
        }
    }

    /// Whether it has one answer for as long as a row is looked at.
    fn is_lasting(&self, node: Node<'_>) -> bool {
        !node.may_be_volatile() && (self.functions.trusts_settings() || !node.may_be_mutable())
    }

    fn key(&mut self, node: Node<'_>, frame: &Frame<'_>) -> Option<Key> {
        let mut text = String::new();
        write_condition(node, DEEPEST, &mut text)?;
        self.keys.key(&as_directly_in_policy(text, frame.queries)?)
    }

    /// The key of a sub-select. It isn't one of an unread condition: what that comes to is also decided by the policies of its tables.
    fn key_of_rows(&mut self, node: Node<'_>, frame: &Frame<'_>) -> Option<Key> {
        let text = self.text_of_rows(node, frame)?;
        self.keys.key(&format!("rows {text}"))
    }

    fn text_of_rows(&self, node: Node<'_>, frame: &Frame<'_>) -> Option<String> {
        node.cast::<pg_sys::SubLink>()?;
        // The outermost sub-select alone has a key. What CASE tests stands outside of it.
        if frame.queries > 0 || frame.tested.is_some() || !self.is_lasting(node) {
            return None;
        }
        node.to_text()
    }
}

/// Whether a comparison depends on the row and not on the level. It is NULL where either operand is.
fn is_of_row(comparison: Comparison, a: &Expression, b: &Expression) -> bool {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    matches!(comparison, Equal | Less | LessOrEqual | Greater | GreaterOrEqual)
        && (a.depends_on_row() || b.depends_on_row())
        && ![a, b].into_iter().any(Expression::asks_for_level)
}

/// Writes what a condition is, without what only wraps it. `None` where it stands for something else elsewhere, or is looked up anew each
/// time.
fn write_condition(node: Node<'_>, depth: usize, text: &mut String) -> Option<()> {
    let Some(depth) = depth.checked_sub(1) else { return write_as_stored(node, text) };
    match node.form() {
        Form::SubLink(it) => match wrapped(it) {
            Some(target) => write_condition(target, depth, text),
            None => None,
        },
        // Each row of a set has another.
        Form::OpExpr(it) if it.opretset => None,
        Form::FuncExpr(it) if it.funcretset => None,
        Form::OpExpr(it) => {
            write!(text, "(op {} {}", it.opno.to_u32(), it.inputcollid.to_u32()).ok()?;
            write_operands(it, depth, text)
        }
        Form::FuncExpr(it) => {
            let (function, collation) = (it.funcid.to_u32(), it.inputcollid.to_u32());
            write!(text, "(call {function} {collation} {}", it.funcvariadic).ok()?;
            write_all(it.args(), depth, text)
        }
        Form::BoolExpr(it) => {
            write!(text, "(logic {}", it.boolop).ok()?;
            write_all(it.args(), depth, text)
        }
        Form::RelabelType(it) => {
            write!(text, "(as {} {} {} ", it.resulttype.to_u32(), it.resulttypmod, it.resultcollid.to_u32()).ok()?;
            write_condition(it.arg()?, depth, text)?;
            text.push(')');
            Some(())
        }
        Form::CoerceViaIO(it) => {
            write!(text, "(in {} {} ", it.resulttype.to_u32(), it.resultcollid.to_u32()).ok()?;
            write_condition(it.arg()?, depth, text)?;
            text.push(')');
            Some(())
        }
        _ => write_as_stored(node, text),
    }
}

/// The operands of an operator; in one order, if they may change places.
fn write_operands(it: NodeRef<'_, pg_sys::OpExpr>, depth: usize, text: &mut String) -> Option<()> {
    let mut operands = Vec::new();
    for operand in it.args().nodes() {
        let mut text = String::new();
        write_condition(operand?, depth, &mut text)?;
        operands.push(text);
    }
    if lookup::is_its_own_commutator(it.opno) {
        operands.sort_unstable();
    }
    operands.iter().for_each(|operand| {
        text.push(' ');
        text.push_str(operand);
    });
    text.push(')');
    Some(())
}

fn write_all(list: List<'_>, depth: usize, text: &mut String) -> Option<()> {
    for node in list.nodes() {
        text.push(' ');
        write_condition(node?, depth, text)?;
    }
    text.push(')');
    Some(())
}

fn write_as_stored(node: Node<'_>, text: &mut String) -> Option<()> {
    let stored = node.to_text()?;
    const PLACES: [&str; 6] = ["{CASETESTEXPR", "{PARAM", "{SUBLINK", "{AGGREF", "{WINDOWFUNC", "{GROUPINGFUNC"];
    // Or it comes to a set.
    let depends_on_place = |part: &&str| stored.contains(*part);
    if PLACES.iter().chain(&["retset true"]).any(depends_on_place) {
        return None;
    }
    text.push_str(&stored);
    Some(())
}

/// The text that a condition would have directly in the policy, where it stands in so many queries. `None` if it asks for their columns.
fn as_directly_in_policy(text: String, queries: u32) -> Option<String> {
    const LEVEL: &str = ":varlevelsup ";
    if queries == 0 {
        return Some(text);
    }
    let (of_row, of_policy) = (format!("{LEVEL}{queries} "), format!("{LEVEL}0 "));
    let is_of_row_alone = text.matches(LEVEL).count() == text.matches(&of_row).count();
    is_of_row_alone.then(|| text.replace(&of_row, &of_policy))
}

/// What a sub-select selects that only wraps it: `(select auth.uid())`.
fn wrapped<'tree>(it: NodeRef<'tree, pg_sys::SubLink>) -> Option<Node<'tree>> {
    let query: NodeRef<'_, pg_sys::Query> = it.subselect()?.cast()?;
    let from: NodeRef<'_, pg_sys::FromExpr> = query.jointree()?.cast()?;
    let only_wraps = it.subLinkType == pg_sys::SubLinkType::EXPR_SUBLINK
        && query.commandType == pg_sys::CmdType::CMD_SELECT
        && from.fromlist().is_empty()
        && from.quals().is_none()
        && query.setOperations().is_none()
        && query.cteList().is_empty()
        && query.havingQual().is_none()
        && query.groupClause().is_empty()
        && query.groupingSets().is_empty()
        && query.limitCount().is_none()
        && query.limitOffset().is_none()
        && !query.hasAggs
        && !query.hasTargetSRFs;
    let mut entries = query.targetList().items::<pg_sys::TargetEntry>();
    let entry = entries.next().filter(|_| only_wraps)?;
    if entries.next().is_some() { None } else { entry.expr() }
}
