-- Where schema auth belongs to another role and holds Supabase's functions and types: none of them changes, nor do
-- the schema's owner and grants.
create role supabase_auth_admin nologin;
create database beside;
\c beside
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role;
set role supabase_auth_admin;
create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
create function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text
$$;
create function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'))::text
$$;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
comment on function auth.uid() is 'Deprecated. Use auth.jwt() -> ''sub'' instead.';
-- And what a hostile owner might plant there, to be called by whoever installs or looks at the view.
create function auth.obj_description(oid, text) returns text language plpgsql as $$ begin raise 'trapped'; end $$;
create function auth.trapped_equal(name, text) returns boolean language plpgsql as $$ begin raise 'trapped'; end $$;
create operator auth.= (leftarg = name, rightarg = text, procedure = auth.trapped_equal);
create function auth.array_agg_trap(name) returns name language plpgsql as $$ begin raise 'trapped'; end $$;
create function auth.make_interval(secs float8) returns interval language plpgsql as $$ begin raise 'trapped'; end $$;
reset role;

create temp view state as
  select 'schema' as kind, nspname::text as name, row(oid, nspowner, nspacl, xmin)::text as state from pg_namespace where nspname = 'auth'
  union all
  select 'function', oid::regprocedure::text, row(oid, proowner, proacl, prosrc, provolatile, xmin, obj_description(oid, 'pg_proc'))::text
    from pg_proc where proname in ('uid', 'role', 'email', 'jwt') and pronamespace = 'auth'::regnamespace
  union all
  select 'type', oid::regtype::text, row(oid, typowner, typacl, xmin)::text
    from pg_type where typname = 'aal_level' and typnamespace = 'auth'::regnamespace;
create temp table before as select * from state;
create extension pg_aal;
select kind, name, b.state = s.state as unchanged from before b join state s using (kind, name) order by 1, 2;
select count(*) from pg_depend d join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_aal'
 where d.deptype = 'e' and d.objid in (select oid from pg_proc where proname in ('uid', 'role', 'email', 'jwt'));

-- They agree.
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","role":"authenticated","email":"a@b.c"}';
set role authenticated;
select auth.uid() = auth.subject_uuid() as same_user, auth.jwt() = auth.claims() as same_claims, auth.aal();
reset role;

-- Nothing of the hostile owner's is ever called.
create table payments (id int, user_id uuid);
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id', max_age => '1 hour');
select * from auth.protected_tables;
select count(*) = 1 as unprotected from auth.unprotect_table('payments');

drop extension pg_aal;
select kind, name, b.state = s.state as unchanged from before b join state s using (kind, name) order by 1, 2;

-- What bears the name of one of ours is never replaced, nor shared: installing fails.
create function auth.aal() returns text language sql as $$ select 'aal3' $$;
\set SHOW_CONTEXT never
create extension pg_aal;
select auth.aal();
drop function auth.aal();
create function auth.has_aal(text, text) returns boolean language sql as $$ select true $$;
create function auth.protect_table(text) returns text language sql as $$ select '' $$;
create extension pg_aal;
\echo :LAST_ERROR_SQLSTATE
drop function auth.has_aal(text, text), auth.protect_table(text);
create extension pg_aal;
-- And if it comes later, the policies are bound to ours even so.
set role supabase_auth_admin;
create function auth.has_aal(text) returns boolean language sql as $$ select true $$;
create function auth.has_aal(text, text) returns boolean language sql as $$ select true $$;
create function auth.has_aal(text, anyelement) returns boolean language sql as $$ select true $$;
reset role;
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id', max_age => '1 hour');
select distinct d.refobjid::regprocedure
  from pg_depend d join pg_policy p on d.classid = 'pg_policy'::regclass and d.objid = p.oid
 where p.polrelid = 'payments'::regclass and d.refclassid = 'pg_proc'::regclass order by 1;

\c regression
drop database beside;
drop role supabase_auth_admin;
