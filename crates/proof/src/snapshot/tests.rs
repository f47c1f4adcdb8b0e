use super::*;
use aal::MaxAge;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 6] = ["public.payments", "public.notes", "public.\"odd, name\"", "\"a.b\".c", "é.\"<&]]>\"", "x.y"];
pub(crate) const ROLES: [&str; 4] = ["anon", "authenticated", "clerk", "service_role"];

pub(crate) fn thresholds() -> impl Strategy<Value = Threshold> {
    let ages = prop::option::of((1_u32..200_000).prop_map(MaxAge::from_seconds));
    (select(RequiredLevel::ALL.to_vec()), ages).prop_map(|(level, max_age)| {
        let has_age = !matches!(level, RequiredLevel::None | RequiredLevel::Denied);
        Threshold { level, max_age: max_age.filter(|_| has_age) }
    })
}

pub(crate) fn cells() -> impl Strategy<Value = Cell> {
    let reasons = prop::collection::vec(select(vec!["policy a, b", "owner", "BYPASSRLS", "no privilege"]), 0..3);
    let functions = prop::collection::btree_set(select(vec!["f()", "g()"]), 0..2);
    let note = prop::option::of(select(vec!["a note", ""]));
    (thresholds(), reasons, functions, any::<bool>(), note).prop_map(|(threshold, reasons, functions, guests, note)| {
        let is_possible = !matches!(threshold.level, RequiredLevel::None | RequiredLevel::Denied);
        Cell {
            threshold,
            decided_by: reasons.into_iter().map(str::to_owned).collect(),
            applies_when: functions.into_iter().filter(|_| is_possible).map(str::to_owned).collect(),
            guests_pass: guests && is_possible,
            note: note.map(str::to_owned),
        }
    })
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(select(NAMES.to_vec()).prop_map(str::to_owned), 0..3)
}

fn records() -> impl Strategy<Value = (String, Recorded)> {
    let lints = select(crate::lint::LINTS.iter().map(|lint| (lint.name, lint.level)).collect::<Vec<_>>());
    let roles = prop::collection::btree_set(select(ROLES.to_vec()).prop_map(str::to_owned), 0..3);
    (lints, select(NAMES.to_vec()), roles, names(), names()).prop_map(
        |((lint, level), object, roles, commands, reaches)| {
            let detail = format!("something about {object}");
            let recorded =
                Recorded { lint: lint.to_owned(), level, object: object.to_owned(), detail, roles, commands, reaches };
            (format!("{lint}_{object}"), recorded)
        },
    )
}

pub(crate) fn snapshots() -> impl Strategy<Value = Snapshot> {
    let role = || select(ROLES.to_vec()).prop_map(str::to_owned);
    let name = || select(NAMES.to_vec()).prop_map(str::to_owned);
    let row = prop::array::uniform5(prop::option::of(cells()));
    let row = row.prop_filter("a row with a cell", |row| row.iter().any(Option::is_some));
    let matrix = prop::collection::btree_map(name(), prop::collection::btree_map(role(), row, 0..4), 0..4);
    let call = (cells(), names()).prop_map(|(cell, reaches)| Call { cell, reaches });
    let functions = prop::collection::btree_map(name(), prop::collection::btree_map(role(), call, 1..3), 0..3);
    let findings = prop::collection::vec(records(), 0..5);
    let roles = prop::collection::btree_set(role(), 0..4);
    (matrix, functions, findings, roles, any::<[bool; 2]>()).prop_map(
        |(matrix, functions, findings, roles, settings)| {
            let [trusts_gateway, guests_have_level] = settings;
            let settings = Settings { trusts_gateway, guests_have_level };
            let mut snapshot = Snapshot { settings, roles, matrix, functions, ..Snapshot::empty() };
            let with_cells = snapshot.matrix.values().flat_map(BTreeMap::keys).cloned();
            let with_calls = snapshot.functions.values().flat_map(BTreeMap::keys).cloned();
            let named: Vec<String> = with_cells.chain(with_calls).collect();
            snapshot.roles.extend(named);
            for (key, finding) in findings {
                snapshot.add(key, finding);
            }
            snapshot
        },
    )
}

