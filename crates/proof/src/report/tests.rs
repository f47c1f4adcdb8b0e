use std::collections::{HashMap, HashSet};

use super::findings::is_link;
use super::patterns::{Explanation, Needs, Pattern};
use super::*;
use crate::lint::{Found, FunctionNeed, Lint, Severity, Subject};
use crate::matrix::Cells;
use crate::visible::visible;
use crate::{
    ByCitus, ByRole, ByTable, Bypass, Decision, Function, FunctionId, FunctionKind, ListIndex, RequiredLevel, Role,
    RoleId, Table, TableId, Threshold, View, ViewKind,
};
use crate::{Need, TableIndex};
use aal::MaxAge;
use proptest::prelude::*;

const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "'; drop table t; --",
    "{{ 7*7 }}{% raw %}{# #}",
    "</style></title></code><base href=//x>",
    "-->]]><!--",
    "&lt;b&gt;&#60;",
    "a  b",
    "\u{e9}\u{4e2d}\u{1f600}\u{5d0}",
];

/// Everything that a page is made from.
struct Fixture {
    database: Database,
    catalog: Catalog,
    needs: ByTable<Cells>,
    findings: Vec<Finding>,
    functions: Vec<FunctionNeed>,
}

impl Fixture {
    fn new(tables: &[String], roles: &[String]) -> Fixture {
        let catalog = Catalog {
            tables: tables.iter().enumerate().map(|(n, name)| table(n, name)).collect(),
            roles: roles.iter().enumerate().map(|(n, name)| role(n, name)).collect(),
            ..Catalog::default()
        };
        let denied = || Command::ALL.map(|_| Need::new(RequiredLevel::Denied, Decision::NoPrivilege));
        let needs = tables.iter().map(|_| roles.iter().map(|_| denied()).collect()).collect();
        let database = Database {
            name: String::new(),
            made_at: "2026-11-22 18:03:11+00".to_owned(),
            server_version: "15.18".to_owned(),
            claims_source: ClaimsSource::Request,
            docs: "docs".to_owned(),
        };
        Fixture { database, catalog, needs, findings: Vec::new(), functions: Vec::new() }
    }

    fn render(&self) -> String {
        self.with_data(|data| render(&self.database, data.catalog, data.matrix, data.findings, data.functions))
    }

    fn with_data<T>(&self, ask: impl FnOnce(&Data<'_>) -> T) -> T {
        let matrix = Matrix::with_needs(&self.catalog, self.needs.clone());
        ask(&Data { catalog: &self.catalog, matrix: &matrix, findings: &self.findings, functions: &self.functions })
    }

    /// Every cell with its table and role.
    fn cells(&self) -> impl Iterator<Item = (&Table, &Role, Command, &Need)> {
        self.catalog.tables.indexed().flat_map(move |(t, table)| {
            self.catalog.roles.indexed().flat_map(move |(r, role)| {
                let needs = Command::ALL.into_iter().zip(&self.needs[t][r]);
                needs.map(move |(command, need)| (table, role, command, need))
            })
        })
    }

    fn cells_mut(&mut self) -> impl Iterator<Item = (Command, &mut Need)> {
        self.needs.iter_mut().flat_map(|roles| roles.iter_mut().flat_map(|needs| Command::ALL.into_iter().zip(needs)))
    }
}

fn table(n: usize, name: &str) -> Table {
    Table {
        id: TableId::new(16_384 + u32::try_from(n).unwrap()).unwrap(),
        schema: String::new(),
        name: String::new(),
        display_name: name.to_owned(),
        owner: RoleId::new(10).unwrap(),
        row_security: true,
        takes_unchecked_rows: false,
        policies: Vec::new(),
        guards: Vec::new(),
        reached_by_oid: false,
        ruled: Vec::new(),
        standings: ByRole::default(),
        parents: Vec::new(),
        publications: Vec::new(),
        held_by_citus: false,
        takes_copied_rows: false,
    }
}

fn role(n: usize, name: &str) -> Role {
    let id = RoleId::new(16_384 + u32::try_from(n).unwrap()).unwrap();
    Role {
        id,
        name: name.to_owned(),
        can_come: true,
        is_api: false,
        may_change_enrollment: false,
        by_citus: ByCitus::default(),
        readable: HashSet::new(),
    }
}

/// A lint that lives as long as the tests.
fn lint(name: &str, level: Severity, remediation: &str, change: impl Fn(&str) -> String) -> &'static Lint {
    let text = |text: &str| -> &'static str { Box::leak(change(text).into_boxed_str()) };
    Box::leak(Box::new(Lint {
        name: text(name),
        title: text(&format!("title of {name}")),
        level,
        category: "SECURITY",
        description: text(&format!("description of {name}")),
        remediation: text(remediation),
        findings: |_| Vec::new(),
    }))
}

