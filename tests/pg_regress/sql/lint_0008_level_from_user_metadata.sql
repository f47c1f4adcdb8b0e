-- 0008_level_from_user_metadata finds policies that take the level from user_metadata, which users write themselves.
create schema lint_0008;
grant usage on schema lint_0008 to anon, authenticated;
set search_path = lint_0008;

-- Findings: whoever signs up may say so of themselves.
select count(test.asks('found_' || name, expression)) as found from (values
  ('member',      $$(select auth.jwt() -> 'user_metadata' ->> 'aal') = 'aal2'$$),
  ('path',        $$(select auth.jwt() #>> '{user_metadata,aal}') = 'aal2'$$),
  ('function',    $$(select jsonb_extract_path_text(auth.jwt(), 'user_metadata', 'aal')) = 'aal2'$$),
  ('subscript',   $$(select (auth.jwt())['user_metadata']['aal']) = '"aal2"'$$),
  ('contained',   $$(select auth.jwt()) @> '{"user_metadata":{"aal":"aal2"}}'$$),
  ('ours',        $$(select auth.claims() -> 'user_metadata' ->> 'aal') = 'aal2'$$),
  ('setting',     $$(select current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'aal') = 'aal2'$$),
  ('alternative', $$(select auth.has_aal('aal2')) or (select auth.jwt() -> 'user_metadata' ->> 'aal') = 'aal2'$$),
  ('fallback',    $$coalesce((select auth.jwt() ->> 'aal'), (select auth.jwt() -> 'user_metadata' ->> 'aal')) = 'aal2'$$)) f(name, expression);

-- None of them.
select count(test.asks('none_' || name, expression)) as none from (values
  ('level',        $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('other_key',    $$(select auth.has_aal('aal2')) and (select auth.jwt() -> 'user_metadata' ->> 'name') = 'aal'$$),
  ('app_metadata', $$(select auth.has_aal('aal2')) and (select auth.jwt() -> 'app_metadata' ->> 'aal') = 'aal2'$$)) n(name, expression); -- only servers write it

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0008' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0008 cascade;
