//! Micro-benchmarks: reading claims, answering from them, rendering denials and policies.

use std::hint::black_box;

use aal::policy::{Before, Protection, Quote, Table, TableLevel};
use aal::{Claims, Clock, Level, MaxAge, Requirement, Timestamp, assess};
use criterion::{Criterion, criterion_group, criterion_main};

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
        let required = Requirement { level: Level::Aal2, max_age };
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| black_box(&text) == &cached.0 && assess(Some(&cached.1), black_box(required), clock).is_ok())
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("render");
    let required = Requirement { level: Level::Aal3, max_age: Some(MaxAge::from_seconds(900)) };
    let denial = assess(Some(&cached.1), required, clock).expect_err("a denial");
    group.bench_function("denial for SQL", |bencher| {
        bencher.iter(|| (black_box(&denial).message(None), denial.detail(), denial.hint()))
    });
    group.bench_function("denial for PostgREST", |bencher| bencher.iter(|| black_box(&denial).http(None)));
    let aal2 = TableLevel::At(Level::Aal2);
    let protection = Protection {
        read: TableLevel::At(Level::Aal1),
        insert: aal2,
        update: aal2,
        delete: aal2,
        max_age: Some(MaxAge::from_seconds(900)),
        roles: vec!["public".to_owned()],
        owner: None,
        sensitive_columns: Vec::new(),
        guard: true,
    };
    let before = Before { row_security: false, policies: None };
    let table = Table { schema: "public".into(), name: "payments".into(), before, copies_row_triggers: false };
    group.bench_function("policies of a table", |bencher| {
        bencher.iter(|| protection.statements(black_box(&table), &Plain))
    });
    group.finish();
}

criterion_group!(core, benchmarks);
criterion_main!(core);