fn found(subject: Subject, detail: String) -> Found {
    Found {
        subject,
        detail,
        policy: None,
        roles: Vec::new(),
        commands: Vec::new(),
        key: None,
        reaches: Vec::new(),
        level: None,
        fix: None,
    }
}

/// A page that takes every branch of the template, with `change` applied to every text that can be anything.
fn full_with(change: impl Fn(&str) -> String) -> Fixture {
    let plain: Vec<String> = ["public.payments", "public.notes", "public.\"odd\""].map(str::to_owned).into();
    // More than are shown at once, with all the same.
    let plain: Vec<String> = plain.into_iter().chain((0..20).map(|n| format!("many.t{n}"))).collect();
    let roles = ["anon", "authenticated", "clerk", "owner"];
    let names: Vec<String> = plain.iter().map(|name| change(name)).collect();
    let mut fixture = Fixture::new(&names, &roles.map(&change));
    for name in [&mut fixture.database.name, &mut fixture.database.made_at, &mut fixture.database.server_version] {
        *name = change(name);
    }
    let need = |table: &str, role: &str, level: RequiredLevel| Need {
        threshold: Threshold { level, max_age: (level == RequiredLevel::Aal2).then(|| MaxAge::from_seconds(15 * 60)) },
        decided_by: vec![
            Decision::Policy(change(&format!("{role} of {table}"))),
            Decision::Guard(change("guard")),
            Decision::AlsoReachedThrough(change(table)),
        ],
        note: (level == RequiredLevel::None).then(|| change(&format!("note on {table} for {role}"))),
        applies_when: (level == RequiredLevel::Aal3).then(|| change("private.is_admin()")).into_iter().collect(),
        guests_pass: false,
        live_only: false,
    };
    for ((n, cells), table) in fixture.needs.iter_mut().enumerate().zip(&plain) {
        for ((m, cells), role) in cells.iter_mut().enumerate().zip(roles) {
            for (l, cell) in cells.iter_mut().enumerate() {
                *cell = match (n, m) {
                    // A role that bypasses row security.
                    (0..2, 3) => Need {
                        decided_by: vec![
                            Decision::ReachedThrough(change("public.parent")),
                            Decision::Bypass(Bypass::Owner),
                        ],
                        ..need(table, role, RequiredLevel::None)
                    },
                    (0..3, 0..3) => need(table, role, RequiredLevel::ALL[(n * m + l) % RequiredLevel::ALL.len()]),
                    _ => need(table, role, RequiredLevel::Denied),
                };
            }
        }
    }
    let function = fixture.catalog.functions.push(Function {
        id: FunctionId::new(1).unwrap(),
        kind: FunctionKind::Plain,
        schema: "public".to_owned(),
        name: "payments".to_owned(),
        display_name: "public.payments()".to_owned(),
        owner: RoleId::new(10).unwrap(),
        security_definer: true,
        immutable: false,
        volatile: true,
        sets_claims: false,
        sets_role: None,
        has_search_path: false,
        is_analyzed: false,
        returns_boolean: false,
        is_pre_request: false,
        language: "sql".to_owned(),
        body: String::new(),
        is_read: true,
        called_by_defaults: Vec::new(),
        reaches: Vec::new(),
        commands: Vec::new(),
        open_to: Vec::new(),
        behind_expressions_for: Vec::new(),
        is_called_by_policies_only: false,
        gate: crate::FunctionGate::open(),
    });
    let view = fixture.catalog.views.push(View {
        id: TableId::new(20_000).unwrap(),
        schema: "public".to_owned(),
        name: "payments_view".to_owned(),
        display_name: "public.payments_view".to_owned(),
        kind: ViewKind::OwnerRights,
        owner: RoleId::new(10).unwrap(),
        reads: Vec::new(),
        asks_for_level: false,
        condition: None,
        is_steady: false,
        checks_new_rows: false,
        inserted_by: Vec::new(),
        is_barrier: false,
        read_by: Vec::new(),
        written_by: Vec::new(),
        owner_as_user: None,
    });
    let tables: Vec<TableIndex> = fixture.catalog.tables.indexes().collect();
    for (n, role) in fixture.catalog.roles.indexes().enumerate() {
        fixture.functions.push(FunctionNeed {
            function,
            role,
            threshold: Threshold {
                level: RequiredLevel::ALL[n % 4],
                max_age: (n == 1).then(|| MaxAge::from_seconds(60)),
            },
            reaches: [(tables[0], vec![Command::Update])].into(),
            may_reach_all: n == 2,
            decided_by: vec![change("a gate")],
            note: Some(change("a note on a function")),
        });
    }
    let mut add = |lint: &'static Lint, subject: Subject, detail: String| {
        fixture.findings.push(Finding { lint, found: found(subject, detail) });
    };
    let lint = |name: &str, level, remediation: &str| lint(name, level, remediation, &change);
    let of_function = lint("0002_b", Severity::Info, "Do this.");
    add(of_function, Subject::Function(function), change("detail of 0002_b"));
    let of_table = lint("0001_a", Severity::Error, "https://example.org/a?b=c&d=e#f");
    add(of_table, Subject::Table(tables[0]), change("detail of 0001_a"));
    let of_view = lint("0003_c", Severity::Warn, "javascript:alert(1)");
    add(of_view, Subject::View(view), change("detail of 0003_c"));
    let of_many = lint("0004_d", Severity::Warn, "Do that.");
    for (n, table) in tables.iter().skip(3).enumerate() {
        add(of_many, Subject::Table(*table), change(&format!("detail of 0004_d at many.t{n}")));
    }
    fixture
}

