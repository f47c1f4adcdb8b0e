//! The steps that are the same for every command: the session and the relation.

use super::access::{Access, CallersSession, LeftOut, RelationKind, RowSecurity};
use super::step::Step;
use aal::{Claims, ClaimsSource, Level, LevelClaim};

/// The steps about the session, and about the relation.
pub fn steps(access: &Access, session: &CallersSession<'_>) -> Vec<Step> {
    let mut steps = vec![claims(session), level(session), subject(session), role(access)];
    steps.extend(relation(access));
    steps
}

fn claims(session: &CallersSession<'_>) -> Step {
    let left_out = session.left_out.map(|left_out| not_counted(left_out, session.claims_source));
    if let Some(fault) = &session.fault {
        return Step::new("claims", session.held_in.unwrap_or_default(), fault.kind, Some(fault.reason.clone()));
    }
    match (session.held_in, session.claims()) {
        (Some(setting), Some(_)) => Step::new("claims", setting, "in force", left_out),
        _ => Step::without_subject("claims", "none", left_out.or_else(|| Some("Nobody is signed in.".to_owned()))),
    }
}

fn not_counted(left_out: LeftOut<'_>, source: ClaimsSource) -> String {
    match left_out {
        LeftOut { setting, was_set_before: true } => {
            format!("{setting} was set before this transaction, so it does not count.")
        }
        LeftOut { setting, .. } => {
            format!("{setting} does not count while pg_aal.claims_source is {}.", source.as_str())
        }
    }
}

fn level(session: &CallersSession<'_>) -> Step {
    let Some(level) = session.claims().and_then(Claims::level) else { return no_level(session) };
    let proved = session.claims().and_then(|claims| claims.authenticated_at(level, session.known.clock));
    let factor = if level == Level::Aal1 { "signed in" } else { "second factor verified" };
    let note = proved.map(|at| format!("{factor} {} ago", session.known.clock.age_of(at).roughly()));
    let is_claim = session.claims().is_some_and(Claims::are_supabase_auths);
    Step::new("level", if is_claim { "aal" } else { "profile" }, level, note)
}

/// Why there is no level.
fn no_level(session: &CallersSession<'_>) -> Step {
    let (subject, note) = match session.claims().map(Claims::level_claim) {
        Some(LevelClaim::OfGuest) => ("aal", Some("The user is anonymous, and has shown no factor.".to_owned())),
        Some(LevelClaim::NoProfile) => {
            ("profile", Some("No claims profile is for the token's issuer and audience.".to_owned()))
        }
        Some(LevelClaim::NoRule) => ("profile", Some("The issuer's profile gives this token no level.".to_owned())),
        Some(LevelClaim::NotNamed(value)) => {
            let value = value.unwrap_or_else(|| "it states".to_owned());
            ("profile", Some(format!("The issuer's profile has no level for the value {value}.")))
        }
        _ => {
            let note = match session.known.payload.map(|payload| payload.get("aal")) {
                None => None,
                Some(None | Some(serde_json::Value::Null)) => Some("The claims have no aal."),
                Some(Some(_)) => Some("The claim aal is not aal1, aal2 or aal3."),
            };
            ("aal", note.map(str::to_owned))
        }
    };
    Step::new("level", subject, "none", note)
}

fn subject(session: &CallersSession<'_>) -> Step {
    let subject = session.claims().and_then(Claims::subject);
    let is_uuid = session.claims().and_then(Claims::subject_uuid).is_some();
    let note = || "auth.subject_uuid() is NULL.".to_owned();
    match subject {
        None => Step::new("subject", "sub", "none", None),
        Some(_) if is_uuid => Step::new("subject", "sub", "a uuid", None),
        Some(_) => Step::new("subject", "sub", "a text", Some(note())),
    }
}

fn role(access: &Access) -> Step {
    let (answer, note) = match (&access.kind, access.row_security) {
        (_, RowSecurity::Bypassed(bypass)) => {
            ("bypasses", Some(format!("Row security does not bind it: {}.", bypass.as_str())))
        }
        (RelationKind::Table | RelationKind::Partition(_), RowSecurity::Binds) => ("is bound", None),
        _ => ("is not bound", None),
    };
    Step::new("role", &access.role, answer, note)
}

fn relation(access: &Access) -> Vec<Step> {
    let one = |kind, answer: &str, note: Option<String>| vec![Step::new(kind, &access.name, answer, note)];
    match &access.kind {
        RelationKind::Table => one("table", on_or_off(access), None),
        RelationKind::Partition(parent) => {
            one("partition", on_or_off(access), Some(format!("Through {parent}, only the policies of {parent} count.")))
        }
        RelationKind::View { invoker, owner, reads } => {
            let (answer, note) = if *invoker {
                ("caller's rights", "Your rights count beneath it.".to_owned())
            } else {
                ("owner's rights", format!("The rights of {owner} count beneath it, not yours."))
            };
            let mut steps = one("view", answer, Some(note));
            steps.extend(
                reads
                    .iter()
                    .map(|beneath| Step::new("reads", &beneath.name, beneath_answer(beneath.row_security), None)),
            );
            steps
        }
        RelationKind::MaterializedView => {
            one("copy", "row security off", Some("A materialized view shows everybody the same rows.".to_owned()))
        }
        RelationKind::ForeignTable => {
            one("foreign", "row security off", Some("Row security does not apply to a foreign table.".to_owned()))
        }
        RelationKind::SystemCatalog => one("catalog", "row security off", None),
        RelationKind::NoTable => one("relation", "no table", Some("It is no table or view.".to_owned())),
    }
}

fn on_or_off(access: &Access) -> &'static str {
    if access.row_security == RowSecurity::Off { "row security off" } else { "row security on" }
}

fn beneath_answer(row_security: Option<RowSecurity>) -> &'static str {
    match row_security {
        None => "explain it, too",
        Some(RowSecurity::Off) => "row security off",
        Some(RowSecurity::Bypassed(_)) => "bypassed",
        Some(RowSecurity::Binds) => "policies count",
    }
}
