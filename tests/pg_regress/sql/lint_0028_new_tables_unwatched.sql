-- 0028_new_tables_unwatched finds event triggers that no longer cover new tables as they should.
set client_min_messages = warning;
create schema lint_0028;
select new_tables from auth.protect_schema('lint_0028');
create function test.findings() returns table (key text, type text, level text, detail text)
language sql stable as $$ select cache_key, metadata ->> 'type', level, detail from auth.aal_lint() where name = '0028_new_tables_unwatched' order by 1 $$;

-- None.
select * from test.findings();

-- Findings.
alter event trigger aal_schema_lint_0028 disable;
select * from test.findings();
alter event trigger aal_schema_lint_0028 enable;
select detail from test.findings();
alter event trigger aal_schema_lint_0028 enable always;
alter function auth.aal_schema_lint_0028() security invoker;
select detail from test.findings();
alter function auth.aal_schema_lint_0028() security definer;
create role no_longer superuser;
alter function auth.aal_schema_lint_0028() owner to no_longer;
alter role no_longer nosuperuser;
select detail from test.findings();
alter function auth.aal_schema_lint_0028() owner to postgres;
drop role no_longer;
begin;
alter function auth.aal_schema_lint_0028() set pg_aal.protected_schema = 'nonsense';
select detail from test.findings();
create table lint_0028.no_record (id int);
rollback;
begin;
drop event trigger aal_schema_lint_0028;
create event trigger aal_schema_lint_0028 on ddl_command_end when tag in ('CREATE TABLE') execute function auth.aal_schema_lint_0028();
alter event trigger aal_schema_lint_0028 enable always;
select detail from test.findings();
rollback;
begin;
alter event trigger aal_new_partitions disable;
select * from test.findings();
rollback;

-- None: somebody else's.
create function lint_0028.another() returns event_trigger language plpgsql as 'begin end';
create event trigger another on ddl_command_end execute function lint_0028.another();
select * from test.findings();
drop event trigger another;

select * from auth.unprotect_schema('lint_0028');
drop schema lint_0028 cascade;
drop function test.findings();
