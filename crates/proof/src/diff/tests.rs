use super::*;
use crate::lint::Severity;
use crate::snapshot::tests::{ROLES, cells, snapshots};
use crate::snapshot::{Cell, Recorded};
use crate::{RequiredLevel, Threshold};
use aal::MaxAge;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_snapshot_differs_in_nothing_from_itself(snapshot in snapshots()) {
        prop_assert_eq!(changes(&snapshot, &snapshot), Vec::new());
        let read_back = Snapshot::from_text(&snapshot.to_json().to_string()).unwrap();
        prop_assert_eq!(changes(&snapshot, &read_back), Vec::new());
    }

    /// What one direction takes away, the other gives back.
    #[test]
    fn both_directions_tell_of_the_same_changes(before in snapshots(), now in snapshots()) {
        let place = |it: &Change| (it.what, it.target.clone(), it.role.clone(), it.command.map(Command::index));
        let there = changes(&before, &now);
        let back = changes(&now, &before);
        let places = |all: &[Change]| {
            let mut places: Vec<_> = all.iter().filter(|it| it.what != What::Finding).map(place).collect();
            places.sort();
            places
        };
        prop_assert_eq!(places(&there), places(&back));
        for change in there.iter().filter(|it| matches!(it.what, What::Matrix | What::Setting)) {
            let other = back.iter().find(|it| place(it) == place(change)).unwrap();
            match change.kind {
                Kind::Raised => prop_assert!(other.fails),
                Kind::Gone => prop_assert!(matches!(other.kind, Kind::New | Kind::Opened | Kind::Lowered)),
                Kind::New => prop_assert_eq!(other.kind, Kind::Gone),
                Kind::Opened | Kind::Lowered => prop_assert!(matches!(other.kind, Kind::Raised | Kind::Lowered | Kind::Opened | Kind::Gone)),
            }
        }
    }

    /// One cell that changes is one change, with the right word, beside anything else.
    #[test]
    fn each_change_of_a_cell_is_found(mut before in snapshots(), was in cells(), is in cells(), command in 0..Command::ALL.len(), role in 0..ROLES.len()) {
        let put = |snapshot: &mut Snapshot, cell: &Cell| {
            snapshot.roles.insert(ROLES[role].to_owned());
            let roles = snapshot.matrix.entry("public.payments".to_owned()).or_default();
            roles.entry(ROLES[role].to_owned()).or_default()[command] = Some(cell.clone());
        };
        put(&mut before, &was);
        let mut now = before.clone();
        put(&mut now, &is);
        let found = changes(&before, &now);
        let wanted = if was.needs_the_same_as(&is) { 0 } else { 1 };
        prop_assert_eq!(found.len(), wanted);
        for change in found {
            prop_assert_eq!((change.what, change.target.as_str(), change.role.as_deref()), (What::Matrix, "public.payments", Some(ROLES[role])));
            prop_assert_eq!(change.fails, is.is_weaker_than(&was));
            prop_assert_eq!(change.fails, !matches!(change.kind, Kind::Raised));
            prop_assert_eq!(change.decided_now, is.decided_by.clone());
            prop_assert_eq!(change.decided_before, was.decided_by.clone());
        }
    }

    #[test]
    fn what_fails_comes_first_and_its_keys_are_accepted(before in snapshots(), now in snapshots()) {
        let found = changes(&before, &now);
        let fails: Vec<bool> = found.iter().map(|change| change.fails).collect();
        prop_assert!(fails.is_sorted_by_key(|fails| !fails));
        let keys: Vec<String> = found.iter().filter(|it| it.fails).map(|it| it.key.clone()).collect();
        let verdict = check(&found, &keys);
        prop_assert!(verdict.breaches.is_empty() && verdict.stale.is_empty());
        prop_assert_eq!(check(&found, &[]).breaches.len(), keys.len());
        prop_assert_eq!(check(&found, &["no such key".to_owned()]).stale.len(), 1);
    }
}

/// A cell that needs this level, with a factor of any age.
fn cell(level: RequiredLevel) -> Cell {
    Cell { threshold: Threshold::at_any_age(level), ..Cell::without_privilege() }
}

