use super::*;
use proptest::prelude::*;

const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
const ED25519_KEY: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

fn read(text: &str) -> Result<String, String> {
    KeySet::from_json(text.as_bytes()).map(|keys| keys.summary()).map_err(|error| error.to_string())
}

fn secret(bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![7; bytes])
}

/// An odd number of this many bits.
fn modulus(bits: usize) -> String {
    let mut number = vec![0xFF; bits.div_ceil(8)];
    number[0] >>= (8 - bits % 8) % 8;
    URL_SAFE_NO_PAD.encode(number)
}

#[test]
fn a_key_is_for_one_algorithm() {
    let (oct, rsa) = (secret(64), modulus(2048));
    for (jwk, expected) in [
        (format!(r#""kty":"oct","k":"{oct}""#), "HS256"),
        (format!(r#""kty":"oct","k":"{oct}","alg":"HS384""#), "HS384"),
        (format!(r#""kty":"oct","k":"{oct}","alg":"HS512""#), "HS512"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"AQAB""#), "RS256"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"AQAB","alg":"RS512""#), "RS512"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"AQAB","alg":"PS384""#), "PS384"),
        (P256.to_owned(), "ES256"),
        (format!(r#"{P256},"alg":"ES256","use":"sig","key_ops":["verify"]"#), "ES256"),
        (ED25519_KEY.to_owned(), "EdDSA"),
        (format!(r#"{ED25519_KEY},"alg":"Ed25519""#), "EdDSA"),
    ] {
        assert_eq!(
            read(&format!(r#"{{"keys":[{{"kid":"a",{jwk}}}]}}"#)),
            Ok(format!("1 key: {expected} \"a\"")),
            "{jwk}"
        );
        assert_eq!(read(&format!("{{{jwk}}}")), Ok(format!("1 key: {expected} without kid")), "{jwk}");
    }
}

#[test]
fn keys_that_cannot_verify_are_skipped() {
    let oct = secret(64);
    for jwk in [
        r#""kty":"AKP","alg":"ML-DSA-44","pub":"AA""#.to_owned(),
        r#""kty":"EC","crv":"P-521","x":"AA","y":"AA""#.to_owned(),
        r#""kty":"EC","crv":"secp256k1","x":"AA","y":"AA","alg":"ES256K""#.to_owned(),
        r#""kty":"OKP","crv":"X25519","x":"AA""#.to_owned(),
        r#""kty":"OKP","crv":"Ed448","x":"AA","alg":"EdDSA""#.to_owned(),
        r#""kty":"RSA","n":"AA","e":"AA","alg":"RSA-OAEP""#.to_owned(),
        format!(r#"{P256},"alg":"HS256""#),
        format!(r#"{P256},"alg":"ES384""#),
        format!(r#"{P256},"use":"enc""#),
        format!(r#"{P256},"key_ops":["sign"]"#),
        format!(r#"{ED25519_KEY},"alg":"RS256""#),
        format!(r#""kty":"oct","k":"{oct}","alg":"RS256""#),
        format!(r#""kty":"oct","k":"{oct}","alg":"A128KW""#),
    ] {
        assert_eq!(read(&format!(r#"{{"keys":[{{"kid":"a",{jwk}}}]}}"#)), Ok("no keys; 1 skipped".to_owned()), "{jwk}");
    }
}

#[test]
fn weak_malformed_and_private_keys_are_refused_by_their_kid() {
    let (short, rsa) = (secret(31), modulus(2048));
    for (jwk, fault) in [
        (format!(r#""kty":"oct","k":"{short}""#), "has 248 bits, and HS256 needs at least 256"),
        (format!(r#""kty":"oct","k":"{}","alg":"HS512""#, secret(63)), "has 504 bits, and HS512 needs at least 512"),
        (r#""kty":"oct","k":"""#.to_owned(), "has 0 bits, and HS256 needs at least 256"),
        (r#""kty":"oct""#.to_owned(), "has no k, or not a valid one"),
        (format!(r#""kty":"oct","k":"{}""#, "A".repeat(43)), "has no k, or not a valid one"),
        (r#""kty":"oct","k":"not base64!""#.to_owned(), "has no k, or not a valid one"),
        (format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, modulus(2047)), "has 2047 bits, and RS256 needs at least 2048"),
        (
            format!(
                r#""kty":"RSA","n":"{}","e":"AQAB","alg":"PS256""#,
                URL_SAFE_NO_PAD.encode([&[0; 200][..], &[1; 100]].concat())
            ),
            "has 793 bits, and PS256 needs at least 2048",
        ),
        (format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, modulus(8200)), "has no n, or not a valid one"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"AQ""#), "has no e, or not a valid one"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"Ag""#), "has no e, or not a valid one"),
        (format!(r#""kty":"RSA","n":"{rsa}","e":"""#), "has no e, or not a valid one"),
        (
            format!(r#""kty":"RSA","n":"{rsa}","e":"AQAB","d":"AA""#),
            "is a private key, and verifying needs the public one only",
        ),
        (format!(r#"{P256},"d":"AA""#), "is a private key, and verifying needs the public one only"),
        (format!(r#"{ED25519_KEY},"d":"AA""#), "is a private key, and verifying needs the public one only"),
        (P256.replace("f83O", "f83P"), "is no point of its curve"),
        (P256.replace("f83O", ""), "has no x, or not a valid one"),
        (r#""kty":"OKP","crv":"Ed25519","x":"AAAA""#.to_owned(), "has no x, or not a valid one"),
        (format!(r#"{P256},"use":7"#), "has no use, or not a valid one"),
        (format!(r#"{P256},"key_ops":"verify""#), "has no key_ops, or not a valid one"),
        (r#""crv":"P-256""#.to_owned(), "has no kty, or not a valid one"),
    ] {
        assert_eq!(
            read(&format!(r#"{{"keys":[{{"kid":"a \"b\"",{jwk}}}]}}"#)),
            Err(format!("the key with kid \"a \\\"b\\\"\" {fault}")),
            "{jwk}"
        );
    }
    assert_eq!(
        read(&format!(r#"{{"keys":[{{{P256}}},{{"kty":"oct","k":"{short}"}}]}}"#)),
        Err("key number 2, which has no kid, has 248 bits, and HS256 needs at least 256".to_owned())
    );
}

/// For such a key anybody can make signatures: with S = 0 and R a point of small order, too.
#[test]
fn ed25519_keys_of_small_order_are_refused() {
    let mut refused = 0;
    for first in [0x00, 0x01, 0xEC, 0xED, 0xEE] {
        for last in [0x00, 0x80, 0x7F, 0xFF] {
            let middle = if last & 0x7F == 0 { 0 } else { 0xFF };
            let x = URL_SAFE_NO_PAD.encode([&[first][..], &[middle; 30], &[last]].concat());
            let is_small = (first < 2) == (middle == 0);
            if is_small {
                let answer = read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#));
                assert!(answer.is_err(), "{x} {answer:?}");
                refused += 1;
            }
        }
    }
    for order_8 in ["JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"] {
        let answer = read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{order_8}"}}"#));
        assert_eq!(answer, Err("key number 1, which has no kid, has no x, or not a valid one".to_owned()));
        refused += 1;
    }
    assert_eq!(refused, 12);
}

#[test]
fn a_key_set_is_one_json_object_of_limited_size() {
    assert_eq!(read(""), Ok("no keys".to_owned()));
    assert_eq!(read(r#"{"keys":[]}"#), Ok("no keys".to_owned()));
    for text in ["{}", "[]", "null", "secret", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, r#"{"keys":[[]]}"#, "{"] {
        assert_eq!(read(text), Err("this is no JSON Web Key Set (RFC 7517)".to_owned()), "{text}");
    }
    for text in [r#"{"keys":[],"keys":[]}"#.to_owned(), format!(r#"{{"keys":[{{{P256},"kty":"oct"}}]}}"#)] {
        assert_eq!(read(&text), Err("the key set states a member twice".to_owned()), "{text}");
    }
    let many = |n: usize| format!(r#"{{"keys":[{}]}}"#, vec![format!("{{{ED25519_KEY}}}"); n].join(","));
    assert!(read(&many(KeySet::MAX_KEYS)).unwrap().starts_with("32 keys: EdDSA without kid, "));
    assert_eq!(read(&many(KeySet::MAX_KEYS + 1)), Err("the key set holds more than 32 keys".to_owned()));
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(KeySet::MAX_BYTES));
    assert_eq!(read(&large), Err("the key set is longer than 65536 bytes".to_owned()));
}

#[test]
fn only_hmac_keys_are_secrets() {
    let holds = |text: &str| KeySet::from_json(text.as_bytes()).unwrap().holds_secrets();
    assert!(!holds(&format!(r#"{{"keys":[{{{P256}}},{{{ED25519_KEY}}}]}}"#)));
    assert!(holds(&format!(r#"{{"keys":[{{{P256}}},{{"kty":"oct","k":"{}"}}]}}"#, secret(32))));
}

#[test]
fn neither_errors_nor_debugging_show_a_key() {
    let k = secret(40);
    let text = format!(r#"{{"keys":[{{"kty":"oct","k":"{k}"}}]}}"#);
    let keys = KeySet::from_json(text.as_bytes()).unwrap();
    assert!(!format!("{keys:?} {}", keys.summary()).contains(&k[..8]));
    assert!(!format!("{keys:?}").contains("7, 7"));
    for cut in 0..text.len() {
        let error = KeySet::from_json(&text.as_bytes()[..cut]).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!error.contains(&k[..8]), "{error}");
    }
}

#[test]
fn a_kid_is_shown_without_control_characters_and_cut_short() {
    let error = read(&format!(r#"{{"kty":"oct","k":"","kid":"a\n\u001b{}"}}"#, "b".repeat(100))).unwrap_err();
    assert_eq!(
        error,
        format!("the key with kid \"a\\n\\u{{1b}}{}\" has 0 bits, and HS256 needs at least 256", "b".repeat(61))
    );
}

proptest! {
    #[test]
    fn any_text_gives_keys_or_an_error(text in r#"(\{"keys":\[)?[\{\}\[\]",:a-zA-Z0-9 \\]{0,80}(\]\})?"#) {
        let _ = read(&text);
    }
}
