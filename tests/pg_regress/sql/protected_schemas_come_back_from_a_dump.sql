-- pg_dump carries the protection of schemas and partitions, without comments, too; and restored tables aren't new ones.
set client_min_messages = warning;
create schema app;
create schema strict;
create table app.payments (id int primary key, user_id uuid);
create table app.events (id int) partition by range (id);
create table app.events_1 partition of app.events for values from (0) to (10);
create table strict.ledger (id int);
create table strict.open_one (id int);
select "protected" from auth.protect_schema('app', write => 'aal2 within 15 minutes', owner_column => 'user_id');
select "protected" from auth.protect_schema('strict', read => 'aal2', new_tables => 'refuse', excluding => '{open_one}');
-- Attached and detached since then, and lower than the schema by the owner's will.
create table app.events_2 partition of app.events for values from (10) to (20);
select write from auth.protect_table('app.events', write => 'aal1', lower => true);

create view test.state as
select c.oid::regclass::text as "table", p.read, p.on_update, p.owner_column, c.relrowsecurity, (select count(*) from pg_policy where polrelid = c.oid) as policies
  from pg_class c left join auth.protected_tables p on p.target = c.oid
 where c.relnamespace::regnamespace::text in ('app', 'strict') and c.relkind in ('r', 'p')
 order by 1;
create table test.before as table test.state;
create table test.schemas_before as table auth.protected_schemas;

\! createdb restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
set client_min_messages = warning;
select count(*) from (table test.state except table test.before) as other;
table test.state;
select count(*) from (table auth.protected_schemas except table test.schemas_before) as other;
select schema, new_tables, read, on_update, owner_column, excluding, enabled from auth.protected_schemas order by 1;
create table app.new_one (id int, user_id uuid);
create table app.events_3 partition of app.events for values from (20) to (30);
create table strict.new_one (id int);
table test.state;
-- Removing the extension needs CASCADE, and takes the watches along.
\set VERBOSITY terse
drop extension pg_aal;
drop extension pg_aal cascade;
\set VERBOSITY default
select evtname from pg_event_trigger;
create table app.after_pg_aal (id int);
\c regression
drop database restored;

-- Without comments, in one transaction and with several jobs.
\! createdb restored && pg_dump --no-comments regression | psql -X -q -1 -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
set client_min_messages = warning;
select schema, new_tables, read, on_update, owner_column, excluding, enabled from auth.protected_schemas order by 1;
create table app.new_one (id int, user_id uuid);
create table strict.new_one (id int);
select target, read, on_update from auth.protected_tables order by 1;
\c regression
drop database restored;
\! createdb restored && pg_dump -Fc -f /tmp/pg_aal_schemas.dump regression && pg_restore -j 2 -e -d restored /tmp/pg_aal_schemas.dump && rm /tmp/pg_aal_schemas.dump && echo restored
\c restored
set client_min_messages = warning;
select count(*) from (table test.state except table test.before) as other;
select schema, new_tables, enabled from auth.protected_schemas order by 1;
create table app.new_one (id int, user_id uuid);
create table strict.new_one (id int);
select target, read, on_update from auth.protected_tables where target::text ~ 'new_one' order by 1;
\c regression
drop database restored;
-- The schema only, over what is there: the watches go first.
\! createdb restored && pg_dump --schema-only --clean --if-exists regression | psql -X -q -d restored > /dev/null 2>&1; pg_dump --schema-only --clean --if-exists regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
set client_min_messages = warning;
select schema, new_tables, enabled from auth.protected_schemas order by 1;
\c regression
drop database restored;

set client_min_messages = warning;
select * from auth.unprotect_schema('app');
select * from auth.unprotect_schema('strict');
drop view test.state;
drop table test.before, test.schemas_before;
drop schema app, strict cascade;
