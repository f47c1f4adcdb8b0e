//! Points in time, the clock that judges them, and how old is too old.

use std::fmt;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i128 = 86_400 * MICROS_PER_SECOND as i128;
/// Days in a month, as Postgres counts them when it compares intervals.
const DAYS_PER_MONTH: i128 = 30;

/// A point in time, in microseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last whole second since 1970 whose microseconds an `i64` can count, in the year 294247: before the end
    /// of Postgres' `timestamptz`.
    pub const END: f64 = (i64::MAX / MICROS_PER_SECOND) as f64;

    /// From microseconds since 1970-01-01 00:00 UTC.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// A NumericDate (RFC 7519, section 2): seconds since 1970, fractions allowed. `None` where it can't be a
    /// time at which somebody authenticated: zero, negative, not a number, or later than [`Timestamp`] can hold.
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        if seconds > 0.0 && seconds < Self::END {
            // Whole seconds are exact in a f64 this size, their microseconds wouldn't be. The sum is below 2^63.
            let (whole, fraction) = (seconds.trunc(), seconds.fract());
            Some(Timestamp(whole as i64 * MICROS_PER_SECOND + (fraction * MICROS_PER_SECOND as f64) as i64))
        } else {
            None
        }
    }

    /// Microseconds since 1970-01-01 00:00 UTC.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }
}

/// The time at which a question is asked, and how far other clocks may run ahead of it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: Timestamp,
    skew_micros: i64,
}

impl Clock {
    /// How far in the future a time may lie and still count, in seconds, unless a setting says another number.
    pub const USUAL_SKEW: u32 = 30;

    /// `now`: the statement's start. `skew_seconds`: how far in the future a time may lie and still count.
    pub fn new(now: Timestamp, skew_seconds: u32) -> Self {
        Clock { now, skew_micros: i64::from(skew_seconds) * MICROS_PER_SECOND }
    }

    /// The time at which the question is asked.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether `at` lies in the future by more than the clock skew.
    pub fn is_future(&self, at: Timestamp) -> bool {
        at.0 > self.now.0.saturating_add(self.skew_micros)
    }

    /// Whether `at` is now or past, without any skew.
    pub fn has_reached(&self, at: Timestamp) -> bool {
        self.now >= at
    }

    /// How long ago `at` was; nothing for a time in the future.
    pub fn age_of(&self, at: Timestamp) -> MaxAge {
        MaxAge(self.now.0.saturating_sub(at.0).max(0))
    }

    /// Whether `at` is not in the future and at most `max_age` ago.
    pub fn is_fresh(&self, at: Timestamp, max_age: MaxAge) -> bool {
        !self.is_future(at) && self.now.0.saturating_sub(at.0) <= max_age.0
    }
}

/// How long ago the factor that gives a level may have been verified. Never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxAge(i64);

impl MaxAge {
    /// From a whole number of seconds.
    pub fn from_seconds(seconds: u32) -> Self {
        MaxAge(i64::from(seconds) * MICROS_PER_SECOND)
    }

    /// From the parts of a Postgres interval. A day has 24 hours and a month 30 days, as when Postgres compares
    /// intervals: that doesn't depend on a time zone, which the session could choose.
    ///
    /// # Errors
    /// [`InvalidMaxAge`] where the interval is negative or infinite (Postgres 17 and later know infinite ones).
    pub fn from_interval(months: i32, days: i32, micros: i64) -> Result<Self, InvalidMaxAge> {
        if months == i32::MAX && days == i32::MAX && micros == i64::MAX {
            return Err(InvalidMaxAge::Infinite);
        }
        let days = i128::from(months) * DAYS_PER_MONTH + i128::from(days);
        let total = days * MICROS_PER_DAY + i128::from(micros);
        if total < 0 {
            return Err(InvalidMaxAge::Negative);
        }
        Ok(MaxAge(i64::try_from(total).unwrap_or(i64::MAX)))
    }

    /// For people: `15 minutes`, `2 hours`; in seconds where it is no whole number of anything longer.
    pub fn in_words(self) -> String {
        let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
        let whole = units.into_iter().find(|(_, seconds)| self.0 > 0 && self.0 % (seconds * MICROS_PER_SECOND) == 0);
        match whole {
            Some((unit, seconds)) => {
                let count = self.whole_seconds() / seconds;
                format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
            }
            None => self.to_string(),
        }
    }

