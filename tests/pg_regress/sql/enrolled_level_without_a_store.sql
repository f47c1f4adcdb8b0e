-- Where the factors can't be looked up, or by whom nobody should trust: a clear error from require_, and only aal2 will do.
-- Never "nobody enrolled, so aal1 will do".
create role supabase_auth_admin nologin;
create role mallory;
create database without_store;
\c without_store
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to authenticated;
create extension pg_aal;
create table notes (id int primary key);
grant select, insert on notes to authenticated;
create policy everybody on notes using (true) with check (true);
select count(*) from auth.protect_table('notes', write => 'enrolled');
create function pg_temp.session(aal text) returns void language sql as $$
  select set_config('request.jwt.claims', format('{"sub":"01111111-1111-4111-8111-111111111111","aal":"%s"}', aal), false)
$$;
create function pg_temp.answers() returns table (aal text, has boolean, required text, written text) language plpgsql as $$
begin
  foreach aal in array array['aal1', 'aal2'] loop
    perform pg_temp.session(aal);
    set local role authenticated;
    has := auth.has_enrolled_aal();
    begin
      perform auth.require_enrolled_aal();
      required := 'true';
    exception when others then
      required := sqlstate || ' ' || sqlerrm;
    end;
    begin
      insert into public.notes values (1) on conflict do nothing;
      written := 'done';
    exception when others then
      written := sqlstate;
    end;
    reset role;
    return next;
  end loop;
end
$$;

-- The status answers by the session alone: at aal1 it still names an action, so that nobody takes that for the most there is.
create function pg_temp.status() returns table (aal text, status jsonb) language plpgsql as $$
begin
  foreach aal in array array['aal1', 'aal2', 'aal3', 'AAL2'] loop
    perform pg_temp.session(aal);
    set local role authenticated;
    begin
      status := auth.aal_status();
    exception when others then
      status := to_jsonb(sqlstate || ' ' || sqlerrm);
    end;
    reset role;
    return next;
  end loop;
end
$$;

-- Where the function is named for another role or for the database, users can be looked up there: no WARNING.
load 'pg_aal';
create function has_factor(subject text) returns boolean language sql stable parallel safe as 'select true';
alter role authenticator in database without_store set pg_aal.enrollment_function = 'public.has_factor';
select write, warnings from auth.protect_table('notes', write => 'enrolled');
alter database without_store set pg_aal.enrollment_function = 'public.has_factor';
select write, warnings from auth.protect_table('notes', write => 'enrolled');
-- One that doesn't fit is no look-up, and neither is one of another database.
alter role authenticator in database without_store set pg_aal.enrollment_function = 'has_factor';
select write, warnings from auth.protect_table('notes', write => 'enrolled');
alter database without_store reset pg_aal.enrollment_function;
alter role authenticator in database without_store reset pg_aal.enrollment_function;
alter role authenticator in database regression set pg_aal.enrollment_function = 'public.has_factor';
select write, warnings from auth.protect_table('notes', write => 'enrolled');
alter role authenticator in database regression reset pg_aal.enrollment_function;
drop function has_factor(text);

-- No tables.
select * from pg_temp.answers();
select * from pg_temp.status();
select pg_temp.session('aal1');
select auth.enrolled_aal();
select auth.aal_status();
-- With its methods, as ever.
select set_config('request.jwt.claims', '{"sub":"01111111-1111-4111-8111-111111111111","aal":"aal1","amr":[{"method":"password","timestamp":1700000000}]}', false) is not null as set;
select auth.aal_status();
-- A policy that reads the status opens nothing: what isn't known equals nothing.
select auth.aal_status() -> 'currentLevel' = auth.aal_status() -> 'nextLevel' as same, auth.aal_status() ->> 'action' is null as no_action;
-- A denial can't say whether there is a factor to verify: it says what it always said.
select auth.require_aal('aal2');

-- A table of another shape.
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
create table auth.mfa_factors (user_id text, status text);
insert into auth.users values ('01111111-1111-4111-8111-111111111111');
reset role;
select * from pg_temp.answers();
select * from pg_temp.status();
alter table auth.mfa_factors alter user_id type uuid using user_id::uuid, drop status;
select * from pg_temp.answers();
alter table auth.mfa_factors add status text;
select * from pg_temp.answers();
select * from pg_temp.status();
-- Forced row security hides nothing from it.
alter table auth.mfa_factors enable row level security, force row level security;
select * from pg_temp.answers();
alter table auth.mfa_factors no force row level security;
select * from pg_temp.answers();

