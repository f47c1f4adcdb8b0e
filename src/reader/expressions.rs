//! Postgres' expression trees into the proof's expressions.
//!
//! Only an object recognized by its OID is taken for itself: a function or an operator of `pg_catalog`, or one of ours.
//! Functions written in SQL are seen through. Everything else becomes [`Expression::Unknown`].
//!
//! Nothing here evaluates an expression of a user's, nor has Postgres analyze one.

use std::cell::Cell;

use pgrx::prelude::*;
use proof::{Builtin, Comparison, Expression, Reason, Truth, Value};

use super::budget::{Budget, Keys, Nesting};
use super::functions::Functions;
use super::known::{Known, known_call, now};
use super::queries::mentioning;
use super::types::{Family, compares_bytes, value_of};
use crate::pg::list::List;
use crate::pg::lookup;
use crate::pg::node::{Form, Node, NodeRef};

/// The reading of one policy's expression.
pub struct Reading<'a, 'tree> {
    pub functions: &'a Functions<'tree>,
    pub budget: Budget,
    pub keys: &'a mut Keys,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The arguments of the function whose body this is; `None` in a policy.
    pub arguments: Option<&'a [Expression]>,
    /// Whether it runs with the caller's rights, and not with those of a function's owner.
    pub callers_rights: bool,
    /// How many sub-selects deep it is.
    pub queries: u32,
    /// What the columns of a sub-select stand for, in the comparison of `= any (select …)`.
    pub selected: &'a [Expression],
    /// The value that `case x when …` compares.
    pub tested: Option<&'a Expression>,
    /// Whether the query around it selects the session's verified factors.
    pub of_factors: bool,
    /// The place of `auth.amr()` among the tables of the query around it.
    pub methods: Option<usize>,
    /// The condition of the query around it, if that has no tables and counts its one row.
    pub counted: Option<&'a Expression>,
    /// Whether it is part of something that can't be read.
    pub unread: bool,
    /// How deep it is, bodies of functions included.
    pub nesting: Nesting<'a>,
    /// Where the query around it notes the outermost query, by how deep that is, whose columns it has.
    pub outermost: &'a Cell<u32>,
}

impl<'a> Frame<'a> {
    /// Directly in a policy.
    pub fn in_policy(nesting: Nesting<'a>, outermost: &'a Cell<u32>) -> Frame<'a> {
        Frame {
            arguments: None,
            callers_rights: true,
            queries: 0,
            selected: &[],
            tested: None,
            of_factors: false,
            methods: None,
            counted: None,
            unread: false,
            nesting,
            outermost,
        }
    }

    /// Within a sub-select.
    pub fn in_query(self) -> Frame<'a> {
        let (of_factors, methods, counted) = (false, None, None);
        Frame { queries: self.queries + 1, selected: &[], tested: None, of_factors, methods, counted, ..self }
    }

    /// Within an expression that can't be read.
    pub fn in_unread(self) -> Frame<'a> {
        Frame { unread: true, ..self }
    }
}

impl Reading<'_, '_> {
    /// Reads an expression, if there is one.
    pub fn expression(&mut self, node: Option<Node<'_>>, frame: &Frame<'_>) -> Expression {
        let Some(node) = node else { return Expression::unknown() };
        let Some(nesting) = self.budget.enter(frame.nesting) else { return Expression::too_large() };
        let frame = Frame { nesting, ..*frame };
        let read = self.form(node, &frame);
        self.keyed(read, node, &frame)
    }

    /// Reads the expressions of a list.
    pub fn many(&mut self, list: List<'_>, frame: &Frame<'_>) -> Vec<Expression> {
        list.nodes().map(|node| self.expression(node, frame)).collect()
    }

    pub fn boxed(&mut self, node: Option<Node<'_>>, frame: &Frame<'_>) -> Box<Expression> {
        Box::new(self.expression(node, frame))
    }

