//! The least that a session must show: a level, and how old the factor may be that gives it.

use std::fmt;
use std::str::FromStr;

use crate::session_kind::{Age, Enrolled, Session};
use aal::protection::TableLevel;
use aal::{Level, MaxAge, Requirement, UnknownLevel};

/// The lowest level at which a command can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequiredLevel {
    /// Nothing: a session without any level can do it.
    None,
    /// One factor.
    Aal1,
    /// The level that the user can reach. One factor suffices for a user without a second one.
    Enrolled,
    /// Two factors.
    Aal2,
    /// A hardware-bound second factor.
    Aal3,
    /// No level suffices.
    Denied,
}

impl RequiredLevel {
    /// Every one, the lowest first.
    pub const ALL: [RequiredLevel; 6] = [
        RequiredLevel::None,
        RequiredLevel::Aal1,
        RequiredLevel::Enrolled,
        RequiredLevel::Aal2,
        RequiredLevel::Aal3,
        RequiredLevel::Denied,
    ];

    const NAMES: [&'static str; 6] = ["none", "aal1", "enrolled", "aal2", "aal3", "denied"];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for RequiredLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RequiredLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let named = Self::ALL.into_iter().find(|level| level.as_str() == text);
        named.ok_or_else(|| UnknownLevel::new(text, &Self::NAMES))
    }
}

/// The lowest level that suffices, and the greatest age of its factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Threshold {
    /// The lowest level that suffices.
    pub level: RequiredLevel,
    /// How old the factor may be that gives a session this level; `None`: any age.
    pub max_age: Option<MaxAge>,
}

impl fmt::Display for Threshold {
    /// `nothing`, `aal2`, or `aal2 at most 15 minutes old`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.level, self.max_age) {
            (RequiredLevel::None, _) => f.write_str("nothing"),
            (level, None) => level.fmt(f),
            (level, Some(max_age)) => write!(f, "{level} at most {} old", max_age.in_words()),
        }
    }
}

impl From<TableLevel> for Threshold {
    fn from(level: TableLevel) -> Threshold {
        let of_level = match level.requirement() {
            None => RequiredLevel::None,
            Some(Requirement::Enrolled(_)) => RequiredLevel::Enrolled,
            Some(Requirement::Fixed(fixed)) => match fixed.level {
                Level::Aal1 => RequiredLevel::Aal1,
                Level::Aal2 => RequiredLevel::Aal2,
                Level::Aal3 => RequiredLevel::Aal3,
            },
        };
        Threshold { level: of_level, max_age: level.max_age() }
    }
}

/// How many `max_age`s are told apart in the policies for one command.
const MOST_AGES: usize = 16;

impl Threshold {
    /// What every session shows.
    pub const NOTHING: Threshold = Threshold::at_any_age(RequiredLevel::None);

    /// A level, with a factor of any age.
    pub const fn at_any_age(level: RequiredLevel) -> Threshold {
        Threshold { level, max_age: None }
    }

    /// As an option of `protect_table` is written: `aal2 within 15 minutes`.
    pub fn in_options(self) -> String {
        match self.max_age {
            Some(max_age) => format!("{} within {}", self.level, max_age.in_words()),
            None => self.level.to_string(),
        }
    }

    /// Whether this asks for less than `other`.
    pub fn is_weaker_than(self, other: Threshold) -> bool {
        // Without a max_age the factor may be of any age: that is the weaker one.
        let strictness = |it: Threshold| (it.level, it.max_age.map_or(i64::MIN, |age| -age.micros()));
        strictness(self) < strictness(other)
    }

    /// Whether every session that shows this shows the other one, too.
    pub fn implies(self, other: Threshold) -> bool {
        let is_as_fresh = match (self.max_age, other.max_age) {
            (_, None) => true,
            (None, Some(_)) => self.level == RequiredLevel::Denied,
            (Some(age), Some(other)) => age <= other,
        };
        self.level >= other.level && is_as_fresh
    }

    /// The other one, if that implies this: of two that a session shows, the one to go on with.
    #[must_use]
    pub(crate) fn or_stronger(self, other: Threshold) -> Threshold {
        if other.implies(self) { other } else { self }
    }

