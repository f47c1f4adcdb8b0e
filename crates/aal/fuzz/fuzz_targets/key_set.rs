//! Any text is a key set or an error that says why, and any keys it gives can be held against a token.
#![no_main]

use aal::token::{Expected, verify, verify_by_issuer};
use aal::{KeySet, Keyring, Profiles};
use libfuzzer_sys::fuzz_target;

/// One of each algorithm: signed by nobody.
const TOKENS: [&str; 4] = [
    "eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "eyJhbGciOiJSUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "eyJhbGciOiJFUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "eyJhbGciOiJFZERTQSJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fuzz_target!(|text: &[u8]| {
    match KeySet::from_json(text) {
        Ok(keys) => {
            assert_eq!(keys.is_empty(), keys.summary().starts_with("no keys"));
            for token in TOKENS {
                assert!(verify(token.as_bytes(), &keys, &Expected::default(), &Profiles::Supabase).is_err());
            }
        }
        Err(error) => assert!(error.to_string().len() < 1_000),
    }
    let of_file = Keyring::from_file(text);
    if let Ok(keyring) = Keyring::from_setting(text) {
        assert_eq!(keyring.summary(), of_file.as_ref().expect("a file may hold what a setting may").summary());
    }
    for token in TOKENS {
        let keyring = of_file.clone().unwrap_or_default();
        assert!(verify_by_issuer(token.as_bytes(), &keyring, &Expected::default(), &Profiles::default()).is_err());
    }
});
