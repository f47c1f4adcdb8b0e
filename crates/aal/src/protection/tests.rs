use super::guard_arguments::GuardArgument;
use super::*;
use crate::command::Command;
use crate::level::Level;
use crate::requirement::FixedRequirement;
use crate::requirement::Requirement;
use crate::time::MaxAge;
use proptest::prelude::*;

/// Quotes always, as Postgres may.
struct Always;

impl Quote for Always {
    fn identifier(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn default() -> Protection {
    let aal2 = TableLevel::at(Level::Aal2);
    Protection {
        read: TableLevel::at(Level::Aal1),
        insert: aal2,
        update: aal2,
        delete: aal2,
        roles: vec!["public".to_owned()],
        owner: None,
        sensitive_columns: Vec::new(),
        guard: true,
        applies_when: None,
        live: false,
        refuse_reads: false,
    }
}

fn payments() -> Table {
    let before = Before { row_security: false, policies: None };
    Table {
        schema: "public".to_owned(),
        name: "payments".to_owned(),
        before,
        copies_row_triggers: false,
        has_shards: false,
    }
}

fn creates(protection: &Protection) -> Vec<String> {
    let statements = protection.statements(&payments(), &Always);
    statements.into_iter().filter(|statement| statement.starts_with("create")).collect()
}

#[test]
fn the_default_makes_four_restrictive_policies_and_a_guard() {
    let creates = creates(&default());
    assert_eq!(creates.len(), 5);
    assert!(creates[..4].iter().all(|policy| policy.contains("as restrictive")), "{creates:#?}");
    assert!(creates[0].contains("using (auth.has_aal('aal1'::text, null::interval))"));
    assert!(creates[2].contains("with check (auth.has_aal('aal2'::text, null::interval))"));
    assert!(creates[4].contains("before insert or update or delete or truncate on \"public\".\"payments\""));
    assert!(creates[4].contains("auth.aal_guard('insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2')"));
}

fn within_15_minutes(level: TableLevel) -> TableLevel {
    level.or_within(Some(MaxAge::from_seconds(900)))
}

fn for_admins() -> Protection {
    for_some("is admin")
}

fn for_some(function: &str) -> Protection {
    let (schema, display_name) = ("private".to_owned(), format!("private.{function}()"));
    Protection { applies_when: Some(AppliesWhen { schema, function: function.to_owned(), display_name }), ..default() }
}

#[test]
fn a_protection_for_some_exempts_the_others_in_each_policy_and_guard() {
    let exempt = "or (select \"private\".\"is admin\"()) is false)";
    let all = Protection { sensitive_columns: vec!["iban".to_owned()], ..for_admins() };
    let creates = creates(&Protection { owner: Some(Owner { column: "o".to_owned(), is_uuid: true }), ..all });
    let exempting = |policy: &String| policy.matches(exempt).count();
    assert_eq!(creates.iter().map(exempting).collect::<Vec<_>>(), [1, 1, 2, 1, 0, 0, 0], "{creates:#?}");
    assert!(creates[0].contains("using (auth.has_aal('aal1'::text, null::interval) or (select"));
    assert!(creates[5].contains("'delete=aal2', 'truncate=aal2', 'applies_when=policy')"));
    assert!(creates[6].contains("auth.aal_guard('update=aal2', 'applies_when=policy')"));
}

#[test]
fn the_record_says_that_a_protection_is_for_some_and_not_by_which_name() {
    let read =
        |protection: Protection| RecordedProtection::from_record(&protection.record(&payments())).unwrap().for_some;
    assert!(read(for_admins()) && !read(default()));
    assert!(!for_admins().record(&payments()).contains("admin"));
}

#[test]
fn a_guard_that_does_not_know_whom_it_exempts_refuses() {
    assert_eq!(guard_exempts(["update=aal2", "applies_when=policy"]), Ok(true));
    assert_eq!(guard_exempts(["update=aal2"]), Ok(false));
    for wrong in [&["applies_when="][..], &["applies_when=f()"], &["applies_when=policy", "applies_when=policy"]] {
        assert_eq!(guard_exempts(wrong.iter().copied()), Err(InvalidGuard), "{wrong:?}");
    }
}

fn for_live() -> Protection {
    Protection { live: true, ..default() }
}

#[test]
fn a_protection_for_live_sessions_asks_so_in_each_policy_and_guard() {
    let asks = "auth.has_aal('aal2'::text, null::interval) and auth.session_is_live())";
    let sensitive = Protection { sensitive_columns: vec!["iban".to_owned()], ..for_live() };
    let policies = creates(&Protection { owner: Some(Owner { column: "o".to_owned(), is_uuid: true }), ..sensitive });
    let asking = |policy: &String| policy.matches("auth.session_is_live()").count();
    assert_eq!(policies.iter().map(asking).collect::<Vec<_>>(), [1, 1, 2, 1, 0, 0, 0], "{policies:#?}");
    assert!(policies[1].contains(asks), "{}", policies[1]);
    assert!(policies[5].contains("'delete=aal2', 'truncate=aal2', 'live=true')"), "{}", policies[5]);
    assert!(policies[6].contains("auth.aal_guard('update=aal2', 'live=true')"), "{}", policies[6]);
    let for_some = creates(&Protection { live: true, ..for_admins() });
    assert!(
        for_some[1].contains(&format!("({asks} or (select \"private\".\"is admin\"()) is false)")),
        "{}",
        for_some[1]
    );
    assert!(for_some[4].contains("'live=true', 'applies_when=policy')"));
}

#[test]
fn a_command_without_a_level_asks_for_no_live_session() {
    let policies = creates(&Protection { read: TableLevel::None, ..for_live() });
    assert!(policies.iter().all(|policy| !policy.contains("aal_read")));
    let protection = Protection { read: TableLevel::None, ..for_live() };
    assert_eq!(protection.with_sessions(protection.reads()), "none");
    assert_eq!(protection.with_sessions(protection.writes()), "aal2 in a live session");
}

#[test]
fn live_does_not_go_in_silence() {
    assert_eq!(default().lowers(&found(&for_live())), ["live: true -> false"]);
    assert_eq!(for_live().lowers(&found(&default())), [""; 0]);
    assert_eq!(for_live().lowers(&found(&for_live())), [""; 0]);
    let by_hand = FoundProtection { live: true, ..found(&default()) };
    assert_eq!(default().lowers(&by_hand), ["live: true -> false"]);
    let record = for_live().record(&payments());
    assert!(RecordedProtection::from_record(&record).unwrap().live);
    assert!(!default().record(&payments()).contains("live"));
}

#[test]
fn a_guard_that_does_not_know_whether_a_session_must_be_live_refuses() {
    assert_eq!(guard_asks_for_live(["update=aal2", "live=true"]), Ok(true));
    assert_eq!(guard_asks_for_live(["update=aal2"]), Ok(false));
    for wrong in [&["live="][..], &["live=false"], &["live=true", "live=true"]] {
        assert_eq!(guard_asks_for_live(wrong.iter().copied()), Err(InvalidGuard), "{wrong:?}");
    }
}

#[test]
fn each_command_has_an_age_of_its_own() {
    let [aal1, aal2, _] = Level::ALL.map(TableLevel::at);
    let protection = Protection { insert: within_15_minutes(aal2), ..default() };
    let policies = creates(&protection);
    assert!(policies[0].contains("auth.has_aal('aal1'::text, null::interval))"));
    assert!(policies[1].contains("auth.has_aal('aal2'::text, '900 seconds'::interval)"));
    assert!(policies[2].contains("auth.has_aal('aal2'::text, null::interval)"));
    assert!(policies[4].contains("'insert=aal2,max_age=900 seconds', 'update=aal2',"));
    let reads = Protection { read: within_15_minutes(aal1), ..default() };
    assert!(creates(&reads)[0].contains("using (auth.has_aal('aal1'::text, '900 seconds'::interval))"));
}

#[test]
fn the_enrolled_level_is_asked_by_its_own_function() {
    let protection = Protection { insert: within_15_minutes(TableLevel::ENROLLED), ..default() };
    let creates = creates(&protection);
    assert!(creates[1].contains("with check (auth.has_enrolled_aal('900 seconds'::interval))"));
    assert!(creates[4].contains("'insert=enrolled,max_age=900 seconds'"));
}

#[test]
fn the_text_of_a_level_reads_back() {
    for text in
        ["none", "aal1", "enrolled", "aal2 within 15 minutes", "enrolled within 1 hour", "aal3 within 90 seconds"]
    {
        assert_eq!(text.parse::<TableLevel>().unwrap().to_string(), text);
    }
    assert_eq!("none within 1 hour".parse::<TableLevel>(), Err(InvalidTableLevel::NoneWithAge));
    assert_eq!("aal2 within a while".parse::<TableLevel>(), Err(InvalidTableLevel::UnknownAge));
    for wrong in ["", "AAL2", "aal2 ", "aal2 within", " within 1 hour", "aal2 inside 1 hour"] {
        assert!(matches!(wrong.parse::<TableLevel>(), Err(InvalidTableLevel::Unknown(_))), "{wrong}");
    }
    assert_eq!(TableLevel::split("aal2 within 1 within 2"), ("aal2", Some("1 within 2")));
}

#[test]
fn an_age_by_default_is_for_levels_without_one() {
    let hour = Some(MaxAge::from_seconds(3_600));
    let levels = ["aal2", "aal2 within 15 minutes", "none", "enrolled"].map(|text| text.parse::<TableLevel>().unwrap());
    let with_default = levels.map(|level| level.or_within(hour).to_string());
    assert_eq!(with_default, ["aal2 within 1 hour", "aal2 within 15 minutes", "none", "enrolled within 1 hour"]);
}

#[test]
fn a_level_implies_what_is_lower_or_as_high_and_no_fresher() {
    let implies =
        |this: &str, other: &str| this.parse::<TableLevel>().unwrap().implies(other.parse::<TableLevel>().unwrap());
    let rising = ["none", "aal1", "enrolled", "aal2", "aal3"];
    for (place, level) in rising.iter().enumerate() {
        for (other_place, other) in rising.iter().enumerate() {
            assert_eq!(implies(level, other), place >= other_place, "{level} {other}");
        }
    }
    assert!(implies("aal2 within 5 minutes", "aal2 within 5 minutes") && implies("aal2 within 5 minutes", "aal1"));
    assert!(implies("aal2 within 5 minutes", "enrolled within 6 minutes"));
    assert!(!implies("aal2", "aal1 within 5 minutes") && !implies("aal2 within 6 minutes", "aal2 within 5 minutes"));
    let (older, higher) = ("aal1 within 5 minutes".parse::<TableLevel>().unwrap(), TableLevel::at(Level::Aal2));
    assert!(!older.is_below(higher) && !higher.is_below(older));
    assert!(higher.is_below(within_15_minutes(higher)) && !higher.is_below(higher));
}

#[test]
fn none_makes_no_policy_and_no_guard_for_its_command() {
    let protection = Protection { read: TableLevel::None, delete: TableLevel::None, ..default() };
    let creates = creates(&protection);
    assert_eq!(creates.len(), 3);
    assert!(creates[2].contains("before insert or update on"));
}

#[test]
fn a_sensitive_column_needs_the_write_level_and_others_the_read_level() {
    let protection = Protection { sensitive_columns: vec!["iban".to_owned()], ..default() };
    let creates = creates(&protection);
    assert!(creates[2].contains("for update") && creates[2].contains("'aal1'"));
    assert!(creates[4].contains("'update=aal1'"));
    assert!(creates[5].starts_with("create constraint trigger aal_columns"));
    assert!(creates[5].contains("after update of \"iban\" on") && creates[5].contains("'update=aal2'"));
    let partition = Table { copies_row_triggers: true, ..payments() };
    let statements = protection.statements(&partition, &Always);
    assert!(!statements.iter().any(|statement| statement.contains("constraint trigger")));
}

#[test]
fn the_names_are_those_of_what_the_statements_make() {
    let none = TableLevel::None;
    let variants = [
        default(),
        Protection { guard: false, ..default() },
        Protection { read: none, ..default() },
        Protection { insert: none, update: none, delete: none, ..default() },
        Protection { insert: none, delete: none, ..default() },
        Protection { owner: Some(Owner { column: "o".to_owned(), is_uuid: true }), ..default() },
        Protection { sensitive_columns: vec!["c".to_owned()], ..default() },
        Protection { read: none, insert: none, delete: none, sensitive_columns: vec!["c".to_owned()], ..default() },
        refusing_reads(),
        Protection { insert: none, update: none, delete: none, ..refusing_reads() },
    ];
    for protection in variants {
        for copies_row_triggers in [false, true] {
            let table = Table { copies_row_triggers, ..payments() };
            let statements = protection.statements(&table, &Always).join("\n");
            for made in Made::ALL {
                let name = made.name();
                let is_made = statements.contains(&format!("comment on policy {name} on "))
                    || statements.contains(&format!("comment on trigger {name} on "));
                assert_eq!(protection.made(&table).contains(&made), is_made, "{name} {protection:?}");
            }
        }
    }
}

#[test]
fn clearing_takes_all_or_only_what_is_there() {
    let all = clear_statements(&payments(), None, &Always);
    assert_eq!(all.len(), Made::ALL.len() - 1);
    for (statement, made) in all.iter().zip(Made::ALL) {
        let name = made.name();
        assert!(statement.contains(&format!("if exists {name} on \"public\".\"payments\"")), "{statement}");
    }
    let there = [Made::Read, Made::Guard];
    let some = clear_statements(&payments(), Some(&there), &Always);
    assert_eq!(some, [all[0].clone(), all[5].clone()]);
    let partition = Table { copies_row_triggers: true, ..payments() };
    assert!(!clear_statements(&partition, None, &Always).iter().any(|statement| statement.contains("aal_columns on")));
}

#[test]
fn owner_rows_compare_with_the_subject_of_the_columns_type() {
    let owner = |is_uuid| Some(Owner { column: "user id".to_owned(), is_uuid });
    let by_uuid = creates(&Protection { owner: owner(true), ..default() });
    assert!(by_uuid[4].contains("using (\"user id\" operator(pg_catalog.=) auth.subject_uuid())"));
    let by_text = creates(&Protection { owner: owner(false), ..default() });
    assert!(by_text[4].contains("operator(pg_catalog.=) auth.subject())"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    use InvalidProtection::*;
    let sensitive = || vec!["iban".to_owned()];
    for (protection, expected) in [
        (Protection { roles: Vec::new(), ..default() }, NoRoles),
        (Protection { sensitive_columns: sensitive(), guard: false, ..default() }, SensitiveColumnsNeedGuard),
        (
            Protection { sensitive_columns: sensitive(), update: TableLevel::None, ..default() },
            SensitiveColumnsNeedLevels,
        ),
        (
            Protection { sensitive_columns: sensitive(), read: TableLevel::None, ..default() },
            SensitiveColumnsNeedLevels,
        ),
        (
            Protection {
                read: TableLevel::None,
                insert: TableLevel::None,
                update: TableLevel::None,
                delete: TableLevel::None,
                ..default()
            },
            ProtectsNothing,
        ),
    ] {
        assert_eq!(protection.validate(), Err(expected));
    }
    assert_eq!(default().validate(), Ok(()));
}

#[test]
fn no_command_that_reads_rows_needs_less_than_reads() {
    let validate = |read, update, delete| {
        Protection { read: level(read), update: level(update), delete: level(delete), ..default() }.validate()
    };
    let below = |command, read, it| Err(InvalidProtection::BelowReads { command, level: level(it), read: level(read) });
    assert_eq!(validate("aal2", "aal1", "aal2"), below(Command::Update, "aal2", "aal1"));
    assert_eq!(validate("aal2", "aal2", "enrolled"), below(Command::Delete, "aal2", "enrolled"));
    assert_eq!(validate("aal2 within 1 hour", "aal2", "aal3"), below(Command::Update, "aal2 within 1 hour", "aal2"));
    assert_eq!(validate("aal1 within 1 hour", "aal2", "aal2"), Ok(()));
    assert_eq!(validate("aal2", "none", "none"), Ok(()));
    // To add rows that one can't see makes sense: a report, a message.
    assert_eq!(Protection { read: level("aal2"), insert: level("aal1"), ..default() }.validate(), Ok(()));
}

#[test]
fn updates_of_other_columns_need_what_reads_need_with_their_age() {
    let aal2 = TableLevel::at(Level::Aal2);
    let (read, update) =
        (within_15_minutes(aal2), TableLevel::at(Level::Aal3).or_within(Some(MaxAge::from_seconds(60))));
    let protection =
        Protection { read, update, delete: update, sensitive_columns: vec!["iban".to_owned()], ..default() };
    assert_eq!(protection.validate(), Ok(()));
    let creates = creates(&protection);
    assert!(creates[2].contains("auth.has_aal('aal2'::text, '900 seconds'::interval)"), "{}", creates[2]);
    assert!(creates[4].contains("'update=aal2,max_age=900 seconds'"));
    assert!(creates[5].contains("'update=aal3,max_age=60 seconds'"));
}

#[test]
fn what_writes_require_is_said_in_as_few_words_as_will_do() {
    let [aal1, aal2, aal3] = Level::ALL.map(TableLevel::at);
    let writes = |insert, update, delete| Protection { insert, update, delete, ..default() }.writes();
    assert_eq!(writes(aal2, aal2, aal2), "aal2");
    assert_eq!(writes(aal1, aal2, aal2), "aal2, insert aal1");
    assert_eq!(writes(aal2, TableLevel::None, aal2), "aal2, update none");
    assert_eq!(writes(aal2, aal2, TableLevel::ENROLLED), "aal2, delete enrolled");
    assert_eq!(writes(aal1, aal2, aal3), "insert aal1, update aal2, delete aal3");
    assert_eq!(
        writes(TableLevel::None, within_15_minutes(aal2), within_15_minutes(aal2)),
        "aal2 within 15 minutes, insert none"
    );
    let sensitive = Protection { sensitive_columns: vec!["iban".to_owned()], ..default() };
    assert_eq!(sensitive.writes(), "aal2, update of other columns aal1");
    assert_eq!((sensitive.reads(), sensitive.bound_roles()), ("aal1".to_owned(), vec!["public".to_owned()]));
}

#[test]
fn the_record_reads_back() {
    let table = Table { before: Before { row_security: false, policies: Some("d41d8".to_owned()) }, ..payments() };
    let comment = default().record(&table);
    assert_eq!(Before::from_record(&comment), Some(table.before));
    let aged = Protection { delete: within_15_minutes(TableLevel::ENROLLED), ..default() };
    let recorded = RecordedProtection::from_record(&aged.record(&payments())).unwrap();
    assert_eq!((recorded.update, recorded.delete), (aged.update, aged.delete));
    assert_eq!(recorded.delete.to_string(), "enrolled within 15 minutes");
    for foreign in ["", "pg_aal: ", "pg_aal: {}", "pg_aal: []", "{\"row_security_before\":true}", "my policy"] {
        assert_eq!(Before::from_record(foreign), None, "{foreign}");
    }
}

#[test]
fn a_guard_that_does_not_know_its_level_refuses() {
    let ask = |arguments: &[&str]| guard_requirement(Command::Update, arguments.iter().copied());
    let aal2 = |max_age| Ok(Some(Requirement::Fixed(FixedRequirement { level: Level::Aal2, max_age })));
    let age = Some(MaxAge::from_interval(0, 0, 1_500_000).unwrap());
    assert_eq!(ask(&["insert=aal3", "update=aal2"]), aal2(None));
    assert_eq!(ask(&["update=aal2,max_age=1.5 seconds"]), aal2(age));
    assert_eq!(ask(&["update=enrolled,max_age=1.5 seconds"]), Ok(Some(Requirement::Enrolled(age))));
    for wrong in [
        &[][..],
        &["insert=aal2"],
        &["select=aal2", "insert=aal2"],
        &["select", "truncate=aal2"],
        &["applies_when=policy"],
        &["update"],
        &["update=AAL2"],
        &["update=none"],
        &["update=aal2", "update=aal1"],
        &["update=aal2,max_age="],
        &["update=aal2,max_age=900"],
        &["update=aal2,max_age=-1 seconds"],
        &["update=aal2,max_age=99999999999999999999 seconds"],
        &["update=aal2,max_age=+1 seconds"],
        &["update=aal2 "],
        &["junk", "update=aal2"],
    ] {
        assert_eq!(ask(wrong), Err(InvalidGuard), "{wrong:?}");
    }
}

fn refusing_reads() -> Protection {
    Protection { read: TableLevel::at(Level::Aal2), refuse_reads: true, ..default() }
}

#[test]
fn the_guard_holds_the_level_of_reads_that_are_refused() {
    let guard = |protection: &Protection| creates(protection).pop().unwrap();
    let all = guard(&refusing_reads());
    assert!(all.contains("('select=aal2', 'insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2')"), "{all}");
    assert!(!guard(&default()).contains("select="));
    let read = within_15_minutes(TableLevel::ENROLLED);
    let none = TableLevel::None;
    let only_reads = Protection { read, insert: none, update: none, delete: none, ..refusing_reads() };
    let only_reads = guard(&Protection { applies_when: for_admins().applies_when, ..only_reads });
    assert!(only_reads.contains("before truncate on"), "{only_reads}");
    assert!(only_reads.contains("('select=enrolled,max_age=900 seconds', 'applies_when=policy')"), "{only_reads}");
}

#[test]
fn a_guard_of_reads_alone_asks_nothing_of_writes() {
    let reads = ["select=aal2", "applies_when=policy"];
    for write in Command::WRITES {
        assert_eq!(guard_requirement(write, reads), Ok(None));
        assert_eq!(guard_requirement_of_read(write, reads), Ok(None));
    }
    let aal2 = TableLevel::at(Level::Aal2).requirement();
    assert_eq!(guard_requirement_of_read(Command::Select, reads), Ok(aal2));
}

#[test]
fn a_guard_refuses_reads_only_where_it_is_told_their_level() {
    let ask = |command, arguments: &'static [&str]| guard_requirement_of_read(command, arguments.iter().copied());
    let aal2 = TableLevel::at(Level::Aal2).requirement();
    assert_eq!(ask(Command::Select, &["insert=aal2", "update=aal2"]), Ok(None));
    assert_eq!(ask(Command::Update, &["insert=aal2", "update=aal2"]), Ok(None));
    assert_eq!(ask(Command::Update, &["select=aal1", "update=aal2"]), Ok(aal2));
    assert_eq!(ask(Command::Update, &["select=aal1", "insert=aal2"]), Ok(None));
    assert_eq!(ask(Command::Select, &["select=AAL2"]), Err(InvalidGuard));
    assert_eq!(ask(Command::Select, &["select=aal1", "select=aal2"]), Err(InvalidGuard));
}

#[test]
fn the_record_says_that_reads_are_refused() {
    let read = |protection: &Protection| {
        RecordedProtection::from_record(&protection.record(&payments())).unwrap().refused_reads()
    };
    assert_eq!(read(&refusing_reads()), TableLevel::at(Level::Aal2).requirement());
    assert_eq!(read(&default()), None);
}

#[test]
fn refused_reads_need_a_guard_and_a_level() {
    use InvalidProtection::{RefusedReadsNeedGuard, RefusedReadsNeedLevel};
    assert_eq!(Protection { guard: false, ..refusing_reads() }.validate(), Err(RefusedReadsNeedGuard));
    assert_eq!(Protection { read: TableLevel::None, ..refusing_reads() }.validate(), Err(RefusedReadsNeedLevel));
    assert_eq!(refusing_reads().validate(), Ok(()));
}

#[test]
fn to_refuse_reads_no_longer_lowers_nothing() {
    let silent = Protection { refuse_reads: false, ..refusing_reads() };
    assert!(silent.lowers(&found(&refusing_reads())).is_empty());
}

/// The protection that is found on a table after this was made there, and nothing was altered.
fn found(protection: &Protection) -> FoundProtection {
    let record = RecordedProtection::from_record(&protection.record(&payments())).unwrap();
    let requires = |(made, requirement)| (made, FoundLevel::Requires(vec![TableLevel::Required(requirement)]));
    let columns = protection.sensitive_columns.clone();
    FoundProtection {
        policies: record.policies().map(requires).collect(),
        bound: Some(FoundRoles::Everybody),
        owner_column: protection.owner.as_ref().map(|owner| owner.column.clone()),
        sensitive: (!columns.is_empty()).then_some((columns, protection.update)),
        guard: protection.guard,
        applies_when: vec![protection.applies_when.as_ref().map(|it| it.display_name.clone())],
        live: protection.live,
        refuse_reads: false,
        records: vec![record],
        gaps: Gaps::default(),
    }
}

fn level(text: &str) -> TableLevel {
    text.parse().unwrap()
}

#[test]
fn what_lowers_a_protection_is_said_with_the_old_and_the_new() {
    let aged = Protection { update: level("aal2 within 15 minutes"), ..default() };
    let lowered = |new: Protection| new.lowers(&found(&aged));
    assert_eq!(lowered(aged.clone()), [""; 0]);
    assert_eq!(lowered(default()), ["update: aal2 within 15 minutes -> aal2"]);
    let wider = Protection { update: level("aal2 within 16 minutes"), ..aged.clone() };
    assert_eq!(lowered(wider), ["update: aal2 within 15 minutes -> aal2 within 16 minutes"]);
    let higher = Protection { update: level("aal3 within 5 minutes"), read: level("aal2"), ..aged.clone() };
    assert_eq!(lowered(higher), [""; 0]);
    let all = Protection {
        read: TableLevel::None,
        insert: level("enrolled"),
        update: level("aal1 within 1 minute"),
        delete: level("aal1"),
        roles: vec!["authenticated".to_owned()],
        guard: false,
        ..default()
    };
    let lines = [
        "read: aal1 -> none",
        "insert: aal2 -> enrolled",
        "update: aal2 within 15 minutes -> aal1 within 1 minute",
        "delete: aal2 -> aal1",
        "roles: public -> authenticated",
        "guard: true -> false",
    ];
    assert_eq!(lowered(all), lines);
}

#[test]
fn an_owner_column_does_not_go_in_silence() {
    let owner = |column: &str| Some(Owner { column: column.to_owned(), is_uuid: true });
    let owned = found(&Protection { owner: owner("user_id"), ..default() });
    assert_eq!(default().lowers(&owned), ["owner_column: user_id -> none"]);
    let another = Protection { owner: owner("made_by"), ..default() };
    assert_eq!(another.lowers(&owned), ["owner_column: user_id -> made_by"]);
    assert_eq!(another.lowers(&found(&default())), [""; 0]);
}

#[test]
fn a_role_that_was_bound_stays_bound() {
    let named = |unbound: &[&str]| FoundProtection {
        bound: Some(FoundRoles::Named { unbound: unbound.iter().map(|role| (*role).to_owned()).collect() }),
        ..found(&default())
    };
    let some = Protection { roles: vec!["authenticated".to_owned()], ..default() };
    assert_eq!(some.lowers(&named(&["anon", "web"])), ["roles: anon, web no longer bound"]);
    assert_eq!(some.lowers(&named(&[])), [""; 0]);
    assert_eq!(default().lowers(&named(&["anon"])), [""; 0]);
}

#[test]
fn sessions_are_not_exempted_in_silence() {
    let (all, admins, staff) = (default(), for_some("is_admin"), for_some("is_staff"));
    assert_eq!(admins.lowers(&found(&all)), ["applies_when: all sessions -> private.is_admin()"]);
    assert_eq!(admins.lowers(&found(&staff)), ["applies_when: private.is_staff() -> private.is_admin()"]);
    assert_eq!(admins.lowers(&found(&admins)), [""; 0]);
    assert_eq!(all.lowers(&found(&admins)), [""; 0]);
    // One policy that was altered by hand counts.
    let altered = FoundProtection { applies_when: vec![Some("private.is_admin()".to_owned()), None], ..found(&admins) };
    assert_eq!(admins.lowers(&altered), ["applies_when: all sessions -> private.is_admin()"]);
    assert_eq!(admins.with_sessions(admins.writes()), "aal2 if private.is_admin()");
    assert_eq!(all.with_sessions(all.writes()), "aal2");
}

#[test]
fn each_column_is_compared_by_what_its_update_needs() {
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let sensitive = |names: &[&str]| Protection { sensitive_columns: columns(names), ..default() };
    let lowered = |old: &Protection, new: &Protection| new.lowers(&found(old));
    // Updates of all columns needed aal2; those of the others need aal1 now.
    assert_eq!(lowered(&default(), &sensitive(&["iban"])), ["update of other columns: aal2 -> aal1"]);
    assert_eq!(lowered(&sensitive(&["iban"]), &default()), [""; 0]);
    assert_eq!(lowered(&sensitive(&["iban"]), &sensitive(&["iban", "amount"])), [""; 0]);
    assert_eq!(lowered(&sensitive(&["iban", "amount"]), &sensitive(&["iban"])), ["update of amount: aal2 -> aal1"]);
    let lower = Protection { update: level("enrolled"), ..sensitive(&["iban"]) };
    assert_eq!(lowered(&sensitive(&["iban"]), &lower), ["update of iban: aal2 -> enrolled"]);
    let open = Protection { insert: level("none"), update: level("aal1"), delete: level("aal2"), ..default() };
    let aged = Protection { read: level("aal1 within 1 hour"), ..sensitive(&["iban"]) };
    assert_eq!(
        lowered(&aged, &open),
        [
            "read: aal1 within 1 hour -> aal1",
            "insert: aal2 -> none",
            "update of iban: aal2 -> aal1",
            "update of other columns: aal1 within 1 hour -> aal1",
        ]
    );
}

#[test]
fn what_was_altered_by_hand_counts_beside_the_record() {
    let with = |policy: Made, found_level: FoundLevel| {
        let mut found = found(&default());
        found.policies.retain(|(made, _)| *made != policy);
        found.policies.push((policy, found_level));
        found
    };
    let raised = with(Made::Read, FoundLevel::Requires(vec![level("aal3")]));
    assert_eq!(default().lowers(&raised), ["read: aal3 -> aal1"]);
    let lowered = with(Made::Update, FoundLevel::Requires(vec![level("none")]));
    assert_eq!(Protection { update: level("aal1"), ..default() }.lowers(&lowered), ["update: aal2 -> aal1"]);
    let altered = with(Made::Delete, FoundLevel::Altered);
    assert_eq!(default().lowers(&altered), ["policy aal_delete: altered by hand -> as protect_table makes it"]);
}

fn any_level() -> impl Strategy<Value = TableLevel> {
    let levels = ["none", "aal1", "enrolled", "aal2", "aal3"];
    (prop::sample::select(levels.to_vec()), prop::option::of(0u32..3))
        .prop_map(|(text, age)| level(text).or_within(age.map(MaxAge::from_seconds)))
}

proptest! {
    #[test]
    fn a_protection_that_lowers_nothing_requires_all_that_was_required(
        old in prop::array::uniform4(any_level()),
        new in prop::array::uniform4(any_level()),
        columns in prop::array::uniform2(prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..2)),
    ) {
        let protection = |[read, insert, update, delete]: [TableLevel; 4], columns: &[&str]| Protection {
            read, insert, update, delete,
            sensitive_columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            ..default()
        };
        let (old, new) = (protection(old, &columns[0]), protection(new, &columns[1]));
        prop_assume!(old.validate().is_ok() && new.validate().is_ok());
        // A policy decides about every update, and the trigger about those of sensitive columns.
        let update = |it: &Protection, column: &str| {
            let is_sensitive = it.sensitive_columns.iter().any(|name| name == column);
            let by_policy = if it.sensitive_columns.is_empty() { it.update } else { it.read };
            if is_sensitive { vec![by_policy, it.update] } else { vec![by_policy] }
        };
        let implied = |new: &[TableLevel], old: &[TableLevel]| old.iter().all(|old| new.iter().any(|new| new.implies(*old)));
        let holds = implied(&[new.read], &[old.read])
            && implied(&[new.insert], &[old.insert])
            && implied(&[new.delete], &[old.delete])
            && ["a", "b", "c"].iter().all(|column| implied(&update(&new, column), &update(&old, column)));
        if new.lowers(&found(&old)).is_empty() {
            prop_assert!(holds);
        }
        prop_assert_eq!(old.lowers(&found(&old)), Vec::<String>::new());
    }

    #[test]
    fn hostile_names_stay_inside_their_quotes(schema in any::<String>(), name in any::<String>(), column in any::<String>(), role in any::<String>()) {
        let table = Table { schema: schema.clone(), name: name.clone(), ..payments() };
        let protection = Protection {
            roles: vec![role.clone()],
            owner: Some(Owner { column: column.clone(), is_uuid: true }),
            sensitive_columns: vec![column.clone()],
            applies_when: Some(AppliesWhen { schema: schema.clone(), function: name.clone(), display_name: String::new() }),
            ..default()
        };
        // However the names read, the statements are the same but for the quoted names.
        let plain = Protection {
            roles: vec!["R".to_owned()],
            owner: Some(Owner { column: "C".to_owned(), is_uuid: true }),
            sensitive_columns: vec!["C".to_owned()],
            applies_when: Some(AppliesWhen { schema: "S".to_owned(), function: "T".to_owned(), display_name: String::new() }),
            ..default()
        };
        prop_assume!(role != "public");
        // In the record, which is JSON within a literal, the role is a JSON string.
        let recorded = Always.literal(&serde_json::json!([role]).to_string());
        let filling = [
            ("[\"R\"]", recorded[1..recorded.len() - 1].to_owned()),
            ("\"S\"", Always.identifier(&schema)),
            ("\"T\"", Always.identifier(&name)),
            ("\"C\"", Always.identifier(&column)),
            ("\"R\"", Always.identifier(&role)),
        ];
        let expected: Vec<String> = plain
            .statements(&Table { schema: "S".to_owned(), name: "T".to_owned(), ..payments() }, &Always)
            .iter()
            .map(|statement| fill(statement, &filling))
            .collect();
        prop_assert_eq!(protection.statements(&table, &Always), expected);
    }

    #[test]
    fn a_guard_reads_back_what_was_written(micros in 0i64.., level in prop::sample::select(Level::ALL.to_vec())) {
        let max_age = Some(MaxAge::from_interval(0, 0, micros).unwrap());
        for required in [Requirement::Fixed(FixedRequirement { level, max_age }), Requirement::Enrolled(max_age)] {
            let written = GuardArgument { command: Command::Delete, required }.to_string();
            prop_assert_eq!(guard_requirement(Command::Delete, [written.as_str()]), Ok(Some(required)));
        }
    }

    #[test]
    fn any_guard_arguments_are_read_without_a_panic(arguments in proptest::collection::vec(any::<String>(), 0..4)) {
        let _ = guard_requirement(Command::Insert, arguments.iter().map(String::as_str));
    }
}

/// Replaces placeholders in one pass, so that a name that looks like a placeholder isn't replaced again.
fn fill(statement: &str, filling: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = statement;
    while !rest.is_empty() {
        match filling.iter().find(|(placeholder, _)| rest.starts_with(placeholder)) {
            Some((placeholder, text)) => {
                filled.push_str(text);
                rest = &rest[placeholder.len()..];
            }
            None => {
                let next = rest.chars().next().map_or(0, char::len_utf8);
                filled.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
    }
    filled
}

#[test]
fn each_that_is_made_is_known_by_its_name() {
    for made in Made::ALL {
        assert_eq!(Made::from_name(made.name()), Some(made));
        assert_eq!(made.is_policy(), Made::POLICIES.contains(&made));
        assert!(made.template().contains(&format!(
            "comment on {} {} on",
            if made.is_policy() { "policy" } else { "trigger" },
            made.name()
        )));
    }
    for command in Command::ALL {
        let policy = Made::policy_for(command);
        assert!(policy.command() == Some(command) || command == Command::Truncate);
    }
}

fn schema(new_tables: NewTables, protection: Protection) -> SchemaProtection {
    let excluding = vec!["legacy".to_owned()];
    SchemaProtection { schemas: vec!["app".to_owned()], new_tables, excluding, owner_column: None, protection }
}

#[test]
fn the_record_of_a_schema_is_read_back() {
    let applies_when = AppliesWhen {
        schema: "s".to_owned(),
        function: "f\"".to_owned(),
        display_name: "\"s\".\"f\"\"\"()".to_owned(),
    };
    let others = Protection {
        read: within_15_minutes(TableLevel::at(Level::Aal2)),
        roles: vec!["a".to_owned(), "b".to_owned()],
        guard: false,
        applies_when: Some(applies_when),
        ..default()
    };
    for (new_tables, protection) in NewTables::ALL.into_iter().zip([default(), others.clone(), others]) {
        let written = SchemaProtection { owner_column: Some("it's".to_owned()), ..schema(new_tables, protection) };
        let read = SchemaProtection::from_record(&written.record(), &Always).unwrap();
        assert_eq!(read.record(), written.record());
        assert_eq!(
            read.protection.applies_when.map(|it| it.display_name),
            written.protection.applies_when.map(|it| it.display_name)
        );
    }
    for wrong in ["", "{}", "nonsense", r#"{"schemas":[]}"#] {
        assert!(SchemaProtection::from_record(wrong, &Always).is_none(), "{wrong}");
    }
}

#[test]
fn a_schema_is_lowered_by_its_levels_its_exclusions_and_by_watching_less() {
    let old = SchemaProtection { owner_column: Some("user_id".to_owned()), ..schema(NewTables::Refuse, default()) };
    let same = SchemaProtection { new_tables: NewTables::Protect, ..old.clone() };
    assert_eq!(same.lowers(&old), Vec::<String>::new());
    let mut lower =
        schema(NewTables::Warn, Protection { update: TableLevel::at(Level::Aal1), guard: false, ..default() });
    lower.excluding.push("more".to_owned());
    assert_eq!(
        lower.lowers(&old),
        [
            "update: aal2 -> aal1",
            "guard: true -> false",
            "owner_column: user_id -> none",
            "new_tables: refuse -> warn",
            "excluding: more -> excluded"
        ]
    );
}

#[test]
fn a_watch_has_a_function_with_its_record_and_an_event_trigger() {
    let statements = schema(NewTables::Protect, default()).watch_statements("aal_schema_app", &Always);
    assert_eq!(statements.len(), 5, "{statements:#?}");
    assert!(statements[0].contains("security definer"));
    assert!(statements[0].contains("set pg_aal.protected_schema = '{\"schemas\":[\"app\"]"));
    assert!(statements[3].contains("when tag in ('ALTER EXTENSION', 'ALTER FOREIGN TABLE', 'ALTER INDEX'"));
    assert!(statements[4].contains("enable always"));
}

fn on_table(protection: &Protection) -> FoundProtection {
    let levels = [Made::Read, Made::Insert, Made::Update, Made::Delete].into_iter().zip(protection.levels());
    FoundProtection {
        policies: levels.map(|(made, (_, level))| (made, FoundLevel::Requires(vec![level]))).collect(),
        bound: Some(FoundRoles::Everybody),
        guard: protection.guard,
        live: protection.live,
        ..FoundProtection::default()
    }
}

#[test]
fn a_shortfall_names_each_thing_that_a_table_lacks() {
    assert!(default().is(&on_table(&default())));
    let lower = on_table(&Protection { update: TableLevel::at(Level::Aal1), guard: false, ..default() });
    assert_eq!(default().shortfall(&lower), ["update: aal1, not aal2", "guard: none"]);
    let named = FoundProtection { bound: Some(FoundRoles::Named { unbound: Vec::new() }), ..on_table(&default()) };
    assert_eq!(default().shortfall(&named), ["roles: some, not public"]);
    let for_some = FoundProtection { applies_when: vec![None, Some("f()".to_owned())], ..on_table(&default()) };
    assert_eq!(default().shortfall(&for_some), ["applies_when: f(), not for all sessions"]);
    let altered = FoundProtection { policies: vec![(Made::Read, FoundLevel::Altered)], ..on_table(&default()) };
    assert_eq!(default().shortfall(&altered)[..2], ["read: altered by hand, not aal1", "insert: none, not aal2"]);
    let nothing = FoundProtection::default();
    assert!(!default().shortfall(&nothing).is_empty());
    // Each part must hold.
    let with = |gaps| FoundProtection { gaps, ..on_table(&Protection { live: true, ..default() }) };
    let live = Protection { live: true, ..default() };
    assert_eq!(live.shortfall(&with(Gaps::default())), [""; 0]);
    let off = Gaps { row_security_off: true, ..Gaps::default() };
    assert_eq!(live.shortfall(&with(off)), ["row security: off, not on"]);
    let missing = Gaps { missing: vec![Made::Delete], ..Gaps::default() };
    assert_eq!(live.shortfall(&with(missing.clone())), ["delete: no policy, not aal2"]);
    let open = Protection { delete: TableLevel::None, ..live.clone() };
    assert_eq!(open.shortfall(&with(missing)), [""; 0]);
    assert_eq!(live.shortfall(&with(Gaps { uneven_roles: true, ..Gaps::default() })), ["roles: some, not public"]);
    assert_eq!(live.shortfall(&with(Gaps { not_live: true, ..Gaps::default() })), ["live: false, not true"]);
    assert!(default().shortfall(&with(Gaps { not_live: true, ..Gaps::default() })).is_empty());
    // More is no shortfall, and isn't the same either.
    let higher = on_table(&Protection { read: TableLevel::at(Level::Aal2), ..default() });
    assert!(default().shortfall(&higher).is_empty() && !default().is(&higher));
}

#[test]
fn the_same_protection_has_the_higher_of_what_is_recorded_and_what_is_there() {
    let record = default().record(&payments());
    let mut found = on_table(&Protection { read: TableLevel::at(Level::Aal2), ..default() });
    found.records = RecordedProtection::from_record(&record).into_iter().collect();
    found.policies[1].1 = FoundLevel::Altered;
    let same = found.same(FoundNames::default());
    assert_eq!(
        (same.read, same.insert, same.update),
        (TableLevel::at(Level::Aal2), default().insert, default().update)
    );
    assert_eq!((same.roles, same.guard), (vec!["public".to_owned()], true));
    assert_eq!(found.unknown_levels(), []);
    found.records.clear();
    assert_eq!(found.unknown_levels(), [Made::Insert]);
}

#[test]
fn a_partition_has_the_levels_of_its_policies_beside_sensitive_columns() {
    let sensitive = Protection { sensitive_columns: vec!["iban".to_owned()], ..default() };
    let partition = on_table(&Protection { update: sensitive.read, ..default() });
    assert!(sensitive.shortfall(&partition).is_empty());
    assert_eq!(default().shortfall(&partition), ["update: aal1, not aal2"]);
}

/// All that a protection makes, recognized without any comment.
fn recognized(protection: &Protection) -> Recognized {
    let record = RecordedProtection::from_record(&protection.record(&payments())).unwrap();
    let guard = |requirements: Vec<(Command, Requirement)>, reads: Option<Requirement>| {
        let (commands, mut arguments): (Vec<Command>, Vec<String>) =
            requirements.iter().map(|(command, required)| (*command, guard_argument(*command, *required))).unzip();
        arguments.extend(reads.map(|required| guard_argument(Command::Select, required)));
        arguments.extend(record.for_some.then(|| EXEMPTS_BY_POLICY.to_owned()));
        arguments.extend(record.live.then(|| LIVE_ONLY.to_owned()));
        (!commands.is_empty()).then(|| RecognizedGuard::from_arguments(&commands, &arguments, false).unwrap())
    };
    let of_columns = protection.update.requirement().filter(|_| record.sensitive);
    Recognized {
        policies: record.policies().collect(),
        owner: record.owner,
        guard: guard(record.guarded(), record.refused_reads()),
        columns: guard(of_columns.map(|required| (Command::Update, required)).into_iter().collect(), None),
        roles: record.roles.clone(),
        for_some: record.for_some,
        live: record.live,
        ..Recognized::default()
    }
}

#[test]
fn a_protection_is_known_by_its_shape_as_by_its_record() {
    let sensitive = || vec!["iban".to_owned()];
    for protection in [
        default(),
        Protection { live: true, ..default() },
        refusing_reads(),
        Protection { live: true, ..for_some("is_admin") },
        for_some("is_admin"),
        Protection { guard: false, ..default() },
        Protection { update: TableLevel::None, read: TableLevel::None, ..default() },
        Protection { insert: level("enrolled within 90 seconds"), delete: TableLevel::None, ..default() },
        Protection { read: level("aal2"), sensitive_columns: sensitive(), update: level("aal3"), ..default() },
        Protection { sensitive_columns: sensitive(), ..for_some("is_admin") },
        Protection { owner: Some(Owner { column: "o".to_owned(), is_uuid: true }), ..default() },
        Protection { roles: vec!["authenticated".to_owned(), "anon".to_owned()], ..default() },
    ] {
        let record = RecordedProtection::from_record(&protection.record(&payments())).unwrap();
        let found = recognized(&protection);
        assert_eq!(found.protection(), Some(record.clone()), "{protection:?}");
        assert_eq!(found.made(), protection.made(&payments()), "{protection:?}");
        let before = Before::unknown();
        let unknown = Table { before: before.clone(), ..payments() };
        assert_eq!(record.to_record(&before), protection.record(&unknown));
    }
    assert_eq!(Recognized::default().protection(), None);
}

#[test]
fn a_guard_says_what_the_policies_required_that_are_gone() {
    let whole = recognized(&default());
    let policies = whole.policies.iter().copied().filter(|(made, _)| *made == Made::Insert).collect();
    let protection = Recognized { policies, ..whole.clone() }.protection().unwrap();
    assert_eq!((protection.read, protection.delete), (TableLevel::None, TableLevel::at(Level::Aal2)));
    let without_policies = Recognized { policies: Vec::new(), owner: true, ..whole.clone() };
    assert_eq!((without_policies.protection(), without_policies.made()), (None, Vec::new()));
    let without_guard = Recognized { guard: None, ..whole };
    assert_eq!(without_guard.protection().unwrap().delete, TableLevel::at(Level::Aal2));
}

#[test]
fn a_guard_is_recognized_only_as_protect_table_renders_it() {
    use Command::{Delete, Insert, Truncate, Update};
    let is_ours = |commands: &[Command], arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        RecognizedGuard::from_arguments(commands, &arguments, false).is_some()
    };
    assert!(is_ours(&[Insert, Update], &["insert=aal1", "update=aal2,max_age=900 seconds"]));
    assert!(is_ours(&[Delete, Truncate], &["delete=enrolled", "truncate=enrolled", "applies_when=policy"]));
    assert!(is_ours(&[Update], &["update=aal2"]));
    for (commands, arguments) in [
        (&[Insert][..], &[][..]),
        (&[Insert], &["update=aal2"]),
        (&[Insert], &["insert=aal2", "update=aal2"]),
        (&[Insert], &["insert=aal2", "insert=aal2"]),
        (&[Insert], &["insert=AAL2"]),
        (&[Insert], &["insert=aal2,max_age=15 minutes"]),
        (&[Insert], &["insert=aal2", "note"]),
        (&[Insert], &["insert=aal2", "applies_when=all"]),
        (&[Delete], &["delete=aal2"]),
        (&[Truncate], &["truncate=aal2"]),
        (&[Delete, Truncate], &["delete=aal2", "truncate=aal1"]),
        (&[Delete, Truncate], &["delete=aal2", "truncate=aal2,max_age=900 seconds"]),
    ] {
        assert!(!is_ours(commands, arguments), "{commands:?} {arguments:?}");
    }
}
