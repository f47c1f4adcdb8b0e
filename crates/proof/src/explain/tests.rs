//! What a session is told about itself.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::catalog::{Bypass, Guard, Policy, PolicyCommand};
use crate::expression::{Comparison, Reason, Rows};
use crate::ids::{ByRole, TableId};
use crate::known_session::{Factors, KnownSession, Life};
use aal::{Claims, ClaimsSource, Clock, Enrollment, Profiles, Requirement, Timestamp};
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

/// A session by the text of its claims.
struct Fixture {
    claims: Option<Claims>,
    payload: Option<serde_json::Value>,
    settings: HashMap<String, String>,
    factors: Factors,
    life: Life,
}

impl Fixture {
    fn of(claims: &str) -> Fixture {
        Fixture {
            claims: Claims::from_json(claims.as_bytes()).ok(),
            payload: serde_json::from_str(claims).ok(),
            settings: HashMap::from([("request.jwt.claims".to_owned(), claims.to_owned())]),
            factors: Factors::NoStore,
            life: Life::NotAsked,
        }
    }

    fn nobody() -> Fixture {
        Fixture {
            claims: None,
            payload: None,
            settings: HashMap::new(),
            factors: Factors::NoStore,
            life: Life::NotAsked,
        }
    }

    fn knowing(self, enrollment: Enrollment) -> Fixture {
        Fixture { factors: Factors::Known(enrollment), ..self }
    }

    fn session(&self) -> CallersSession<'_> {
        CallersSession {
            claims_source: ClaimsSource::Request,
            held_in: self.claims.as_ref().map(|_| "request.jwt.claims"),
            left_out: None,
            fault: None,
            docs: "docs",
            known: KnownSession {
                role: "authenticated",
                claims: self.claims.as_ref(),
                payload: self.payload.as_ref(),
                settings: &self.settings,
                factors: self.factors,
                life: self.life,
                clock: Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30),
            },
        }
    }

    /// Each step of one command in a line.
    fn lines(&self, access: &Access, command: Command) -> Vec<String> {
        let of_command = explain(access, &self.session(), &[command]).into_iter().filter(|it| it.command.is_some());
        of_command.map(|it| [it.step, it.subject.as_deref().unwrap_or("-"), &it.answer].join(" ")).collect()
    }

    fn last_lines(&self, access: &Access, command: Command) -> Vec<String> {
        let mut lines = self.lines(access, command);
        lines.retain(|line| line.starts_with("result") || line.starts_with("next"));
        lines
    }
}

fn aal1() -> Fixture {
    Fixture::of(r#"{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal1"}"#)
}

fn table() -> Access {
    Access {
        name: "public.payments".to_owned(),
        schema: "public".to_owned(),
        kind: RelationKind::Table,
        role: "authenticated".to_owned(),
        row_security: RowSecurity::Binds,
        may_use_schema: true,
        grants: [Grant::Table; 5],
        held_by_citus: false,
        has_tables_beneath: false,
        unchecked: Vec::new(),
        ruled: Vec::new(),
        policies: Vec::new(),
        guards: Vec::new(),
        readable: HashSet::new(),
        profiles: Vec::new(),
        level_of_guests: None,
    }
}

fn policy(name: &str, permissive: bool, command: PolicyCommand, using: Expression) -> CallersPolicy {
    let policy = Policy {
        name: name.to_owned(),
        command,
        permissive,
        roles: Vec::new(),
        role_names: vec!["other".to_owned()],
        binds: ByRole::default(),
        changeable_by: HashSet::new(),
        left_by: HashSet::new(),
        using: Some(using),
        check: None,
        permits_own_rows: false,
        record: None,
    };
    CallersPolicy { policy, binds: true, using: Some("…".to_owned()), check: None }
}

fn own_rows() -> Expression {
    let unknown =
        |reason| Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: Some(reason) };
    let arguments = vec![unknown(Reason::Column(1)), unknown(Reason::Subject { as_uuid: true })];
    Expression::Unknown { key: None, strict: true, arguments, reason: None }
}

fn has(level: &str) -> Expression {
    Expression::HasLevel {
        level: Box::new(Expression::Constant(Value::text(level))),
        max_age: Box::new(Expression::NULL),
        raises: false,
    }
}

