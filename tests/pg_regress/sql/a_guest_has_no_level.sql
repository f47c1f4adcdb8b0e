-- An anonymous user has shown no factor, so they have no level with any claim aal. They are told to sign in.
create role supabase_auth_admin nologin;
create database guests;
\c guests
set client_min_messages = warning;
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (user_id uuid not null references auth.users on delete cascade, status auth.factor_status not null);
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
insert into auth.users (id) values ('a0000000-0000-4000-8000-000000000001'), ('d0000000-0000-4000-8000-000000000004');
reset role;
create extension pg_aal;
create schema test;
grant usage on schema test to public;

-- Ann has signed in, and the guest anonymously.
create function test.claims(who text, more text default '{}') returns jsonb language sql stable as $$
  select jsonb_build_object(
    'sub', case who when 'ann' then 'a0000000-0000-4000-8000-000000000001' else 'd0000000-0000-4000-8000-000000000004' end,
    'role', 'authenticated', 'aal', 'aal1', 'is_anonymous', who = 'guest', 'amr',
    jsonb_build_array(jsonb_build_object('method', case who when 'ann' then 'password' else 'anonymous' end, 'timestamp', floor(extract(epoch from now()))::bigint - 60)))
    || more::jsonb
$$;
create function test.become(who text, more text default '{}') returns void language sql as $$
  select set_config('request.jwt.claims', test.claims(who, more)::text, false)
$$;
-- What a statement answers: rows, or the action, reason and current level of the refusal.
create function test.attempt(statement text, claims jsonb) returns text language plpgsql as $$
declare
  touched bigint;
  detail text;
begin
  perform set_config('request.jwt.claims', claims::text, true), set_config('role', 'authenticated', true);
  execute statement;
  get diagnostics touched = row_count;
  raise exception using errcode = 'UNDO1', message = touched || ' rows';
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return case when sqlstate = 'UNDO1' then sqlerrm
              when detail like '{%' then concat_ws(', ', detail::jsonb ->> 'action', detail::jsonb ->> 'reason', coalesce(detail::jsonb ->> 'current_aal', 'none'))
              else sqlstate || ' ' || sqlerrm end;
end
$$;

-- A guest meets no level that a table needs. Tables that need none stay open to them.
create table posts (id int default 1, user_id uuid default auth.subject_uuid(), note text);
insert into posts (user_id) select id from auth.users;
grant select, insert, update, delete on posts to authenticated;
create table needs (nr int generated always as identity, call text, guest_reads text, guest_writes text, ann_reads text, ann_writes text);
insert into needs (call) values
  ('write => ''enrolled'''), ('read => ''aal1'', write => ''aal1'''), (''), ('read => ''none'', write => ''aal1'''), ('read => ''enrolled'''), ('max_age => ''1 day''');
do $$
declare
  each record;
begin
  for each in select * from needs loop
    execute format('select auth.protect_table(''posts'', owner_column => ''user_id'', lower => true%s)', ', ' || nullif(each.call, ''));
    update needs set
      guest_reads = test.attempt('select 1 from posts', test.claims('guest')), guest_writes = test.attempt('update posts set note = note', test.claims('guest')),
      ann_reads = test.attempt('select 1 from posts', test.claims('ann')), ann_writes = test.attempt('update posts set note = note', test.claims('ann'))
      where nr = each.nr;
  end loop;
end
$$;
select call, guest_reads, guest_writes, ann_reads, ann_writes from needs order by nr;

-- What the functions say.
select test.become('guest');
select auth.aal(), auth.has_aal('aal1'), auth.has_enrolled_aal(), auth.enrolled_aal(), auth.authenticated_at(), auth.subject() is not null as has_subject;
select method, authenticated_at is not null as has_time, level from auth.amr();
select auth.aal_status();
select auth.require_aal('aal1');
select auth.require_aal('aal2', '15 minutes');
select auth.require_enrolled_aal();
set pg_aal.error_format = postgrest;
select auth.require_aal('aal1');
reset pg_aal.error_format;
-- A user who is gone; and one who has an account and a factor by now, with a token from before.
update auth.users set banned_until = 'infinity';
select test.attempt('select auth.require_aal(''aal1'')', test.claims('guest')), test.attempt('select auth.require_enrolled_aal()', test.claims('guest'));
update auth.users set banned_until = null;
begin;
insert into auth.mfa_factors select id, 'verified' from auth.users;
select test.attempt('select auth.require_aal(''aal2'')', test.claims('guest')), test.attempt('select auth.require_enrolled_aal()', test.claims('guest'));
rollback;

