-- Postgres' own roles have rows where somebody can be one of them, by SET ROLE.
create schema own_roles;
grant usage on schema own_roles to public;
set search_path = own_roles;
create role own_roles_app login noinherit;
create table t (id int);
insert into t values (1);
create policy everybody on t using (true) with check (true);
grant select, insert, update, delete on t to authenticated;
create view rows_shown as
select role, string_agg(command || ' ' || required_aal, ', ' order by command) from auth.aal_matrix('own_roles.t') where role in ('pg_monitor', 'pg_read_all_data', 'pg_write_all_data', 'own_roles_app') group by role order by role;

select * from rows_shown;
grant pg_write_all_data, pg_monitor to own_roles_app;
-- Of those, one has rights on tables. protect_table names it, too.
select count(*) > 0 as protected from auth.protect_table('t', roles => '{authenticated}');
select * from rows_shown;
select name, detail from auth.aal_lint() where name like '0004%' and detail like '%own_roles.t%';
select auth.assert_aal('own_roles.t', 'delete', 'aal2', 'pg_write_all_data');
-- Bound by a policy that names it.
set client_min_messages = error;
select count(*) > 0 as protected from auth.protect_table('t', roles => '{authenticated,pg_write_all_data}');
reset client_min_messages;
select * from rows_shown;

-- What really happens.
set session authorization own_roles_app;
select test.attempt('delete from own_roles.t');
set role pg_write_all_data;
select test.attempt('delete from own_roles.t');
reset session authorization;

-- One that has rights because everybody has them.
grant select on t to public;
select * from rows_shown;
drop owned by own_roles_app;
revoke pg_write_all_data, pg_monitor from own_roles_app;
select * from rows_shown;
set client_min_messages = error;
drop schema own_roles cascade;
drop role own_roles_app;
