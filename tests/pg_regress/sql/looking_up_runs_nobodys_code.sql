-- The look-up finds the tables below SQL: what anybody has made of names, operators, casts, policies and functions isn't run
-- by it, neither with their rights nor with others'.
create role supabase_auth_admin nologin;
create role mallory login;
create role keeper;
create database hostile;
grant create on database hostile to mallory;
\c hostile
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to public;
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
create table auth.mfa_factors (user_id uuid, status text);
create index on auth.mfa_factors (user_id);
insert into auth.users values ('21111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('21111111-1111-4111-8111-111111111111', 'verified');
reset role;
create extension pg_aal;
create table notes (id int primary key, note text);
insert into notes values (1, 'a');
grant select, insert, update, delete, truncate on notes to mallory;
create policy everybody on notes using (true) with check (true);
set client_min_messages = error;
select count(*) from auth.protect_table('notes', write => 'enrolled', sensitive_columns => '{note}');
reset client_min_messages;

-- Everything that a query for the tables could be made to call, in a schema that comes before pg_catalog.
\c - mallory
create schema mallory;
create table mallory.users (id uuid);
create table mallory.mfa_factors (user_id uuid, status text);
create function mallory.trap() returns boolean language plpgsql as $$ begin raise warning 'mallory''s code runs as %', current_user; return true; end $$;
create function mallory.trapped(name, name) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(name, text) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(oid, regtype) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(oid, oid) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(uuid, uuid) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(text, text) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped("char", text) returns boolean language sql as 'select mallory.trap()';
create function mallory.trapped(smallint, int) returns boolean language sql as 'select mallory.trap()';
do $$
declare
  types text;
begin
  foreach types in array array['name,name', 'name,text', 'oid,regtype', 'oid,oid', 'uuid,uuid', 'text,text', '"char",text', 'smallint,int'] loop
    execute format('create operator mallory.= (leftarg = %s, rightarg = %s, procedure = mallory.trapped)', split_part(types, ',', 1), split_part(types, ',', 2));
  end loop;
end
$$;
set search_path = mallory, pg_catalog;
select set_config('request.jwt.claims', '{"sub":"21111111-1111-4111-8111-111111111111","aal":"aal1"}', false);
select auth.enrolled_aal(), auth.has_enrolled_aal(), auth.aal_status() ->> 'action' as action;
select auth.require_enrolled_aal();
select auth.require_aal('aal2');
update public.notes set note = 'stolen' where id operator(pg_catalog.=) 1;
truncate public.notes;
create temp table users (id uuid);
create temp table mfa_factors (user_id uuid, status text);
set search_path = pg_temp, mallory, pg_catalog;
select auth.enrolled_aal(), auth.has_enrolled_aal();

-- A superuser who meets her names.
\c - postgres
set search_path = mallory, pg_catalog;
select set_config('request.jwt.claims', '{"sub":"21111111-1111-4111-8111-111111111111","aal":"aal1"}', false);
select auth.require_aal('aal2');
select auth.has_enrolled_aal();
reset search_path;

-- Policies on the tables, and a cast of the status' type.
set role supabase_auth_admin;
create function auth.trap(uuid) returns boolean language plpgsql as $$ begin raise warning 'a policy runs'; return false; end $$;
create policy trap on auth.mfa_factors using (auth.trap(user_id));
alter table auth.mfa_factors enable row level security, force row level security;
reset role;
select auth.has_enrolled_aal();
create schema types authorization keeper;
grant usage on schema types to supabase_auth_admin;
create type types.status as enum ('unverified', 'verified');
alter type types.status owner to keeper;
drop policy trap on auth.mfa_factors;
alter table auth.mfa_factors alter status type types.status using status::types.status;
-- (Who owns an enum may rename its labels, so it has to be somebody who may decide.)
select auth.has_enrolled_aal();
select auth.enrolled_aal();
alter type types.status owner to supabase_auth_admin;
create function types.to_text(types.status) returns text language plpgsql as $$ begin raise warning 'a cast runs'; return 'unverified'; end $$;
create cast (types.status as text) with function types.to_text(types.status) as assignment;
select auth.has_enrolled_aal(), auth.enrolled_aal();
set role supabase_auth_admin;
alter type types.status rename value 'verified' to 'approved';
reset role;
select auth.enrolled_aal();
set role supabase_auth_admin;
alter type types.status rename value 'approved' to 'verified';
reset role;

-- An index whose condition calls a function.
create function types.is_any(uuid) returns boolean language plpgsql immutable as $$ begin raise warning 'an index runs'; return true; end $$;
set client_min_messages = error;
create index on auth.mfa_factors (user_id) where types.is_any(null);
reset client_min_messages;
select auth.enrolled_aal();

-- Without an index it is found all the same.
drop index auth.mfa_factors_user_id_idx, auth.mfa_factors_user_id_idx1;
select auth.enrolled_aal();
select set_config('request.jwt.claims', '{"sub":"91111111-1111-4111-8111-111111111111","aal":"aal1"}', false);
select auth.enrolled_aal();

-- An old snapshot doesn't hide a new factor: what is committed counts, at every isolation level.
insert into auth.users values ('31111111-1111-4111-8111-111111111111');
select set_config('request.jwt.claims', '{"sub":"31111111-1111-4111-8111-111111111111","aal":"aal1"}', false);
begin isolation level repeatable read;
select auth.enrolled_aal();
\! psql -X -q -d hostile -c "insert into auth.mfa_factors values ('31111111-1111-4111-8111-111111111111', 'verified')"
select auth.enrolled_aal(), auth.has_enrolled_aal();
commit;

-- A table that is locked: a question waits, and a denial doesn't wait for its advice.
begin;
select pg_catalog.set_config('lock_timeout', '100ms', true);
\! (psql -X -q -d hostile -c "begin; lock auth.mfa_factors; select pg_sleep(60)" > /dev/null 2>&1) & sleep 1.5
savepoint a;
select auth.require_aal('aal2');
rollback to a;
select auth.has_enrolled_aal();
rollback;
\c regression
drop database hostile with (force);
drop role supabase_auth_admin, mallory, keeper;
