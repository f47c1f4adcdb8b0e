-- An access token outlives a sign-out, a ban, a deletion and a removed factor. Where a live session is asked for, it counts for
-- nothing from the next statement on. By Supabase Auth's own tables.
create role supabase_auth_admin nologin;
create database live;
\c live
\set SHOW_CONTEXT never
\pset null '(null)'
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (
  instance_id uuid, id uuid primary key, email text, created_at timestamptz default now(), banned_until timestamptz, deleted_at timestamptz
);
create table auth.mfa_factors (
  id uuid primary key, user_id uuid not null references auth.users on delete cascade,
  friendly_name text, factor_type auth.factor_type not null default 'totp', status auth.factor_status not null
);
create index on auth.mfa_factors (user_id);
create table auth.sessions (
  id uuid primary key, user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz default now(), updated_at timestamptz default now(), factor_id uuid, aal auth.aal_level, not_after timestamptz
);
create index on auth.sessions (user_id);
create index on auth.sessions (user_id, created_at);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
alter table auth.sessions enable row level security;
-- Users 1 and 2, each with a verified factor, a session at aal2 and one at aal1. (User 1: session 11 and 12, and so on.)
insert into auth.users (id) select format('%s1111111-1111-4111-8111-111111111111', n)::uuid from generate_series(1, 2) n;
insert into auth.mfa_factors (id, user_id, status)
  select format('f%s111111-1111-4111-8111-111111111111', n)::uuid, format('%s1111111-1111-4111-8111-111111111111', n)::uuid, 'verified' from generate_series(1, 2) n;
insert into auth.sessions (id, user_id, aal, factor_id)
  select format('5%s%s11111-1111-4111-8111-111111111111', n, s)::uuid, format('%s1111111-1111-4111-8111-111111111111', n)::uuid,
         (array['aal2', 'aal1'])[s]::auth.aal_level, case s when 1 then format('f%s111111-1111-4111-8111-111111111111', n)::uuid end
    from generate_series(1, 2) n, generate_series(1, 2) s;
reset role;
create extension pg_aal;

create table notes (id int primary key, note text);
insert into notes values (1, 'a'), (2, 'b');
grant select, insert, update, delete, truncate on notes to anon, authenticated;
create policy everybody on notes using (true) with check (true);
select target, read, write, warnings from auth.protect_table('notes', live => true);

create schema test;
grant usage on schema test to public;
-- As user n in their session s, with a token at a level.
create function test.sign_in(n text, s text, aal text) returns void language sql as $$
  select set_config('request.jwt.claims', format(
    '{"sub":"%s1111111-1111-4111-8111-111111111111","role":"authenticated","aal":"%s","session_id":"5%s%s11111-1111-4111-8111-111111111111"}', n, aal, n, s), false)
$$;
create function test.attempt(statement text) returns text language plpgsql as $$
declare
  touched bigint;
  detail text;
begin
  execute statement;
  get diagnostics touched = row_count;
  return format('done, %s rows', touched);
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return concat_ws(' ', sqlstate, sqlerrm, nullif(detail, '')::jsonb ->> 'action', nullif(detail, '')::jsonb ->> 'reason');
end
$$;
-- One statement each: within a statement the answers stay.
create function test.answers() returns table (live boolean, required text, reads text, written text, truncated text) language plpgsql as $$
begin
  set local role authenticated;
  live := auth.session_is_live();
  -- A front end is told the same, where there is a level.
  if auth.aal() is not null and (auth.aal_status() ->> 'sessionIsLive')::boolean is distinct from live then
    raise 'aal_status says otherwise';
  end if;
  required := test.attempt('select auth.require_live_session()');
  reads := test.attempt('select from notes');
  written := test.attempt('update notes set note = note');
  truncated := left(test.attempt('do ''begin truncate notes; raise division_by_zero; end'''), 40);
  reset role;
  return next;
end
$$;
create table test.sessions (n text, s text, aal text);
insert into test.sessions values ('1', '1', 'aal2'), ('1', '1', 'aal1'), ('1', '2', 'aal1');
-- What becomes of the tokens of user 1 by a change, which is undone. An aal1 token of session 11 was issued before its step-up.
create function test.after(change text) returns table (n text, s text, aal text, live boolean, required text, reads text, written text, truncated text)
language plpgsql as $$
begin
  begin
    set local role supabase_auth_admin;
    execute change;
    reset role;
    for n, s, aal in select * from test.sessions loop
      perform test.sign_in(n, s, aal);
      select * into live, required, reads, written, truncated from test.answers();
      return next;
    end loop;
    raise exception 'undo';
  exception when raise_exception then
    return;
  end;
