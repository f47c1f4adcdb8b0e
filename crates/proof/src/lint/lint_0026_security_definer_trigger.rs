//! A trigger on another table reaches a protected one with its owner's rights.

use super::commands::Commands;
use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::reach::{Reached, Step, TriggerPlace};
use super::settings::Forgery;
use super::survey::{Measure, Survey};
use crate::{Command, RequiredLevel, RoleIndex, TableId, TableIndex, Threshold, Trigger};
use std::collections::{BTreeMap, BTreeSet};

pub const LINT: Lint = Lint {
    name: "0026_security_definer_trigger",
    title: "A trigger reaches a protected table with its owner's rights and asks for no level",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A trigger's function runs without EXECUTE, for every role that may write to the trigger's table. If it is SECURITY DEFINER, or a foreign key or a function of another role fires it, the policies that bind the caller don't count.",
    remediation: "Begin it with perform auth.require_aal('aal2'), protect the trigger's table, or make the function SECURITY INVOKER.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut fired = Fired::default();
    if !survey.catalog.triggers.is_empty() && survey.protected().next().is_some() {
        for (index, table) in survey.catalog.tables.indexed().filter(|(_, table)| survey.reach.leads_on(table.id)) {
            for command in Command::WRITES {
                fired.by_table(survey, index, table.id, command);
            }
        }
        fired.by_views(survey);
    }
    fired.0.into_iter().filter_map(|(place, all)| all.finding(survey, &survey.catalog.triggers[place])).collect()
}

/// By trigger, what leads to it and what it reaches.
#[derive(Default)]
struct Fired(BTreeMap<TriggerPlace, FiredTrigger>);

#[derive(Default)]
struct FiredTrigger {
    /// The names of the relations where it begins, with the commands.
    begins: BTreeMap<String, Commands>,
    commands: Commands,
    roles: BTreeSet<String>,
    tables: BTreeMap<String, (TableIndex, Commands)>,
    is_unproven: bool,
    is_opaque: bool,
    forgery: Forgery,
}

impl Fired {
    /// What roles cause by a command on a table.
    fn by_table(&mut self, survey: &Survey<'_>, index: TableIndex, id: TableId, command: Command) {
        // `None` where nothing is needed.
        let need = |role: RoleIndex, trigger: &Trigger, forges: bool| {
            let own = survey.matrix.own_need(index, role, command);
            if !trigger.for_each_statement && !trigger.is_before {
                return Some(own.clone());
            }
            // It may change the claims before the guard reads them.
            if trigger.for_each_statement && trigger.is_before && forges && own.level() != RequiredLevel::Denied {
                return None;
            }
            // It fires before a policy refuses a row, or without any row.
            Some(survey.matrix.need_to_fire(index, role, command, trigger.for_each_statement))
        };
        for heed in survey.heeds() {
            let reached = survey.reach.from(Step::Relation(id, command.into()), heed, survey.pause);
            let touched = survey.touched(&reached, heed);
            for place in triggers_of(&reached) {
                let done = |table: &TableIndex| survey.past(&reached, heed, *table, |way| way.trigger == Some(place));
                let past: Vec<(TableIndex, Commands)> =
                    touched.iter().map(|table| (*table, done(table))).filter(|(_, done)| !done.is_empty()).collect();
                for role in survey.catalog.roles.indexes().filter(|_| !past.is_empty()) {
                    let need = need(role, &survey.catalog.triggers[place], reached.forgery.is_some());
                    for (table, done) in &past {
                        let it = &survey.catalog.tables[*table];
                        let needed = need.as_ref().map_or(Threshold::NOTHING, |need| survey.needed_for(need, *table));
                        let cheaper: Commands =
                            done.iter().filter(|done| !needed.implies(survey.asked(it, *done))).collect();
                        if survey.counts(role, it) && !cheaper.is_empty() {
                            let begins = (&survey.catalog.tables[index].display_name, command);
                            let role = survey.catalog.roles[role].name.clone();
                            self.add(survey, place, begins, role, (*table, cheaper), &reached);
                        }
                    }
                }
            }
        }
    }

