-- 0005_check_weaker_than_using finds policies whose WITH CHECK lets new rows in at a lower level than USING asks of the rows that are there.
create schema lint_0005;
grant usage on schema lint_0005 to anon, authenticated;
set search_path = lint_0005;

-- Finding: INSERT needs nothing. (And not 0002 as well: the policy is there, and this is what is wrong with it.)
create table check_true (id int);
create policy everybody on check_true using (true);
create policy second_factor on check_true as restrictive using ((select auth.has_aal('aal2'))) with check (true);

-- Finding: a permissive one alone.
create table permissive (id int);
create policy second_factor on permissive using ((select auth.has_aal('aal2'))) with check (true);

-- Finding: INSERT needs aal1.
create table check_lower (id int);
create policy everybody on check_lower using (true);
create policy second_factor on check_lower as restrictive using ((select auth.has_aal('aal2'))) with check ((select auth.has_aal('aal1')));

-- Finding: whose row it is says nothing of the level.
create table check_owner (id int, user_id uuid default auth.subject_uuid());
create policy everybody on check_owner using (true);
create policy second_factor on check_owner as restrictive using ((select auth.has_aal('aal2'))) with check (user_id = (select auth.subject_uuid()));

-- Finding: for INSERT, a factor of any age will do.
create table check_older (id int);
create policy everybody on check_older using (true);
create policy second_factor on check_older as restrictive
  using ((select auth.has_aal('aal2', '5 minutes'))) with check ((select auth.has_aal('aal2')));

-- None is due: an update must pass USING as well, for at least one row, so it needs aal2 whatever the check says.
create table updates (id int);
create policy everybody on updates using (true);
create policy second_factor on updates as restrictive for update using ((select auth.has_aal('aal2'))) with check (true);
create policy second_factor_insert on updates as restrictive for insert with check ((select auth.has_aal('aal2')));
create policy second_factor_delete on updates as restrictive for delete using ((select auth.has_aal('aal2')));

-- None: without WITH CHECK, USING counts for both.
create table no_check (id int);
create policy everybody on no_check using (true);
create policy second_factor on no_check as restrictive using ((select auth.has_aal('aal2')));

-- None: the check asks for the same, and for more.
create table check_same (id int);
create policy everybody on check_same using (true);
create policy second_factor on check_same as restrictive using ((select auth.has_aal('aal2'))) with check ((select auth.has_aal('aal2')) and id > 0);

-- None: it asks for more. Reads at aal1, new rows at aal2.
create table check_higher (id int);
create policy everybody on check_higher using (true);
create policy levels on check_higher as restrictive using ((select auth.has_aal('aal1'))) with check ((select auth.has_aal('aal2')));

-- None: USING asks for no level.
create table no_level (id int);
create policy everybody on no_level using (id > 0) with check (true);
create policy second_factor on no_level as restrictive using ((select auth.has_aal('aal2')));

-- None is due: another policy asks aal2 of inserts.
create table closed_otherwise (id int);
create policy everybody on closed_otherwise using (true);
create policy second_factor on closed_otherwise as restrictive using ((select auth.has_aal('aal2'))) with check (true);
create policy second_factor_insert on closed_otherwise as restrictive for insert with check ((select auth.has_aal('aal2')));

do $$
declare
  t regclass;
begin
  for t in select oid::regclass from pg_class where relnamespace = 'lint_0005'::regnamespace and relkind = 'r' loop
    execute format('alter table %s enable row level security', t);
    execute format('grant select, insert, update, delete on %s to authenticated', t);
  end loop;
end
$$;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0005' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0005 cascade;