end
$$;
-- (RETURN NEXT keeps its rows, though the change is undone.)

\echo live
select * from test.after('select');
\echo signed out: on this device, on the others, everywhere
select * from test.after('delete from auth.sessions where id = ''51111111-1111-4111-8111-111111111111''');
select * from test.after('delete from auth.sessions where id <> ''51111111-1111-4111-8111-111111111111'' and user_id = ''11111111-1111-4111-8111-111111111111''');
select * from test.after('delete from auth.sessions where user_id = ''11111111-1111-4111-8111-111111111111''');
\echo another user signed out
select n, s, aal, live from test.after('delete from auth.sessions where user_id <> ''11111111-1111-4111-8111-111111111111''');
\echo its time is over, to come, and now; a session for ever
select n, s, aal, live, written from test.after('update auth.sessions set not_after = now() - interval ''1 second''');
select n, s, aal, live, written from test.after('update auth.sessions set not_after = now() + interval ''1 hour''');
select n, s, aal, live, written from test.after('update auth.sessions set not_after = statement_timestamp()');
select n, s, aal, live from test.after('update auth.sessions set not_after = ''infinity''');
select n, s, aal, live from test.after('update auth.sessions set not_after = ''-infinity''');
\echo banned, for a while, for ever, and no longer
select * from test.after('update auth.users set banned_until = now() + interval ''1 day''');
select n, s, aal, live from test.after('update auth.users set banned_until = ''infinity''');
select n, s, aal, live from test.after('update auth.users set banned_until = now() - interval ''1 second''');
\echo deleted, softly and for good
select n, s, aal, live, required from test.after('update auth.users set deleted_at = now()');
select n, s, aal, live, required from test.after('delete from auth.users where id = ''11111111-1111-4111-8111-111111111111''');
\echo the factor removed as Supabase Auth does it; by SQL alone; not verified any more; of another user
select * from test.after('delete from auth.mfa_factors; update auth.sessions set aal = ''aal1'', factor_id = null where user_id = ''11111111-1111-4111-8111-111111111111''');
select n, s, aal, live, required from test.after('delete from auth.mfa_factors');
select n, s, aal, live, required from test.after('update auth.mfa_factors set status = ''unverified''');
select n, s, aal, live from test.after('update auth.mfa_factors set user_id = ''21111111-1111-4111-8111-111111111111''');
\echo a session at aal2 that names no factor; at another level than its token
select n, s, aal, live, required from test.after('update auth.sessions set factor_id = null');
select n, s, aal, live from test.after('update auth.sessions set aal = null');
select n, s, aal, live from test.after('update auth.sessions set aal = ''aal3''');
\echo another factor removed: that of the session is there
select n, s, aal, live from test.after('insert into auth.mfa_factors values (gen_random_uuid(), ''11111111-1111-4111-8111-111111111111'', ''b'', ''totp'', ''verified''); delete from auth.mfa_factors where friendly_name = ''b''');

\echo whose session it is counts, and its name must be one
create function test.of(claims text) returns table (live boolean, required text, written text) language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims, false);
  set local role authenticated;
  live := auth.session_is_live();
  -- A front end is told the same, where there is a level.
  if auth.aal() is not null and (auth.aal_status() ->> 'sessionIsLive')::boolean is distinct from live then
    raise 'aal_status says otherwise';
  end if;
  required := test.attempt('select auth.require_live_session()');
  written := test.attempt('update notes set note = note');
  reset role;
  return next;
end
$$;
select claims, answers.* from (values
  ('{"sub":"21111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"5fffffff-1111-4111-8111-111111111111"}'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"s"}'),
  ('{"sub":"jane","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2"}'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":null}'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","session_id":"51111111-1111-4111-8111-111111111111"}'),
  ('{"role":"anon"}'), (''), ('no json'),
  ('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111","session_id":"x"}')
) as given(claims), test.of(claims) answers;