/// One that needs aal1 or aal2 with a factor at most so old.
fn fresh(level: RequiredLevel, seconds: u32) -> Cell {
    let threshold = Threshold { level, max_age: Some(MaxAge::from_seconds(seconds)) };
    Cell { threshold, ..Cell::without_privilege() }
}

fn kind(before: &Cell, now: &Cell) -> Option<Kind> {
    cells::compare(before, now)
}

#[test]
fn less_in_any_way_is_lowered() {
    let aal2 = cell(RequiredLevel::Aal2);
    assert_eq!(kind(&aal2, &cell(RequiredLevel::Aal1)), Some(Kind::Lowered));
    assert_eq!(kind(&aal2, &cell(RequiredLevel::Enrolled)), Some(Kind::Lowered));
    assert_eq!(kind(&fresh(RequiredLevel::Aal2, 900), &aal2), Some(Kind::Lowered));
    assert_eq!(kind(&fresh(RequiredLevel::Aal2, 900), &fresh(RequiredLevel::Aal2, 901)), Some(Kind::Lowered));
    // A higher level whose factor may be older.
    assert_eq!(kind(&fresh(RequiredLevel::Aal1, 900), &aal2), Some(Kind::Lowered));
    let exempt = Cell { applies_when: ["f()".to_owned()].into(), ..aal2.clone() };
    assert_eq!(kind(&aal2, &exempt), Some(Kind::Lowered));
    assert_eq!(kind(&exempt, &aal2), Some(Kind::Raised));
    let guests = Cell { guests_pass: true, ..cell(RequiredLevel::Aal1) };
    assert_eq!(kind(&cell(RequiredLevel::Aal1), &guests), Some(Kind::Lowered));
    assert_eq!(kind(&aal2, &cell(RequiredLevel::Aal3)), Some(Kind::Raised));
    assert_eq!(kind(&aal2, &fresh(RequiredLevel::Aal2, 60)), Some(Kind::Raised));
    assert_eq!(kind(&aal2, &aal2), None);
}

#[test]
fn opened_is_what_was_impossible_or_needs_nothing_now() {
    for level in [RequiredLevel::Aal1, RequiredLevel::Aal2, RequiredLevel::None] {
        assert_eq!(kind(&cell(RequiredLevel::Denied), &cell(level)), Some(Kind::Opened));
    }
    assert_eq!(kind(&cell(RequiredLevel::Aal1), &cell(RequiredLevel::None)), Some(Kind::Opened));
    assert_eq!(kind(&cell(RequiredLevel::None), &cell(RequiredLevel::Denied)), Some(Kind::Raised));
}

/// A table whose SELECT needs this of each of these roles.
fn of_table(roles: &[(&str, Cell)]) -> Snapshot {
    let mut snapshot = Snapshot::empty();
    let table = snapshot.matrix.entry("public.t".to_owned()).or_default();
    for (role, cell) in roles {
        table.entry((*role).to_owned()).or_default()[Command::Select.index()] = Some(cell.clone());
        snapshot.roles.insert((*role).to_owned());
    }
    snapshot
}

fn told(before: &Snapshot, now: &Snapshot) -> Vec<(Kind, bool)> {
    changes(before, now).iter().map(|change| (change.kind, change.fails)).collect()
}

#[test]
fn a_new_role_is_a_new_way_only_where_no_other_needed_as_little() {
    let before = of_table(&[("authenticated", cell(RequiredLevel::Aal2))]);
    let with = |level| of_table(&[("authenticated", cell(RequiredLevel::Aal2)), ("worker", cell(level))]);
    assert_eq!(told(&before, &with(RequiredLevel::Aal2)), [(Kind::New, false)]);
    assert_eq!(told(&before, &with(RequiredLevel::Aal3)), [(Kind::New, false)]);
    assert_eq!(told(&before, &with(RequiredLevel::Aal1)), [(Kind::Lowered, true)]);
    assert_eq!(told(&before, &with(RequiredLevel::None)), [(Kind::Opened, true)]);
    assert_eq!(told(&before, &with(RequiredLevel::Denied)), []);
    // One that bypasses row security by what it is: policies were never meant for it.
    let bypass = Cell { decided_by: vec!["BYPASSRLS".to_owned()], ..cell(RequiredLevel::None) };
    let now = of_table(&[("authenticated", cell(RequiredLevel::Aal2)), ("worker", bypass.clone())]);
    assert_eq!(told(&before, &now), [(Kind::New, false)]);
    // A role that was there and bypasses it now, does count.
    let now = of_table(&[("authenticated", bypass)]);
    assert_eq!(told(&before, &now), [(Kind::Opened, true)]);
}

