-- The level this user can reach, by Supabase Auth's own tables: aal2 with a verified factor, else aal1.
create role supabase_auth_admin nologin;
create database enrolled;
\c enrolled
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, email text, created_at timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users on delete cascade,
  friendly_name text, factor_type auth.factor_type not null, status auth.factor_status not null
);
create index on auth.mfa_factors (user_id);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
insert into auth.users (id) select format('%s1111111-1111-4111-8111-111111111111', n)::uuid from generate_series(0, 9) n;
insert into auth.mfa_factors (user_id, factor_type, status) values
  ('11111111-1111-4111-8111-111111111111', 'totp', 'unverified'),
  ('21111111-1111-4111-8111-111111111111', 'totp', 'verified'),
  ('31111111-1111-4111-8111-111111111111', 'totp', 'verified'),
  ('31111111-1111-4111-8111-111111111111', 'phone', 'verified'),
  ('31111111-1111-4111-8111-111111111111', 'webauthn', 'unverified'),
  ('41111111-1111-4111-8111-111111111111', 'totp', 'verified');
update auth.users set deleted_at = now() where id = '41111111-1111-4111-8111-111111111111';
reset role;
create extension pg_aal;
create table notes (id int primary key, note text);
insert into notes values (1, 'a'), (2, 'b');
grant select, insert, update, delete on notes to anon, authenticated;
create policy everybody on notes using (true) with check (true);
select write from auth.protect_table('notes', write => 'enrolled');
select statement from string_to_table(auth.protect_table_sql('notes', write => 'enrolled'), E'\n\n') as statement where statement like 'create%';
select read, on_insert, on_update, on_delete from auth.protected_tables;

create schema test;
grant usage on schema test to public;
create function test.sign_in(subject text, aal text default 'aal1', password_ago int default 60, totp_ago int default null) returns void
language sql as $$
  select set_config('request.jwt.claims', format(
    '{"sub":"%s","role":"authenticated","aal":"%s","amr":[%s{"method":"password","timestamp":%s}]}', subject, aal,
    case when totp_ago is null then '' else format('{"method":"totp","timestamp":%s},', now - totp_ago) end, now - password_ago), false)
    from (select floor(extract(epoch from statement_timestamp()))::bigint) clock(now)
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
  return format('%s %s %s', sqlstate, sqlerrm, detail::jsonb ->> 'action');
end
$$;
-- One statement each: within a statement the answers stay.
create function test.answers(subject text, aal text, password_ago int, totp_ago int, max_age interval)
returns table (enrolled text, has boolean, required text, written text) language plpgsql as $$
begin
  perform test.sign_in(subject, aal, password_ago, totp_ago);
  enrolled := auth.enrolled_aal();
  has := auth.has_enrolled_aal(max_age);
  required := test.attempt(format('select auth.require_enrolled_aal(%L)', max_age));
  written := test.attempt('update notes set note = note');
  return next;
end
$$;
create table test.users (who text, subject text);
insert into test.users values
  ('no factor',          '01111111-1111-4111-8111-111111111111'),
  ('unverified factor',  '11111111-1111-4111-8111-111111111111'),
  ('verified factor',    '21111111-1111-4111-8111-111111111111'),
  ('several factors',    '31111111-1111-4111-8111-111111111111'),
  ('deleted user',       '41111111-1111-4111-8111-111111111111'),
  ('unknown user',       'ffffffff-ffff-4fff-8fff-ffffffffffff'),
  ('no UUID',            'jane');
grant select on test.users to public;
set role authenticated;

-- Each user, at aal1 and at aal2.
select who, answers.* from test.users, test.answers(subject, 'aal1', 60, null, null) answers;
select who, answers.* from test.users, test.answers(subject, 'aal2', 60, 30, null) answers;

-- Nobody.
select set_config('request.jwt.claims', '{"role":"anon"}', false);
select auth.enrolled_aal(), auth.has_enrolled_aal(), test.attempt('select auth.require_enrolled_aal()'), test.attempt('delete from notes');
reset request.jwt.claims;
select auth.enrolled_aal(), auth.has_enrolled_aal(), auth.aal_status();

