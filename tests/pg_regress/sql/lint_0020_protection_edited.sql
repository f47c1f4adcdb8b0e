-- 0020_protection_edited finds policies and guards that protect_table made, and somebody changed by hand.
create schema lint_0020;
grant usage on schema lint_0020 to anon, authenticated;
set search_path = lint_0020;

create function protected(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid)', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  perform auth.protect_table(name::regclass, owner_column => case when name ~ 'owner' then 'user_id'::name end);
end
$$;
set client_min_messages = warning;
select count(protected(name)) as tables from unnest(array[
  'found_higher', 'found_open', 'found_check', 'found_roles', 'found_fresh', 'found_dropped', 'found_renamed', 'found_owner', 'found_guard',
  'none_at_all', 'none_of_ours', 'none_again', 'none_dumped', 'none_owner']) name;

-- Findings: differs, though it asks for more.
alter policy aal_update on found_higher using ((select auth.has_aal('aal3'))) with check ((select auth.has_aal('aal3')));
-- By its policies UPDATE needs nothing now. (Not 0002 as well: the guard still refuses it below aal2.)
alter policy aal_update on found_open using (true) with check (true);
-- The check alone.
alter policy aal_update on found_check with check (true);
-- authenticated is the only role with rights, so that nothing is open.
alter policy aal_delete on found_roles to authenticated;
alter policy aal_insert on found_fresh with check ((select auth.has_aal('aal2', '5 minutes')));
-- The same, for DELETE.
drop policy aal_delete on found_dropped;
alter policy aal_read on found_renamed rename to reads;
alter policy aal_owner on found_owner using (true);
-- Replaced in its place, with its comment.
create or replace trigger aal_guard before insert or update or delete or truncate on found_guard
  for each statement execute function auth.aal_guard('insert=aal1', 'update=aal1', 'delete=aal1', 'truncate=aal1');

-- None: what is added beside them is nobody's edit.
create policy more on none_of_ours as restrictive using (id > 0);
create trigger another before insert on none_of_ours for each statement execute function auth.aal_guard('insert=aal3');
-- None: what was changed has been put back.
alter policy aal_update on none_again using (true);
select count(*) = 1 as protected from auth.protect_table('none_again', max_age => '1 hour');
-- None: the same again, as a dump writes it.
alter policy aal_update on none_dumped using ((select auth.has_aal('aal2'::text, null::interval) as has_aal))
  with check ((select auth.has_aal('aal2'::text, null::interval) as has_aal));
-- None: whatever the table's and the columns' names are by now.
alter table none_owner rename user_id to owner_id;
alter table none_owner rename to none_owner_renamed;

-- None: whatever the roles' names and the schema's are by now.
create role lint_0020_editors login;
create role lint_0020_leavers login;
create function protected_for(name text, roles name[]) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid)', name);
  execute format('create policy everybody on %I using (true)', name);
  perform auth.protect_table(name::regclass, owner_column => 'user_id', roles => roles);
end
$$;
select count(protected_for(name, roles::name[])) as tables from (values
  ('none_role_renamed', '{lint_0020_editors,authenticated}'),
  ('none_role_dropped', '{lint_0020_editors,lint_0020_leavers}'),
  ('found_role_renamed_and_one_altered', '{lint_0020_editors}'),
  ('found_role_renamed_and_public', '{lint_0020_editors}'),
  ('found_role_replaced', '{authenticated}'),
  ('found_role_added', '{authenticated}')) t(name, roles);
alter role lint_0020_editors rename to lint_0020_writers;
drop owned by lint_0020_leavers;
drop role lint_0020_leavers;
alter policy aal_delete on found_role_renamed_and_one_altered to authenticated;
alter policy aal_delete on found_role_renamed_and_public to public;
alter policy aal_delete on found_role_replaced to anon;
alter policy aal_delete on found_role_added to authenticated, anon;
-- None: another role has the name on record by now.
create role lint_0020_clerks login;
select count(protected_for('none_role_renamed_and_name_taken', '{lint_0020_clerks,authenticated}')) as tables;
alter role lint_0020_clerks rename to lint_0020_tellers;
create role lint_0020_clerks login;
-- The same, and then one was altered.
select count(protected_for('found_name_taken_and_one_altered', '{lint_0020_tellers}')) as tables;
alter role lint_0020_tellers rename to lint_0020_agents;
create role lint_0020_tellers login;
alter policy aal_delete on found_name_taken_and_one_altered to lint_0020_clerks;
-- None: the same, as somebody may write it.
create table none_bare (id int);
create policy everybody on none_bare using (true);
select count(*) = 1 as protected from auth.protect_table('none_bare');
alter policy aal_delete on none_bare using (auth.has_aal('aal2'));
alter schema lint_0020 rename to lint_0020_renamed;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0020_renamed' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0020_renamed cascade;
drop role lint_0020_writers, lint_0020_clerks, lint_0020_tellers, lint_0020_agents;
