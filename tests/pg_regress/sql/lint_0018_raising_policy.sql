-- 0018_raising_policy finds policies that raise an error where they should be false.
create schema lint_0018;
grant usage on schema lint_0018 to anon, authenticated;
set search_path = lint_0018;
create function required() returns boolean language sql stable as $$ select auth.require_aal('aal2') $$;

-- Findings.
select count(test.asks('found_' || name, clauses => clauses)) as found from (values
  ('bare',     $$using (auth.require_aal('aal2'))$$),
  ('wrapped',  $$using ((select auth.require_aal('aal2', '5 minutes')))$$),
  ('enrolled', $$using ((select auth.require_enrolled_aal()))$$),
  ('checked',  $$using ((select auth.has_aal('aal2'))) with check ((select auth.require_aal('aal2')))$$),
  ('function', $$using ((select lint_0018.required()))$$),
  ('some',     $$using (id = 0 or (select auth.require_aal('aal2')))$$)) f(name, clauses);

-- None of them.
select count(test.asks('none_' || name, clauses => clauses)) as none from (values
  ('asks',     $$using ((select auth.has_aal('aal2')))$$),
  ('enrolled', $$using ((select auth.has_enrolled_aal()))$$)) n(name, clauses);
-- The place for it: a function that is called by itself.
create function none_rpc() returns void language plpgsql as $$
begin
  perform auth.require_aal('aal2');
  delete from lint_0018.none_asks;
end
$$;
-- And the guard, which raises before any row is looked at.
create table none_guarded (id int);
create policy everybody on none_guarded using (true);
grant select, insert, update, delete on none_guarded to authenticated;
select count(*) = 1 as protected from auth.protect_table('none_guarded');

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0018' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0018 cascade;