-- Anything but false and null makes a guest; a level above aal1 helps nobody; a claim that stands twice says nothing.
select value, test.attempt('select auth.require_aal(''aal1'')', test.claims('ann', format('{"aal":"aal3","is_anonymous":%s}', value)))
  from unnest(array['true', '"true"', '1', '0', '"false"', '""', '[]', '{}', 'false', 'null']) value;
select test.attempt('select auth.require_aal(''aal1'')', test.claims('ann') - 'is_anonymous') as without,
       test.attempt('select auth.require_aal(''aal1'')', test.claims('ann', '{"user_metadata":{"is_anonymous":true}}')) as in_metadata;
select set_config('request.jwt.claims', '{"sub":"x","aal":"aal1","is_anonymous":true,"is_anonymous":false}', false) is null as set, auth.aal();
-- Without a level in the claim, the issuer comes first; without a user, nobody is there.
select test.attempt('select auth.require_aal(''aal1'')', test.claims('guest') - 'aal') as no_claim,
       test.attempt('select auth.require_aal(''aal1'')', test.claims('guest', '{"aal":"AAL1"}')) as no_level,
       test.attempt('select auth.require_aal(''aal1'')', '{"is_anonymous":true}') as nobody;
-- With an account, the user has a level. What they did as a guest is no authentication.
select test.attempt('select auth.require_aal(''aal1'')', test.claims('guest', '{"is_anonymous":false}')) as level,
       test.attempt('select auth.require_aal(''aal1'', ''1 day'')', test.claims('guest', '{"is_anonymous":false}')) as fresh;

-- What they write instead: a policy that reads the claims sees what the token says.
create table comments_of_users (id int default 1, note text);
insert into comments_of_users default values;
alter table comments_of_users enable row level security;
grant select, insert, update, delete on comments_of_users to authenticated;
create policy everybody on comments_of_users using (true);
create policy no_guests on comments_of_users as restrictive for all using ((select (auth.jwt() ->> 'is_anonymous')::boolean) is false);
create policy mfa_for_members on comments_of_users as restrictive for insert
  with check ((select (auth.jwt() ->> 'is_anonymous')::boolean) is not true and (select auth.jwt() ->> 'aal') = 'aal2');
select command, required_aal, note from auth.aal_matrix('comments_of_users') where role = 'authenticated' order by command;
select command, test.attempt(statement, test.claims('guest')) as guest, test.attempt(statement, test.claims('ann')) as ann
  from (values ('SELECT', 'select 1 from comments_of_users'), ('INSERT', 'insert into comments_of_users default values'),
               ('UPDATE', 'update comments_of_users set note = note')) tried(command, statement);
select name, detail from auth.aal_lint() where metadata ->> 'name' = 'comments_of_users' order by 1, 2;

-- The matrix: the level by the claim, and that guests pass.
create function test.asks(name text, expression text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int)', name);
  execute format('insert into %I values (1)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy asks on %I as restrictive using (%s)', name, expression);
  execute format('grant select on %I to authenticated', name);
end
$$;
create table asked (nr int generated always as identity, expression text);
insert into asked (expression) values
  ('auth.has_aal(''aal1'')'),
  ('auth.aal() is not null'),
  ('auth.has_enrolled_aal()'),
  ('auth.aal_status() ->> ''currentLevel'' is not null'),
  ('(select auth.jwt() ->> ''aal'') in (''aal1'', ''aal2'')'),
  ('auth.claims() ->> ''aal'' = ''aal1'''),
  ('auth.jwt() @> ''{"aal":"aal1"}'''),
  ('auth.jwt() ? ''aal'''),
  ('(current_setting(''request.jwt.claims'', true)::jsonb ->> ''aal'') = ''aal1'''),
  ('auth.jwt() ->> ''aal'' = ''aal1'' and auth.aal() is null'),
  ('auth.jwt() ->> ''aal'' = ''aal1'' and (auth.jwt() ->> ''is_anonymous'')::boolean is not true'),
  ('auth.jwt() ->> ''aal'' = ''aal1'' and auth.jwt() -> ''is_anonymous'' = ''false'''),
  ('auth.jwt() ->> ''aal'' = ''aal1'' and auth.has_aal(''aal1'', ''1 hour'')'),
  ('auth.jwt() ->> ''aal'' = ''aal1'' or auth.has_aal(''aal2'', ''1 hour'')'),
  ('(select auth.jwt() ->> ''aal'') = ''aal2'''),
  ('auth.has_aal(''aal2'') or auth.jwt() ->> ''is_anonymous'' = ''true''');
