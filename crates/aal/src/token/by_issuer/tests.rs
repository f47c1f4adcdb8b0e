use super::*;
use crate::Level;
use crate::token::tests::{NOW, at, sign};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use std::sync::LazyLock;

const A: &str = "https://a.example.com";
const B: &str = "https://b.example.com/";

/// A private key and its JWK. All have the same `kid`, as issuers don't know of one another.
struct Signer {
    key: EncodingKey,
    jwk: String,
}

impl Signer {
    fn new() -> Signer {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("1".to_owned());
        Signer { key, jwk: serde_json::to_string(&jwk).unwrap() }
    }

    fn sign(&self, payload: &str) -> String {
        let signed = format!("{}.{}", encoded(r#"{"alg":"ES256","kid":"1"}"#), encoded(payload));
        let signature = crypto::sign(signed.as_bytes(), &self.key, Algorithm::ES256).unwrap();
        format!("{signed}.{signature}")
    }
}

static OF_A: LazyLock<Signer> = LazyLock::new(Signer::new);
static OF_B: LazyLock<Signer> = LazyLock::new(Signer::new);
static OF_C: LazyLock<Signer> = LazyLock::new(Signer::new);

fn encoded(text: &str) -> String {
    crate::token::tests::base64(text)
}

fn entry(issuer: &str, rest: &str, signer: &Signer) -> String {
    format!(r#"{{"issuer":"{issuer}",{rest}"keys":[{}]}}"#, signer.jwk)
}

fn keyring(entries: &[String]) -> Keyring {
    Keyring::from_file(format!(r#"{{"issuers":[{}]}}"#, entries.join(",")).as_bytes()).unwrap()
}

fn both() -> Keyring {
    keyring(&[entry(A, "", &OF_A), entry(B, "", &OF_B)])
}

fn unbound(signer: &Signer) -> Keyring {
    Keyring::from_setting(signer.jwk.as_bytes()).unwrap()
}

/// A payload with these members beside `exp`.
fn payload(rest: &str) -> String {
    format!(r#"{{"exp":{},"sub":"jane",{rest}}}"#, NOW + 60)
}

fn of(issuer: &str) -> String {
    payload(&format!(r#""iss":"{issuer}""#))
}

fn verified(token: &str, keyring: &Keyring) -> Result<Verified, InvalidToken> {
    verify_by_issuer(token.as_bytes(), keyring, &Expected::default(), &Profiles::Supabase)
}

fn refusal(token: &str, keyring: &Keyring) -> Option<InvalidToken> {
    verified(token, keyring).err()
}

#[test]
fn a_token_is_verified_by_the_keys_of_the_issuer_that_it_names_and_by_no_others() {
    for (issuer, own, others) in [(A, &OF_A, [&OF_B, &OF_C]), (B, &OF_B, [&OF_A, &OF_C])] {
        assert!(verified(&own.sign(&of(issuer)), &both()).unwrap().claims_at(at(NOW)).is_ok());
        for other in others {
            assert_eq!(refusal(&other.sign(&of(issuer)), &both()), Some(InvalidToken::WrongSignature));
        }
    }
}

#[test]
fn an_issuer_is_named_to_the_letter_and_as_a_text() {
    for iss in [r#""https://a.example.com/""#, r#""HTTPS://A.EXAMPLE.COM""#, r#""""#, "null", "7"] {
        for signer in [&*OF_A, &*OF_B] {
            let token = signer.sign(&payload(&format!(r#""iss":{iss}"#)));
            assert_eq!(refusal(&token, &both()), Some(InvalidToken::UnknownIssuer), "{iss}");
        }
    }
    let list = OF_A.sign(&payload(&format!(r#""iss":["{A}"]"#)));
    assert_eq!(refusal(&list, &both()), Some(InvalidToken::UnknownIssuer));
    assert_eq!(refusal(&OF_A.sign(&payload(r#""x":1"#)), &both()), Some(InvalidToken::UnknownIssuer));
    let escaped = OF_A.sign(&payload(r#""iss":"https:\/\/a.example.com""#));
    assert_eq!(refusal(&escaped, &both()), None);
}

#[test]
fn a_token_that_names_two_issuers_names_none() {
    for (first, second) in [(A, B), (B, A), (A, A)] {
        for signer in [&*OF_A, &*OF_B] {
            let token = signer.sign(&payload(&format!(r#""iss":"{first}","\u0069ss":"{second}""#)));
            assert_eq!(refusal(&token, &both()), Some(InvalidToken::DuplicateClaim));
        }
    }
}

#[test]
fn the_audience_beside_an_issuers_keys_takes_the_place_of_the_expected_one() {
    let keyring = keyring(&[entry(A, r#""audience":"app-a","#, &OF_A), entry(B, "", &OF_B)]);
    let expected = Expected { issuer: None, audience: Some("app-b".to_owned()) };
    let answer = |signer: &Signer, issuer: &str, aud: &str| {
        let token = signer.sign(&payload(&format!(r#""iss":"{issuer}","aud":{aud}"#)));
        verify_by_issuer(token.as_bytes(), &keyring, &expected, &Profiles::Supabase).err()
    };
    assert_eq!(answer(&OF_A, A, r#""app-a""#), None);
    assert_eq!(answer(&OF_A, A, r#"["x","app-a"]"#), None);
    assert_eq!(answer(&OF_B, B, r#""app-b""#), None);
    for (signer, issuer, aud) in [(&OF_A, A, r#""app-b""#), (&OF_A, A, "null"), (&OF_B, B, r#""app-a""#)] {
        assert_eq!(answer(signer, issuer, aud), Some(InvalidToken::WrongAudience), "{issuer} {aud}");
    }
}

/// All projects of Firebase have the same keys.
#[test]
fn a_shared_key_set_needs_issuer_and_audience() {
    let [mine, other] = ["https://securetoken.google.com/mine", "https://securetoken.google.com/other"];
    let keyring = keyring(&[entry(mine, r#""audience":"mine","#, &OF_A)]);
    let answer =
        |iss: &str, aud: &str| refusal(&OF_A.sign(&payload(&format!(r#""iss":"{iss}","aud":"{aud}""#))), &keyring);
    assert_eq!(answer(mine, "mine"), None);
    assert_eq!(answer(other, "other"), Some(InvalidToken::UnknownIssuer));
    assert_eq!(answer(other, "mine"), Some(InvalidToken::UnknownIssuer));
    assert_eq!(answer(mine, "other"), Some(InvalidToken::WrongAudience));
}

#[test]
fn an_expected_issuer_counts_beside_the_document() {
    let expected = Expected { issuer: Some(A.to_owned()), audience: None };
    let answer = |signer: &Signer, issuer: &str| {
        verify_by_issuer(signer.sign(&of(issuer)).as_bytes(), &both(), &expected, &Profiles::Supabase).err()
    };
    assert_eq!(answer(&OF_A, A), None);
    assert_eq!(answer(&OF_B, B), Some(InvalidToken::WrongIssuer));
}

#[test]
fn unbound_keys_are_for_issuers_that_have_none_of_their_own() {
    let keyring = unbound(&OF_C).and(keyring(&[entry(A, "", &OF_A)]));
    assert_eq!(refusal(&OF_A.sign(&of(A)), &keyring), None);
    assert_eq!(refusal(&OF_C.sign(&of(B)), &keyring), None);
    assert_eq!(refusal(&OF_C.sign(&payload(r#""x":1"#)), &keyring), None);
    assert_eq!(refusal(&OF_C.sign(&of(A)), &keyring), Some(InvalidToken::WrongSignature));
    assert_eq!(refusal(&OF_A.sign(&of(B)), &keyring), Some(InvalidToken::WrongSignature));
    // An issuer without any key has no token.
    let closed = unbound(&OF_C)
        .and(super::Keyring::from_file(format!(r#"{{"issuers":[{{"issuer":"{A}","keys":[]}}]}}"#).as_bytes()).unwrap());
    assert_eq!(refusal(&OF_C.sign(&of(A)), &closed), Some(InvalidToken::NoKeys));
}

#[test]
fn unbound_keys_verify_nothing_where_profiles_name_several_issuers() {
    let profiles = |issuers: &[&str]| {
        let entries: Vec<String> =
            issuers.iter().map(|issuer| format!(r#"{{"issuer":"{issuer}","profile":"keycloak"}}"#)).collect();
        Profiles::from_setting(&format!("[{}]", entries.join(","))).unwrap()
    };
    let answer = |keyring: &Keyring, issuer: Option<&str>, profiles: &Profiles| {
        let expected = Expected { issuer: issuer.map(str::to_owned), audience: None };
        verify_by_issuer(OF_A.sign(&of(A)).as_bytes(), keyring, &expected, profiles).err()
    };
    let (one, two) = (profiles(&[A]), profiles(&[A, B]));
    let loose = unbound(&OF_A);
    assert_eq!(answer(&loose, None, &Profiles::Supabase), None);
    assert_eq!(answer(&loose, None, &one), None);
    assert_eq!(answer(&loose, None, &two), Some(InvalidToken::UnboundKeys));
    assert_eq!(answer(&loose, Some(A), &two), None);
    assert_eq!(answer(&loose, Some(B), &two), Some(InvalidToken::WrongIssuer));
    assert_eq!(answer(&both(), None, &two), None);
    // Beside the document they count for no other issuer either.
    let mixed = unbound(&OF_A).and(keyring(&[entry(B, "", &OF_B)]));
    assert_eq!(answer(&mixed, None, &two), Some(InvalidToken::UnboundKeys));
    assert_eq!(answer(&Keyring::default(), None, &two), Some(InvalidToken::NoKeys));
}

/// The file may bind the issuer to keys of its own.
#[test]
fn beside_a_file_that_was_never_read_unbound_keys_count_for_no_issuer_of_a_profile() {
    let one = Profiles::from_setting(&format!(r#"[{{"issuer":"{A}","profile":"keycloak"}}]"#)).unwrap();
    let token = OF_A.sign(&payload(&format!(r#""iss":"{A}","acr":"aal2""#)));
    let answer = |keyring: &Keyring, profiles: &Profiles| {
        verify_by_issuer(token.as_bytes(), keyring, &Expected::default(), profiles).err()
    };
    assert_eq!(answer(&unbound(&OF_A), &one), None);
    let incomplete = unbound(&OF_A).and(Keyring::unread());
    assert_eq!(answer(&incomplete, &one), Some(InvalidToken::NoKeys));
    assert_eq!(answer(&incomplete, &Profiles::Supabase), None);
}

/// Both issuers sign what the other one's profile reads.
#[test]
fn a_token_gets_nothing_by_claims_of_another_issuers_profile() {
    let profiles = Profiles::from_setting(&format!(
        r#"[{{"issuer":"{A}","profile":"keycloak"}},{{"issuer":"{B}","profile":"cognito"}}]"#
    ))
    .unwrap();
    let level = |signer: &Signer, issuer: &str, claims: &str| {
        let token =
            signer.sign(&payload(&format!(r#""iss":"{issuer}","auth_time":1799999990,"username":"jane",{claims}"#)));
        let verified = verify_by_issuer(token.as_bytes(), &both(), &Expected::default(), &profiles)?;
        Ok::<Option<Level>, InvalidToken>(verified.claims_at(at(NOW))?.level())
    };
    let of_keycloak = r#""acr":"aal2""#;
    let of_cognito = r#""acr":"urn:cognito:loa:3""#;
    assert_eq!(level(&OF_A, A, of_keycloak), Ok(Some(Level::Aal2)));
    assert_eq!(level(&OF_B, B, of_cognito), Ok(Some(Level::Aal2)));
    assert_eq!(level(&OF_A, A, of_cognito), Ok(None));
    assert_ne!(level(&OF_B, B, of_keycloak), Ok(Some(Level::Aal2)));
    for supabases in [r#""aal":"aal2""#, r#""aal":"aal3","amr":[{"method":"totp","timestamp":1799999990}]"#] {
        assert_eq!(level(&OF_A, A, supabases), Ok(None));
        assert_ne!(level(&OF_B, B, supabases), Ok(Some(Level::Aal2)));
    }
    // The name of the other issuer takes the other's keys.
    assert_eq!(level(&OF_A, B, of_cognito), Err(InvalidToken::WrongSignature));
    assert_eq!(level(&OF_B, A, of_keycloak), Err(InvalidToken::WrongSignature));
}

#[test]
fn a_token_that_names_an_issuer_is_refused_by_the_same_checks_in_the_same_order() {
    use InvalidToken::*;
    let good = of(A);
    for (token, expected) in [
        (String::new(), NotThreeParts),
        ("a".repeat(MAX_TOKEN_BYTES + 1), TooLarge),
        ("a.b.c.d.e".to_owned(), Encrypted),
        (sign(r#"{"alg":"ES256","jku":"http://127.0.0.1:9/"}"#, &good, Algorithm::ES256), BringsItsKey("jku")),
        (format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(&good)), Unsigned),
        (sign(r#"{"alg":"HS256","kid":"1"}"#, &good, Algorithm::HS256), WrongAlgorithm),
        (sign(r#"{"alg":"ES256","kid":"2"}"#, &good, Algorithm::ES256), UnknownKey),
        (OF_A.sign("[]"), PayloadNotAnObject),
        (OF_A.sign(&format!(r#"{{"iss":"{A}"}}"#)), NoExpiry),
    ] {
        assert_eq!(refusal(&token, &both()), Some(expected), "{}", &token[..token.len().min(100)]);
    }
}
