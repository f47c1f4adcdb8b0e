-- 0029_below_its_schema finds tables of a protected schema that can be used below its levels.
set client_min_messages = warning;
create schema lint_0029;
grant usage on schema lint_0029 to anon, authenticated;
set search_path = lint_0029;
select new_tables from auth.protect_schema('lint_0029', write => 'aal2 within 15 minutes', excluding => '{excluded}', new_tables => 'warn');

-- Findings: unprotected, though the transaction was warned; lowered since; lowered in age alone; without its policies; and a foreign table.
create table found_unprotected (id int);
create table found_lower (id int);
select write from auth.protect_table('found_lower', write => 'aal1');
create table found_older (id int);
select write from auth.protect_table('found_older');
create table found_dropped (id int);
select write from auth.protect_table('found_dropped', write => 'aal2 within 15 minutes');
drop policy aal_delete on found_dropped;
drop trigger aal_guard on found_dropped;
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table found_foreign (id int) server nowhere;
create table found_without_guard (id int);
select write from auth.protect_table('found_without_guard', write => 'aal2 within 15 minutes', guard => false);

-- None.
create table none_protected (id int);
select write from auth.protect_table('none_protected', write => 'aal2 within 15 minutes');
create table none_higher (id int);
select write from auth.protect_table('none_higher', read => 'aal2', write => 'aal2 within 5 minutes');
create table none_by_hand (id int);
alter table none_by_hand enable row level security;
create policy second_factor on none_by_hand as restrictive using (auth.has_aal('aal2', '10 minutes'));
create table excluded (id int) partition by range (id);
create table excluded_1 partition of excluded for values from (0) to (10);
create table public.none_elsewhere (id int);

select format('create policy everybody on %I using (true)', relname) from pg_class
 where relnamespace = 'lint_0029'::regnamespace and relkind in ('r', 'p') order by relname \gexec
grant select, insert, update, delete on all tables in schema lint_0029 to authenticated;
grant truncate on found_unprotected, found_without_guard, none_protected to authenticated;
grant select on public.none_elsewhere to authenticated;
create table none_not_granted (id int);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where name = '0029_below_its_schema' order by 1, 2;

select * from auth.unprotect_schema('lint_0029');
select name from auth.aal_lint() where name = '0029_below_its_schema';
set client_min_messages = error;
drop foreign data wrapper nothing cascade;
drop schema lint_0029 cascade;
drop table public.none_elsewhere;