    fn form(&mut self, node: Node<'_>, frame: &Frame<'_>) -> Expression {
        match node.form() {
            Form::Const(it) => self.constant(it),
            Form::Var(it) => self.column(it, frame),
            Form::Param(it) => self.copy_if_known(parameter(it, frame), frame),
            Form::FuncExpr(it) => {
                if it.funcretset && !matches!(self.functions.known(it.funcid), Some(Known::Methods)) {
                    self.opaque_call(it.funcid, it.args(), frame)
                } else {
                    self.call(it.funcid, it.args(), it.inputcollid, frame)
                }
            }
            Form::OpExpr(it) => self.call(lookup::operator_function(it.opno), it.args(), it.inputcollid, frame),
            Form::DistinctExpr(it) => match self.null_safe(it, frame) {
                Some(same) => same.negate(),
                None => self.parts(it.args(), frame),
            },
            Form::NullIfExpr(it) => self.null_if(it, frame),
            Form::ScalarArrayOpExpr(it) => self.compare_each(it, frame),
            Form::RowCompareExpr(it) => self.compare_rows(it, frame),
            Form::BoolExpr(it) => logic(it.boolop, self.many(it.args(), frame)),
            Form::NullTest(it) => self.null_test(it, frame),
            Form::BooleanTest(it) => {
                let (truth, negated) = tested_for(it.booltesttype);
                Expression::Is { truth, negated, tested: self.boxed(it.arg(), frame) }
            }
            Form::CaseExpr(it) => self.case(it, frame),
            Form::CaseTestExpr(_) => self.copy_if_known(frame.tested, frame),
            Form::CoalesceExpr(it) => Expression::Coalesce(self.many(it.args(), frame)),
            Form::ArrayExpr(it) => {
                if it.multidims {
                    Expression::unknown()
                } else {
                    Expression::Array(self.many(it.elements(), frame))
                }
            }
            Form::RelabelType(it) => self.relabelled(it, frame),
            Form::CollateExpr(it) => self.expression(it.arg(), frame),
            Form::CoerceToDomain(it) => self.expression(it.arg(), frame),
            Form::CoerceViaIO(it) => self.converted(it, frame),
            Form::ArrayCoerceExpr(it) => self.converted_array(it, frame),
            Form::SubscriptingRef(it) => self.subscript(it, frame),
            Form::SQLValueFunction(it) => value_function(it.op, frame),
            Form::SubLink(it) => self.sub_select(it, frame),
            Form::NamedArgExpr(it) => self.expression(it.arg(), frame),
            Form::FieldSelect(it) => null_if_null_is(self.expression(it.arg(), frame)),
            Form::MinMaxExpr(it) => self.least_or_greatest(it, frame),
            Form::RowExpr(it) => self.parts(it.args(), frame),
            Form::Aggref(it) => match (self.aggregate_of_factors(it).filter(|_| frame.of_factors), frame.counted) {
                (Some(read), _) => read,
                (None, Some(condition)) if counts_all(it) => {
                    let number = |number| Expression::Constant(Value::Integer(number));
                    let arms = vec![(self.budget.copy_or_cut(condition, frame.nesting), number(1))];
                    Expression::Case { arms, otherwise: Box::new(number(0)) }
                }
                _ => {
                    // An aggregate's arguments don't say what it comes to, nor does the condition of its row.
                    let entries = it.args().items::<pg_sys::TargetEntry>();
                    let mut parts: Vec<_> = entries.map(|entry| self.expression(entry.expr(), frame)).collect();
                    parts.extend(frame.counted.map(|it| self.budget.copy_or_cut(it, frame.nesting)));
                    mentioning(parts)
                }
            },
            _ => Expression::unknown(),
        }
    }

    /// A copy of what stands here, if that is known.
    fn copy_if_known(&mut self, known: Option<&Expression>, frame: &Frame<'_>) -> Expression {
        match known {
            Some(known) => self.budget.copy_or_cut(known, frame.nesting),
            None => Expression::unknown(),
        }
    }

    fn constant(&mut self, it: NodeRef<'_, pg_sys::Const>) -> Expression {
        let constant = value_of(it).map_or_else(Expression::unknown, Expression::Constant);
        if self.budget.spend(constant.weight() - 1) { constant } else { Expression::too_large() }
    }

    fn column(&mut self, it: NodeRef<'_, pg_sys::Var>, frame: &Frame<'_>) -> Expression {
        frame.outermost.set(frame.outermost.get().min(frame.queries.saturating_sub(it.varlevelsup)));
        let place = usize::try_from(it.varno).ok().and_then(|number| number.checked_sub(1));
        if it.varlevelsup == 0 && place.is_some() && place == frame.methods && it.varattno == LEVEL_OF_METHOD {
            return unread_of(Expression::Level);
        }
        let is_of_row = frame.arguments.is_none() && it.varlevelsup == frame.queries;
        if !is_of_row {
            return Expression::unknown();
        }
        let is_boolean = it.vartype == pg_sys::BOOLOID;
        let key = if is_boolean { self.keys.key(&format!("column {}", it.varattno)) } else { None };
        Expression::Unknown { key, strict: false, arguments: Vec::new(), reason: Some(Reason::Column(it.varattno)) }
    }

