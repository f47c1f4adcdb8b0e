//! What each issuer's clients are told, from what the issuers document.

use super::*;
use crate::claims::{Claims, LevelClaim};
use crate::denial::Denial;
use crate::liveness::assess_live;
use crate::profile::Profiles;
use crate::reason::Reason;
use crate::status::Status;
use crate::time::{Clock, MaxAge, Timestamp};
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

/// Reads claims by one entry of the setting, and holds them against a level.
fn refusal(entry: &str, claims: &str, level: Level, max_age: Option<u32>) -> Denial {
    refusal_by(&Profiles::from_setting(&format!("[{entry}]")).unwrap(), claims, level, max_age)
}

fn refusal_by(profiles: &Profiles, claims: &str, level: Level, max_age: Option<u32>) -> Denial {
    let claims = profiles.claims(claims.as_bytes()).unwrap();
    let required = FixedRequirement { level, max_age: max_age.map(MaxAge::from_seconds) };
    let clock = || Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30);
    crate::assess(Some(&claims), required, clock).unwrap_err().where_nobody_asks(profiles.way_back_of_nobody())
}

/// DETAIL beside the six members that each refusal has.
fn asked(denial: &Denial) -> serde_json::Value {
    let mut detail: serde_json::Value = serde_json::from_str(&denial.detail()).unwrap();
    let members = detail.as_object_mut().unwrap();
    for name in ["code", "required_aal", "current_aal", "max_age", "action", "reason"] {
        members.remove(name).unwrap();
    }
    detail
}

fn challenge(denial: &Denial) -> String {
    let response: serde_json::Value = serde_json::from_str(&denial.http(None, "docs").response).unwrap();
    response["headers"]["WWW-Authenticate"].as_str().unwrap().to_owned()
}

