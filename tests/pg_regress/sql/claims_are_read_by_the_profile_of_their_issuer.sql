-- With pg_aal.claims_profile an issuer's claims are read by its profile. Claims of other issuers give no level.
create database profiled;
\c profiled
set client_min_messages = warning;
create extension pg_aal;
\set SHOW_CONTEXT never

create function public.ask(claims text) returns table (aal text, aal2 boolean, within_10_min boolean, "when" interval) language plpgsql as $$
begin
  perform set_config('request.jwt.claims', replace(claims, '@60', floor(extract(epoch from statement_timestamp()) - 60)::bigint::text), false);
  return query select auth.aal(), auth.has_aal('aal2'), auth.has_aal('aal2', '10 minutes'), date_trunc('second', statement_timestamp() - auth.authenticated_at('aal2'));
end
$$;
set pg_aal.claims_profile = '[
  {"issuer":"https://kc.example/realms/a","profile":"keycloak"},
  {"issuer":"https://clerk.example","profile":"clerk"},
  {"issuer":"https://x.supabase.example/auth/v1","profile":"supabase"}]';

-- Each by its own claims.
select * from ask('{"iss":"https://kc.example/realms/a","sub":"u","acr":"aal2","auth_time":@60}');
select * from ask('{"iss":"https://kc.example/realms/a","sub":"u","acr":"aal2","auth_time":@60,"loa-map":{"2":@60}}');
select * from ask('{"iss":"https://kc.example/realms/a","sub":"u","acr":"aal1","auth_time":@60}');
select * from ask('{"iss":"https://clerk.example","sub":"u","fva":[2,1],"iat":@60}');
select * from ask('{"iss":"https://x.supabase.example/auth/v1","sub":"u","aal":"aal2","amr":[{"method":"totp","timestamp":@60}]}');

-- Nobody by another's claims, nor without a profile.
select * from ask('{"iss":"https://kc.example/realms/a","sub":"u","aal":"aal2","fva":[0,0],"auth_time":@60,"amr":[{"method":"totp","timestamp":@60}]}');
select * from ask('{"iss":"https://clerk.example","sub":"u","acr":"aal2","aal":"aal2","auth_time":@60}');
select * from ask('{"iss":"https://evil.example","sub":"u","acr":"aal2","aal":"aal2","auth_time":@60}');
select * from ask('{"sub":"u","aal":"aal2"}');

-- The refusal says why.
select set_config('request.jwt.claims', '{"iss":"https://evil.example","sub":"u","aal":"aal2"}', false) \g /dev/null
select auth.require_aal('aal1');
select set_config('request.jwt.claims', '{"iss":"https://kc.example/realms/a","sub":"u","acr":"0","auth_time":1}', false) \g /dev/null
select auth.require_aal('aal1');
-- A request without a user is told to sign in, as ever.
select set_config('request.jwt.claims', '{"role":"anon"}', false) \g /dev/null
select auth.require_aal('aal1');
-- A claim that is there twice makes all of them invalid.
select set_config('request.jwt.claims', '{"iss":"https://kc.example/realms/a","sub":"u","acr":"aal1","acr":"aal2","auth_time":1}', false) \g /dev/null
select auth.aal();
select auth.require_aal('aal1');

-- The setting counts from the moment at which it is set, within a transaction, too.
select set_config('request.jwt.claims', '{"iss":"https://kc.example/realms/a","sub":"u","acr":"aal2","aal":"aal1","auth_time":1}', false) \g /dev/null
begin;
select auth.aal();
set local pg_aal.claims_profile = supabase;
select auth.aal();
rollback;
select auth.aal();

-- The matrix knows the level that our functions answer. What a claim says is each issuer's own.
create table by_level (id int);
create table by_claim (id int);
grant select on by_level, by_claim to authenticated;
alter table by_level enable row level security;
alter table by_claim enable row level security;
create policy p on by_level using ((select auth.has_aal('aal2')));
create policy p on by_claim using ((select auth.claims() ->> 'aal') = 'aal2' and (select current_setting('request.jwt.claims', true)::jsonb ->> 'aal') = 'aal2');
select target, required_aal from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' order by target::text;
set pg_aal.claims_profile = supabase;
select target, required_aal from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' order by target::text;
reset pg_aal.claims_profile;

-- Only superusers set it, and what can't be read is refused.
set pg_aal.claims_profile = 'keycloak';
set pg_aal.claims_profile = '[{"profile":"keycloak"}]';
set pg_aal.claims_profile = '[{"issuer":"a","profile":"nobody"}]';
set pg_aal.claims_profile = '[{"issuer":"a","levels":[{"claim":["twoFactorEnabled"],"is":"text","values":["true"],"level":"aal2"}]}]';
set role authenticated;
set pg_aal.claims_profile = supabase;
reset role;

-- A stored value that can't be read leaves the session without any level: the default would trust more.
create role app_of_profile login;
-- Without the library Postgres takes any value.
\c -
alter role app_of_profile set pg_aal.claims_profile = '[{"issuer":"a"';
\c - app_of_profile
select set_config('request.jwt.claims', '{"sub":"u","aal":"aal2"}', false) \g /dev/null
select auth.aal();
\c - postgres
\c regression
drop database profiled;
drop role app_of_profile;
