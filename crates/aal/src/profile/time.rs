//! When the factor was verified that gives a level.

use serde_json::value::RawValue;

use super::definition::{TimeRule, TimeShape};
use super::level::entries;
use crate::json::{Object, number_of, text_of};
use crate::time::Timestamp;

impl TimeRule {
    /// The fault in it, if there is one.
    pub fn fault(&self) -> Option<String> {
        let has_entry = self.at.is_some() && self.time.is_some_and(|time| time != TimeShape::Entries);
        let is_entry = self.is == TimeShape::Entries;
        if is_entry && !has_entry {
            return Some(format!("the time of claim {} lacks \"at\" or \"time\"", self.claim));
        }
        let has_values_without_key = self.values.is_some() && self.key.is_none();
        has_values_without_key.then(|| format!("the time of claim {} lacks \"key\"", self.claim))
    }

    /// The newest time that it finds in these claims.
    pub fn newest(&self, claims: &Object<'_>) -> Option<Timestamp> {
        let value = self.claim.find(claims)?;
        if self.is != TimeShape::Entries {
            return self.is.read(value, claims);
        }
        let (at, shape) = (self.at.as_ref()?, self.time?);
        let counts = |entry: &Object<'_>| match (&self.key, &self.values) {
            (Some(key), Some(values)) => entry.text(key).is_some_and(|value| values.contains(&value)),
            _ => true,
        };
        entries(value).iter().filter(|entry| counts(entry)).filter_map(|entry| shape.read(entry.get(at)?, claims)).max()
    }
}

impl TimeShape {
    fn read(self, value: &RawValue, claims: &Object<'_>) -> Option<Timestamp> {
        match self {
            TimeShape::Seconds => Timestamp::from_numeric_date(number_of(value)?),
            TimeShape::Milliseconds => Timestamp::from_numeric_date(number_of(value)? / 1_000.0),
            TimeShape::Rfc3339 => {
                let at: jiff::Timestamp = text_of(value)?.parse().ok()?;
                Some(Timestamp::from_unix_micros(at.as_microsecond())).filter(|at| at.unix_micros() > 0)
            }
            TimeShape::MinutesBeforeIat => {
                let minutes = number_of(value).filter(|minutes| *minutes >= 0.0)?;
                // Whether it was rounded down isn't documented.
                Timestamp::from_numeric_date(number_of(claims.get("iat")?)? - 60.0 * (minutes + 1.0))
            }
            TimeShape::Entries => None,
        }
    }
}