/// A session at aal1 of each built-in profile, and the words for aal2.
const AT_AAL1: [(&str, &str, Option<&str>); 12] = [
    (
        r#""profile":"auth0","claim":["https://a.example/m"]"#,
        r#""https://a.example/m":[{"name":"pwd"}]"#,
        Some("http://schemas.openid.net/pape/policies/2007/06/multi-factor"),
    ),
    (r#""profile":"clerk""#, r#""fva":[1,-1],"iat":1800000000"#, None),
    (r#""profile":"cognito""#, r#""username":"u""#, Some("urn:cognito:loa:3 urn:cognito:loa:4")),
    (r#""profile":"entra","map":{"c1":"aal2"}"#, r#""scp":"x""#, None),
    (r#""profile":"firebase","audience":"p""#, r#""aud":"p","firebase":{"sign_in_provider":"password"}"#, None),
    (r#""profile":"keycloak""#, r#""acr":"aal1","auth_time":1"#, Some("aal2")),
    (r#""profile":"kratos""#, r#""aal":"aal1""#, None),
    (r#""profile":"logto""#, r#""auth_time":1"#, Some("urn:logto:acr:mfa")),
    (
        r#""profile":"oidc","map":{"gold":"aal3","mfa":"aal2","pwd":"aal1","phr":"aal2"}"#,
        r#""acr":"pwd","auth_time":1"#,
        Some("mfa phr gold"),
    ),
    (r#""profile":"okta""#, r#""uid":"u""#, Some("urn:okta:loa:2fa:any")),
    (
        r#""profile":"pingone","map":{"Single_Factor":"aal1","Multi_Factor":"aal2"}"#,
        r#""acr":"Single_Factor","auth_time":1"#,
        Some("Multi_Factor"),
    ),
    (r#""profile":"stytch""#, r#""https://stytch.com/session":{"authentication_factors":[{"type":"password"}]}"#, None),
];

fn at_aal1(profile: &str, claims: &str) -> Denial {
    let entry = format!(r#"{{"issuer":"https://i.example",{profile}}}"#);
    refusal(&entry, &format!(r#"{{"iss":"https://i.example","sub":"u",{claims}}}"#), Level::Aal2, Some(900))
}

#[test]
fn each_issuer_is_asked_in_its_own_words() {
    for (profile, claims, words) in AT_AAL1 {
        let denial = at_aal1(profile, claims);
        assert_eq!((denial.action, denial.reason()), (Action::Verify, Reason::LevelTooLow), "{profile}");
        assert_eq!(asked(&denial)["acr_values"].as_str(), words, "{profile}");
        let challenge = challenge(&denial);
        if profile.contains("entra") {
            continue;
        }
        let words = words.map(|words| format!(", acr_values=\"{words}\"")).unwrap_or_default();
        assert_eq!(
            challenge,
            format!(
                "Bearer error=\"insufficient_user_authentication\", error_description=\"A higher authentication level is required\"{words}, max_age=\"900\""
            ),
            "{profile}"
        );
    }
}

#[test]
fn entra_is_asked_by_its_claims_challenge() {
    let refused = |issuer: &str, level| {
        let entry = format!(r#"{{"issuer":"{issuer}","profile":"entra","map":{{"c2":"aal3","c1":"aal2"}}}}"#);
        refusal(&entry, &format!(r#"{{"iss":"{issuer}","sub":"u","scp":"x"}}"#), level, None)
    };
    let denial = refused("https://login.microsoftonline.com/t-1/v2.0", Level::Aal2);
    let expected = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    assert_eq!(asked(&denial), serde_json::json!({ "acr_values": null, "claims": expected }));
    // The base64 of Microsoft's own example.
    assert_eq!(
        challenge(&denial),
        "Bearer authorization_uri=\"https://login.microsoftonline.com/t-1/oauth2/v2.0/authorize\", error=\"insufficient_claims\", error_description=\"A higher authentication level is required\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\", cc_type=\"authcontext\""
    );
    assert!(asked(&refused("https://login.example/t/v2.0", Level::Aal3))["claims"].as_str().unwrap().contains("c2"));
    let old = challenge(&refused("https://sts.windows.net/t-1/", Level::Aal2));
    assert!(old.contains("authorization_uri=\"https://login.microsoftonline.com/t-1/oauth2/authorize\""), "{old}");
    for issuer in ["https://login.example", "http://login.example/t/v2.0", "https://a,b\\\"c/v2.0", "https://a b/v2.0"]
    {
        let challenge = challenge(&refused(issuer, Level::Aal2));
        assert!(challenge.starts_with("Bearer error=\"insufficient_claims\""), "{challenge}");
    }
}

#[test]
fn clerk_is_asked_for_a_reverification_where_one_helps() {
    let entry = r#"{"issuer":"https://c.example","profile":"clerk"}"#;
    let ask = |fva: &str, level, max_age| {
        let claims = format!(r#"{{"iss":"https://c.example","sub":"u","fva":{fva},"iat":{NOW}}}"#);
        refusal(entry, &claims, level, max_age)
    };
    let hint = |level: &str, minutes: i64| {
        let reverification = serde_json::json!({ "level": level, "afterMinutes": minutes });
        let metadata = serde_json::json!({ "reverification": reverification });
        let error = serde_json::json!({ "type": "forbidden", "reason": "reverification-error", "metadata": metadata });
        serde_json::json!({ "acr_values": null, "clerk_error": error })
    };
    assert_eq!(asked(&ask("[1,-1]", Level::Aal2, None)), hint("second_factor", 10));
    assert_eq!(asked(&ask("[1,30]", Level::Aal2, Some(900))), hint("second_factor", 15));
    assert_eq!(asked(&ask("[1,30]", Level::Aal2, Some(5))), hint("second_factor", 1));
    assert_eq!(asked(&ask("[30,-1]", Level::Aal1, Some(600))), hint("first_factor", 10));
    // Neither was ever verified, as in a session that a ticket began.
    assert_eq!(asked(&ask("[-1,-1]", Level::Aal2, None)), hint("second_factor", 10));
    // Nothing can be verified again that the user lacks, nor where there is no such level.
    let enroll = ask("[1,-1]", Level::Aal2, None).knowing(crate::Enrollment::NoFactor);
    let nothing = serde_json::json!({ "acr_values": null });
    assert_eq!((enroll.action, asked(&enroll)), (Action::Enroll, nothing.clone()));
    assert_eq!(asked(&ask("[1,1]", Level::Aal3, None)), nothing);
}

#[test]
fn supabase_auths_refusals_stay_as_they_are() {
    let claims = r#"{"iss":"https://s.example","sub":"u","aal":"aal1"}"#;
    let alone = refusal_by(&Profiles::Supabase, claims, Level::Aal2, Some(900));
    let listed = refusal(r#"{"issuer":"https://s.example","profile":"supabase"}"#, claims, Level::Aal2, Some(900));
    for denial in [alone, listed] {
        assert_eq!(
            denial.detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low"}"#
        );
        assert!(challenge(&denial).ends_with(", acr_values=\"aal2\", max_age=\"900\""));
    }
}

#[test]
fn every_user_has_aal1_at_some_issuers_and_is_asked_for_no_word_there() {
    let entry = r#"{"issuer":"https://o.example","profile":"okta"}"#;
    let old = refusal(entry, r#"{"iss":"https://o.example","sub":"u","uid":"u","auth_time":1}"#, Level::Aal1, Some(60));
    assert_eq!((old.action, asked(&old)), (Action::Reverify, serde_json::json!({ "acr_values": null })));
    assert!(challenge(&old).ends_with("\"More recent authentication is required\", max_age=\"60\""));
    let entry = r#"{"issuer":"https://k.example","profile":"keycloak"}"#;
    let claims = r#"{"iss":"https://k.example","sub":"u","acr":"aal1","auth_time":1}"#;
    assert_eq!(asked(&refusal(entry, claims, Level::Aal1, Some(60)))["acr_values"], "aal1 aal2");
}

const TWO: &str =
    r#"[{"issuer":"https://k.example","profile":"keycloak"},{"issuer":"https://o.example","profile":"okta"}]"#;

#[test]
fn no_session_is_told_the_words_of_another_issuer() {
    let two = Profiles::from_setting(TWO).unwrap();
    let one = Profiles::from_setting(r#"[{"issuer":"https://k.example","profile":"keycloak"}]"#).unwrap();
    let nothing = serde_json::json!({ "acr_values": null });
    let unknown = r#"{"iss":"https://x.example","sub":"u","acr":"aal1","auth_time":1}"#;
    for profiles in [&two, &one, &Profiles::of_nobody()] {
        let denial = refusal_by(profiles, unknown, Level::Aal2, Some(900));
        assert_eq!((denial.action, asked(&denial)), (Action::Configure, nothing.clone()));
        assert!(challenge(&denial).ends_with("\"The access token states no authentication level\""));
    }
    // Nobody's: only one issuer's words can be meant.
    let anon = r#"{"role":"anon"}"#;
    assert_eq!(asked(&refusal_by(&two, anon, Level::Aal2, None)), nothing);
    assert_eq!(asked(&refusal_by(&one, anon, Level::Aal2, None))["acr_values"], "aal2");
    let required = FixedRequirement { level: Level::Aal2, max_age: None };
    let no_claims =
        |profiles: &Profiles| Denial::without_level(required, None).where_nobody_asks(profiles.way_back_of_nobody());
    assert_eq!(asked(&no_claims(&two)), nothing);
    assert_eq!(asked(&no_claims(&one))["acr_values"], "aal2");
    assert_eq!(asked(&no_claims(&Profiles::Supabase)), serde_json::json!({}));
    assert!(challenge(&no_claims(&two)).ends_with("error_description=\"Sign in\""));
    let ended = assess_live(None, None).unwrap().unwrap_err();
    assert!(ended.detail(Some(required), &one.way_back_of_nobody()).ends_with(r#""acr_values":"aal2"}"#));
    assert!(ended.detail(None, &one.way_back_of_nobody()).ends_with(r#""acr_values":null}"#));
}

#[test]
fn a_level_that_the_profile_does_not_name_is_stepped_up_and_not_reported() {
    let entry = r#"{"issuer":"https://k.example","profile":"keycloak"}"#;
    let ask = |claims: &str, level| {
        refusal(entry, &format!(r#"{{"iss":"https://k.example","sub":"u",{claims}}}"#), level, None)
    };
    for level in [Level::Aal1, Level::Aal2] {
        let denial = ask(r#""acr":"0","auth_time":1"#, level);
        assert_eq!((denial.action, denial.reason()), (Action::Verify, Reason::LevelTooLow));
        assert_eq!(denial.current, LevelClaim::NotNamed(Some("0".to_owned())));
        assert!(denial.message(None).ends_with("and the session has no assurance level"));
        let hint = denial.hint("docs").into_owned();
        assert!(hint.starts_with("The access token states the level \"0\", which the profile"), "{hint}");
        assert!(hint.contains(asked(&denial)["acr_values"].as_str().unwrap()), "{hint}");
        // Without a factor they can sign in, but not reach aal2.
        let enrolls = denial.knowing(crate::Enrollment::NoFactor).action;
        assert_eq!(enrolls, if level == Level::Aal1 { Action::Verify } else { Action::Enroll });
    }
    let hidden = ask(r#""acr":"0\r\nX-Evil: 1","auth_time":1"#, Level::Aal2).hint("docs").into_owned();
    assert!(hidden.starts_with("The access token states a level, which"), "{hidden}");
    // No step of the user's helps: a machine's token, one without the claim, and an aal3 that nothing gives.
    for (claims, level) in [
        (r#""acr":"0""#, Level::Aal2),
        (r#""auth_time":1"#, Level::Aal2),
        (r#""acr":2,"auth_time":1"#, Level::Aal2),
        (r#""acr":"","auth_time":1"#, Level::Aal2),
        (r#""acr":"0","auth_time":1"#, Level::Aal3),
        (r#""acr":"0","auth_time":1,"is_anonymous":true"#, Level::Aal2),
    ] {
        let denial = ask(claims, level);
        assert_eq!((denial.action, denial.reason()), (Action::Configure, Reason::NoLevel), "{claims} {level}");
        assert_eq!(asked(&denial), serde_json::json!({ "acr_values": null }));
    }
    // Kratos has no word to ask for.
    let entry = r#"{"issuer":"https://r.example","profile":"kratos"}"#;
    let kratos = refusal(entry, r#"{"iss":"https://r.example","sub":"u","aal":"aal0"}"#, Level::Aal2, None);
    assert_eq!(kratos.action, Action::Configure);
}

#[test]
fn a_token_without_a_time_stays_its_issuers_to_mend() {
    let entry = r#"{"issuer":"https://o.example","profile":"okta"}"#;
    let claims = r#"{"iss":"https://o.example","sub":"u","uid":"u","acr":"phr","auth_time":1}"#;
    let denial = refusal(entry, claims, Level::Aal2, Some(900));
    assert_eq!((denial.action, denial.reason()), (Action::Configure, Reason::NoTime));
    assert_eq!(asked(&denial), serde_json::json!({ "acr_values": null }));
    assert!(challenge(&denial).ends_with("\"The access token states no time of authentication\""));
    assert!(denial.hint("docs").contains("claims_profiles.md"));
}

#[test]
fn a_profile_says_its_own_words() {
    let ask = |members: &str, level| {
        let entry = format!(r#"{{"issuer":"https://i.example",{members}}}"#);
        let claims = r#"{"iss":"https://i.example","sub":"u","uid":"u","scp":"x"}"#;
        asked(&refusal(&entry, claims, level, None))
    };
    let words = |words: &str| serde_json::json!({ "acr_values": words });
    assert_eq!(ask(r#""profile":"okta","acr_values":{"aal2":["phr","phrh"]}"#, Level::Aal2), words("phr phrh"));
    // In the place of the built-in words, those of the map.
    assert_eq!(ask(r#""profile":"okta","map":{"phrh":"aal2"}"#, Level::Aal2), words("phrh"));
    let custom = |own: &str| {
        format!(r#""levels":[{{"claim":["loa"],"is":"text","values":["x"],"level":"aal2"}},{{"level":"aal1"}}]{own}"#)
    };
    assert_eq!(ask(&custom(""), Level::Aal2), serde_json::json!({ "acr_values": null }));
    assert_eq!(ask(&custom(r#","acr_values":{"aal3":["gold"]}"#), Level::Aal2), words("gold"));
    let entra = ask(&custom(r#","challenge":"entra","acr_values":{"aal2":["c7"]}"#), Level::Aal2);
    assert!(entra["claims"].as_str().unwrap().contains(r#""value":"c7""#));
    assert!(ask(&custom(r#","challenge":"clerk""#), Level::Aal2)["clerk_error"].is_object());
}

#[test]
fn words_that_no_client_could_send_are_refused() {
    let levels = r#""levels":[{"level":"aal1"}]"#;
    for (members, says) in [
        (r#""profile":"okta","acr_values":{"aal2":["a b"]}"#, "without spaces"),
        (r#""profile":"okta","acr_values":{"aal2":["a\"b"]}"#, "without spaces"),
        (r#""profile":"okta","acr_values":{"aal2":["a\\b"]}"#, "without spaces"),
        (r#""profile":"okta","acr_values":{"aal2":[""]}"#, "without spaces"),
        (r#""profile":"okta","acr_values":{"aal2":["\u00e9"]}"#, "without spaces"),
        (r#""profile":"okta","acr_values":{"aal2":[]}"#, "1 to 8 words for aal2"),
        (r#""profile":"okta","acr_values":{"aal2":["1","2","3","4","5","6","7","8","9"]}"#, "1 to 8 words for aal2"),
        (r#""profile":"okta","acr_values":{"aal4":["a"]}"#, "aal4"),
        (r#""profile":"okta","acr_values":{"aal2":["a"],"aal2":["b"]}"#, "aal2"),
        (r#""profile":"okta","acr_values":"a""#, "invalid type"),
        (r#""profile":"okta","challenge":"entra""#, "rules of its own"),
        (r#""profile":"clerk","acr_values":{"aal2":["a"]}"#, "Clerk is not asked"),
        (r#""profile":"supabase","acr_values":{"aal2":["a"]}"#, "neither"),
        (r#""profile":"supabase","challenge":"clerk""#, "neither"),
        (&format!(r#"{levels},"challenge":"okta""#), "okta"),
        (&format!(r#"{levels},"challenge":"clerk","acr_values":{{"aal2":["a"]}}"#), "Clerk is not asked"),
    ] {
        let error = Profiles::from_setting(&format!(r#"[{{"issuer":"a",{members}}}]"#)).unwrap_err().to_string();
        assert!(error.contains(says), "{members}: {error}");
    }
}

#[test]
fn the_settings_that_the_documentation_shows_can_be_read() {
    let pages =
        [include_str!("../../../../docs/asking_the_issuer.md"), include_str!("../../../../docs/claims_profiles.md")];
    let settings = pages.iter().flat_map(|page| page.split("pg_aal.claims_profile = '[").skip(1));
    let settings: Vec<String> = settings.map(|rest| format!("[{}", rest.split('\'').next().unwrap())).collect();
    assert!(settings.len() >= 3);
    for setting in settings {
        Profiles::from_setting(&setting).unwrap_or_else(|error| panic!("{setting}: {error}"));
    }
}

#[test]
fn the_status_names_what_leads_to_aal2() {
    let profiles = Profiles::from_setting(TWO).unwrap();
    let status = |claims: &str| {
        let claims = profiles.claims(claims.as_bytes()).unwrap();
        let status = Status::of(Some(&claims), None);
        let request = status.request(claims.way_back());
        (status.action, status.reason, request.acr_values().map(str::to_owned))
    };
    let keycloak =
        |acr: &str| status(&format!(r#"{{"iss":"https://k.example","sub":"u","acr":"{acr}","auth_time":1}}"#));
    let words = Some("aal2".to_owned());
    assert_eq!(keycloak("aal1"), (Some(Action::Verify), Some(Reason::FactorsUnknown), words.clone()));
    assert_eq!(keycloak("0"), (Some(Action::Verify), Some(Reason::LevelTooLow), words));
    assert_eq!(keycloak("aal2"), (None, Some(Reason::FactorsUnknown), None));
    let unknown = status(r#"{"iss":"https://x.example","sub":"u","acr":"aal1"}"#);
    assert_eq!(unknown, (Some(Action::Configure), Some(Reason::NoLevel), None));
}

proptest! {
    /// By any names of levels, a challenge is one line of ASCII, in which each quote is one of ours. DETAIL is one line, too.
    #[test]
    fn no_word_of_a_map_gets_out_of_its_place(
        words in prop::collection::vec(prop_oneof![any::<String>(), "[ -~]{1,12}"], 1..12), entra: bool, issuer: String,
    ) {
        let map: serde_json::Map<String, serde_json::Value> =
            words.iter().map(|word| (word.clone(), "aal2".into())).collect();
        let issuer = format!("https://{issuer}/v2.0");
        let profile = if entra { "entra" } else { "oidc" };
        let entry = serde_json::json!({ "issuer": issuer, "profile": profile, "map": map });
        let claims = serde_json::json!({ "iss": issuer, "sub": "u", "scp": "x", "acr": "none of them, surely", "auth_time": 1 });
        let denial = refusal(&entry.to_string(), &claims.to_string(), Level::Aal2, Some(900));
        let challenge = challenge(&denial);
        prop_assert!(challenge.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{}", challenge);
        let parts: Vec<&str> = challenge.split('"').collect();
        let (last, outside_of_quotes) = (parts[parts.len() - 1], parts.iter().step_by(2));
        let is_ours = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic() || b" ,_=".contains(&byte));
        prop_assert!(parts.len() % 2 == 1 && last.is_empty(), "{}", challenge);
        prop_assert!(outside_of_quotes.copied().all(is_ours), "{}", challenge);
        prop_assert!(challenge.len() < 2_500);
        prop_assert!(!denial.detail().chars().any(char::is_control));
        if let Some(sent) = asked(&denial)["acr_values"].as_str() {
            prop_assert!(sent.split(' ').all(|word| map.contains_key(word)), "{}", sent);
        }
    }

    /// By a profile or without, in one reading or in two: the same claims.
    #[test]
    fn a_payload_that_was_parsed_before_is_read_as_its_text(
        aal in prop::option::of("aal[1-4]|null"), anonymous: Option<bool>, sid: Option<String>, auth_time: Option<f64>, subject: Option<String>,
    ) {
        let amr = serde_json::json!([{ "method": "totp", "timestamp": 5 }, "pwd"]);
        let claims = serde_json::json!({ "aal": aal, "is_anonymous": anonymous, "sid": sid, "auth_time": auth_time, "sub": subject, "amr": amr });
        let text = claims.to_string();
        let object = crate::json::Object::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(Claims::from_object(&object), Claims::from_json(text.as_bytes()).unwrap());
    }
}
