//! Claims of each provider, with answers from what the providers document, and not from this code.

use super::*;
use crate::time::{Clock, MaxAge, Timestamp};

const NOW: i64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30)
}

/// One issuer of each kind, as a site would write them.
const SETTING: &str = r#"[
  {"issuer":"https://kc.example/realms/shop","profile":"keycloak"},
  {"issuer":"https://kc.example/realms/loa","profile":"keycloak","map":{"1":"aal1","2":"aal2"}},
  {"issuer":"https://kc.example/realms/plain","profile":"keycloak","auth_time_is":"level"},
  {"issuer":"https://tenant.auth0.example/","profile":"auth0","claim":["https://shop.example/methods"]},
  {"issuer":"https://okta.example/oauth2/as1","profile":"okta"},
  {"issuer":"https://login.example/tid/v2.0","profile":"entra","map":{"c1":"aal2"},"audience":"api-1"},
  {"issuer":"https://cognito.example/pool1","profile":"cognito"},
  {"issuer":"https://securetoken.google.com/p1","profile":"firebase","audience":"p1"},
  {"issuer":"https://clerk.example","profile":"clerk"},
  {"issuer":"https://kratos.example","profile":"kratos"},
  {"issuer":"https://t.logto.example/oidc","profile":"logto"},
  {"issuer":"https://auth.pingone.example/env/as","profile":"pingone","map":{"Multi_Factor":"aal2","Single_Factor":"aal1"}},
  {"issuer":"stytch.com/project-1","profile":"stytch"},
  {"issuer":"https://op.example","profile":"oidc","map":{"https://refeds.org/profile/mfa":"aal2","https://refeds.org/profile/sfa":"aal1"}},
  {"issuer":"https://x.supabase.example/auth/v1","profile":"supabase"},
  {"issuer":"https://own.example","levels":[
     {"claim":["https://own.example/a.b","amr"],"is":"words","values":["mfa"],"level":"aal2"},
     {"claim":["loa"],"is":"number","map":{"3":"aal3","2":"aal2","1":"aal1"}}],
   "times":{"aal2":[{"claim":["second","at"],"is":"milliseconds"}]}}
]"#;

fn profiles() -> Profiles {
    Profiles::from_setting(SETTING).unwrap()
}

/// What a token says beside its issuer and its subject, and the answers: the level, and an age in seconds. The age is the smallest of 60,
/// 600 and 6000 within which the second factor was verified; 0: none.
struct Case(&'static str, &'static str, Option<Level>, u32);

const NONE: Option<Level> = None;
const AAL1: Option<Level> = Some(Level::Aal1);
const AAL2: Option<Level> = Some(Level::Aal2);
const AAL3: Option<Level> = Some(Level::Aal3);

const SHOP: &str = "https://kc.example/realms/shop";
const LOA: &str = "https://kc.example/realms/loa";
const PLAIN: &str = "https://kc.example/realms/plain";
const AUTH0: &str = "https://tenant.auth0.example/";
const OKTA: &str = "https://okta.example/oauth2/as1";
const ENTRA: &str = "https://login.example/tid/v2.0";
const COGNITO: &str = "https://cognito.example/pool1";
const FIREBASE: &str = "https://securetoken.google.com/p1";
const CLERK: &str = "https://clerk.example";
const KRATOS: &str = "https://kratos.example";
const LOGTO: &str = "https://t.logto.example/oidc";
const PINGONE: &str = "https://auth.pingone.example/env/as";
const STYTCH: &str = "stytch.com/project-1";
const OP: &str = "https://op.example";
const SUPABASE: &str = "https://x.supabase.example/auth/v1";
const OWN: &str = "https://own.example";

