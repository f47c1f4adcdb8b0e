-- Whose row it is and at which level the session is, are two questions. Within a statement one token answers both: a second
-- one that is put in force meanwhile counts for nobody.
create table vault (id int primary key, user_id uuid, iban text);
insert into vault select n, format('%s1111111-1111-4111-8111-111111111111', n)::uuid, 'iban of ' || n from generate_series(1, 9) n;
grant select, insert, update, delete on vault to authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('vault', owner_column => 'user_id', sensitive_columns => '{iban}');
reset client_min_messages;
load 'pg_aal';
\set SHOW_CONTEXT never
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
-- A stolen token of the victim's, at aal1; and the thief's own, at aal2.
select test.token_at('aal1', subject => '21111111-1111-4111-8111-111111111111') as victim,
       test.token_at('aal2', subject => '51111111-1111-4111-8111-111111111111') as thief \gset
set role authenticated;

-- Each alone.
begin;
select auth.authenticate(:'victim') ->> 'aal' as victim;
update vault set iban = 'stolen' where id = 2;
rollback;
begin;
select auth.authenticate(:'thief') ->> 'aal' as thief;
update vault set iban = 'stolen' where id = 2 returning id;
rollback;

-- Both in one statement, in either order.
begin;
select auth.authenticate(:'thief') ->> 'aal' as thief;
with swap as materialized (select length(set_config('pg_aal.token', :'victim', true)) as n)
update vault set iban = 'stolen' from swap where id = 2 + swap.n * 0
returning vault.*, length(set_config('pg_aal.token', :'thief', true));
rollback;
begin;
select auth.authenticate(:'victim') ->> 'aal' as victim;
with swap as materialized (select length(set_config('pg_aal.token', :'thief', true)) as n)
select vault.* from swap, vault where id = 2 + swap.n * 0 and auth.has_aal('aal2');
rollback;
begin;
select auth.subject(), auth.authenticate(:'victim') ->> 'sub' as victim, auth.subject(), auth.authenticate(:'thief') ->> 'sub' as thief, auth.subject(), auth.aal();
-- The next statement begins anew.
select auth.subject(), auth.aal();
rollback;

-- In what a statement calls, too.
reset role;
create function test.both() returns text language plpgsql as $$
declare
  answer text;
begin
  select auth.subject() into answer;
  perform set_config('pg_aal.token', current_setting('test.thief'), true);
  select answer || ', and ' || coalesce(auth.subject(), 'nobody') into answer;
  perform auth.require_aal('aal1');
  return answer;
end
$$;
select set_config('test.thief', :'thief', false) is not null as set;
set role authenticated;
begin;
select auth.authenticate(:'victim') ->> 'aal' as victim;
select test.both();
rollback;

-- A cursor is one statement, however it is fetched.
begin;
select auth.authenticate(:'victim') ->> 'aal' as victim;
declare c cursor for select n, auth.subject() as subject from generate_series(1, 3) n where n <> length(auth.subject());
fetch c;
select auth.authenticate(:'thief') ->> 'aal' as thief;
fetch c;
select auth.subject();
rollback;

-- A statement that failed leaves nothing behind, and DO takes each statement in it for itself.
begin;
select auth.authenticate(:'victim') ->> 'aal' as victim;
savepoint a;
select 1 / (length(auth.subject()) - 36);
rollback to a;
select auth.authenticate(:'thief') ->> 'aal' as thief;
select auth.subject();
do $$
begin
  raise notice '%', auth.subject();
  perform set_config('pg_aal.token', '', true);
  raise notice '%', auth.subject();
end
$$;
rollback;
reset role;
select iban from vault where id = 2;
drop table vault;
drop function test.both;