fn full() -> Fixture {
    full_with(str::to_owned)
}

/// A page about two tables and the one role that bypasses row security there.
fn bypassed() -> Fixture {
    let tables = ["public.payments", "public.notes"].map(str::to_owned);
    let mut fixture = Fixture::new(&tables, &["owner".to_owned()]);
    for (_, need) in fixture.cells_mut() {
        *need = Need::new(RequiredLevel::None, Decision::Bypass(Bypass::Owner));
        need.note = Some("a note".to_owned());
    }
    fixture
}

fn empty() -> Fixture {
    Fixture::new(&[], &[])
}

/// The names of a pattern's tables.
fn names<'a>(pattern: &Pattern<'a>) -> Vec<&'a str> {
    pattern.tables.iter().map(|table| table.name).collect()
}

/// The page without its texts: its tags, with their attributes.
fn tags(page: &str) -> Vec<&str> {
    let (_, body) = page.split_once("</style>").unwrap();
    body.split('<').skip(1).map(|tag| tag.split_once('>').unwrap().0).collect()
}

/// The page's texts, as a browser reads them.
fn text(page: &str) -> String {
    let (_, body) = page.split_once("</style>").unwrap();
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        text.push_str(part.split_once('>').unwrap().1);
    }
    let mut read = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('&') {
        read.push_str(before);
        let (entity, after) = after.split_once(';').unwrap();
        read.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "hellip" => '\u{2026}',
            _ => match entity.strip_prefix("#x") {
                Some(code) => char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap(),
                None => char::from_u32(entity.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
            },
        });
        rest = after;
    }
    read + rest
}

