//! SQL that mends a finding, with the names filled in. A lint that a statement can't mend for sure has none.

use super::definition::Lint;
use super::finding::{Found, Subject};
use super::survey::Survey;
use crate::{
    Command, Expression, FunctionKind, Guard, Policy, RequiredLevel, Table, TableIndex, Threshold, ViewKind, Watch,
};
use aal::protection::{RecordedProtection, SchemaProtection};

/// The statements that mend a finding; `None` where nobody but its author can say what was meant.
pub fn fix(survey: &Survey<'_>, lint: &Lint, found: &Found) -> Option<String> {
    let catalog = survey.catalog;
    match (&lint.name[..4], found.subject) {
        ("0001" | "0002" | "0005", Subject::Table(table)) => protect_as_asked(survey, table, found),
        ("0003" | "0004", Subject::Table(table)) => bind_everybody(&catalog.tables[table], found),
        ("0012", Subject::View(view)) if catalog.views[view].kind == ViewKind::OwnerRights => {
            Some(format!("alter view {} set (security_invoker = true);", catalog.views[view].display_name))
        }
        ("0013", Subject::View(view)) => Some(revoke("all", &catalog.views[view].display_name, &found.roles)),
        ("0014", Subject::Function(function)) if catalog.functions[function].kind != FunctionKind::Aggregate => {
            let routine = format!("routine {}", catalog.functions[function].display_name);
            Some(revoke("execute", &routine, &found.roles))
        }
        ("0015", Subject::Table(table)) => protect_as_above(survey, table),
        ("0017", Subject::Table(table)) => Some(revoke("truncate", &catalog.tables[table].display_name, &found.roles)),
        ("0019", Subject::Function(function)) => {
            Some(format!("alter function {} stable;", catalog.functions[function].display_name))
        }
        ("0020", Subject::Table(table)) => protect_as_recorded(&catalog.tables[table], None),
        ("0021", Subject::Table(table)) => restore_guard(&catalog.tables[table]),
        ("0022", Subject::Table(table)) => {
            Some(format!("alter table {} enable row level security;", catalog.tables[table].display_name))
        }
        ("0025", Subject::Table(table)) => restore_policy(&catalog.tables[table], found),
        ("0028", Subject::Watch(watch)) => restore_watch(&catalog.watches[watch]),
        ("0029", Subject::Table(table)) => protect_as_schema(survey, table),
        _ => None,
    }
}

/// Every policy of the table that asks for a level keeps its say, and a restrictive one beside it asks the same.
fn protect_as_asked(survey: &Survey<'_>, index: TableIndex, found: &Found) -> Option<String> {
    let table = &survey.catalog.tables[index];
    let mut levels = Command::ALL.map(|command| asked(survey, table, command));
    let highest = levels.into_iter().fold(Threshold::NOTHING, stricter);
    match found.policy.as_ref().and_then(|policy| table.policies.iter().find(|it| it.name == *policy)) {
        // Of one policy, whose WITH CHECK may be weaker: what its USING asks.
        Some(policy) => {
            let using = policy.using.as_ref().map_or(Threshold::NOTHING, |using| survey.lowest(using));
            for command in &found.commands {
                levels[command.index()] = stricter(levels[command.index()], using);
            }
        }
        // Of a write that is left open: all that are, so that each finding has the same fix.
        None => {
            for command in [Command::Insert, Command::Update, Command::Delete] {
                let level = &mut levels[command.index()];
                if level.level == RequiredLevel::None {
                    *level = highest;
                }
            }
        }
    }
    protect(table, levels)
}

fn protect_as_above(survey: &Survey<'_>, index: TableIndex) -> Option<String> {
    let tables = &survey.catalog.tables;
    let protected = survey.matrix.ancestors(index).filter(|above| tables[*above].asks_for_level());
    let mut levels = Command::ALL.map(|command| asked(survey, &tables[index], command));
    for above in protected {
        for command in Command::ALL {
            let level = &mut levels[command.index()];
            *level = stricter(*level, asked(survey, &tables[above], command));
        }
    }
    protect(&tables[index], levels)
}

/// The most that any policy which asks for a level asks for a command.
fn asked<'a>(survey: &Survey<'a>, table: &'a Table, command: Command) -> Threshold {
    let asking = table.policies.iter().filter(|it| it.asks_for_level() && it.command.covers(command));
    let expressions = asking.flat_map(|policy: &Policy| -> Vec<&Expression> {
        match command {
            Command::Insert => policy.check().into_iter().collect(),
            Command::Update => policy.using.iter().chain(policy.check()).collect(),
            _ => policy.using.iter().collect(),
        }
    });
    let levels = expressions.map(|expression| survey.lowest(expression));
    levels.filter(|it| it.level != RequiredLevel::Denied).fold(Threshold::NOTHING, stricter)
}

fn stricter(one: Threshold, other: Threshold) -> Threshold {
    if one.is_weaker_than(other) { other } else { one }
}

/// A call of protect_table, where nothing but levels has to be said.
fn protect(table: &Table, levels: [Threshold; Command::ALL.len()]) -> Option<String> {
    if has_name_of_ours(table, None) {
        return None;
    }
    let record = table.protection();
    let mut levels = levels;
    let mut options = Vec::new();
    if let Some(record) = &record {
        options = options_of(record)?;
        for (command, level) in recorded_levels(record) {
            levels[command.index()] = stricter(levels[command.index()], level);
        }
    }
    let level = |command: Command| levels[command.index()];
    let read = level(Command::Select);
    // Updates and deletes read rows by their WHERE.
    let (insert, update, delete) =
        (level(Command::Insert), stricter(level(Command::Update), read), stricter(level(Command::Delete), read));
    if [read, insert, update, delete].iter().all(|it| it.level == RequiredLevel::None) {
        return None;
    }
    Some(call(table, [read, insert, update, delete].map(Threshold::in_options), options))
}