#[test]
fn a_policy_that_is_called_like_a_bypass_is_none() {
    let named = |reason: &str| Cell { decided_by: vec![reason.to_owned()], ..cell(RequiredLevel::None) };
    assert!(named("owner").is_bypass() && !named("policy owner").is_bypass());
}

#[test]
fn a_privilege_that_is_granted_is_opened_and_one_that_is_revoked_is_raised() {
    let aal1 = cell(RequiredLevel::Aal1);
    let without = Snapshot { roles: ["anon".to_owned()].into(), ..of_table(&[]) };
    let with = of_table(&[("anon", aal1)]);
    assert_eq!(told(&without, &with), [(Kind::Opened, true)]);
    assert_eq!(told(&with, &without), [(Kind::Raised, false)]);
}

#[test]
fn a_new_table_is_new_and_one_without_a_level_is_named() {
    let none = cell(RequiredLevel::None);
    let before = Snapshot { roles: ["anon".to_owned()].into(), ..Snapshot::empty() };
    let now = of_table(&[("anon", none)]);
    assert_eq!(told(&before, &now), [(Kind::New, false)]);
    assert_eq!(new_and_open(&before, &now), ["public.t"]);
    assert_eq!(new_and_open(&now, &now), Vec::<String>::new());
    assert_eq!(told(&now, &before), [(Kind::Gone, false)]);
}

fn finding(lint: &str, level: Severity, roles: &[&str]) -> Recorded {
    Recorded {
        lint: lint.to_owned(),
        level,
        object: "public.t".to_owned(),
        detail: format!("found for {}", roles.join(", ")),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        commands: BTreeSet::new(),
        reaches: BTreeSet::new(),
    }
}

fn with_finding(finding: Option<Recorded>) -> Snapshot {
    let roles = ["anon", "authenticated"].map(str::to_owned).into();
    let findings = finding.into_iter().map(|it| ("key".to_owned(), it)).collect();
    Snapshot { roles, findings, ..Snapshot::empty() }
}

#[test]
fn a_new_finding_fails_unless_it_is_about_speed_or_good_to_know() {
    let none = with_finding(None);
    let of = |lint: &str, level| with_finding(Some(finding(lint, level, &[])));
    assert_eq!(told(&none, &of("0002_write_left_open", Severity::Error)), [(Kind::New, true)]);
    assert_eq!(told(&none, &of("0014_security_definer_function", Severity::Warn)), [(Kind::New, true)]);
    assert_eq!(told(&none, &of("0011_evaluated_per_row", Severity::Warn)), [(Kind::New, false)]);
    assert_eq!(told(&none, &of("0023_protected_table_published", Severity::Info)), [(Kind::New, false)]);
    assert_eq!(told(&of("0002_write_left_open", Severity::Error), &none), [(Kind::Gone, false)]);
}

#[test]
fn a_finding_that_concerns_another_role_is_lowered() {
    let of = |roles: &[&str]| with_finding(Some(finding("0012_owner_rights_view", Severity::Error, roles)));
    assert_eq!(told(&of(&["authenticated"]), &of(&["anon", "authenticated"])), [(Kind::Lowered, true)]);
    assert_eq!(told(&of(&["anon", "authenticated"]), &of(&["authenticated"])), [(Kind::Raised, false)]);
    // A role that wasn't there before could not do it, and others could.
    assert_eq!(told(&of(&["authenticated"]), &of(&["authenticated", "worker"])), []);
    assert_eq!(new_findings(&of(&["authenticated"]), &of(&["anon", "authenticated"])), ["key".to_owned()].into());
}
