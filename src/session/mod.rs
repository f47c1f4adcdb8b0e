//! The claims in force, and the clock that judges them.
//!
//! A request's state lives in settings that the gateway or the client makes (`set_config('request.jwt.claims', …, true)`), so
//! it follows transactions, savepoints, poolers and parallel workers. Here is only a cache of the last text read:
//! it is compared byte by byte on each use, because claims may change between two calls in one transaction.

pub mod handed_on;
pub mod kept;
mod keys;
mod shared;
pub mod statements;
mod verified;
pub mod workers;

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::rc::Rc;

use aal::token::{Bearer, MAX_TOKEN_BYTES, bearer_token, is_api_key};
use aal::{Claims, Clock, FixedRequirement, InvalidClaims, InvalidToken, ListedKey, Timestamp, Verified, assess};
use pgrx::prelude::*;

pub use self::keys::digest_of_keys;
pub use self::shared::Usage;
use self::verified::Trust;
pub use self::verified::usage as kept_tokens;
use crate::pg::text_setting::{TextSetting, Value};
use crate::pg::{process, shared_memory, transaction};
use crate::settings::{self, ClaimsSource};

/// Microseconds from 1970-01-01, where JSON Web Tokens count from, to 2000-01-01, where Postgres does.
const POSTGRES_EPOCH: i64 = 946_684_800 * 1_000_000;

/// Why there are no claims that could be read, though there is something that should hold them.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The gateway's claims are no claims.
    Claims(InvalidClaims),
    /// The token doesn't verify, or is not in its time.
    Token(InvalidToken),
    /// `pg_aal.claims_source` says neither of the two.
    UnusableSource,
}

/// What the text of a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The claims themselves, verified by the gateway.
    Claims,
    /// A token.
    Token,
    /// A token that Storage hands on, or an API key where nobody is signed in.
    TokenOrApiKey,
    /// A request's headers, with a bearer token among them.
    Headers,
    /// The claims of a token that the leader of this parallel worker has verified.
    OfLeader,
}

/// The longest headers that are searched for a token, in bytes.
const MAX_HEADERS_BYTES: usize = 1 << 20;

/// What the last text was found to be.
struct Cached {
    form: Form,
    text: Rc<CStr>,
    /// The request's headers, where they decide what the text is.
    headers: Option<CString>,
    /// By what a token was verified, and claims were read.
    trust: Trust,
    /// The token that is in the text.
    token: Option<Rc<CStr>>,
    found: Found,
}

enum Found {
    Nothing,
    Claims(Claims),
    Verified(Rc<Verified>),
    Refused(Refused),
}

thread_local! {
    // Without a destructor, as all that a callback of Postgres may reach: see `statements`.
    static CACHE: ManuallyDrop<RefCell<Option<Cached>>> = const { ManuallyDrop::new(RefCell::new(None)) };

    /// The settings that hold claims, in the order in which Supabase's `auth.jwt()` looks at them.
    static CLAIMS: [TextSetting; 2] =
        const { [TextSetting::new(c"request.jwt.claim"), TextSetting::new(c"request.jwt.claims")] };

    /// The settings that hold a token, in the order in which they count.
    static TOKENS: [(Form, TextSetting); 3] = const {
        [
            (Form::Token, TextSetting::new(settings::TOKEN_NAME)),
            (Form::TokenOrApiKey, TextSetting::new(c"request.jwt")),
            (Form::Headers, TextSetting::new(c"request.headers")),
        ]
    };

    static HEADERS: TextSetting = const { TextSetting::new(c"request.headers") };

    static METHOD: TextSetting = const { TextSetting::new(c"request.method") };
    static PATH: TextSetting = const { TextSetting::new(c"request.path") };

    static WORKER_CLAIMS: TextSetting = const { TextSetting::new(settings::WORKER_CLAIMS_NAME) };
}

/// Calls `read` with the claims in force: `None` without any, an error where they can't be read or don't verify.
///
/// `read` must not raise a Postgres error or call back into SQL: the cache is borrowed while it runs.
pub fn with_claims<T>(read: impl FnOnce(Option<Result<&Claims, &Refused>>) -> T) -> T {
    with_found(|found| match found {
        Found::Nothing => read(None),
        Found::Claims(claims) => read(Some(Ok(claims))),
        Found::Verified(verified) => match verified.claims_at(token_clock()) {
            Ok(claims) => read(Some(Ok(claims))),
            Err(error) => read(Some(Err(&Refused::Token(error)))),
        },
        Found::Refused(refused) => read(Some(Err(refused))),
    })
}

