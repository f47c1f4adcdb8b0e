//! Which hosts are this machine.

use std::net::IpAddr;

/// Whether a host, as an address names it, is certainly this machine: `localhost`, or an IP address of the loopback.
pub fn is_loopback(host: &str) -> bool {
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || plain.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_localhost_and_addresses_of_the_loopback_are_this_machine() {
        for here in ["localhost", "LocalHost", "127.0.0.1", "127.0.0.2", "127.9.9.9", "[::1]", "::1"] {
            assert!(is_loopback(here), "{here}");
        }
        for other in [
            "",
            "a",
            "10.0.0.1",
            "0.0.0.0",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "[::ffff:127.0.0.1]",
            "[::1",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
