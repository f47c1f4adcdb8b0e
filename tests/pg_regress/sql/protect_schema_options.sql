-- What protect_schema takes, refuses, keeps and replaces.
create role app_owner nologin;
create schema app authorization app_owner;
create schema private;
create function private.is_admin() returns boolean language sql stable return true;
grant usage on schema private to public;
set role app_owner;
create table app.one (id int, user_id uuid);
create table app.two (id int, user_id int);
create table app.parted (id int, user_id text) partition by range (id);
create table app.parted_1 partition of app.parted for values from (0) to (10);
create table app.legacy (id int);
create table app.own (id int);
set client_min_messages = warning;
select write from auth.protect_table('app.own', write => 'aal1');
reset client_min_messages;

-- Bad arguments.
select auth.protect_schema(null);
select auth.protect_schema('nowhere');
select auth.protect_schema('pg_catalog');
select auth.protect_schema('auth');
reset role;
select auth.protect_schema('auth');
select auth.protect_schema('app', write => 'AAL2');
select auth.protect_schema('app', new_tables => 'all');
select auth.protect_schema('app', new_tables => null);
select auth.protect_schema('app', excluding => null);
select auth.protect_schema('app', excluding => '{null}');
select auth.protect_schema('app', roles => '{}');
select auth.protect_schema('app', read => 'aal2', write => 'aal1');
select auth.protect_schema('app', write => 'none', read => 'none');
select auth.unprotect_schema(null);
select auth.unprotect_schema('app');
begin read only;
select auth.protect_schema('app');
rollback;

-- Without a superuser there is no watch.
set role app_owner;
select auth.protect_schema('app');
select * from auth.protect_schema('app', new_tables => 'ignore', excluding => '{legacy}');
select target, read, on_update from auth.protected_tables where target::text ~ '^app' order by 1;
table auth.protected_schemas;
create table app.not_watched (id int);
reset role;
set client_min_messages = warning;
select u.target from unnest(array['app.one', 'app.two', 'app.parted']) as name, auth.unprotect_table(name::regclass) u;
drop table app.not_watched;
reset client_min_messages;

-- Each option. What is protected by itself stays.
grant usage on schema app to authenticated, anon;
grant select, insert, update, delete on all tables in schema app to authenticated, anon;
select * from auth.protect_schema('app', read => 'aal1', write => 'aal2', on_insert => 'aal1', on_update => 'aal2 within 1 hour', on_delete => 'aal2 within 5 minutes',
  max_age => '1 day', roles => '{authenticated,anon}', owner_column => 'user_id', applies_when => 'private.is_admin()', excluding => '{legacy,not_yet}', new_tables => 'refuse');
\x
table auth.protected_schemas;
\x
select target, read, on_insert, on_update, on_delete, roles, owner_column, applies_when, guard from auth.protected_tables where target::text ~ '^app' order by 1;

-- Running again replaces what the schema gave, and nothing else. It lowers nothing in silence.
select auth.protect_schema('app');
set client_min_messages = warning;
select "protected", kept from auth.protect_schema('app', read => 'aal2', write => 'aal3 within 5 minutes', owner_column => 'user_id', excluding => '{legacy,not_yet}', new_tables => 'protect');
reset client_min_messages;
select target, read, on_insert, on_update, on_delete, roles, owner_column, applies_when, guard from auth.protected_tables where target::text ~ '^app' order by 1;
select auth.protect_schema('app', read => 'aal2', write => 'aal2', excluding => '{legacy,not_yet,one}', new_tables => 'warn', guard => false, applies_when => 'private.is_admin()');
select auth.protect_schema('app', new_tables => 'ignore', lower => true);
set client_min_messages = warning;
select * from auth.protect_schema('app', lower => true);
reset client_min_messages;
select count(*) from pg_event_trigger where evtname ~ 'aal_schema';

-- Tables that can't be protected must be excluded.
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create schema remote;
create foreign table remote.foreign_table (id int) server nowhere;
create table remote.parted (id int) partition by range (id);
create foreign table remote.foreign_part partition of remote.parted for values from (0) to (10) server nowhere;
select auth.protect_schema('remote');
select "protected", excluded, warnings from auth.protect_schema('remote', excluding => array['foreign_part', 'foreign_table', 'parted']);
create table remote.parted_2 partition of remote.parted for values from (10) to (20);
select target from auth.protected_tables where target::text ~ 'remote';
select * from auth.unprotect_schema('remote');
drop foreign data wrapper nothing cascade;

-- Names that need quotes, and long ones.
create schema "We""ird";
create table "We""ird"."T able" (id int);
set client_min_messages = warning;
select * from auth.protect_schema('"We""ird"', read => 'aal2', excluding => '{"a,b"}');
create table "We""ird"."New ""one" (id int);
alter schema "We""ird" rename to "a name that has as many bytes as a name can have in postgres 15";
create table "a name that has as many bytes as a name can have in postgres 15".new_one (id int);
select "protected" from auth.protect_schema('"a name that has as many bytes as a name can have in postgres 15"', read => 'aal2', excluding => '{"a,b"}');
select evtname from pg_event_trigger order by 1;
select * from auth.protected_schemas order by 1;
select target, read from auth.protected_tables where target::text ~ 'a name' order by 1;
select * from auth.unprotect_schema('"a name that has as many bytes as a name can have in postgres 15"');

-- Taking it back takes what the schema gave.
select auth.unprotect_schema('app', null);
set role app_owner;
select auth.unprotect_schema('app');
reset role;
select * from auth.unprotect_schema('app');
select target, read, on_update from auth.protected_tables where target::text ~ '^app' order by 1;
select relname, relrowsecurity from pg_class where relnamespace = 'app'::regnamespace order by 1;
table auth.protected_schemas;
select evtname from pg_event_trigger order by 1;
select proname from pg_proc where pronamespace = 'auth'::regnamespace and proname ~ 'aal_schema';

set client_min_messages = error;
drop schema app, private, remote cascade;
drop schema "a name that has as many bytes as a name can have in postgres 15" cascade;
drop role app_owner;
