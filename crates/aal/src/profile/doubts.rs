//! Doubts about a profile that can be read: an issuer that no token of the provider names, and values that one factor can give.

use super::level::Rule;
use super::{Profile, Reading};
use crate::level::Level;
use crate::loopback::is_loopback;

/// Something doubtful in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its issuer can't be what tokens say, or isn't safe: the reason.
    Issuer(&'static str),
    /// One factor can give this value, and it gives aal2 or more.
    OneFactor {
        /// The value.
        value: String,
        /// Why one factor is enough.
        why: &'static str,
    },
    /// This value says that a policy of the provider was met, and not which.
    DecidedElsewhere {
        /// The value.
        value: String,
    },
}

const IF_POSSIBLE: &str = "a user without a second factor gets it by one";
const ONE_FACTOR: &str = "it stands for one factor";
const NO_FACTOR: &str = "it is no factor";

/// Values of `acr` and `amr` that need no second factor.
const OF_ONE_FACTOR: [(&str, &str); 19] = [
    ("urn:okta:loa:2fa:any:ifpossible", IF_POSSIBLE),
    ("urn:okta:loa:1fa:any", ONE_FACTOR),
    ("urn:okta:loa:1fa:pwd", ONE_FACTOR),
    ("urn:cognito:loa:1", ONE_FACTOR),
    ("urn:cognito:loa:2", "a single code gives it, without a password"),
    ("urn:logto:acr:1fa", ONE_FACTOR),
    ("https://refeds.org/profile/sfa", ONE_FACTOR),
    ("urn:mace:incommon:iap:silver", "it tells of identity, not of factors"),
    ("urn:mace:incommon:iap:bronze", "it tells of identity, not of factors"),
    ("pwd", ONE_FACTOR),
    ("password", ONE_FACTOR),
    ("pin", ONE_FACTOR),
    ("kba", ONE_FACTOR),
    ("fed", NO_FACTOR),
    ("user", NO_FACTOR),
    ("geo", NO_FACTOR),
    ("rba", NO_FACTOR),
    ("wia", NO_FACTOR),
    ("wiaormfa", NO_FACTOR),
];

impl Profile {
    /// Its issuer: the claim `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The doubts about it.
    pub fn doubts(&self) -> Vec<Doubt> {
        let issuer = self.doubt_of_issuer().map(Doubt::Issuer);
        issuer.into_iter().chain(self.doubts_of_values()).collect()
    }

    fn doubt_of_issuer(&self) -> Option<&'static str> {
        let issuer = self.issuer.as_str();
        if issuer.trim() != issuer {
            return Some("it begins or ends with a space");
        }
        if self.name == "stytch" {
            return issuer.ends_with('/').then_some("Stytch's issuers have no / at the end");
        }
        let Some((scheme, rest)) = issuer.split_once("://") else { return Some("it has no scheme, such as https://") };
        if scheme != "https" && !is_local(rest) {
            return Some("it isn't https");
        }
        self.fault_at_provider(issuer)
    }

    /// What the provider's issuers are like.
    fn fault_at_provider(&self, issuer: &str) -> Option<&'static str> {
        let ends_with_slash = issuer.ends_with('/');
        match self.name.as_str() {
            "auth0" => (!ends_with_slash).then_some("Auth0's issuers end with /"),
            "keycloak" if ends_with_slash => Some("Keycloak's issuers have no / at the end"),
            "keycloak" => (!issuer.contains("/realms/")).then_some("Keycloak's issuers name their realm: /realms/NAME"),
            "okta" if ends_with_slash => Some("Okta's issuers have no / at the end"),
            "okta" => (!issuer.contains("/oauth2/"))
                .then_some("tokens of Okta's org server aren't for you; a custom one's issuer has /oauth2/ID"),
            "cognito" => (ends_with_slash || !issuer.starts_with("https://cognito-idp."))
                .then_some("Cognito's issuers are https://cognito-idp.REGION.amazonaws.com/POOL"),
            "firebase" => {
                let project = issuer.strip_prefix("https://securetoken.google.com/");
                (project.is_none() || project != self.audience.as_deref()).then_some(
                    "Firebase's issuer is https://securetoken.google.com/ and the project, which is the audience",
                )
            }
            "logto" => (!issuer.ends_with("/oidc")).then_some("Logto's issuers end with /oidc"),
            "pingone" => (!issuer.ends_with("/as")).then_some("PingOne's issuers end with /as"),
            "entra" => issuer.ends_with("/v2.0/").then_some("Entra's issuers of version 2 end with /v2.0, without a /"),
            _ => None,
        }
    }

    fn doubts_of_values(&self) -> Vec<Doubt> {
        let Reading::ByRules(rules) = &self.reading else { return Vec::new() };
        let mut doubts = Vec::new();
        for rule in &rules.levels {
            let Rule::Value { claim, map, .. } = rule else { continue };
            let is_context = claim.keys().eq(["acrs"]);
            for (value, _) in map.0.iter().filter(|(_, level)| *level >= Level::Aal2) {
                let doubt = match OF_ONE_FACTOR.iter().find(|(known, _)| known == value) {
                    Some((_, why)) => Doubt::OneFactor { value: value.clone(), why },
                    None if is_context => Doubt::DecidedElsewhere { value: value.clone() },
                    None => continue,
                };
                if !doubts.contains(&doubt) {
                    doubts.push(doubt);
                }
            }
        }
        doubts
    }
}

