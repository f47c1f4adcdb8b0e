//! What couldn't be restored. A statement that failed is open: what it would have made can't be judged.

use std::collections::BTreeMap;

/// How many messages are shown of those that are of no known kind.
const SHOWN: usize = 20;

/// What couldn't be restored.
#[derive(Default)]
pub struct Problems {
    missing: BTreeMap<(String, String), usize>,
    open: Vec<String>,
    notes: BTreeMap<String, usize>,
    /// How many event triggers weren't made: only a superuser makes them.
    pub event_triggers: usize,
}

/// An error of Postgres while the dump was restored.
pub struct Failure<'a> {
    pub sqlstate: &'a str,
    pub message: &'a str,
    /// The last line of the statement.
    pub line: &'a str,
}

impl Problems {
    /// Something that decides nothing.
    pub fn note(&mut self, text: String) {
        *self.notes.entry(text).or_default() += 1;
    }

    /// Something that may decide.
    pub fn open(&mut self, text: String) {
        self.open.push(text);
    }

    /// A statement that needs something that isn't there.
    pub fn missing(&mut self, kind: &str, name: &str) {
        *self.missing.entry((kind.to_owned(), name.to_owned())).or_default() += 1;
    }

    /// Weighs an error.
    pub fn add(&mut self, failure: &Failure<'_>) {
        if failure.message.starts_with("permission denied to create event trigger") {
            self.event_triggers += 1;
        } else if failure.is_of_an_event_trigger() {
            // That it isn't there, is said.
        } else if failure.decides_nothing() {
            self.note(failure.message.to_owned());
        } else if let Some((kind, name)) = failure.missing() {
            self.missing(kind, name);
        } else {
            self.open(format!("{}: {}", failure.message, shortened(failure.line)));
        }
    }

    pub fn count_open(&self) -> usize {
        self.open.len() + self.missing.values().sum::<usize>()
    }

    pub fn print(&self) {
        for (note, count) in &self.notes {
            println!("  note: {note}{}", times(*count));
        }
        if self.event_triggers > 0 {
            println!(
                "  note: event triggers are not restored ({}), so nothing is said of tables to come (0028)",
                self.event_triggers
            );
        }
        for ((kind, name), count) in &self.missing {
            println!("  OPEN: {kind} {name} is missing: {count} {} could not be restored", statements(*count));
        }
        for text in self.open.iter().take(SHOWN) {
            println!("  OPEN: {text}");
        }
        if self.open.len() > SHOWN {
            println!("  OPEN: ... and {} more", self.open.len() - SHOWN);
        }
    }
}

impl<'a> Failure<'a> {
    /// Whether it is about an event trigger that wasn't made, or about the function of a schema's watch, which needs a superuser, too. That
    /// function failed by its setting, and is counted as a note.
    fn is_of_an_event_trigger(&self) -> bool {
        let is_about_watch = || {
            let of = ["auth.aal_schema_", "auth.\"aal_schema_"];
            let starts = |line: &str| of.iter().any(|it| line.starts_with(it));
            ["ALTER FUNCTION ", "COMMENT ON FUNCTION "].iter().any(|it| self.line.strip_prefix(it).is_some_and(starts))
        };
        match self.sqlstate {
            "42704" => self.message.starts_with("event trigger ") && self.line.starts_with("ALTER EVENT TRIGGER "),
            "42883" => {
                self.message.starts_with("function auth.aal_schema_")
                    && self.message.ends_with("() does not exist")
                    && is_about_watch()
            }
            _ => false,
        }
    }

    /// Whether what failed can't decide who passes.
    fn decides_nothing(&self) -> bool {
        let starts_with_any = |starts: &[&str]| starts.iter().any(|it| self.message.starts_with(it));
        let is_about_catalog =
            ["GRANT ", "REVOKE "].iter().any(|it| self.line.starts_with(it)) && self.line.contains(" pg_catalog.");
        match self.sqlstate {
            // Those that are there in any new database, or come with pg_aal.
            "42P06" => {
                self.message == "schema \"auth\" already exists" || self.message == "schema \"public\" already exists"
            }
            "42710" => starts_with_any(&["extension \"plpgsql\"", "extension \"pg_aal\""]),
            // An extension that isn't here. The statements that need it fail, too, and count.
            "0A000" => self.message.starts_with("extension ") && self.message.ends_with(" is not available"),
            // A setting of the session that restores, of another version or of a superuser.
            "42704" => starts_with_any(&["unrecognized configuration parameter"]),
            "42501" => {
                is_about_catalog
                    || starts_with_any(&[
                        "permission denied to create extension",
                        "permission denied to set parameter",
                        "permission denied to set session authorization",
                        "must be owner of extension",
                        "must be superuser to create FOR ALL TABLES publication",
                        "must be superuser to create FOR TABLES IN SCHEMA publication",
                    ])
            }
            _ => false,
        }
    }

    /// What the statement needs that isn't there.
    fn missing(&self) -> Option<(&'static str, &'a str)> {
        let before =
            self.message.strip_suffix(" does not exist").or_else(|| self.message.strip_suffix(" does not exist "))?;
        const KINDS: [&str; 9] = [
            "role",
            "schema",
            "extension",
            "relation",
            "type",
            "function",
            "column",
            "language",
            "foreign-data wrapper",
        ];
        KINDS.into_iter().find_map(|kind| Some((kind, before.strip_prefix(kind)?.strip_prefix(' ')?)))
    }
}

fn shortened(line: &str) -> String {
    let short: String = line.chars().take(100).collect();
    if short.len() < line.len() { format!("{short}...") } else { short }
}

fn times(count: usize) -> String {
    if count == 1 { String::new() } else { format!(" ({count} times)") }
}

fn statements(count: usize) -> &'static str {
    if count == 1 { "statement" } else { "statements" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sqlstate: &str, message: &str, line: &str) -> usize {
        let mut problems = Problems::default();
        problems.add(&Failure { sqlstate, message, line });
        problems.count_open()
    }

    #[test]
    fn a_statement_that_failed_is_open_unless_it_decides_nothing() {
        assert_eq!(open("42704", "role \"x\" does not exist", "GRANT SELECT ON TABLE t TO x;"), 1);
        assert_eq!(open("42P01", "relation \"public.t\" does not exist", "CREATE POLICY p ON public.t;"), 1);
        assert_eq!(open("42601", "syntax error", ""), 1);
        assert_eq!(open("42P06", "schema \"app\" already exists", ""), 1);
        assert_eq!(open("42501", "permission denied for schema auth", ""), 1);
        assert_eq!(open("42P06", "schema \"auth\" already exists", ""), 0);
        assert_eq!(
            open(
                "42501",
                "permission denied for function pg_reload_conf",
                "GRANT ALL ON FUNCTION pg_catalog.pg_reload_conf() TO x;"
            ),
            0
        );
        assert_eq!(open("42501", "permission denied to create event trigger \"e\"", ""), 0);
        let no_trigger = "event trigger \"e\" does not exist";
        assert_eq!(open("42704", no_trigger, "ALTER EVENT TRIGGER e ENABLE ALWAYS;"), 0);
        assert_eq!(open("42704", no_trigger, "CREATE POLICY p ON t;"), 1);
        let no_watch = "function auth.aal_schema_app() does not exist";
        assert_eq!(open("42883", no_watch, "ALTER FUNCTION auth.aal_schema_app() OWNER TO postgres;"), 0);
        assert_eq!(open("42883", no_watch, "CREATE POLICY p ON t USING (auth.aal_schema_app());"), 1);
    }
}