-- Freshness is that of the factor that gives the enrolled level.
select who, has, required from (values
  ('no factor, password a minute ago',        '01111111-1111-4111-8111-111111111111', 'aal1', 60, null::int),
  ('no factor, password an hour ago',         '01111111-1111-4111-8111-111111111111', 'aal1', 3600, null),
  ('factor, not verified',                    '21111111-1111-4111-8111-111111111111', 'aal1', 60, null),
  ('factor, verified a minute ago',           '21111111-1111-4111-8111-111111111111', 'aal2', 7200, 60),
  ('factor, verified an hour ago',            '21111111-1111-4111-8111-111111111111', 'aal2', 60, 3600),
  ('factor removed after it, password fresh', '01111111-1111-4111-8111-111111111111', 'aal2', 60, 3600)) users(who, subject, aal, password_ago, totp_ago),
  test.answers(subject, aal, password_ago, totp_ago, '10 minutes') answers;
select auth.has_enrolled_aal('-1 second');
\echo :LAST_ERROR_SQLSTATE

-- What a denial tells to do is exact: who has no factor can't verify one.
select test.sign_in('01111111-1111-4111-8111-111111111111');
select auth.require_aal('aal2');
select test.sign_in('11111111-1111-4111-8111-111111111111');
select test.attempt('select auth.require_aal(''aal2'')');
select test.sign_in('21111111-1111-4111-8111-111111111111');
select test.attempt('select auth.require_aal(''aal2'')');
select test.sign_in('41111111-1111-4111-8111-111111111111');
select test.attempt('select auth.require_aal(''aal2'')');

-- The status, as supabase-js has it.
select test.sign_in('01111111-1111-4111-8111-111111111111');
select jsonb_pretty(auth.aal_status() - 'currentAuthenticationMethods');
select test.sign_in('21111111-1111-4111-8111-111111111111');
select auth.aal_status() - 'currentAuthenticationMethods' as status, auth.aal_status() -> 'currentAuthenticationMethods' = auth.claims() -> 'amr' as methods_as_in_the_token;
select test.sign_in('21111111-1111-4111-8111-111111111111', 'aal2', 60, 30);
select auth.aal_status() - 'currentAuthenticationMethods' as status, auth.aal_status() -> 'currentAuthenticationMethods' = auth.claims() -> 'amr' as methods_as_in_the_token;
select set_config('request.jwt.claims', '{"sub":"21111111-1111-4111-8111-111111111111","aal":"aal1","amr":["pwd"]}', false);
select auth.aal_status();
select set_config('request.jwt.claims', 'no JSON', false);
select auth.aal_status();

-- A factor that is removed is gone for the next statement; one that is verified, there.
select test.sign_in('21111111-1111-4111-8111-111111111111');
begin;
select auth.enrolled_aal();
reset role;
delete from auth.mfa_factors where user_id = '21111111-1111-4111-8111-111111111111';
set local role authenticated;
select auth.enrolled_aal(), test.attempt('update notes set note = note');
rollback;
select auth.enrolled_aal();

-- Two users by turns in one session, and in one transaction.
begin;
select test.sign_in('01111111-1111-4111-8111-111111111111');
select auth.enrolled_aal(), test.attempt('update notes set note = note');
select test.sign_in('31111111-1111-4111-8111-111111111111');
select auth.enrolled_aal(), test.attempt('update notes set note = note');
select test.sign_in('01111111-1111-4111-8111-111111111111');
select auth.enrolled_aal(), test.attempt('update notes set note = note');
rollback;

-- Once per statement, however many rows there are.
select test.sign_in('01111111-1111-4111-8111-111111111111');
reset role;
insert into notes select n, 'n' from generate_series(3, 1000) n;
begin;
set local track_functions = 'all';
set local role authenticated;
select count(*) from notes where auth.has_enrolled_aal();
reset role;
select pg_stat_get_xact_function_calls('auth.has_enrolled_aal(interval)'::regprocedure) as calls;
rollback;
set role authenticated;

-- Nobody can read the factors through it: neither by rights nor by a question.
select * from auth.mfa_factors;
\echo :LAST_ERROR_SQLSTATE
select proname, pg_get_function_arguments(oid) as arguments, prosecdef, proconfig from pg_proc
 where pronamespace = 'auth'::regnamespace and prosecdef order by 1;
reset role;
drop table notes;
\c regression
drop database enrolled;
drop role supabase_auth_admin;
