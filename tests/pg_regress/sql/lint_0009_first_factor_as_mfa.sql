-- 0009_first_factor_as_mfa finds policies that take a first factor among the methods (amr) for a second one.
create schema lint_0009;
grant usage on schema lint_0009 to anon, authenticated;
set search_path = lint_0009;

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('contained',     $$(select auth.jwt() -> 'amr') @> '[{"method":"otp"}]'$$),
  ('whole_claims',  $$(select auth.jwt()) @> '{"amr":[{"method":"otp"}]}'$$),
  ('first_element', $$(select auth.jwt() -> 'amr' -> 0 ->> 'method') = 'otp'$$),
  ('first_by_path', $$(select auth.jwt() #>> '{amr,0,method}') = 'passkey'$$),
  ('elements',      $$exists (select from jsonb_array_elements((select auth.jwt() -> 'amr')) used where used ->> 'method' = 'recovery')$$),
  ('any_of',        $$exists (select from jsonb_array_elements((select auth.jwt() -> 'amr')) used where used ->> 'method' in ('totp', 'otp'))$$),
  ('selected',      $$'magiclink' in (select used ->> 'method' from jsonb_array_elements((select auth.jwt() -> 'amr')) used)$$),
  ('strings',       $$(select auth.jwt() -> 'amr') ? 'otp'$$),
  ('ours',          $$exists (select from auth.amr() where method = 'otp')$$),
  ('ours_selected', $$'passkey' in (select method from auth.amr())$$),
  ('setting',       $$(select current_setting('request.jwt.claims', true)::jsonb -> 'amr') @> '[{"method":"otp"}]'$$),
  ('alternative',   $$(select auth.has_aal('aal2')) or (select auth.jwt() -> 'amr') @> '[{"method":"passkey"}]'$$)) f(name, expression);

-- None of them.
select count(test.asks('none_' || name, expression)) as none from (values
  ('second_factor', $$(select auth.jwt() -> 'amr') @> '[{"method":"totp"}]'$$),
  ('by_phone',      $$exists (select from auth.amr() where method = 'mfa/phone')$$),
  ('level',         $$exists (select from auth.amr() where level = 'aal2')$$),
  ('fresh',         $$(select auth.has_aal('aal2', '5 minutes'))$$),
  ('other_claim',   $$(select auth.has_aal('aal2')) and (select auth.jwt() ->> 'client_id') = 'otp'$$),
  ('sso_provider',  $$(select auth.jwt() #>> '{amr,0,provider}') = 'e5a9c3b0-0000-4000-8000-000000000000'$$), -- where one signed in, not how surely
  ('sso',           $$(select auth.has_aal('aal2')) and (select auth.jwt() -> 'amr') @> '[{"method":"sso/saml"}]'$$)) n(name, expression);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0009' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0009 cascade;
