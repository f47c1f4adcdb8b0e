use super::*;

#[test]
fn every_lint_has_its_page_and_its_test() {
    let repo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    for lint in LINTS {
        for file in [format!("docs/lints/{}.md", lint.name), format!("tests/pg_regress/sql/lint_{}.sql", lint.name)] {
            assert!(std::path::Path::new(&format!("{repo}{file}")).exists(), "{file} is missing");
        }
        assert!(std::path::Path::new(&format!("{repo}docs/{}", lint.page())).exists(), "{}", lint.page());
        assert!(!lint.remediation.contains("docs/"), "{}: its page is linked, not named", lint.name);
    }
}

#[test]
fn lints_are_numbered_in_order() {
    let numbers: Vec<usize> = LINTS.iter().map(|lint| lint.name[..4].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=LINTS.len()).collect::<Vec<_>>());
}