    /// An expression that can't be read, but has parts that can. They may never be evaluated.
    fn parts(&mut self, list: List<'_>, frame: &Frame<'_>) -> Expression {
        mentioning(self.many(list, frame))
    }

    fn null_test(&mut self, it: NodeRef<'_, pg_sys::NullTest>, frame: &Frame<'_>) -> Expression {
        let negated = it.nulltesttype == pg_sys::NullTestType::IS_NOT_NULL;
        if !it.argisrow {
            return Expression::Is { truth: Truth::Null, negated, tested: self.boxed(it.arg(), frame) };
        }
        // Of a row it asks for all of its columns, and of a row within it for no more than that it is there.
        let row = it.arg().and_then(Node::cast::<pg_sys::RowExpr>);
        let Some(row) =
            row.filter(|row| !row.args().nodes().flatten().any(|node| node.cast::<pg_sys::RowExpr>().is_some()))
        else {
            return mentioning(vec![self.expression(it.arg(), frame)]);
        };
        let columns = self.many(row.args(), frame).into_iter();
        Expression::And(
            columns.map(|tested| Expression::Is { truth: Truth::Null, negated, tested: Box::new(tested) }).collect(),
        )
    }

    fn case(&mut self, it: NodeRef<'_, pg_sys::CaseExpr>, frame: &Frame<'_>) -> Expression {
        let tested = it.arg().map(|tested| self.expression(Some(tested), frame));
        let within = Frame { tested: tested.as_ref().or(frame.tested), ..*frame };
        let arms = it.args().items::<pg_sys::CaseWhen>();
        let arms =
            arms.map(|arm| (self.expression(arm.expr(), &within), self.expression(arm.result(), frame))).collect();
        let otherwise = match it.defresult() {
            None => Expression::NULL,
            some => self.expression(some, frame),
        };
        Expression::Case { arms, otherwise: Box::new(otherwise) }
    }

    /// `not (a is distinct from b)`, if the operator beneath is one that is known.
    fn null_safe(&mut self, it: NodeRef<'_, pg_sys::OpExpr>, frame: &Frame<'_>) -> Option<Expression> {
        if !self.is_equality(it) {
            return None;
        }
        let [a, b] = self.two(it.args(), frame)?;
        Some(Expression::Compare(Comparison::Same, Box::new(a), Box::new(b)))
    }

    fn null_if(&mut self, it: NodeRef<'_, pg_sys::OpExpr>, frame: &Frame<'_>) -> Expression {
        match (self.is_equality(it), self.two(it.args(), frame)) {
            (true, Some([a, b])) => Expression::NullIf(Box::new(a), Box::new(b)),
            _ => self.parts(it.args(), frame),
        }
    }

    /// Whether an operator is an equality that is known.
    fn is_equality(&self, it: NodeRef<'_, pg_sys::OpExpr>) -> bool {
        let known = self.functions.known(lookup::operator_function(it.opno));
        matches!(known, Some(Known::Compare(Comparison::Equal, false, false))) && compares_bytes(it.inputcollid)
    }

    fn two(&mut self, list: List<'_>, frame: &Frame<'_>) -> Option<[Expression; 2]> {
        self.many(list, frame).try_into().ok()
    }

    fn compare_each(&mut self, it: NodeRef<'_, pg_sys::ScalarArrayOpExpr>, frame: &Frame<'_>) -> Expression {
        let known = self.functions.known(lookup::operator_function(it.opno));
        match (known, self.two(it.args(), frame)) {
            (Some(Known::Compare(comparison, negated, false)), Some([value, array]))
                if compares_bytes(it.inputcollid) =>
            {
                let (value, array) = (Box::new(value), Box::new(array));
                Expression::CompareEach { comparison, negated, any: it.useOr, value, array }
            }
            _ => self.parts(it.args(), frame),
        }
    }

