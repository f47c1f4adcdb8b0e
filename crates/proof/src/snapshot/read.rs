//! A snapshot read back from JSON, which can be anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::{Call, Cell, Cells, Recorded, Settings, Snapshot, VERSION};
use crate::lint::Severity;
use crate::{RequiredLevel, Threshold};
use aal::{Command, MaxAge};

/// JSON that is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It can't be read as JSON: it is nested too deeply, or has a number that is too large.
    Json(String),
    /// Something isn't as a snapshot has it.
    Wrong {
        /// Where, as `matrix."public.payments".anon`. Empty at the top.
        place: String,
        /// What a snapshot has there.
        wanted: String,
    },
    /// Its version isn't known.
    Version(String),
}

/// How much of a foreign text is shown.
const SHOWN: usize = 80;

/// The beginning of a text.
fn shown(text: &str) -> String {
    let mut beginning: String = text.chars().take(SHOWN).collect();
    if beginning.len() < text.len() {
        beginning.push_str("...");
    }
    beginning
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Json(error) => write!(f, "the snapshot can't be read: {error}"),
            Unreadable::Wrong { place, wanted } if place.is_empty() => write!(f, "the snapshot must be {wanted}"),
            Unreadable::Wrong { place, wanted } => write!(f, "in the snapshot, {place} must be {wanted}"),
            Unreadable::Version(version) => {
                write!(f, "the snapshot has version {version}, and this pg_aal reads version {VERSION}")
            }
        }
    }
}

impl std::error::Error for Unreadable {}

impl Snapshot {
    /// Reads one back.
    ///
    /// # Errors
    /// [`Unreadable`] names what is wrong.
    pub fn from_text(text: &str) -> Result<Snapshot, Unreadable> {
        let json: Value = serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
        let top = Place::new(&json);
        top.object()?;
        let version = top.member("version")?;
        if version.value.as_u64() != Some(VERSION) {
            return match version.value {
                Value::Number(number) => Err(Unreadable::Version(shown(&number.to_string()))),
                _ => Err(version.wrong("a number")),
            };
        }
        let mut snapshot = Snapshot {
            settings: settings(&top.member("settings")?)?,
            roles: top.member("roles")?.names()?,
            matrix: top.member("matrix")?.by_name(|roles| roles.by_name(cells))?,
            functions: top.member("functions")?.by_name(|roles| roles.by_name(call))?,
            ..Snapshot::empty()
        };
        for finding in top.member("findings")?.items()? {
            snapshot.add(finding.member("key")?.text()?.to_owned(), recorded(&finding)?);
        }
        Ok(snapshot)
    }
}

fn settings(place: &Place<'_>) -> Result<Settings, Unreadable> {
    let one_of = |name: &str, [no, yes]: [&str; 2]| {
        let setting = place.member(name)?;
        match setting.text()? {
            text if text == yes => Ok(true),
            text if text == no => Ok(false),
            _ => Err(setting.wrong(&format!("\"{no}\" or \"{yes}\""))),
        }
    };
    Ok(Settings {
        trusts_gateway: one_of("claims_source", ["token", "request"])?,
        guests_have_level: one_of("anonymous_level", ["none", "aal1"])?,
    })
}

fn cells(place: &Place<'_>) -> Result<Cells, Unreadable> {
    let mut cells = Cells::default();
    for (commands, at) in place.members()? {
        let cell = cell(&at)?;
        for name in commands.split(", ") {
            let named = Command::ALL.into_iter().find(|command| command.as_str() == name);
            let command = named.ok_or_else(|| place.wrong("by commands, such as \"INSERT, UPDATE\""))?;
            cells[command.index()] = Some(cell.clone());
        }
    }
    Ok(cells)
}

fn cell(place: &Place<'_>) -> Result<Cell, Unreadable> {
    let needs = place.member("needs")?;
    let threshold = threshold(needs.text()?);
    let decided_by: Result<Vec<String>, Unreadable> =
        place.member("decided_by")?.items()?.into_iter().map(|it| it.text().map(str::to_owned)).collect();
    Ok(Cell {
        threshold: threshold.ok_or_else(|| needs.wrong("a level, such as \"aal2 within 15 minutes\""))?,
        decided_by: decided_by?,
        applies_when: place.names_of("applies_when")?,
        guests_pass: match place.optional("guests_pass") {
            Some(flag) => flag.value.as_bool().ok_or_else(|| flag.wrong("true or false"))?,
            None => false,
        },
        note: place.optional("note").map(|note| note.text().map(str::to_owned)).transpose()?,
    })
}