#[test]
fn a_hostile_name_is_text() {
    let plain = full_with(|text| format!("x{text}")).render();
    for hostile in HOSTILE {
        let page = full_with(|text| format!("x{text}{hostile}")).render();
        assert_eq!(tags(&page), tags(&plain), "{hostile}");
        assert!(text(&page).contains(hostile), "{hostile}");
    }
}

#[test]
fn what_cannot_be_seen_is_spelled_out() {
    for hidden in [
        '\u{1}',
        '\n',
        '\r',
        '\t',
        '\u{7f}',
        '\u{85}',
        '\u{a0}',
        '\u{ad}',
        '\u{200b}',
        '\u{202e}',
        '\u{2028}',
        '\u{2066}',
        '\u{feff}',
        '\u{e0041}',
    ] {
        assert_eq!(visible(&format!("a{hidden}b c")), format!("a<U+{:04X}>b c", u32::from(hidden)));
        let page = full_with(|text| format!("{text}{hidden}")).render();
        assert!(text(&page).contains(&format!("public.payments<U+{:04X}>", u32::from(hidden))));
        assert!(hidden == '\n' || !page.contains(hidden));
    }
}

#[test]
fn every_cell_is_there() {
    let fixture = full();
    let text = text(&fixture.render());
    for (table, role, _, need) in fixture.cells() {
        assert!(text.contains(&table.display_name) && text.contains(&role.name), "{need:?}");
        assert!(need.reasons().iter().chain(&need.note).all(|why| text.contains(why)), "{need:?}");
    }
    // And the page says the same of each as the matrix does.
    fixture.with_data(|data| {
        let by_lint = findings(data, "docs");
        let marks = marks(&by_lint);
        let patterns = patterns(data, &marks);
        for (table, role, command, need) in fixture.cells() {
            let (table, role) = (table.display_name.as_str(), role.name.as_str());
            let of_table: Vec<_> = patterns.iter().filter(|pattern| names(pattern).contains(&table)).collect();
            let [pattern] = of_table[..] else { panic!("{need:?}") };
            let of_role: Vec<_> = pattern.lines.iter().filter(|line| line.roles.contains(&role)).collect();
            let [line] = of_role[..] else { panic!("{need:?}") };
            let max_age = need.threshold.max_age.map(MaxAge::in_words);
            // Below its reasons, the level of a role that bypasses row security.
            let required = match &line.needs {
                Needs::Each { cells } => {
                    assert_eq!(cells[command.index()].max_age, max_age);
                    Some(cells[command.index()].required)
                }
                Needs::Bypassed { .. } => None,
            };
            assert!(required.is_none_or(|required| required == need.level().as_str()));
            let of_table = |explanation: &&Explanation| explanation.tables.contains(&table);
            let why = pattern.explanations.iter().filter(of_table).flat_map(|explanation| &explanation.reasons);
            let mut why =
                why.filter(|reason| reason.roles.contains(&role) && reason.commands.contains(&command.as_str()));
            let reason = why.next().unwrap();
            assert_eq!((&reason.decided_by, reason.note), (&need.reasons(), need.note.as_deref()));
            assert_eq!(reason.required.xor(required), Some(need.level().as_str()));
            assert!(why.next().is_none());
        }
    });
}

