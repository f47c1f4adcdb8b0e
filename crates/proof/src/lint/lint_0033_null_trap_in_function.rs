//! A function turns sessions away by a comparison that is NULL without a level.

use std::collections::HashSet;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::null_trap::{Trap, trap};
use super::survey::Survey;
use crate::{Function, FunctionIndex, FunctionKind};

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
    let called: HashSet<FunctionIndex> =
        survey.catalog.called_by_tables.iter().map(|(_, function)| *function).collect();
    let may_run = |index: &FunctionIndex, function: &Function| {
        function.kind == FunctionKind::Trigger || !function.open_to.is_empty() || called.contains(index)
    };
    let written = survey.catalog.functions.indexed().filter(|(_, function)| function.language == "plpgsql");
    let functions = written.filter(|(index, function)| may_run(index, function));
    let trapped = functions.filter_map(|(index, function)| {
        (survey.pause)();
        Some((index, function, trap(&function.body)?))
    });
    trapped.map(|(index, function, trap)| Found::on_function(survey.catalog, index, detail(function, trap))).collect()
}

fn detail(function: &Function, trap: Trap) -> String {
    format!(
        "{} turns sessions away in line {} by a comparison that is NULL without a level: such sessions pass",
        function.display_name, trap.line
    )
}
