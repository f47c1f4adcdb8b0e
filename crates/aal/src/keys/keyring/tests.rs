use super::*;
use crate::keys::WritableKeys;
use proptest::prelude::*;

const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
const SECRET: &str = r#""kty":"oct","alg":"HS256","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc""#;
const WEAK: &str = r#""kty":"oct","k":"BwcH""#;
const OFF_CURVE: &str = r#""kty":"EC","crv":"P-256","x":"f83PJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

fn summary(read: Result<Keyring, InvalidKeySet>) -> Result<String, String> {
    read.map(|keyring| keyring.summary()).map_err(|error| error.to_string())
}

fn setting(text: &str) -> Result<String, String> {
    summary(Keyring::from_setting(text.as_bytes()))
}

fn file(text: &str) -> Result<String, String> {
    summary(Keyring::from_file(text.as_bytes()))
}

/// A document whose issuers have these members beside their name.
fn document(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(issuer, rest)| format!(r#"{{"issuer":"{issuer}",{rest}}}"#)).collect();
    format!(r#"{{"issuers":[{}]}}"#, entries.join(","))
}

fn keys(jwks: &[&str]) -> String {
    let jwks: Vec<String> =
        jwks.iter().enumerate().map(|(n, jwk)| format!(r#"{{"kid":"k{}",{jwk}}}"#, n + 1)).collect();
    format!(r#""keys":[{}]"#, jwks.join(","))
}

#[test]
fn a_plain_key_set_is_bound_to_no_issuer() {
    for text in [format!("{{{}}}", keys(&[P256])), format!(r#"{{"kid":"k1",{P256}}}"#)] {
        assert_eq!(setting(&text), Ok(r#"1 key: ES256 "k1""#.to_owned()));
        assert_eq!(file(&text), setting(&text));
        assert!(Keyring::from_file(text.as_bytes()).unwrap().has_unbound_keys());
    }
    assert_eq!(setting(""), Ok("no keys".to_owned()));
}

#[test]
fn each_issuer_of_a_document_has_its_own_keys() {
    let text = document(&[
        ("https://a", &keys(&[P256, ED])),
        ("https://b", &format!(r#""audience":"app",{}"#, keys(&[ED]))),
        ("https://c", r#""keys":[]"#),
    ]);
    let expected =
        r#""https://a": 2 keys: ES256 "k1", EdDSA "k2"; "https://b": 1 key: EdDSA "k1"; "https://c": no keys"#;
    assert_eq!(setting(&text), Ok(expected.to_owned()));
    assert_eq!(file(&text), Ok(expected.to_owned()));
    assert!(!Keyring::from_file(text.as_bytes()).unwrap().has_unbound_keys());
}

#[test]
fn in_a_file_a_bad_key_is_left_out_and_named_and_the_others_count() {
    let plain = format!("{{{}}}", keys(&[WEAK, P256, OFF_CURVE]));
    let keyring = Keyring::from_file(plain.as_bytes()).unwrap();
    assert_eq!(keyring.summary(), r#"1 key: ES256 "k2"; 2 skipped"#);
    assert_eq!(
        keyring.faults(),
        [
            r#"the key with kid "k1" has 24 bits, and HS256 needs at least 256"#,
            r#"the key with kid "k3" is no point of its curve"#
        ]
    );
    for jwk in [r#"7"#.to_owned(), format!("{{{P256},{P256}}}"), format!(r#"{{{P256},"d":"AA"}}"#)] {
        let text = document(&[("https://a", &format!(r#""keys":[{jwk},{{{ED}}}]"#))]);
        let keyring = Keyring::from_file(text.as_bytes()).unwrap();
        assert_eq!(keyring.summary(), r#""https://a": 1 key: EdDSA without kid; 1 skipped"#);
        let [fault] = &keyring.faults()[..] else { panic!("{jwk}") };
        assert!(fault.starts_with(r#"of "https://a": key number 1, which has no kid, "#), "{fault}");
        assert!(setting(&text).is_err(), "a setting is refused: {jwk}");
    }
}

#[test]
fn a_file_without_any_good_key_is_refused_and_one_without_any_key_is_not() {
    assert_eq!(
        file(&format!("{{{}}}", keys(&[WEAK]))),
        Err(r#"the key with kid "k1" has 24 bits, and HS256 needs at least 256"#.to_owned())
    );
    let two = document(&[("https://a", &keys(&[OFF_CURVE])), ("https://b", r#""keys":[]"#)]);
    assert_eq!(file(&two), Err(r#"the key with kid "k1" is no point of its curve"#.to_owned()));
    assert_eq!(file(r#"{"keys":[]}"#), Ok("no keys".to_owned()));
    assert_eq!(file(r#"{"issuers":[]}"#), Ok("no keys".to_owned()));
}

#[test]
fn an_issuers_keys_are_public_unless_its_entry_says_otherwise() {
    let of_a = |rest: &str| document(&[("https://a", &format!("{rest}{}", keys(&[SECRET, P256])))]);
    let fault = r#"the key with kid "k1" is an HMAC secret, and an issuer's published keys are public"#;
    for rest in ["", r#""secrets":false,"#] {
        assert_eq!(setting(&of_a(rest)), Err(fault.to_owned()));
        let keyring = Keyring::from_file(of_a(rest).as_bytes()).unwrap();
        assert_eq!((keyring.holds_secrets(), keyring.faults()), (false, vec![format!(r#"of "https://a": {fault}"#)]));
    }
    let allowed = Keyring::from_file(of_a(r#""secrets":true,"#).as_bytes()).unwrap();
    assert_eq!((allowed.holds_secrets(), allowed.faults()), (true, vec![]));
}

#[test]
fn a_document_that_leaves_a_doubt_is_refused_as_a_whole() {
    let no_set = "this is no JSON Web Key Set (RFC 7517)";
    for (text, fault) in [
        (format!(r#"{{"issuers":[],{}}}"#, keys(&[P256])), no_set),
        (format!(r#"{{"issuers":[],{P256}}}"#), no_set),
        (r#"{"issuers":{}}"#.to_owned(), no_set),
        (r#"{"issuers":[]"#.to_owned(), no_set),
        (r#"{"issuers":[],"issuers":[]}"#.to_owned(), "the key set states a member twice"),
        (r#"{"issuers":["https://a"]}"#.to_owned(), "issuer number 1 is no JSON object, or states a member twice"),
        (
            r#"{"issuers":[{"issuer":"https://a","issuer":"https://b","keys":[]}]}"#.to_owned(),
            "issuer number 1 is no JSON object, or states a member twice",
        ),
        (r#"{"issuers":[{"keys":[]}]}"#.to_owned(), "issuer number 1 has no issuer, which is a text"),
        (r#"{"issuers":[{"issuer":"","keys":[]}]}"#.to_owned(), "issuer number 1 has no issuer, which is a text"),
        (r#"{"issuers":[{"issuer":["a"],"keys":[]}]}"#.to_owned(), "issuer number 1 has no issuer, which is a text"),
        (
            document(&[("https://a", r#""key":[]"#)]),
            "issuer number 1 has a member that is none of issuer, audience, secrets and keys",
        ),
        (
            document(&[("https://a", r#""aud":"x","keys":[]"#)]),
            "issuer number 1 has a member that is none of issuer, audience, secrets and keys",
        ),
        (
            document(&[("https://a", r#""audience":["x"],"keys":[]"#)]),
            "issuer number 1 has an audience that is no text",
        ),
        (document(&[("https://a", r#""audience":"x""#)]), "issuer number 1 has no keys"),
        (
            document(&[("https://a", r#""secrets":1,"keys":[]"#)]),
            "issuer number 1 says neither true nor false of secrets",
        ),
        (document(&[("https://a", r#""keys":{}"#)]), no_set),
        (document(&[("https://a", r#""keys":[]"#), ("https://a", r#""keys":[]"#)]), "issuer number 2 is there twice"),
    ] {
        assert_eq!(setting(&text), Err(fault.to_owned()), "{text}");
        assert_eq!(file(&text), Err(fault.to_owned()), "{text}");
    }
    let many = |n: usize| {
        let names: Vec<String> = (0..n).map(|n| format!("https://{n}")).collect();
        document(&names.iter().map(|name| (name.as_str(), r#""keys":[]"#)).collect::<Vec<_>>())
    };
    assert!(setting(&many(Keyring::MAX_ISSUERS)).is_ok());
    assert_eq!(
        setting(&many(Keyring::MAX_ISSUERS + 1)),
        Err("there are more than 64 issuers, or 5242880 bytes".to_owned())
    );
    let large = format!(r#"{{"issuers":[],"x":"{}"}}"#, "x".repeat(Keyring::MAX_BYTES));
    assert_eq!(file(&large), Err("there are more than 64 issuers, or 5242880 bytes".to_owned()));
}

#[test]
fn the_list_names_every_key_and_shows_none() {
    let text = document(&[("https://a", &keys(&[P256, OFF_CURVE]))]);
    let plain = format!("{{{}}}", keys(&[SECRET]));
    let both = Keyring::from_setting(plain.as_bytes()).unwrap().and(Keyring::from_file(text.as_bytes()).unwrap());
    let listed: Vec<_> = both.list().into_iter().map(|it| (it.issuer, it.id, it.algorithm, it.fault)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        listed,
        [
            (None, text("k1"), text("HS256"), None),
            (text("https://a"), text("k1"), text("ES256"), None),
            (text("https://a"), text("k2"), None, text("the key with kid \"k2\" is no point of its curve")),
        ]
    );
    assert!(!format!("{both:?}").contains("BwcH"));
}

#[test]
fn published_keys_keep_what_verifying_reads_and_drop_secrets_and_bad_keys() {
    let text = format!(
        r#"{{"keys":[{{"x5c":["MIIC"],"kid":"k1","use":"sig",{P256},"x5t":"AA"}},{{"kid":"k2",{SECRET}}},{{"kid":"k3",{OFF_CURVE}}},
            {{"kid":"k4","use":"enc",{P256}}},{{"kid":"k5","d":"AA",{ED}}},{{"kid":"k\"6",{ED}}}],"next":"https://elsewhere"}}"#
    );
    let published = WritableKeys::published(text.as_bytes()).unwrap();
    let kept: Vec<&str> = published.keys.iter().map(|key| key.get()).collect();
    assert_eq!(
        kept,
        [
            r#"{"kty":"EC","kid":"k1","use":"sig","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            r#"{"kty":"OKP","kid":"k\"6","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        ]
    );
    let faulty: Vec<String> = published.faulty.iter().map(ToString::to_string).collect();
    assert_eq!(
        faulty,
        [
            r#"the key with kid "k2" is an HMAC secret, and an issuer's published keys are public"#,
            r#"the key with kid "k3" is no point of its curve"#,
            r#"the key with kid "k5" is a private key, and verifying needs the public one only"#,
        ]
    );
    assert_eq!(published.skipped, 1);
    // The text that is written reads as the same keys.
    let again = document(&[("https://a", &format!(r#""keys":[{}]"#, kept.join(",")))]);
    assert_eq!(setting(&again), Ok(r#""https://a": 2 keys: ES256 "k1", EdDSA "k\"6""#.to_owned()));
    for no_set in ["", "{}", "[]", r#"{"keys":[]"#, r#"{"kty":"oct","k":"AA"}"#, "<html>", r#"{"issuers":[]}"#] {
        assert!(WritableKeys::published(no_set.as_bytes()).is_err(), "{no_set}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_keyring_or_an_error(
        text in r#"(\{"issuers":\[)?(\{"issuer":"a",)?("keys":\[)?[\{\}\[\]",:a-zA-Z0-9 \\]{0,80}(\]\})?(\]\})?"#
    ) {
        let strict = Keyring::from_setting(text.as_bytes());
        // A file takes every text that a setting takes.
        prop_assert!(strict.is_err() || Keyring::from_file(text.as_bytes()).is_ok());
        let _ = WritableKeys::published(text.as_bytes());
    }
}
