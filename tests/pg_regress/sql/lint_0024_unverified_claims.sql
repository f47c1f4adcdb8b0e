-- 0024_unverified_claims finds policies that read claims which nobody verified, where Postgres verifies tokens itself.
create schema lint_0024;
grant usage on schema lint_0024 to anon, authenticated;
set search_path = lint_0024;
-- As Supabase Auth has it.
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function is_aal2() returns boolean language sql stable as $$ select auth.jwt() ->> 'aal' = 'aal2' $$;
load 'pg_aal';

create function asks(name text, expression text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy asks on %I as restrictive using (%s)', name, expression);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
end
$$;

-- Findings in token mode: whoever runs SQL can set these.
select count(asks('found_' || name, expression)) as found from (values
  ('jwt',          $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('setting',      $$(select current_setting('request.jwt.claims', true)::jsonb ->> 'aal') = 'aal2'$$),
  ('upper_case',   $$(select current_setting('Request.JWT.Claims', true)::jsonb ->> 'aal') = 'aal2'$$),
  ('claim',        $$(select current_setting('request.jwt.claim.aal', true)) = 'aal2'$$),
  ('function',     $$(select lint_0024.is_aal2())$$),
  ('whose_row',    $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$), -- the level is verified, the user isn't
  ('no_level',     $$user_id = (select auth.uid())$$)) f(name, expression);

-- None of them.
select count(asks('none_' || name, expression)) as none from (values
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
drop function auth.jwt(), auth.uid();
drop role lint_0024_gateway;
