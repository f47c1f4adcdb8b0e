-- 0002_write_left_open finds writes that need less than a restrictive policy asks of other commands, because no policy asks for a level.
create schema lint_0002;
grant usage on schema lint_0002 to anon, authenticated;
set search_path = lint_0002;

-- Finding: INSERT, UPDATE, DELETE. (An update that reads no column needs nothing of the policies for SELECT.)
create table reads_only (id int);
create policy second_factor on reads_only as restrictive for select using ((select auth.has_aal('aal2')));

-- Finding: INSERT, DELETE. Together they do what an update does.
create table updates_only (id int);
create policy second_factor on updates_only as restrictive for update using ((select auth.has_aal('aal2')));

-- Finding: UPDATE, DELETE.
create table inserts_only (id int);
create policy second_factor on inserts_only as restrictive for insert with check ((select auth.has_aal('aal2')));

-- Finding: DELETE.
create table delete_forgotten (id int);
create policy second_factor_select on delete_forgotten as restrictive for select using ((select auth.has_aal('aal2')));
create policy second_factor_insert on delete_forgotten as restrictive for insert with check ((select auth.has_aal('aal2')));
create policy second_factor_update on delete_forgotten as restrictive for update using ((select auth.has_aal('aal2')));

-- Finding: DELETE. WITH CHECK alone says nothing of rows that are there.
create table check_only (id int);
create policy second_factor on check_only as restrictive with check ((select auth.has_aal('aal2')));

-- Finding: DELETE. USING asks for nothing, and an update must pass both.
create table using_asks_nothing (id int);
create policy second_factor on using_asks_nothing as restrictive using (true) with check ((select auth.has_aal('aal2')));

-- Finding: DELETE, which another policy asks nothing of.
create table positive_deletes (id int);
create policy second_factor on positive_deletes as restrictive with check ((select auth.has_aal('aal2')));
create policy positive on positive_deletes as restrictive for delete using (id > 0);

-- None: each has a policy that asks.
create table check_and_delete (id int);
create policy second_factor on check_and_delete as restrictive with check ((select auth.has_aal('aal2')));
create policy second_factor_delete on check_and_delete as restrictive for delete using ((select auth.has_aal('aal2')));

-- None: reads at aal1, writes at aal2.
create table as_it_comes (id int);

-- None: that everybody inserts was asked for.
create table inserts_for_everybody (id int);

-- None: the writes have a policy that asks for a level, if for a lower one.
create table writes_at_aal1 (id int);
create policy first_factor on writes_at_aal1 as restrictive using ((select auth.has_aal('aal1')));
create policy second_factor on writes_at_aal1 as restrictive for select using ((select auth.has_aal('aal2')));

-- None: only deleting needs a fresh factor, as in the cookbook.
create table fresh_delete (id int);
create policy fresh_delete on fresh_delete as restrictive for delete using ((select auth.has_aal('aal2', '5 minutes')));

-- None: no policy asks for a level.
create table no_levels (id int);
create policy positive on no_levels as restrictive for select using (id > 0);

-- None: no permissive policy allows a write.
create table no_writes (id int);
create policy second_factor on no_writes as restrictive for select using ((select auth.has_aal('aal2')));

do $$
declare
  t regclass;
begin
  for t in select oid::regclass from pg_class where relnamespace = 'lint_0002'::regnamespace and relkind = 'r' loop
    execute format('alter table %s enable row level security', t);
    execute format('create policy everybody on %s %s using (true)', t, case when t = 'no_writes'::regclass then 'for select' else '' end);
    execute format('grant select, insert, update, delete on %s to authenticated', t);
  end loop;
end
$$;
select count(*) = 1 as protected from auth.protect_table('as_it_comes');
select count(*) = 1 as protected from auth.protect_table('inserts_for_everybody', on_insert => 'none');

-- Finding: UPDATE, of the one column that is granted.
create table one_column (id int, note text);
alter table one_column enable row level security;
create policy everybody on one_column using (true);
create policy second_factor on one_column as restrictive for select using ((select auth.has_aal('aal2')));
grant select, update (note) on one_column to authenticated;

-- None: the writes aren't granted.
create table not_granted (id int);
alter table not_granted enable row level security;
create policy everybody on not_granted using (true);
create policy second_factor on not_granted as restrictive for select using ((select auth.has_aal('aal2')));
grant select on not_granted to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0002' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0002 cascade;