#[test]
fn every_finding_is_there_the_worst_first() {
    let fixture = full();
    let text = text(&fixture.render());
    for Finding { lint, found } in &fixture.findings {
        let level = lint.level.as_str();
        for part in [lint.name, lint.title, level, lint.description, lint.remediation, &found.detail] {
            assert!(text.contains(part), "{part}");
        }
        if let Some(table) = found.subject.table() {
            assert!(text.contains(&format!("{} {}", fixture.catalog.tables[table].display_name, found.detail)));
        }
    }
    let places = ["0001_a", "0003_c", "0004_d", "0002_b"].map(|name| text.find(name).unwrap());
    assert!(places.is_sorted());
    assert!(text.contains("1 ERROR 21 WARN 1 INFO"));
}

#[test]
fn a_finding_about_a_function_or_a_view_links_to_no_table() {
    let fixture = full();
    let page = fixture.render();
    for (detail, is_linked) in [("0001_a", true), ("0002_b", false), ("0003_c", false)] {
        let (before, _) = page.split_once(&format!("detail of {detail}<")).unwrap();
        let (_, item) = before.rsplit_once("<li id=").unwrap();
        assert_eq!(item.contains("<a href=\"#t0\"><code>public.payments</code></a>"), is_linked, "{item}");
        assert_eq!(item.contains("<code>"), is_linked, "{item}");
    }
}

#[test]
fn a_table_is_marked_with_its_findings_and_linked_with_them_both_ways() {
    let mut fixture = full();
    let (first, second) = (fixture.findings[0].lint, fixture.findings[1].lint);
    for (lint, detail) in [(first, "info"), (second, "a second error"), (second, "a third error")] {
        let table = fixture.catalog.tables.indexes().next().unwrap();
        fixture.findings.push(Finding { lint, found: found(Subject::Table(table), detail.to_owned()) });
    }
    let page = fixture.render();
    let (_, tables) = page.split_once("id=\"tables\"").unwrap();
    // The worst first, and each leads to the first place of its lint that is about this table.
    let marks = "<code id=\"t0\">public.payments</code> \
        <a class=\"tag mark ERROR\" href=\"#f0-0\">ERROR 0001 (3)</a> \
        <a class=\"tag mark INFO\" href=\"#f3-1\">INFO 0002</a></th>";
    assert!(tables.contains(marks), "{tables}");
    for place in ["f0-0", "f3-1"] {
        let (_, item) = page.split_once(&format!("<li id=\"{place}\">")).unwrap();
        assert!(item.starts_with("<a href=\"#t0\"><code>public.payments</code></a>"), "{item}");
    }
    // A finding about a function or a view marks no table, and a table without findings has no mark.
    assert!(!tables.contains("0003") && tables.contains("<code>public.notes</code></th>"));
}

#[test]
fn a_table_is_marked_where_a_view_or_a_function_reaches_it() {
    let mut fixture = full();
    let tables: Vec<TableIndex> = fixture.catalog.tables.indexes().take(2).collect();
    let of_view = fixture.findings.iter_mut().find(|finding| finding.lint.name == "0003_c").unwrap();
    of_view.found.reaches = tables;
    let page = fixture.render();
    for (n, name) in [(0, "payments"), (1, "notes")] {
        let mark = "<a class=\"tag mark WARN\" href=\"#f1-0\">WARN 0003</a>";
        let (_, after) = page.split_once(&format!("<code id=\"t{n}\">public.{name}</code>")).unwrap();
        assert!(after.split_once("</th>").unwrap().0.contains(mark), "{after}");
    }
    let (_, place) = page.split_once("<li id=\"f1-0\">").unwrap();
    let (before, reached) = place.split_once("</li>").unwrap().0.split_once("</span>").unwrap();
    // What it is about isn't a table, so nothing before its text is a link.
    assert!(!before.contains("<a"));
    assert!(reached.contains("<a href=\"#t0\"><code>public.payments</code></a>, <a href=\"#t1\">"), "{reached}");
}

#[test]
fn what_a_heading_counts_is_listed_below_it() {
    let text = text(&full().render());
    for counted in
        ["Findings 23", "Table by table 23 tables, 4 roles", "1 ERROR title of 0001_a", "20 WARN title of 0004_d"]
    {
        assert!(text.contains(counted), "{counted}");
    }
}

