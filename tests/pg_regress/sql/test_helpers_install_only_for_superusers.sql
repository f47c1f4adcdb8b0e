-- pg_aal_testing is installed by a superuser who asks for it, and by nobody else. It goes as it came.
create database tested;
\c tested
\set SHOW_CONTEXT never
create extension pg_aal_testing;
create extension pg_aal_testing cascade;
drop extension pg_aal_testing;
select to_regnamespace('tests') is null as gone, count(*) filter (where extname = 'pg_aal') as pg_aal_stays from pg_extension;

-- A role with every right on the database, but no superuser.
create role developer login createrole createdb;
grant create on database tested to developer;
\c - developer
create extension pg_aal_testing;
\echo :LAST_ERROR_SQLSTATE
-- Nor where the server becomes a superuser for it, as for extensions that a platform delegates.
\c - postgres
create procedure delegate(extension name) language plpgsql security definer as $$
begin
  execute format('create extension %I', extension);
end
$$;
\c - developer
call delegate('pg_aal_testing');
\echo :LAST_ERROR_SQLSTATE
select to_regnamespace('tests') is null as gone;
\c - postgres
\set SHOW_CONTEXT never
drop procedure delegate;

-- In its schema, which every role may use and nobody but its owner creates in.
create extension pg_aal_testing schema public;
create extension pg_aal_testing;
select has_schema_privilege('anon', 'tests', 'usage') as anon_uses, has_schema_privilege('anon', 'tests', 'create') as anon_creates;
-- No function is SECURITY DEFINER. Those that run a test's statement have their caller's search_path, as the statement needs it.
select p.oid::regprocedure as function, p.provolatile as volatile, p.proparallel as parallel, p.prosecdef as definer,
       p.proconfig as config, obj_description(p.oid, 'pg_proc') is not null as commented
  from pg_proc p where pronamespace = 'tests'::regnamespace order by proname, p.oid::regprocedure::text;
select count(*) as findings from auth.aal_lint();

-- A dump holds the extension and what else is in the schema, and is restored by a superuser.
create function tests.of_ours() returns int language sql return 1;
grant usage on schema tests to developer with grant option;
\! createdb restored && pg_dump tested | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\! [ "$(pg_dump tested | grep -v restrict | md5sum)" = "$(pg_dump restored | grep -v restrict | md5sum)" ] && echo the same
\c restored
select tests.of_ours(), tests.claims('jane', 'aal2') ->> 'aal' as aal, has_schema_privilege('anon', 'tests', 'usage') as anon_uses;
\c tested
\set SHOW_CONTEXT never

-- Its going takes all along, but nothing of ours.
drop extension pg_aal;
drop extension pg_aal_testing;
drop function tests.of_ours();
drop extension pg_aal_testing;
select to_regnamespace('tests') is null as gone;

-- A schema that was there before keeps its owner, its grants and its functions.
create schema tests authorization developer;
create function tests.get_supabase_uid(identifier text) returns uuid language sql
return md5(identifier)::uuid;
-- Somebody might plant these, for a superuser to call.
create function tests.format(text, variadic text[]) returns text language plpgsql as $$ begin raise 'trapped'; end $$;
create function tests.to_regnamespace(text) returns regnamespace language plpgsql as $$ begin raise 'trapped'; end $$;
-- Where its grants would let every client run tests, the installation fails.
grant create on schema tests to public;
create extension pg_aal_testing;
revoke create on schema tests from public;
create temp table before as select nspowner, nspacl from pg_namespace where nspname = 'tests';
create extension pg_aal_testing;
select (nspowner, nspacl) is not distinct from (select (nspowner, nspacl) from before) as unchanged from pg_namespace where nspname = 'tests';
begin;
grant usage on schema tests to authenticated;
select tests.sign_in(tests.get_supabase_uid('jane'), 'aal2');
select auth.subject_uuid() = md5('jane')::uuid as jane, auth.aal();
rollback;
drop extension pg_aal_testing;
select count(*) as functions_left from pg_proc where pronamespace = 'tests'::regnamespace;

-- Functions of the same names are never replaced, nor shared: a call would reach either.
create function tests.sign_in(who text) returns void language sql as '';
create function tests.claims(text, text, interval, text, name, jsonb) returns jsonb language sql return null::jsonb;
create extension pg_aal_testing;
\echo :LAST_ERROR_SQLSTATE
drop function tests.claims(text, text, interval, text, name, jsonb);
create extension pg_aal_testing;
\echo :LAST_ERROR_SQLSTATE
drop function tests.sign_in(text);
create extension pg_aal_testing;

\c regression
drop database tested;
drop database restored;
drop role developer;