-- Somebody else's table, who managed to create it.
alter table auth.mfa_factors owner to mallory;
select * from pg_temp.answers();
select * from pg_temp.status();
drop table auth.mfa_factors;
-- A view, which would run its owner's functions.
grant create, usage on schema auth to mallory;
grant references, select on auth.users to mallory;
set role mallory;
create function auth.trapped() returns text language plpgsql as $$ begin raise 'trapped as %', current_user; end $$;
create view auth.mfa_factors as select id as user_id, auth.trapped() as status from auth.users;
reset role;
select * from pg_temp.answers();
select * from pg_temp.status();
drop view auth.mfa_factors;
-- A child table says nothing: only what is in the table itself counts.
set role supabase_auth_admin;
create table auth.mfa_factors (user_id uuid, status text);
reset role;
create table child () inherits (auth.mfa_factors);
insert into child values ('01111111-1111-4111-8111-111111111111', 'verified');
select * from pg_temp.answers();
drop table child;

-- Names in the caller's search_path, and operators, aren't meant.
create schema trap;
create function trap.trapped_equal(uuid, uuid) returns boolean language plpgsql as $$ begin raise 'trapped'; end $$;
create operator trap.= (leftarg = uuid, rightarg = uuid, procedure = trap.trapped_equal);
create function trap.trapped_equal(text, text) returns boolean language plpgsql as $$ begin raise 'trapped'; end $$;
create operator trap.= (leftarg = text, rightarg = text, procedure = trap.trapped_equal);
grant usage on schema trap to public;
set search_path = trap, pg_catalog;
select pg_temp.session('aal1');
select auth.has_enrolled_aal();
create temp table mfa_factors (user_id uuid, status text);
create temp table users (id uuid);
set search_path = pg_temp, trap;
select auth.has_enrolled_aal();
reset search_path;

-- Another store: a function, run with its owner's rights.
load 'pg_aal';
create role keeper;
create schema store authorization keeper;
set role keeper;
create table store.second_factors (login text primary key);
insert into store.second_factors values ('01111111-1111-4111-8111-111111111111');
create function store.has_second_factor(subject text) returns boolean language sql stable parallel safe
begin atomic
  select exists (select from store.second_factors where login = subject);
end;
create function store.who_asks(subject text) returns boolean language plpgsql stable parallel safe as $$
begin
  raise notice 'asked as %, with search_path %', current_user, current_setting('search_path');
  return null;
end
$$;
create function store.volatile(subject text) returns boolean language sql volatile parallel safe as 'select true';
create function store.to_text(subject text) returns text language sql stable parallel safe as 'select ''true''';
create function store.fails(subject text) returns boolean language plpgsql stable parallel safe as $$ begin raise 'no store today'; end $$;
create function store.tries_to_stay(subject text) returns boolean language plpgsql stable parallel safe as $$ begin set role none; return false; end $$;
create function store.unsafe(subject text) returns boolean language sql stable as 'select true';
-- With a search_path of its own in which temporary tables come first, whoever asks could put theirs there.
create function store.open_path(subject text) returns boolean language sql stable parallel safe set search_path = store as 'select true';
create function store.closed_path(subject text) returns boolean language sql stable parallel safe set search_path = store, pg_temp as 'select true';
create function store.no_path(subject text) returns boolean language sql stable parallel safe set search_path = '' as 'select true';
reset role;
set pg_aal.enrollment_function = 'store.has_second_factor';
select * from pg_temp.answers();
select current_user, current_setting('search_path') as search_path;
delete from store.second_factors;
select * from pg_temp.answers();
set pg_aal.enrollment_function = 'store.who_asks';
select * from pg_temp.answers();
set pg_aal.enrollment_function = 'store.fails';
select pg_temp.session('aal1');
select auth.has_enrolled_aal();
-- Nor does the status hide that the function fails.
select auth.aal_status();
-- A denial that only wants to know what to advise stays that denial.
select auth.require_aal('aal2');
select current_user, current_setting('search_path') as search_path;
set pg_aal.enrollment_function = 'store.tries_to_stay';
select auth.has_enrolled_aal();
set pg_aal.enrollment_function = 'store.volatile';
select * from pg_temp.answers();
select * from pg_temp.status();
set pg_aal.enrollment_function = 'store.unsafe';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.open_path';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.closed_path';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.no_path';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.to_text';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.nowhere';
select required from pg_temp.answers();
select * from pg_temp.status();
set pg_aal.enrollment_function = 'has_second_factor';
select required from pg_temp.answers();
set pg_aal.enrollment_function = 'store.f(text); drop table notes; --';
select required from pg_temp.answers();
\c regression
drop database without_store;
drop role supabase_auth_admin, mallory, keeper;
