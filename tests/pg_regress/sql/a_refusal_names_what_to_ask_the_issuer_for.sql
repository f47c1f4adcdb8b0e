-- With pg_aal.claims_profile a refusal says in DETAIL what the client must ask its issuer for, in the issuer's own words.
create database asking;
\c asking
set client_min_messages = warning;
create extension pg_aal;
\set SHOW_CONTEXT never
set pg_aal.claims_profile = '[
  {"issuer":"https://auth0.example/","profile":"auth0","claim":["https://app.example/methods"]},
  {"issuer":"https://clerk.example","profile":"clerk"},
  {"issuer":"https://cognito.example/pool","profile":"cognito"},
  {"issuer":"https://login.microsoftonline.com/tenant/v2.0","profile":"entra","map":{"c1":"aal2"}},
  {"issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"p"},
  {"issuer":"https://kc.example/realms/a","profile":"keycloak"},
  {"issuer":"https://kratos.example","profile":"kratos"},
  {"issuer":"https://logto.example/oidc","profile":"logto"},
  {"issuer":"https://op.example","profile":"oidc","map":{"phrh":"aal3","pwd":"aal1","mfa":"aal2"}},
  {"issuer":"https://okta.example/oauth2/a","profile":"okta"},
  {"issuer":"https://pingone.example/as","profile":"pingone","map":{"Single_Factor":"aal1","Multi_Factor":"aal2"}},
  {"issuer":"stytch.com/p","profile":"stytch"},
  {"issuer":"https://x.supabase.example/auth/v1","profile":"supabase"},
  {"issuer":"https://own.example","levels":[{"claim":["loa"],"is":"number","map":{"1":"aal1","2":"aal2"}}],"acr_values":{"aal2":["gold"]}}]';
create function claim(issuer text, others text) returns void language sql as $$
  select set_config('request.jwt.claims', format('{"iss":"%s","sub":"33333333-3333-4333-8333-333333333333",%s}', issuer, others), false) $$;

