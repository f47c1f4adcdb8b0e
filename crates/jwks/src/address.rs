//! The addresses that may be asked.

use std::fmt;

use aal::is_loopback;
use ureq::http::Uri;

/// The address of a document: by https, or on this machine by http where that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// The fault, as words behind its name.
    pub fn parse(text: &str, allow_http_on_loopback: bool) -> Result<Address, String> {
        let uri: Uri = text.parse().map_err(|_| "is no address".to_owned())?;
        let (Some(scheme), Some(authority), Some(host)) = (uri.scheme_str(), uri.authority(), uri.host()) else {
            return Err("is no address with https:// and a host".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("holds a user's name, which has no place in it".to_owned());
        }
        match scheme {
            "https" => Ok(Address(uri)),
            "http" if !is_loopback(host) => Err("is no address with https://".to_owned()),
            "http" if !allow_http_on_loopback => {
                Err("is no address with https://; on this machine, \"allow_http_on_loopback\": true permits http"
                    .to_owned())
            }
            "http" => Ok(Address(uri)),
            _ => Err("is no address with https://".to_owned()),
        }
    }

    /// Whether both are of one host, by one scheme and one port.
    pub fn is_beside(&self, other: &Address) -> bool {
        let of = |it: &Address| {
            let default = if it.is_http() { 80 } else { 443 };
            (it.is_http(), it.0.host().map(str::to_ascii_lowercase), it.0.port_u16().unwrap_or(default))
        };
        of(self) == of(other)
    }

    /// Whether it is on this machine, without TLS.
    pub fn is_http(&self) -> bool {
        self.0.scheme_str() == Some("http")
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(is_loopback)
    }

    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_asked_and_http_on_this_machine_where_it_is_allowed() {
        for good in ["https://a", "https://a.example.com:8443/x?y=z", "HTTPS://a/"] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for here in
            ["http://127.0.0.1:8080/x", "http://127.9.9.9", "http://[::1]/", "http://localhost:1/", "http://LocalHost/"]
        {
            assert!(Address::parse(here, false).is_err(), "{here}");
            assert!(Address::parse(here, true).is_ok(), "{here}");
        }
        for bad in [
            "",
            "a",
            "/x",
            "a.example.com/x",
            "file:///etc/passwd",
            "ftp://a/",
            "http://a/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "https://user@a/",
            "https://u:p@a/",
            "https://",
            "http://127.0.0.1@a/",
            "http://[::ffff:127.0.0.1]/",
            "https://a b/",
            "https:///x",
        ] {
            assert!(Address::parse(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn beside_means_the_same_scheme_host_and_port() {
        let is_beside =
            |a: &str, b: &str| Address::parse(a, true).unwrap().is_beside(&Address::parse(b, true).unwrap());
        for (a, b) in [
            ("https://a/x", "https://a:443/y"),
            ("https://A/", "https://a/"),
            ("http://127.0.0.1:80/", "http://127.0.0.1/"),
        ] {
            assert!(is_beside(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("https://a/", "https://b/"),
            ("https://a/", "https://a.b/"),
            ("https://a/", "https://a:444/"),
            ("http://127.0.0.1/", "http://127.0.0.2/"),
            ("https://127.0.0.1/", "http://127.0.0.1/"),
            ("https://127.0.0.1:80/", "http://127.0.0.1/"),
        ] {
            assert!(!is_beside(a, b), "{a} {b}");
        }
    }
}
