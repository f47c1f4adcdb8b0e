-- A hostile owner of a schema, without a superuser's rights, brings no table past the watch.
set client_min_messages = warning;
create role app_owner nologin;
grant create on database regression to app_owner;
create schema app authorization app_owner;
create schema elsewhere authorization app_owner;
create function test.levels(schema text) returns table ("table" name, read text, on_update text)
language sql stable as $$
  select c.relname, p.read, p.on_update
    from pg_class c left join auth.protected_tables p on p.target = c.oid
   where c.relnamespace = to_regnamespace(schema) and c.relkind in ('r', 'p', 'f')
   order by 1;
$$;
select "protected" from auth.protect_schema('app', read => 'aal2', write => 'aal2', excluding => '{legacy}');
set role app_owner;

-- The watch isn't theirs.
drop event trigger aal_schema_app;
alter event trigger aal_schema_app disable;
alter event trigger aal_new_partitions disable;
drop function auth.aal_schema_app();
drop function auth.aal_schema_app() cascade;
create or replace function auth.aal_schema_app() returns event_trigger language plpgsql as 'begin end';
alter function auth.aal_schema_app() reset all;
select auth.unprotect_schema('app');
select auth.protect_schema('app', new_tables => 'warn', lower => true);
select auth.protect_schema('app', new_tables => 'ignore');
select "protected", kept from auth.protect_schema('elsewhere');

-- Names that mean something else: functions and operators of theirs, before pg_catalog and in schema app.
create schema hostile;
create function hostile.always(name, text) returns boolean language sql immutable as 'select false';
create operator hostile.= (leftarg = name, rightarg = text, function = hostile.always);
create function hostile.never(text, text) returns boolean language sql immutable as 'select false';
create operator hostile.= (leftarg = text, rightarg = text, function = hostile.never);
create function hostile.aal_new_tables() returns event_trigger language plpgsql as 'begin raise exception ''called''; end';
create function hostile.has_aal(text, interval) returns boolean language sql immutable as 'select true';
set search_path = hostile, pg_catalog, app;
create table app.by_hostile_path (id int);
reset search_path;

-- The setting that holds the record counts for nothing in a session.
set pg_aal.protected_schema = '{"schemas":[]}';
create table app.by_setting (id int);
set pg_aal.protected_schema = 'nonsense';
create table app.by_nonsense (id int);
reset pg_aal.protected_schema;
set session_replication_role = replica;
reset role;
grant set on parameter session_replication_role to app_owner;
set role app_owner;
set session_replication_role = replica;
create table app.as_replica (id int);
reset session_replication_role;
reset role;
revoke set on parameter session_replication_role from app_owner;
set role app_owner;

-- A table moved in: as it is, or with a weak protection of its own.
create table elsewhere.moved (id int);
alter table elsewhere.moved set schema app;
create table elsewhere.weak (id int, user_id uuid);
create policy everybody on elsewhere.weak using (true);
select write from auth.protect_table('elsewhere.weak', read => 'none', write => 'none', on_insert => 'aal1', guard => false);
alter table elsewhere.weak set schema app;
create table elsewhere.mixed (id int, user_id uuid);
select write from auth.protect_table('elsewhere.mixed', read => 'none', write => 'aal3', owner_column => 'user_id');
alter table elsewhere.mixed set schema app;
create table elsewhere.for_some (id int);
create function elsewhere.nobody() returns boolean language sql stable return false;
select write from auth.protect_table('elsewhere.for_some', read => 'aal2', write => 'aal2', applies_when => 'elsewhere.nobody()');
alter table elsewhere.for_some set schema app;
create table elsewhere.for_roles (id int);
select write from auth.protect_table('elsewhere.for_roles', read => 'aal2', write => 'aal2', roles => '{authenticated}');
alter table elsewhere.for_roles set schema app;
-- Comments that say something else than the policies.
create table elsewhere.lies (id int);
select write from auth.protect_table('elsewhere.lies', read => 'aal1', write => 'aal1');
do $$ declare it record; begin
  for it in select format('%s %I on elsewhere.lies', kind, name) as what from (select 'policy', polname from pg_policy where polrelid = 'elsewhere.lies'::regclass
    union select 'trigger', tgname from pg_trigger where tgrelid = 'elsewhere.lies'::regclass) as its(kind, name) loop
    execute 'comment on ' || it.what || ' is ''pg_aal: {"read":"aal2","insert":"aal2","update":"aal2","delete":"aal2","sensitive":false,"row_security_before":false}''';
  end loop;
end $$;
alter table elsewhere.lies set schema app;
-- Policies by our names that permit everything.
create table elsewhere.named_as_ours (id int);
create policy aal_read on elsewhere.named_as_ours using (true);
alter table elsewhere.named_as_ours set schema app;

-- Inheritance, partitions, types.
create table elsewhere.parent (id int);
create table app.child () inherits (elsewhere.parent);
create table elsewhere.parted (id int) partition by range (id);
create table app.part partition of elsewhere.parted for values from (0) to (10);
create type elsewhere.kind as (id int);
create table app.of_type of elsewhere.kind;
select * from test.levels('app');

-- An excluded name, or an excluded table's partition, leads to no other table.
create table app.legacy (id int);
alter table app.legacy rename to was_legacy;
create table app.legacy (id int);
alter index app.legacy rename to was_legacy_2;
create table app.legacy (id int) partition by range (id);
create table app.legacy_1 partition of app.legacy for values from (0) to (10);
create table app.legacy_2 partition of app.legacy for values from (10) to (20);
alter table app.legacy detach partition app.legacy_1;
set search_path = app;
alter table legacy detach partition legacy_2 concurrently;
reset search_path;
select * from test.levels('app') where "table" ~ 'legacy';
-- Other names make no difference.
alter table app.part rename to part_2;

-- The schema renamed: its new tables are watched by both names.
alter schema app rename to other_name;
create table other_name.after_rename (id int);
create schema app;
create table app.by_the_old_name (id int);
select * from test.levels('other_name') where "table" = 'after_rename';
select * from test.levels('app');
select schema, new_tables, enabled from auth.protected_schemas order by 1;
-- Another schema renamed to the watched name, with its tables.
drop schema app cascade;
create table elsewhere.comes_along (id int);
alter schema elsewhere rename to app;
drop table elsewhere.mixed, elsewhere.named_as_ours;
alter schema elsewhere rename to app;
select * from test.levels('app');
alter schema app rename to elsewhere;
-- Dropped, and made again.
drop schema other_name cascade;
create schema other_name create table again (id int);
select * from test.levels('other_name');
-- Back again.
drop schema if exists app cascade;
alter schema other_name rename to app;
create table app.back (id int);
select * from test.levels('app');

-- EXPLAIN fires no event trigger. The lint finds what it made.
do $$ begin execute 'explain analyze create table app.by_explain as select 1 as id where false'; end $$;
reset role;
grant usage on schema app to authenticated;
grant all on all tables in schema app to authenticated;
select name, detail from auth.aal_lint() where metadata ->> 'schema' = 'app' and name ~ '0028|0029';

-- Subtransactions, and errors that are caught.
set role app_owner;
begin;
savepoint one;
create table app.in_savepoint (id int);
release one;
do $$ begin create table app.caught (id int); raise exception 'undo'; exception when others then null; end $$;
select * from test.levels('app') where "table" ~ 'savepoint|caught';
commit;
reset role;

select * from auth.unprotect_schema('app');
drop owned by app_owner cascade;
drop role app_owner;
table auth.protected_schemas;
drop function test.levels(text);
