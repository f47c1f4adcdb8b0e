-- With profiles, the matrix knows what a claim can be at each level: a value that leads to aal2 is in no session at aal1.
create schema by_profile;
grant usage on schema by_profile to anon, authenticated;
set search_path = by_profile;
load 'pg_aal';

-- Each condition alone, and beside a protection that reads at aal1.
create table conditions (profile text, name text, condition text);
insert into conditions values
  ('keycloak', 'acr is aal2',    $$(auth.jwt() ->> 'acr') = 'aal2'$$),
  ('keycloak', 'wrapped',        $$((select auth.jwt()) ->> 'acr') = 'aal2'$$),
  ('keycloak', 'claims()',       $$(auth.claims() ->> 'acr') = 'aal2'$$),
  ('keycloak', 'setting',        $$(current_setting('request.jwt.claims', true)::jsonb ->> 'acr') = 'aal2'$$),
  ('keycloak', 'as JSON',        $$(auth.jwt() -> 'acr') = '"aal2"'$$),
  ('keycloak', 'by path',        $$(auth.jwt() #>> '{acr}') = 'aal2'$$),
  ('keycloak', 'contains',       $$auth.jwt() @> '{"acr":"aal2"}'$$),
  ('keycloak', 'in',             $$(auth.jwt() ->> 'acr') in ('aal2', 'aal3')$$),
  ('keycloak', 'not aal1',       $$(auth.jwt() ->> 'acr') <> 'aal1'$$),
  ('keycloak', 'coalesce',       $$coalesce(auth.jwt() ->> 'acr', 'aal1') <> 'aal1'$$),
  ('keycloak', 'aal1 or aal2',   $$(auth.jwt() ->> 'acr') in ('aal1', 'aal2')$$),
  ('keycloak', 'other claim',    $$(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('keycloak', 'lower',          $$lower(auth.jwt() ->> 'acr') = 'aal2'$$),
  ('okta',     'phr',            $$(auth.jwt() ->> 'acr') = 'phr'$$),
  ('okta',     'not phr',        $$(auth.jwt() ->> 'acr') <> 'phr'$$),
  ('okta',     'another value',  $$(auth.jwt() ->> 'acr') = 'urn:okta:loa:1fa:any'$$),
  ('entra',    'has c1',         $$(auth.jwt() -> 'acrs') ? 'c1'$$),
  ('entra',    'has c2',         $$(auth.jwt() -> 'acrs') ? 'c2'$$),
  ('entra',    'contains c1',    $$(auth.jwt() -> 'acrs') @> '["c1"]'$$),
  ('entra',    'as a whole',     $$auth.jwt() @> '{"acrs":["c1"]}'$$),
  ('entra',    'any of two',     $$(auth.jwt() -> 'acrs') ?| array['c1', 'c9']$$),
  ('firebase', 'second factor',  $$(auth.jwt() -> 'firebase' ->> 'sign_in_second_factor') = 'totp'$$),
  ('firebase', 'by path',        $$(auth.jwt() #>> '{firebase,sign_in_second_factor}') is not null$$),
  ('firebase', 'contains',       $$auth.jwt() @> '{"firebase":{"sign_in_second_factor":"phone"}}'$$),
  ('firebase', 'provider',       $$(auth.jwt() -> 'firebase' ->> 'sign_in_provider') = 'password'$$),
  ('clerk',    'age of a factor',$$(auth.jwt() -> 'fva' ->> 1)::int >= 0$$);

create function needs(wanted text) returns table (name text, alone text, beside_aal1 text) language plpgsql as $$
declare
  one conditions;
begin
  for one in select * from conditions c where c.profile = wanted loop
    create table t (id int);
    grant select on t to authenticated;
    alter table t enable row level security;
    execute format('create policy p on t using (%s)', one.condition);
    name := one.name;
    select m.required_aal into alone from auth.aal_matrix('t') m where m.role = 'authenticated' and m.command = 'SELECT';
    create policy r on t as restrictive using ((select auth.has_aal('aal1')));
    select m.required_aal into beside_aal1 from auth.aal_matrix('t') m where m.role = 'authenticated' and m.command = 'SELECT';
    drop table t;
    return next;
  end loop;
end
$$;

set pg_aal.claims_profile = '[{"issuer":"https://id.example/realms/a","profile":"keycloak"}]';
select * from needs('keycloak');
set pg_aal.claims_profile = '[{"issuer":"https://o.example/oauth2/a","profile":"okta"}]';
select * from needs('okta');
set pg_aal.claims_profile = '[{"issuer":"https://login.example/t/v2.0","profile":"entra","map":{"c1":"aal2","c2":"aal3"}}]';
select * from needs('entra');
set pg_aal.claims_profile = '[{"issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"p"}]';
select * from needs('firebase');
set pg_aal.claims_profile = '[{"issuer":"https://clerk.example","profile":"clerk"}]';
select * from needs('clerk');

-- Of several issuers the one counts that a condition tests.
set pg_aal.claims_profile = '[
  {"issuer":"https://o.example/oauth2/a","profile":"okta"},
  {"issuer":"https://op.example","profile":"oidc","map":{"phr":"aal1","2":"aal2"}}]';
truncate conditions;
insert into conditions values
  ('two', 'of any issuer', $$(auth.jwt() ->> 'acr') = 'phr'$$),
  ('two', 'of the first',  $$(auth.jwt() ->> 'iss') = 'https://o.example/oauth2/a' and (auth.jwt() ->> 'acr') = 'phr'$$),
  ('two', 'of the second', $$(auth.jwt() ->> 'iss') = 'https://op.example' and (auth.jwt() ->> 'acr') = 'phr'$$),
  ('two', 'of another',    $$(auth.jwt() ->> 'iss') = 'https://other.example' and (auth.jwt() ->> 'acr') = 'phr'$$);
select * from needs('two');

-- With Supabase's reading of claims none of that is known.
set pg_aal.claims_profile = supabase;
select * from needs('two');
-- Where another profile is stored, each counts for possible.
set pg_aal.claims_profile = '[{"issuer":"https://o.example/oauth2/a","profile":"okta"}]';
alter role authenticator set pg_aal.claims_profile = '[{"issuer":"https://op.example","profile":"oidc","map":{"phr":"aal1"}}]';
select * from needs('two');
alter role authenticator reset pg_aal.claims_profile;

-- Sessions are as the matrix says: values of aal2 come with aal2, or without any level.
set pg_aal.claims_profile = '[{"issuer":"https://o.example/oauth2/a","profile":"okta"}]';
create function at(claims text) returns table (aal text, is_phr boolean) language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims, true);
  return query select auth.aal(), (auth.jwt() ->> 'acr') = 'phr';
end
$$;
select * from at('{"iss":"https://o.example/oauth2/a","sub":"u","uid":"00u1","acr":"phr"}');
select * from at('{"iss":"https://o.example/oauth2/a","sub":"u","acr":"phr"}');
select * from at('{"iss":"https://other.example","sub":"u","uid":"00u1","acr":"phr"}');
-- A member that is there twice would be one thing to the profile and another one to the policy: such a token has no level.
set pg_aal.claims_profile = '[{"issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"p"}]';
select set_config('request.jwt.claims', '{"iss":"https://securetoken.google.com/p","aud":"p","sub":"u","firebase":{"sign_in_provider":"password","sign_in_second_factor":"","sign_in_second_factor":"totp"}}', false) \g /dev/null
select auth.aal(), auth.jwt() -> 'firebase' ->> 'sign_in_second_factor' as factor;

reset pg_aal.claims_profile;
set client_min_messages = error;
reset search_path;
drop schema by_profile cascade;
