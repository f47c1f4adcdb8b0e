//! What the text of a function sets: the claims, or the role that the session has.

use crate::Function;
use crate::sql::{Token, Tokens};

/// Whether something changes by which claims and as which role a session goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forgery {
    /// The claims, or how they are read.
    pub claims: bool,
    /// The role.
    pub role: Option<NewRole>,
}

/// The role that a session has then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NewRole {
    /// The role of this name.
    Named(String),
    /// Any that the session can have.
    Any,
}

impl Forgery {
    /// By the SET clauses of a function.
    pub fn by_clauses(function: &Function) -> Forgery {
        Forgery { claims: function.sets_claims, role: function.sets_role.as_deref().map(NewRole::new) }
    }

    pub fn is_some(&self) -> bool {
        self.claims || self.role.is_some()
    }

    /// What it changes, in words.
    pub fn in_words(&self) -> Option<&'static str> {
        match (self.claims, self.role.is_some()) {
            (false, false) => None,
            (true, false) => Some("changes the session's claims"),
            (false, true) => Some("changes the session's role"),
            (true, true) => Some("changes the session's claims and role"),
        }
    }

    /// This one and another one.
    pub fn add(&mut self, other: Forgery) {
        self.claims |= other.claims;
        self.role = match (self.role.take(), other.role) {
            (Some(a), Some(b)) if a != b => Some(NewRole::Any),
            (a, b) => a.or(b),
        };
    }

    fn of(setting: &str, value: impl FnOnce() -> Option<String>) -> Option<Forgery> {
        let setting = setting.to_ascii_lowercase();
        if setting.starts_with("request.") || setting.starts_with("pg_aal.") {
            return Some(Forgery { claims: true, role: None });
        }
        let new_role = || value().map_or(NewRole::Any, |name| NewRole::new(&name));
        ["role", "session_authorization"]
            .contains(&&*setting)
            .then(|| Forgery { claims: false, role: Some(new_role()) })
    }

    /// Any setting.
    fn any() -> Forgery {
        Forgery { claims: true, role: Some(NewRole::Any) }
    }
}

impl NewRole {
    fn new(name: &str) -> NewRole {
        match name {
            "none" | "default" => NewRole::Any,
            name => NewRole::Named(name.to_owned()),
        }
    }
}

/// What a statement or call forges that begins with this token, before these. A SET is none where no statement ends before it: UPDATE
/// has one, too.
pub(super) fn forged(token: &Token<'_>, rest: Tokens<'_>, ends_statement: impl FnOnce() -> bool) -> Option<Forgery> {
    if token.name() == Some("set_config") {
        return by_call(rest);
    }
    let is_set = token.is_keyword("set");
    if !is_set && !token.is_keyword("reset") {
        return None;
    }
    let is_local = rest.clone().next().is_some_and(|next| next.is_keyword("local") || next.is_keyword("session"));
    (is_local || ends_statement()).then(|| by_statement(rest, is_set)).flatten()
}

/// `set_config('name', 'value', …)`, from the parenthesis on.
fn by_call(mut rest: Tokens<'_>) -> Option<Forgery> {
    if rest.next() != Some(Token::Symbol('(')) {
        return None;
    }
    let (Some(Token::Text(name)), Some(Token::Symbol(','))) = (rest.next(), rest.next()) else {
        return Some(Forgery::any());
    };
    let value = || match (rest.next(), rest.next()) {
        (Some(Token::Text(value)), Some(Token::Symbol(','))) => Some(value.into_owned()),
        _ => None,
    };
    Forgery::of(&name, value)
}

/// `set [session | local] name = value`, `reset name`, without the first word.
fn by_statement(rest: Tokens<'_>, is_set: bool) -> Option<Forgery> {
    let all: Vec<Token<'_>> = rest.take_while(|token| *token != Token::Symbol(';')).collect();
    let mut rest = &all[..];
    if let [scope, after @ ..] = rest
        && (scope.is_keyword("local") || scope.is_keyword("session"))
        && !after.first().is_some_and(|next| next.is_keyword("authorization"))
    {
        rest = after;
    }
    let mut name = match rest {
        [session, authorization, ..] if session.is_keyword("session") && authorization.is_keyword("authorization") => {
            rest = &rest[1..];
            "session_authorization".to_owned()
        }
        [all, ..] if all.is_keyword("all") => return Some(Forgery { claims: true, role: None }),
        [first, ..] => first.name()?.to_owned(),
        [] => return None,
    };
    rest = &rest[1..];
    while let [Token::Symbol('.'), next, after @ ..] = rest {
        name = format!("{name}.{}", next.name()?);
        rest = after;
    }
    if let [to, after @ ..] = rest
        && (to.is_keyword("to") || *to == Token::Operator("="))
    {
        rest = after;
    }
    let value = || match rest {
        [Token::Text(value)] if is_set => Some(value.to_string()),
        [Token::Name { name, .. }] if is_set => Some(name.to_string()),
        _ => None,
    };
    Forgery::of(&name, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tokens;

    /// What the statement forges, which this text is.
    fn of(sql: &str) -> Forgery {
        let mut all = Forgery::default();
        let mut rest = tokens(sql);
        let mut is_first = true;
        while let Some(token) = rest.next() {
            if let Some(forgery) = forged(&token, rest.clone(), || is_first) {
                all.add(forgery);
            }
            is_first = false;
        }
        all
    }

    #[test]
    fn a_change_of_claims_is_seen() {
        for sql in [
            "perform set_config('request.jwt.claims', '{}', true)",
            "select pg_catalog.set_config('REQUEST.jwt.claim', x, true)",
            "select set_config(setting_name => 'a', new_value => 'b', is_local => true)",
            "perform set_config(name, value, true)",
            "set local request.jwt.claims = '{}'",
            "set request.jwt.claims to '{}'",
            "set \"request.jwt.claims\" = '{}'",
            "set session \"request.jwt.claims\" = '{}'",
            "set pg_aal.token = 'x'",
            "reset request.jwt.claims",
            "reset all",
        ] {
            assert!(of(sql).claims, "{sql}");
        }
        for sql in [
            "perform set_config('response.status', '401', true)",
            "perform set_config('role', 'anon', true)",
            "set local statement_timeout = '5s'",
            "set constraints all immediate",
            "update payments set request = 1",
            "select set_config",
        ] {
            assert!(!of(sql).claims, "{sql}");
        }
    }

    #[test]
    fn a_change_of_role_is_seen_with_its_name() {
        for (sql, role) in [
            ("set local role service_role", NewRole::Named("service_role".to_owned())),
            ("set role 'service_role'", NewRole::Named("service_role".to_owned())),
            ("set role = \"Service\"", NewRole::Named("Service".to_owned())),
            ("set session authorization postgres", NewRole::Named("postgres".to_owned())),
            ("perform set_config('role', 'service_role', true)", NewRole::Named("service_role".to_owned())),
            ("perform set_config('role', 'service' || '_role', true)", NewRole::Any),
            ("perform set_config('role', name, true)", NewRole::Any),
            ("set local role none", NewRole::Any),
            ("reset role", NewRole::Any),
            ("reset session authorization", NewRole::Any),
        ] {
            assert_eq!(of(sql), Forgery { claims: false, role: Some(role) }, "{sql}");
        }
        for sql in ["update users set role = 'admin'", "insert into t values (1) on conflict do update set role = 'x'"]
        {
            assert_eq!(of(sql), Forgery::default(), "{sql}");
        }
    }
}
