-- A user or a session may change while a statement runs: by a trigger, by a function, by other claims. What is asked after the
-- change is looked up anew. Nothing that was looked up before it counts. By Supabase Auth's own tables.
create role supabase_auth_admin nologin;
create database within;
\c within
\set SHOW_CONTEXT never
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create index on auth.mfa_factors (user_id);
create table auth.sessions (
  id uuid primary key, user_id uuid not null, created_at timestamptz default now(), factor_id uuid, aal text, not_after timestamptz
);
-- Users 1 and 2, each with a verified factor and a session at aal2.
insert into auth.users (id) select format('%s1111111-1111-4111-8111-111111111111', n)::uuid from generate_series(1, 2) n;
insert into auth.mfa_factors
  select format('f%s111111-1111-4111-8111-111111111111', n)::uuid, format('%s1111111-1111-4111-8111-111111111111', n)::uuid, 'verified' from generate_series(1, 2) n;
insert into auth.sessions (id, user_id, aal, factor_id)
  select format('5%s111111-1111-4111-8111-111111111111', n)::uuid, format('%s1111111-1111-4111-8111-111111111111', n)::uuid, 'aal2',
         format('f%s111111-1111-4111-8111-111111111111', n)::uuid from generate_series(1, 2) n;
reset role;
create extension pg_aal;
load 'pg_aal';

create schema test;
grant usage on schema test to public;
create function test.claims(n int, aal text default 'aal2') returns text language sql immutable as $$
  select format('{"sub":"%s1111111-1111-4111-8111-111111111111","role":"authenticated","aal":"%s","session_id":"5%s111111-1111-4111-8111-111111111111"}', n, aal, n)
$$;
create function test.sign_in(n int, aal text default 'aal2') returns void language sql as $$
  select set_config('request.jwt.claims', test.claims(n, aal), false)
$$;
-- Ends sessions, and takes factors away; or gives them back. By its owner's rights, as an admin's function would.
create function test.end(n int) returns text language sql volatile security definer as $$
  update auth.sessions set not_after = '-infinity' where user_id = format('%s1111111-1111-4111-8111-111111111111', n)::uuid;
  select 'ended'
$$;
create function test.begin(n int) returns text language sql volatile security definer as $$
  update auth.sessions set not_after = null where user_id = format('%s1111111-1111-4111-8111-111111111111', n)::uuid;
  select 'begun'
$$;
create function test.enroll(n int, status text) returns text language sql volatile security definer as $$
  update auth.mfa_factors set status = enroll.status where user_id = format('%s1111111-1111-4111-8111-111111111111', n)::uuid;
  select status
$$;

\echo a function ends the session, or begins it, between two questions of one statement
select test.sign_in(1);
select auth.session_is_live(), test.end(1), auth.session_is_live(), test.begin(1), auth.session_is_live();
\echo that of another user makes no difference
select auth.session_is_live(), test.end(2), auth.session_is_live(), test.begin(2), auth.session_is_live();
\echo the factor is gone, and comes back
select test.sign_in(1, 'aal1');
select auth.enrolled_aal(), auth.has_enrolled_aal() as has, test.enroll(1, 'unverified'), auth.enrolled_aal(), auth.has_enrolled_aal() as has,
  test.enroll(1, 'verified'), auth.enrolled_aal(), auth.has_enrolled_aal() as has;
\echo a change that is undone, within a function of one statement
create function test.undone() returns text language plpgsql volatile as $$
declare
  answers text := auth.session_is_live()::text;
begin
  begin
    answers := answers || ', ' || auth.session_is_live();
    perform test.end(1);
    answers := answers || ', ended ' || auth.session_is_live();
    raise exception 'undo';
  exception when raise_exception then
    answers := answers || ', undone ' || auth.session_is_live();
  end;
  perform test.end(1);
  answers := answers || ', ended ' || auth.session_is_live();
  begin
    perform test.begin(1);
    answers := answers || ', begun ' || auth.session_is_live();
    raise exception 'undo';
  exception when raise_exception then
    answers := answers || ', undone ' || auth.session_is_live();
  end;
  begin
    answers := answers || ', ' || auth.session_is_live();
  end;
  perform test.begin(1);
  return answers || ', begun ' || auth.session_is_live();