select count(test.asks('asks_' || nr, expression)) from asked;
select expression, m.required_aal, m.max_age, m.note, test.attempt('select 1 from asks_' || nr, test.claims('guest')) as guest,
       test.attempt('select 1 from asks_' || nr, test.claims('ann')) as ann
  from asked cross join lateral auth.aal_matrix(('asks_' || nr)::regclass) m where m.role = 'authenticated' and m.command = 'SELECT' order by nr;
-- The gate takes it for a finding.
-- The test's own function sets claims. No client may call it.
revoke usage on schema test from public;
select auth.assert_aal('asks_1', 'select', 'aal1');
select auth.assert_aal('asks_5', 'select', 'aal1');
select auth.assert_aal('asks_5', 'select', 'aal1', accept => array['aal_matrix_public_asks_5_SELECT_authenticated_guests']);
select auth.assert_aal('asks_15', 'select', 'aal2');
grant usage on schema test to public;
-- Through a partition's parent, too.
create table parents (id int) partition by range (id);
create table parents_1 partition of parents for values from (0) to (10);
alter table parents enable row level security;
alter table parents_1 enable row level security;
create policy everybody on parents using (auth.jwt() ->> 'aal' = 'aal1');
create policy everybody on parents_1 using (auth.has_aal('aal2', '1 hour'));
grant select on parents, parents_1 to authenticated;
select target, required_aal, max_age, note from auth.aal_matrix('parents') where role = 'authenticated' and command = 'SELECT' order by 1;

-- A guest asks why.
select test.become('guest');
set role authenticated;
select command, step, subject, answer, note from auth.explain_access('posts', 'SELECT') where step in ('claims', 'level', 'policy', 'result', 'next');
select command, step, subject, answer, note from auth.explain_access('asks_5', 'SELECT') where step in ('level', 'result', 'next');
reset role;

-- Where an administrator lets guests have aal1: the claim counts, and as aal1 at most. No factor was shown, so nothing is fresh.
set role authenticated;
set pg_aal.anonymous_level = aal1;
reset role;
set pg_aal.anonymous_level = aal2;
select auth.aal();
set pg_aal.anonymous_level = aal1;
select auth.aal(), auth.has_aal('aal1'), auth.has_aal('aal1', '1 day'), auth.has_enrolled_aal(), auth.enrolled_aal();
select auth.aal_status() - 'currentAuthenticationMethods' as status, jsonb_array_length(auth.aal_status() -> 'currentAuthenticationMethods') as methods;
select test.attempt('select auth.require_aal(''aal1'')', test.claims('guest')) as aal1,
       test.attempt('select auth.require_aal(''aal1'', ''1 day'')', test.claims('guest')) as fresh,
       test.attempt('select auth.require_aal(''aal2'')', test.claims('guest', '{"aal":"aal3"}')) as aal2;
select expression, m.required_aal, m.max_age, m.note
  from asked cross join lateral auth.aal_matrix(('asks_' || nr)::regclass) m where m.role = 'authenticated' and m.command = 'SELECT' and nr in (1, 5, 10) order by nr;
-- At once, and within a transaction.
begin;
set local pg_aal.anonymous_level = none;
select auth.aal();
rollback;
select auth.aal();
reset pg_aal.anonymous_level;
select auth.aal();

\c regression
drop database guests;
drop role supabase_auth_admin;

-- A verified token, likewise, and in parallel workers.
select test.token('{"sub":"g","role":"authenticated","aal":"aal1","is_anonymous":true,"exp":@+3600@}') as token \gset
load 'pg_aal';
set pg_aal.claims_source = token;
select test.write_file('guests.jwks', test.jwks());
set pg_aal.jwks_file = 'guests.jwks';
begin;
select auth.authenticate(:'token') ->> 'aal' as claim;
select auth.aal(), auth.subject();
select auth.require_aal('aal1');
rollback;
begin;
select auth.authenticate(:'token') ->> 'aal' as claim;
set local pg_aal.anonymous_level = aal1;
select auth.aal();
set local pg_aal.anonymous_level = none;
select auth.aal();
rollback;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
create table many as select n from generate_series(1, 1000) n;
alter table many set (parallel_workers = 2);
analyze many;
create function is_at_aal1(int) returns boolean language sql stable parallel safe as $$ select auth.has_aal('aal1') and $1 > 0 $$;
begin;
select auth.authenticate(:'token') ->> 'aal' as claim;
select count(*) from many where is_at_aal1(n);
set local pg_aal.anonymous_level = aal1;
select count(*) from many where is_at_aal1(n);
rollback;
drop table many;
drop function is_at_aal1(int);
