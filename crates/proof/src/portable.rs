//! The portable edition of pg_aal: the release that a database has, and all that differs from it.
//!
//! Its functions are plain SQL and PL/pgSQL, and their owner can replace them. So they are known by their whole definitions, and
//! never by their names alone. They call one another: if one isn't as it was made, none is known.

use std::sync::LazyLock;

use aal::Profiles;
use serde::Deserialize;

use super::ids::{FunctionId, RoleId};

/// All that decides what a function does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name, without its schema.
    pub name: String,
    /// The types of its parameters, as `format_type` writes them, with a comma between.
    pub types: String,
    /// Its parameters with their defaults, as `pg_get_function_arguments` writes them.
    pub arguments: String,
    /// What it returns, as `pg_get_function_result` writes it.
    pub returns: String,
    /// Its language.
    pub language: String,
    /// `immutable`, `stable` or `volatile`.
    pub volatility: String,
    /// `safe`, `restricted` or `unsafe`.
    pub parallel: String,
    /// Whether it is STRICT.
    pub strict: bool,
    /// Whether it runs with its owner's rights.
    pub security_definer: bool,
    /// Its SET clauses, as `pg_proc.proconfig` holds them.
    pub settings: Vec<String>,
    /// The SHA-256 of its body's text, in hexadecimal.
    pub body: String,
}

/// A function of schema `aal` that a database has.
#[derive(Clone, Debug)]
pub struct PortableFunction {
    /// Its OID.
    pub id: FunctionId,
    /// What it is.
    pub definition: Definition,
    /// The roles that may replace it: its owner, and those that may create functions beside it.
    pub replaceable_by: Vec<RoleId>,
    /// Whether every role may create functions beside it.
    pub replaceable_by_all: bool,
}

/// What a release made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    version: String,
    functions: Vec<Definition>,
}

/// The releases, oldest first. `make portable` writes a file for each.
static RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| {
    let texts = [include_str!("../../../portable/pg_aal_portable--0.1.0.functions.json")];
    // A file that can't be read is of no release: then nothing is known, and a test fails.
    texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
});

/// The portable edition that a database has.
#[derive(Clone, Debug, Default)]
pub struct PortableEdition {
    /// The release that it is, or comes closest to.
    pub version: String,
    /// The newest release that is known.
    pub newest: String,
    /// The functions of that release, as far as they are there.
    pub functions: Vec<(FunctionId, String)>,
    /// All that differs from the release.
    pub deviations: Vec<Deviation>,
    /// Whether somebody made `aal.anonymous_level()`, by which anonymous users may have a level.
    pub guests_may_have_level: bool,
    /// The roles that may replace one of its functions, or create others beside them.
    pub replaceable_by: Vec<RoleId>,
    /// Whether every role may.
    pub replaceable_by_all: bool,
}

/// A function that isn't as the release made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The function with its schema and the types of its parameters.
    pub function: String,
    /// How it differs, in words that follow its name.
    pub how: String,
}

impl PortableEdition {
    /// The edition that these functions of schema `aal` are; `None` if they are somebody's own.
    pub fn of(found: &[PortableFunction]) -> Option<PortableEdition> {
        Self::of_releases(found, &RELEASES)
    }

    fn of_releases(found: &[PortableFunction], releases: &[Release]) -> Option<PortableEdition> {
        let as_made = |release: &Release| found.iter().filter(|it| release.functions.contains(&it.definition)).count();
        // The last of several: the newest.
        let release = releases.iter().max_by_key(|release| as_made(release))?;
        let is_there = |name: &str| found.iter().any(|it| it.definition.name == name);
        if as_made(release) == 0 && !(is_there("version") && is_there("has_aal")) {
            return None;
        }
        let mut edition = PortableEdition {
            version: release.version.clone(),
            guests_may_have_level: found.iter().any(|it| it.definition.is_level_of_guests()),
            newest: releases.last().map_or(String::new(), |newest| newest.version.clone()),
            ..PortableEdition::default()
        };
        for function in found {
            let definition = &function.definition;
            let is_named = release.functions.iter().any(|made| made.name == definition.name);
            match release.functions.iter().find(|made| made.is_called_as(definition)) {
                Some(made) => {
                    edition.functions.push((function.id, made.name.clone()));
                    edition.note_differences(made, definition);
                }
                // A call by this name could mean either.
                None if is_named => edition.deviates(definition, "is not of the release".to_owned()),
                None => {}
            }
            edition.replaceable_by.extend(&function.replaceable_by);
            edition.replaceable_by_all |= function.replaceable_by_all;
        }
        for made in &release.functions {
            if !found.iter().any(|it| made.is_called_as(&it.definition)) {
                edition.deviates(made, "is missing".to_owned());
            }
        }
        edition.replaceable_by.sort_unstable();
        edition.replaceable_by.dedup();
        Some(edition)
    }

    /// Whether all of it is as a release made it.
    pub fn is_intact(&self) -> bool {
        self.deviations.is_empty()
    }

    /// Its functions, if they answer as the native ones do: they read the claims of a gateway, by no claims profile.
    pub fn answering(&self, trusts_settings: bool, profiles: &[Profiles]) -> Vec<(FunctionId, String)> {
        let reads_alike = trusts_settings && profiles.iter().all(Profiles::are_supabases);
        if reads_alike && self.is_intact() { self.functions.clone() } else { Vec::new() }
    }