    /// Reads what [`MaxAge::in_words`] or `Display` wrote; `None` for any other text.
    pub fn from_words(text: &str) -> Option<MaxAge> {
        let (number, unit) = text.split_once(' ')?;
        let unit_seconds = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let micros = whole.parse::<i64>().ok()?.checked_mul(MICROS_PER_SECOND)?;
        let micros = micros.checked_add(format!("{fraction:0<6}").parse().ok()?)?;
        micros.checked_mul(unit_seconds).map(MaxAge)
    }

    /// For people, in the largest unit that it fills: `12 minutes` for anything from 12 to 13 of them.
    pub fn roughly(self) -> String {
        let fits = [86_400, 3_600, 60, 1].into_iter().find(|seconds| self.whole_seconds() >= *seconds);
        let seconds = fits.map_or(0, |unit| self.whole_seconds() / unit * unit);
        MaxAge(seconds * MICROS_PER_SECOND).in_words()
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down: what RFC 9470's `max_age` carries.
    pub const fn whole_seconds(self) -> i64 {
        self.0 / MICROS_PER_SECOND
    }
}

impl fmt::Display for MaxAge {
    /// `900 seconds`: a form that Postgres reads as the same interval under all settings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 % MICROS_PER_SECOND;
        match (self.whole_seconds(), micros) {
            (1, 0) => f.write_str("1 second"),
            (seconds, 0) => write!(f, "{seconds} seconds"),
            (seconds, micros) => {
                let fraction = format!("{micros:06}");
                write!(f, "{seconds}.{} seconds", fraction.trim_end_matches('0'))
            }
        }
    }
}

/// An interval that can't be a `max_age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMaxAge {
    /// Less than zero.
    Negative,
    /// `infinity` or `-infinity`; leaving `max_age` out asks for a level of any age.
    Infinite,
}

impl InvalidMaxAge {
    /// What to do about it.
    pub const HINT: &str = "Leave max_age out to ask for a level of any age.";
}

impl fmt::Display for InvalidMaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidMaxAge::Negative => "max_age must not be negative",
            InvalidMaxAge::Infinite => "max_age must be finite",
        })
    }
}

