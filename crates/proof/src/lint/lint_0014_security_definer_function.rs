//! A SECURITY DEFINER function reaches a protected table, and its gate needs less than the table.

use super::commands::Commands;
use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::reach::Step;
use super::settings::Forgery;
use super::survey::{Measure, Survey};
use crate::{Command, Function, FunctionIndex, FunctionKind, TableIndex};
use std::collections::BTreeMap;

pub const LINT: Lint = Lint {
    name: "0014_security_definer_function",
    title: "A SECURITY DEFINER function reaches a protected table and doesn't ask for its level",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A SECURITY DEFINER function works with its owner's rights. Where a table's policies don't bind the owner, a role that may call the function bypasses them.",
    remediation: "Begin it with perform auth.require_aal('aal2'), make it SECURITY INVOKER, or revoke EXECUTE.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let asserts = matches!(survey.measure, Measure::Asserted { .. });
    // Others may change the claims or the role. Lints don't look for that.
    let functions = survey.catalog.functions.indexed().filter(|(_, it)| asserts || runs_as_others(it));
    functions.filter_map(|(index, function)| finding(survey, index, function)).collect()
}

fn runs_as_others(function: &Function) -> bool {
    function.security_definer || function.kind == FunctionKind::Aggregate
}

fn finding(survey: &Survey<'_>, index: FunctionIndex, function: &Function) -> Option<Found> {
    let asserts = matches!(survey.measure, Measure::Asserted { .. });
    if function.open_to.is_empty() && (!asserts || function.behind_expressions_for.is_empty()) {
        return None;
    }
    let mut past = Past::of(survey, index);
    if !runs_as_others(function) && !past.forgery.is_some() {
        return None;
    }
    let by_name = survey.counted(&function.open_to, &past.indexes());
    let how = if by_name.is_empty() { "call, by an expression," } else { "call" };
    let roles = if by_name.is_empty() && asserts {
        // A policy's helper says what the policy's author wants it to say.
        if function.is_called_by_policies_only {
            past.hide(Command::Select);
        }
        survey.counted(&function.behind_expressions_for, &past.indexes())
    } else {
        by_name
    };
    if past.tables.is_empty() || roles.is_empty() {
        return None;
    }
    let what = format!("{how} {}, which {}", function.display_name, past.in_words(survey, asserts, function));
    let detail = survey.who_can(&roles, &past.indexes(), &what);
    Some(Found::on_function(survey.catalog, index, detail).roles(&roles).reaches(&past.indexes()))
}

/// The tables that a function reaches for less than they ask.
#[derive(Default)]
struct Past {
    tables: BTreeMap<TableIndex, Commands>,
    /// Whether some code on the way asks for a level and isn't taken at its word.
    is_unproven: bool,
    /// Whether some code on the way isn't read.
    is_opaque: bool,
    /// What the session's claims or role may become on the way.
    forgery: Forgery,
}

impl Past {
    fn of(survey: &Survey<'_>, function: FunctionIndex) -> Past {
        let mut all = Past::default();
        for heed in survey.heeds() {
            let reached = survey.reach.from(Step::Function(function), heed, survey.pause);
            for table in survey.touched(&reached, heed) {
                let commands = survey.past(&reached, heed, table, |_| true);
                if !commands.is_empty() {
                    let before = all.tables.entry(table).or_default();
                    *before = before.with(commands);
                }
            }
            all.is_unproven |= !reached.unproven.is_empty();
            all.is_opaque |= !reached.opaque.is_empty();
            all.forgery.add(reached.forgery);
        }
        all
    }

    fn indexes(&self) -> Vec<TableIndex> {
        self.tables.keys().copied().collect()
    }

    fn hide(&mut self, command: Command) {
        self.tables.values_mut().for_each(|commands| *commands = commands.without(command.into()));
        self.tables.retain(|_, commands| !commands.is_empty());
    }

    fn in_words(&self, survey: &Survey<'_>, asserts: bool, function: &Function) -> String {
        let named = |(table, commands): (&TableIndex, &Commands)| {
            let name = &survey.catalog.tables[*table].display_name;
            let commands: Vec<Command> = commands.iter().collect();
            if asserts { format!("{name} ({})", listed(&commands)) } else { name.clone() }
        };
        let tables = self.tables.iter().map(named).collect::<Vec<_>>().join(", ");
        let (reaches, asking) = match (self.is_unproven, self.is_opaque && asserts) {
            (false, false) => ("reaches", "asks for no level"),
            (true, false) => ("reaches", "doesn't begin by asking for the level"),
            (_, true) => ("may reach", "can't be read to its end"),
        };
        // Why a gate that is there may not count.
        let counts = self.is_unproven && !asserts;
        let unread: Vec<String> =
            function.gate.notes.iter().filter(|_| counts).take(2).map(ToString::to_string).collect();
        let unread = if unread.is_empty() { String::new() } else { format!(" (not read: {})", unread.join("; ")) };
        let rights =
            if runs_as_others(function) { "runs with its owner's rights" } else { "runs with its caller's rights" };
        match self.forgery.in_words() {
            None => format!("{reaches} {tables}, {rights} and {asking}{unread}"),
            Some(changes) => format!("{reaches} {tables}, {rights}, {changes} and {asking}{unread}"),
        }
    }
}
