-- new_tables => 'protect': each way to make a table in a protected schema gives it the schema's protection, in the same transaction.
create role app_owner nologin;
create schema app authorization app_owner;
create schema elsewhere authorization app_owner;
grant usage on schema app, elsewhere to authenticated;
grant create on database regression to app_owner;
create function test.levels(schema text) returns table ("table" name, read text, on_insert text, on_update text, on_delete text, others text)
language sql stable as $$
  select c.relname, p.read, p.on_insert, p.on_update, p.on_delete,
         concat_ws(' ', case when p.roles <> '{public}' then p.roles::text end, p.owner_column, p.applies_when, case when not p.guard then 'no guard' end)
    from pg_class c left join auth.protected_tables p on p.target = c.oid
   where c.relnamespace = to_regnamespace(schema) and c.relkind in ('r', 'p', 'f')
   order by 1;
$$;
set role app_owner;
create table app.there (id int);
create table app.excluded_by_name (id int);
create table app.has_its_own (id int, user_id uuid);
reset role;
set client_min_messages = warning;
select count(*) = 1 as protected from auth.protect_table('app.has_its_own', read => 'aal2', write => 'aal3');
reset client_min_messages;

select * from auth.protect_schema('app', read => 'aal1', write => 'aal2 within 15 minutes', on_insert => 'aal2', owner_column => 'user_id', excluding => '{excluded_by_name}');
select * from test.levels('app');
table auth.protected_schemas;
select evtname, evtenabled, evtowner::regrole from pg_event_trigger order by 1;

-- The owner makes tables.
set role app_owner;
create table app.plain (id int, user_id uuid);
create table if not exists app.plain (id int);
create table app.as_query as select 1 as id;
select 1 as id into app.select_into;
create table app.like_another (like app.plain including all);
create unlogged table app.unlogged (id int);
create table app.inherits () inherits (app.plain);
create table app.of_text_owner (user_id text);
create table app.of_wrong_owner (user_id int);
create type app.kind as (id int);
create table app.of_type of app.kind;
create table app.with_key (id serial primary key, other int references app.with_key);
create table app.parted (id int) partition by range (id);
create table app.parted_1 partition of app.parted for values from (0) to (10) partition by list (id);
create table app.parted_1_1 partition of app.parted_1 for values in (1);
create table app.parted_2 (id int);
alter table app.parted attach partition app.parted_2 for values from (10) to (20);
create table elsewhere.moved (id int);
alter table elsewhere.moved set schema app;
do $$ begin execute 'create table app.in_do (id int)'; end $$;
create function app.makes_a_table() returns void language plpgsql as $$ begin create table app.in_function (id int); end $$;
select app.makes_a_table();
set search_path = app;
create table by_search_path (id int);
reset search_path;
-- Not in the schema, or no table of its own.
create temporary table app_temporary (id int);
create table elsewhere.other (id int);
create view app.a_view as select 1 as id;
create materialized view app.a_copy as select 1 as id;
create sequence app.a_sequence;
drop table app_temporary;
-- Other commands on a table do nothing.
alter table app.excluded_by_name add column note text;
alter table app.there add column note text;
reset role;
select * from test.levels('app');
select * from test.levels('elsewhere');

-- A superuser makes tables, too; and within a migration the protection is there at once.
begin;
create table app.by_superuser (id int, user_id uuid);
select * from test.levels('app') where "table" = 'by_superuser';
rollback;
create schema app_two create table in_new_schema (id int);
set client_min_messages = warning;
select "protected", new_tables from auth.protect_schema('app_two');
reset client_min_messages;
drop schema app_two cascade;
-- A schema that is made again by its name is still protected, with the tables that come with it.
create schema app_two create table in_new_schema (id int) create table second (id int);
select * from test.levels('app_two');

-- An extension's tables.
\! printf "default_version = '1'\nrelocatable = true\n" > $(pg_config --sharedir)/extension/has_a_table.control; echo "create table of_extension (id int);" > $(pg_config --sharedir)/extension/has_a_table--1.sql
create extension has_a_table schema app;
select * from test.levels('app') where "table" = 'of_extension';
drop extension has_a_table;
create extension has_a_table schema elsewhere;
alter extension has_a_table set schema app;
select * from test.levels('app') where "table" = 'of_extension';
drop extension has_a_table;
\! rm $(pg_config --sharedir)/extension/has_a_table*

-- Foreign tables can't be protected.
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table app.foreign_table (id int) server nowhere;
create foreign table app.excluded_by_name_not (id int) server nowhere;
create foreign table elsewhere.foreign_table (id int) server nowhere;
alter foreign table elsewhere.foreign_table set schema app;
alter table elsewhere.foreign_table set schema app;

-- What it does, it does by level.
insert into app.plain values (1, '11111111-1111-4111-8111-111111111111');
grant select, insert, update, delete on app.plain to authenticated;
select test.sign_in('aal1');
set role authenticated;
select * from app.plain;
update app.plain set id = 2;
reset role;
select test.sign_in('aal2');
set role authenticated;
update app.plain set id = 2 returning id;
reset role;

-- A later protect_table decides, and says so where it lowers.
create table app.lower_later (id int);
select auth.protect_table('app.lower_later', write => 'aal1');
set client_min_messages = warning;
select write from auth.protect_table('app.lower_later', write => 'aal1', lower => true);
alter table app.lower_later add column note text;
select * from test.levels('app') where "table" = 'lower_later';

-- At an older snapshot, too.
begin isolation level repeatable read;
select count(*) = 0 as nothing from pg_class where relname = 'repeatable';
create table app.repeatable (id int);
commit;
select * from test.levels('app') where "table" = 'repeatable';

drop owned by app_owner cascade;
select * from auth.unprotect_schema('app_two');
create schema app;
select * from auth.unprotect_schema('app');
table auth.protected_schemas;
drop schema app, app_two cascade;
drop foreign data wrapper nothing cascade;
drop role app_owner;
drop function test.levels(text);