#[test]
fn roles_that_bypass_row_security_are_counted_together() {
    let roles = ["anon", "authenticated", "postgres", "service_role", "backup"].map(str::to_owned);
    let mut fixture = Fixture::new(&["public.payments".to_owned()], &roles);
    for role in fixture.catalog.roles.indexes().skip(2) {
        for (command, need) in Command::ALL.into_iter().zip(&mut fixture.needs[TableIndex::from_usize(0)][role]) {
            if role.to_usize() < 4 || command == Command::Select {
                *need = Need::new(RequiredLevel::None, Decision::Bypass(Bypass::BypassRls));
            }
        }
    }
    let text = text(&fixture.render());
    let folded =
        "3 roles bypass row security: postgres, service_role, backupnone bypass, as far as commands are granted";
    assert!(text.contains(folded), "{text}");
    assert_eq!(text.matches("bypass row security:").count(), 1);
    let summed = "3 roles bypass row security, and therefore every level, on some tables:\npostgres (1), service_role (1), backup (1)";
    assert!(text.contains(summed));
    // Nothing can be said of them by level.
    assert!(!fixture.render().contains("<table class=\"counts\">"));
}

#[test]
fn it_says_what_it_cannot_see() {
    for page in [full(), empty()] {
        let text = text(&page.render());
        assert!(text.contains("What this page can't see"));
    }
}

#[test]
fn the_lowest_comes_first_and_the_same_together() {
    let fixture = full();
    fixture.with_data(|data| {
        let no_marks = HashMap::new();
        let patterns = patterns(data, &no_marks);
        let tables: Vec<_> = patterns.iter().map(|pattern| pattern.tables.len()).collect();
        assert_eq!(tables.iter().sum::<usize>(), 23);
        assert_eq!(tables.last(), Some(&20));
        assert_eq!(names(&patterns[0]), ["public.\"odd\""]);
        assert_eq!(names(&patterns[1]), ["public.notes"]);
        assert_eq!(names(&patterns[2]), ["public.payments"]);
        let roles: Vec<_> = patterns[2].lines.iter().map(|line| &line.roles[..]).collect();
        assert_eq!(roles, [&["anon", "authenticated", "clerk"][..], &["owner"]]);
    });
}

#[test]
fn the_numbers_are_right() {
    let fixture = full();
    fixture.with_data(|data| {
        let summary = summary(data);
        assert_eq!((summary.tables, summary.roles, summary.findings), (23, 4, 23));
        let open = [&summary.reads, &summary.writes].map(|open| (open.below_aal2, open.without_level));
        assert_eq!(open, [(3, 3), (3, 2)]);
        let openings: Vec<_> = summary.openings.iter().map(|it| (it.role, it.reads, it.writes)).collect();
        let expected =
            [("anon", [3, 0, 0], [0, 3, 0]), ("authenticated", [1, 1, 1], [1, 1, 1]), ("clerk", [1, 0, 1], [2, 1, 0])];
        assert_eq!(openings, expected);
        let bypassing: Vec<_> = summary.bypassing.iter().map(|it| (it.role, it.tables)).collect();
        assert_eq!(bypassing, [("owner", 2)]);
    });
}

#[test]
fn a_function_is_shown_with_what_it_needs_and_reaches() {
    let text = text(&full().render());
    assert!(text.contains("public.payments() for "), "{text}");
    assert!(text.contains(": UPDATE") && text.contains("any table that its role can reach"), "{text}");
    assert!(text.contains("a gate") && text.contains("a note on a function"), "{text}");
}

#[test]
fn an_empty_report_says_so() {
    let text = text(&empty().render());
    assert!(text.contains("There are no tables to report on.") && text.contains("No findings."));
    assert!(text.contains("0 tables") && !text.contains("No table can be"));
}

