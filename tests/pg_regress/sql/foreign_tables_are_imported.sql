-- IMPORT FOREIGN SCHEMA into a protected schema. Foreign tables can't be protected: 'protect' and 'refuse' raise, 'warn' warns. By
-- postgres_fdw, which reaches the server itself by its socket.
select count(*) = 1 as has_postgres_fdw from pg_available_extensions where name = 'postgres_fdw' \gset
\if :has_postgres_fdw
\else
\echo skipped: there is no postgres_fdw
\quit
\endif
set client_min_messages = warning;
create extension postgres_fdw;
create role app_owner nologin;
do $$ begin
  execute format('create server itself foreign data wrapper postgres_fdw options (host %L, port %L, dbname %L)',
    current_setting('unix_socket_directories'), current_setting('port'), current_database());
end $$;
create user mapping for public server itself options (user 'postgres', password_required 'false');
grant usage on foreign server itself to app_owner;
create schema source;
create table source.one (id int, user_id uuid);
create table source.two (id int);
insert into source.one values (1, null);
create schema app authorization app_owner;
create schema elsewhere authorization app_owner;
create view test.imported as
select c.relname as "table", c.relkind as kind, p.read from pg_class c left join auth.protected_tables p on p.target = c.oid
 where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'f');
grant select on test.imported to app_owner;

\echo protect
select "protected" from auth.protect_schema('app', excluding => '{two}');
set role app_owner;
import foreign schema source from server itself into app;
import foreign schema source limit to (one) from server itself into app;
import foreign schema source limit to (two) from server itself into app;
import foreign schema source from server itself into elsewhere;
alter foreign table elsewhere.one set schema app;
reset role;
import foreign schema source limit to (one) from server itself into app;
select * from test.imported order by 1;
drop foreign table app.two;
drop schema elsewhere cascade;
create schema elsewhere authorization app_owner;

\echo refuse
select new_tables from auth.protect_schema('app', excluding => '{two}', new_tables => 'refuse', lower => true);
set role app_owner;
import foreign schema source limit to (one) from server itself into app;
begin;
import foreign schema source except (one) from server itself into app;
savepoint before;
import foreign schema source limit to (one) from server itself into app;
rollback to before;
commit;
do $$ begin execute 'import foreign schema source limit to (one) from server itself into app'; end $$;
reset role;
select * from test.imported order by 1;
drop foreign table app.two;

\echo warn: it is there, and its rows need no level
select new_tables from auth.protect_schema('app', excluding => '{two}', new_tables => 'warn', lower => true);
set role app_owner;
import foreign schema source from server itself into app;
grant usage on schema app to authenticated;
grant select on app.one to authenticated;
reset role;
select * from test.imported order by 1;
select test.sign_out();
set role authenticated;
select id from app.one;
reset role;
select role, command, required_aal from auth.aal_matrix() where target::text = 'app.one' and role = 'authenticated';
select name, detail from auth.aal_lint() where metadata ->> 'schema' = 'app' and name ~ '0028|0029';
-- To protect it now would be a promise that can't be kept.
select auth.protect_schema('app', excluding => '{two}');
\echo a foreign table as a partition of a protected one, by its new name
create table app.parted (id int) partition by range (id);
select read from auth.protect_table('app.parted');
create foreign table app.part partition of app.parted for values from (0) to (10) server itself options (schema_name 'source', table_name 'two');

drop view test.imported;
set client_min_messages = error;
drop table app.parted;
select * from auth.unprotect_schema('app');
drop owned by app_owner cascade;
drop schema if exists app, elsewhere cascade;
drop schema source cascade;
drop extension postgres_fdw cascade;
drop role app_owner;
reset request.jwt.claims;