    fn note_differences(&mut self, made: &Definition, found: &Definition) {
        let differing = made.differences(found);
        if !differing.is_empty() {
            self.deviates(found, format!("is not as the release made it: another {}", differing.join(", another ")));
        }
    }

    fn deviates(&mut self, definition: &Definition, how: String) {
        let function = format!("aal.{}({})", definition.name, definition.types);
        self.deviations.push(Deviation { function, how });
    }
}

impl Definition {
    fn is_called_as(&self, other: &Definition) -> bool {
        self.name == other.name && self.types == other.types
    }

    fn is_level_of_guests(&self) -> bool {
        self.name == "anonymous_level" && self.types.is_empty()
    }

    fn differences(&self, other: &Definition) -> Vec<&'static str> {
        let parts = [
            ("body", self.body != other.body),
            ("language", self.language != other.language),
            ("volatility", self.volatility != other.volatility),
            ("SECURITY clause", self.security_definer != other.security_definer),
            ("SET clause", self.settings != other.settings),
            ("result", self.returns != other.returns),
            ("parameter name or default", self.arguments != other.arguments),
            ("PARALLEL clause", self.parallel != other.parallel),
            ("STRICT clause", self.strict != other.strict),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, types: &str, body: &str) -> Definition {
        Definition {
            name: name.to_owned(),
            types: types.to_owned(),
            arguments: types.to_owned(),
            returns: "boolean".to_owned(),
            language: "plpgsql".to_owned(),
            volatility: "stable".to_owned(),
            parallel: "safe".to_owned(),
            strict: false,
            security_definer: false,
            settings: vec!["search_path=\"\"".to_owned()],
            body: body.to_owned(),
        }
    }

    fn release(version: &str) -> Release {
        let functions = vec![
            definition("has_aal", "text, interval", version),
            definition("version", "", version),
            definition("aal", "", ""),
        ];
        Release { version: version.to_owned(), functions }
    }

    fn found(definitions: Vec<Definition>) -> Vec<PortableFunction> {
        let numbered = (1..).zip(definitions);
        numbered
            .map(|(n, definition)| PortableFunction {
                id: FunctionId::new(n).unwrap(),
                definition,
                replaceable_by: vec![RoleId::new(10).unwrap()],
                replaceable_by_all: false,
            })
            .collect()
    }

    fn edition(definitions: Vec<Definition>) -> Option<PortableEdition> {
        PortableEdition::of_releases(&found(definitions), &[release("0.1.0"), release("0.2.0")])
    }

    fn deviations(definitions: Vec<Definition>) -> Vec<String> {
        let edition = edition(definitions).unwrap();
        edition.deviations.iter().map(|it| format!("{} {}", it.function, it.how)).collect()
    }

    #[test]
    fn each_release_is_known_as_it_was_made() {
        for version in ["0.1.0", "0.2.0"] {
            let edition = edition(release(version).functions).unwrap();
            assert!(edition.is_intact());
            assert_eq!((edition.version.as_str(), edition.newest.as_str()), (version, "0.2.0"));
            assert_eq!(edition.functions.len(), 3);
        }
    }

    #[test]
    fn every_part_of_a_definition_counts() {
        type Change = (fn(&mut Definition), &'static str);
        let changes: [Change; 9] = [
            (|it| it.body = "other".to_owned(), "body"),
            (|it| it.language = "sql".to_owned(), "language"),
            (|it| it.volatility = "immutable".to_owned(), "volatility"),
            (|it| it.security_definer = true, "SECURITY clause"),
            (|it| it.settings.clear(), "SET clause"),
            (|it| it.returns = "text".to_owned(), "result"),
            (|it| it.arguments = "level text DEFAULT 'aal1'::text".to_owned(), "parameter name or default"),
            (|it| it.parallel = "unsafe".to_owned(), "PARALLEL clause"),
            (|it| it.strict = true, "STRICT clause"),
        ];
        for (change, part) in changes {
            let mut functions = release("0.2.0").functions;
            change(&mut functions[0]);
            let told = format!("aal.has_aal(text, interval) is not as the release made it: another {part}");
            assert_eq!(deviations(functions), [told]);
        }
    }

    #[test]
    fn a_missing_function_and_an_overload_deviate_and_a_function_of_another_name_does_not() {
        let mut functions = release("0.1.0").functions;
        functions.push(definition("of_the_application", "", ""));
        assert!(deviations(functions.clone()).is_empty());
        functions.push(definition("has_aal", "unknown", ""));
        functions.remove(2);
        assert_eq!(deviations(functions), ["aal.has_aal(unknown) is not of the release", "aal.aal() is missing"]);
    }

    #[test]
    fn a_mix_of_two_releases_deviates() {
        let mut functions = release("0.2.0").functions;
        functions[0] = release("0.1.0").functions.remove(0);
        assert_eq!(deviations(functions).len(), 1);
    }

    #[test]
    fn functions_of_the_same_names_alone_are_somebodys_own() {
        assert!(edition(vec![definition("has_aal", "text", "own")]).is_none());
        assert!(edition(Vec::new()).is_none());
        // One that calls itself the edition, and isn't.
        let claimed = vec![definition("has_aal", "text, interval", "own"), definition("version", "", "own")];
        assert!(!edition(claimed).unwrap().is_intact());
    }

    #[test]
    fn the_files_of_all_releases_are_read() {
        let versions: Vec<&str> = RELEASES.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, [env!("CARGO_PKG_VERSION")], "a release of its own for each file, the newest last");
        assert!(RELEASES.iter().all(|release| !release.functions.is_empty()));
    }
}