/// Reads what [`Threshold::in_options`] wrote.
fn threshold(text: &str) -> Option<Threshold> {
    let (level, age) = text.split_once(" within ").map_or((text, None), |(level, age)| (level, Some(age)));
    let level: RequiredLevel = level.parse().ok()?;
    let max_age = match age {
        Some(_) if matches!(level, RequiredLevel::None | RequiredLevel::Denied) => return None,
        Some(age) => Some(MaxAge::from_words(age)?),
        None => None,
    };
    Some(Threshold { level, max_age })
}

fn call(place: &Place<'_>) -> Result<Call, Unreadable> {
    Ok(Call { cell: cell(place)?, reaches: place.names_of("reaches")? })
}

fn recorded(place: &Place<'_>) -> Result<Recorded, Unreadable> {
    let text = |name: &str| place.member(name)?.text().map(str::to_owned);
    let level = place.member("level")?;
    let name = level.text()?;
    let severity = Severity::ALL.into_iter().find(|it| it.as_str() == name);
    Ok(Recorded {
        lint: text("name")?,
        level: severity.ok_or_else(|| level.wrong("\"ERROR\", \"WARN\" or \"INFO\""))?,
        object: text("object")?,
        detail: text("detail")?,
        roles: place.names_of("roles")?,
        commands: place.names_of("commands")?,
        reaches: place.names_of("reaches")?,
    })
}

/// A value, and where it stands.
struct Place<'a> {
    value: &'a Value,
    above: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Top,
    Member(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    fn new(value: &'a Value) -> Place<'a> {
        Place { value, above: None, step: Step::Top }
    }

    fn below<'b>(&'b self, value: &'b Value, step: Step<'b>) -> Place<'b> {
        Place { value, above: Some(self), step }
    }

    fn wrong(&self, wanted: &str) -> Unreadable {
        Unreadable::Wrong { place: self.path(), wanted: wanted.to_owned() }
    }

    fn path(&self) -> String {
        let above = self.above.map(Place::path).unwrap_or_default();
        match self.step {
            Step::Top => above,
            Step::Item(n) => format!("{above}[{n}]"),
            Step::Member(name) => {
                let is_plain =
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let name = if is_plain { shown(name) } else { format!("\"{}\"", shown(name)) };
                if above.is_empty() { name } else { format!("{above}.{name}") }
            }
        }
    }

    fn object(&self) -> Result<&Map<String, Value>, Unreadable> {
        self.value.as_object().ok_or_else(|| self.wrong("an object"))
    }

    fn members(&self) -> Result<Vec<(&String, Place<'_>)>, Unreadable> {
        Ok(self.object()?.iter().map(|(name, value)| (name, self.below(value, Step::Member(name)))).collect())
    }

    fn member<'b>(&'b self, name: &'b str) -> Result<Place<'b>, Unreadable> {
        self.object()?;
        let wanted = || self.wrong(&format!("an object with a member \"{name}\""));
        self.optional(name).ok_or_else(wanted)
    }

    fn optional<'b>(&'b self, name: &'b str) -> Option<Place<'b>> {
        self.value.get(name).map(|value| self.below(value, Step::Member(name)))
    }

    fn items(&self) -> Result<Vec<Place<'_>>, Unreadable> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("an array"))?;
        Ok(items.iter().enumerate().map(|(n, value)| self.below(value, Step::Item(n))).collect())
    }

    fn text(&self) -> Result<&'a str, Unreadable> {
        self.value.as_str().ok_or_else(|| self.wrong("a string"))
    }

    fn names(&self) -> Result<BTreeSet<String>, Unreadable> {
        self.items()?.into_iter().map(|item| item.text().map(str::to_owned)).collect()
    }

    /// The names of a member that isn't written where there are none.
    fn names_of(&self, name: &str) -> Result<BTreeSet<String>, Unreadable> {
        self.optional(name).map_or_else(|| Ok(BTreeSet::new()), |names| names.names())
    }

    fn by_name<T>(
        &self,
        read: impl Fn(&Place<'_>) -> Result<T, Unreadable>,
    ) -> Result<BTreeMap<String, T>, Unreadable> {
        self.members()?.into_iter().map(|(name, place)| Ok((name.clone(), read(&place)?))).collect()
    }
}
