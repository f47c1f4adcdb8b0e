use super::xml::Element;
use super::*;
use crate::diff::{Kind, What};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

fn making(docs: &str) -> Making {
    Making { docs: docs.to_owned(), made_at: "2026-11-27T17:05:00".to_owned() }
}

fn change(target: &str, fails: bool) -> Change {
    Change {
        what: What::Matrix,
        target: target.to_owned(),
        role: Some("anon".to_owned()),
        command: Some(aal::Command::Select),
        kind: if fails { Kind::Lowered } else { Kind::Raised },
        before: Some("aal2".to_owned()),
        now: Some("aal1".to_owned()),
        decided_before: vec![format!("policy {target}")],
        decided_now: Vec::new(),
        severity: None,
        fails,
        key: format!("key of {target}"),
    }
}

/// The values of all attributes `name`.
fn read(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    if attribute.key.as_ref() == "name" {
                        names.push(quick_xml::escape::unescape(&attribute.value).unwrap().into_owned());
                    }
                }
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn any_name_comes_through_xml_as_it_is_shown(name in "\\PC{0,40}|[<>&'\"\\]\\[\u{0}-\u{1f}\u{fffe}\u{ffff}\u{202e}é]{0,40}") {
        let document = Element::new("testcase").with("name", &name).document();
        prop_assert!(document.is_ascii());
        prop_assert!(!document.bytes().any(|byte| byte < 0x20 && byte != b'\n'));
        let names = read(&document);
        prop_assert_eq!(names, vec![crate::visible::visible(&name)]);
    }

    #[test]
    fn every_character_of_a_report_is_allowed_in_xml(name in any::<String>()) {
        let report = junit_of_changes(&[change(&name, true), change(&name, false)], &making("docs"));
        prop_assert!(report.is_ascii());
        for (n, _) in report.match_indices("&#") {
            let number: u32 = report[n + 2..].split(';').next().unwrap().parse().unwrap();
            prop_assert!(number >= 0x80 && !(0xfffe..=0xffff).contains(&number), "{}", number);
        }
        read(&report);
    }

    #[test]
    fn a_message_of_sarif_has_no_link(name in "[\\[\\]\\\\()a-z:/]{0,30}") {
        let log = sarif_of_changes(&[change(&name, true)], &making("docs"));
        let text = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            prop_assert!(!matches!(character, '[' | ']'));
            if character == '\\' {
                characters.next();
            }
        }
    }
}

#[test]
fn what_takes_protection_away_fails_and_the_rest_passes() {
    let report = junit_of_changes(&[change("a.b", true), change("c.d", false)], &making("docs"));
    assert!(report.contains(r#"<testsuite name="auth.aal_diff" tests="2" failures="1""#), "{report}");
    assert_eq!(report.matches("<failure").count(), 1);
    let report = junit_of_changes(&[], &making("docs"));
    assert!(report.contains(r#"tests="1" failures="0""#) && report.contains("nothing takes protection away"));
    let log = sarif_of_changes(&[change("a.b", true), change("c.d", false)], &making("docs"));
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 1);
}

#[test]
fn a_place_is_a_uri_that_is_always_the_same() {
    let log = sarif_of_changes(&[change("public.\"a/../b é\"", true)], &making("docs"));
    let place = &log["runs"][0]["results"][0]["locations"][0];
    let uri = "database/public.%22a%2F..%2Fb%20%C3%A9%22";
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], uri);
    assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "public.\"a/../b é\"");
}

#[test]
fn only_an_address_on_the_web_is_a_link() {
    let rule = |docs: &str| sarif_of_changes(&[], &making(docs))["runs"][0]["tool"]["driver"]["rules"][3].clone();
    assert_eq!(
        rule("https://example.com/docs")["helpUri"],
        "https://example.com/docs/lints/0001_permissive_aal_policy.md"
    );
    for docs in ["docs", "javascript:alert(1)", "https://example.com/a b"] {
        assert!(rule(docs).get("helpUri").is_none(), "{docs}");
    }
}
