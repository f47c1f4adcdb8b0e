//! What each function of the edition is, for the proof: it knows a function by its whole definition, and never by its name alone.
//!
//! The definitions are told as Postgres' catalog tells them. A test installs the edition, and compares.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;

/// A function, in the words of Postgres' catalog.
#[derive(Debug, Serialize)]
struct Definition {
    name: String,
    types: String,
    arguments: String,
    returns: String,
    language: String,
    volatility: &'static str,
    parallel: &'static str,
    strict: bool,
    security_definer: bool,
    settings: Vec<String>,
    body: String,
}

/// The functions of the edition's text, as JSON.
pub fn of(version: &str, text: &str) -> Result<String, String> {
    let mut functions = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\ncreate or replace function aal.") {
        let (definition, behind) = definition(&rest[at..])?;
        functions.push(serde_json::to_string(&definition).map_err(|error| error.to_string())?);
        rest = behind;
    }
    Ok(format!("{{\"version\": \"{version}\", \"functions\": [\n{}\n]}}\n", functions.join(",\n")))
}

/// The function at the beginning of a text, and what is behind it.
fn definition(text: &str) -> Result<(Definition, &str), String> {
    let unreadable = |what: &str| format!("{what}: {}", text.trim_start().lines().next().unwrap_or_default());
    let text = text.trim_start().strip_prefix("create or replace function aal.").ok_or("no function")?;
    let (name, rest) = text.split_once('(').ok_or_else(|| unreadable("no parameters"))?;
    let end = closing(rest).ok_or_else(|| unreadable("no end of the parameters"))?;
    let (parameters, rest) = (&rest[..end], &rest[end + 1..]);
    let (options, rest) = rest.split_once("as $").ok_or_else(|| unreadable("no body"))?;
    let (tag, rest) = rest.split_once('$').ok_or_else(|| unreadable("no tag"))?;
    let (body, behind) = rest.split_once(&format!("${tag}$")).ok_or_else(|| unreadable("no end of the body"))?;

    let options = options.split_whitespace().collect::<Vec<_>>().join(" ");
    let (returns, options) = options.split_once("language ").ok_or_else(|| unreadable("no language"))?;
    // Several parameters that are OUT are a record.
    let returns = returns.trim().strip_prefix("returns ").unwrap_or("record");
    let (language, options) = options.split_once(' ').unwrap_or((options, ""));
    let (options, settings) = split_settings(options);
    let parameters: Vec<Parameter> = split(parameters).into_iter().map(parameter).collect::<Result<_, _>>()?;
    let types: Vec<&str> = parameters.iter().filter(|it| !it.is_out).map(|it| it.kind.as_str()).collect();
    let arguments: Vec<String> = parameters.iter().map(Parameter::as_argument).collect();
    let mut definition = Definition {
        name: name.to_owned(),
        types: types.join(", "),
        arguments: arguments.join(", "),
        returns: result(returns)?,
        language: language.to_owned(),
        volatility: "volatile",
        parallel: "unsafe",
        strict: false,
        security_definer: false,
        settings,
        body: sha256(body),
    };
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "stable" => definition.volatility = "stable",
            "immutable" => definition.volatility = "immutable",
            "volatile" => definition.volatility = "volatile",
            "strict" => definition.strict = true,
            "security" => definition.security_definer = words.next() == Some("definer"),
            "parallel" => {
                definition.parallel = match words.next() {
                    Some("safe") => "safe",
                    Some("restricted") => "restricted",
                    _ => "unsafe",
                }
            }
            _ => return Err(unreadable(&format!("unknown option {word}"))),
        }
    }
    Ok((definition, behind))
}

/// A parameter, as the text has it.
struct Parameter {
    name: String,
    kind: String,
    default: Option<String>,
    is_out: bool,
}

impl Parameter {
    /// As `pg_get_function_arguments` writes it.
    fn as_argument(&self) -> String {
        let default = self.default.as_ref().map_or(String::new(), |it| format!(" DEFAULT {it}"));
        let out = if self.is_out { "OUT " } else { "" };
        format!("{out}{} {}{default}", self.name, self.kind)
    }
}

fn parameter(text: &str) -> Result<Parameter, String> {
    let (declared, default) = match text.split_once(" default ") {
        Some((declared, default)) => (declared, Some(default.trim())),
        None => (text, None),
    };
    let declared = declared.trim();
    let (is_out, declared) = declared.strip_prefix("out ").map_or((false, declared), |it| (true, it));
    let (name, kind) = declared.split_once(' ').ok_or_else(|| format!("a parameter without a name: {text}"))?;
    let kind = type_name(kind);
    let default = default.map(|it| match it {
        "null" => Ok(format!("NULL::{kind}")),
        "true" | "false" => Ok(it.to_owned()),
        it if it.parse::<u32>().is_ok() => Ok(it.to_owned()),
        it if it.starts_with('\'') && it.ends_with('\'') => Ok(format!("{it}::{kind}")),
        it => Err(format!("a default of no known kind: {it}")),
    });
    Ok(Parameter { name: name.to_owned(), kind, default: default.transpose()?, is_out })
}

/// A result, as `pg_get_function_result` writes it.
fn result(text: &str) -> Result<String, String> {
    if let Some(columns) = text.strip_prefix("table (").or_else(|| text.strip_prefix("table(")) {
        let columns = columns.strip_suffix(')').ok_or("no end of the table")?;
        let columns: Vec<String> =
            split(columns).into_iter().map(|it| parameter(it).map(|it| it.as_argument())).collect::<Result<_, _>>()?;
        return Ok(format!("TABLE({})", columns.join(", ")));
    }
    Ok(match text.strip_prefix("setof ") {
        Some(kind) => format!("SETOF {}", type_name(kind)),
        None => type_name(text),
    })
}

/// A type, as `format_type` writes it.
fn type_name(text: &str) -> String {
    let text = text.trim().trim_start_matches("pg_catalog.");
    let (base, array) = text.strip_suffix("[]").map_or((text, ""), |base| (base, "[]"));
    let base = match base {
        "timestamptz" => "timestamp with time zone",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "bool" => "boolean",
        base => base,
    };
    format!("{base}{array}")
}

/// The options before the first SET clause, and those clauses, as `pg_proc.proconfig` holds them.
fn split_settings(options: &str) -> (&str, Vec<String>) {
    let Some(at) = options.find("set ") else { return (options, Vec::new()) };
    let clauses = options[at..].split("set ").filter(|it| !it.trim().is_empty());
    let settings = clauses.map(|clause| {
        let (name, value) = clause.split_once('=').unwrap_or((clause, ""));
        let value = value.trim().trim_matches('\'');
        let value = if name.trim() == "search_path" && value.is_empty() { "\"\"" } else { value };
        format!("{}={value}", name.trim())
    });
    (&options[..at], settings.collect())
}

/// Where the parenthesis closes that is open before this text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 0 => return Some(at),
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts between commas, without those in quotes and parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut is_quoted) = (Vec::new(), 0, 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            ',' if !is_quoted && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
