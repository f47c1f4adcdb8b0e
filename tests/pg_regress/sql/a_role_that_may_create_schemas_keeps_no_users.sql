-- Where there is no schema auth, a role with CREATE on the database can make one, with users, factors and sessions as it likes. Then they
-- count for nobody. The owner of the schema keeps the users only if it owns the database, too.
create role creator;
create database created;
\c created
grant create on database created to creator;
set role creator;
create schema auth;
create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid, status text);
create table auth.sessions (id uuid primary key, user_id uuid, factor_id uuid, created_at timestamptz, not_after timestamptz, aal text);
insert into auth.users values ('01111111-1111-4111-8111-111111111111');
insert into auth.sessions values ('02222222-2222-4222-8222-222222222222', '01111111-1111-4111-8111-111111111111', null, now(), null, 'aal1');
reset role;
create extension pg_aal;
create view answers as
select auth.has_enrolled_aal(), auth.session_is_live(), auth.aal_status() ->> 'nextLevel' as next_level, auth.aal_status() ->> 'reason' as reason;
create function give_tables(owner name) returns void language plpgsql as $$
begin
  execute format('alter table auth.users owner to %1$I; alter table auth.mfa_factors owner to %1$I; alter table auth.sessions owner to %1$I', owner);
end
$$;
set request.jwt.claims = '{"sub":"01111111-1111-4111-8111-111111111111","session_id":"02222222-2222-4222-8222-222222222222","aal":"aal1"}';
select * from answers;
select auth.enrolled_aal();
select auth.require_enrolled_aal();
select auth.require_live_session();
-- The owner of the schema who owns the database, too.
alter database created owner to creator;
select * from answers;
-- The owner of the database who doesn't own the schema.
alter schema auth owner to postgres;
select * from answers;
alter database created owner to postgres;
-- A superuser, and Supabase Auth's own role, keep users in anybody's schema.
select give_tables('postgres');
select * from answers;
create role supabase_auth_admin;
select give_tables('supabase_auth_admin');
select * from answers;
\c regression
drop database created;
drop role creator, supabase_auth_admin;
