-- However many places of a statement ask for the user or the session (policies for old and new rows, the guard, a refused read),
-- they are looked up once. Counted by the scans of Supabase Auth's tables.
create role supabase_auth_admin nologin;
create database once;
\c once
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create index on auth.mfa_factors (user_id);
create table auth.sessions (
  id uuid primary key, user_id uuid not null, created_at timestamptz default now(), factor_id uuid, aal text, not_after timestamptz
);
insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
insert into auth.sessions (id, user_id, aal, factor_id) values
  ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111');
reset role;
create extension pg_aal;
load 'pg_aal';
create table enrolled (id int primary key, note text);
insert into enrolled select n, 'a' from generate_series(1, 100) n;
create table live (like enrolled including all);
insert into live table enrolled;
create table refused (like enrolled including all);
insert into refused table enrolled;
grant select, insert, update, delete on enrolled, live, refused to authenticated;
create policy everybody on enrolled using (true) with check (true);
create policy everybody on live using (true) with check (true);
create policy everybody on refused using (true) with check (true);
select from auth.protect_table('enrolled', read => 'enrolled', write => 'enrolled');
select from auth.protect_table('live', read => 'enrolled', live => true);
select from auth.protect_table('refused', read => 'aal2', refuse_reads => true, live => true);
analyze;

create schema test;
grant usage on schema test to public;
create function test.scans() returns int[] language sql volatile as $$
  select array_agg((idx_scan + seq_scan)::int order by relname) from pg_stat_xact_all_tables where schemaname = 'auth'
$$;
-- How often the factors, the sessions and the users are scanned. Where another connection commits meanwhile, a statement looks them up
-- again: the fewest of several tries count.
create function test.looks_up(statement text) returns text language plpgsql as $$
declare
  before int[];
  later int[];
  fewest int[];
begin
  for try in 1..10 loop
    begin
      set local role authenticated;
      before := test.scans();
      execute statement;
      later := test.scans();
      raise exception 'undo';
    exception when raise_exception then
    end;
    fewest := least(fewest, array(select l - b from unnest(before, later) as both_of(b, l)));
  end loop;
  return format('%s factors, %s sessions, %s users', fewest[1], fewest[2], fewest[3]);
end
$$;
select set_config('request.jwt.claims',
  '{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}', false) is null as no;
select name, statement, test.looks_up(format(statement, name)) from unnest(array['enrolled', 'live', 'refused']) name, unnest(array[
  'select from %I', 'select from %I where id = 1', 'insert into %I values (0)', 'insert into %I select n from generate_series(-9, 0) n',
  'insert into %I values (1) on conflict (id) do update set note = ''b''',
  'update %I set note = note', 'update %I set note = note where id = 1', 'delete from %I', 'delete from %I where id = 1',
  'with u as (update %I set note = note where id = 1 returning id) select count(*) from u']) statement;
\echo what a user writes, too
select statement, test.looks_up(statement) from unnest(array['select auth.session_is_live(), auth.session_is_live()',
  'select auth.has_enrolled_aal(), auth.has_enrolled_aal(''1 hour''), auth.enrolled_aal()']) statement;
\echo each statement of its own, also within another
select test.looks_up('do ''begin perform from live; perform from live; end''');

reset request.jwt.claims;
\c regression
drop database once;
drop role supabase_auth_admin;