    /// `(a, b) >= (c, d)`: the first that differ decide. One that is NULL before these makes it NULL.
    fn compare_rows(&mut self, it: NodeRef<'_, pg_sys::RowCompareExpr>, frame: &Frame<'_>) -> Expression {
        let (left, right) = (self.many(it.largs(), frame), self.many(it.rargs(), frame));
        let all = || left.iter().chain(&right);
        let read =
            if all().any(Expression::depends_on_row) { None } else { self.compared_rows(it, &left, &right, frame) };
        read.unwrap_or_else(|| mentioning([left, right].concat()))
    }

    fn compared_rows(
        &mut self,
        it: NodeRef<'_, pg_sys::RowCompareExpr>,
        left: &[Expression],
        right: &[Expression],
        frame: &Frame<'_>,
    ) -> Option<Expression> {
        let pairs = left.iter().zip(right).zip(it.opnos().zip(it.inputcollids()));
        let mut read: Option<Expression> = None;
        for ((a, b), (operator, collation)) in pairs.collect::<Vec<_>>().into_iter().rev() {
            let known = self.functions.known(lookup::operator_function(operator))?;
            let (Known::Compare(comparison, false, false) | Known::CompareOthers(comparison, false)) = known else {
                return None;
            };
            let mut compared = |comparison| {
                let operands = vec![self.budget.copy(a, frame.nesting)?, self.budget.copy(b, frame.nesting)?];
                known_call(Known::Compare(comparison, false, false), operands, collation)
            };
            read = Some(match read {
                None => compared(comparison)?,
                Some(rest) => {
                    let strict = match comparison {
                        Comparison::Less | Comparison::LessOrEqual => Comparison::Less,
                        Comparison::Greater | Comparison::GreaterOrEqual => Comparison::Greater,
                        _ => return None,
                    };
                    let arms = vec![(compared(Comparison::Equal)?, rest)];
                    Expression::Case { arms, otherwise: Box::new(compared(strict)?) }
                }
            });
        }
        read
    }

    fn least_or_greatest(&mut self, it: NodeRef<'_, pg_sys::MinMaxExpr>, frame: &Frame<'_>) -> Expression {
        let greatest = it.op == pg_sys::MinMaxOp::IS_GREATEST;
        let known = Known::Builtin(if greatest { Builtin::Greatest } else { Builtin::Least }, false);
        if it.minmaxtype != pg_sys::BOOLOID && Family::of_type(it.minmaxtype) != Family::Text {
            return self.parts(it.args(), frame);
        }
        let all = self.many(it.args(), frame);
        known_call(known, all, it.inputcollid).unwrap_or_else(Expression::unknown)
    }

    /// The same bytes as another type. What that type's operators say of them is the same only for texts.
    fn relabelled(&mut self, it: NodeRef<'_, pg_sys::RelabelType>, frame: &Frame<'_>) -> Expression {
        let argument = self.expression(it.arg(), frame);
        let Some(from) = it.arg().and_then(Node::expression_type) else { return null_if_null_is(argument) };
        let are_texts =
            |family: fn(pg_sys::Oid) -> Family| family(from) == Family::Text && family(it.resulttype) == Family::Text;
        if Family::of_type(from) == Family::Text && it.resulttype == pg_sys::BPCHAROID {
            return Expression::Call(Builtin::TrimBlank, vec![argument]);
        }
        if are_texts(Family::of_type) || are_texts(Family::of_elements) { argument } else { null_if_null_is(argument) }
    }

    fn converted(&mut self, it: NodeRef<'_, pg_sys::CoerceViaIO>, frame: &Frame<'_>) -> Expression {
        let source = it.arg().and_then(Node::expression_type);
        let (from, to) = (source.map_or(Family::Other, Family::of_type), Family::of_type(it.resulttype));
        let argument = self.boxed(it.arg(), frame);
        match (from, to) {
            (Family::Text | Family::Json, Family::Json) => Expression::ToJson(argument),
            // A json's text keeps its author's spelling. A jsonb has one text only.
            (Family::Json, Family::Text) if source == Some(pg_sys::JSONBOID) => Expression::JsonToText(argument),
            (Family::Text | Family::Enum, Family::Text | Family::Enum) => *argument,
            (Family::Text, _) if matches!(it.resulttype, pg_sys::INT4OID | pg_sys::INT8OID) => {
                Expression::Call(Builtin::ToInteger, vec![*argument])
            }
            (Family::Text, _) if it.resulttype == pg_sys::NUMERICOID => {
                Expression::Call(Builtin::ToNumeric, vec![*argument])
            }
            _ => cast(*argument, it.resulttype == pg_sys::BOOLOID),
        }
    }

