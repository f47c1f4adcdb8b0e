-- 0024_unverified_claims finds policies that read claims which nobody verified, where Postgres verifies tokens itself.
create schema lint_0024;
grant usage on schema lint_0024 to anon, authenticated;
set search_path = lint_0024;
create function is_aal2() returns boolean language sql stable as $$ select auth.jwt() ->> 'aal' = 'aal2' $$;
load 'pg_aal';

-- Findings in token mode: whoever runs SQL can set these.
select count(test.asks('found_' || name, expression)) as found from (values
  ('jwt',          $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('setting',      $$(select current_setting('request.jwt.claims', true)::jsonb ->> 'aal') = 'aal2'$$),
  ('upper_case',   $$(select current_setting('Request.JWT.Claims', true)::jsonb ->> 'aal') = 'aal2'$$),
  ('claim',        $$(select current_setting('request.jwt.claim.aal', true)) = 'aal2'$$),
  ('function',     $$(select lint_0024.is_aal2())$$),
  ('whose_row',    $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$), -- the level is verified, the user isn't
  ('no_level',     $$user_id = (select auth.uid())$$)) f(name, expression);

-- None of them.
select count(test.asks('none_' || name, expression)) as none from (values
  ('ours',          $$(select auth.has_aal('aal2'))$$),
  ('ours_claims',   $$(select auth.claims() ->> 'aal') = 'aal2'$$),
  ('ours_subject',  $$user_id = (select auth.subject_uuid()) and (select auth.has_aal('aal2'))$$),
  ('other_setting', $$(select current_setting('app.tenant', true)) = 'a' and (select auth.has_aal('aal2'))$$)) n(name, expression);

reset search_path;
\echo request mode: none
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0024' order by 1, 2, 3, 4;

\echo token mode
set pg_aal.claims_source = 'token';
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0024' order by 1, 2, 3, 4;

reset pg_aal.claims_source;
\echo token mode of the role that a gateway connects as: the same findings, for whoever looks
create role lint_0024_gateway login noinherit in role authenticated;
alter role lint_0024_gateway set pg_aal.claims_source = 'token';
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0024' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0024 cascade;
drop role lint_0024_gateway;
