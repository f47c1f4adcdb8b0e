//! No text verifies that nobody signed, and none makes verifying fail otherwise than by its answer.
#![no_main]

use aal::token::{Expected, bearer_token, verify};
use aal::{KeySet, Profiles};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// A key of each kind: the public ones of RFC 7515's examples, and a secret that isn't in the corpus.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let keys = r#"{"keys":[
        {"kty":"oct","kid":"a","k":"bm90IGluIHRoZSBjb3JwdXMsIG5vdCBpbiB0aGUgY29ycHVz"},
        {"kty":"EC","kid":"a","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty":"OKP","kid":"b","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    KeySet::from_json(keys.as_bytes()).unwrap()
});

fuzz_target!(|token: &[u8]| {
    assert!(verify(token, &KEYS, &Expected::default(), &Profiles::Supabase).is_err());
    let _ = bearer_token(token);
});