impl std::error::Error for InvalidMaxAge {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * MICROS_PER_SECOND)
    }

    #[test]
    fn an_age_in_words_is_in_the_longest_unit_that_fits() {
        let words = |seconds| MaxAge::from_seconds(seconds).in_words();
        assert_eq!([words(900), words(3_600), words(172_800)], ["15 minutes", "1 hour", "2 days"]);
        assert_eq!([words(0), words(1), words(61)], ["0 seconds", "1 second", "61 seconds"]);
    }

    #[test]
    fn a_numeric_date_is_a_positive_time_that_postgres_can_hold() {
        assert_eq!(Timestamp::from_numeric_date(1.5), Some(Timestamp(1_500_000)));
        // Far from now, too, to the microsecond.
        assert_eq!(Timestamp::from_numeric_date(909_109_876_819.0), Some(at(909_109_876_819)));
        assert_eq!(Timestamp::from_numeric_date(9_223_372_036_853.0), Some(at(9_223_372_036_853)));
        for wrong in [0.0, -0.0, -1.0, 9_223_372_036_854.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(Timestamp::from_numeric_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fresh_up_to_and_including_max_age() {
        let clock = Clock::new(at(1_000), 30);
        assert!(clock.is_fresh(at(100), MaxAge::from_seconds(900)));
        assert!(!clock.is_fresh(at(99), MaxAge::from_seconds(900)));
        assert!(clock.is_fresh(at(1_000), MaxAge::from_seconds(0)));
    }

    #[test]
    fn the_future_counts_only_within_the_clock_skew() {
        let clock = Clock::new(at(1_000), 30);
        assert!(clock.is_fresh(at(1_030), MaxAge::from_seconds(0)));
        assert!(!clock.is_fresh(at(1_031), MaxAge::from_seconds(900)));
    }

    #[test]
    fn an_interval_counts_as_postgres_compares_it() {
        assert_eq!(MaxAge::from_interval(1, 0, 0), MaxAge::from_interval(0, 30, 0));
        assert_eq!(MaxAge::from_interval(0, 1, 0), Ok(MaxAge::from_seconds(86_400)));
        assert_eq!(MaxAge::from_interval(0, -1, 25 * 3_600_000_000), Ok(MaxAge::from_seconds(3_600)));
    }

    #[test]
    fn a_negative_or_infinite_interval_is_no_max_age() {
        assert_eq!(MaxAge::from_interval(0, 0, -1), Err(InvalidMaxAge::Negative));
        assert_eq!(MaxAge::from_interval(0, -1, 3_600_000_000), Err(InvalidMaxAge::Negative));
        assert_eq!(MaxAge::from_interval(i32::MIN, i32::MIN, i64::MIN), Err(InvalidMaxAge::Negative));
        assert_eq!(MaxAge::from_interval(i32::MAX, i32::MAX, i64::MAX), Err(InvalidMaxAge::Infinite));
    }

    #[test]
    fn a_max_age_reads_back_as_the_same_interval() {
        assert_eq!(MaxAge::from_seconds(900).to_string(), "900 seconds");
        assert_eq!(MaxAge::from_seconds(1).to_string(), "1 second");
        assert_eq!(MaxAge::from_interval(0, 0, 1_500_000).unwrap().to_string(), "1.5 seconds");
        assert_eq!(MaxAge::from_interval(0, 0, 7).unwrap().to_string(), "0.000007 seconds");
    }

    #[test]
    fn other_texts_are_no_age() {
        for wrong in [
            "",
            " ",
            "15",
            "15minutes",
            "minutes",
            "-1 seconds",
            "+1 seconds",
            "1.0000001 seconds",
            "1 month",
            ".5 hours",
        ] {
            assert_eq!(MaxAge::from_words(wrong), None, "{wrong}");
        }
        assert_eq!(MaxAge::from_words("99999999999999 days"), None);
    }

    proptest! {
        #[test]
        fn an_age_in_words_reads_back(micros in 0i64.., whole in 0i64..1_000_000) {
            for age in [MaxAge(micros), MaxAge(whole * MICROS_PER_SECOND), MaxAge(whole * 60 * MICROS_PER_SECOND)] {
                prop_assert_eq!(MaxAge::from_words(&age.in_words()), Some(age));
                prop_assert_eq!(MaxAge::from_words(&age.to_string()), Some(age));
            }
        }

        #[test]
        fn any_number_is_judged_without_overflow(seconds: f64) {
            if let Some(at) = Timestamp::from_numeric_date(seconds) {
                prop_assert!(at.unix_micros() >= 0);
            }
        }

        #[test]
        fn a_longer_max_age_never_refuses_what_a_shorter_one_allows(now: i64, then: i64, short: u32, longer: u32, skew: u32) {
            let clock = Clock::new(Timestamp(now), skew);
            let (short, long) = (short.min(longer), short.max(longer));
            if clock.is_fresh(Timestamp(then), MaxAge::from_seconds(short)) {
                prop_assert!(clock.is_fresh(Timestamp(then), MaxAge::from_seconds(long)));
            }
        }

        #[test]
        fn fresh_means_within_skew_ahead_and_max_age_behind(now in -1i64 << 60..1 << 60, then in -1i64 << 60..1 << 60, age: u32, skew: u32) {
            let clock = Clock::new(Timestamp(now), skew);
            let expected = then <= now + i64::from(skew) * 1_000_000 && now - then <= i64::from(age) * 1_000_000;
            prop_assert_eq!(clock.is_fresh(Timestamp(then), MaxAge::from_seconds(age)), expected);
        }

        #[test]
        fn any_interval_is_judged_without_overflow(months: i32, days: i32, micros: i64) {
            let total = (i128::from(months) * 30 + i128::from(days)) * MICROS_PER_DAY + i128::from(micros);
            let expected = (0..=i128::from(i64::MAX)).contains(&total);
            if let Ok(max_age) = MaxAge::from_interval(months, days, micros) {
                prop_assert!(total >= 0);
                if expected { prop_assert_eq!(i128::from(max_age.0), total); }
            } else {
                prop_assert!(total < 0);
            }
        }
    }
}
