//! The parts behind a good signature: the header is the input's first line, the payload the rest. A token that verifies
//! must say the same to another JSON parser.
#![no_main]

use aal::token::{Expected, verify};
use aal::{Clock, KeySet, Profiles, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

const SECRET: &[u8] = b"a secret of forty bytes, for HMAC-SHA256";
const NOW: i64 = 1_800_000_000;

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    KeySet::from_json(format!(r#"{{"kty":"oct","k":"{}"}}"#, URL_SAFE_NO_PAD.encode(SECRET)).as_bytes()).unwrap()
});

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let (header, payload) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(SECRET), Algorithm::HS256).unwrap();
    let token = format!("{signed}.{signature}");
    for expected in [Expected::default(), Expected { issuer: Some("me".into()), audience: Some("you".into()) }] {
        let Ok(verified) = verify(token.as_bytes(), &KEYS, &expected, &Profiles::Supabase) else { continue };
        // Value can't hold numbers that are larger than a double, or nesting that is deep. A text that isn't read may be
        // either.
        if let Ok(header) = serde_json::from_slice::<Value>(header) {
            assert_eq!(header["alg"], "HS256");
            for name in ["crit", "jwk", "jku", "x5u", "x5c", "enc"] {
                assert!(header.get(name).is_none());
            }
        }
        let Ok(payload) = serde_json::from_slice::<Value>(payload) else { continue };
        if expected.issuer.is_some() {
            assert_eq!(payload["iss"], "me");
            assert!(payload["aud"] == "you" || payload["aud"].as_array().unwrap().iter().any(|aud| aud == "you"));
        }
        let now = Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30);
        if let Ok(claims) = verified.claims_at(now) {
            assert!(payload["exp"].as_f64().unwrap() > NOW as f64);
            assert!(payload.get("nbf").is_none_or(|nbf| nbf.as_f64().unwrap() <= (NOW + 31) as f64));
            assert_eq!(
                claims.level().map(|level| level.as_str()),
                payload["aal"].as_str().filter(|aal| ["aal1", "aal2", "aal3"].contains(aal))
            );
            if let Some(subject) = claims.subject() {
                assert_eq!(payload["sub"], subject);
            }
        }
    }
});
