//! The search_path that a function sets for itself: where its text's names are looked up.

/// A search_path, as `create function … set search_path` keeps it.
#[derive(Debug)]
pub struct SearchPath {
    /// The schemas, in order; `None` where it can't be told which they are.
    schemas: Option<Vec<String>>,
}

/// How long a name may be. Postgres cuts a longer one.
const LONGEST_NAME: usize = 63;

impl SearchPath {
    /// Reads the setting's text: names that commas separate.
    #[must_use]
    pub fn parse(setting: &str) -> SearchPath {
        SearchPath { schemas: identifiers(setting).filter(|schemas| schemas.iter().all(|it| it != "$user")) }
    }

    /// The schemas in which a name without one is looked up, in order, but for `pg_catalog`; `None` where that can't be told.
    pub fn schemas(&self) -> Option<impl Iterator<Item = &str>> {
        let schemas = self.schemas.as_ref()?;
        Some(schemas.iter().map(String::as_str).filter(|schema| !matches!(*schema, "" | "pg_catalog" | "pg_temp")))
    }

    /// Whether names are looked for in `pg_catalog` first: there it comes unless the path says otherwise.
    pub fn begins_with_pg_catalog(&self) -> bool {
        let Some(schemas) = &self.schemas else { return false };
        let mut named = schemas.iter().filter(|schema| !schema.is_empty());
        named.clone().all(|schema| schema != "pg_catalog") || named.next().is_some_and(|schema| schema == "pg_catalog")
    }
}

/// The names of a list, as Postgres' SplitIdentifierString reads it; `None` where it isn't a plain one.
fn identifiers(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = list.trim();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) =
            if let Some(quoted) = rest.strip_prefix('"') { quoted_name(quoted)? } else { bare_name(rest)? };
        if name.len() > LONGEST_NAME {
            return None;
        }
        names.push(name);
        match after.trim_start() {
            "" => return Some(names),
            after => rest = after.strip_prefix(',')?.trim_start(),
        }
    }
}

/// A name up to its closing quote, and what follows.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// A name without quotes, in lower case, and what follows. How other letters than ASCII are lowered, the encoding decides.
fn bare_name(text: &str) -> Option<(String, &str)> {
    let end = text.find(|it: char| it == ',' || it.is_ascii_whitespace()).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty() && name.is_ascii()).then(|| (name.to_ascii_lowercase(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemas(path: &str) -> Option<Vec<String>> {
        SearchPath::parse(path).schemas().map(|schemas| schemas.map(str::to_owned).collect())
    }

    fn some(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn names_are_looked_up_where_the_path_says() {
        assert_eq!(schemas("\"\""), some(&[]));
        assert_eq!(schemas(""), some(&[]));
        assert_eq!(schemas("public, extensions"), some(&["public", "extensions"]));
        assert_eq!(schemas("Public,\"My, \"\"Schema\"\"\""), some(&["public", "My, \"Schema\""]));
        assert_eq!(schemas("pg_catalog, public, pg_temp"), some(&["public"]));
        assert_eq!(schemas("\"$user\", public"), None);
        assert_eq!(schemas("public,"), None);
        assert_eq!(schemas("\"public"), None);
        assert_eq!(schemas("Öffentlich"), None);
        assert_eq!(schemas(&"x".repeat(64)), None);
    }

    #[test]
    fn pg_catalog_comes_first_unless_it_is_named_later() {
        let first = |path| SearchPath::parse(path).begins_with_pg_catalog();
        assert!(first("public") && first("\"\"") && first("pg_catalog, public") && first("\"\", pg_catalog, public"));
        assert!(!first("public, pg_catalog") && !first("public, \"pg_catalog\"") && !first("\"$user\", public"));
    }
}
