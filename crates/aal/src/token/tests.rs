use super::*;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use proptest::prelude::*;
use std::sync::LazyLock;

pub(super) const NOW: i64 = 1_800_000_000;
const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

pub(super) fn at(now: i64) -> Clock {
    Clock::new(Timestamp::from_unix_micros(now * 1_000_000), 30)
}

pub(super) fn base64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A private key for an algorithm: made once.
fn private_key(algorithm: Algorithm) -> EncodingKey {
    // jsonwebtoken wants an RSA key as PKCS #1, which a PKCS #8 of 2048 bits holds behind 26 bytes.
    static RSA: LazyLock<Vec<u8>> =
        LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap().as_ref()[26..].to_vec());
    static P256: LazyLock<Vec<u8>> = LazyLock::new(|| {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
    });
    static P384: LazyLock<Vec<u8>> = LazyLock::new(|| {
        EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
    });
    static ED: LazyLock<Vec<u8>> =
        LazyLock::new(|| Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref().to_vec());
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&P256),
        Algorithm::ES384 => EncodingKey::from_ec_der(&P384),
        Algorithm::EdDSA => EncodingKey::from_ed_der(&ED),
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(&[7; 64]),
        _ => EncodingKey::from_rsa_der(&RSA),
    }
}

pub(super) fn jwk(algorithm: Algorithm, kid: &str) -> String {
    let mut jwk = Jwk::from_encoding_key(&private_key(algorithm), algorithm).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_string(&jwk).unwrap()
}

