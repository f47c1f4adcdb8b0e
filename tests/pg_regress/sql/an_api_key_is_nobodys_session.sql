-- Where nobody is signed in, a Supabase client sends its API key as bearer token and in the header apikey. PostgREST hands on
-- the headers, Storage the bearer token and the headers. The key needn't verify: it is nobody's session, and no bad token.
create table payments (id int primary key, amount int not null);
insert into payments values (1, 10);
grant select, insert, update, delete on payments to anon, authenticated;
select count(*) from auth.protect_table('payments');
create policy all_rows on payments using (true) with check (true);
create function test.headers(bearer text, apikey text) returns text language sql immutable as $$
  select json_strip_nulls(json_build_object('host', 'x', 'authorization', 'Bearer ' || bearer, 'apikey', apikey))::text
$$;
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
-- Keys of another set; of today's form; and a legacy one that verifies.
select test.token('{"role":"anon","iss":"supabase","exp":99999999999}', key => test.secret(50)) as legacy_key,
       'sb_publishable_x' as key,
       test.token('{"role":"anon","iss":"supabase","exp":99999999999}') as good_key,
       test.token_at('aal2') as jane \gset
\set SHOW_CONTEXT never
set role anon;

-- By the headers.
begin;
select set_config('request.headers', test.headers(:'key', :'key'), true) is not null as set;
select auth.aal(), auth.subject(), auth.aal_status() ->> 'action' as action;
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
rollback;

-- By request.jwt.
begin;
select set_config('request.jwt', :'key', true) is not null as set, set_config('request.headers', test.headers(:'key', :'key'), true) is not null as set;
select auth.aal(), auth.subject(), auth.aal_status() ->> 'action' as action;
select count(*) from payments;
savepoint a;
insert into payments values (2, 20);
\echo :LAST_ERROR_SQLSTATE
rollback to a;
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
rollback;
begin;
select set_config('request.jwt', :'legacy_key', true) is not null as set, set_config('request.headers', test.headers(null, :'legacy_key'), true) is not null as set;
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
rollback;
-- One that verifies.
begin;
select set_config('request.jwt', :'good_key', true) is not null as set, set_config('request.headers', test.headers(:'good_key', :'good_key'), true) is not null as set;
select auth.aal(), auth.subject(), auth.claims() ->> 'role' as role;
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
rollback;
-- A user's token beside the key.
begin;
select set_config('request.jwt', :'jane', true) is not null as set, set_config('request.headers', test.headers(:'jane', :'key'), true) is not null as set;
select auth.aal();
rollback;

-- A bad token is none: there is another key, or none, or a thousand; or the headers are another transaction's. Each use looks again.
begin;
select set_config('request.jwt', :'legacy_key', true) is not null as set;
savepoint a;
select auth.require_aal('aal1');
rollback to a;
select set_config('request.headers', test.headers(:'legacy_key', :'key'), true) is not null as set;
savepoint a;
select auth.require_aal('aal1');
rollback to a;
select set_config('request.headers', test.headers(:'legacy_key', :'legacy_key'), true) is not null as set;
savepoint a;
select auth.require_aal('aal1');
rollback to a;
select set_config('request.headers', '{"apikey":["' || :'legacy_key' || '"]}', true) is not null as set;
savepoint a;
select auth.require_aal('aal1');
rollback to a;
select set_config('request.headers', test.headers(:'legacy_key', :'legacy_key') || repeat(' ', 1 << 20), true) is not null as set;
select auth.require_aal('aal1');
rollback;
select set_config('request.headers', test.headers(:'key', :'key'), false) is not null as set;
begin;
select set_config('request.jwt', :'key', true) is not null as set;
select auth.require_aal('aal1');
rollback;
reset request.headers;
-- What is put in force on purpose is no API key.
begin;
select set_config('pg_aal.token', :'key', true) is not null as set, set_config('request.headers', test.headers(:'key', :'key'), true) is not null as set;
select auth.require_aal('aal1');
rollback;

-- A verified token is held against no headers.
begin;
select set_config('request.jwt', :'jane', true) is not null as set, set_config('request.headers', test.headers(:'jane', :'jane'), true) is not null as set;
select auth.aal();
rollback;
reset role;
drop table payments;
drop function test.headers;
