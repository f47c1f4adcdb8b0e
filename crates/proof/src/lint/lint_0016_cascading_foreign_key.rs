//! A foreign key changes a protected table for less than it asks.

use super::commands::Commands;
use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::reach;
use super::survey::{Measure, Survey};
use crate::{
    ByForeignKey, Command, ForeignKey, ForeignKeyIndex, RequiredLevel, RoleIndex, TableId, TableIndex, Threshold,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub const LINT: Lint = Lint {
    name: "0016_cascading_foreign_key",
    title: "A foreign key changes a protected table for less than it asks",
    level: Severity::Warn,
    category: "SECURITY",
    description: "What a foreign key does when the row it refers to is deleted or updated is done in the name of the table's owner: neither policies nor guards count, however many foreign keys lie between.",
    remediation: "Protect the table where it begins, too, or use ON DELETE RESTRICT.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let keys = Keys::new(survey);
    let mut found = Vec::new();
    for (index, key) in survey.catalog.foreign_keys.indexed() {
        for trigger in [Command::Delete, Command::Update] {
            let Some(first) = keys.first(index, trigger) else { continue };
            found.extend(keys.finding(survey, key.referenced, trigger, key, &[first]));
        }
    }
    // Through other tables: once for each way to begin, by the shortest way.
    let referenced: BTreeSet<TableId> = survey.catalog.foreign_keys.iter().map(|key| key.referenced).collect();
    for table in referenced {
        let from: Vec<ForeignKeyIndex> = keys.referring(table).collect();
        if keys.can_begin(survey, table, Command::Delete) {
            found.extend(keys.chains(survey, table, Command::Delete, &from));
        }
        if keys.can_begin(survey, table, Command::Update) {
            for key in from {
                found.extend(keys.chains(survey, table, Command::Update, &[key]));
            }
        }
    }
    found.extend(behind_keys(survey));
    // Several keys can lead to the same.
    let mut seen = HashSet::new();
    found.retain(|it: &Found| seen.insert((it.subject, it.key.clone())));
    found
}

/// What rules and the functions of expressions do where a foreign key's action meets them. Lints say nothing of it.
fn behind_keys(survey: &Survey<'_>) -> Vec<Found> {
    if survey.catalog.foreign_keys.is_empty() || matches!(survey.measure, Measure::Policies) {
        return Vec::new();
    }
    let tables = survey.catalog.tables.indexed().filter(|(_, table)| survey.reach.leads_on(table.id));
    let begins = tables.flat_map(|(index, _)| [Command::Delete, Command::Update].map(|command| (index, command)));
    begins.flat_map(|(index, command)| behind_keys_of(survey, index, command)).collect()
}

fn behind_keys_of(survey: &Survey<'_>, begins: TableIndex, command: Command) -> Vec<Found> {
    let mut by_table: BTreeMap<TableIndex, Commands> = BTreeMap::new();
    let name = &survey.catalog.tables[begins].display_name;
    for heed in survey.heeds() {
        let step = reach::Step::Relation(survey.catalog.tables[begins].id, command.into());
        let reached = survey.reach.from(step, heed, survey.pause);
        for table in survey.touched(&reached, heed) {
            let done = survey.past(&reached, heed, table, |way| way.trigger.is_none() && way.by_more_than_keys);
            let all = by_table.entry(table).or_default();
            *all = all.with(done);
        }
    }
    let finding = |(table, done): (TableIndex, Commands)| {
        let changed = &survey.catalog.tables[table];
        if done.is_empty() {
            return None;
        }
        let asked = done.iter().map(|done| survey.asked(changed, done)).fold(Threshold::NOTHING, Threshold::and);
        let cheaper = |role: &RoleIndex| {
            let need = survey.matrix.need(begins, *role, command);
            survey.counts(*role, changed) && !survey.needed_for(need, table).implies(asked)
        };
        let roles: Vec<RoleIndex> = survey.catalog.roles.indexes().filter(cheaper).collect();
        let roles = survey.role_names(&roles);
        let done: Vec<Command> = done.iter().collect();
        let detail = format!(
            "{} on {name} by {} reaches {} ({}) by foreign keys and by rules or expressions behind them, without the {asked} that it asks",
            command.as_str(),
            roles.join(", "),
            changed.display_name,
            listed(&done)
        );
        let found = Found::on_table(table, detail).roles(&roles).commands(&[command]);
        (!roles.is_empty()).then(|| found.key(&format!("{name}_behind_keys_{}", command.as_str())))
    };
    by_table.into_iter().filter_map(finding).collect()
}

/// What a foreign key does to a table: it deletes its rows, or sets some of its columns.
#[derive(Clone, PartialEq, Eq)]
enum Effect {
    Delete,
    Set(BTreeSet<String>),
}

/// A key and what it does.
type Step = (ForeignKeyIndex, &'static str, Effect);

/// The foreign keys, and who refers to whom.
struct Keys<'a> {
    keys: &'a ByForeignKey<ForeignKey>,
    by_referenced: BTreeMap<TableId, Vec<ForeignKeyIndex>>,
    /// The levels asked for the changes that a key makes to its table: that rows go, or change.
    asked: BTreeMap<(TableId, bool), Threshold>,
    /// The tables of which a table's rows are also rows: it is a partition of them, or they are of it.
    same_rows: BTreeMap<TableId, BTreeSet<TableId>>,
}

impl<'a> Keys<'a> {
    fn new(survey: &Survey<'a>) -> Keys<'a> {
        let keys = &survey.catalog.foreign_keys;
        let mut by_referenced: BTreeMap<TableId, Vec<ForeignKeyIndex>> = BTreeMap::new();
        for (index, key) in keys.indexed() {
            by_referenced.entry(key.referenced).or_default().push(index);
        }
        let mut same_rows: BTreeMap<TableId, BTreeSet<TableId>> = BTreeMap::new();
        for table in &survey.catalog.tables {
            let mut above = table.parents.iter().find(|(_, is_partition)| *is_partition).map(|(parent, _)| *parent);
            while let Some(parent) = above {
                if !same_rows.entry(table.id).or_default().insert(parent) {
                    break;
                }
                same_rows.entry(parent).or_default().insert(table.id);
                let parents = survey.catalog.table(parent).map(|table| &table.parents[..]).unwrap_or_default();
                above = parents.iter().find(|(_, is_partition)| *is_partition).map(|(parent, _)| *parent);
            }
        }
        let mut asked = BTreeMap::new();
        for table in keys.iter().map(|key| key.table).collect::<BTreeSet<TableId>>() {
            let Some(index) = survey.matrix.table_index(table) else { continue };
            for command in [Command::Delete, Command::Update] {
                let all = survey.asked_of_family(index, command);
                if all.level != RequiredLevel::None {
                    asked.insert((table, command == Command::Delete), all);
                }
            }
        }
        Keys { keys, by_referenced, asked, same_rows }
    }

    /// Whether some role can do this for less than is asked anywhere.
    fn can_begin(&self, survey: &Survey<'_>, table: TableId, trigger: Command) -> bool {
        let all = self.asked.values().copied().fold(Threshold::NOTHING, Threshold::and);
        survey.matrix.table_index(table).is_some_and(|index| {
            let roles = survey.catalog.roles.indexes();
            let needs = roles.map(|role| survey.matrix.need(index, role, trigger));
            let mut cheaper = needs.filter(|need| !need.threshold.implies(all) || !need.applies_when.is_empty());
            cheaper.next().is_some()
        })
    }

    /// The keys that refer to a table's rows.
    fn referring(&self, table: TableId) -> impl Iterator<Item = ForeignKeyIndex> {
        let same = self.same_rows.get(&table).into_iter().flatten().copied();
        same.chain([table]).flat_map(|table| self.by_referenced.get(&table).into_iter().flatten().copied())
    }

    /// What a key does when somebody writes to any column of the table that it refers to.
    fn first(&self, key: ForeignKeyIndex, trigger: Command) -> Option<Step> {
        let all = self.keys[key].columns.iter().map(|(_, referenced)| referenced.clone()).collect();
        self.step(key, &if trigger == Command::Delete { Effect::Delete } else { Effect::Set(all) })
    }

    /// What a key does when this is done to the rows that it refers to; `None` if it does nothing.
    fn step(&self, index: ForeignKeyIndex, done: &Effect) -> Option<Step> {
        let key = &self.keys[index];
        let all = || key.columns.iter().map(|(column, _)| column.clone()).collect();
        let (action, effect) = match done {
            Effect::Delete => match key.on_delete? {
                "CASCADE" => ("CASCADE", Effect::Delete),
                action if key.set_on_delete.is_empty() => (action, Effect::Set(all())),
                action => (action, Effect::Set(key.set_on_delete.iter().cloned().collect())),
            },
            Effect::Set(set) => {
                let changed = key.columns.iter().filter(|(_, referenced)| set.contains(referenced));
                let changed: BTreeSet<String> = changed.map(|(column, _)| column.clone()).collect();
                if changed.is_empty() {
                    return None;
                }
                // A cascade hands on what was changed; the others set them all.
                match key.on_update? {
                    "CASCADE" => ("CASCADE", Effect::Set(changed)),
                    action => (action, Effect::Set(all())),
                }
            }
        };
        Some((index, action, effect))
    }

    /// The changes that reach other tables from a table by more than one key, beginning with one of these.
    fn chains(&self, survey: &Survey<'_>, table: TableId, trigger: Command, from: &[ForeignKeyIndex]) -> Vec<Found> {
        // Each with the number of the step before it.
        let mut steps: Vec<(Step, Option<usize>)> = Vec::new();
        steps.extend(from.iter().filter_map(|key| Some((self.first(*key, trigger)?, None))));
        let direct: BTreeSet<(TableId, bool)> =
            steps.iter().map(|((key, _, effect), _)| self.what(*key, effect)).collect();
        // The changes by now, by table; of updates, by column.
        let mut deleted = BTreeSet::new();
        let mut set: BTreeMap<TableId, BTreeSet<String>> = BTreeMap::new();
        let mut reported = direct;
        let mut found = Vec::new();
        let mut at = 0;
        while at < steps.len() {
            (survey.pause)();
            let (last, _, effect) = steps[at].0.clone();
            let changed = self.keys[last].table;
            let is_news = match &effect {
                Effect::Delete => deleted.insert(changed),
                Effect::Set(columns) => {
                    let before = set.entry(changed).or_default();
                    let news = !columns.is_subset(before);
                    before.extend(columns.iter().cloned());
                    news
                }
            };
            if is_news {
                // By one key alone it is a finding of its own.
                let what = self.what(last, &effect);
                if reported.insert(what) && self.asked.contains_key(&what) {
                    let mut way = Vec::new();
                    let mut next = Some(at);
                    while let Some((step, before)) = next.map(|n| &steps[n]) {
                        way.push(step.clone());
                        next = *before;
                    }
                    way.reverse();
                    found.extend(self.finding(survey, table, trigger, &self.keys[way[0].0], &way));
                }
                let next = self.referring(changed).filter_map(|key| self.step(key, &effect));
                steps.extend(next.map(|step| (step, Some(at))));
            }
            at += 1;
        }
        found
    }

    /// What a key changes: a table, and whether its rows go.
    fn what(&self, key: ForeignKeyIndex, effect: &Effect) -> (TableId, bool) {
        (self.keys[key].table, *effect == Effect::Delete)
    }

    /// A finding, if somebody can begin this way for less than the table at its end asks.
    fn finding(
        &self,
        survey: &Survey<'_>,
        begins: TableId,
        trigger: Command,
        first: &ForeignKey,
        way: &[Step],
    ) -> Option<Found> {
        let (last, action, effect) = way.last()?;
        let last = &self.keys[*last];
        let (table, other) = (survey.matrix.table_index(last.table)?, survey.matrix.table_index(begins)?);
        let (changed, begins) = (&survey.catalog.tables[table], &survey.catalog.tables[other]);
        let effect = command(effect);
        let asked = *self.asked.get(&(changed.id, effect == Command::Delete))?;
        if begins.id == changed.id && effect == trigger {
            return None;
        }
        let cheaper = |role: &RoleIndex| {
            let may = trigger == Command::Delete || first.key_updated_by.contains(&survey.catalog.roles[*role].id);
            may && !survey.needed_for(survey.matrix.need(other, *role, trigger), table).implies(asked)
        };
        let roles: Vec<RoleIndex> = survey.roles_beginning(begins, changed).into_iter().filter(cheaper).collect();
        if roles.is_empty() {
            return None;
        }
        let roles = survey.role_names(&roles);
        let named = |(key, _, _): &Step| self.keys[*key].name.as_str();
        let names: Vec<&str> = way.iter().map(named).collect();
        let keys = match &way[..way.len() - 1] {
            [] => format!("foreign key {}, ON {} {action}", last.name, trigger.as_str()),
            _ => format!("by way of foreign keys {}", names.join(", ")),
        };
        let detail = format!(
            "{} on {} by {} changes rows of {} ({keys}) without the {asked} that {} asks there",
            trigger.as_str(),
            begins.display_name,
            roles.join(", "),
            changed.display_name,
            effect.as_str()
        );
        let key = match way.len() {
            1 => format!("{}_{}", last.name, trigger.as_str()),
            _ => format!("{}_{}_{}", begins.display_name, names.join("_"), trigger.as_str()),
        };
        Some(Found::on_table(table, detail).roles(&roles).commands(&[trigger]).key(&key))
    }
}

fn command(effect: &Effect) -> Command {
    match effect {
        Effect::Delete => Command::Delete,
        Effect::Set(_) => Command::Update,
    }
}
