//! The kinds of session that a requirement tells apart.

use aal::Level;
use aal::MaxAge;

/// A kind of session: its level, and what else a policy could ask of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// Its level: the `aal` claim; `None` where that is missing, or all claims are, or where the user is anonymous.
    pub level: Option<Level>,
    /// Whether its user is anonymous, and has no level though the claim `aal` is aal1.
    pub is_guest: bool,
    /// Whether its user has enrolled a second factor.
    pub enrolled: Enrolled,
    /// How old the factor is that gives the level: at aal1 any method, above it a second factor.
    pub age: Age,
}

/// Whether a session's user has enrolled a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Enrolled {
    /// They have a verified one.
    Yes,
    /// They have none; or nobody knows the user.
    No,
    /// Either.
    Either,
}

/// How old a factor is, in the terms of the `max_age`s that are asked anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Age {
    /// Not known: it could be anything.
    Any,
    /// At most this old, and older than any smaller `max_age` that is asked.
    AtMost(MaxAge),
    /// Older than any `max_age` that is asked, or the token doesn't say.
    Older,
}

impl Age {
    /// Whether the factor is at most this old; `None`: either.
    pub fn is_within(self, max_age: MaxAge) -> Option<bool> {
        match self {
            Age::Any => None,
            Age::AtMost(age) => Some(age <= max_age),
            Age::Older => Some(false),
        }
    }

    /// Whether the factor is fresh for every `max_age` that there can be: one that isn't known, too.
    pub fn is_within_any(self) -> bool {
        matches!(self, Age::AtMost(age) if age == MaxAge::from_seconds(0))
    }
}

impl Session {
    /// Without any level.
    pub const NOBODY: Session = Session { level: None, is_guest: false, enrolled: Enrolled::Either, age: Age::Any };

    /// Of an anonymous user. Such a user has no second factor, and the claim `aal` is aal1.
    pub const GUEST: Session = Session { is_guest: true, enrolled: Enrolled::No, ..Session::NOBODY };

    /// Of each level, with what else is not known, and a guest.
    pub const OF_EACH_LEVEL: [Session; 5] =
        [Session::NOBODY, Session::at(Level::Aal1), Session::at(Level::Aal2), Session::at(Level::Aal3), Session::GUEST];

    /// At a level; the rest is not known.
    pub const fn at(level: Level) -> Session {
        Session { level: Some(level), ..Session::NOBODY }
    }

    /// At aal1, of a user of whom this is known.
    pub const fn at_aal1(enrolled: Enrolled) -> Session {
        Session { level: Some(Level::Aal1), enrolled, ..Session::NOBODY }
    }

    /// The claim `aal`, as a policy sees it that reads the claims itself.
    pub const fn claim(self) -> Option<Level> {
        if self.is_guest { Some(Level::Aal1) } else { self.level }
    }

    /// The same with a factor of another age.
    pub const fn aged(self, age: Age) -> Session {
        Session { age, ..self }
    }

    /// Whether `level` was proved at most `max_age` ago, for a session that is at it; `None`: either.
    pub fn is_fresh(&self, level: Level, max_age: MaxAge) -> Option<bool> {
        match (level, self.level) {
            // Any method counts for aal1: it can be newer than the second factor, but not older.
            (Level::Aal1, Some(Level::Aal2 | Level::Aal3)) => self.age.is_within(max_age).filter(|fresh| *fresh),
            _ => self.age.is_within(max_age),
        }
    }
}

/// What the claim `aal` is. A gateway's is a level or missing; this also tells what else an issuer could put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LevelClaim<'a> {
    /// What the kind of session says. Where that has no level, the claims may be missing as a whole.
    OfLevel,
    /// There are claims, and it isn't among them.
    Missing,
    /// It is JSON's null.
    JsonNull,
    /// This text, which is no level.
    Unknown(&'a str),
}