end
$$;
select test.sign_in(1);
select test.undone();
\echo other claims, and the first ones again; other claims for a function alone
select test.end(2);
select auth.session_is_live(), set_config('request.jwt.claims', test.claims(2), false) <> '' as as_2, auth.session_is_live(),
  set_config('request.jwt.claims', test.claims(1), false) <> '' as as_1, auth.session_is_live();
create function test.as_user_2() returns boolean language sql stable
  set request.jwt.claims = '{"sub":"21111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal2","session_id":"52111111-1111-4111-8111-111111111111"}'
  as 'select auth.session_is_live()';
select auth.session_is_live(), test.as_user_2(), auth.session_is_live();
\echo another level of the same session: its factor counts only for aal2
begin;
delete from auth.mfa_factors;
select test.sign_in(1, 'aal1');
select auth.session_is_live(), set_config('request.jwt.claims', test.claims(1, 'aal2'), false) <> '' as aal2, auth.session_is_live();
rollback;
\echo a setting that decides what is live, and a function of the administrator
select test.begin(2);
select test.sign_in(1);
begin;
update auth.sessions set created_at = now() - interval '1 day';
select auth.session_is_live(), set_config('pg_aal.session_timebox', '1h', true), auth.session_is_live(), set_config('pg_aal.session_timebox', '0', true), auth.session_is_live();
rollback;
create function test.nobody(text, text) returns boolean language sql stable parallel safe return false;
create function test.no_factor(text) returns boolean language sql stable parallel safe return false;
begin;
select auth.session_is_live(), set_config('pg_aal.session_function', 'test.nobody', true), auth.session_is_live(), set_config('pg_aal.session_function', '', true), auth.session_is_live();
select auth.enrolled_aal(), set_config('pg_aal.enrollment_function', 'test.no_factor', true), auth.enrolled_aal(), set_config('pg_aal.enrollment_function', '', true), auth.enrolled_aal();
rollback;
\echo the tables themselves: renamed, of another owner, and back
create function test.ddl(statement text) returns text language plpgsql volatile as $$ begin execute statement; return statement; end $$;
select auth.session_is_live(), test.ddl('alter table auth.sessions rename to others') is null as no, auth.session_is_live(),
  test.ddl('alter table auth.others rename to sessions') is null as no, auth.session_is_live();
select auth.session_is_live(), test.ddl('alter table auth.sessions owner to authenticated') is null as no, auth.session_is_live(),
  test.ddl('alter table auth.sessions owner to supabase_auth_admin') is null as no, auth.session_is_live();

\echo a protected table: the session ends after its guard has looked, before any row; by key, by a scan, and prepared
create table notes (id int primary key, note text);
insert into notes select n, 'a' from generate_series(1, 3) n;
grant select, insert, update, delete on notes to authenticated;
create policy everybody on notes using (true) with check (true);
select count(*) > 0 as protected from auth.protect_table('notes', live => true);
create function test.end_1() returns trigger language plpgsql security definer as $$ begin perform test.end(1); return new; end $$;
create function test.attempt(statement text) returns text language plpgsql as $$
declare
  touched bigint;
begin
  execute statement;
  get diagnostics touched = row_count;
  return format('done, %s rows', touched);
exception when others then
  return concat_ws(' ', sqlstate, sqlerrm);
end
$$;
grant execute on all functions in schema test to authenticated;
create function test.attempts() returns table (statement text, answer text) language plpgsql as $$
begin
  foreach statement in array array['select from notes', 'select from notes where id = 1', 'update notes set note = note', 'update notes set note = note where id = 1',
    'delete from notes where id = 1', 'delete from notes', 'insert into notes values (4)',
    'insert into notes values (1) on conflict (id) do update set note = ''b''', 'with u as (update notes set note = note where id = 1 returning 1) select count(*) from u'] loop
    perform test.begin(1);
    begin
      set local role authenticated;
      answer := test.attempt(statement);
      reset role;
      return next;
      raise exception 'undo';
    exception when raise_exception then
    end;
  end loop;
