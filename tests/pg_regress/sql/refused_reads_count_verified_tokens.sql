-- refuse_reads in token mode: the verified token decides, and nothing else. And with level enrolled, by Supabase Auth's own tables.
create role supabase_auth_admin nologin;
create database refused_by_token;
\c refused_by_token
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to authenticated;
set role supabase_auth_admin;
create table auth.users (id uuid primary key, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create index on auth.mfa_factors (user_id);
insert into auth.users (id) select format('%s1111111-1111-4111-8111-111111111111', n)::uuid from generate_series(1, 4) n;
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '21111111-1111-4111-8111-111111111111', 'verified');
update auth.users set deleted_at = now() where id = '31111111-1111-4111-8111-111111111111';
update auth.users set banned_until = now() + interval '1 day' where id = '41111111-1111-4111-8111-111111111111';
reset role;
create extension pg_aal;
create table letters (id int primary key, user_id text, note text);
insert into letters select n, '21111111-1111-4111-8111-111111111111', 'a' from generate_series(1, 3) n;
grant select, insert, update, delete on letters to anon, authenticated;
create policy everybody on letters using (true) with check (true);
create view letters_of_all with (security_invoker) as select * from letters;
create view letters_of_owner as select * from letters;
grant select on letters_of_all, letters_of_owner to authenticated;

-- The helpers of the tests' fixture that this needs, which stand in another database.
\! pg_dump regression --schema=test --schema-only | psql -X -q -d refused_by_token > /dev/null 2>&1 && echo helpers
grant usage on schema test to public;
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';

-- What a statement answers with a token in force, as authenticated.
create function test.with_token(token text, statement text) returns text language plpgsql as $$
declare
  rows bigint;
  detail text;
begin
  perform set_config('pg_aal.token', coalesce(token, ''), true);
  set local role authenticated;
  execute statement;
  get diagnostics rows = row_count;
  reset role;
  return rows || ' rows';
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return concat_ws(' ', sqlstate, sqlerrm, case when detail <> '' then concat_ws(', ', detail::jsonb ->> 'action', detail::jsonb ->> 'reason') end);
end
$$;
create view test.tokens(nr, what, token) as values
  (1, 'none', null), (2, 'no token at all', 'x.y.z'), (3, 'expired', test.token('{"sub":"x","aal":"aal2","exp":@-3600@}')),
  (4, 'signed by another key', test.token('{"sub":"x","aal":"aal2","exp":@+3600@}', key => test.secret(41))),
  (5, 'of no user', test.token('{"role":"anon","exp":@+3600@}')), (6, 'without aal', test.token('{"sub":"x","exp":@+3600@}')),
  (7, 'aal1', test.token_at('aal1', subject => '11111111-1111-4111-8111-111111111111')),
  (8, 'aal2', test.token_at('aal2', subject => '21111111-1111-4111-8111-111111111111')),
  (9, 'aal2, an hour ago', test.token_at('aal2', 3600, '21111111-1111-4111-8111-111111111111'));
grant select on test.tokens to public;

\echo aal2
select read from auth.protect_table('letters', read => 'aal2 within 15 minutes', write => 'aal2 within 15 minutes', refuse_reads => true);
select target, read, refuse_reads from auth.protected_tables;
-- A statement keeps one token: so each has a statement, and a transaction, of its own.
select format($$begin; select %L as what, test.with_token((select token from test.tokens where nr = %s), %L) as answer; rollback$$, what, nr, statement)
  from test.tokens, (values (1, 'select * from letters'), (2, 'select * from letters_of_all where false is null'), (3, 'insert into letters values (9) returning id')) s(n, statement)
 where n = 1 or nr in (7, 8) order by n, nr
\gexec
\echo what the client sets beside it counts for nothing
begin;
set local request.jwt.claims = '{"sub":"21111111-1111-4111-8111-111111111111","aal":"aal2"}';
select test.with_token(null, 'select * from letters');
rollback;
begin;
select test.with_token((select token from test.tokens where nr = 7), 'select * from letters_of_owner') as by_the_owner_of_a_view;
rollback;
\echo a client may switch the error off, and sees no row
begin;
set local pg_aal.refuse_reads = off;
select test.with_token((select token from test.tokens where nr = 7), 'select * from letters');
rollback;
\echo two tokens in one transaction, by authenticate
begin;
select auth.authenticate(test.token_at('aal1')) is not null as authenticated;
savepoint before;
set local role authenticated;
select count(*) from letters;
rollback to before;
select auth.authenticate(test.token_at('aal2')) is not null as authenticated;
set local role authenticated;
select count(*) from letters;
commit;
set role authenticated;
select count(*) from letters;
reset role;

\echo enrolled: what the user can reach, by token and by claims
select read from auth.protect_table('letters', read => 'enrolled', write => 'enrolled', refuse_reads => true, lower => true);
create view test.users(nr, what, subject) as values
  (1, 'without a factor', '11111111-1111-4111-8111-111111111111'), (2, 'with one', '21111111-1111-4111-8111-111111111111'),
  (3, 'deleted', '31111111-1111-4111-8111-111111111111'), (4, 'banned', '41111111-1111-4111-8111-111111111111'), (5, 'unknown', 'jane');
select format($$begin; select %L as what, %L as aal, test.with_token(test.token_at(%L, subject => %L), 'select * from letters') as answer; rollback$$, what, aal, aal, subject)
  from test.users, unnest(array['aal1', 'aal2']) aal order by nr, aal
\gexec
reset pg_aal.claims_source;
create function test.by_claims(aal text, subject text) returns text language plpgsql as $$
begin
  perform test.sign_in(aal, 60, subject);
  return test.with_token(null, 'select * from letters');
end
$$;
select format($$select %L as what, %L as aal, test.by_claims(%L, %L) as answer$$, what, aal, aal, subject)
  from test.users, unnest(array['aal1', 'aal2']) aal order by nr, aal
\gexec
-- A factor that is verified counts for the next statement.
select test.by_claims('aal1', '11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('f2111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
select test.by_claims('aal1', '11111111-1111-4111-8111-111111111111');
select name, detail from auth.aal_lint() where name ~ '0020|0021';
\c regression
drop database refused_by_token;
drop role supabase_auth_admin;