\echo a denial says what to do, in each form
select test.sign_in('1', '1', 'aal2');
begin;
delete from auth.sessions;
set local role authenticated;
savepoint here;
update notes set note = 'x';
rollback to here;
select auth.require_live_session();
rollback to here;
set local pg_aal.error_format = 'postgrest';
update notes set note = 'x';
rollback to here;
set local pg_aal.error_format = 'postgrest';
select auth.require_live_session();
rollback;

\echo the guard: no level comes before no session, and no session before a level that is too low
begin;
delete from auth.sessions;
select (test.of('{"sub":"11111111-1111-4111-8111-111111111111","session_id":"51111111-1111-4111-8111-111111111111"}')).written;
select (test.of('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","session_id":"51111111-1111-4111-8111-111111111111"}')).written;
rollback;

\echo the timebox of sessions, which is a setting of the server of Supabase Auth
load 'pg_aal';
set pg_aal.session_timebox = '1h';
select n, s, aal, live, required from test.after('update auth.sessions set created_at = now() - interval ''59 minutes''');
select n, s, aal, live, required from test.after('update auth.sessions set created_at = now() - interval ''60 minutes''');
select n, s, aal, live from test.after('update auth.sessions set created_at = null');
reset pg_aal.session_timebox;

\echo a statement sees one state, and the next one the next: also with an older snapshot
select test.sign_in('1', '1', 'aal2');
begin isolation level repeatable read;
set local role authenticated;
select auth.session_is_live(), count(*) from notes;
\! psql -X -q -d live -c "delete from auth.sessions where id = '51111111-1111-4111-8111-111111111111'"
select auth.session_is_live(), count(*) from notes;
commit;
insert into auth.sessions (id, user_id, aal, factor_id) values
  ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111');
select auth.session_is_live();

\echo two users by turns in one session, in one transaction, and by one prepared statement
begin;
prepare counted as select auth.subject(), count(*) from notes;
delete from auth.sessions where user_id = '21111111-1111-4111-8111-111111111111';
set local role authenticated;
select test.sign_in('1', '1', 'aal2');
execute counted;
select test.sign_in('2', '1', 'aal2');
execute counted;
select test.sign_in('1', '1', 'aal2');
execute counted;
rollback;
deallocate counted;

\echo once per statement, however many rows there are, and without being asked for
insert into notes select n, 'n' from generate_series(3, 1000) n;
select test.sign_in('1', '1', 'aal2');
begin;
set local track_functions = 'all';
set local role authenticated;
select count(*) from notes;
update notes set note = note;
reset role;
select pg_stat_get_xact_function_calls('auth.session_is_live()'::regprocedure) as calls;
rollback;

\echo in parallel workers
create function test.workers(query text) returns text language plpgsql as $$
declare
  line text;
begin
  for line in execute 'explain ' || query loop
    if line like '%Workers Planned%' then
      return trim(line);
    end if;
  end loop;
end
$$;
create table wide as select n as id from generate_series(1, 20000) n;
grant select on wide to authenticated;
create policy everybody on wide using (true);
select count(*) from auth.protect_table('wide', live => true);
begin;
set local parallel_setup_cost = 0;
set local parallel_tuple_cost = 0;
set local min_parallel_table_scan_size = 0;
set local max_parallel_workers_per_gather = 2;
set local role authenticated;
select test.workers('select count(*) from wide');
select count(*) from wide;
reset role;
delete from auth.sessions;
set local role authenticated;
select count(*) from wide;
rollback;

\echo a cursor goes on with the answer of its first fetch, as with its level
begin;
set local role authenticated;
declare c cursor for select id from wide;
fetch 1 from c;
reset role;
delete from auth.sessions;
set local role authenticated;
fetch 1 from c;
select count(*) from wide;
rollback;

\echo in token mode claims without a token name no session
set pg_aal.claims_source = 'token';
select auth.session_is_live();
select auth.require_live_session();
reset pg_aal.claims_source;

\echo nobody can read the sessions through it: neither by rights nor by a question
set role authenticated;
select * from auth.sessions;
\echo :LAST_ERROR_SQLSTATE
reset role;
select proname, pg_get_function_arguments(oid) as arguments, provolatile, proparallel, prosecdef from pg_proc
 where pronamespace = 'auth'::regnamespace and proname in ('session_is_live', 'require_live_session') order by 1;
\c regression
drop database live;
drop role supabase_auth_admin;