fn call(table: &Table, [read, insert, update, delete]: [String; 4], options: Vec<String>) -> String {
    let mut arguments = vec![literal(&table.display_name), format!("read => {}", literal(&read))];
    if insert == update && update == delete {
        arguments.push(format!("write => {}", literal(&insert)));
    } else {
        for (name, level) in [("on_insert", insert), ("on_update", update), ("on_delete", delete)] {
            arguments.push(format!("{name} => {}", literal(&level)));
        }
    }
    arguments.extend(options);
    format!("select auth.protect_table({});", arguments.join(", "))
}

fn recorded_levels(record: &RecordedProtection) -> [(Command, Threshold); 4] {
    [
        (Command::Select, record.read.into()),
        (Command::Insert, record.insert.into()),
        (Command::Update, record.update.into()),
        (Command::Delete, record.delete.into()),
    ]
}

/// The options that are on record; `None` where the record doesn't say them all.
fn options_of(record: &RecordedProtection) -> Option<Vec<String>> {
    let RecordedProtection { owner, sensitive, for_some, .. } = record;
    // Which column, which columns and which function: none of them is on record.
    if *owner || *sensitive || *for_some {
        return None;
    }
    Some(options(&record.roles, record.guard, record.live, record.refuse_reads))
}

fn options(roles: &[String], guard: bool, live: bool, refuse_reads: bool) -> Vec<String> {
    let mut options = Vec::new();
    if !roles.is_empty() && !roles.iter().any(|role| role == "public") {
        let roles: Vec<String> = roles.iter().map(|role| literal(role)).collect();
        options.push(format!("roles => array[{}]::name[]", roles.join(", ")));
    }
    options.extend((!guard).then(|| "guard => false".to_owned()));
    options.extend(live.then(|| "live => true".to_owned()));
    options.extend(refuse_reads.then(|| "refuse_reads => true".to_owned()));
    options
}

/// Whether a policy or trigger has a name that protect_table gives, and isn't on record as its own. Then protect_table may refuse.
fn has_name_of_ours(table: &Table, but_for: Option<&String>) -> bool {
    let policies = table.policies.iter().filter(|it| it.made().is_some() && it.record.is_none());
    let guards = table.guards.iter().filter(|it| it.made().is_some() && it.record.is_none());
    policies.map(|it| &it.name).chain(guards.map(|it| &it.name)).any(|name| Some(name) != but_for)
}

fn protect_as_recorded(table: &Table, but_for: Option<&String>) -> Option<String> {
    if has_name_of_ours(table, but_for) {
        return None;
    }
    let record = table.protection()?;
    let levels = [record.read, record.insert, record.update, record.delete].map(|level| level.to_string());
    Some(call(table, levels, options_of(&record)?))
}

fn restore_guard(table: &Table) -> Option<String> {
    let disabled = table.guards.iter().filter(|guard: &&Guard| !guard.enabled && guard.made().is_some());
    let enabled: Vec<String> = disabled
        .map(|guard| format!("alter table {} enable trigger {};", table.display_name, identifier(&guard.name)))
        .collect();
    if enabled.is_empty() { protect_as_recorded(table, None) } else { Some(enabled.join(" ")) }
}

fn restore_policy(table: &Table, found: &Found) -> Option<String> {
    let policy = found.policy.as_ref()?;
    let protect = protect_as_recorded(table, Some(policy))?;
    Some(format!("drop policy {} on {}; {protect}", identifier(policy), table.display_name))
}

fn restore_watch(watch: &Watch) -> Option<String> {
    let is_there = watch.protection.is_some() && !watch.is_of_partitions;
    is_there.then(|| format!("alter event trigger {} enable always;", identifier(&watch.name)))
}

fn protect_as_schema(survey: &Survey<'_>, index: TableIndex) -> Option<String> {
    let table = &survey.catalog.tables[index];
    if table.protection().is_some() {
        return None;
    }
    let watches = survey.catalog.watches.iter().filter_map(|watch| watch.protection.as_ref());
    let of_schema = |it: &&SchemaProtection| it.schemas.contains(&table.schema);
    let schema = watches.into_iter().find(of_schema).filter(|schema| schema.owner_column.is_none())?;
    let protection = &schema.protection;
    let levels =
        [protection.read, protection.insert, protection.update, protection.delete].map(|level| level.to_string());
    let mut options = options(&protection.roles, protection.guard, protection.live, protection.refuse_reads);
    if let Some(function) = &protection.applies_when {
        options.push(format!("applies_when => {}", literal(&function.display_name)));
    }
    Some(call(table, levels, options))
}

/// A policy that binds everybody. A permissive one would open rows to them.
fn bind_everybody(table: &Table, found: &Found) -> Option<String> {
    let policy = found.policy.as_ref()?;
    let is_restrictive = table.policies.iter().any(|it| it.name == *policy && !it.permissive);
    is_restrictive.then(|| format!("alter policy {} on {} to public;", identifier(policy), table.display_name))
}

fn revoke(privilege: &str, object: &str, roles: &[String]) -> String {
    let names: Vec<String> = roles.iter().map(|role| identifier(role)).collect();
    let from: Vec<&str> = std::iter::once("public").chain(names.iter().map(String::as_str)).collect();
    format!("revoke {privilege} on {object} from {};", from.join(", "))
}

/// A name, quoted: right for every name, keywords included.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text, quoted. With a backslash in it, in the form that means the same under every setting.
fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if text.contains('\\') { format!("E{}", quoted.replace('\\', "\\\\")) } else { quoted }
}
