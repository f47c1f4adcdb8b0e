-- 0025_restrictive_lost finds policies that are as protect_table makes them, except that they are permissive. Citus' alter_table_set_access_method
-- leaves them so, without their comments.
create schema lint_0025;
grant usage on schema lint_0025 to anon, authenticated;
set search_path = lint_0025;

create function protected(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid)', name);
  execute format('create policy own_rows on %I using (user_id = (select auth.subject_uuid()))', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  perform auth.protect_table(name::regclass, max_age => case when name ~ 'fresh' then interval '5 minutes' end,
    write => case when name ~ 'enrolled' then 'enrolled' else 'aal2' end);
end
$$;
-- Makes its policies anew, and loses a word.
create function lose(name text, policies text[]) returns void language plpgsql as $$
declare
  p record;
begin
  for p in select * from pg_policies where schemaname = 'lint_0025' and tablename = name and policyname = any (policies) loop
    execute format('drop policy %I on %I', p.policyname, name);
    execute format('create policy %I on %I for %s to %s', p.policyname, name, p.cmd, array_to_string(p.roles, ', '))
      || coalesce(' using (' || p.qual || ')', '') || coalesce(' with check (' || p.with_check || ')', '');
  end loop;
end
$$;
set client_min_messages = warning;
select count(protected(name)) as tables from unnest(array[
  'found_all', 'found_one', 'found_fresh', 'found_enrolled', 'found_without_row_security', 'found_bare', 'found_role',
  'none_at_all', 'none_of_them', 'none_other_name', 'none_other_command', 'none_other_shape', 'none_restored']) name;

-- Findings: one for each policy.
select lose(name, '{aal_read,aal_insert,aal_update,aal_delete}') from unnest(array['found_all', 'found_fresh', 'found_enrolled']) name;
drop trigger aal_guard on found_all;
select lose('found_one', '{aal_delete}');
select lose('found_without_row_security', '{aal_read}');
alter table found_without_row_security disable row level security;
drop policy aal_insert on found_bare;
create policy aal_insert on found_bare for insert with check (auth.has_aal('aal2'));
drop policy aal_read on found_role;
create policy aal_read on found_role for select to authenticated using ((select auth.has_aal('aal1', null)));
-- Made by hand, with a name of ours: it doesn't narrow either.
create table found_by_hand (id int, user_id uuid);
alter table found_by_hand enable row level security;
create policy own_rows on found_by_hand using (user_id = (select auth.subject_uuid()));
create policy aal_update on found_by_hand for update using (auth.has_aal('aal2')) with check (auth.has_aal('aal2'));
grant select, update on found_by_hand to authenticated;

-- None: a policy of one's own beside them, one of another name (0001 finds it), for another command, or of another shape.
create policy more on none_of_them for select using ((select auth.has_aal('aal1')));
alter policy aal_read on none_other_name rename to reads;
select lose('none_other_name', '{reads}');
drop policy aal_update on none_other_command;
create policy aal_update on none_other_command for delete using ((select auth.has_aal('aal2')));
drop policy aal_read on none_other_shape;
create policy aal_read on none_other_shape for select using (user_id is null and (select auth.has_aal('aal1')));
-- None: it was put back.
select lose('none_restored', '{aal_read}');
drop policy aal_read on none_restored;
select count(*) = 1 as protected from auth.protect_table('none_restored');

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0025' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0025 cascade;
