-- 0044_claim_without_level finds policies that decide by a profile's claim, and pass tokens without a level.
create schema lint_0044;
grant usage on schema lint_0044 to anon, authenticated;
set search_path = lint_0044;
load 'pg_aal';
create view findings as
  select metadata ->> 'name' as "table", metadata ->> 'policy' as policy, level, detail
    from auth.aal_lint() where metadata ->> 'schema' = 'lint_0044' and name like '0044%' order by 1, 2;
set pg_aal.claims_profile = '[
  {"issuer":"https://id.example.com/realms/a","profile":"keycloak"},
  {"issuer":"https://login.microsoftonline.com/t/v2.0","profile":"entra","map":{"c1":"aal2"}},
  {"issuer":"https://securetoken.google.com/p","profile":"firebase","audience":"p"}]';

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('acr',       $$(auth.jwt() ->> 'acr') = 'aal2'$$),
  ('path',      $$(auth.jwt() #>> '{firebase,sign_in_second_factor}') is not null$$),
  ('key',       $$(auth.jwt() -> 'acrs') ? 'c1'$$),
  ('contains',  $$auth.claims() @> '{"acr":"aal2"}'$$),
  ('aal',       $$(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('or',        $$(select auth.has_aal('aal2')) or (auth.jwt() ->> 'acr') = 'aal2'$$)) f(name, expression);

-- None: beside a level, or other claims.
select count(test.asks('none_' || name, expression)) as none from (values
  ('beside',    $$(select auth.has_aal('aal1')) and (auth.jwt() ->> 'acr') = 'aal2'$$),
  ('level',     $$(select auth.has_aal('aal2'))$$),
  ('tenant',    $$(auth.jwt() ->> 'tenant') = level$$)) n(name, expression);
select * from findings;

-- Gone: with a protection beside it, or without profiles.
create policy restricts on found_acr as restrictive using ((select auth.has_aal('aal1')));
select "table" from findings;
set pg_aal.claims_profile = supabase;
select * from findings;

reset pg_aal.claims_profile;
set client_min_messages = error;
reset search_path;
drop schema lint_0044 cascade;
