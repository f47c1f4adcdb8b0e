-- claims_source = 'token': what a verified token says counts, and nothing else.
create table payments (id int primary key, amount int not null);
insert into payments values (1, 10);
grant select, insert, update, delete on payments to authenticated;
select count(*) from auth.protect_table('payments');
create policy all_rows on payments using (true) with check (true);
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
set role authenticated;

-- The gateway's claims count for nothing, however they are set.
select test.sign_in('aal2');
select auth.aal(), auth.claims(), auth.subject(), auth.has_aal('aal1'), auth.authenticated_at('aal1');
select count(*) from auth.amr();
select set_config('request.jwt.claim', '{"aal":"aal2"}', false);
select auth.aal();
begin;
select test.set_claims('{"aal":"aal2"}', true);
select auth.aal();
update payments set amount = 1000;
rollback;

-- No token: nobody is signed in. A bad one: every question is answered no, and a demand says why.
select count(*) from payments;
update payments set amount = 1000;
begin;
set local pg_aal.token = 'x.y.z';
select auth.aal(), auth.has_aal('aal1'), auth.claims();
select count(*) from payments;
update payments set amount = 1000;
rollback;

-- authenticate: until the transaction ends.
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
select auth.aal(), auth.subject_uuid(), auth.claims() ->> 'aud' as aud;
select id, amount from payments;
update payments set amount = 1000;
rollback;
select auth.aal();
begin;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
update payments set amount = 11 returning amount;
commit;
select auth.aal();
select auth.authenticate(test.token('{"exp":@-1@}'));
\echo :LAST_ERROR_SQLSTATE

-- A savepoint rolled back takes its token with it.
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
savepoint step_up;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
select auth.aal();
rollback to step_up;
select auth.aal();
savepoint step_up_again;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
release step_up_again;
select auth.aal();
rollback;

-- A refused token leaves the one in force as it is.
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
savepoint forged;
select auth.authenticate(test.token('{"exp":99999999999,"aal":"aal2"}', key => test.secret(50)));
rollback to forged;
select auth.aal();
rollback;

-- The order: pg_aal.token, request.jwt, the bearer token in request.headers. The first that is set, if it verifies.
begin;
select set_config('request.headers', json_build_object('host', 'x', 'authorization', 'Bearer ' || test.token_at('aal1'))::text, true) is not null as set;
select auth.aal();
select set_config('request.jwt', test.token_at('aal2', subject => 'jane'), true) is not null as set;
select auth.aal(), auth.subject();
select set_config('pg_aal.token', test.token_at('aal1', subject => 'ann'), true) is not null as set;
select auth.aal(), auth.subject();
set local pg_aal.token = 'forged';
select auth.aal();
set local pg_aal.token = '';
select auth.subject();
rollback;
begin;
set local request.headers = '{"authorization":"Basic dXNlcjpwYXNz"}';
select auth.require_aal('aal1');
rollback;
begin;
set local request.headers = 'no JSON';
select auth.require_aal('aal1');
rollback;
begin;
set local request.headers = '{"authorization":"Bearer x"}';
select auth.require_aal('aal1');
rollback;

-- Nothing outlives its transaction: what a session sets doesn't count in the next one, as through a pooler it would be
-- somebody else's.
select set_config('pg_aal.token', test.token_at('aal2'), false) is not null as set, auth.aal();
select auth.aal();
select set_config('request.jwt', test.token_at('aal2'), false) is not null as set, auth.aal();
select auth.aal();
select set_config('request.headers', json_build_object('authorization', 'Bearer ' || test.token_at('aal2'))::text, false) is not null as set, auth.aal();
select auth.aal();
begin;
select auth.aal();
savepoint a;
select set_config('request.jwt', current_setting('request.jwt'), true) is not null as set, auth.aal();
rollback to a;
select auth.aal();
rollback;
reset pg_aal.token;
reset request.jwt;
reset request.headers;

-- Putting a setting back to what it was stored as is not setting it.
reset role;
create role pooled login;
grant authenticated to pooled;
select format('alter role pooled set pg_aal.token = %L', test.token_at('aal2')) as stored \gset
:stored;
\c - pooled
select auth.aal() as not_yet;
begin;
reset pg_aal.token;
select auth.aal();
set local pg_aal.token to default;
select auth.aal();
set local pg_aal.token = '';
savepoint a;
reset all;
select auth.aal();
select set_config('pg_aal.token', null, true) is not null as set, auth.aal();
commit;
set pg_aal.token = 'x';
begin;
reset all;
select auth.aal();
rollback;
\c - postgres
drop role pooled;
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
set role authenticated;

-- A procedure that commits has signed out.
create temporary table seen (aal text);
create procedure pg_temp.commits() language plpgsql as $$
begin
  perform auth.authenticate(test.token_at('aal2'));
  insert into seen values (auth.aal());
  commit;
  insert into seen values (auth.aal());
end
$$;
call pg_temp.commits();
select coalesce(aal, 'none') as aal from seen;

-- Expiry in the middle of a transaction: the next statement is refused.
begin;
select auth.authenticate(test.token('{"exp":@+3@,"aal":"aal2"}')) ->> 'aal' as authenticated;
select auth.aal();
select pg_sleep(3);
select auth.aal();
update payments set amount = 1000;
rollback;

-- And in the middle of a statement, however long it runs.
do $$
declare
  token text := test.token('{"exp":@+2@,"aal":"aal2"}');
begin
  perform auth.authenticate(token);
  raise notice 'at first: %', auth.aal();
  perform pg_sleep(2.1);
  raise notice 'after exp: %', auth.aal();
  begin
    perform auth.authenticate(token);
  exception when others then
    raise notice '%', sqlerrm;
  end;
  perform set_config('pg_aal.token', token, true);
  raise notice 'set again: %', auth.aal();
end
$$;

-- Freshness, as with any claims.
begin;
select auth.authenticate(test.token_at('aal2', 600)) ->> 'aal' as authenticated;
select auth.has_aal('aal2', '15 minutes'), auth.has_aal('aal2', '5 minutes');
select method, level from auth.amr();
rollback;

-- In request mode a token can't be put in force, and an unverified one says nothing.
reset role;
set pg_aal.claims_source = 'request';
select auth.authenticate(test.token_at('aal2'));
\echo :LAST_ERROR_SQLSTATE
begin;
select set_config('request.jwt.claims', '', true), set_config('request.jwt.claim', '', true);
select set_config('pg_aal.token', test.token_at('aal2'), true) is not null as set, auth.aal();
rollback;

-- A value that isn't one is an error. Where nobody is there to hear it, nobody has any level.
set pg_aal.claims_source = 'tokens';
\echo :LAST_ERROR_SQLSTATE
show pg_aal.claims_source;
create role misspelt login;
grant authenticated to misspelt;
-- (In a session without the library, the value can't be checked when it is stored.)
\c
alter role misspelt set pg_aal.claims_source = 'tokens';
\c - misspelt
set role authenticated;
select test.sign_in('aal2');
select auth.aal(), auth.has_aal('aal1');
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
select count(*) from payments;
update payments set amount = 1000;
\c - postgres
select amount from payments;
drop table payments;
drop role misspelt;