end
$$;
select * from test.attempts();
create trigger later before insert or update or delete on notes for each statement execute function test.end_1();
select * from test.attempts();
drop trigger later on notes;
\echo with the level enrolled: the user is banned after the guard has looked
create function test.ban_1() returns trigger language plpgsql security definer as $$
begin
  update auth.users set banned_until = 'infinity' where id = '11111111-1111-4111-8111-111111111111';
  return new;
end
$$;
select count(*) > 0 as protected from auth.protect_table('notes', read => 'enrolled', write => 'enrolled', lower => true);
select * from test.attempts();
create trigger later before insert or update or delete on notes for each statement execute function test.ban_1();
select * from test.attempts();
drop trigger later on notes;
select count(*) > 0 as protected from auth.protect_table('notes', live => true, lower => true);
\echo ended by the row that is written: what comes after it in the statement may ask again, and is never less strict
create trigger later before update on notes for each row execute function test.end_1();
select statement, answer ~ '^(done, [0-9] rows|42501)' as one_or_refused from test.attempts() where statement like 'update%';
select test.begin(1);
drop trigger later on notes;

\echo the next statement: ended, begun again, undone
begin;
set local role authenticated;
select count(*) from notes;
select test.end(1);
savepoint refused;
update notes set note = note where id = 1;
rollback to refused;
select count(*) from notes;
select test.begin(1);
update notes set note = note where id = 1;
savepoint here;
select test.end(1);
select count(*) from notes;
rollback to here;
select count(*) from notes;
rollback;

\echo two users by turns on one connection, by one prepared statement
select test.end(2);
prepare counted as select auth.subject_uuid(), count(*) from notes where id = 1;
set role authenticated;
select test.sign_in(1);
execute counted;
select test.sign_in(2);
execute counted;
select test.sign_in(1);
execute counted;
reset role;
deallocate counted;
select test.begin(2);

\echo a cursor: each fetch that asks is answered as the session is then
create function test.is_live(int) returns boolean language plpgsql volatile as $$ begin return auth.session_is_live(); end $$;
begin;
declare c cursor for select test.is_live(n) from generate_series(1, 4) n;
fetch 1 from c;
select test.end(1);
fetch 1 from c;
select test.begin(1);
fetch 1 from c;
update auth.sessions set not_after = clock_timestamp() + interval '50 ms';
fetch 0 from c;
select from pg_sleep(0.1);
fetch 1 from c;
rollback;
\echo and one that outlives its transaction has its answers
begin;
declare c cursor with hold for select test.is_live(n) from generate_series(1, 2) n;
commit;
begin;
select test.end(1);
fetch all from c;
rollback;
close c;

\echo in parallel workers, after a change of this transaction
create table wide as select n as id from generate_series(1, 20000) n;
analyze wide;
create function test.is_live_here(int) returns boolean language plpgsql stable parallel safe as $$ begin return auth.session_is_live(); end $$;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = 2;
begin;
select count(*) filter (where test.is_live_here(id)) from wide;
select test.end(1);
select count(*) filter (where test.is_live_here(id)) from wide;
rollback;
reset parallel_setup_cost;
reset parallel_tuple_cost;
reset min_parallel_table_scan_size;
reset max_parallel_workers_per_gather;

\echo ended by another connection, while a statement runs: what is asked then is answered as it is then
\! psql -X -q -d within -c "select pg_sleep(0.2)" -c "select test.end(1)" > /dev/null & psql -X -q -t -d within -c "select test.sign_in(1)" -c "select test.is_live(0), pg_sleep(0.6), test.is_live(1)" | sed "/^ *$/d"; wait
select test.begin(1);

reset request.jwt.claims;
\c regression
drop database within;
drop role supabase_auth_admin;
