-- Claims that name a user, and hold no level or none that exists: signing in again would give another such token, and a client
-- that follows the action would never end. So the action is configure, the reason no_level, and the HINT names the claim.
create table tokens (nr int generated always as identity, claims text);
grant select on tokens to public;
insert into tokens (claims) values
  -- Of somebody: without a level, and with what is none.
  ('{"sub":"user_2abc","role":"authenticated"}'),
  ('{"sub":"user_2abc","aal":null}'),
  ('{"sub":"user_2abc","aal":"AAL2"}'),
  ('{"sub":"user_2abc","aal":" aal2"}'),
  ('{"sub":"user_2abc","aal":2}'),
  ('{"sub":"user_2abc","aal":""}'),
  ('{"sub":"user_2abc","aal":["aal2"]}'),
  ('{"sub":"user_2abc","aal":{"level":"aal2"}}'),
  ('{"sub":"user_2abc","acr":"2","auth_time":1700000000,"amr":["pwd","otp"]}'),
  ('{"sub":"user_2abc","user_metadata":{"aal":"aal2"}}'),
  ('{"sub":"user_2abc","is_anonymous":true}'),
  ('{"sub":42}'),
  ('{"aal":"urn:okta:loa:2fa:any"}'),
  -- The longest value that is shown, and one longer.
  (format('{"sub":"user_2abc","aal":"%s"}', repeat('x', 40))),
  (format('{"sub":"user_2abc","aal":"%s"}', repeat('x', 41))),
  -- What would mean something elsewhere: JSON, headers, terminals, links, sentences.
  ('{"sub":"user_2abc","aal":"aal2\"}"}'),
  ('{"sub":"user_2abc","aal":"aal2\r\nX-Evil: 1"}'),
  ('{"sub":"user_2abc","aal":"\u001b[31maal2"}'),
  ('{"sub":"user_2abc","aal":"\u202eaal2"}'),
  ('{"sub":"user_2abc","aal":"https://evil.example"}'),
  ('{"sub":"user_2abc","aal":"Call 555 1234"}'),
  ('{"sub":"user_2abc","aal":"aal2\u0000"}'),
  -- Nobody's: no claims, those of a request without a token, those of an API key.
  (''), ('{}'), ('{"role":"anon"}'), ('{"role":"anon","iss":"supabase","exp":99999999999}'), ('{"sub":null}'), ('{"sub":""}'),
  -- Somebody's with a level.
  ('{"sub":"user_2abc","aal":"aal1"}');

create table payments (id int primary key);
insert into payments values (1);
grant select, insert, update, delete on payments to authenticated;
create policy everybody on payments using (true) with check (true);
select count(*) > 0 as protected from auth.protect_table('payments');

create function answers(claims text) returns table (has boolean, action text, reason text, hint text) language plpgsql as $$
declare
  detail text;
begin
  perform set_config('request.jwt.claims', claims, true);
  has := auth.has_aal('aal1') or auth.has_enrolled_aal();
  perform auth.require_aal('aal2');
exception when insufficient_privilege then
  get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
  action := detail::jsonb ->> 'action';
  reason := detail::jsonb ->> 'reason';
  return next;
end
$$;
set role authenticated;
\pset null '(null)'
select nr, claims, action, reason from tokens, answers(claims) order by nr;
-- As text for machines: no HINT has a second line, or more of the claim than 40 letters and digits.
select nr, hint from tokens, answers(claims) where reason = 'no_level' order by nr;
select bool_or(has) as any_level, max(length(hint)) as longest_hint, bool_or(hint ~ '[\x01-\x1f\u202e]') as any_control
  from tokens, answers(claims) where reason = 'no_level';

-- By the guard, by both require_ functions, and in the form for PostgREST.
select test.set_claims('{"sub":"user_2abc","role":"authenticated","aal":"AAL2"}');
select auth.aal(), auth.has_aal('aal1'), auth.has_enrolled_aal(), auth.enrolled_aal(), auth.authenticated_at();
select count(*) from payments;
delete from payments;
\echo :LAST_ERROR_SQLSTATE
select auth.require_aal('aal1', '15 minutes');
select auth.require_enrolled_aal();
set pg_aal.error_format = 'postgrest';
delete from payments;
\echo :LAST_ERROR_SQLSTATE
select test.set_claims('{"sub":"user_2abc","role":"authenticated"}');
select auth.require_enrolled_aal();
select test.set_claims('{"sub":"user_2abc","role":"authenticated","aal":"aal2\r\nX-Evil: 1"}');
select auth.require_aal('aal2');
reset pg_aal.error_format;
reset role;

-- A verified token without a level, too.
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
begin;
select auth.authenticate(test.token('{"sub":"user_2abc","exp":@+60@}')) ->> 'sub' as subject;
select auth.require_aal('aal2');
rollback;
reset pg_aal.claims_source;
reset pg_aal.jwks;

-- What the status says of them.
create function status(claims text) returns jsonb language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims, true);
  return auth.aal_status() - 'currentAuthenticationMethods';
end
$$;
select claims, status(claims) from tokens where nr in (1, 3, 7, 24, 25) order by nr;
-- And of claims and tokens that can't be read.
select status('no JSON');
set pg_aal.claims_source = 'token';
select status('{"sub":"user_2abc","aal":"aal2"}');
begin;
set local pg_aal.token = 'x.y.z';
select status('');
rollback;
reset pg_aal.claims_source;
reset request.jwt.claims;
drop table payments, tokens;
drop function answers, status;
