//! Any text is claims or an error, and claims say what another JSON parser reads.
#![no_main]

use aal::{Claims, Clock, Level, MaxAge, FixedRequirement, Timestamp, assess};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NOW: i64 = 1_800_000_000;

fuzz_target!(|text: &[u8]| {
    let Ok(claims) = Claims::from_json(text) else { return };
    let clock = || Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30);
    for level in [Level::Aal1, Level::Aal2, Level::Aal3] {
        let any_age = assess(Some(&claims), FixedRequirement { level, max_age: None }, clock);
        assert_eq!(any_age.is_ok(), claims.level() >= Some(level));
        let fresh = assess(Some(&claims), FixedRequirement { level, max_age: Some(MaxAge::from_seconds(900)) }, clock);
        assert!(fresh.is_err() || any_age.is_ok());
        // A session that was there in the last 15 minutes can say when.
        if fresh.is_ok() {
            let at = claims.authenticated_at(level, clock()).unwrap().unix_micros();
            assert!((NOW - 900) * 1_000_000 <= at && at <= (NOW + 30) * 1_000_000);
        }
    }
    // Value can't hold numbers that are larger than a double, or nesting that is deep. Claims skip both.
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
    assert!(value.is_object());
    let aal = value["aal"].as_str().filter(|aal| ["aal1", "aal2", "aal3"].contains(aal));
    assert_eq!(claims.level().map(Level::as_str), aal);
    if let Some(subject) = claims.subject() {
        assert_eq!(value["sub"], subject);
    }
    assert!(claims.methods().len() <= value["amr"].as_array().map_or(0, Vec::len));
});
