//! Micro-benchmarks: reading claims, answering from them, verifying tokens, rendering denials and policies.

use std::hint::black_box;
use std::time::Duration;

use aal::protection::{Before, Protection, Quote, Table, TableLevel};
use aal::token::{Expected, verify};
use aal::{Claims, Clock, FixedRequirement, KeySet, Level, MaxAge, Profiles, Timestamp, assess};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use criterion::{Criterion, criterion_group, criterion_main};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

const NOW: i64 = 1_800_000_000;

/// Claims as Supabase Auth issues them, with so many bytes of metadata that the text has about `size`.
fn claims(size: usize) -> String {
    let text = |filler: &str| {
        format!(
            r#"{{"iss":"http://localhost:9999","sub":"11111111-1111-4111-8111-111111111111","aud":"authenticated","exp":{},"iat":{},"email":"jane@example.com","phone":"","app_metadata":{{"provider":"email","providers":["email"]}},"user_metadata":{{"filler":"{filler}"}},"role":"authenticated","aal":"aal2","amr":[{{"method":"totp","timestamp":{}}},{{"method":"password","timestamp":{}}}],"session_id":"33333333-3333-4333-8333-333333333333","is_anonymous":false}}"#,
            NOW + 3600,
            NOW - 60,
            NOW - 60,
            NOW - 7200
        )
    };
    let bare = text("").len();
    text(&"x".repeat(size.saturating_sub(bare)))
}

struct Plain;

impl Quote for Plain {
    fn identifier(&self, name: &str) -> String {
        format!("\"{name}\"")
    }
    fn literal(&self, text: &str) -> String {
        format!("'{text}'")
    }
}

fn benchmarks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("claims");
    for (name, size) in [("parse 600 bytes", 600), ("parse 16 KB", 16 * 1024)] {
        let text = claims(size);
        group.bench_function(name, |bencher| bencher.iter(|| Claims::from_json(black_box(text.as_bytes()))));
    }
    group.finish();

    let mut group = criterion.benchmark_group("answer");
    let text = claims(600);
    let cached = (text.clone(), Claims::from_json(text.as_bytes()).expect("claims"));
    let clock = || Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30);
    for (name, max_age) in [("cached hit", None), ("cached hit with max_age", Some(MaxAge::from_seconds(900)))] {
        let required = FixedRequirement { level: Level::Aal2, max_age };
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| black_box(&text) == &cached.0 && assess(Some(&cached.1), black_box(required), clock).is_ok())
        });
    }
    group.finish();

    verification(criterion, &text);

    let mut group = criterion.benchmark_group("render");
    let required = FixedRequirement { level: Level::Aal3, max_age: Some(MaxAge::from_seconds(900)) };
    let denial = assess(Some(&cached.1), required, clock).expect_err("a denial");
    group.bench_function("denial for SQL", |bencher| {
        bencher.iter(|| (black_box(&denial).message(None), denial.detail(), denial.hint("docs")))
    });
    group.bench_function("denial for PostgREST", |bencher| bencher.iter(|| black_box(&denial).http(None, "docs")));
    let aal2 = TableLevel::at(Level::Aal2).or_within(Some(MaxAge::from_seconds(900)));
    let protection = Protection {
        read: TableLevel::at(Level::Aal1),
        insert: aal2,
        update: aal2,
        delete: aal2,
        roles: vec!["public".to_owned()],
        owner: None,
        sensitive_columns: Vec::new(),
        guard: true,
        applies_when: None,
        live: false,
        refuse_reads: false,
    };
    let before = Before { row_security: false, policies: None };
    let table = Table {
        schema: "public".into(),
        name: "payments".into(),
        before,
        copies_row_triggers: false,
        has_shards: false,
    };
    group.bench_function("policies of a table", |bencher| {
        bencher.iter(|| protection.statements(black_box(&table), &Plain))
    });
    group.finish();
}

/// What a user of jsonwebtoken would read of the same claims.
#[derive(serde::Deserialize)]
#[allow(dead_code)]
struct Read {
    aal: String,
    sub: String,
    amr: Vec<ReadMethod>,
}

#[derive(serde::Deserialize)]
#[allow(dead_code)]
struct ReadMethod {
    method: String,
    timestamp: i64,
}

/// Verifying a token, against jsonwebtoken's own `decode` with its own checks of exp and nbf.
fn verification(criterion: &mut Criterion, claims: &str) {
    use Algorithm::*;
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key").as_der().expect("DER").as_ref()[26..].to_vec();
    let ec = |algorithm| EcdsaKeyPair::generate(algorithm).expect("a key").to_pkcs8v1().expect("DER").as_ref().to_vec();
    let ed = Ed25519KeyPair::generate().expect("a key").to_pkcs8v1().expect("DER").as_ref().to_vec();
    // jsonwebtoken asks the system's clock.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut claims: serde_json::Value = serde_json::from_str(claims).expect("claims");
    claims["exp"] = (now + 86_400).into();
    claims["iat"] = now.into();
    let clock = Clock::new(Timestamp::from_unix_micros(now as i64 * 1_000_000), 30);
    for (algorithm, key) in [
        (HS256, EncodingKey::from_secret(&[7; 64])),
        (HS384, EncodingKey::from_secret(&[7; 64])),
        (HS512, EncodingKey::from_secret(&[7; 64])),
        (RS256, EncodingKey::from_rsa_der(&rsa)),
        (RS384, EncodingKey::from_rsa_der(&rsa)),
        (RS512, EncodingKey::from_rsa_der(&rsa)),
        (PS256, EncodingKey::from_rsa_der(&rsa)),
        (PS384, EncodingKey::from_rsa_der(&rsa)),
        (PS512, EncodingKey::from_rsa_der(&rsa)),
        (ES256, EncodingKey::from_ec_der(&ec(&ECDSA_P256_SHA256_FIXED_SIGNING))),
        (ES384, EncodingKey::from_ec_der(&ec(&ECDSA_P384_SHA384_FIXED_SIGNING))),
        (EdDSA, EncodingKey::from_ed_der(&ed)),
    ] {
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).expect("a JWK");
        jwk.common.key_id = Some("current".to_owned());
        let header = Header { kid: Some("current".to_owned()), ..Header::new(algorithm) };
        let token = jsonwebtoken::encode(&header, &claims, &key).expect("a token");
        let keys = KeySet::from_json(&serde_json::to_vec(&jwk).expect("JSON")).expect("a key set");
        let expected = Expected { issuer: None, audience: Some("authenticated".to_owned()) };
        let decoding = DecodingKey::from_jwk(&jwk).expect("a key");
        let mut validation = Validation::new(algorithm);
        validation.validate_nbf = true;
        validation.set_audience(&["authenticated"]);

        let mut group = criterion.benchmark_group(format!("verify {algorithm:?}"));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        group.bench_function("pg_aal", |bencher| {
            bencher.iter(|| {
                let verified =
                    verify(black_box(token.as_bytes()), &keys, &expected, &Profiles::Supabase).expect("a good token");
                black_box(verified.claims_at(clock).expect("in time").level())
            })
        });
        group.bench_function("jsonwebtoken alone", |bencher| {
            bencher.iter(|| {
                jsonwebtoken::decode::<Read>(black_box(&token), &decoding, &validation).expect("a good token").claims
            })
        });
        group.finish();
    }
}

criterion_group!(core, benchmarks);
criterion_main!(core);
