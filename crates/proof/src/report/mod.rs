//! `auth.aal_report()`: what every table requires of whom, why, and what to mend, as one HTML page.
//!
//! The page is complete in itself: it asks for nothing from anywhere and runs no script. Whatever a name holds, it is
//! text there; what wouldn't be seen in it is spelled out. The page is ASCII, so it survives any client encoding.
//!
//! What is equal is shown once: roles for which a table requires the same, and tables that require the same of all.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, UndefinedBehavior, context, escape_formatter};
use serde::Serialize;

use crate::Bypass;

/// What the page tells.
#[derive(Clone, Debug)]
pub struct Report {
    /// The database's name.
    pub database: String,
    /// When this was so.
    pub made_at: String,
    /// The setting `server_version`.
    pub server_version: String,
    /// The setting `pg_aal.claims_source`.
    pub claims_source: String,
    /// What is required: one row for each table, role and command, in the order to show.
    pub rows: Vec<Row>,
    /// What to mend.
    pub findings: Vec<Finding>,
}

/// What a table requires of a role for one command.
#[derive(Clone, Debug)]
pub struct Row {
    /// The table's name as SQL has it, such as `public."a""b"`.
    pub table: String,
    /// The role's name.
    pub role: String,
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE` or `TRUNCATE`.
    pub command: String,
    /// One of [`LEVELS`].
    pub required: String,
    /// How old the factor may be, such as `15 minutes`.
    pub max_age: Option<String>,
    /// What decided it: privileges, flags, policies. Ends with a [`Bypass`] where row security doesn't bind the role.
    pub decided_by: Vec<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

impl Row {
    /// Whether the role goes past row security: then nothing is required, and nothing could be.
    fn bypasses(&self) -> bool {
        let names = [Bypass::Superuser, Bypass::BypassRls, Bypass::Owner].map(Bypass::as_str);
        self.decided_by.last().is_some_and(|decision| names.contains(&decision.as_str()))
    }

    /// Whether rows can be changed by this below aal2, though row security binds the role.
    fn is_open_write(&self) -> bool {
        is_write(&self.command) && rank(&self.required) < BELOW_AAL2 && !self.bypasses()
    }
}

/// What a lint found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The lint, such as `0007_open_without_claims`.
    pub name: String,
    /// What it looks for, in a few words.
    pub title: String,
    /// One of [`SEVERITIES`].
    pub level: String,
    /// Why that matters.
    pub description: String,
    /// What is there.
    pub detail: String,
    /// What to do: a link or a text.
    pub remediation: String,
    /// The table that it is about, named as in [`Row::table`].
    pub table: Option<String>,
}

/// What can be required, the weakest first.
pub const LEVELS: [&str; 6] = ["none", "aal1", "enrolled", "aal2", "aal3", "denied"];

/// How bad a finding can be, the worst first.
pub const SEVERITIES: [&str; 3] = ["ERROR", "WARN", "INFO"];

/// How many of [`LEVELS`] are below aal2.
const BELOW_AAL2: usize = 3;

const COMMANDS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"];

/// The page.
pub fn render(report: &Report) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Lines that hold only a tag of the template leave nothing behind.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("minijinja's own delimiters are valid"));
    // Every text of the page passes here. That it doesn't depend on how a template is named, or on what it says is safe,
    // is the point.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) => out.write_str(&escaped(text)).map_err(Into::into),
        None => escape_formatter(out, state, value),
    });
    let patterns = patterns(report);
    let values = context! {
        database => &report.database,
        made_at => &report.made_at,
        server_version => &report.server_version,
        claims_source => &report.claims_source,
        commands => Serde(COMMANDS),
        summary => Serde(summary(report)),
        findings => Serde(findings(report, &patterns)),
        patterns => Serde(&patterns),
    };
    // The template is part of the program and the tests render every branch of it.
    environment.render_named_str("report.html", include_str!("report.html"), values).expect("report.html renders")
}

/// A text as HTML: inert, visible and in ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in HtmlEscape(&visible(text)).to_string().chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(character));
        }
    }
    escaped
}

/// A text whose every character can be seen: one that has no shape of its own, or changes the order of others, or passes
/// for a space, is spelled out, as `<U+202E>`.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if is_visible(character) {
            visible.push(character);
        } else {
            let _ = write!(visible, "<U+{:04X}>", u32::from(character));
        }
    }
    visible
}

/// Whether it has a shape of its own: neither control nor separator, nor one of Unicode's Default_Ignorable_Code_Point.
fn is_visible(character: char) -> bool {
    let hidden = character.is_control()
        || character.is_whitespace()
        || matches!(
            u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        );
    character == ' ' || !hidden
}

/// The tables that require the same of every role.
#[derive(Serialize)]
struct Pattern<'a> {
    tables: Vec<&'a str>,
    lines: Vec<Line<'a>>,
    explanations: Vec<Explanation<'a>>,
}

impl Pattern<'_> {
    /// The lowest level of these commands, for each role that row security binds, the weakest first.
    fn lowest(&self, counts: impl Fn(&str) -> bool) -> Vec<usize> {
        let of = |line: &Line| {
            let cells = COMMANDS.iter().zip(&line.cells).filter(|(command, _)| counts(command));
            cells
                .filter_map(|(_, cell)| cell.as_ref())
                .filter(|cell| !cell.bypasses)
                .map(|cell| rank(cell.required))
                .min()
                .unwrap_or(LEVELS.len())
        };
        let mut lowest: Vec<usize> =
            self.lines.iter().flat_map(|line| line.roles.iter().map(move |_| of(line))).collect();
        lowest.sort_unstable();
        lowest
    }
}

/// What each command requires, and of which roles.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
struct Line<'a> {
    roles: Vec<&'a str>,
    cells: Vec<Option<Cell<'a>>>,
    /// Whether they bypass row security for each command alike.
    bypasses: bool,
}

/// What one command requires.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
struct Cell<'a> {
    required: &'a str,
    class: &'static str,
    max_age: Option<&'a str>,
    bypasses: bool,
    has_note: bool,
}

/// The tables of a pattern that have the same reasons for it.
#[derive(Serialize)]
struct Explanation<'a> {
    tables: Vec<&'a str>,
    reasons: Vec<Reason<'a>>,
}

/// What decided what these commands require of these roles.
#[derive(Clone, Eq, Hash, PartialEq, Serialize)]
struct Reason<'a> {
    commands: Vec<&'a str>,
    roles: Vec<&'a str>,
    decided_by: &'a [String],
    note: Option<&'a str>,
}

/// The patterns, those first that can be written at the lowest level by the most roles.
fn patterns(report: &Report) -> Vec<Pattern<'_>> {
    let tables = gather(report.rows.iter().map(|row| (row.table.as_str(), row)));
    let by_lines = gather(tables.into_iter().map(|(table, rows)| (lines(&rows), (reasons(&rows), table))));
    let mut patterns: Vec<Pattern> = by_lines
        .into_iter()
        .map(|(lines, tables)| Pattern {
            lines,
            tables: tables.iter().map(|(_, table)| *table).collect(),
            explanations: gather(tables).into_iter().map(|(reasons, tables)| Explanation { tables, reasons }).collect(),
        })
        .collect();
    patterns.sort_by_key(|pattern| (pattern.lowest(is_write), pattern.lowest(|command| !is_write(command))));
    patterns
}

/// What a table requires, roles with the same together; those that it can't bind come last.
fn lines<'a>(rows: &[&'a Row]) -> Vec<Line<'a>> {
    let roles = gather(rows.iter().map(|row| (row.role.as_str(), *row)));
    let by_cells = gather(roles.into_iter().map(|(role, rows)| (COMMANDS.map(|command| cell(&rows, command)), role)));
    let bypasses = |cell: &Option<Cell>| cell.as_ref().is_some_and(|cell| cell.bypasses);
    let lines = by_cells.into_iter().map(|(cells, roles)| {
        let alike = cells.iter().all(|cell| bypasses(cell) && *cell == cells[0]);
        Line { roles, bypasses: alike, cells: cells.into() }
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.sort_by_key(|line| line.cells.iter().any(bypasses));
    lines
}

fn cell<'a>(rows: &[&'a Row], command: &str) -> Option<Cell<'a>> {
    rows.iter().find(|row| row.command == command).map(|row| Cell {
        required: &row.required,
        // Colours are for what is required of those who can be bound.
        class: if row.bypasses() { "bypass" } else { LEVELS[rank(&row.required)] },
        max_age: row.max_age.as_deref(),
        bypasses: row.bypasses(),
        has_note: row.note.is_some(),
    })
}

/// What decided what a table requires, roles and commands with the same reason together.
fn reasons<'a>(rows: &[&'a Row]) -> Vec<Reason<'a>> {
    let by_reason = gather(rows.iter().map(|row| {
        let reason =
            Reason { commands: Vec::new(), roles: Vec::new(), decided_by: &row.decided_by, note: row.note.as_deref() };
        (reason, (row.role.as_str(), row.command.as_str()))
    }));
    by_reason
        .into_iter()
        .flat_map(|(reason, who)| {
            let by_commands = gather(gather(who).into_iter().map(|(role, commands)| (commands, role)));
            by_commands.into_iter().map(move |(commands, roles)| Reason { commands, roles, ..reason.clone() })
        })
        .collect()
}

/// The numbers at the top of the page.
#[derive(Serialize)]
struct Summary<'a> {
    tables: usize,
    roles: usize,
    /// How many tables can be written below aal2 by some role that row security binds.
    writable: usize,
    writers: Vec<Writer<'a>>,
    findings: usize,
    severities: Vec<(&'static str, usize)>,
}

/// How a role can write tables.
#[derive(Serialize)]
struct Writer<'a> {
    role: &'a str,
    /// How many tables, by the lowest level below aal2.
    open: [usize; BELOW_AAL2],
    /// How many tables, past row security.
    bypassed: usize,
}

fn summary(report: &Report) -> Summary<'_> {
    let writes = report.rows.iter().filter(|row| is_write(&row.command) && (row.bypasses() || row.is_open_write()));
    let writers = gather(writes.map(|row| (row.role.as_str(), (row.table.as_str(), row))));
    let severity = |severity| report.findings.iter().filter(|finding| finding.level == severity).count();
    Summary {
        tables: gather(report.rows.iter().map(|row| (&row.table, ()))).len(),
        roles: gather(report.rows.iter().map(|row| (&row.role, ()))).len(),
        writable: gather(report.rows.iter().filter(|row| row.is_open_write()).map(|row| (&row.table, ()))).len(),
        writers: writers
            .into_iter()
            .map(|(role, rows)| {
                let mut writer = Writer { role, open: [0; BELOW_AAL2], bypassed: 0 };
                for (_, rows) in gather(rows) {
                    let lowest = rows.iter().filter(|row| row.is_open_write()).map(|row| rank(&row.required)).min();
                    match lowest {
                        Some(rank) => writer.open[rank] += 1,
                        None => writer.bypassed += 1,
                    }
                }
                writer
            })
            .collect(),
        findings: report.findings.len(),
        severities: SEVERITIES.map(|name| (name, severity(name))).into(),
    }
}

/// What one lint found.
#[derive(Serialize)]
struct Findings<'a> {
    name: &'a str,
    title: &'a str,
    level: &'a str,
    description: &'a str,
    remediation: &'a str,
    remediation_is_link: bool,
    places: Vec<Place<'a>>,
}

/// Where it found it.
#[derive(Serialize)]
struct Place<'a> {
    detail: &'a str,
    table: Option<&'a str>,
    /// Which of the patterns holds the table.
    pattern: Option<usize>,
}

/// The findings, those of one lint together, the worst first.
fn findings<'a>(report: &'a Report, patterns: &[Pattern]) -> Vec<Findings<'a>> {
    let numbered = patterns.iter().enumerate();
    let numbers: HashMap<&str, usize> =
        numbered.flat_map(|(number, pattern)| pattern.tables.iter().map(move |table| (*table, number))).collect();
    let by_lint = gather(report.findings.iter().map(|finding| {
        let Finding { name, title, level, description, detail, remediation, table } = finding;
        let table = table.as_deref();
        let place = Place { detail, table, pattern: table.and_then(|table| numbers.get(table).copied()) };
        ([level, name, title, description, remediation], place)
    }));
    let mut findings: Vec<Findings> = by_lint
        .into_iter()
        .map(|([level, name, title, description, remediation], places)| Findings {
            name,
            title,
            level,
            description,
            remediation,
            remediation_is_link: is_link(remediation),
            places,
        })
        .collect();
    findings.sort_by_key(|finding| (SEVERITIES.iter().position(|severity| *severity == finding.level), finding.name));
    findings
}

/// Whether a text is one address on the web. Nothing else becomes a link, `javascript:` least of all.
fn is_link(text: &str) -> bool {
    text.starts_with("https://") && text.chars().all(|character| character.is_ascii_graphic())
}

fn is_write(command: &str) -> bool {
    command != "SELECT"
}

/// A level's place in [`LEVELS`]. What isn't known protects from nothing.
fn rank(required: &str) -> usize {
    LEVELS.iter().position(|level| *level == required).unwrap_or(0)
}

/// Gathers the values of equal keys; keys and values stay in the order in which they came.
fn gather<K: Clone + Eq + Hash, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut places = HashMap::new();
    let mut gathered: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        let place = *places.entry(key.clone()).or_insert_with(|| {
            gathered.push((key, Vec::new()));
            gathered.len() - 1
        });
        gathered[place].1.push(value);
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// A page that takes every branch of the template.
    fn full() -> Report {
        let row = |table: &str, role: &str, command: &str, required: &str| Row {
            table: table.to_owned(),
            role: role.to_owned(),
            command: command.to_owned(),
            required: required.to_owned(),
            max_age: (required == "aal2").then(|| "15 minutes".to_owned()),
            decided_by: vec![format!("policy {role} of {table}"), "grant".to_owned()],
            note: (required == "none").then(|| format!("note on {table} for {role}")),
        };
        let finding = |name: &str, level: &str, table: Option<&str>, remediation: &str| Finding {
            name: name.to_owned(),
            title: format!("title of {name}"),
            level: level.to_owned(),
            description: format!("description of {name}"),
            detail: format!("detail of {name} at {table:?}"),
            remediation: remediation.to_owned(),
            table: table.map(str::to_owned),
        };
        let mut report = Report { database: "app".to_owned(), ..empty() };
        for (n, table) in ["public.payments", "public.notes", "public.\"odd\""].iter().enumerate() {
            for (m, role) in ["anon", "authenticated", "clerk"].iter().enumerate() {
                for (l, command) in COMMANDS.iter().enumerate() {
                    report.rows.push(row(table, role, command, LEVELS[(n * m + l) % LEVELS.len()]));
                }
            }
        }
        // Who goes past row security.
        for table in ["public.payments", "public.notes"] {
            for command in COMMANDS {
                let decided_by = vec!["reached through public.parent".to_owned(), "owner".to_owned()];
                report.rows.push(Row { decided_by, ..row(table, "owner", command, "none") });
            }
        }
        // More than are shown at once, with all the same; and one of which not everything is said.
        report.rows.extend((0..20).map(|n| row(&format!("many.t{n}"), "anon", "SELECT", "denied")));
        report.findings = vec![
            finding("0002_b", "INFO", None, "Do this."),
            finding("0001_a", "ERROR", Some("public.payments"), "https://example.org/a?b=c&d=e#f"),
            finding("0003_c", "WARN", Some("elsewhere.unknown"), "javascript:alert(1)"),
        ];
        report.findings.extend((0..20).map(|n| finding("0004_d", "WARN", Some(&format!("many.t{n}")), "Do that.")));
        report
    }

    fn empty() -> Report {
        Report {
            database: String::new(),
            made_at: "2026-11-22 18:03:11+00".to_owned(),
            server_version: "15.18".to_owned(),
            claims_source: "request".to_owned(),
            rows: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The same report with every text replaced by what this makes of it.
    fn map(report: &Report, change: impl Fn(&str) -> String) -> Report {
        Report {
            database: change(&report.database),
            made_at: change(&report.made_at),
            server_version: change(&report.server_version),
            claims_source: change(&report.claims_source),
            rows: report
                .rows
                .iter()
                .map(|row| Row {
                    table: change(&row.table),
                    role: change(&row.role),
                    command: row.command.clone(),
                    required: row.required.clone(),
                    max_age: row.max_age.as_deref().map(&change),
                    decided_by: row.decided_by.iter().map(|decision| change(decision)).collect(),
                    note: row.note.as_deref().map(&change),
                })
                .collect(),
            findings: report
                .findings
                .iter()
                .map(|finding| Finding {
                    name: change(&finding.name),
                    title: change(&finding.title),
                    level: finding.level.clone(),
                    description: change(&finding.description),
                    detail: change(&finding.detail),
                    remediation: change(&finding.remediation),
                    table: finding.table.as_deref().map(&change),
                })
                .collect(),
        }
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
    fn whatever_a_name_holds_is_text() {
        let plain = render(&map(&full(), |text| format!("x{text}")));
        for hostile in HOSTILE {
            let page = render(&map(&full(), |text| format!("x{text}{hostile}")));
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
            let page = render(&map(&full(), |text| format!("{text}{hidden}")));
            assert!(text(&page).contains(&format!("public.payments<U+{:04X}>", u32::from(hidden))));
            assert!(hidden == '\n' || !page.contains(hidden));
        }
    }

    #[test]
    fn every_row_is_there() {
        let report = full();
        let text = text(&render(&report));
        for row in &report.rows {
            assert!(text.contains(&row.table) && text.contains(&row.role), "{row:?}");
            assert!(row.decided_by.iter().chain(&row.note).all(|why| text.contains(why)), "{row:?}");
        }
        // And says the same of each as the report does.
        let patterns = patterns(&report);
        for row in &report.rows {
            let of_table: Vec<_> =
                patterns.iter().filter(|pattern| pattern.tables.contains(&row.table.as_str())).collect();
            let [pattern] = of_table[..] else { panic!("{row:?}") };
            let of_role: Vec<_> = pattern.lines.iter().filter(|line| line.roles.contains(&row.role.as_str())).collect();
            let [line] = of_role[..] else { panic!("{row:?}") };
            let place = COMMANDS.iter().position(|command| *command == row.command).unwrap();
            let cell = line.cells[place].as_ref().unwrap();
            assert_eq!((cell.required, cell.max_age), (row.required.as_str(), row.max_age.as_deref()));
            let of_table = |explanation: &&Explanation| explanation.tables.contains(&row.table.as_str());
            let why = pattern.explanations.iter().filter(of_table).flat_map(|explanation| &explanation.reasons);
            let mut why = why.filter(|reason| {
                reason.roles.contains(&row.role.as_str()) && reason.commands.contains(&row.command.as_str())
            });
            let reason = why.next().unwrap();
            assert_eq!((reason.decided_by, reason.note), (&row.decided_by[..], row.note.as_deref()));
            assert!(why.next().is_none());
        }
    }

    #[test]
    fn every_finding_is_there_the_worst_first() {
        let report = full();
        let page = render(&report);
        let text = text(&page);
        for Finding { name, title, level, description, detail, remediation, table } in &report.findings {
            for part in [name, title, level, description, detail, remediation].into_iter().chain(table) {
                assert!(text.contains(part), "{part}");
            }
        }
        let places = ["0001_a", "0003_c", "0004_d", "0002_b"].map(|name| text.find(name).unwrap());
        assert!(places.is_sorted());
        assert!(text.contains("1 ERROR 21 WARN 1 INFO"));
    }

    #[test]
    fn the_lowest_comes_first_and_the_same_together() {
        let report = full();
        let patterns = patterns(&report);
        let tables: Vec<_> = patterns.iter().map(|pattern| pattern.tables.len()).collect();
        assert_eq!(tables.iter().sum::<usize>(), 23);
        assert_eq!(tables.last(), Some(&20));
        assert_eq!(patterns[0].tables, ["public.\"odd\""]);
        assert_eq!(patterns[1].tables, ["public.notes"]);
        assert_eq!(patterns[2].tables, ["public.payments"]);
        let roles: Vec<_> = patterns[2].lines.iter().map(|line| &line.roles[..]).collect();
        assert_eq!(roles, [&["anon", "authenticated", "clerk"][..], &["owner"]]);
    }

    #[test]
    fn the_numbers_are_right() {
        let report = full();
        let summary = summary(&report);
        assert_eq!((summary.tables, summary.roles, summary.writable, summary.findings), (23, 4, 3, 23));
        let writers: Vec<_> =
            summary.writers.iter().map(|writer| (writer.role, writer.open, writer.bypassed)).collect();
        let expected =
            [("anon", [0, 3, 0], 0), ("authenticated", [1, 1, 1], 0), ("clerk", [2, 1, 0], 0), ("owner", [0; 3], 2)];
        assert_eq!(writers, expected);
    }

    #[test]
    fn an_empty_report_says_so() {
        let text = text(&render(&empty()));
        assert!(text.contains("There are no tables to report on.") && text.contains("No findings."));
        assert!(text.contains("0 tables") && !text.contains("No table can be"));
    }

    #[test]
    fn where_nothing_is_written_below_aal2_it_says_so() {
        let mut report = full();
        report.rows.retain(|row| row.command == "SELECT");
        assert!(
            text(&render(&report)).contains("No table can be written below aal2 by a role that row security binds.")
        );
    }

    #[test]
    fn who_cannot_be_bound_is_not_held_against_a_table() {
        let mut report = full();
        report.rows.retain(|row| row.role == "owner");
        let page = render(&report);
        assert!(text(&page).contains("No table can be written below aal2 by a role that row security binds."));
        assert!(
            page.contains("<td role=\"cell\" class=\"bypass\" colspan=\"5\"><b>none</b> bypass<small>see note</small>")
        );
        assert!(!page.contains("<td role=\"cell\" class=\"none\">"));
        // For one command only.
        for row in report.rows.iter_mut().filter(|row| row.command == "TRUNCATE") {
            "denied".clone_into(&mut row.required);
            row.decided_by = vec!["no privilege".to_owned()];
        }
        let page = render(&report);
        assert!(page.contains("<td role=\"cell\" class=\"bypass\"><b>none</b><small>bypass</small>"));
        assert!(page.contains("<td role=\"cell\" class=\"denied\"><b>denied</b>"));
        // A policy of that name doesn't do it.
        for row in &mut report.rows {
            row.decided_by = vec!["policy owner".to_owned()];
        }
        assert_eq!(summary(&report).writable, 2);
    }

    #[test]
    fn a_level_that_is_not_known_counts_as_none() {
        let mut report = full();
        report.rows.truncate(5);
        for row in &mut report.rows {
            row.required = "aal9".to_owned();
        }
        let page = render(&report);
        assert!(page.contains("<td role=\"cell\" class=\"none\"><b>aal9</b>"));
        assert_eq!(summary(&report).writers[0].open, [1, 0, 0]);
    }

    #[test]
    fn it_asks_for_nothing_and_runs_nothing() {
        for hostile in HOSTILE {
            let page = render(&map(&full(), |text| format!("{text}{hostile}")));
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
        let page = render(&full());
        assert!(page.contains("href=\"https:&#x2f;&#x2f;example.org&#x2f;a?b=c&amp;d=e#f\""));
        assert!(!page.contains("href=\"javascript"));
    }

    #[test]
    fn the_same_report_makes_the_same_page() {
        assert_eq!(render(&full()), render(&full()));
    }

    #[test]
    fn a_thousand_tables_and_ten_roles_stay_a_page() {
        let mut report = empty();
        for table in 0..1000 {
            for role in 0..10 {
                for (n, command) in COMMANDS.iter().enumerate() {
                    // Every table has policies of its own, and every third role stands apart.
                    report.rows.push(Row {
                        table: format!("some_schema.some_table_{table}"),
                        role: format!("some_role_{role}"),
                        command: (*command).to_owned(),
                        required: LEVELS[(table % 7 + role % 3 + n) % LEVELS.len()].to_owned(),
                        max_age: None,
                        decided_by: vec![format!("policy some_table_{table}_policy_of_{}", role % 3)],
                        note: None,
                    });
                }
            }
        }
        let page = render(&report);
        assert!(page.len() < 3_000_000, "{} bytes", page.len());
        assert!(page.contains("some_table_999"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_inert_visible_and_ascii(noise in any::<String>()) {
            let page = render(&map(&full(), |text| format!("x{text}{noise}")));
            let plain = render(&map(&full(), |text| format!("x{text}")));
            prop_assert!(page.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(tags(&page), tags(&plain));
            prop_assert!(text(&page).contains(&visible(&noise)));
        }
    }
}
