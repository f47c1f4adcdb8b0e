//! Raising errors: `insufficient_aal`, and those that bad arguments, claims and tokens deserve.

use aal::{
    Asker, Denial, EnrolledIsNoLevel, FixedRequirement, HttpDenial, InvalidClaims, InvalidMaxAge, InvalidToken,
    NotLive, UnknownLevel, What,
};

use crate::pg::elog::{raise, raise_and_log};
use crate::pg::role;
use crate::pg::sqlstate::SqlState;
use crate::session::{self, Refused};
use crate::settings::{self, ErrorFormat};

/// Raises `insufficient_aal` in the format of `pg_aal.error_format`. `what` names what was asked for.
pub fn insufficient_aal(denial: &Denial, what: Option<&What>) -> ! {
    let denial = denial.clone().where_nobody_asks(settings::profiles().way_back_of_nobody());
    let in_log = asker().map(|asker| denial.log_entry(what, asker));
    let what = what.map(|what| what.words.as_str());
    let docs = settings::docs();
    let sql = Refusal {
        state: SqlState::INSUFFICIENT_PRIVILEGE,
        message: &denial.message(what),
        detail: Some(&denial.detail()),
        hint: &denial.hint(&docs),
    };
    refuse(&sql, || denial.http(what, &docs), in_log.as_deref())
}

/// A refusal as an SQL error.
struct Refusal<'a> {
    state: SqlState,
    message: &'a str,
    detail: Option<&'a str>,
    hint: &'a str,
}

/// Raises a refusal in the format of `pg_aal.error_format`. `in_log` stands in the server's log in the place of DETAIL.
#[track_caller]
fn refuse(sql: &Refusal<'_>, http: impl FnOnce() -> HttpDenial, in_log: Option<&str>) -> ! {
    match settings::error_format() {
        ErrorFormat::Sql => raise_and_log(sql.state, sql.message, sql.detail, Some(sql.hint), in_log),
        ErrorFormat::Postgrest => {
            let http = http();
            raise_and_log(SqlState::POSTGREST, &http.body, Some(&http.response), None, in_log)
        }
    }
}

/// Who asks, for the log; `None` where refusals aren't logged.
fn asker() -> Option<Asker> {
    settings::logs_denials().then(|| Asker {
        subject: session::from_claims(|claims| claims.subject().map(str::to_owned)),
        session_id: session::from_claims(|claims| claims.session_id().map(str::to_owned)),
        role: role::of_session(),
        method: session::request_method(),
        path: session::request_path(),
    })
}

/// Raises `insufficient_aal` for a session that isn't live. `required`: the level that was asked for with it.
pub fn not_live(denial: &NotLive, required: Option<FixedRequirement>, what: Option<&What>) -> ! {
    let way_back = session::way_back();
    let in_log = asker().map(|asker| denial.log_entry(required, what, asker));
    let what = what.map(|what| what.words.as_str());
    let sql = Refusal {
        state: SqlState::INSUFFICIENT_PRIVILEGE,
        message: &denial.message(what),
        detail: Some(&denial.detail(required, &way_back)),
        hint: denial.hint(),
    };
    refuse(&sql, || denial.http(what, required, &way_back), in_log.as_deref())
}

/// Raises what says why there are no claims that could be read.
pub fn refused(refused: &Refused) -> ! {
    match refused {
        Refused::Claims(error) => invalid_claims(error),
        Refused::Token(error) => invalid_token(*error),
        Refused::UnusableSource => {
            let hint = "A superuser must set it to one of them; and the options of a connection must not set what only a superuser may.";
            raise(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "pg_aal.claims_source is neither request nor token",
                None,
                Some(hint),
            )
        }
    }
}

/// Raises `invalid_token` (28000, or PGRST). Says which check failed, never what the token or a key is.
pub fn invalid_token(error: InvalidToken) -> ! {
    let in_log = asker().map(|asker| error.log_entry(asker));
    let sql =
        Refusal { state: SqlState::INVALID_AUTHORIZATION, message: &error.message(), detail: None, hint: error.hint() };
    refuse(&sql, || error.http(), in_log.as_deref())
}

/// Raises `invalid_claims` (22P02). Says where the claims can't be read, never what they are.
fn invalid_claims(error: &InvalidClaims) -> ! {
    raise(SqlState::INVALID_TEXT_REPRESENTATION, &error.message(), None, Some(InvalidClaims::HINT))
}

/// Raises `invalid_claims` (22P02) for a JSON object that jsonb can't hold.
pub fn claims_beyond_jsonb() -> ! {
    raise(
        SqlState::INVALID_TEXT_REPRESENTATION,
        InvalidClaims::BEYOND_JSONB,
        None,
        Some(InvalidClaims::BEYOND_JSONB_HINT),
    )
}

/// Raises 22023 for a text that names no level.
pub fn unknown_level(error: &UnknownLevel) -> ! {
    raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(&error.hint()))
}

/// Raises 22023 where a fixed level is asked for and `enrolled` is not one: it is another for each user.
pub fn enrolled_is_no_level() -> ! {
    let hint = EnrolledIsNoLevel::hint("auth");
    raise(SqlState::INVALID_PARAMETER_VALUE, EnrolledIsNoLevel::MESSAGE, None, Some(&hint))
}

/// Raises 22023 for a negative or infinite `max_age`.
pub fn invalid_max_age(error: InvalidMaxAge) -> ! {
    raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(InvalidMaxAge::HINT))
}

/// Raises 22004 for an argument that must not be NULL.
pub fn null_argument(name: &str) -> ! {
    raise(SqlState::NULL_VALUE_NOT_ALLOWED, &format!("{name} must not be null"), None, None)
}
