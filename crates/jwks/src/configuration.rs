//! The configuration: a file of JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::address::Address;

/// The issuers, the file, and how issuers are asked.
#[derive(Debug)]
pub struct Configuration {
    /// The file of `pg_aal.jwks_file`.
    pub file: PathBuf,
    pub issuers: Vec<Issuer>,
    pub allow_http_on_loopback: bool,
    /// Certificate authorities beside the system's.
    pub ca_file: Option<PathBuf>,
    /// For each request, from its name's look-up to the last byte.
    pub timeout: Duration,
    /// How often an issuer is asked before this run gives it up.
    pub attempts: u32,
}

/// An issuer, and where its keys are.
#[derive(Debug)]
pub struct Issuer {
    /// The claim `iss`, to the letter.
    pub name: String,
    pub audience: Option<String>,
    pub keys: Source,
}

/// Where an issuer's keys are.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// Where the issuer's own configuration (OpenID Connect Discovery 1.0, section 4) says, on the same host.
    Discovery(Address),
    /// At an address that the administrator names.
    Pinned(Address),
    /// In a file of the administrator's. It may hold secrets.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    file: PathBuf,
    issuers: Vec<WrittenIssuer>,
    #[serde(default)]
    allow_http_on_loopback: bool,
    ca_file: Option<PathBuf>,
    #[serde(default = "ten")]
    timeout_seconds: u16,
    #[serde(default = "three")]
    attempts: u32,
}

fn ten() -> u16 {
    10
}

fn three() -> u32 {
    3
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIssuer {
    issuer: String,
    audience: Option<String>,
    jwks_uri: Option<String>,
    keys_file: Option<PathBuf>,
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// The fault.
    pub fn from_json(text: &[u8]) -> Result<Configuration, String> {
        let written: Written = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !(1..=300).contains(&written.timeout_seconds) {
            return Err("timeout_seconds must be from 1 to 300".to_owned());
        }
        if !(1..=10).contains(&written.attempts) {
            return Err("attempts must be from 1 to 10".to_owned());
        }
        if written.file.file_name().is_none() {
            return Err("file must name a file".to_owned());
        }
        if written.issuers.is_empty() || written.issuers.len() > aal::Keyring::MAX_ISSUERS {
            return Err(format!("there must be from 1 to {} issuers", aal::Keyring::MAX_ISSUERS));
        }
        let mut issuers: Vec<Issuer> = Vec::new();
        for issuer in written.issuers {
            let issuer = Issuer::of(issuer, written.allow_http_on_loopback)?;
            if issuers.iter().any(|known| known.name == issuer.name) {
                return Err(format!("{} is there twice", issuer.name));
            }
            issuers.push(issuer);
        }
        Ok(Configuration {
            file: written.file,
            issuers,
            allow_http_on_loopback: written.allow_http_on_loopback,
            ca_file: written.ca_file,
            timeout: Duration::from_secs(written.timeout_seconds.into()),
            attempts: written.attempts,
        })
    }
}

impl Issuer {
    fn of(written: WrittenIssuer, allow_http: bool) -> Result<Issuer, String> {
        let name = written.issuer;
        if name.is_empty() {
            return Err("an issuer has no name".to_owned());
        }
        if written.audience.as_ref().is_some_and(String::is_empty) {
            return Err(format!("{name}: audience is empty"));
        }
        let keys = match (written.jwks_uri, written.keys_file) {
            (Some(_), Some(_)) => return Err(format!("{name}: jwks_uri and keys_file exclude each other")),
            (Some(uri), None) => Address::parse(&uri, allow_http)
                .map(Source::Pinned)
                .map_err(|fault| format!("{name}: {uri} {fault}"))?,
            (None, Some(file)) => Source::File(file),
            (None, None) => {
                // Section 4.1: a slash at the end is removed first.
                let uri = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
                let address = Address::parse(&uri, allow_http);
                address.map(Source::Discovery).map_err(|fault| format!("{name} {fault}; name its jwks_uri"))?
            }
        };
        Ok(Issuer { name, audience: written.audience, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Configuration, String> {
        Configuration::from_json(text.as_bytes())
    }

    fn with_issuer(issuer: &str) -> Result<Configuration, String> {
        read(&format!(r#"{{"file":"/x/jwks.json","issuers":[{issuer}]}}"#))
    }

    #[test]
    fn keys_are_found_by_discovery_unless_an_address_or_a_file_is_named() {
        let keys = |issuer: &str| with_issuer(issuer).unwrap().issuers.remove(0).keys;
        let address = |text: &str| Address::parse(text, false).unwrap();
        for (issuer, at) in [
            ("https://a/realms/b", "https://a/realms/b/.well-known/openid-configuration"),
            ("https://a/", "https://a/.well-known/openid-configuration"),
        ] {
            assert_eq!(keys(&format!(r#"{{"issuer":"{issuer}"}}"#)), Source::Discovery(address(at)));
        }
        assert_eq!(keys(r#"{"issuer":"a","jwks_uri":"https://b/keys"}"#), Source::Pinned(address("https://b/keys")));
        assert_eq!(keys(r#"{"issuer":"a","keys_file":"/k"}"#), Source::File("/k".into()));
    }

    #[test]
    fn what_leaves_a_doubt_is_refused_with_a_reason() {
        for (issuer, fault) in [
            (r#"{"issuer":""}"#, "an issuer has no name"),
            (r#"{"issuer":"stytch.com/p"}"#, "stytch.com/p is no address"),
            (r#"{"issuer":"http://a"}"#, "http://a is no address with https://; name its jwks_uri"),
            (r#"{"issuer":"http://localhost"}"#, "allow_http_on_loopback"),
            (r#"{"issuer":"a","jwks_uri":"http://b/"}"#, "a: http://b/ is no address with https://"),
            (r#"{"issuer":"a","jwks_uri":"https://b/","keys_file":"/k"}"#, "exclude each other"),
            (r#"{"issuer":"https://a","audience":""}"#, "audience is empty"),
            (r#"{"issuer":"https://a","aud":"b"}"#, "unknown field `aud`"),
            (r#"{"issuer":"https://a"},{"issuer":"https://a"}"#, "https://a is there twice"),
            ("", "there must be from 1 to 64 issuers"),
        ] {
            let error = with_issuer(issuer).unwrap_err();
            assert!(error.contains(fault), "{issuer}: {error}");
        }
        for (text, fault) in [
            (r#"{"issuers":[]}"#, "missing field `file`"),
            (r#"{"file":"/","issuers":[{"issuer":"https://a"}]}"#, "file must name a file"),
            (r#"{"file":"/x","timeout_seconds":0,"issuers":[{"issuer":"https://a"}]}"#, "timeout_seconds"),
            (r#"{"file":"/x","attempts":0,"issuers":[{"issuer":"https://a"}]}"#, "attempts"),
            ("{", "EOF"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
