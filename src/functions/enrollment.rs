//! The enrolled level: the highest that this user can reach.
//!
//! All are STABLE: within a statement neither the claims change nor what it sees of the factors. PARALLEL SAFE: workers have
//! the same claims and the same snapshot. SECURITY DEFINER with search_path `pg_catalog, pg_temp`: they answer who may not read
//! the factors. None takes a user: nobody can ask about another.

use aal::{Action, Claims, Enrollment, Level, MaxAge, Reason, Status, WayBack, What, assess_enrolled, assess_live};
use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::denial;
use crate::enrollment::{NoStore, Patience, look_up};
use crate::functions::session::{claim, parse_max_age, to_jsonb};
use crate::liveness;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::Jsonb;
use crate::session::{self, Refused, from_claims, with_claims, with_readable_claims};

/// The level this user can reach: `aal2` with a verified second factor, else `aal1`; NULL without a user.
///
/// Errors: 55000 where nobody can be looked up.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn enrolled_aal() -> Option<&'static str> {
    from_claims(Claims::level)?;
    found(look_up(Patience::Wait)).level().map(Level::as_str)
}

/// Whether the session is at least at its enrolled level, its factor verified at most `max_age` ago.
///
/// Errors: 22023 for a negative `max_age`. Where nobody can be looked up, a session at aal2 is at its enrolled level,
/// and no other session is.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn has_enrolled_aal(max_age: default!(Option<Interval>, "NULL")) -> bool {
    meets_enrolled(max_age.map(parse_max_age))
}

/// True if the session is at least at its enrolled level, its factor verified at most `max_age` ago.
///
/// Errors: insufficient_aal if not; 55000 where nobody can be looked up; 22P02 and 28000 as `require_aal`; 22023 for a
/// negative `max_age`.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn require_enrolled_aal(max_age: default!(Option<Interval>, "NULL")) -> bool {
    require_enrolled(max_age.map(parse_max_age), || None)
}

/// Whether the claims in force meet their enrolled level.
pub fn meets_enrolled(max_age: Option<MaxAge>) -> bool {
    let looked_up = look_up(Patience::Wait).ok();
    let assessed = with_readable_claims(|claims| assess_enrolled(claims, looked_up, max_age, session::clock));
    assessed.is_some_and(|answer| answer.is_ok())
}

/// Returns true where the claims in force meet their enrolled level, and raises where they don't. `what` names what was
/// asked for, in the message; it is only asked if there is one.
pub fn require_enrolled(max_age: Option<MaxAge>, what: impl FnOnce() -> Option<What>) -> bool {
    let refused = with_claims(|claims| claims.and_then(Result::err).cloned());
    if let Some(refused) = refused {
        denial::refused(&refused);
    }
    let looked_up = look_up(Patience::Wait);
    let assessed = with_readable_claims(|claims| {
        assess_enrolled(claims, looked_up.as_ref().ok().copied(), max_age, session::clock)
    });
    match (assessed, looked_up) {
        (Some(Ok(())), _) => true,
        (Some(Err(denial)), _) => denial::insufficient_aal(&denial, what().as_ref()),
        // Nothing else leaves it open.
        (None, looked_up) => {
            found(looked_up);
            false
        }
    }
}

/// Where the session stands: `currentLevel`, `nextLevel` and `currentAuthenticationMethods`, as supabase-js'
/// `getAuthenticatorAssuranceLevel()` returns them. `action` is the step to reach the next level, or to have one. `reason` says
/// why there is no level or no next one. Where claims are read by the profile of another issuer, `acrValues` is what its sign-in
/// must be asked for to reach aal2, and at Entra `claims`. Whether it is live is in `sessionIsLive`: null where no session can be looked up.
///
/// Where nobody can be looked up, the session alone answers. Errors: those of the functions that `pg_aal.enrollment_function` and
/// `pg_aal.session_function` name.
#[pg_extern(stable, parallel_safe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn aal_status() -> Jsonb {
    let status = match with_claims(|claims| claims.and_then(Result::err).cloned()) {
        Some(refused) => status_of_refused(&refused),
        None => {
            let has_level = from_claims(Claims::level).is_some();
            let looked_up = if has_level { look_up(Patience::Wait).ok() } else { None };
            with_readable_claims(|claims| Status::of(claims, looked_up))
        }
    };
    let methods = if status.current.is_some() { claim("amr") } else { None };
    let mut answer = serde_json::json!({
        "currentLevel": status.current.map(Level::as_str),
        "nextLevel": status.next.map(Level::as_str),
        "currentAuthenticationMethods": methods.unwrap_or_else(|| serde_json::json!([])),
        "action": status.action.map(Action::as_str),
        "reason": status.reason.map(Reason::as_str),
        "sessionIsLive": if status.current.is_some() { is_live() } else { None },
    });
    let way_back = session::way_back();
    if way_back != WayBack::SupabaseAuth {
        let request = status.request(&way_back);
        answer["acrValues"] = request.acr_values().into();
        if let Some(claims) = request.claims() {
            answer["claims"] = claims.into();
        }
    }
    to_jsonb(&std::ffi::CString::new(answer.to_string()).unwrap_or_default())
}

/// Whether the session is live; `None` where no session can be looked up.
fn is_live() -> Option<bool> {
    if from_claims(|claims| claims.session_id_of_user().map(drop)).is_none() {
        return liveness::check_store().ok().map(|()| false);
    }
    let looked_up = liveness::look_up(Patience::Wait).ok()?;
    with_readable_claims(|claims| assess_live(claims, Some(looked_up))).map(|answer| answer.is_ok())
}

/// A session that can't be read is nobody's. A new token may mend a bad one. The rest is for the administrator.
fn status_of_refused(refused: &Refused) -> Status {
    match refused {
        Refused::Token(_) => Status::without_level(Action::SignIn, Reason::InvalidToken),
        Refused::Claims(_) => Status::without_level(Action::Configure, Reason::InvalidClaims),
        Refused::UnusableSource => Status::without_level(Action::Configure, Reason::InvalidSetting),
    }
}

fn found(answer: Result<Enrollment, NoStore>) -> Enrollment {
    answer.unwrap_or_else(|error| {
        raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &error.to_string(), None, Some(error.hint()))
    })
}
