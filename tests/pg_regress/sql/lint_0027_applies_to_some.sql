-- 0027_applies_to_some tells of protections that are only for some sessions.
create schema lint_0027;
grant usage on schema lint_0027 to anon, authenticated;
set search_path = lint_0027;
create function is_admin() returns boolean language sql stable as 'select true';

create function protected(name text, applies_when regprocedure) returns void language plpgsql as $$
begin
  execute format('create table %I (id int)', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  perform auth.protect_table(name::regclass, applies_when => applies_when, lower => true);
end
$$;
set client_min_messages = warning;

-- Findings: the function by the name that it has now.
select protected('found', 'is_admin()'), protected('found_renamed', 'is_admin()');
alter function is_admin() rename to "is an admin";
-- Also one that has lost its word: see lint 0025.
select protected('found_lost', '"is an admin"()');
drop policy aal_read on found_lost;
create policy aal_read on found_lost for select using (auth.has_aal('aal1'::text, null::interval) or (select "is an admin"()) is false);
do $$ begin
  execute format('comment on policy aal_read on found_lost is %L', (select obj_description(oid, 'pg_policy') from pg_policy where polrelid = 'found_lost'::regclass and polname = 'aal_insert'));
end $$;

-- None: for all sessions, from the start or by now.
select protected('none', null), protected('none_any_more', '"is an admin"()');
select count(*) from auth.protect_table('none_any_more', lower => true);
-- None: it isn't one of protect_table's.
create table none_by_hand (id int);
create policy aal_read on none_by_hand as restrictive using (auth.has_aal('aal2') or (select "is an admin"()) is false);

reset search_path;
select name, metadata ->> 'name' as "table", level, detail, cache_key
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0027' and name ~ '002[057]' order by 1, 2;

drop schema lint_0027 cascade;
