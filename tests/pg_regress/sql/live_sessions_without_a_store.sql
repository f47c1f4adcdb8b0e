-- Where no session can be looked up, or by whom nobody should trust, none is live: false, and require_ says why.
create role supabase_auth_admin nologin;
create role mallory;
create database without_sessions;
\c without_sessions
\set SHOW_CONTEXT never
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to authenticated;
create extension pg_aal;
create table notes (id int primary key);
insert into notes values (1);
grant select, insert, delete on notes to authenticated;
create policy everybody on notes using (true) with check (true);
select read, write, warnings from auth.protect_table('notes', live => true);
create function pg_temp.answers() returns table (live boolean, required text, reads bigint, written text) language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}', false);
  set local role authenticated;
  live := auth.session_is_live();
  begin
    perform auth.require_live_session();
    required := 'true';
  exception when others then
    required := sqlstate || ' ' || sqlerrm;
  end;
  reads := (select count(*) from public.notes);
  begin
    delete from public.notes where false;
    written := 'done';
  exception when others then
    written := sqlstate;
  end;
  reset role;
  return next;
end
$$;

-- So is a schema.
create schema app;
select read, write, warnings from auth.protect_schema('app', live => true, new_tables => 'ignore');
drop schema app;
-- Where the setting is stored for others, sessions can be looked up there, and this one says so. A value that does nothing is a WARNING.
create function is_live(subject text, session text) returns boolean language sql stable parallel safe as 'select true';
load 'pg_aal';
alter role authenticator set pg_aal.session_function = 'public.is_live';
select read, write, warnings from auth.protect_table('notes', live => true);
alter database without_sessions set pg_aal.session_function = 'public.is_nothing';
select read, write, warnings from auth.protect_table('notes', live => true);
alter database without_sessions reset pg_aal.session_function;
alter role authenticator reset pg_aal.session_function;
drop function is_live(text, text);
-- aal_status doesn't know either.
create function pg_temp.told(claims text) returns jsonb language sql as $$ select auth.aal_status() -> 'sessionIsLive' from set_config('request.jwt.claims', claims, false) $$;
select pg_temp.told('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}'), pg_temp.told('{"sub":"x","aal":"aal1"}'), pg_temp.told('{}');