/// Whether the claims in force meet `required`.
pub fn meets(required: FixedRequirement) -> bool {
    with_claims(|claims| match claims {
        Some(Ok(claims)) => assess(Some(claims), required, clock).is_ok(),
        None | Some(Err(_)) => false,
    })
}

/// Calls `read` with the claims in force that can be read, under the same conditions; `None` without any.
pub fn with_readable_claims<T>(read: impl FnOnce(Option<&Claims>) -> T) -> T {
    with_claims(|claims| read(claims.and_then(Result::ok)))
}

/// Reads something from the claims in force, if there are any that can be read.
pub fn from_claims<T>(read: impl FnOnce(&Claims) -> Option<T>) -> Option<T> {
    with_readable_claims(|claims| claims.and_then(read))
}

/// Whom the client must ask for a higher level.
pub fn way_back() -> aal::WayBack {
    let of_somebody = from_claims(|claims| (!claims.are_nobodys()).then(|| claims.way_back().clone()));
    of_somebody.unwrap_or_else(|| settings::profiles().way_back_of_nobody())
}

/// The JSON text of the claims in force, if there are any that can be read.
pub fn payload() -> Option<CString> {
    match settings::claims_source() {
        ClaimsSource::Request => {
            let readable = with_claims(|claims| matches!(claims, Some(Ok(_))));
            let text = source_of_claims()?;
            readable.then(|| text.as_c_str().to_owned())
        }
        ClaimsSource::Token => with_found(|found| match found {
            Found::Verified(verified) => verified.claims_at(token_clock()).ok().map(|_| c_string(verified.payload())),
            _ => None,
        }),
        ClaimsSource::Unusable => None,
    }
}

/// The method of the request, as the gateway says it.
pub fn request_method() -> Option<String> {
    METHOD.with(TextSetting::get).map(|method| method.as_c_str().to_string_lossy().into_owned())
}

/// The path of the request, as the gateway says it.
pub fn request_path() -> Option<String> {
    PATH.with(TextSetting::get).map(|path| path.as_c_str().to_string_lossy().into_owned())
}

/// The keys in force, and those that can't be used, each with the setting that it comes from.
pub fn listed_keys() -> impl Iterator<Item = (&'static str, ListedKey)> {
    let [of_setting, of_file] = keys::list();
    let from = |setting| move |key| (setting, key);
    of_setting.into_iter().map(from("pg_aal.jwks")).chain(of_file.into_iter().map(from("pg_aal.jwks_file")))
}

/// Verifies a token, its time included, and keeps the answer for when it is put in force. Returns its payload.
pub fn admit(token: &str) -> Result<CString, InvalidToken> {
    let text = CString::new(token).map_err(|_| InvalidToken::NotThreeParts)?;
    let trust = Trust::now();
    let verified = verify(&text, trust)?;
    verified.claims_at(token_clock())?;
    let payload = c_string(verified.payload());
    let text: Rc<CStr> = Rc::from(text);
    let token = Some(Rc::clone(&text));
    keep(Cached { form: Form::Token, text, headers: None, trust, token, found: Found::Verified(verified) });
    Ok(payload)
}

/// The verified tokens that all backends share now; `None` where nothing is shared.
pub fn shared_tokens() -> Option<Usage> {
    shared::usage(token_clock())
}

/// Asks for the memory in which backends share verified tokens, if the server is loading the library for all. Called once, when the
/// library is loaded.
pub fn share_tokens() {
    if process::is_preloading_for_all() {
        shared_memory::request(settings::shared_token_cache_size());
    }
}

