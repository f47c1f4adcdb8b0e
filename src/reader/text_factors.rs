//! Conditions on Supabase Auth's table of factors, in bodies that are stored as text: see `factors`.

use pgrx::prelude::*;

use super::factor_store::{FactorColumn, FactorStore};
use super::functions::Parameter;
use super::names::table_named;
use super::text_bodies::{Scope, TextBody, names};
use super::text_types::Kind;
use crate::pg::list::List;
use crate::pg::node::{Form, Node, NodeRef};

impl TextBody<'_, '_, '_> {
    /// Whether the rows of a query are the verified factors of the session's user, all of them and no others.
    pub(super) fn selects_factors(&mut self, query: NodeRef<'_, pg_sys::SelectStmt>, scope: Scope<'_>) -> bool {
        let functions = self.reading.functions;
        let Some(store) = functions.factors().filter(|store| store.is_seen_whole(scope.nesting)) else { return false };
        let table = query.fromClause().single().and_then(Node::cast::<pg_sys::RangeVar>);
        let Some(table) = table.filter(|it| table_named(*it, scope.nesting.path()) == Some(store.table)) else {
            return false;
        };
        let of = Factors { store, table, parameters: &self.body.parameters };
        let Some([a, b]) = query.whereClause().and_then(conjuncts) else { return false };
        (self.is_verified(of, a) && self.is_users(of, b, scope))
            || (self.is_verified(of, b) && self.is_users(of, a, scope))
    }

    /// Whether this is `user_id = auth.uid()`.
    fn is_users(&mut self, of: Factors<'_>, node: Node<'_>, scope: Scope<'_>) -> bool {
        let Some([a, b]) = equated(node) else { return false };
        let is_user = |node| of.column(node) == Some(FactorColumn::User);
        let other = if is_user(a) { b } else { a };
        if !is_user(a) && !is_user(b) {
            return false;
        }
        let (other, kind) = self.expression(Some(other), scope);
        kind == Kind::Uuid && other.is_session_subject()
    }

    /// Whether this is `status = 'verified'`, or the same of its text.
    fn is_verified(&self, of: Factors<'_>, node: Node<'_>) -> bool {
        let Some([a, b]) = equated(node) else { return false };
        let functions = self.reading.functions;
        let is_status = |node: Node<'_>| match as_text(node) {
            Some(column) => of.column(column) == Some(FactorColumn::Status) && !of.store.status_has_casts,
            None => {
                let kind = of.store.status_type;
                of.column(node) == Some(FactorColumn::Status)
                    && functions.names().is_postgres_operator("=", kind, pg_sys::UNKNOWNOID)
            }
        };
        let says_verified = |node: Node<'_>, with: Node<'_>| {
            // A text can be compared with the status only as a text.
            let node = as_text(node).filter(|_| as_text(with).is_some()).unwrap_or(node);
            let value = node.cast::<pg_sys::A_Const>().and_then(|it| it.value()).map(Node::form);
            matches!(value, Some(Form::String(it)) if it.sval() == Some(c"verified"))
        };
        (is_status(a) && says_verified(b, a)) || (is_status(b) && says_verified(a, b))
    }

    /// Whether this counts rows of the session's verified factors.
    pub(super) fn counts(&self, it: NodeRef<'_, pg_sys::FuncCall>) -> bool {
        let is_count = match names(it.funcname()).unwrap_or_default().as_slice() {
            // Postgres' own takes any type: one that somebody made for this one would come before it.
            [name] => name == "count" && !self.reading.functions.names().has_function("count"),
            [schema, name] => schema == "pg_catalog" && name == "count",
            _ => false,
        };
        let is_plain = it.over().is_none() && it.agg_filter().is_none() && !it.func_variadic && !it.agg_within_group;
        let counts_rows = it.agg_star || it.args().single().is_some_and(|argument| self.is_never_null(argument));
        is_count && is_plain && counts_rows
    }

    /// Whether this is a column of the table of factors, or a constant, and never NULL.
    fn is_never_null(&self, node: Node<'_>) -> bool {
        match node.form() {
            Form::A_Const(it) => !it.isnull,
            Form::ColumnRef(it) => {
                let store = self.reading.functions.factors();
                let column = store.zip(last_name(it)).and_then(|(store, name)| store.column_named(name));
                match column {
                    Some(FactorColumn::Other { never_null }) => never_null,
                    Some(_) => true,
                    None => false,
                }
            }
            _ => false,
        }
    }
}

/// The table of factors in a FROM clause.
#[derive(Clone, Copy)]
struct Factors<'a> {
    store: &'a FactorStore,
    table: NodeRef<'a, pg_sys::RangeVar>,
    parameters: &'a [Parameter],
}

impl Factors<'_> {
    /// The column of it that this names.
    fn column(self, node: Node<'_>) -> Option<FactorColumn> {
        let it = node.cast::<pg_sys::ColumnRef>()?;
        let alias = self.table.alias().and_then(Node::cast::<pg_sys::Alias>);
        if alias.is_some_and(|alias| !alias.colnames().is_empty()) {
            return None;
        }
        let name = alias.map_or(self.table.relname(), |alias| alias.aliasname())?.to_string_lossy().into_owned();
        let is_its = match names(it.fields())?.as_slice() {
            // A parameter of that name is meant in some languages.
            [column] => self.parameters.iter().all(|parameter| parameter.name != *column),
            [table, _] => *table == name,
            [schema, table, _] => schema == "auth" && *table == name && alias.is_none(),
            _ => false,
        };
        last_name(it).filter(|_| is_its).and_then(|column| self.store.column_named(column))
    }
}

fn last_name<'tree>(it: NodeRef<'tree, pg_sys::ColumnRef>) -> Option<&'tree std::ffi::CStr> {
    let last = it.fields().nodes().last()??;
    last.cast::<pg_sys::String>()?.sval()
}

/// The node that is cast to a text here.
fn as_text(node: Node<'_>) -> Option<Node<'_>> {
    let it = node.cast::<pg_sys::TypeCast>()?;
    let kind = it.typeName().and_then(Node::cast).map(super::text_bodies::type_named);
    it.arg().filter(|_| kind == Some(Kind::Text))
}

/// The two parts of `a and b`.
fn conjuncts(node: Node<'_>) -> Option<[Node<'_>; 2]> {
    let it = node.cast::<pg_sys::BoolExpr>().filter(|it| it.boolop == pg_sys::BoolExprType::AND_EXPR)?;
    two(it.args())
}

fn two(list: List<'_>) -> Option<[Node<'_>; 2]> {
    list.nodes().collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// The two parts of `a = b`.
fn equated(node: Node<'_>) -> Option<[Node<'_>; 2]> {
    let it = node.cast::<pg_sys::A_Expr>().filter(|it| it.kind == pg_sys::A_Expr_Kind::AEXPR_OP)?;
    let is_equal = match names(it.name())?.as_slice() {
        [name] => name == "=",
        [schema, name] => schema == "pg_catalog" && name == "=",
        _ => false,
    };
    Some([it.lexpr()?, it.rexpr()?]).filter(|_| is_equal)
}

/// Whether a LIMIT leaves a row where there is one.
pub(super) fn is_some_row(limit: Node<'_>) -> bool {
    let value = limit.cast::<pg_sys::A_Const>().and_then(|it| it.value()).map(Node::form);
    matches!(value, Some(Form::Integer(it)) if it.ival > 0)
}