/// Times: `@60` stands for 60 seconds ago, in seconds since 1970; `@ms60` in milliseconds; `@rfc60` in RFC 3339.
const CASES: &[Case] = &[
    // Keycloak: table D of the facts. `auth_time` may be newer than the code, so that it is no time of the level.
    Case(SHOP, r#""acr":"aal1","auth_time":@30"#, AAL1, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@30"#, AAL2, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@30,"loa-map":{"1":@500,"2":@500}"#, AAL2, 600),
    Case(SHOP, r#""acr":"aal2","auth_time":@5,"loa-map":{"1":@5,"2":@5000}"#, AAL2, 6000),
    Case(SHOP, r#""acr":"aal1","auth_time":@5,"loa-map":{"1":@5,"2":@30}"#, AAL1, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@5,"loa-map":{"1":@5}"#, AAL2, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@5,"loa-map":"{\"2\":1}""#, AAL2, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@5,"loa-map":{"2":@5,"2":@5}"#, AAL2, 0),
    Case(SHOP, r#""acr":"0","auth_time":@5000"#, NONE, 0),
    Case(SHOP, r#""acr":"1","auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""acr":"2","auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""acr":2,"auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""acr":["aal2"],"auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""acr":"AAL2","auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""acr":"aal2 ","auth_time":@5"#, NONE, 0),
    Case(SHOP, r#""auth_time":@5"#, NONE, 0),
    // A service account, or a direct grant: the level-1 acr, and no auth_time.
    Case(SHOP, r#""acr":"aal1""#, NONE, 0),
    Case(SHOP, r#""acr":"aal2""#, NONE, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":null"#, NONE, 0),
    // What another provider would mean by these claims counts for nothing here.
    Case(SHOP, r#""aal":"aal2","auth_time":@5,"amr":[{"method":"totp","timestamp":@5}]"#, NONE, 0),
    Case(SHOP, r#""acr":"aal1","auth_time":@5,"aal":"aal2","amr":[{"method":"totp","timestamp":@5}]"#, AAL1, 0),
    Case(SHOP, r#""acr":"aal1","auth_time":@5,"fva":[0,0]"#, AAL1, 0),
    Case(SHOP, r#""acr":"aal2","auth_time":@5,"amr":["pwd","otp"]"#, AAL2, 0),
    Case(SHOP, r#""acr":"phr","auth_time":@5"#, NONE, 0),
    Case(LOA, r#""acr":"2","auth_time":@5,"loa-map":{"1":@5,"2":@30}"#, AAL2, 60),
    Case(LOA, r#""acr":"1","auth_time":@5"#, AAL1, 0),
    Case(LOA, r#""acr":"0","auth_time":@5"#, NONE, 0),
    Case(LOA, r#""acr":"aal2","auth_time":@5"#, NONE, 0),
    Case(LOA, r#""acr":"3","auth_time":@5"#, NONE, 0),
    Case(PLAIN, r#""acr":"aal2","auth_time":@30"#, AAL2, 60),
    Case(PLAIN, r#""acr":"aal2","auth_time":@5000"#, AAL2, 6000),
    Case(PLAIN, r#""acr":"aal1","auth_time":@30"#, AAL1, 0),
    // Auth0: an Action puts event.authentication.methods into the token. Without it there is nothing to read.
    Case(
        AUTH0,
        r#""https://shop.example/methods":[{"name":"pwd","timestamp":"@rfc500"},{"name":"mfa","timestamp":"@rfc30"}]"#,
        AAL2,
        60,
    ),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"pwd","timestamp":"@rfc30"}]"#, AAL1, 0),
    Case(
        AUTH0,
        r#""https://shop.example/methods":[{"name":"pwd","timestamp":@ms30},{"name":"mfa","timestamp":@ms500}]"#,
        AAL2,
        600,
    ),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"mfa","timestamp":@30}]"#, AAL2, 0),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"mfa"}]"#, AAL2, 0),
    Case(AUTH0, r#""https://shop.example/methods":["mfa"]"#, AAL1, 0),
    Case(AUTH0, r#""https://shop.example/methods":"mfa""#, AAL1, 0),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"passkey","timestamp":"@rfc30"}]"#, AAL1, 0),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"mfa","name":"pwd","timestamp":"@rfc30"}]"#, AAL1, 0),
    Case(AUTH0, r#""amr":["mfa"],"acr":"http://schemas.openid.net/pape/policies/2007/06/multi-factor""#, AAL1, 0),
    Case(AUTH0, r#""https://other.example/methods":[{"name":"mfa"}]"#, AAL1, 0),
    Case(AUTH0, r#""gty":"client-credentials""#, NONE, 0),
    Case(AUTH0, r#""aal":"aal2""#, AAL1, 0),
    // Okta: 2fa:any:ifpossible is met by one factor.
    Case(OKTA, r#""uid":"00u1","acr":"urn:okta:loa:2fa:any","auth_time":@30"#, AAL2, 0),
    Case(OKTA, r#""uid":"00u1","acr":"phr","auth_time":@30"#, AAL2, 0),
    Case(OKTA, r#""uid":"00u1","acr":"phrh","auth_time":@30"#, AAL2, 0),
    Case(OKTA, r#""uid":"00u1","acr":"urn:okta:loa:2fa:any:ifpossible","auth_time":@30"#, AAL1, 0),
    Case(OKTA, r#""uid":"00u1","acr":"urn:okta:loa:1fa:any","auth_time":@30"#, AAL1, 0),
    Case(OKTA, r#""uid":"00u1","acr":"urn:okta:loa:1fa:pwd","auth_time":@30"#, AAL1, 0),
    Case(OKTA, r#""uid":"00u1","amr":["pwd","otp","mfa","phr"],"auth_time":@30"#, AAL1, 0),
    Case(OKTA, r#""uid":"00u1","auth_time":@30"#, AAL1, 0),
    Case(OKTA, r#""cid":"client","acr":"urn:okta:loa:2fa:any""#, NONE, 0),
    // Entra: the id of an authentication context. It says nothing of a time.
    Case(ENTRA, r#""aud":"api-1","scp":"write","acrs":["c1"],"auth_time":@30"#, AAL2, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","acrs":["p1","c1","c25"]"#, AAL2, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","acrs":["c2"]"#, AAL1, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","acrs":"c1""#, NONE, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","acr":"1","amr":["mfa","ngcmfa"]"#, AAL1, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","xms_cc":["cp1"]"#, AAL1, 0),
    Case(ENTRA, r#""aud":"api-2","scp":"write","acrs":["c1"]"#, NONE, 0),
    Case(ENTRA, r#""scp":"write","acrs":["c1"]"#, NONE, 0),
    Case(ENTRA, r#""aud":"api-1","roles":["app"],"acrs":["c1"]"#, NONE, 0),
    // Cognito: level 2 is one code, without a password.
    // A claim of another type than its rule names: the database may read it otherwise.
    Case(COGNITO, r#""amr":"mfa","username":"jane""#, NONE, 0),
    Case(OKTA, r#""acr":["phr"],"uid":"u1""#, NONE, 0),
    Case(OKTA, r#""acr":{"phr":1},"uid":"u1""#, NONE, 0),
    Case(ENTRA, r#""aud":"api-1","scp":"write","acrs":{"c1":1}"#, NONE, 0),
    Case(COGNITO, r#""username":"jane","acr":"urn:cognito:loa:3","auth_time":@30"#, AAL2, 0),
    Case(COGNITO, r#""username":"jane","acr":"urn:cognito:loa:4","auth_time":@30"#, AAL2, 0),
    Case(COGNITO, r#""username":"jane","acr":"urn:cognito:loa:2","auth_time":@30"#, AAL1, 0),
    Case(COGNITO, r#""username":"jane","acr":"urn:cognito:loa:1","auth_time":@30"#, AAL1, 0),
    Case(COGNITO, r#""username":"jane","amr":["pwd","otp","mfa"],"auth_time":@30"#, AAL2, 0),
    Case(COGNITO, r#""username":"jane","amr":["otp"],"auth_time":@30"#, AAL1, 0),
    Case(COGNITO, r#""username":"jane","amr":["fed"],"acr":"urn:cognito:loa:1""#, AAL1, 0),
    Case(COGNITO, r#""username":"jane","acr":"our-name-for-mfa""#, AAL1, 0),
    Case(COGNITO, r#""cognito:username":"jane","token_use":"id","acr":"urn:cognito:loa:3""#, AAL2, 0),
    Case(COGNITO, r#""client_id":"c","token_use":"access","acr":"urn:cognito:loa:3""#, NONE, 0),
    // Firebase: the second factor is a part of the sign-in, and auth_time its time.
    Case(
        FIREBASE,
        r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"password","sign_in_second_factor":"totp","second_factor_identifier":"x"}"#,
        AAL2,
        60,
    ),
    Case(
        FIREBASE,
        r#""aud":"p1","auth_time":@5000,"firebase":{"sign_in_provider":"password","sign_in_second_factor":"phone"}"#,
        AAL2,
        6000,
    ),
    Case(FIREBASE, r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"password"}"#, AAL1, 0),
    Case(FIREBASE, r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"custom"}"#, AAL1, 0),
    Case(FIREBASE, r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"anonymous"}"#, NONE, 0),
    Case(
        FIREBASE,
        r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"password","sign_in_second_factor":""}"#,
        AAL1,
        0,
    ),
    Case(
        FIREBASE,
        r#""aud":"p1","auth_time":@30,"firebase":{"sign_in_provider":"password","sign_in_second_factor":true}"#,
        NONE,
        0,
    ),
    Case(
        FIREBASE,
        r#""aud":"p1","auth_time":@30,"sign_in_second_factor":"totp","firebase":{"sign_in_provider":"password"}"#,
        AAL1,
        0,
    ),
    Case(
        FIREBASE,
        r#""aud":"p2","auth_time":@30,"firebase":{"sign_in_provider":"password","sign_in_second_factor":"totp"}"#,
        NONE,
        0,
    ),
    Case(
        FIREBASE,
        r#""auth_time":@30,"firebase":{"sign_in_provider":"password","sign_in_second_factor":"totp"}"#,
        NONE,
        0,
    ),
    Case(FIREBASE, r#""aud":"p1","auth_time":@30"#, NONE, 0),
    // Clerk: minutes before the token was made. One minute more, since rounding isn't documented.
    Case(CLERK, r#""iat":@10,"fva":[3,0]"#, AAL2, 600),
    Case(CLERK, r#""iat":@10,"fva":[30,5]"#, AAL2, 600),
    Case(CLERK, r#""iat":@10,"fva":[30,9]"#, AAL2, 6000),
    Case(CLERK, r#""iat":@10,"fva":[3,-1]"#, AAL1, 0),
    Case(CLERK, r#""iat":@10,"fva":[-1,-1]"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":[3]"#, AAL1, 0),
    Case(CLERK, r#""iat":@10,"fva":["3","0"]"#, NONE, 0),
    Case(AUTH0, r#""https://shop.example/methods":[{"name":"pwd","name":"mfa","timestamp":"@rfc30"}]"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":{"1":0}"#, NONE, 0),
    // A policy that casts the text or the number would take it for an age.
    Case(CLERK, r#""iat":@10,"fva":[3,"0"]"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,-0.4]"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":3"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,null]"#, AAL1, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,0.5]"#, AAL2, 600),
    Case(CLERK, r#""fva":[3,0]"#, AAL2, 0),
    Case(CLERK, r#""iat":@10"#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,0],"sts":"pending""#, NONE, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,0],"sts":"active""#, AAL2, 600),
    Case(CLERK, r#""iat":@10,"fva":[3,0],"act":{"sub":"user_admin"}"#, AAL1, 0),
    Case(CLERK, r#""iat":@10,"fva":[3,-1],"aal":"aal2""#, AAL1, 0),
    // Kratos: each method has its own level and time. authenticated_at moves with any of them.
    Case(
        KRATOS,
        r#""aal":"aal2","authentication_methods":[{"method":"password","aal":"aal1","completed_at":"@rfc5"},{"method":"totp","aal":"aal2","completed_at":"@rfc500"}],"authenticated_at":"@rfc5""#,
        AAL2,
        600,
    ),
    Case(
        KRATOS,
        r#""aal":"aal2","authentication_methods":[{"method":"code","aal":"aal1","completed_at":"@rfc5"}],"authenticated_at":"@rfc5""#,
        AAL2,
        0,
    ),
    Case(
        KRATOS,
        r#""aal":"aal2","authentication_methods":[{"method":"code","aal":"aal2","completed_at":"@rfc30"}]"#,
        AAL2,
        60,
    ),
    Case(
        KRATOS,
        r#""aal":"aal1","authentication_methods":[{"method":"totp","aal":"aal2","completed_at":"@rfc30"}]"#,
        AAL1,
        0,
    ),
    Case(KRATOS, r#""aal":"aal2","authenticated_at":"@rfc5""#, AAL2, 0),
    Case(KRATOS, r#""aal":"aal0""#, NONE, 0),
    Case(KRATOS, r#""aal":"aal3""#, NONE, 0),
    Case(KRATOS, r#""amr":["password","totp"]"#, NONE, 0),
    Case(KRATOS, r#""acr":"aal2","auth_time":@5"#, NONE, 0),
    Case(KRATOS, r#""authenticator_assurance_level":"aal2""#, NONE, 0),
    Case(KRATOS, r#""aal":["aal2"]"#, NONE, 0),
    Case(
        KRATOS,
        r#""aal":"aal2","authentication_methods":[{"method":"totp","aal":"aal2","completed_at":"yesterday"}]"#,
        AAL2,
        0,
    ),
    Case(
        KRATOS,
        r#""aal":"aal2","authentication_methods":[{"method":"totp","aal":"aal2","completed_at":@30}]"#,
        AAL2,
        0,
    ),
    // Logto
    Case(LOGTO, r#""acr":"urn:logto:acr:mfa","auth_time":@30"#, AAL2, 0),
    Case(LOGTO, r#""acr":"urn:logto:acr:1fa","auth_time":@30"#, AAL1, 0),
    Case(LOGTO, r#""amr":["otp","pwd"],"auth_time":@30"#, AAL1, 0),
    Case(LOGTO, r#""amr":["fed"],"auth_time":@30"#, AAL1, 0),
    Case(LOGTO, r#""acr":"urn:logto:acr:mfa""#, NONE, 0),
    // PingOne: acr is the name of a sign-on policy.
    Case(PINGONE, r#""acr":"Multi_Factor","auth_time":@30"#, AAL2, 0),
    Case(PINGONE, r#""acr":"Single_Factor","auth_time":@30"#, AAL1, 0),
    Case(PINGONE, r#""acr":"Multi_factor","auth_time":@30"#, NONE, 0),
    Case(PINGONE, r#""acr":"Another","auth_time":@30"#, NONE, 0),
    Case(PINGONE, r#""scope":"api""#, NONE, 0),
    // Stytch: two factors of distinct types, of which one isn't sent to the same mailbox.
    Case(
        STYTCH,
        r#""https://stytch.com/session":{"authentication_factors":[{"type":"password","last_authenticated_at":"@rfc500"},{"type":"totp","last_authenticated_at":"@rfc30"}]}"#,
        AAL2,
        60,
    ),
    Case(
        STYTCH,
        r#""https://stytch.com/session":{"authentication_factors":[{"type":"password","last_authenticated_at":"@rfc5"},{"type":"totp","last_authenticated_at":"@rfc500"}]}"#,
        AAL2,
        600,
    ),
    Case(
        STYTCH,
        r#""https://stytch.com/session":{"authentication_factors":[{"type":"totp","last_authenticated_at":"@rfc30"}]}"#,
        AAL1,
        0,
    ),
    Case(
        STYTCH,
        r#""https://stytch.com/session":{"authentication_factors":[{"type":"magic_link","last_authenticated_at":"@rfc30"},{"type":"otp","last_authenticated_at":"@rfc30"}]}"#,
        AAL1,
        0,
    ),
    Case(
        STYTCH,
        r#""https://stytch.com/session":{"authentication_factors":[{"type":"otp","last_authenticated_at":"@rfc30"},{"type":"otp","last_authenticated_at":"@rfc30"}]}"#,
        AAL1,
        0,
    ),
    Case(STYTCH, r#""https://stytch.com/session":{"authentication_factors":[]}"#, NONE, 0),
    Case(STYTCH, r#""https://stytch.com/session":null"#, NONE, 0),
    // Any other OpenID provider, by a map of its own.
    Case(OP, r#""acr":"https://refeds.org/profile/mfa","auth_time":@30"#, AAL2, 0),
    Case(OP, r#""acr":"https://refeds.org/profile/sfa","auth_time":@30"#, AAL1, 0),
    Case(OP, r#""acr":"urn:mace:incommon:iap:silver","auth_time":@30"#, NONE, 0),
    Case(OP, r#""acr":"0","auth_time":@30"#, NONE, 0),
    Case(OP, r#""auth_time":@30,"twoFactorEnabled":true,"requires_totp_mfa":true"#, NONE, 0),
    Case(OP, r#""acr":"https://refeds.org/profile/mfa""#, NONE, 0),
    Case(OP, r#""acr":"https://refeds.org/profile/mfa","auth_time":@30,"is_anonymous":true"#, NONE, 0),
    // Supabase's own tokens beside the others.
    Case(SUPABASE, r#""aal":"aal2","amr":[{"method":"totp","timestamp":@30}]"#, AAL2, 60),
    Case(SUPABASE, r#""aal":"aal1","amr":[{"method":"password","timestamp":@30}]"#, AAL1, 0),
    Case(SUPABASE, r#""acr":"aal2","auth_time":@30"#, NONE, 0),
    Case(SUPABASE, r#""fva":[0,0],"iat":@10"#, NONE, 0),
    // Rules of one's own: a path with dots and slashes, words, numbers and milliseconds.
    Case(OWN, r#""https://own.example/a.b":{"amr":"pwd mfa"},"second":{"at":@ms30}"#, AAL2, 60),
    Case(OWN, r#""https://own.example/a.b":{"amr":"pwdmfa"},"loa":1"#, AAL1, 0),
    Case(OWN, r#""https://own.example/a":{"b":{"amr":"mfa"}}"#, NONE, 0),
    Case(OWN, r#""loa":3"#, AAL3, 0),
    Case(OWN, r#""loa":2,"second":{"at":@ms500}"#, AAL2, 600),
    Case(OWN, r#""loa":"2""#, NONE, 0),
    Case(OWN, r#""loa":2.0"#, NONE, 0),
    Case(OWN, r#""loa":4"#, NONE, 0),
    // Issuers that no profile names, spelled almost as one that does.
    Case("https://kc.example/realms/shop/", r#""acr":"aal2","auth_time":@5"#, NONE, 0),
    Case("https://KC.example/realms/shop", r#""acr":"aal2","auth_time":@5"#, NONE, 0),
    Case("https://x.supabase.example/auth/v1/", r#""aal":"aal2""#, NONE, 0),
    Case("", r#""aal":"aal2","acr":"aal2""#, NONE, 0),
];

/// The payload of a case, with its times filled in.
fn payload(Case(issuer, rest, ..): &Case) -> String {
    let mut text = format!(r#"{{"iss":{issuer:?},"sub":"user-1",{rest}}}"#);
    for age in [5, 10, 30, 500, 5_000] {
        let at = NOW - age;
        let rfc = jiff::Timestamp::from_second(at).unwrap().to_string();
        for (mark, value) in [("rfc", rfc), ("ms", (at * 1_000).to_string()), ("", at.to_string())] {
            // The longest ages first would be needed if one began another: they end at a character that is no digit.
            let ends = [",", "}", "]", "\""];
            for end in ends {
                text = text.replace(&format!("@{mark}{age}{end}"), &format!("{value}{end}"));
            }
        }
    }
    assert!(!text.contains('@'), "{text}");
    text
}

fn passes(claims: &Claims, level: Level, max_age: Option<u32>) -> bool {
    let is_fresh =
        |max_age| claims.factor_time(level).is_some_and(|at| clock().is_fresh(at, MaxAge::from_seconds(max_age)));
    claims.level() >= Some(level) && max_age.is_none_or(is_fresh)
}

#[test]
fn each_providers_claims_come_to_what_its_documents_say() {
    let profiles = profiles();
    assert!(CASES.len() >= 150, "{}", CASES.len());
    for case in CASES {
        let payload = payload(case);
        let claims = profiles.claims(payload.as_bytes()).unwrap();
        assert_eq!(claims.level(), case.2, "{payload}");
        for level in Level::ALL {
            assert_eq!(passes(&claims, level, None), case.2 >= Some(level), "{level} {payload}");
        }
        for max_age in [60, 600, 6_000] {
            let expected = case.2 >= AAL2 && case.3 != 0 && max_age >= case.3;
            assert_eq!(passes(&claims, Level::Aal2, Some(max_age)), expected, "within {max_age}: {payload}");
        }
    }
}

#[test]
fn a_verified_payload_is_read_as_the_gateways_claims_are() {
    let profiles = profiles();
    for case in CASES {
        let payload = payload(case).replacen('{', &format!(r#"{{"exp":{},"#, NOW + 60), 1);
        let expected = profiles.claims(payload.as_bytes()).unwrap();
        match crate::Verified::from_payload(payload.clone(), &profiles) {
            Ok(verified) => assert_eq!(verified.claims_at(clock()), Ok(&expected), "{payload}"),
            // A time that is none.
            Err(error) => assert!(matches!(error, crate::InvalidToken::NotATime(_)), "{payload}: {error}"),
        }
    }
}

#[test]
fn a_token_without_a_user_has_no_level() {
    let profiles = profiles();
    for case in CASES.iter().filter(|case| case.2.is_some() && case.0 != SUPABASE) {
        for subject in [r#""sub":"""#, r#""sub":null"#, r#""sub":42"#, r#""x":1"#] {
            let payload = payload(case).replace(r#""sub":"user-1""#, subject);
            assert_eq!(profiles.claims(payload.as_bytes()).unwrap().level(), None, "{payload}");
        }
    }
}

#[test]
fn no_issuer_has_a_level_by_the_profile_of_another() {
    let profiles = profiles();
    for case in CASES {
        for issuer in ["https://evil.example", "https://kc.example", ""] {
            let other = payload(&Case(issuer, case.1, None, 0));
            assert_eq!(profiles.claims(other.as_bytes()).unwrap().level(), None, "{other}");
            let unnamed = other.replacen(&format!(r#""iss":{issuer:?},"#), "", 1);
            assert_eq!(profiles.claims(unnamed.as_bytes()).unwrap().level(), None, "{unnamed}");
        }
    }
}

#[test]
fn a_claim_that_is_there_twice_makes_all_invalid() {
    let profiles = profiles();
    for text in [
        r#"{"iss":"https://kc.example/realms/shop","sub":"u","acr":"aal1","acr":"aal2","auth_time":1}"#,
        r#"{"iss":"https://kc.example/realms/shop","iss":"https://evil.example","sub":"u","acr":"aal2","auth_time":1}"#,
        r#"{"iss":"https://evil.example","x":1,"x":1}"#,
    ] {
        assert_eq!(profiles.claims(text.as_bytes()), Err(InvalidClaims::Twice), "{text}");
    }
}

#[test]
fn without_profiles_claims_are_read_as_before() {
    for setting in ["", "supabase", " supabase "] {
        let profiles = Profiles::from_setting(setting).unwrap();
        for case in CASES {
            let payload = payload(case);
            assert_eq!(profiles.claims(payload.as_bytes()), Claims::from_json(payload.as_bytes()), "{payload}");
        }
    }
}

#[test]
fn a_setting_that_could_grant_by_mistake_is_refused() {
    for (setting, says) in [
        ("keycloak", "supabase or a JSON array"),
        ("{}", "supabase or a JSON array"),
        (r#"[{"profile":"keycloak"}]"#, "lacks \"issuer\""),
        (r#"[{"issuer":"","profile":"keycloak"}]"#, "lacks \"issuer\""),
        (r#"[{"issuer":"a","profile":"keycloack"}]"#, "valid are supabase, auth0"),
        (r#"[{"issuer":"a","profile":"okta"},{"issuer":"a","profile":"oidc","map":{}}]"#, "two profiles"),
        (r#"[{"issuer":"a","profile":"oidc"}]"#, "needs a \"map\""),
        (r#"[{"issuer":"a","profile":"pingone"}]"#, "needs a \"map\""),
        (r#"[{"issuer":"a","profile":"entra"}]"#, "needs a \"map\""),
        (r#"[{"issuer":"a","profile":"firebase"}]"#, "needs an \"audience\""),
        (r#"[{"issuer":"a","profile":"auth0"}]"#, "needs the \"claim\""),
        (r#"[{"issuer":"a","profile":"clerk","map":{"x":"aal2"}}]"#, "takes no map"),
        (r#"[{"issuer":"a","profile":"okta","claim":["x"]}]"#, "names its claims itself"),
        (r#"[{"issuer":"a","profile":"okta","levels":[{"level":"aal1"}]}]"#, "rules of its own"),
        (r#"[{"issuer":"a","profile":"oidc","map":{"x":"aal2","x":"aal1"}}]"#, "twice"),
        (r#"[{"issuer":"a","profile":"oidc","map":{"x":"aal4"}}]"#, "aal4"),
        (r#"[{"issuer":"a","profile":"oidc","maps":{"x":"aal2"}}]"#, "maps"),
        (r#"[{"issuer":"a"}]"#, "lacks \"levels\""),
        (r#"[{"issuer":"a","levels":[{"level":"aal2"}]}]"#, "can only be aal1"),
        (
            r#"[{"issuer":"a","levels":[{"claim":[],"is":"text","values":["x"],"level":"aal2"}]}]"#,
            "its name comes first",
        ),
        (
            r#"[{"issuer":"a","levels":[{"claim":[0],"is":"text","values":["x"],"level":"aal2"}]}]"#,
            "its name comes first",
        ),
        (r#"[{"issuer":"a","levels":[{"claim":["x"],"is":"text"}]}]"#, "either \"map\" or \"values\""),
        (r#"[{"issuer":"a","levels":[{"claim":["x"],"is":"entries","values":["x"],"level":"aal2"}]}]"#, "\"key\""),
        (
            r#"[{"issuer":"a","levels":[{"claim":["user","twoFactorEnabled"],"is":"text","values":["true"],"level":"aal2"}]}]"#,
            "enrolled",
        ),
        (
            r#"[{"issuer":"a","levels":[{"claim":["requires_totp_mfa"],"is":"text","values":["true"],"level":"aal2"}]}]"#,
            "enrolled",
        ),
        (
            r#"[{"issuer":"a","levels":[{"level":"aal1"}],"auth_time_is":"level","times":{"aal2":[{"claim":["auth_time"],"is":"seconds"}]}}]"#,
            "auth_time is no time of aal2",
        ),
        (
            r#"[{"issuer":"a","levels":[{"level":"aal1"}],"times":{"aal2":[{"claim":["auth_time"],"is":"seconds"}]}}]"#,
            "auth_time is no time of aal2",
        ),
        (
            r#"[{"issuer":"a","levels":[{"level":"aal1"}],"times":{"aal2":[{"claim":["x"],"is":"entries"}]}}]"#,
            "lacks \"at\"",
        ),
        ("[", "EOF"),
    ] {
        let error = Profiles::from_setting(setting).unwrap_err().to_string();
        assert!(error.contains(says), "{setting}: {error}");
    }
}

#[test]
fn built_in_profiles_can_be_read() {
    for (name, _) in BUILT_IN {
        let setting = format!(
            r#"[{{"issuer":"a","profile":"{name}","audience":"b"{}{}}}]"#,
            if matches!(name, "oidc" | "entra" | "pingone") { r#","map":{"x":"aal2"}"# } else { "" },
            if name == "auth0" { r#","claim":["x"]"# } else { "" }
        );
        Profiles::from_setting(&setting).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