proptest! {
    #[test]
    fn a_snapshot_is_read_back_as_it_was(snapshot in snapshots()) {
        let json = snapshot.to_json();
        prop_assert_eq!(Snapshot::from_text(&json.to_string()), Ok(snapshot.clone()));
        prop_assert_eq!(Snapshot::from_text(&serde_json::to_string_pretty(&json).unwrap()), Ok(snapshot));
    }

    #[test]
    fn the_order_of_what_it_lists_means_nothing(snapshot in snapshots()) {
        let mut json = snapshot.to_json();
        for list in ["roles", "findings"] {
            json[list].as_array_mut().unwrap().reverse();
        }
        prop_assert_eq!(Snapshot::from_text(&json.to_string()), Ok(snapshot));
    }

    #[test]
    fn any_json_is_read_or_refused(snapshot in snapshots(), cut in any::<prop::sample::Index>(), with in "[\\[\\]{}\",:0-9a-z]{0,3}") {
        let mut text = snapshot.to_json().to_string();
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &with);
        if let Err(error) = Snapshot::from_text(&text) {
            prop_assert!(error.to_string().len() < 1_000);
        }
    }
}

fn error(text: &str) -> String {
    Snapshot::from_text(text).unwrap_err().to_string()
}

#[test]
fn an_error_names_the_place_and_what_belongs_there() {
    assert_eq!(error("[]"), "the snapshot must be an object");
    assert_eq!(error("null"), "the snapshot must be an object");
    assert_eq!(error("{}"), "the snapshot must be an object with a member \"version\"");
    assert_eq!(error(r#"{"version":"1"}"#), "in the snapshot, version must be a number");
    assert_eq!(error(r#"{"version":2}"#), "the snapshot has version 2, and this pg_aal reads version 1");
    assert_eq!(error(r#"{"version":1}"#), "the snapshot must be an object with a member \"settings\"");
    let with = |matrix: &str| {
        format!(
            r#"{{"version":1,"settings":{{"claims_source":"request","anonymous_level":"none"}},"roles":[],"functions":{{}},"findings":[],"matrix":{matrix}}}"#
        )
    };
    assert_eq!(Snapshot::from_text(&with("{}")), Ok(Snapshot::empty()));
    assert_eq!(error(&with("[]")), "in the snapshot, matrix must be an object");
    assert_eq!(
        error(&with(r#"{"a.b":{"anon":{"SELECT":{"needs":"aal9","decided_by":[]}}}}"#)),
        "in the snapshot, matrix.\"a.b\".anon.SELECT.needs must be a level, such as \"aal2 within 15 minutes\""
    );
    assert_eq!(
        error(&with(r#"{"a.b":{"anon":{"MERGE":{"needs":"aal1","decided_by":[]}}}}"#)),
        "in the snapshot, matrix.\"a.b\".anon must be by commands, such as \"INSERT, UPDATE\""
    );
    assert_eq!(
        error(&with(r#"{"t":{"r":{"SELECT":{"needs":"aal1","decided_by":["a",1]}}}}"#)),
        "in the snapshot, matrix.t.r.SELECT.decided_by[1] must be a string"
    );
}

#[test]
fn no_level_has_an_age_where_none_can_be_fresh() {
    let read = |needs: &str| {
        let cell = format!(r#"{{"t":{{"r":{{"SELECT":{{"needs":"{needs}","decided_by":[]}}}}}}}}"#);
        let text = format!(
            r#"{{"version":1,"settings":{{"claims_source":"token","anonymous_level":"aal1"}},"roles":[],"functions":{{}},"findings":[],"matrix":{cell}}}"#
        );
        Snapshot::from_text(&text).is_ok()
    };
    assert!(read("aal1 within 5 minutes") && read("enrolled") && read("denied"));
    assert!(
        !read("none within 5 minutes")
            && !read("denied within 5 minutes")
            && !read("aal2 within soon")
            && !read("AAL2")
    );
}

#[test]
fn hostile_json_is_refused_in_bounded_time() {
    let deep = "[".repeat(1_000_000);
    assert!(error(&deep).contains("can't be read"));
    assert!(error("1e400").len() < 200);
    let long = format!(r#"{{"version":{}}}"#, "9".repeat(1_000_000));
    assert!(error(&long).len() < 300);
    let name = "\\u001b[31m".repeat(100_000);
    let long = format!(r#"{{"version":1,"settings":{{"claims_source":"{name}"}}}}"#);
    assert!(error(&long).len() < 300);
}