/// A set that holds each of these, its `kid` the algorithm's name.
fn keys(algorithms: &[Algorithm]) -> KeySet {
    let jwks: Vec<String> = algorithms.iter().map(|algorithm| jwk(*algorithm, &format!("{algorithm:?}"))).collect();
    KeySet::from_json(format!(r#"{{"keys":[{}]}}"#, jwks.join(",")).as_bytes()).unwrap()
}

pub(super) fn sign(header: &str, payload: impl AsRef<[u8]>, algorithm: Algorithm) -> String {
    let signed = format!("{}.{}", base64(header), base64(payload));
    let signature = crypto::sign(signed.as_bytes(), &private_key(algorithm), algorithm).unwrap();
    format!("{signed}.{signature}")
}

fn token(payload: &str) -> String {
    sign(r#"{"alg":"HS256","typ":"JWT","kid":"HS256"}"#, payload, Algorithm::HS256)
}

pub(super) fn good() -> String {
    format!(r#"{{"iss":"me","sub":"jane","aud":"authenticated","exp":{},"iat":{},"aal":"aal2"}}"#, NOW + 60, NOW - 60)
}

fn check(token: &str) -> Result<Verified, InvalidToken> {
    verify(token.as_bytes(), &keys(&[Algorithm::HS256]), &Expected::default(), &Profiles::Supabase)
}

fn refusal(token: &str) -> Option<InvalidToken> {
    check(token).err()
}

#[test]
fn a_token_of_each_algorithm_verifies_by_its_own_key_and_by_no_other() {
    let all = keys(&ALGORITHMS);
    for algorithm in ALGORITHMS {
        let signed = sign(&format!(r#"{{"alg":"{algorithm:?}","kid":"{algorithm:?}"}}"#), good(), algorithm);
        let verified = verify(signed.as_bytes(), &all, &Expected::default(), &Profiles::Supabase).unwrap();
        assert_eq!(verified.claims_at(at(NOW)).unwrap().subject(), Some("jane"), "{algorithm:?}");
        assert_eq!(verified.payload(), good());
        let without_kid = sign(&format!(r#"{{"alg":"{algorithm:?}"}}"#), good(), algorithm);
        assert!(
            verify(without_kid.as_bytes(), &all, &Expected::default(), &Profiles::Supabase).is_ok(),
            "{algorithm:?}"
        );
        for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
            // The other key bears the kid that the token names.
            let key = KeySet::from_json(jwk(other, &format!("{algorithm:?}")).as_bytes()).unwrap();
            assert_eq!(
                verify(signed.as_bytes(), &key, &Expected::default(), &Profiles::Supabase).err(),
                Some(InvalidToken::WrongAlgorithm),
                "{algorithm:?} by {other:?}"
            );
        }
    }
}

/// RFC 7515, appendices A.1 to A.3 (A.1 is RFC 7519's own example, section 3.1).
#[test]
fn the_examples_of_rfc_7515_and_7519_verify() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (header, signature, key) in [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
        ),
        (
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        ),
    ] {
        let key = KeySet::from_json(key.as_bytes()).unwrap();
        let verified = verify(
            format!("{header}.{payload}.{signature}").as_bytes(),
            &key,
            &Expected::default(),
            &Profiles::Supabase,
        )
        .unwrap();
        assert!(verified.claims_at(at(1_300_819_379)).is_ok());
        assert_eq!(verified.claims_at(at(1_300_819_380)), Err(InvalidToken::Expired));
        assert!(verified.payload().contains("http://example.com/is_root"));
    }
}

/// RFC 8037, appendix A.4: its payload is a text, so its signature verifies and it is no JWT.
#[test]
fn the_example_of_rfc_8037_verifies_as_far_as_it_is_a_token() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = KeySet::from_json(key.as_bytes()).unwrap();
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(
        verify(signed.as_bytes(), &key, &Expected::default(), &Profiles::Supabase).err(),
        Some(InvalidToken::PayloadNotAnObject)
    );
    let changed = signed.replace("hgyY0", "hgyY1");
    assert_eq!(
        verify(changed.as_bytes(), &key, &Expected::default(), &Profiles::Supabase).err(),
        Some(InvalidToken::WrongSignature)
    );
}

/// RFC 7515, appendix A.5, and RFC 7519, section 6.1.
#[test]
fn an_unsigned_token_is_refused() {
    let payload = base64(good());
    for alg in ["none", "None", "NONE", "nOnE"] {
        for signature in ["", "AA"] {
            let header = base64(format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refusal(&format!("{header}.{payload}.{signature}")), Some(InvalidToken::Unsigned));
        }
    }
    let signed = token(&good());
    let (signed, _) = signed.rsplit_once('.').unwrap();
    assert_eq!(refusal(&format!("{signed}.")), Some(InvalidToken::WrongSignature));
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    let jwk = jwk(Algorithm::RS256, "a");
    let public = KeySet::from_json(jwk.as_bytes()).unwrap();
    let n = serde_json::from_str::<serde_json::Value>(&jwk).unwrap()["n"].as_str().unwrap().to_owned();
    for secret in [jwk.as_bytes(), n.as_bytes(), &URL_SAFE_NO_PAD.decode(&n).unwrap()] {
        for header in [r#"{"alg":"HS256","kid":"a"}"#, r#"{"alg":"HS256"}"#] {
            let signed = format!("{}.{}", base64(header), base64(good()));
            let signature =
                crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
            assert_eq!(
                verify(format!("{signed}.{signature}").as_bytes(), &public, &Expected::default(), &Profiles::Supabase)
                    .err(),
                Some(InvalidToken::WrongAlgorithm)
            );
        }
    }
}

#[test]
fn kid_selects_the_key() {
    let both = KeySet::from_json(
        format!(r#"{{"keys":[{},{}]}}"#, jwk(Algorithm::HS256, "old"), jwk(Algorithm::HS256, "new")).as_bytes(),
    )
    .unwrap();
    let answer = |header: &str, keys: &KeySet| {
        verify(sign(header, good(), Algorithm::HS256).as_bytes(), keys, &Expected::default(), &Profiles::Supabase).err()
    };
    for kid in ["old", "new", "\\u006eew"] {
        assert_eq!(answer(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), &both), None);
    }
    assert_eq!(answer(r#"{"alg":"HS256"}"#, &both), None);
    for wrong in [r#""other""#, r#""""#, r#""NEW""#, "7", "null", r#"["new"]"#] {
        assert_eq!(
            answer(&format!(r#"{{"alg":"HS256","kid":{wrong}}}"#), &both),
            Some(InvalidToken::UnknownKey),
            "{wrong}"
        );
    }
    // A key without kid, such as Supabase's legacy secret, may be meant by any.
    let secret = URL_SAFE_NO_PAD.encode([7; 64]);
    let nameless = KeySet::from_json(format!(r#"{{"kty":"oct","k":"{secret}"}}"#).as_bytes()).unwrap();
    assert_eq!(answer(r#"{"alg":"HS256","kid":"any"}"#, &nameless), None);
    let another = KeySet::from_json(format!(r#"{{"kty":"oct","k":"{}"}}"#, URL_SAFE_NO_PAD.encode([8; 64])).as_bytes());
    assert_eq!(answer(r#"{"alg":"HS256","kid":"any"}"#, &another.unwrap()), Some(InvalidToken::WrongSignature));
    assert_eq!(answer(r#"{"alg":"HS256"}"#, &KeySet::default()), Some(InvalidToken::NoKeys));
}

#[test]
fn malformed_tokens_are_refused_each_by_its_reason() {
    use InvalidToken::*;
    let good = token(&good());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for (token, expected) in [
        (String::new(), NotThreeParts),
        ("abc".to_owned(), NotThreeParts),
        (format!("{header}.{payload}"), NotThreeParts),
        (format!("{header}.{payload}.{signature}.{signature}"), NotThreeParts),
        (format!("{header}.{payload}.{signature}.a.b"), Encrypted),
        (format!("{header}.{payload}.{signature}.a.b.c"), NotThreeParts),
        (".".repeat(1000), NotThreeParts),
        (format!("{header}=.{payload}.{signature}"), NotBase64("header")),
        (format!("{header}!.{payload}.{signature}"), NotBase64("header")),
        (format!(" {good}"), NotBase64("header")),
        (format!("{header}.{payload}.{signature}="), NotBase64("signature")),
        (format!("{header}.{payload}.{signature}\n"), NotBase64("signature")),
        (format!("{header}.{payload}.é{signature}"), NotBase64("signature")),
        (format!("{}.{payload}.{signature}", base64("[]")), HeaderNotAnObject),
        (format!("{}.{payload}.{signature}", base64("")), HeaderNotAnObject),
        (format!(".{payload}.{signature}"), HeaderNotAnObject),
        ("a".repeat(MAX_TOKEN_BYTES + 1), TooLarge),
        ("a".repeat(1 << 20), TooLarge),
    ] {
        assert_eq!(refusal(&token), Some(expected), "{}", &token[..token.len().min(100)]);
    }
    for (header, expected) in [
        (r#"{"alg":"HS256","alg":"HS256"}"#, DuplicateHeader),
        (r#"{"alg":"none","\u0061lg":"HS256"}"#, DuplicateHeader),
        (r#"{"kid":"HS256"}"#, UnknownAlgorithm),
        (r#"{"alg":null}"#, UnknownAlgorithm),
        (r#"{"alg":"hs256"}"#, UnknownAlgorithm),
        (r#"{"alg":"ES512"}"#, UnknownAlgorithm),
        (r#"{"alg":["HS256"]}"#, UnknownAlgorithm),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Critical),
        (r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, Critical),
        (r#"{"alg":"HS256","crit":null}"#, Critical),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#, BringsItsKey("jwk")),
        (r#"{"alg":"HS256","jku":"http://127.0.0.1/jwks.json"}"#, BringsItsKey("jku")),
        (r#"{"alg":"HS256","x5u":"http://127.0.0.1/cert"}"#, BringsItsKey("x5u")),
        (r#"{"alg":"HS256","x5c":[]}"#, BringsItsKey("x5c")),
        (r#"{"alg":"HS256","enc":"A128GCM"}"#, Encrypted),
    ] {
        assert_eq!(refusal(&sign(header, "{}", Algorithm::HS256)), Some(expected), "{header}");
    }
}

#[test]
fn payloads_are_refused_each_by_their_reason() {
    use InvalidToken::*;
    for (payload, expected) in [
        ("", PayloadNotAnObject),
        ("[]", PayloadNotAnObject),
        ("{\"exp\":1800000060", PayloadNotAnObject),
        (r#"{"aal":"aal2"}"#, NoExpiry),
        (r#"{"exp":null}"#, NotATime("exp")),
        (r#"{"exp":"1800000060"}"#, NotATime("exp")),
        (r#"{"exp":1e300}"#, NotATime("exp")),
        (r#"{"exp":1e999}"#, NotATime("exp")),
        (r#"{"exp":[1800000060]}"#, NotATime("exp")),
        (r#"{"exp":1800000060,"nbf":"0"}"#, NotATime("nbf")),
        (r#"{"exp":1800000060,"iat":null}"#, NotATime("iat")),
        (r#"{"exp":1,"exp":1800000060}"#, DuplicateClaim),
        (r#"{"exp":1800000060,"aal":"aal1","\u0061al":"aal2"}"#, DuplicateClaim),
        (r#"{"exp":1800000060,"x":1,"x":1}"#, DuplicateClaim),
    ] {
        assert_eq!(refusal(&token(payload)), Some(expected), "{payload}");
    }
    assert_eq!(
        refusal(&sign(r#"{"alg":"HS256"}"#, b"{\"exp\":1800000060,\"x\":\"\xff\"}", Algorithm::HS256)),
        Some(PayloadNotAnObject)
    );
}

#[test]
fn time_is_checked_on_each_use() {
    use InvalidToken::*;
    let answer = |payload: &str, now: i64| check(&token(payload)).unwrap().claims_at(at(now)).err();
    // exp is strict; nbf and iat may be ahead by the skew of 30 s.
    for (payload, now, expected) in [
        (r#"{"exp":1000}"#, 999, None),
        (r#"{"exp":1000}"#, 1000, Some(Expired)),
        (r#"{"exp":1000.5}"#, 1000, None),
        (r#"{"exp":0}"#, 1, Some(Expired)),
        (r#"{"exp":-1}"#, 1, Some(Expired)),
        (r#"{"exp":2000,"nbf":1000}"#, 970, None),
        (r#"{"exp":2000,"nbf":1000}"#, 969, Some(NotYetValid)),
        (r#"{"exp":2000,"nbf":0,"iat":0}"#, 1000, None),
        (r#"{"exp":2000,"iat":1000}"#, 970, None),
        (r#"{"exp":2000,"iat":1000}"#, 969, Some(IssuedInTheFuture)),
    ] {
        assert_eq!(answer(payload, now), expected, "{payload} at {now}");
    }
}

#[test]
fn issuer_and_audience_are_required_where_configured() {
    let answer = |payload: &str, issuer: Option<&str>, audience: Option<&str>| {
        let expected = Expected { issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned) };
        verify(token(payload).as_bytes(), &keys(&[Algorithm::HS256]), &expected, &Profiles::Supabase).err()
    };
    let from = |iss: &str| format!(r#"{{"exp":1800000060,"iss":{iss}}}"#);
    let to = |aud: &str| format!(r#"{{"exp":1800000060,"aud":{aud}}}"#);
    assert_eq!(answer(r#"{"exp":1800000060}"#, None, None), None);
    assert_eq!(answer(&from(r#""https://a""#), Some("https://a"), None), None);
    for wrong in [r#""https://a/""#, r#""HTTPS://A""#, r#"["https://a"]"#, "null", r#""""#] {
        assert_eq!(answer(&from(wrong), Some("https://a"), None), Some(InvalidToken::WrongIssuer), "{wrong}");
    }
    assert_eq!(answer(r#"{"exp":1800000060}"#, Some("https://a"), None), Some(InvalidToken::WrongIssuer));
    for right in [r#""me""#, r#"["me"]"#, r#"["you","me"]"#, r#"[7,"me"]"#] {
        assert_eq!(answer(&to(right), None, Some("me")), None, "{right}");
    }
    for wrong in [r#""you""#, "[]", r#"["you"]"#, r#"[["me"]]"#, r#"{"me":1}"#, "null", r#""me you""#] {
        assert_eq!(answer(&to(wrong), None, Some("me")), Some(InvalidToken::WrongAudience), "{wrong}");
    }
    assert_eq!(answer(r#"{"exp":1800000060}"#, None, Some("me")), Some(InvalidToken::WrongAudience));
}

#[test]
fn a_change_of_any_byte_is_refused() {
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        let keys = keys(&[algorithm]);
        let token = sign(&format!(r#"{{"alg":"{algorithm:?}"}}"#), good(), algorithm).into_bytes();
        for place in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.clone();
                changed[place] ^= 1 << bit;
                assert!(
                    verify(&changed, &keys, &Expected::default(), &Profiles::Supabase).is_err(),
                    "{algorithm:?} byte {place} bit {bit}"
                );
            }
        }
        for end in 0..token.len() {
            assert!(
                verify(&token[..end], &keys, &Expected::default(), &Profiles::Supabase).is_err(),
                "{algorithm:?} cut at {end}"
            );
        }
    }
}

/// ECDSA's `(r, n - s)` signs the same. A signature of zeros must never be accepted (CVE-2022-21449).
#[test]
fn a_signature_of_zeros_is_refused() {
    for (algorithm, bytes) in
        [(Algorithm::ES256, 64), (Algorithm::ES384, 96), (Algorithm::EdDSA, 64), (Algorithm::RS256, 256)]
    {
        let signed = format!("{}.{}", base64(format!(r#"{{"alg":"{algorithm:?}"}}"#)), base64(good()));
        let token = format!("{signed}.{}", base64(vec![0; bytes]));
        assert_eq!(
            verify(token.as_bytes(), &keys(&[algorithm]), &Expected::default(), &Profiles::Supabase).err(),
            Some(InvalidToken::WrongSignature)
        );
    }
}

#[test]
fn a_refusal_never_repeats_the_token() {
    for token in
        [token(r#"{"exp":1800000060,"secret":1,"secret":2}"#), "secret.secret.secret".to_owned(), token("secret")]
    {
        let error = refusal(&token).unwrap();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[test]
fn the_bearer_token_is_read_from_the_headers() {
    for (headers, expected) in [
        (r#"{"authorization":"Bearer a.b.c","host":"x"}"#, Some("a.b.c")),
        (r#"{"authorization":"bearer  a.b.c "}"#, Some("a.b.c")),
        (r#"{"authorization":"Basic a.b.c"}"#, None),
        (r#"{"authorization":"Bearer "}"#, None),
        (r#"{"authorization":"Bearer"}"#, None),
        (r#"{"authorization":"a.b.c"}"#, None),
        (r#"{"Authorization":"Bearer a.b.c"}"#, None),
        (r#"{"authorization":"Bearer a","authorization":"Bearer b"}"#, None),
        (r#"{"authorization":["Bearer a.b.c"]}"#, None),
        ("{}", None),
        ("Bearer a.b.c", None),
    ] {
        let expected = expected.map(|token| Bearer { token: token.to_owned(), is_api_key: false });
        assert_eq!(bearer_token(headers.as_bytes()), expected, "{headers}");
    }
    for (apikey, is_api_key) in [("a.b.c", true), ("a.b", false), ("", false)] {
        let headers = format!(r#"{{"authorization":"Bearer a.b.c","apikey":"{apikey}"}}"#);
        assert_eq!(bearer_token(headers.as_bytes()).map(|bearer| bearer.is_api_key), Some(is_api_key));
        assert_eq!(super::is_api_key(headers.as_bytes(), b"a.b.c"), is_api_key);
    }
    for headers in
        ["", "{}", r#"{"apikey":["a.b.c"]}"#, r#"{"apikey":"a.b.c","apikey":"x"}"#, r#"{"apikey":"a.b.c"} "x""#]
    {
        assert!(!super::is_api_key(headers.as_bytes(), b"a.b.c"), "{headers}");
    }
}

proptest! {
    #[test]
    fn no_text_verifies_that_was_not_signed(token in prop_oneof![
        any::<Vec<u8>>(),
        "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}".prop_map(String::into_bytes),
        (r#"\{"alg":"(HS256|RS256|none)"(,"kid":"a")?\}"#, r#"\{"exp":18000000[0-9]{2},"aal":"aal2"\}"#, any::<[u8; 32]>())
            .prop_map(|(header, payload, signature)| {
                format!("{}.{}.{}", base64(header), base64(payload), base64(signature)).into_bytes()
            }),
    ]) {
        static KEYS: LazyLock<KeySet> = LazyLock::new(|| keys(&[Algorithm::HS256, Algorithm::RS256]));
        prop_assert!(verify(&token, &KEYS, &Expected::default(), &Profiles::Supabase).is_err());
    }

    #[test]
    fn a_payload_that_was_verified_is_read_again_as_it_was(
        claims in prop::collection::vec((
            prop::sample::select(vec![
                "aal", "\\u0061al", "sub", "amr", "auth_time", "is_anonymous", "session_id", "sid", "exp", "nbf", "iat", "iss", "x",
            ]),
            prop::sample::select(vec![
                "null", "true", "false", "0", "-1", "1.5", "1800000060", "1e400", "\"\"", "\"aal2\"", "\"a\\u0061l1\"", "\"user\"",
                "\"\\u0000\"", "[]", "[\"pwd\",\"mfa\"]", "[{\"method\":\"totp\",\"timestamp\":1800000000}]", "{}",
            ]),
        ), 0..12),
        expires in prop::sample::select(vec!["", "\"exp\":1800000060", " \"exp\" : 1800000060.5"]),
    ) {
        let mut members: Vec<String> = claims.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        members.extend((!expires.is_empty()).then(|| expires.to_owned()));
        let payload = format!(" {{{}}}", members.join(","));
        if let Ok(verified) = read_payload(payload, &Expected::default(), &Profiles::Supabase) {
            let again = Verified::from_payload(verified.payload().to_owned(), &Profiles::Supabase).unwrap();
            prop_assert_eq!(&again.claims, &verified.claims);
            prop_assert_eq!(
                (again.expires, again.not_before, again.issued_at),
                (verified.expires, verified.not_before, verified.issued_at)
            );
        }
    }

    #[test]
    fn a_token_is_in_force_exactly_from_nbf_to_exp(nbf in 1i64..2_000, lifetime in 0i64..2_000, now in 1i64..5_000) {
        let verified = check(&token(&format!(r#"{{"nbf":{nbf},"exp":{}}}"#, nbf + lifetime))).unwrap();
        prop_assert_eq!(verified.claims_at(at(now)).is_ok(), nbf - 30 <= now && now < nbf + lifetime);
    }
}
