//! A function turns sessions away by a comparison that is NULL without a level.

use std::collections::HashSet;

use super::conditions::{outcomes, sessions};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::null_trap::{Trap, trap};
use super::survey::Survey;
use crate::{Enrolled, Expression, Function, FunctionIndex, FunctionKind, Session};

pub const LINT: Lint = Lint {
    name: "0033_null_trap_in_function",
    title: "A function turns sessions away by a comparison that is NULL without a level",
    level: Severity::Error,
    category: "SECURITY",
    description: "In a session without a level, aal <> 'aal2' is NULL, which isn't true: the branch that raises isn't taken, and the session passes. So does one without any claims.",
    remediation: "Write if not auth.has_aal('aal2') then ... or perform auth.require_aal('aal2');",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let called = survey.catalog.called_by_policies.iter().map(|(.., function)| *function);
    let called: HashSet<FunctionIndex> = called.collect();
    let may_run = |index: &FunctionIndex, function: &Function| {
        function.kind == FunctionKind::Trigger || !function.open_to.is_empty() || called.contains(index)
    };
    let functions = survey.catalog.functions.indexed().filter(|(index, function)| may_run(index, function));
    let details = functions.filter_map(|(index, function)| {
        (survey.pause)();
        Some((index, detail(function, survey.catalog.trusts_settings)?))
    });
    details.map(|(index, detail)| Found::on_function(survey.catalog, index, detail)).collect()
}

/// The fault of a function, if it has one.
fn detail(function: &Function, trusts_settings: bool) -> Option<String> {
    let (name, gate) = (&function.display_name, &function.gate.passage);
    // It does something, and its gate is known and refuses whom it should.
    let passes = |session| outcomes(gate, session, trusts_settings).can_be_true();
    if !passes(Session::NOBODY) && sessions().into_iter().any(passes) {
        return None;
    }
    let trap = if function.language == "plpgsql" { trap(&function.body) } else { None };
    match trap {
        Some(Trap { line }) => Some(format!(
            "{name} turns sessions away in line {line} by a comparison that is NULL without a level: such sessions pass"
        )),
        None if passes_without_level_only(gate, trusts_settings) => {
            Some(format!("{name} turns sessions at aal1 away, and not those without a level"))
        }
        None => None,
    }
}

/// Whether no session at aal1 passes a gate that one without a level may pass.
fn passes_without_level_only(gate: &Expression, trusts_settings: bool) -> bool {
    let at_aal1 = || [Enrolled::Yes, Enrolled::No].map(Session::at_aal1);
    gate.asks_for_level()
        && outcomes(gate, Session::NOBODY, trusts_settings).can_be_true()
        && !at_aal1().iter().any(|session| outcomes(gate, *session, trusts_settings).can_be_true())
}
