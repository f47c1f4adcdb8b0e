-- explain_access says of a token which check failed, as the HINT of invalid_token does, and raises nothing.
create schema tokens;
grant usage on schema tokens to authenticated;
create table tokens.notes (id int, owner uuid);
grant select, insert on tokens.notes to authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('tokens.notes', owner_column => 'owner', write => 'aal2');
reset client_min_messages;
select set_config('pg_aal.claims_source', 'token', false), set_config('pg_aal.jwks', test.jwks(), false) <> '' as keys;
set role authenticated;
select * from auth.explain_access('tokens.notes', 'select');

-- Good ones.
begin;
select auth.authenticate(test.token_at('aal1')) is not null;
select command, step, subject, answer, note from auth.explain_access('tokens.notes') where command in ('SELECT', 'INSERT') or step = 'claims';
rollback;

-- Bad ones.
create temp table bad (nr int, token text);
insert into bad values
  (1, 'x'), (2, test.token('{"sub":"jane","aal":"aal2","exp":@-60@}')), (3, test.token('{"sub":"jane","aal":"aal2","exp":@+60@}', key => test.secret(39))),
  (4, test.token('{"sub":"jane","aal":"aal2"}')), (5, test.token('{"sub":"jane","aal":"aal2","exp":@+60@}', header => '{"alg":"none"}'));
create function pg_temp.told(token text) returns setof text language plpgsql as $$
begin
  perform set_config('pg_aal.token', token, true);
  return query select format('%s: %s', e.answer, replace(e.note, E'\n', ' ')) from auth.explain_access('tokens.notes', 'insert') e where step in ('claims', 'result', 'next');
end
$$;
select pg_temp.told(token) from bad where nr = 1;
select pg_temp.told(token) from bad where nr = 2;
select pg_temp.told(token) from bad where nr = 3;
select pg_temp.told(token) from bad where nr = 4;
select pg_temp.told(token) from bad where nr = 5;

-- A token of another transaction, and claims that nobody verified, don't count.
set pg_aal.token = 'x';
select step, subject, answer, note from auth.explain_access('tokens.notes', 'select') where step = 'claims';
reset pg_aal.token;
select test.sign_in('aal2');
select step, subject, answer, note from auth.explain_access('tokens.notes', 'select') where step = 'claims';
reset role;
reset pg_aal.claims_source;
reset pg_aal.jwks;
reset request.jwt.claims;
set pg_aal.token = 'x';
select step, subject, answer, note from auth.explain_access('tokens.notes', 'select') where step = 'claims';
reset pg_aal.token;
drop schema tokens cascade;