    /// The least that implies both.
    #[must_use]
    pub(crate) fn and(self, other: Threshold) -> Threshold {
        let ages = [self.max_age, other.max_age];
        Threshold { level: self.level.max(other.level), max_age: ages.into_iter().flatten().min() }
    }

    /// The lowest threshold of the sessions that pass. `ages` are the `max_age`s to tell apart, smallest first.
    pub(crate) fn lowest(ages: &[MaxAge], passes: impl Fn(Session) -> bool) -> Threshold {
        // So many are not told apart.
        let ages = if ages.len() > MOST_AGES { &[] } else { ages };
        if passes(Session::NOBODY) {
            return Threshold::at_any_age(RequiredLevel::None);
        }
        let enrolled = oldest_that_passes(Session::at_aal1(Enrolled::Yes), ages, &passes);
        let others = oldest_that_passes(Session::at_aal1(Enrolled::No), ages, &passes);
        match (enrolled, others) {
            // Either user passes at aal1: the one whose factor may be older decides.
            (Some(one), Some(other)) => {
                return Threshold { level: RequiredLevel::Aal1, max_age: older_of(max_age(one), max_age(other)) };
            }
            (Some(one), None) => return Threshold { level: RequiredLevel::Aal1, max_age: max_age(one) },
            // The enrolled level is aal1 for some users, and aal2 for the others.
            (None, Some(other)) => {
                let enrolled = Session { enrolled: Enrolled::Yes, ..Session::at(Level::Aal2) };
                let max_age = match oldest_that_passes(enrolled, ages, &passes) {
                    Some(one) => older_of(max_age(one), max_age(other)),
                    None => max_age(other),
                };
                return Threshold { level: RequiredLevel::Enrolled, max_age };
            }
            (None, None) => {}
        }
        for (level, required) in [(Level::Aal2, RequiredLevel::Aal2), (Level::Aal3, RequiredLevel::Aal3)] {
            if let Some(age) = oldest_that_passes(Session::at(level), ages, &passes) {
                return Threshold { level: required, max_age: max_age(age) };
            }
        }
        Threshold::at_any_age(RequiredLevel::Denied)
    }

    /// A session that just fails to reach this; `None` where every session suffices.
    pub(crate) fn session_below(self, ages: &[MaxAge]) -> Option<Session> {
        let too_old = |session: Session| {
            let max_age = self.max_age?;
            let older = ages.iter().find(|age| **age > max_age).map_or(Age::Older, |age| Age::AtMost(*age));
            Some(session.aged(older))
        };
        match self.level {
            RequiredLevel::None => None,
            RequiredLevel::Aal1 => Some(too_old(Session::at_aal1(Enrolled::Yes)).unwrap_or(Session::NOBODY)),
            RequiredLevel::Enrolled => {
                Some(too_old(Session::at_aal1(Enrolled::No)).unwrap_or(Session::at_aal1(Enrolled::Yes)))
            }
            RequiredLevel::Aal2 => Some(too_old(Session::at(Level::Aal2)).unwrap_or(Session::at_aal1(Enrolled::Yes))),
            RequiredLevel::Aal3 => Some(too_old(Session::at(Level::Aal3)).unwrap_or(Session::at(Level::Aal2))),
            RequiredLevel::Denied => Some(Session::at(Level::Aal3)),
        }
    }
}

/// The greatest age of its factor with which a session passes.
fn oldest_that_passes(session: Session, ages: &[MaxAge], passes: &impl Fn(Session) -> bool) -> Option<Age> {
    let oldest = if ages.is_empty() { Age::Any } else { Age::Older };
    let mut oldest_first = [oldest].into_iter().chain(ages.iter().rev().map(|age| Age::AtMost(*age)));
    oldest_first.find(|age| passes(session.aged(*age)))
}

const fn max_age(age: Age) -> Option<MaxAge> {
    match age {
        Age::AtMost(age) => Some(age),
        Age::Older | Age::Any => None,
    }
}

fn older_of(one: Option<MaxAge>, other: Option<MaxAge>) -> Option<MaxAge> {
    one.zip(other).map(|(one, other)| one.max(other))
}
