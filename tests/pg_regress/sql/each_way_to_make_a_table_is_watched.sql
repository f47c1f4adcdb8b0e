-- Each way to make a table in a protected schema, by each of those who may, in each mode: protected, refused, or warned of.
create role app_owner nologin;
create schema app authorization app_owner;
create schema elsewhere authorization app_owner;
grant create on database regression to app_owner;
\set VERBOSITY terse
\set SHOW_CONTEXT never
set client_min_messages = warning;
\! printf "default_version = '1'\nrelocatable = true\ntrusted = true\n" > $(pg_config --sharedir)/extension/has_a_table.control; echo "create table of_extension (id int);" > $(pg_config --sharedir)/extension/has_a_table--1.sql
set role app_owner;
create type elsewhere.kind as (id int);
create table elsewhere.template (id int primary key, user_id uuid);
create table elsewhere.parent (id int);
create table elsewhere.parted (id int) partition by range (id);
create function elsewhere.makes(name text) returns void language plpgsql as $$ begin execute format('create table %s (id int)', name); end $$;
create procedure elsewhere.makes_and_commits(name text) language plpgsql as $$ begin execute format('create table %s (id int)', name); commit; end $$;
reset role;
create view test.ways(nr, statement) as values
  (1, 'create table app.plain (id int)'), (2, 'create table if not exists app.if_not_exists (id int)'), (3, 'create unlogged table app.unlogged (id int)'),
  (4, 'create table app.as_query as select 1 as id'), (5, 'create table app.as_values as values (1)'), (6, 'create table app.as_nothing as select 1 as id with no data'),
  (7, 'select 1 as id into app.select_into'), (8, 'create table app.like_another (like elsewhere.template including all)'),
  (9, 'create table app.inherits () inherits (elsewhere.parent)'), (10, 'create table app.of_type of elsewhere.kind'),
  (11, 'create table app.parted (id int) partition by range (id)'), (12, 'create table app.partition_of partition of elsewhere.parted for values from (0) to (10)'),
  (13, 'alter table elsewhere.moved set schema app'), (14, 'alter table if exists elsewhere.moved_too set schema app'),
  (15, 'do $$ begin execute ''create table app.in_do (id int)''; end $$'), (16, 'select elsewhere.makes(''app.in_function'')'),
  (17, 'call elsewhere.makes_and_commits(''app.in_procedure'')'), (18, 'create schema authorization app_owner create table app_owner.elsewhere (id int)'),
  (19, 'alter table elsewhere.moved_partition set schema app'), (20, 'create extension has_a_table schema app'),
  (21, 'prepare way as select 1 as id; create table app.by_execute as execute way'), (22, 'set search_path = app; create table by_search_path (id int); reset search_path');
-- What moves, made anew each time; and what is made, taken away.
create procedure test.prepare_ways() language plpgsql as $$
begin
  drop schema if exists app_owner cascade;
  drop extension if exists has_a_table;
  execute coalesce((select string_agg(format('drop table %s cascade;', oid::regclass), ' ') from pg_class where relnamespace = 'app'::regnamespace and relkind in ('r', 'p') and not relispartition), '');
  drop table if exists app.partition_of, app.moved_partition, elsewhere.moved_partition, elsewhere.moved, elsewhere.moved_too;
  set local role app_owner;
  create table elsewhere.moved (id int);
  create table elsewhere.moved_too (id int);
  create table elsewhere.moved_partition partition of elsewhere.parted for values from (10) to (20);
end
$$;
create view test.made as
select c.relname as "table", p.read, p.on_update
  from pg_class c left join auth.protected_tables p on p.target = c.oid
 where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p');
grant select on test.ways, test.made to app_owner;
deallocate all;

\echo protect, by the owner
select "protected" from auth.protect_schema('app', write => 'aal2 within 15 minutes');
call test.prepare_ways();
set role app_owner;
select statement from test.ways order by nr
\gexec
reset role;
select * from test.made order by 1;
select count(*) as unprotected from test.made where read is null;
\echo protect, by a superuser
deallocate all;
call test.prepare_ways();
select statement from test.ways order by nr
\gexec
select count(*), count(*) filter (where read is null) as unprotected from test.made;
\echo protect, by a migration in one transaction
deallocate all;
call test.prepare_ways();
begin;
set local role app_owner;
select statement from test.ways where statement !~ '^call' order by nr
\gexec
select count(*), count(*) filter (where read is null) as unprotected from test.made;
commit;
select count(*), count(*) filter (where read is null) as unprotected from test.made;

\echo protect, a hostile owner: a table moves in that only looks protected
set role app_owner;
create table elsewhere.switched_off (id int);
create table elsewhere.without_policy (id int);
create table elsewhere.for_nobody (id int);
create table elsewhere.without_guard (id int);
set client_min_messages = error;
select count(*) = 4 as protected from (values ('switched_off'), ('without_policy'), ('for_nobody'), ('without_guard')) n(name),
  lateral auth.protect_table(format('elsewhere.%I', name)::regclass, write => 'aal2 within 15 minutes');