-- A session at aal1 of each.
select claim('https://auth0.example/', '"https://app.example/methods":[{"name":"pwd"}]') \g /dev/null
select auth.require_aal('aal2');
\echo SQLSTATE :SQLSTATE
select claim('https://clerk.example', '"fva":[1,-1],"iat":1') \g /dev/null
select auth.require_aal('aal2');
select auth.require_aal('aal2', '15 minutes');
select claim('https://cognito.example/pool', '"username":"u"') \g /dev/null
select auth.require_aal('aal2');
select claim('https://login.microsoftonline.com/tenant/v2.0', '"scp":"pay"') \g /dev/null
select auth.require_aal('aal2');
select claim('https://securetoken.google.com/p', '"aud":"p","firebase":{"sign_in_provider":"password"}') \g /dev/null
select auth.require_aal('aal2');
select claim('https://kc.example/realms/a', '"acr":"aal1","auth_time":1') \g /dev/null
select auth.require_aal('aal2', '15 minutes');
select auth.require_aal('aal1', '15 minutes');
select claim('https://kratos.example', '"aal":"aal1"') \g /dev/null
select auth.require_aal('aal2');
select claim('https://logto.example/oidc', '"auth_time":1') \g /dev/null
select auth.require_aal('aal2');
select claim('https://op.example', '"acr":"pwd","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
select auth.require_aal('aal3');
select claim('https://okta.example/oauth2/a', '"uid":"u","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
-- Every user has aal1 there, so only the age is missing.
select auth.require_aal('aal1', '15 minutes');
select claim('https://pingone.example/as', '"acr":"Single_Factor","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
select claim('stytch.com/p', '"https://stytch.com/session":{"authentication_factors":[{"type":"password"}]}') \g /dev/null
select auth.require_aal('aal2');
select claim('https://own.example', '"loa":1') \g /dev/null
select auth.require_aal('aal2');
-- Supabase Auth's refusals are the same as without profiles.
select claim('https://x.supabase.example/auth/v1', '"aal":"aal1"') \g /dev/null
select auth.require_aal('aal2', '15 minutes');

-- A level that the profile doesn't name: the issuer may state another when it is asked. A claim that is missing stays missing.
select claim('https://kc.example/realms/a', '"acr":"0","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
select auth.require_aal('aal1');
select claim('https://own.example', '"loa":0') \g /dev/null
select auth.require_aal('aal2');
select claim('https://kc.example/realms/a', '"auth_time":1') \g /dev/null
select auth.require_aal('aal2');
-- Asking again gives no time.
select claim('https://okta.example/oauth2/a', '"uid":"u","acr":"phr","auth_time":1') \g /dev/null
select auth.require_aal('aal2', '15 minutes');
-- Nobody learns what another issuer calls it.
select claim('https://evil.example', '"acr":"aal1","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
select set_config('request.jwt.claims', '', false) \g /dev/null
select auth.require_aal('aal2');

-- For PostgREST: the SQLSTATE is PGRST, and the headers hold the same.
create function refusal() returns table (state text, headers jsonb, details jsonb) language plpgsql as $$
declare message text; detail text;
begin
  perform auth.require_aal('aal2', '15 minutes');
exception when others then
  get stacked diagnostics message = message_text, detail = pg_exception_detail;
  return query select sqlstate, detail::jsonb -> 'headers', (message::jsonb ->> 'details')::jsonb - array['code', 'required_aal', 'max_age', 'current_aal'];
end
$$;
set pg_aal.error_format = 'postgrest';
\x on
select claim('https://okta.example/oauth2/a', '"uid":"u","auth_time":1') \g /dev/null
select * from refusal();
select claim('https://login.microsoftonline.com/tenant/v2.0', '"scp":"pay"') \g /dev/null
select * from refusal();
select claim('https://clerk.example', '"fva":[1,-1],"iat":1') \g /dev/null
select * from refusal();
select claim('https://evil.example', '"acr":"aal1"') \g /dev/null
select * from refusal();
select claim('https://x.supabase.example/auth/v1', '"aal":"aal1"') \g /dev/null
select * from refusal();
\x off
reset pg_aal.error_format;

-- The status tells it before a request is sent. It has no such members for Supabase Auth.
select claim('https://okta.example/oauth2/a', '"uid":"u","auth_time":1') \g /dev/null
select auth.aal_status();
select claim('https://login.microsoftonline.com/tenant/v2.0', '"scp":"pay"') \g /dev/null
select auth.aal_status();
select claim('https://kc.example/realms/a', '"acr":"0","auth_time":1') \g /dev/null
select auth.aal_status();
select claim('https://kc.example/realms/a', '"acr":"aal2","auth_time":1') \g /dev/null
select auth.aal_status();
select claim('https://x.supabase.example/auth/v1', '"aal":"aal1"') \g /dev/null
select auth.aal_status();

-- With one issuer alone, a request without a token can only mean that one.
set pg_aal.claims_profile = '[{"issuer":"https://kc.example/realms/a","profile":"keycloak"}]';
select set_config('request.jwt.claims', '{"role":"anon"}', false) \g /dev/null
select auth.require_aal('aal2');
select auth.aal_status();

-- Words that no client could send are refused.
set pg_aal.claims_profile = '[{"issuer":"a","profile":"okta","acr_values":{"aal2":["two words"]}}]';
set pg_aal.claims_profile = '[{"issuer":"a","profile":"okta","acr_values":{"aal5":["phr"]}}]';
set pg_aal.claims_profile = '[{"issuer":"a","profile":"okta","acr_value":{"aal2":["phr"]}}]';
set pg_aal.claims_profile = '[{"issuer":"a","profile":"okta","challenge":"entra"}]';

-- Users of other issuers aren't looked up in Supabase Auth's tables, though one there may have the same UUID.
create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create table auth.sessions (id uuid primary key, user_id uuid not null, aal text, factor_id uuid, not_after timestamptz);
insert into auth.users values ('33333333-3333-4333-8333-333333333333');
set pg_aal.claims_profile = '[{"issuer":"https://kc.example/realms/a","profile":"keycloak"},{"issuer":"https://x.supabase.example/auth/v1","profile":"supabase"}]';
select claim('https://x.supabase.example/auth/v1', '"aal":"aal1"') \g /dev/null
select auth.require_aal('aal2');
select claim('https://kc.example/realms/a', '"acr":"aal1","auth_time":1,"sid":"44444444-4444-4444-8444-444444444444"') \g /dev/null
select auth.require_aal('aal2');
select auth.has_enrolled_aal();
select auth.require_enrolled_aal();
select auth.session_is_live();
select auth.require_live_session();
delete from auth.users;
select auth.require_aal('aal2');
select claim('https://kc.example/realms/a', '"acr":"aal2","auth_time":1') \g /dev/null
select auth.has_enrolled_aal();
-- A function of your own knows them.
create function public.has_factor(subject text) returns boolean language sql stable parallel safe return false;
set pg_aal.enrollment_function = 'public.has_factor';
select claim('https://kc.example/realms/a', '"acr":"aal1","auth_time":1') \g /dev/null
select auth.require_aal('aal2');
reset pg_aal.enrollment_function;
reset pg_aal.claims_profile;
\c regression
drop database asking;