    fn converted_array(&mut self, it: NodeRef<'_, pg_sys::ArrayCoerceExpr>, frame: &Frame<'_>) -> Expression {
        let source = it.arg().and_then(Node::expression_type);
        let (from, to) = (source.map_or(Family::Other, Family::of_elements), Family::of_elements(it.resulttype));
        let argument = self.expression(it.arg(), frame);
        // Not varchar(3): that cuts. An element's cast to it is a call, not a relabelling.
        let element = it.elemexpr().map(Node::form);
        let relabels = matches!(element, Some(Form::RelabelType(_) | Form::CoerceViaIO(_)));
        match (from, to) {
            (Family::Text | Family::Enum, Family::Text | Family::Enum) if relabels => argument,
            _ => null_if_null_is(argument),
        }
    }

    /// `document['key']`, of jsonb.
    fn subscript(&mut self, it: NodeRef<'_, pg_sys::SubscriptingRef>, frame: &Frame<'_>) -> Expression {
        let document = self.boxed(it.refexpr(), frame);
        let keys = self.many(it.refupperindexpr(), frame);
        let is_read = it.refassgnexpr().is_none() && it.reflowerindexpr().is_empty();
        if is_read && it.refcontainertype == pg_sys::JSONBOID {
            return Expression::Path { document, path: Box::new(Expression::Array(keys)), as_text: false };
        }
        mentioning([vec![*document], keys].concat())
    }
}

/// AND, OR or NOT.
pub fn logic(operator: pg_sys::BoolExprType::Type, mut all: Vec<Expression>) -> Expression {
    match operator {
        pg_sys::BoolExprType::AND_EXPR => Expression::And(all),
        pg_sys::BoolExprType::OR_EXPR => Expression::Or(all),
        _ => all.pop().map_or_else(Expression::unknown, Expression::negate),
    }
}

/// Whether this is `count(*)`, of the query around it.
fn counts_all(it: NodeRef<'_, pg_sys::Aggref>) -> bool {
    it.aggfnoid.to_u32() == pg_sys::F_COUNT_ && it.agglevelsup == 0 && it.aggfilter.is_null()
}

/// What `is true` and its siblings test for, and whether that is negated.
pub fn tested_for(test: pg_sys::BoolTestType::Type) -> (Truth, bool) {
    use pg_sys::BoolTestType::*;
    match test {
        IS_TRUE => (Truth::True, false),
        IS_NOT_TRUE => (Truth::True, true),
        IS_FALSE => (Truth::False, false),
        IS_NOT_FALSE => (Truth::False, true),
        IS_UNKNOWN => (Truth::Null, false),
        _ => (Truth::Null, true),
    }
}

/// The column `level` of `auth.amr()`, by its number.
const LEVEL_OF_METHOD: i16 = 3;

/// An expression that can't be read, and depends on this.
fn unread_of(argument: Expression) -> Expression {
    Expression::Unknown { key: None, strict: false, arguments: vec![argument], reason: None }
}

/// An expression that can't be read, but is NULL where its argument is.
pub fn null_if_null_is(argument: Expression) -> Expression {
    Expression::Unknown { key: None, strict: true, arguments: vec![argument], reason: None }
}

/// The same of a cast, which is NULL nowhere else.
pub fn cast(argument: Expression, to_boolean: bool) -> Expression {
    Expression::Unknown {
        key: None,
        strict: true,
        arguments: vec![argument],
        reason: Some(Reason::Cast { to_boolean }),
    }
}

fn parameter<'a>(it: NodeRef<'_, pg_sys::Param>, frame: &Frame<'a>) -> Option<&'a Expression> {
    let place = usize::try_from(it.paramid).ok()?.checked_sub(1)?;
    match it.paramkind {
        pg_sys::ParamKind::PARAM_EXTERN => frame.arguments?.get(place),
        pg_sys::ParamKind::PARAM_SUBLINK => frame.selected.get(place),
        _ => None,
    }
}

fn value_function(function: pg_sys::SQLValueFunctionOp::Type, frame: &Frame<'_>) -> Expression {
    use pg_sys::SQLValueFunctionOp::*;
    match function {
        SVFOP_CURRENT_ROLE | SVFOP_CURRENT_USER | SVFOP_USER if frame.callers_rights => Expression::CurrentRole,
        SVFOP_CURRENT_TIMESTAMP => now(),
        _ => Expression::unknown(),
    }
}