set client_min_messages = warning;
alter table elsewhere.switched_off disable row level security;
drop policy aal_update on elsewhere.without_policy;
alter policy aal_delete on elsewhere.for_nobody to app_owner;
alter table elsewhere.without_guard disable trigger aal_guard;
alter table elsewhere.switched_off set schema app;
alter table elsewhere.without_policy set schema app;
alter table elsewhere.for_nobody set schema app;
alter table elsewhere.without_guard set schema app;
select c.relname, relrowsecurity, (select count(*) from pg_policy where polrelid = c.oid and polroles = '{0}') as policies_for_all,
       (select tgenabled from pg_trigger where tgrelid = c.oid and tgname = 'aal_guard') as guard
  from pg_class c where relnamespace = 'app'::regnamespace and relname in ('switched_off', 'without_policy', 'for_nobody', 'without_guard') order by 1;
reset role;

\echo refuse, by the owner: all but those of another schema
deallocate all;
call test.prepare_ways();
select new_tables from auth.protect_schema('app', write => 'aal2 within 15 minutes', new_tables => 'refuse', lower => true);
set role app_owner;
select statement from test.ways order by nr
\gexec
reset role;
select * from test.made order by 1;
\echo refuse, by a superuser
deallocate all;
call test.prepare_ways();
select statement from test.ways order by nr
\gexec
select * from test.made order by 1;
\echo refuse, by a migration in one transaction: without the line, and with it
deallocate all;
call test.prepare_ways();
begin;
set local role app_owner;
select statement from test.ways where statement !~ '^call' order by nr
\gexec
select count(*) from test.made;
commit;
select count(*) from test.made;
deallocate all;
begin;
set local role app_owner;
select statement from test.ways where statement !~ '^call' order by nr
\gexec
reset role;
select count(*) filter (where write = 'aal2 within 15 minutes') as protected_one_by_one
  from (select * from test.made order by "table" collate "C") m, lateral auth.protect_table(format('app.%I', m."table")::regclass, write => 'aal2 within 15 minutes');
commit;
select count(*), count(*) filter (where read is null) as unprotected from test.made;
\echo refuse, a hostile owner: protects, and takes it back in the same transaction
call test.prepare_ways();
set role app_owner;
begin;
create table app.taken_back (id int);
select read from auth.protect_table('app.taken_back', write => 'aal2 within 15 minutes');
select row_security from auth.unprotect_table('app.taken_back');
commit;
begin;
create table app.without_policy (id int);
select read from auth.protect_table('app.without_policy', write => 'aal2 within 15 minutes');
drop policy aal_update on app.without_policy;
commit;
begin;
create table app.permissive (id int);
select read from auth.protect_table('app.permissive', write => 'aal2 within 15 minutes');
drop policy aal_read on app.permissive;
create policy aal_read on app.permissive for select using (auth.has_aal('aal1'));
commit;
begin;
create table app.switched_off (id int);
select read from auth.protect_table('app.switched_off', write => 'aal2 within 15 minutes');
alter table app.switched_off disable row level security;
commit;
begin;
create table app.for_nobody (id int);
select read from auth.protect_table('app.for_nobody', write => 'aal2 within 15 minutes');
alter policy aal_delete on app.for_nobody to app_owner;
commit;
begin;
create table app.without_guard (id int);
select read from auth.protect_table('app.without_guard', write => 'aal2 within 15 minutes');
alter table app.without_guard disable trigger user;
commit;
begin;
create table elsewhere.hidden (id int);
alter table elsewhere.hidden rename to there_and_back;
alter table elsewhere.there_and_back set schema app;
alter table app.there_and_back set schema elsewhere;
alter table elsewhere.there_and_back set schema app;
commit;
reset role;
select * from test.made order by 1;

\echo warn, by the owner
deallocate all;
call test.prepare_ways();
select new_tables from auth.protect_schema('app', write => 'aal2 within 15 minutes', new_tables => 'warn', lower => true);
set role app_owner;
select statement from test.ways order by nr
\gexec
reset role;
select count(*), count(*) filter (where read is null) as unprotected from test.made;
\echo warn, by a superuser, in one transaction
deallocate all;
call test.prepare_ways();
begin;
select statement from test.ways where statement !~ '^call' order by nr
\gexec
commit;
select count(*), count(*) filter (where read is null) as unprotected from test.made;

\echo warn, in a restored dump: the watch comes last, and is there
\! createdb restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
set client_min_messages = warning;
select schema, new_tables, enabled from auth.protected_schemas;
create table app.after_restore (id int);
\c regression
drop database restored;

set client_min_messages = error;
deallocate all;
call test.prepare_ways();
select * from auth.unprotect_schema('app');
drop procedure test.prepare_ways();
drop view test.made, test.ways;
drop owned by app_owner cascade;
drop schema if exists app, elsewhere cascade;
drop role app_owner;
\! rm $(pg_config --sharedir)/extension/has_a_table*
