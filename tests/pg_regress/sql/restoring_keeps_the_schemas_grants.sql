-- Where installing made schema auth, everybody may use it, after a dump and a restore as well. Where it was there before, its
-- owner and its grants are what they were, also after a restore. None of that is part of the extension.
create role supabase_auth_admin nologin;
create view grants as
  select coalesce(nspacl::text, 'none') as grants, has_schema_privilege('anon', 'auth', 'usage') as anon_uses,
         (select count(*) from pg_init_privs where classoid = 'pg_namespace'::regclass and objoid = n.oid) as kept_from_dumps,
         (select count(*) from pg_depend where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e') as of_the_extension
    from pg_namespace n where nspname = 'auth';
select pg_get_viewdef('grants') as grants \gset
drop view grants;

create database made;
\c made
create extension pg_aal;
:grants
\! createdb again && pg_dump made | psql -X -q -v ON_ERROR_STOP=1 -d again > /dev/null && echo restored
\c again
:grants
select extname, nspname from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = 'pg_aal';
\c made
drop database again;
\! createdb again && pg_dump made | psql -X -q -1 -v ON_ERROR_STOP=1 -d again > /dev/null && echo restored at once
\c again
:grants
\! [ "$(pg_dump made | grep -v restrict | md5sum)" = "$(pg_dump again | grep -v restrict | md5sum)" ] && echo the same
\c made
drop database again;
-- A grant that was taken back stays so.
revoke usage on schema auth from public;
\! createdb again && pg_dump made | psql -X -q -v ON_ERROR_STOP=1 -d again > /dev/null && echo restored
\c again
:grants
\c made
drop database again;

-- There before, without grants, with something in it that nobody else is to call.
create database there;
\c there
create schema auth;
create function auth.secret() returns int language sql security definer return 42;
create extension pg_aal;
:grants
\! createdb again && pg_dump there | psql -X -q -1 -v ON_ERROR_STOP=1 -d again > /dev/null && echo restored
\c again
:grants
set role anon;
select auth.secret();
reset role;
\c there
drop database again;
-- And there before, and empty.
drop extension pg_aal;
drop function auth.secret();
create extension pg_aal;
:grants

-- Dropping the extension, even with all that depends on it, takes nothing from the schema that others put there.
\c made
create table auth.users (id int);
set client_min_messages = warning;
drop extension pg_aal cascade;
select to_regclass('auth.users');
create extension pg_aal;
-- It goes with the schema, but not with another.
drop schema public cascade;
select extname from pg_extension where extname = 'pg_aal';
drop schema auth;
\echo :LAST_ERROR_SQLSTATE

-- Supabase Auth may take over a schema that installing made: by one line, before its migrations.
create database taken_over;
\c taken_over
create extension pg_aal;
create schema if not exists auth authorization supabase_auth_admin;
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
reset role;
alter schema auth owner to supabase_auth_admin;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key);
create table auth.mfa_factors (user_id uuid, status auth.factor_status);
insert into auth.users values ('11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors select id, 'verified' from auth.users;
reset role;
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}';
set role anon;
select auth.aal(), auth.enrolled_aal();
reset role;
:grants

\c regression
drop database made;
drop database there;
drop database taken_over;
drop role supabase_auth_admin;
