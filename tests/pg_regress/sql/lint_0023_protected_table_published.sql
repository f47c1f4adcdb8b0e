-- 0023_protected_table_published tells of protected tables whose rows a publication hands out.
create schema lint_0023;
grant usage on schema lint_0023 to anon, authenticated;
set search_path = lint_0023;

create function protected(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int primary key, amount int)', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  perform auth.protect_table(name::regclass);
end
$$;
set client_min_messages = error; -- publishing warns where wal_level is too low to subscribe
select count(protected(name)) as tables from unnest(array['found_whole', 'found_columns', 'found_twice', 'none_published']) name;

-- Findings.
create publication lint_0023_whole for table found_whole, found_twice;
create publication lint_0023_columns for table found_columns (id) where (amount > 0);
create publication lint_0023_twice for table found_twice;
create table found_parted (id int) partition by range (id);
create table found_parted_1 partition of found_parted for values from (0) to (10);
create policy everybody on found_parted using (true);
select count(*) = 1 as protected from auth.protect_table('found_parted');
alter publication lint_0023_whole add table found_parted; -- and its partitions with it

-- None: it isn't protected.
create table none_protected (id int);
grant select on none_protected to authenticated;
alter publication lint_0023_whole add table none_protected;

reset search_path;
\echo by name
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0023' order by 1, 2, 3, 4;

drop publication lint_0023_whole, lint_0023_columns, lint_0023_twice;
\echo by schema: none_published as well
create publication lint_0023_schema for tables in schema lint_0023;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0023' order by 1, 2, 3, 4;

drop publication lint_0023_schema;
\echo everything: the same
create publication lint_0023_all for all tables;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0023' order by 1, 2, 3, 4;

drop publication lint_0023_all;
drop schema lint_0023 cascade;
