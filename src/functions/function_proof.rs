//! Proof of functions: what each needs of the roles that may execute it, derived from the catalog.
//!
//! STABLE, PARALLEL RESTRICTED and not SECURITY DEFINER for the reasons of [`super::proof`].

use std::collections::BTreeMap;

use pgrx::datum::Interval;
use pgrx::prelude::*;
use proof::lint::{FunctionNeed, function_needs, needed_by_gate};
use proof::{Catalog, FunctionId, FunctionIndex, Matrix, RequiredLevel, RoleIndex, Threshold};

use super::proof::{catalog, interrupts, interval, role_index, threshold};
use crate::catalog::Scope;
use crate::denial;
use crate::pg::elog::{notice, raise};
use crate::pg::lookup;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Name, Regprocedure};

/// For each function that reaches a protected table past its policies, and each role that may execute it, the lowest session level
/// that passes the function's gates.
///
/// Errors: 42883 for a function that doesn't exist, 42809 for one of Postgres' or of an extension, 42704 for a role that doesn't exist.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_functions(
    target: default!(Option<Regprocedure>, "NULL"),
    role: default!(Option<Name>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(target, Regprocedure),
        name!(role, Name),
        name!(required_aal, String),
        name!(max_age, Option<Interval>),
        name!(reaches, Vec<String>),
        name!(decided_by, Vec<String>),
        name!(note, Option<String>),
    ),
> {
    let role = role.map(|Name(role)| role);
    let catalog = catalog(Scope { table: None, role: role.as_deref(), with_surroundings: true });
    let only = (target.map(|it| function_index(&catalog, it)), role.map(|role| role_index(&catalog, &role)));
    let matrix = Matrix::derive(&catalog, &interrupts);
    let rows: Vec<_> = function_needs(&catalog, &matrix, only, &interrupts)
        .into_iter()
        .map(|need| {
            (
                Regprocedure(catalog.functions[need.function].id.oid().into()),
                Name(catalog.roles[need.role].name.clone()),
                need.threshold.level.as_str().to_owned(),
                need.threshold.max_age.map(interval),
                need.reached(&catalog),
                need.decided_by,
                need.note,
            )
        })
        .collect();
    TableIterator::new(rows)
}

/// Raises unless a function needs at least `level` of every role that row security binds and that may execute it.
///
/// `role` narrows it to one role. A function that reaches no protected table must ask for the level by its own gate.
///
/// Errors: P0004 if it needs less; 42883, 42809 and 42704 as `aal_functions`; 22023 for an unknown level; 22004 for a NULL.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn assert_aal_function(target: Option<Regprocedure>, level: Option<&str>, role: default!(Option<Name>, "NULL")) {
    let Some(target) = target else { denial::null_argument("target") };
    let level = threshold("level", level);
    let role = role.map(|Name(role)| role);
    let catalog = catalog(Scope { table: None, role: role.as_deref(), with_surroundings: true });
    let function = function_index(&catalog, target);
    let role = role.map(|role| role_index(&catalog, &role));
    let matrix = Matrix::derive(&catalog, &interrupts);
    let needs = function_needs(&catalog, &matrix, (Some(function), role), &interrupts);
    let breaches = breaches(&catalog, &matrix, &needs, function, (role, level));
    let name = &catalog.functions[function].display_name;
    if breaches.is_empty() {
        let bypassing: Vec<&str> = roles_that_bypass(&catalog, &needs).filter(|_| role.is_none()).collect();
        if !bypassing.is_empty() {
            let roles = bypassing.join(", ");
            notice(&format!("nothing is asserted of roles that bypass row security: {roles}"), None);
        }
        return;
    }
    let what = match level.level {
        RequiredLevel::Denied => format!("{name} is possible, and denied was asserted"),
        _ => format!("{name} is possible below {}, which was asserted", level.in_options()),
    };
    let hint = "Begin the function by asking for the level, as in: perform auth.require_aal('aal2'). See auth.aal_functions().";
    raise(SqlState::ASSERT_FAILURE, &what, Some(&breaches.join("\n")), Some(hint));
}

/// The roles by which a function needs less. Those for which the same holds stand together.
fn breaches(
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    needs: &[FunctionNeed],
    function: FunctionIndex,
    (role, level): (Option<RoleIndex>, Threshold),
) -> Vec<String> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (index, it) in catalog.roles.indexed() {
        if role.is_some_and(|role| role != index) {
            continue;
        }
        let need = needs.iter().find(|need| need.role == index);
        let counts = role.is_some() || need.is_none_or(|need| need.is_held(catalog));
        let (needed, how) = match need {
            Some(need) => (need.threshold, how(catalog, need)),
            None if catalog.functions[function].open_to.contains(&it.name) => {
                let needed = needed_by_gate(catalog, matrix, function, index);
                (needed, "; it reaches no protected table past its policies, so only its own gate counts".to_owned())
            }
            None => continue,
        };
        if counts && !needed.implies(level) {
            let at = match needed.level {
                RequiredLevel::None => "without any level".to_owned(),
                _ => format!("at {needed}"),
            };
            let detail = format!("can call {} {at}{how}", catalog.functions[function].display_name);
            alike.entry(detail).or_default().push(&it.name);
        }
    }
    alike.into_iter().map(|(detail, roles)| format!("{} {detail}", roles.join(", "))).collect()
}

fn how(catalog: &Catalog, need: &FunctionNeed) -> String {
    let note = need.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
    let (reached, decided_by) = (need.reached(catalog).join("; "), need.decided_by.join(", "));
    format!(", and reaches {reached}, decided by {decided_by}{note}")
}

fn roles_that_bypass<'a>(catalog: &'a Catalog, needs: &'a [FunctionNeed]) -> impl Iterator<Item = &'a str> {
    let bypassing = needs.iter().filter(|need| !need.is_held(catalog));
    bypassing.filter(|need| catalog.roles[need.role].is_api).map(|need| catalog.roles[need.role].name.as_str())
}

/// A function of a user's making; raises for one that isn't.
fn function_index(catalog: &Catalog, Regprocedure(oid): Regprocedure) -> FunctionIndex {
    let id = FunctionId::new(oid.to_u32());
    let found = catalog.functions.indexed().find(|(_, function)| Some(function.id) == id).map(|(index, _)| index);
    found.unwrap_or_else(|| match lookup::qualified_function_name(oid) {
        None => raise(SqlState::UNDEFINED_FUNCTION, "the function does not exist", None, None),
        Some(_) => {
            let message = "functions of Postgres, of extensions and of event triggers have no required level";
            raise(SqlState::WRONG_OBJECT_TYPE, message, None, None)
        }
    })
}
