//! Whether the session is live.
//!
//! Both are STABLE: within a statement neither the claims change nor what it sees of the sessions. PARALLEL SAFE: workers have the
//! same claims and the same snapshot. Neither takes a session: nobody can ask about another's. Neither is SECURITY DEFINER: the
//! look-up is below SQL, where no privilege matters, and a function of `pg_aal.session_function` has its owner's rights.

use aal::{FixedRequirement, Liveness, What, assess_live};
use pgrx::prelude::*;

use crate::denial;
use crate::liveness::{NoSessions, Patience, look_up};
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::session::{from_claims, with_claims, with_readable_claims};

/// Whether the session is live: it hasn't ended, its user is neither deleted nor banned, and the factor that gave it aal2 is
/// still there. False where that can't be looked up.
#[pg_extern(stable, parallel_safe)]
fn session_is_live() -> bool {
    is_live()
}

/// True if the session is live.
///
/// Errors: insufficient_aal if not; 55000 where no session can be looked up; 22P02 and 28000 as `require_aal`.
#[pg_extern(stable, parallel_safe)]
fn require_live_session() -> bool {
    require_live(None, || None)
}

/// Whether the session of the claims in force is live.
pub fn is_live() -> bool {
    let looked_up = look_up_if_named().and_then(Result::ok);
    with_readable_claims(|claims| assess_live(claims, looked_up)).is_some_and(|answer| answer.is_ok())
}

/// Returns true where the session of the claims in force is live, and raises where it isn't. `required`: the level that is
/// asked for with it. `what` names what was asked for, in the message; it is only asked if there is one.
pub fn require_live(required: Option<FixedRequirement>, what: impl FnOnce() -> Option<What>) -> bool {
    let refused = with_claims(|claims| claims.and_then(Result::err).cloned());
    if let Some(refused) = refused {
        denial::refused(&refused);
    }
    let looked_up = look_up_if_named();
    let answer = with_readable_claims(|claims| assess_live(claims, looked_up.and_then(Result::ok)));
    match (answer, looked_up) {
        (Some(Ok(())), _) => true,
        (Some(Err(not_live)), _) => denial::not_live(&not_live, required, what().as_ref()),
        (None, Some(Err(error))) => {
            raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &error.to_string(), None, Some(error.hint()))
        }
        // Nothing else leaves it open.
        (None, _) => false,
    }
}

/// What the store says of the session; `None` where the claims name none, and nobody is asked.
fn look_up_if_named() -> Option<Result<Liveness, NoSessions>> {
    from_claims(|claims| claims.session_id_of_user().map(drop))?;
    Some(look_up(Patience::Wait))
}