/// Whether an address without its scheme is this machine's. The part before `@` is no host.
fn is_local(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => authority,
    };
    !authority.contains('@') && (is_loopback(host) || is_loopback(authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profiles;

    fn doubts(entry: &str) -> Vec<Doubt> {
        Profiles::from_setting(&format!("[{{{entry}}}]")).unwrap().of_issuers()[0].doubts()
    }

    #[test]
    fn issuers_of_each_provider_are_known() {
        for right in [
            r#""issuer":"https://id.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"http://127.0.0.1:8080/realms/app","profile":"keycloak""#,
            r#""issuer":"http://localhost/realms/app","profile":"keycloak""#,
            r#""issuer":"http://[::1]:8080/realms/app","profile":"keycloak""#,
            r#""issuer":"http://[::1]/realms/app","profile":"keycloak""#,
            r#""issuer":"http://127.0.0.2:8080/realms/app","profile":"keycloak""#,
            r#""issuer":"http://LocalHost:8080/realms/app","profile":"keycloak""#,
            r#""issuer":"https://tenant.eu.auth0.com/","profile":"auth0","claim":["https://a/b"]"#,
            r#""issuer":"https://org.okta.com/oauth2/as1","profile":"okta""#,
            r#""issuer":"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_x","profile":"cognito""#,
            r#""issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"p""#,
            r#""issuer":"stytch.com/project-1","profile":"stytch""#,
            r#""issuer":"https://t.logto.app/oidc","profile":"logto""#,
            r#""issuer":"https://auth.pingone.eu/env/as","profile":"pingone","map":{"Multi_Factor":"aal2"}"#,
            r#""issuer":"https://x.supabase.co/auth/v1","profile":"supabase""#,
            r#""issuer":"https://clerk.example.com","profile":"clerk""#,
            r#""issuer":"https://op.example.com/","profile":"oidc","map":{"phr":"aal2"}"#,
        ] {
            assert_eq!(doubts(right), [], "{right}");
        }
        for wrong in [
            r#""issuer":"id.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"http://id.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"http://localhost.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"http://localhost:1@id.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"https://id.example.com/realms/app/","profile":"keycloak""#,
            r#""issuer":" https://id.example.com/realms/app","profile":"keycloak""#,
            r#""issuer":"https://id.example.com/auth","profile":"keycloak""#,
            r#""issuer":"https://tenant.eu.auth0.com","profile":"auth0","claim":["https://a/b"]"#,
            r#""issuer":"https://org.okta.com","profile":"okta""#,
            r#""issuer":"https://cognito-idp.eu-central-1.amazonaws.com/x/","profile":"cognito""#,
            r#""issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"q""#,
            r#""issuer":"https://login.microsoftonline.com/t/v2.0/","profile":"entra","map":{}"#,
            r#""issuer":"https://t.logto.app","profile":"logto""#,
            r#""issuer":"https://auth.pingone.eu/env/as/","profile":"pingone","map":{}"#,
        ] {
            assert!(matches!(doubts(wrong).as_slice(), [Doubt::Issuer(_)]), "{wrong}");
        }
    }

    #[test]
    fn values_of_one_factor_are_known_where_they_give_aal2() {
        let values = |entry: &str| -> Vec<String> {
            let all = doubts(entry).into_iter().map(|doubt| match doubt {
                Doubt::OneFactor { value, .. } => value,
                Doubt::DecidedElsewhere { value } => format!("elsewhere {value}"),
                Doubt::Issuer(why) => why.to_owned(),
            });
            all.collect()
        };
        let okta = |map: &str| format!(r#""issuer":"https://o.okta.com/oauth2/a","profile":"okta","map":{map}"#);
        assert_eq!(
            values(&okta(r#"{"urn:okta:loa:2fa:any:ifpossible":"aal2","phr":"aal2"}"#)),
            ["urn:okta:loa:2fa:any:ifpossible"]
        );
        assert_eq!(
            values(&okta(r#"{"urn:okta:loa:2fa:any:ifpossible":"aal1","urn:okta:loa:2fa:any":"aal2"}"#)),
            [""; 0]
        );
        let entra =
            r#""issuer":"https://login.microsoftonline.com/t/v2.0","profile":"entra","map":{"c1":"aal2","c2":"aal1"}"#;
        assert_eq!(values(entra), ["elsewhere c1"]);
        let own = r#""issuer":"https://own.example","levels":[{"claim":["amr"],"is":"texts","values":["pwd","mfa"],"level":"aal2"}]"#;
        assert_eq!(values(own), ["pwd"]);
    }
}
