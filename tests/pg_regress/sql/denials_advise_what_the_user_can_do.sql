-- The action of a denial is one that Supabase Auth lets this user do: a user who is deleted or banned can only sign in, an
-- anonymous one can't enroll a factor, and a factor that was removed can't be verified again.
create role supabase_auth_admin nologin;
create database advice;
\c advice
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (user_id uuid not null references auth.users on delete cascade, status auth.factor_status not null);
reset role;
create extension pg_aal;
create table notes (id int primary key);
create table recent (id int primary key);
grant select, insert, update, delete on notes, recent to anon, authenticated;
create policy everybody on notes using (true) with check (true);
create policy everybody on recent using (true) with check (true);
select count(*) > 0 as protected from auth.protect_table('notes', write => 'enrolled');
select count(*) > 0 as protected from auth.protect_table('recent', max_age => '10 minutes');

create table users (who text, subject text, anonymous boolean);
grant select on users to public;
insert into users values
  ('no factor',                '00000000-0000-4000-8000-000000000000', false),
  ('factor',                   '10000000-0000-4000-8000-000000000000', false),
  ('deleted, rows are there',  '20000000-0000-4000-8000-000000000000', false),
  ('deleted, rows are gone',   '30000000-0000-4000-8000-000000000000', false),
  ('banned',                   '40000000-0000-4000-8000-000000000000', false),
  ('banned for good',          '50000000-0000-4000-8000-000000000000', false),
  ('ban is over',              '60000000-0000-4000-8000-000000000000', false),
  ('ban was never',            '70000000-0000-4000-8000-000000000000', false),
  ('anonymous',                '80000000-0000-4000-8000-000000000000', true),
  ('anonymous, deleted',       '90000000-0000-4000-8000-000000000000', true),
  ('anonymous, banned',        'a0000000-0000-4000-8000-000000000000', true),
  ('no longer anonymous',      'b0000000-0000-4000-8000-000000000000', true),
  ('another provider''s user', 'user_2abc', false),
  ('no sub',                   null, false);
insert into auth.users (id)
  select subject::uuid from users where subject like '________-%' and who not in ('deleted, rows are gone', 'anonymous, deleted');
insert into auth.mfa_factors select id, 'verified' from auth.users where id::text !~ '^[08a]';
insert into auth.mfa_factors select id, 'unverified' from auth.users where id::text ~ '^[0a]';
update auth.users set deleted_at = now() where id::text like '2%';
update auth.users set banned_until = now() + '1 hour' where id::text ~ '^[4a]';
update auth.users set banned_until = 'infinity' where id::text like '5%';
update auth.users set banned_until = now() - '1 second' where id::text like '6%';
update auth.users set banned_until = '-infinity' where id::text like '7%';

-- aal2: with a second factor, verified two hours ago.
create function sign_in(subject text, anonymous boolean, aal text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_strip_nulls(jsonb_build_object(
    'sub', subject, 'role', 'authenticated', 'aal', aal, 'is_anonymous', anonymous, 'amr',
    jsonb_build_array(jsonb_build_object('method', case when anonymous then 'anonymous' else 'password' end, 'timestamp', ago)) ||
    case aal when 'aal2' then jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', ago)) else '[]' end))::text, false)
    from (select floor(extract(epoch from statement_timestamp()))::bigint - 7200) clock(ago)
$$;
create function attempt(statement text) returns text language plpgsql as $$
declare
  detail text;
begin
  execute statement;
  return 'done';
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return case when detail like '{%' then detail::jsonb ->> 'action' else sqlstate || ' ' || sqlerrm end;
end
$$;
create function answers(subject text, anonymous boolean, aal text)
returns table (aal2 text, fresh_aal2 text, fresh_aal1 text, enrolled text, written text, level text, status text) language plpgsql as $$
begin
  perform sign_in(subject, anonymous, aal);
  aal2 := attempt($s$select auth.require_aal('aal2')$s$);
  fresh_aal2 := attempt('update recent set id = id');
  fresh_aal1 := attempt($s$select auth.require_aal('aal1', '10 minutes')$s$);
  enrolled := attempt('select auth.require_enrolled_aal()');
  written := attempt('update notes set id = id');
  level := auth.enrolled_aal();
  status := auth.aal_status() ->> 'action';
  return next;
end
$$;
set role authenticated;
select who, answers.* from users, answers(subject, anonymous, 'aal1') answers;
select who, answers.* from users, answers(subject, anonymous, 'aal2') answers;

-- What each denial says.
select sign_in('80000000-0000-4000-8000-000000000000', true, 'aal1');
update recent set id = id;
select auth.require_aal('aal1', '10 minutes');
select sign_in('40000000-0000-4000-8000-000000000000', false, 'aal1');
update recent set id = id;
update notes set id = id;
select sign_in('20000000-0000-4000-8000-000000000000', false, 'aal2');
update recent set id = id;
select sign_in('00000000-0000-4000-8000-000000000000', false, 'aal2');
update recent set id = id;
set pg_aal.error_format = postgrest;
select sign_in('80000000-0000-4000-8000-000000000000', true, 'aal1');
select auth.require_aal('aal2');
\echo :LAST_ERROR_SQLSTATE
reset pg_aal.error_format;

-- A value that isn't a boolean makes a user anonymous, too; a token that says both says nothing.
select claims, set_config('request.jwt.claims', claims, false) is null as set, attempt($$select auth.require_aal('aal2')$$)
  from (values
    ('{"sub":"10000000-0000-4000-8000-000000000000","aal":"aal1","is_anonymous":"true"}'),
    ('{"sub":"10000000-0000-4000-8000-000000000000","aal":"aal1","user_metadata":{"is_anonymous":true}}'),
    ('{"sub":"10000000-0000-4000-8000-000000000000","aal":"aal1","is_anonymous":true,"is_anonymous":false}')) texts(claims);

-- A ban counts from the next statement on, and as long as it lasts.
select sign_in('10000000-0000-4000-8000-000000000000', false, 'aal2');
select auth.has_enrolled_aal();
reset role;
begin;
update auth.users set banned_until = now() + '1 hour' where id::text like '1%';
select auth.has_enrolled_aal(), auth.enrolled_aal();
rollback;
select auth.has_enrolled_aal();

-- In parallel workers, too.
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
create table many as select n from generate_series(1, 1000) n;
alter table many set (parallel_workers = 2);
analyze many;
create function is_at_enrolled_level(int) returns boolean language sql stable parallel safe as $$ select auth.has_enrolled_aal() and $1 > 0 $$;
select count(*) from many where is_at_enrolled_level(n);
update auth.users set banned_until = now() + '1 hour' where id::text like '1%';
select count(*) from many where is_at_enrolled_level(n);
update auth.users set banned_until = null where id::text like '1%';

-- A column of that name and another type is not Supabase Auth's: nobody is looked up. A table without it has no bans.
alter table auth.users rename banned_until to banned;
alter table auth.users add banned_until date;
select auth.enrolled_aal();
alter table auth.users drop banned_until;
select auth.enrolled_aal();

\c regression
drop database advice;
drop role supabase_auth_admin;