    /// What roles cause by writing to views that have triggers in place of the write.
    fn by_views(&mut self, survey: &Survey<'_>) {
        for view in survey.catalog.views.iter().filter(|view| !view.kind.is_rule()) {
            let triggers = survey.catalog.triggers.iter().enumerate().filter(|(_, trigger)| trigger.table == view.id);
            let asserts = matches!(survey.measure, Measure::Asserted { .. });
            let owner = view.owner_as_user.iter().filter(|_| asserts);
            let writers: Vec<String> = view.written_by.iter().chain(owner).cloned().collect();
            for (place, trigger) in triggers.filter(|_| !writers.is_empty()) {
                for heed in survey.heeds() {
                    let commands = trigger.commands.iter().copied().collect();
                    let reached = survey.reach.from(Step::Relation(view.id, commands), heed, survey.pause);
                    for table in &survey.touched(&reached, heed) {
                        let past = survey.past(&reached, heed, *table, |way| way.trigger == Some(place));
                        for role in survey.counted(&writers, &[*table]) {
                            for command in commands.iter().filter(|_| !past.is_empty()) {
                                let begins = (&view.display_name, command);
                                self.add(survey, place, begins, role.clone(), (*table, past), &reached);
                            }
                        }
                    }
                }
            }
        }
    }

    fn add(
        &mut self,
        survey: &Survey<'_>,
        place: TriggerPlace,
        (name, command): (&String, Command),
        role: String,
        (table, past): (TableIndex, Commands),
        reached: &Reached,
    ) {
        let all = self.0.entry(place).or_default();
        let begins = all.begins.entry(name.clone()).or_default();
        *begins = begins.with(command.into());
        all.commands = all.commands.with(command.into());
        all.roles.insert(role);
        let name = survey.catalog.tables[table].display_name.clone();
        let (_, done) = all.tables.entry(name).or_insert((table, Commands::default()));
        *done = done.with(past);
        all.is_unproven |= !reached.unproven.is_empty();
        all.forgery.add(reached.forgery.clone());
        all.is_opaque |= reached.opaque.keys().any(|way| way.trigger == Some(place));
    }
}

fn triggers_of(reached: &Reached) -> BTreeSet<TriggerPlace> {
    reached.tables.keys().chain(reached.opaque.keys()).filter_map(|way| way.trigger).collect()
}

impl FiredTrigger {
    fn finding(self, survey: &Survey<'_>, trigger: &Trigger) -> Option<Found> {
        let asserts = matches!(survey.measure, Measure::Asserted { .. });
        let function = &survey.catalog.functions[trigger.function];
        let begins: Vec<String> =
            self.begins.iter().map(|(name, commands)| format!("{} on {name}", names(*commands))).collect();
        let tables: Vec<String> =
            self.tables.iter().map(|(name, (_, commands))| format!("{name} ({})", names(*commands))).collect();
        let asking = match (self.is_unproven, self.is_opaque && asserts) {
            (false, false) => "asks for no level",
            (true, false) => "doesn't begin by asking for the level",
            (_, true) => "can't be read to its end",
        };
        let changes = self.forgery.in_words().map(|it| format!(", {it}")).unwrap_or_default();
        let rights = match (function.security_definer, changes.is_empty()) {
            (true, _) => "its owner's rights",
            (false, true) => "the rights of a table's owner",
            (false, false) => "the rights of who fires it",
        };
        let roles = survey.in_order(self.roles.into_iter().collect());
        let detail = format!(
            "{} by {} fires trigger {}, whose function {} {} {} with {rights}{changes} and {asking}",
            begins.join(", "),
            roles.join(", "),
            trigger.name,
            function.display_name,
            if self.is_opaque && asserts { "may reach" } else { "reaches" },
            tables.join(", "),
        );
        let commands: Vec<Command> = self.commands.iter().collect();
        let found = Found::on_relation(survey.catalog, trigger.table, detail)?;
        let reached: Vec<TableIndex> = self.tables.into_values().map(|(table, _)| table).collect();
        Some(found.roles(&roles).commands(&commands).key(&trigger.name).reaches(&reached))
    }
}

fn names(commands: Commands) -> String {
    listed(&commands.iter().collect::<Vec<_>>())
}
