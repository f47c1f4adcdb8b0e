//! Why nobody can be looked up: the words of both editions.

/// How the message begins where no user can be looked up.
pub const NO_FACTORS: &str = "cannot look up who has enrolled a second factor: ";
/// How the message begins where no session can be.
pub const NO_SESSIONS: &str = "cannot look up whether a session is live: ";

/// Supabase Auth's tables of users and factors aren't there.
pub const NO_TABLES: &str = "there are no tables auth.users and auth.mfa_factors";
/// One of them is a view, for example.
pub const NOT_PLAIN: &str = "auth.users and auth.mfa_factors are not both plain tables";
/// Somebody else made one of them.
pub const OF_OTHERS: &str = "auth.users and auth.mfa_factors do not belong to who keeps the users";
/// They lack a column.
pub const OTHER_COLUMNS: &str = "the columns of auth.users and auth.mfa_factors are not those of Supabase Auth";

/// Supabase Auth's table of sessions isn't there.
pub const NO_SESSION_TABLE: &str = "there is no table auth.sessions";
/// It is a view, for example.
pub const SESSIONS_NOT_PLAIN: &str = "auth.sessions is not a plain table";
/// Somebody else made it.
pub const SESSIONS_OF_OTHERS: &str = "auth.sessions has another owner than auth.users";
/// One of the three lacks a column.
pub const OTHER_COLUMNS_OF_SESSIONS: &str =
    "the columns of auth.sessions, auth.users and auth.mfa_factors are not those of Supabase Auth since 2023";

/// A function that answers instead doesn't fit.
pub const UNFIT_FUNCTION: &str = "names a function that does not return boolean, is volatile, or is not parallel safe";