#[test]
fn where_nothing_is_written_below_aal2_it_says_so() {
    let mut fixture = full();
    for (_, need) in fixture.cells_mut().filter(|(command, _)| command.writes()) {
        *need = Need::new(RequiredLevel::Denied, Decision::NoPrivilege);
    }
    assert!(text(&fixture.render()).contains("No table can be written below aal2 by a role that row security binds."));
}

#[test]
fn a_level_that_only_some_sessions_need_is_not_told_of_all() {
    let mut fixture = full();
    for (_, need) in fixture.cells_mut() {
        *need = Need::new(RequiredLevel::Aal2, Decision::Policy("aal_read".to_owned()));
    }
    let page = text(&fixture.render());
    assert!(page.contains("No table can be read below aal2 by a role that row security binds."));
    assert!(!page.contains("some sessions"));
    let [mut seen, mut written] = [0, 0];
    for (command, need) in fixture.cells_mut() {
        // Of the first table's first role alone, and of the second's reads.
        let cell = seen;
        seen += 1;
        if cell < 5 || (cell < 25 && command == Command::Select) {
            need.applies_when.insert("private.is_admin()".to_owned());
            written += usize::from(command.writes());
        }
    }
    assert_eq!(written, 4);
    let page = text(&fixture.render());
    assert!(page.contains("2 tables need their levels only in some sessions (applies_when)."), "{page}");
    assert!(page.contains("can be read below aal2, 0 of them without any level; 2 more in some sessions"));
    assert!(page.contains("can be written below aal2, 0 of them without any level; 1 more in some sessions"));
    for verb in ["read", "written"] {
        let all =
            format!("No table can be {verb} below aal2 by a role that row security binds, except in some sessions.");
        assert!(page.contains(&all));
    }
    // One that needs less of everybody isn't counted twice, and one that is bypassed not at all.
    for (_, need) in fixture.cells_mut() {
        need.threshold.level = RequiredLevel::Aal1;
    }
    let page = text(&fixture.render());
    assert!(
        page.contains("2 tables need their levels only in some sessions") && !page.contains("more in some sessions")
    );
    for (_, need) in fixture.cells_mut() {
        need.decided_by = vec![Decision::Bypass(Bypass::Owner)];
    }
    assert!(!text(&fixture.render()).contains("need their levels"));
}

#[test]
fn a_role_that_bypasses_row_security_is_not_held_against_a_table() {
    let mut fixture = bypassed();
    let page = fixture.render();
    assert!(text(&page).contains("No table can be written below aal2 by a role that row security binds."));
    assert!(
        page.contains("<td role=\"cell\" class=\"bypass\" colspan=\"5\"><b>none</b> bypass<small>see note</small>")
    );
    assert!(!page.contains("<td role=\"cell\" class=\"none\">"));
    // For one command only.
    for (_, need) in fixture.cells_mut().filter(|(command, _)| *command == Command::Truncate) {
        *need = Need::new(RequiredLevel::Denied, Decision::NoPrivilege);
    }
    let page = fixture.render();
    assert!(page.contains("<b>none</b> bypass, as far as commands are granted<small>see note</small>"));
    assert!(page.contains(
        "<span>TRUNCATE by <code>owner</code>:</span>\n<ul class=\"by\"><li class=\"text\"><b>denied</b></li>"
    ));
    assert!(page.contains("<li class=\"text\"><b>none</b></li><li class=\"text\">owner</li>"));
    // One command needs a level nevertheless: then each cell says it.
    for (_, need) in fixture.cells_mut().filter(|(command, _)| *command == Command::Truncate) {
        *need = Need::new(RequiredLevel::Aal2, Decision::Guard("guard".to_owned()));
    }
    let page = fixture.render();
    assert!(page.contains("<td role=\"cell\" class=\"bypass\"><b>none</b><small>bypass</small>"));
    assert!(page.contains("<td role=\"cell\" class=\"aal2\"><b>aal2</b>"));
    // A policy of that name does not bypass.
    for (_, need) in fixture.cells_mut() {
        need.decided_by = vec![Decision::Policy("owner".to_owned())];
    }
    assert_eq!(fixture.with_data(|data| summary(data).writes.below_aal2), 2);
}