fn with_found<T>(read: impl FnOnce(&Found) -> T) -> T {
    let source = match settings::claims_source() {
        ClaimsSource::Request => Ok(source_of_claims().map(|text| (Form::Claims, text))),
        ClaimsSource::Token => source_of_token(),
        ClaimsSource::Unusable => Err(Refused::UnusableSource),
    };
    let (form, text) = match source {
        Ok(Some(source)) => source,
        Ok(None) => return read(&Found::Nothing),
        Err(refused) => return read(&Found::Refused(refused)),
    };
    let trust = if form == Form::Claims { Trust::in_the_gateway() } else { Trust::now() };
    let is_known = |cached: &Cached| {
        cached.form == form
            && cached.trust == trust
            && text.is(&cached.text)
            && cached.headers.as_ref().is_none_or(are_headers_of_request)
    };
    if !CACHE.with(|cache| cache.borrow().as_ref().is_some_and(is_known)) {
        let text = text.as_c_str();
        // Not worth keeping, nor reading.
        if form == Form::Headers && text.count_bytes() > MAX_HEADERS_BYTES {
            return read(&Found::Nothing);
        }
        if matches!(form, Form::Token | Form::TokenOrApiKey) && text.count_bytes() > MAX_TOKEN_BYTES {
            return read(&Found::Refused(Refused::Token(InvalidToken::TooLarge)));
        }
        keep(find(form, Rc::from(text), trust));
    }
    CACHE.with(|cache| match &*cache.borrow() {
        Some(Cached { token: Some(token), .. }) if !statements::is_only_token(token) => {
            read(&Found::Refused(Refused::Token(InvalidToken::Changed)))
        }
        Some(cached) => read(&cached.found),
        None => read(&Found::Nothing),
    })
}

fn keep(cached: Cached) {
    CACHE.with(|cache| cache.replace(Some(cached)));
}

/// The gateway's claims: the first setting that holds any.
fn source_of_claims() -> Option<Value> {
    CLAIMS.with(|sources| sources.iter().find_map(TextSetting::get))
}

/// The settings that the claims come from, with their values as they count now: empty where one doesn't.
fn sources() -> Vec<(&'static str, CString)> {
    let text = |value: Option<Value>| value.map_or_else(CString::default, |value| value.as_c_str().to_owned());
    match settings::claims_source() {
        ClaimsSource::Request => CLAIMS.with(|sources| sources.iter().map(|it| (it.name(), text(it.get()))).collect()),
        ClaimsSource::Token => {
            TOKENS.with(|tokens| tokens.iter().map(|(_, it)| (it.name(), text(it.get_of_this_transaction()))).collect())
        }
        ClaimsSource::Unusable => Vec::new(),
    }
}

/// The name of the setting that holds the claims in force, or the token.
pub fn held_in() -> Option<&'static str> {
    match settings::claims_source() {
        ClaimsSource::Request => {
            CLAIMS.with(|sources| sources.iter().find(|it| it.get().is_some()).map(TextSetting::name))
        }
        ClaimsSource::Token => TOKENS.with(|tokens| {
            let mut names = tokens.iter().map(|(_, setting)| setting);
            names.find(|it| it.get_of_this_transaction().is_some()).map(TextSetting::name)
        }),
        ClaimsSource::Unusable => None,
    }
}

/// A setting that holds claims or a token which don't count, where no other holds some that do. With it, whether it would count
/// if this transaction had set it.
pub fn left_out() -> Option<(&'static str, bool)> {
    if held_in().is_some() {
        return None;
    }
    let holds = |setting: &TextSetting| setting.get().is_some();
    let token = TOKENS.with(|tokens| tokens.iter().map(|(_, it)| it).find(|it| holds(it)).map(TextSetting::name));
    let claims = CLAIMS.with(|sources| sources.iter().find(|it| holds(it)).map(TextSetting::name));
    match settings::claims_source() {
        // A gateway sets the other two in any case.
        ClaimsSource::Request => token.filter(|name| name.starts_with("pg_aal.")).map(|name| (name, false)),
        ClaimsSource::Token => token.map(|name| (name, true)).or(claims.map(|name| (name, false))),
        ClaimsSource::Unusable => None,
    }
}

