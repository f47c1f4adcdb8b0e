//! Asking issuers for their keys.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aal::{KeySet, WritableKeys};
use serde::Deserialize;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

use crate::address::Address;
use crate::configuration::{Configuration, Issuer, Source};

/// Where systems keep the certificates of the authorities that they trust: Debian and Alpine, Red Hat, SUSE, the BSDs.
const CA_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The longest answer, in bytes: as long as the longest key set.
const MOST_BYTES: u64 = KeySet::MAX_BYTES as u64;

/// The wait before the second attempt. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Asks issuers, over HTTPS.
pub struct Client {
    agent: Agent,
    attempts: u32,
    allow_http_on_loopback: bool,
}

/// Why there is no new set.
#[derive(Debug)]
struct Trouble {
    message: String,
    /// Whether asking again may help.
    may_pass: bool,
}

/// The members of an issuer's own configuration that are read.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Client {
    /// # Errors
    /// Where certificates can't be had, and an issuer is asked by https.
    pub fn new(configuration: &Configuration) -> Result<Client, String> {
        let asks_by_https = configuration.issuers.iter().any(|issuer| match &issuer.keys {
            Source::Discovery(address) | Source::Pinned(address) => !address.is_http(),
            Source::File(_) => false,
        });
        let roots = if asks_by_https { authorities(configuration.ca_file.as_deref())? } else { Vec::new() };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            // A redirect is answered to, and never followed.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(configuration.timeout))
            .max_idle_connections(0)
            .user_agent(concat!("pg_aal-jwks/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .build()
            .new_agent();
        Ok(Client {
            agent,
            attempts: configuration.attempts,
            allow_http_on_loopback: configuration.allow_http_on_loopback,
        })
    }

    /// The keys of an issuer.
    ///
    /// # Errors
    /// Why there are none.
    pub fn keys_of(&self, issuer: &Issuer) -> Result<WritableKeys, String> {
        match &issuer.keys {
            Source::File(path) => {
                let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                WritableKeys::of_administrator(&text).map_err(|error| format!("{}: {error}", path.display()))
            }
            Source::Pinned(address) => self.again_and_again(|| self.key_set(address)),
            Source::Discovery(address) => self.again_and_again(|| self.key_set(&self.discover(issuer, address)?)),
        }
    }

    /// Asks until there is an answer, or no attempt is left. Waits twice as long each time, and by chance some less or more, so
    /// that many servers don't ask at once.
    fn again_and_again<T>(&self, ask: impl Fn() -> Result<T, Trouble>) -> Result<T, String> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(trouble) if trouble.may_pass && attempt < self.attempts => {
                    std::thread::sleep(wait.mul_f64(0.5 + by_chance()));
                    wait *= 2;
                }
                Err(trouble) => return Err(trouble.message),
            }
        }
        unreachable!("attempts are counted")
    }

    /// The address of an issuer's key set: what it says of itself, on its own host.
    fn discover(&self, issuer: &Issuer, at: &Address) -> Result<Address, Trouble> {
        let lasting = |message| Trouble { message, may_pass: false };
        let text = self.get(at)?;
        let found: Discovered = serde_json::from_slice(&text)
            .map_err(|_| lasting(format!("{at} is no configuration with issuer and jwks_uri")))?;
        if found.issuer != issuer.name {
            return Err(lasting(format!("{at} is of another issuer: {:?}", shortened(&found.issuer))));
        }
        let uri = shortened(&found.jwks_uri);
        let address = Address::parse(&found.jwks_uri, self.allow_http_on_loopback)
            .map_err(|fault| lasting(format!("its jwks_uri {uri:?} {fault}")))?;
        if !address.is_beside(at) {
            return Err(lasting(format!(
                "its jwks_uri {uri:?} is on another host; if that is right, name it as jwks_uri"
            )));
        }
        Ok(address)
    }

    fn key_set(&self, at: &Address) -> Result<WritableKeys, Trouble> {
        let text = self.get(at)?;
        WritableKeys::published(&text).map_err(|error| Trouble { message: format!("{at}: {error}"), may_pass: false })
    }

    fn get(&self, at: &Address) -> Result<Vec<u8>, Trouble> {
        let trouble = |what: String, may_pass| Trouble { message: format!("{at}: {what}"), may_pass };
        let failed = |error: Error| {
            let may_pass = !matches!(error, Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..));
            match error {
                Error::BodyExceedsLimit(_) => {
                    trouble(format!("the answer is longer than {MOST_BYTES} bytes"), may_pass)
                }
                error => trouble(error.to_string(), may_pass),
            }
        };
        let mut request = self.agent.get(at.uri().clone()).config();
        // This machine is asked without the proxy of the environment.
        if at.is_loopback() {
            request = request.proxy(None);
        }
        let mut answer = request.build().call().map_err(failed)?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(trouble(format!("it redirects ({status}), which is not followed"), false));
        }
        if status != StatusCode::OK {
            let may_pass = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(trouble(format!("it answers {status}"), may_pass));
        }
        answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(failed)
    }
}

/// The certificates of the authorities that the system trusts, and of those in a further file.
fn authorities(further: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let systems = named.or_else(|| CA_FILES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned));
    let mut found = Vec::new();
    for path in systems.as_deref().into_iter().chain(further) {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        found.extend(parse_pem(&text).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        }));
    }
    if found.is_empty() {
        return Err("no certificate authorities are found: install ca-certificates, or name a \"ca_file\"".to_owned());
    }
    Ok(found)
}

/// A number from 0 to 1.
fn by_chance() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// A text of somebody else's, cut short.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