#[test]
fn an_unknown_level_is_no_level() {
    for level in RequiredLevel::ALL {
        assert_eq!(level.as_str().parse(), Ok(level));
    }
    assert!("aal9".parse::<RequiredLevel>().is_err());
}

#[test]
fn it_asks_for_nothing_and_runs_nothing() {
    for hostile in HOSTILE {
        let page = full_with(|text| format!("{text}{hostile}")).render();
        let (head, _) = page.split_once("</style>").unwrap();
        let (_, style) = head.split_once("<style>").unwrap();
        for word in ["url", "@import", "@font-face", "image", "http", "//"] {
            assert!(!style.contains(word), "{word}");
        }
        assert!(head.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"));
        for tag in tags(&page) {
            let name = tag.split(' ').next().unwrap();
            let is_asking =
                ["script", "img", "link", "iframe", "object", "embed", "form", "base", "meta", "style", "svg"];
            assert!(!is_asking.contains(&name), "{tag}");
            for attribute in [" src", " on", " style", " background", " ping", " srcset"] {
                assert!(!tag.contains(attribute), "{tag}");
            }
            if let Some((_, href)) = tag.split_once("href=\"") {
                assert!(name == "a" && (href.starts_with('#') || href.starts_with("https:&#x2f;&#x2f;")), "{tag}");
            }
        }
    }
}

#[test]
fn only_addresses_become_links() {
    assert!(is_link("https://example.org/a?b=c#d"));
    for text in [
        "",
        "http://example.org",
        "javascript:alert(1)",
        "See https://example.org",
        "https://example.org and more",
        "//example.org",
    ] {
        assert!(!is_link(text), "{text}");
    }
    let mut fixture = full();
    fixture.database.docs = "https://example.org/docs".to_owned();
    let page = fixture.render();
    assert!(page.contains("<a href=\"https:&#x2f;&#x2f;example.org&#x2f;docs&#x2f;lints&#x2f;0001_a.md\""));
    for docs in ["docs", "javascript:alert(1)//", "https://example.org/a b"] {
        fixture.database.docs = docs.to_owned();
        let page = fixture.render();
        assert!(!page.contains("href=\"https") && !page.contains("href=\"javascript") && !page.contains("href=\"docs"));
    }
}

#[test]
fn the_same_report_makes_the_same_page() {
    assert_eq!(full().render(), full().render());
}

#[test]
fn a_thousand_tables_and_ten_roles_stay_a_page() {
    let tables: Vec<String> = (0..1000).map(|n| format!("some_schema.some_table_{n}")).collect();
    let roles: Vec<String> = (0..10).map(|n| format!("some_role_{n}")).collect();
    let mut fixture = Fixture::new(&tables, &roles);
    for (table, cells) in fixture.needs.iter_mut().enumerate() {
        for (role, cells) in cells.iter_mut().enumerate() {
            for (n, cell) in cells.iter_mut().enumerate() {
                // Every table has policies of its own, and every third role stands apart.
                let level = RequiredLevel::ALL[(table % 7 + role % 3 + n) % RequiredLevel::ALL.len()];
                *cell = Need::new(level, Decision::Policy(format!("some_table_{table}_policy_of_{}", role % 3)));
            }
        }
    }
    let page = fixture.render();
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    assert!(page.contains("some_table_999"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_inert_visible_and_ascii(noise in any::<String>()) {
        let page = full_with(|text| format!("x{text}{noise}")).render();
        let plain = full_with(|text| format!("x{text}")).render();
        prop_assert!(page.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(tags(&page), tags(&plain));
        prop_assert!(text(&page).contains(&visible(&noise)));
    }
}