\echo no tables, one by one
select * from pg_temp.answers();
select auth.require_live_session();
set role supabase_auth_admin;
create table auth.sessions (id uuid primary key, user_id uuid not null, created_at timestamptz default now());
reset role;
select * from pg_temp.answers();
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
create table auth.mfa_factors (id uuid primary key, user_id uuid, status text);
insert into auth.users values ('11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
reset role;
\echo columns that an old version of Supabase Auth lacks, one by one
do $$
declare
  missing text;
begin
  foreach missing in array array['auth.sessions add not_after timestamptz', 'auth.sessions add aal text', 'auth.sessions add factor_id uuid',
                                 'auth.users add banned_until timestamptz', 'auth.users add deleted_at timestamptz'] loop
    raise notice '%', (select required from pg_temp.answers());
    execute 'alter table ' || missing;
  end loop;
end
$$;
select * from pg_temp.answers();
insert into auth.sessions (id, user_id, aal, factor_id) values
  ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111');
select * from pg_temp.answers();
select warnings from auth.protect_table('notes', live => true);

\echo columns of another type
begin;
alter table auth.sessions alter not_after type timestamp;
select required from pg_temp.answers();
rollback;
begin;
alter table auth.sessions alter user_id type text;
select required from pg_temp.answers();
rollback;
begin;
alter table auth.sessions alter aal type int using 2;
select required from pg_temp.answers();
rollback;
\echo a level whose labels somebody else may rename
begin;
create schema types authorization mallory;
create type types.aal_level as enum ('aal1', 'aal2');
alter type types.aal_level owner to mallory;
alter table auth.sessions alter aal type types.aal_level using aal::types.aal_level;
select required from pg_temp.answers();
alter type types.aal_level owner to supabase_auth_admin;
select required from pg_temp.answers();
rollback;
\echo tables of others
begin;
alter table auth.sessions owner to mallory;
select required from pg_temp.answers();
alter table auth.users owner to mallory;
alter table auth.mfa_factors owner to mallory;
select required from pg_temp.answers();
rollback;
\echo a view, and a partitioned table
begin;
alter table auth.sessions rename to kept;
create view auth.sessions as select * from auth.kept;
select required from pg_temp.answers();
rollback;
begin;
alter table auth.sessions rename to kept;
create table auth.sessions (like auth.kept) partition by hash (id);
select required from pg_temp.answers();
rollback;
\echo without an index, under forced row security, and behind names in the search_path: found all the same
begin;
alter table auth.sessions drop constraint sessions_pkey, enable row level security, force row level security;
create schema trap;
create function trap.trapped_equal(uuid, uuid) returns boolean language plpgsql as $$ begin raise 'trapped'; end $$;
create operator trap.= (leftarg = uuid, rightarg = uuid, procedure = trap.trapped_equal);
create table trap.sessions (id uuid);
grant usage on schema trap to public;
set local search_path = trap, pg_catalog;
select required from pg_temp.answers();
rollback;
\echo rows of a child are none
begin;
create table child () inherits (auth.sessions);
insert into child select * from auth.sessions;
delete from only auth.sessions;
select required from pg_temp.answers();
rollback;

\echo another store: a function, run with the rights of its owner
load 'pg_aal';
create role keeper;
create schema store authorization keeper;
set role keeper;
create table store.sessions (login text, sid text);
insert into store.sessions values ('11111111-1111-4111-8111-111111111111', '51111111-1111-4111-8111-111111111111'), ('jane', 's1');
create function store.is_live(subject text, session text) returns boolean language sql stable parallel safe
begin atomic
  select exists (select from store.sessions where login = subject and sid = session);
end;
create function store.who_asks(subject text, session text) returns boolean language plpgsql stable parallel safe as $$
begin
  raise notice 'asked as %, with search_path %, about % of %', current_user, current_setting('search_path'), session, subject;
  return null;
end
$$;
create function store.one(subject text) returns boolean language sql stable parallel safe as 'select true';
create function store.volatile(subject text, session text) returns boolean language sql volatile parallel safe as 'select true';
create function store.to_text(subject text, session text) returns text language sql stable parallel safe as 'select ''true''';
create function store.fails(subject text, session text) returns boolean language plpgsql stable parallel safe as $$ begin raise 'no store today'; end $$;
create function store.unsafe(subject text, session text) returns boolean language sql stable as 'select true';
create function store.open_path(subject text, session text) returns boolean language sql stable parallel safe set search_path = store as 'select true';
create function store.tries_to_stay(subject text, session text) returns boolean language plpgsql stable parallel safe as $$ begin set role none; return true; end $$;
reset role;
set pg_aal.session_function = 'store.is_live';
select * from pg_temp.answers();
select current_user, current_setting('search_path') as search_path;
create function pg_temp.of(claims text) returns boolean language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims, false);
  return auth.session_is_live();
end
$$;
-- The session's name is session_id, or without it sid.
select claims, pg_temp.of(claims) from (values
  ('{"sub":"jane","sid":"s1"}'), ('{"sub":"jane","session_id":"s1","sid":"s2"}'), ('{"sub":"jane","session_id":"s2","sid":"s1"}'),
  ('{"sub":"jane","sid":"s2"}'), ('{"sub":"jim","sid":"s1"}'), ('{"sub":"jane"}'), ('{"sid":"s1"}'), ('')) as given(claims);
delete from store.sessions;
select * from pg_temp.answers();
set pg_aal.session_function = 'store.who_asks';
select required from pg_temp.answers();
-- Nobody asks about nobody.
select pg_temp.of('{"role":"anon"}'), pg_temp.of('{"sub":"jane"}');
set pg_aal.session_function = 'store.fails';
select pg_temp.of('{"sub":"jane","sid":"s1"}');
select current_user, current_setting('search_path') as search_path;
set pg_aal.session_function = 'store.tries_to_stay';
select pg_temp.of('{"sub":"jane","sid":"s1"}');
do $$
declare
  name text;
begin
  foreach name in array array['store.one', 'store.volatile', 'store.unsafe', 'store.to_text', 'store.open_path', 'store.nowhere', 'is_live', 'store.f(text, text); drop table notes; --'] loop
    perform set_config('pg_aal.session_function', name, false);
    raise notice '%: %', name, (select required from pg_temp.answers());
  end loop;
end
$$;
select warnings from auth.protect_table('notes', live => true);
set role authenticated;
set pg_aal.session_function = 'store.is_live';
set pg_aal.session_timebox = 0;
reset role;
\c regression
drop database without_sessions;
drop role supabase_auth_admin, mallory, keeper;
