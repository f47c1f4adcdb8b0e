-- new_tables => 'refuse': a transaction that brings a table into the schema must protect it. 'warn': a WARNING has the line to run.
set client_min_messages = warning;
create role app_owner nologin;
create schema app authorization app_owner;
create schema elsewhere authorization app_owner;
create function test.levels(schema text) returns table ("table" name, read text, on_update text)
language sql stable as $$
  select c.relname, p.read, p.on_update
    from pg_class c left join auth.protected_tables p on p.target = c.oid
   where c.relnamespace = to_regnamespace(schema) and c.relkind in ('r', 'p', 'f')
   order by 1;
$$;
select new_tables, "protected" from auth.protect_schema('app', write => 'aal2 within 15 minutes', on_delete => 'aal3', new_tables => 'refuse', excluding => '{queue}');
grant create on database regression to app_owner;

set role app_owner;
create table app.plain (id int);
create table app.as_query as select 1 as id;
select 1 as id into app.select_into;
create table app.like_another (like pg_class);
create table elsewhere.moved (id int);
alter table elsewhere.moved set schema app;
do $$ begin execute 'create table app.in_do (id int)'; end $$;
create table app.queue (id int);
create temporary table app_temporary (id int);
drop table app_temporary;
reset role;
create table app.by_superuser (id int);
select * from test.levels('app');

-- The line of the HINT, in the same transaction.
set role app_owner;
begin;
create table app.plain (id int);
create table app.second (id int);
select count(*) from auth.protect_table('app.plain', write => 'aal2 within 00:15:00', on_delete => 'aal3');
commit;
begin;
create table app.plain (id int);
create table app.second (id int);
select count(*) from auth.protect_table('app.plain', write => 'aal2 within 15 minutes', on_delete => 'aal3');
select count(*) from auth.protect_table('app.second', read => 'aal2', write => 'aal3');
commit;
-- Less than the schema asks isn't enough.
begin;
create table app.third (id int);
select count(*) from auth.protect_table('app.third');
commit;
begin;
create table app.third (id int);
select count(*) from auth.protect_table('app.third', write => 'aal2 within 15 minutes', on_delete => 'aal3', roles => '{authenticated}');
commit;
-- What is gone again, or moved on, is nobody's concern.
begin;
create table app.gone (id int);
drop table app.gone;
create table app.moved_on (id int);
alter table app.moved_on set schema elsewhere;
savepoint here;
create table app.undone (id int);
rollback to here;
create table app.renamed (id int);
alter table app.renamed rename to queue_2;
drop table app.queue_2;
commit;
-- A protected table comes in, and partitions of protected tables do.
select count(*) from auth.protect_table('elsewhere.moved', write => 'aal2 within 5 minutes', on_delete => 'aal3');
alter table elsewhere.moved set schema app;
begin;
create table app.parted (id int) partition by range (id);
select count(*) from auth.protect_table('app.parted', write => 'aal2 within 15 minutes', on_delete => 'aal3');
commit;
create table app.parted_1 partition of app.parted for values from (0) to (10);
-- A procedure that commits.
do $$ begin create table app.in_procedure (id int); commit; end $$;
-- Prepared transactions are looked at before they are prepared.
begin;
create table app.prepared (id int);
prepare transaction 'with a table';
rollback;
-- A hostile search_path changes nothing when the transaction commits.
create function elsewhere.always(name, name) returns boolean language sql immutable as 'select true';
create operator elsewhere.= (leftarg = name, rightarg = name, function = elsewhere.always);
begin;
set local search_path = elsewhere, pg_catalog;
create table app.by_operator (id int);
commit;
reset role;
select * from test.levels('app');

-- Foreign tables never.
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table app.foreign_table (id int) server nowhere;

-- warn
select new_tables from auth.protect_schema('app', write => 'aal2 within 15 minutes', on_delete => 'aal3', new_tables => 'warn', excluding => '{queue}');
select new_tables from auth.protect_schema('app', write => 'aal2 within 15 minutes', on_delete => 'aal3', new_tables => 'warn', excluding => '{queue}', lower => true);
set role app_owner;
create table app.warned (id int);
begin;
create table app.not_warned (id int);
select count(*) from auth.protect_table('app.not_warned', write => 'aal2 within 15 minutes', on_delete => 'aal3');
create table app.below (id int);
select count(*) from auth.protect_table('app.below');
commit;
alter table app.warned add column note text;
reset role;
create foreign table app.foreign_table (id int) server nowhere;
drop foreign table app.foreign_table;
select * from test.levels('app');

select * from auth.unprotect_schema('app', keep_tables => true);
create table app.nobody_watches (id int);
drop foreign data wrapper nothing cascade;
drop owned by app_owner cascade;
drop role app_owner;
drop function test.levels(text);
drop schema if exists app cascade;