/// The setting that holds the token in force. A parallel worker can't know which of them its leader's transaction set, nor
/// by which keys: it takes over what its leader found. Where a function that runs in it says otherwise, nobody is signed
/// in: a token of its own would be a second one in the statement.
fn source_of_token() -> Result<Option<(Form, Value)>, Refused> {
    TOKENS.with(|tokens| {
        if !process::is_parallel_worker() {
            return Ok(tokens.iter().find_map(|(form, setting)| Some((*form, setting.get_of_this_transaction()?))));
        }
        let mut by_functions = tokens.iter().filter(|(_, setting)| setting.is_set_by_a_function()).peekable();
        if by_functions.peek().is_none() {
            return Ok(WORKER_CLAIMS.with(TextSetting::get).map(|text| (Form::OfLeader, text)));
        }
        match by_functions.find_map(|(_, setting)| setting.get()) {
            Some(_) => Err(Refused::Token(InvalidToken::Changed)),
            None => Ok(None),
        }
    })
}

/// Verifies all of a token but its time, or finds it among those that were.
fn verify(token: &CStr, trust: Trust) -> Result<Rc<Verified>, InvalidToken> {
    verified::verify(token, trust, token_clock())
}

fn find(form: Form, text: Rc<CStr>, trust: Trust) -> Cached {
    let mut headers = None;
    let (token, found) = match form {
        Form::Claims => match settings::profiles().claims(text.to_bytes()) {
            Ok(claims) => (None, Found::Claims(claims.with_guests_at(trust.level_of_guests))),
            Err(error) => (None, Found::Refused(Refused::Claims(error))),
        },
        Form::OfLeader => {
            let verified = Verified::from_payload(text.to_string_lossy().into_owned(), &settings::profiles());
            (None, verified.map(|verified| Rc::new(verified.with_guests_at(trust.level_of_guests))).into())
        }
        Form::Token => (Some(Rc::clone(&text)), verify(&text, trust).into()),
        Form::TokenOrApiKey => match verify(&text, trust) {
            Ok(verified) => (Some(Rc::clone(&text)), Found::Verified(verified)),
            Err(error) => {
                let of_request = headers.insert(headers_of_request());
                if is_api_key(of_request.to_bytes(), text.to_bytes()) {
                    (None, Found::Nothing)
                } else {
                    (Some(Rc::clone(&text)), Err(error).into())
                }
            }
        },
        Form::Headers => match bearer_token(text.to_bytes()) {
            None => (None, Found::Nothing),
            Some(Bearer { token, is_api_key }) => match verify(&c_string(&token), trust) {
                // What supabase-js sends where nobody is signed in: not a token that went wrong.
                Err(_) if is_api_key => (None, Found::Nothing),
                verified => (Some(Rc::from(c_string(&token))), verified.into()),
            },
        },
    };
    Cached { form, text, headers, trust, token, found }
}

impl From<Result<Rc<Verified>, InvalidToken>> for Found {
    fn from(verified: Result<Rc<Verified>, InvalidToken>) -> Self {
        match verified {
            Ok(verified) => Found::Verified(verified),
            Err(error) => Found::Refused(Refused::Token(error)),
        }
    }
}

/// The request's headers; empty where there are none, or too many to read.
fn headers_of_request() -> CString {
    let headers = HEADERS.with(TextSetting::get_of_this_transaction);
    let headers = headers.as_ref().map(Value::as_c_str).filter(|headers| headers.count_bytes() <= MAX_HEADERS_BYTES);
    headers.unwrap_or_default().to_owned()
}

/// Whether these are the request's headers.
fn are_headers_of_request(known: &CString) -> bool {
    HEADERS.with(TextSetting::get_of_this_transaction).map_or(known.is_empty(), |headers| headers.is(known))
}

/// The clock: the statement's start, and `pg_aal.clock_skew`.
pub fn clock() -> Clock {
    let start = transaction::statement_start();
    Clock::new(Timestamp::from_unix_micros(start.saturating_add(POSTGRES_EPOCH)), settings::clock_skew())
}

/// The clock for the times of a token: a statement that runs on past `exp` ends there.
fn token_clock() -> Clock {
    Clock::new(Timestamp::from_unix_micros(transaction::now().saturating_add(POSTGRES_EPOCH)), settings::clock_skew())
}

/// A core timestamp as Postgres' own; `None` where it lies outside what Postgres can hold.
pub fn to_timestamptz(at: Timestamp) -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(at.unix_micros() - POSTGRES_EPOCH).ok()
}

/// A text that has no NUL, as no JSON text has; where one had, empty, which is no token and no JSON.
fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}
