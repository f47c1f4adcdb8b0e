-- 0040_other_setting_decides finds policies that decide by settings other than the claims: the proof doesn't read those.
create schema lint_0040;
grant usage on schema lint_0040 to anon, authenticated;
set search_path = lint_0040;
create function tenant() returns text language sql stable return current_setting('app.tenant', true);

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('hasura',    $$(current_setting('hasura.user', true)::json ->> 'x-hasura-role') = 'user'$$),
  ('postgraphile', $$user_id::text = current_setting('jwt.claims.user_id', true)$$),
  ('level',     $$current_setting('jwt.claims.aal', true) = 'aal2'$$),
  ('app',       $$user_id::text = current_setting('app.user_id')$$),
  ('function',  $$(select lint_0040.tenant()) = 'a' and (select auth.has_aal('aal2'))$$),
  ('two',       $$current_setting('app.b', true) = 'x' or current_setting('App.a', true) = 'x' or current_setting('app.b', true) = 'y'$$),
  ('header',    $$(current_setting('request.headers', true)::json ->> 'x-key') = 'secret'$$)) f(name, expression);

-- None: the claims, Postgres' own, those of Supabase's services, and a name that is composed.
select count(test.asks('none_' || name, expression)) as none from (values
  ('claims',    $$(select current_setting('request.jwt.claims', true)::jsonb ->> 'aal') = 'aal2'$$),
  ('claim',     $$user_id::text = (select current_setting('Request.Jwt.Claim.sub', true))$$),
  ('postgres',  $$current_setting('is_superuser') = 'on'$$),
  ('storage',   $$current_setting('storage.operation', true) = 'storage.object.list'$$),
  ('realtime',  $$current_setting('realtime.topic', true) = 'room'$$),
  ('composed',  $$current_setting('app.' || level, true) = 'a'$$)) n(name, expression);

select metadata ->> 'name' as "table", metadata ->> 'policy' as policy, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0040' and name like '0040%' order by 1, 2;
select required_aal from auth.aal_matrix('found_level') where role = 'authenticated' and command = 'SELECT';

-- Gone.
alter policy asks on found_level using ((select auth.has_aal('aal2')));
select count(*) from auth.aal_lint() where metadata ->> 'name' = 'found_level' and name like '0040%';

set client_min_messages = error;
reset search_path;
drop schema lint_0040 cascade;