/// Own rows, read at aal1 and written at aal2.
/// The guard of `protect_table` for a command, with these arguments.
fn guard(command: Command, arguments: &[&str]) -> Guard {
    Guard {
        name: "aal_guard".to_owned(),
        enabled: true,
        always_fires: true,
        decides_columns: false,
        commands: vec![command],
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        record: None,
    }
}

fn payments() -> Access {
    let one = PolicyCommand::One;
    Access {
        policies: vec![
            policy("aal_owner", true, PolicyCommand::All, own_rows()),
            policy("aal_read", false, one(Command::Select), has("aal1")),
            policy("aal_update", false, one(Command::Update), has("aal2")),
        ],
        ..table()
    }
}

#[test]
fn own_rows_depend_on_the_row_for_a_user_and_are_null_for_nobody() {
    let lines = aal1().lines(&payments(), Command::Select);
    assert_eq!(
        lines,
        [
            "grant authenticated granted",
            "permissive aal_owner depends on the row",
            "restrictive aal_read true",
            "result - depends on the row",
            "next - compare",
        ]
    );
    let lines = Fixture::nobody().lines(&payments(), Command::Select);
    assert_eq!(
        lines[1..],
        ["permissive aal_owner null", "restrictive aal_read false", "result - no rows", "next - sign_in"]
    );
}

#[test]
fn a_level_that_is_missing_says_what_to_do() {
    let update = |fixture: Fixture| fixture.last_lines(&payments(), Command::Update);
    assert_eq!(update(aal1()), ["result - no rows", "next - verify"]);
    assert_eq!(update(aal1().knowing(Enrollment::NoFactor)), ["result - no rows", "next - enroll"]);
    assert_eq!(update(aal1().knowing(Enrollment::UnknownUser)), ["result - no rows", "next - sign_in"]);
    let no_level = Fixture::of(r#"{"sub":"jane","role":"authenticated"}"#);
    assert_eq!(update(no_level), ["result - no rows", "next - configure"]);
}

#[test]
fn a_guard_is_what_a_write_meets_first() {
    let mut access = payments();
    let guard = guard(Command::Update, &["update=aal2,max_age=900 seconds"]);
    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - insufficient_aal", "next - verify"]);
    let old = format!(r#"{{"sub":"jane","aal":"aal2","amr":[{{"method":"totp","timestamp":{}}}]}}"#, NOW - 3_600);
    assert_eq!(
        Fixture::of(&old).last_lines(&access, Command::Update),
        ["result - insufficient_aal", "next - reverify"]
    );
    access.guards[0].acts = [false; 5];
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - no rows", "next - verify"]);
}

#[test]
fn in_the_shards_of_citus_restrictive_policies_permit_and_guards_for_truncate_may_be_missing() {
    let mut access = payments();
    let mut guard = guard(Command::Update, &["update=aal2", "truncate=aal2"]);
    guard.commands.push(Command::Truncate);
    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - insufficient_aal", "next - verify"]);
    access.held_by_citus = true;
    let lines = aal1().lines(&access, Command::Update);
    assert_eq!(
        lines[1..4],
        ["guard aal_guard can't be told", "permissive aal_owner depends on the row", "permissive aal_update false"]
    );
    assert_eq!(lines[4], "result - depends on the row");
    assert_eq!(aal1().lines(&access, Command::Select)[3], "result - allowed");
    assert_eq!(aal1().last_lines(&access, Command::Truncate), ["result - insufficient_aal", "next - verify"]);
    access.guards[0].guard.commands.pop();
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - insufficient_aal", "next - verify"]);
}

#[test]
fn a_session_that_is_over_is_told_to_sign_in_before_it_is_told_a_level() {
    let mut access = payments();
    access.policies[2] =
        policy("aal_update", false, PolicyCommand::One(Command::Update), has("aal2").of_live_sessions());
    let guard = guard(Command::Update, &["update=aal2", "live=true"]);
    assert!(asks_for_live(&access) && !asks_for_live(&payments()));
    let ended = aal::assess_live(Some(&claims("aal2")), Some(aal::Liveness::Ended)).unwrap().unwrap_err();
    let of = |level: &str, life| Fixture { life, ..Fixture::of(&text(level)) };
    for level in ["aal1", "aal2"] {
        let refused = ["result - no rows", "next - sign_in"];
        assert_eq!(of(level, Life::Over(ended)).last_lines(&access, Command::Update), refused);
    }
    assert_eq!(of("aal1", Life::Live).last_lines(&access, Command::Update), ["result - no rows", "next - verify"]);
    assert_eq!(
        of("aal2", Life::Live).last_lines(&access, Command::Update),
        ["result - depends on the row", "next - compare"]
    );
    assert_eq!(of("aal2", Life::NotAsked).last_lines(&access, Command::Update)[0], "result - can't be told");
    let no_store = of("aal2", Life::NoStore);
    assert_eq!(no_store.last_lines(&access, Command::Update), ["result - no rows", "next - configure"]);
    // Reads ask for none.
    assert_eq!(of("aal1", Life::Over(ended)).last_lines(&access, Command::Select)[0], "result - depends on the row");

    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    let guarded = |level, life| of(level, life).lines(&access, Command::Update)[1].clone();
    assert_eq!(guarded("aal2", Life::Over(ended)), "guard aal_guard raises");
    assert_eq!(guarded("aal1", Life::Live), "guard aal_guard raises");
    assert_eq!(guarded("aal2", Life::Live), "guard aal_guard passes");
    assert_eq!(guarded("aal2", Life::NotAsked), "guard aal_guard can't be told");
}

fn text(level: &str) -> String {
    format!(r#"{{"sub":"11111111-1111-4111-8111-111111111111","session_id":"s","aal":"{level}"}}"#)
}

fn claims(level: &str) -> Claims {
    Claims::from_json(text(level).as_bytes()).unwrap()
}

#[test]
fn what_is_missing_besides_a_level_is_said_as_it_is() {
    let denied = Access { grants: [Grant::Missing; 5], ..payments() };
    assert_eq!(aal1().last_lines(&denied, Command::Select), ["result - permission denied", "next - grant"]);
    assert_eq!(aal1().last_lines(&table(), Command::Select), ["result - no rows", "next - policy"]);
    assert_eq!(aal1().last_lines(&table(), Command::Insert), ["result - new row refused", "next - policy"]);
    let off = Access { row_security: RowSecurity::Off, ..payments() };
    assert_eq!(aal1().last_lines(&off, Command::Update), ["result - allowed"]);
    let bypassed = Access { row_security: RowSecurity::Bypassed(Bypass::Superuser), ..payments() };
    assert_eq!(aal1().last_lines(&bypassed, Command::Update), ["result - allowed", "next - set_role"]);
}

#[test]
fn a_subject_that_is_no_uuid_owns_no_row_by_its_uuid() {
    let jane = Fixture::of(r#"{"sub":"jane","role":"authenticated","aal":"aal2"}"#);
    let own = |expression| Access { policies: vec![policy("own", true, PolicyCommand::All, expression)], ..table() };
    assert_eq!(jane.last_lines(&own(own_rows()), Command::Select), ["result - no rows", "next - compare"]);
    let never = Expression::And(vec![Expression::Constant(Value::Bool(false)), own_rows()]);
    assert_eq!(aal1().last_lines(&own(never), Command::Select), ["result - no rows", "next - policy"]);
    assert_eq!(aal1().last_lines(&own(own_rows()), Command::Select)[0], "result - depends on the row");
}

#[test]
fn a_guard_that_may_not_fire_leaves_the_result_open() {
    let mut access = Access {
        policies: vec![policy("p", true, PolicyCommand::All, Expression::Constant(Value::Bool(true)))],
        ..table()
    };
    let guard = Guard { name: "guard".to_owned(), always_fires: false, ..guard(Command::Update, &["update=aal2"]) };
    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - can't be told"]);
    let aal2 = Fixture::of(r#"{"sub":"jane","aal":"aal2"}"#);
    assert_eq!(aal2.last_lines(&access, Command::Update), ["result - allowed"]);
}

#[test]
fn a_new_row_may_go_where_no_check_is_asked() {
    let foreign = Access { unchecked: vec![Command::Insert], ..table() };
    assert_eq!(aal1().last_lines(&foreign, Command::Insert), ["result - can't be told"]);
    assert_eq!(aal1().last_lines(&foreign, Command::Update), ["result - no rows", "next - policy"]);
}

#[test]
fn a_claim_is_read_as_it_is_even_where_it_is_no_level() {
    let aal = Expression::Member {
        document: Box::new(Expression::Claims),
        key: Box::new(Expression::Constant(Value::text("aal"))),
        as_text: true,
    };
    let is = |text| {
        Expression::Compare(Comparison::Equal, Box::new(aal.clone()), Box::new(Expression::Constant(Value::text(text))))
    };
    let access = |text| Access { policies: vec![policy("p", true, PolicyCommand::All, is(text))], ..table() };
    let odd = Fixture::of(r#"{"sub":"jane","aal":"AAL2"}"#);
    assert_eq!(odd.lines(&access("AAL2"), Command::Select)[1], "permissive p true");
    assert_eq!(odd.lines(&access("aal2"), Command::Select)[1], "permissive p false");
    assert_eq!(Fixture::of("{}").lines(&access("aal2"), Command::Select)[1], "permissive p null");
}

#[test]
fn a_level_by_a_profile_is_no_claim_aal() {
    let profiles = Profiles::from_setting(r#"[{"issuer":"https://a.example/realms/b","profile":"keycloak"}]"#).unwrap();
    let level = |claims: &str| {
        let fixture = Fixture { claims: profiles.claims(claims.as_bytes()).ok(), ..Fixture::of(claims) };
        let steps = explain(&table(), &fixture.session(), &[]);
        let step = steps.into_iter().find(|it| it.step == "level").unwrap();
        [step.subject.unwrap(), step.answer, step.note.unwrap_or_default()].join("; ").replace('\n', " ")
    };
    let of = |claims: &str| level(&format!(r#"{{"iss":"https://a.example/realms/b","sub":"u",{claims}}}"#));
    assert_eq!(of(r#""acr":"aal2","auth_time":1"#), "profile; aal2; ");
    assert_eq!(of(r#""acr":"0","auth_time":1"#), "profile; none; The issuer's profile has no level for the value 0.");
    assert_eq!(of(r#""acr":"aal2""#), "profile; none; The issuer's profile gives this token no level.");
    let other = r#"{"iss":"https://b.example","sub":"u","aal":"aal2"}"#;
    assert_eq!(level(other), "profile; none; No claims profile is for the token's issuer and audience.");
}

#[test]
fn settings_are_read_as_the_session_has_them() {
    let setting = Expression::Setting {
        name: Box::new(Expression::Constant(Value::text("Request.JWT.Claims"))),
        missing_ok: false,
    };
    let is_null = Expression::Is { truth: crate::expression::Truth::Null, negated: true, tested: Box::new(setting) };
    let access = Access { policies: vec![policy("p", true, PolicyCommand::All, is_null)], ..table() };
    assert_eq!(settings_read(&access).into_iter().collect::<Vec<_>>(), ["request.jwt.claims"]);
    assert_eq!(aal1().lines(&access, Command::Select)[1], "permissive p true");
    assert_eq!(Fixture::nobody().lines(&access, Command::Select)[1], "permissive p raises");
}

#[test]
fn an_unread_function_is_no_answer() {
    let gate = Expression::Unknown {
        key: None,
        strict: false,
        arguments: Vec::new(),
        reason: Some(Reason::Function("public.gate()".to_owned())),
    };
    let access = Access { policies: vec![policy("p", true, PolicyCommand::All, gate)], ..table() };
    assert_eq!(aal1().lines(&access, Command::Select)[1..], ["permissive p can't be told", "result - can't be told"]);
}

const UNREADABLE: u32 = 16_500;

/// A sub-select from a table of which the role may read nothing.
fn exists_unreadable() -> Expression {
    Expression::Exists(Rows { from: true, reads: vec![TableId::new(UNREADABLE).unwrap()], ..Rows::one() })
}

fn permissive(conditions: impl IntoIterator<Item = Expression>) -> Access {
    let policies = conditions.into_iter().enumerate();
    let policies = policies.map(|(n, using)| policy(&format!("p{n}"), true, PolicyCommand::All, using));
    Access { policies: policies.collect(), ..table() }
}

const TRUE: Expression = Expression::Constant(Value::Bool(true));
const FALSE: Expression = Expression::Constant(Value::Bool(false));

#[test]
fn a_policy_that_reads_an_unreadable_table_is_an_error_where_the_planner_keeps_it() {
    use Expression::{And, Not, Or};
    let column =
        || Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: Some(Reason::Column(1)) };
    let kept = [
        vec![exists_unreadable()],
        vec![Not(Box::new(exists_unreadable()))],
        vec![And(vec![has("aal1"), exists_unreadable()])],
        vec![Or(vec![has("aal1"), exists_unreadable()])],
        vec![And(vec![has("aal3"), Or(vec![own_rows(), column(), exists_unreadable()])])],
        vec![own_rows(), exists_unreadable()],
        vec![has("aal1"), Or(vec![exists_unreadable(), has("aal1")])],
    ];
    for conditions in kept {
        let access = permissive(conditions);
        for command in [Command::Select, Command::Insert, Command::Update, Command::Delete] {
            let lines = aal1().last_lines(&access, command);
            assert_eq!(lines, ["result - error", "next - policy"], "{command:?} {:?}", access.policies);
        }
    }
}

#[test]
fn where_the_planner_may_drop_an_unreadable_table_it_is_not_told() {
    use Expression::{And, Case, Not, Or};
    let constant = || Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: None };
    let dropped = [
        vec![Or(vec![TRUE, exists_unreadable()])],
        vec![And(vec![FALSE, exists_unreadable()])],
        vec![And(vec![Expression::NULL, exists_unreadable()])],
        vec![Or(vec![constant(), exists_unreadable()])],
        vec![Case { arms: vec![(TRUE, has("aal1"))], otherwise: Box::new(exists_unreadable()) }],
        // A or (A and B) is A.
        vec![Or(vec![has("aal1"), And(vec![has("aal1"), exists_unreadable()])])],
        vec![Not(Box::new(Or(vec![Not(Box::new(has("aal1"))), And(vec![has("aal1"), exists_unreadable()])])))],
        // Permissive policies are one OR.
        vec![TRUE, exists_unreadable()],
        vec![has("aal1"), And(vec![has("aal1"), exists_unreadable()])],
    ];
    for conditions in dropped {
        let access = permissive(conditions);
        assert_eq!(aal1().last_lines(&access, Command::Select), ["result - can't be told"], "{:?}", access.policies);
    }
}

#[test]
fn a_guard_at_enrolled_cannot_be_told_where_the_store_is_somebodys_function() {
    let mut access = payments();
    let guard = guard(Command::Delete, &["delete=enrolled"]);
    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    let session = Fixture { factors: Factors::NotAsked, ..aal1() };
    let lines = session.lines(&access, Command::Delete);
    assert!(lines.iter().any(|line| line.starts_with("guard aal_guard can't be told")), "{lines:?}");
    assert!(session.last_lines(&access, Command::Delete)[0].ends_with("can't be told"));
}

#[test]
fn an_unreadable_table_counts_only_where_a_policy_is_planned() {
    // Without a permissive policy, Postgres plans with false alone.
    let mut access = table();
    access.policies.push(policy("r", false, PolicyCommand::All, exists_unreadable()));
    assert_eq!(aal1().last_lines(&access, Command::Select), ["result - no rows", "next - policy"]);
    access.policies.push(policy("p", true, PolicyCommand::All, TRUE));
    assert_eq!(aal1().last_lines(&access, Command::Select), ["result - error", "next - policy"]);
    // The right to read is asked for before a guard fires.
    let guard = guard(Command::Update, &["update=aal2"]);
    access.guards.push(CallersGuard { guard, acts: [true; 5] });
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - error", "next - policy"]);
    access.policies[0].binds = false;
    assert_eq!(aal1().last_lines(&access, Command::Update), ["result - insufficient_aal", "next - verify"]);
}

proptest! {
    /// Our own functions are told as they answer.
    #[test]
    fn our_functions_are_told_as_they_answer(
        level in prop::option::of(prop::sample::select(vec!["aal1", "aal2", "aal3", "AAL2"])),
        ago in prop::option::of(0i64..2_000),
        asked in prop::sample::select(aal::Level::ALL.to_vec()),
        max_age in prop::option::of(0u32..2_000),
    ) {
        let aal = level.map(|level| format!(r#""aal":"{level}","#)).unwrap_or_default();
        let amr = ago.map(|ago| format!(r#"{{"method":"totp","timestamp":{}}}"#, NOW - ago)).unwrap_or_default();
        let fixture = Fixture::of(&format!(r#"{{{aal}"sub":"jane","amr":[{amr}]}}"#));
        let max_age = max_age.map(aal::MaxAge::from_seconds);
        let required = aal::FixedRequirement { level: asked, max_age };
        let expression = Expression::for_requirement(Requirement::Fixed(required), false);
        let session = fixture.session();
        let is_met = aal::assess(session.claims(), required, || session.known.clock).is_ok();
        let evaluation = Evaluation::of_known(&session.known, None);
        let expected = if is_met { Answer::True } else { Answer::False };
        prop_assert_eq!(Answer::of(&evaluation, &expression), expected);
    }
}
