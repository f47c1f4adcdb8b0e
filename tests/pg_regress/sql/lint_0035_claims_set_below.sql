-- 0035_claims_set_below finds functions that a role of the API may execute and that set claims or role, and claims that are stored (case 45).
create schema lint_0035;
grant usage on schema lint_0035 to anon, authenticated, service_role;
set search_path = lint_0035;
create view findings as
  select metadata ->> 'name' as name, metadata ->> 'type' as type, level, detail, cache_key from auth.aal_lint()
   where name like '0035%' and metadata ->> 'schema' in ('lint_0035', 'pg_catalog') order by 1;
create table users (id uuid, email text);
create table money (id int);

-- Findings.
create function login_as(email text) returns void language plpgsql security definer set search_path = '' as $$
declare
  u lint_0035.users;
begin
  select * into u from lint_0035.users where lint_0035.users.email = login_as.email;
  perform set_config('request.jwt.claims', jsonb_build_object('sub', u.id, 'role', 'authenticated', 'aal', 'aal2')::text, true);
end
$$;
create function as_job() returns bigint language sql set request.jwt.claims = '{"aal":"aal2"}' as $$ select count(*) from lint_0035.money $$;
create function set_any(name text, value text) returns text language sql as $$ select set_config(name, value, true) $$;
create function one_claim() returns void language plpgsql as $$ begin set local request.jwt.claim.aal = 'aal2'; end $$;
create function as_service() returns bigint language plpgsql as $$ begin set local role service_role; return (select count(*) from lint_0035.money); end $$;
create function analyzed(v text) returns text language sql return set_config('request.jwt.claims', v, true);
-- By another one that only its owner may call.
create function hidden(claims text) returns void language sql as $$ select set_config('request.jwt.claims', claims, true) $$;
revoke execute on function hidden(text) from public;
create function by_hidden(claims text) returns void language sql security definer as $$ select lint_0035.hidden(claims) $$;

-- None: what it calls is a finding itself, or nobody may call it; other settings; no role by which SECURITY DEFINER could run.
create function login_then_read() returns bigint language plpgsql as $$ begin perform lint_0035.login_as('x'); return (select count(*) from lint_0035.money); end $$;
create function for_servers(claims text) returns text language sql as $$ select set_config('request.jwt.claims', claims, true) $$;
revoke execute on function for_servers(text) from public;
grant execute on function for_servers(text) to service_role;
create function calls_in_vain(claims text) returns void language sql as $$ select lint_0035.hidden(claims) $$;
create function status() returns void language plpgsql as $$ begin perform set_config('response.status', '201', true); set local statement_timeout = '5s'; end $$;
create function comment() returns void language plpgsql as $$ begin /* set_config('request.jwt.claims', '', true) */ null; end $$;
create function cannot() returns void language plpgsql security definer as $$ begin set local role service_role; end $$;
select * from findings;

-- What they do: the level of a session at aal1.
begin;
select set_config('request.jwt.claims', '{"aal":"aal1"}', true) \g /dev/null
set local role authenticated;
select auth.aal() as before, lint_0035.login_as('x') is null as called, auth.aal() as after;
rollback;
begin;
set local role authenticated;
select lint_0035.cannot();
rollback;

-- Gone.
revoke execute on function login_as(text), set_any(text, text), one_claim(), as_service(), analyzed(text), by_hidden(text) from public;
drop function as_job();
select name, detail from findings;

-- Stored, for a role or for the database.
alter role authenticator set request.jwt.claims = '{"aal":"aal2"}';
alter database regression set request.jwt.claim.aal = 'aal2';
alter role anon set request.jwt.claims = '';
alter role authenticated set statement_timeout = '8s';
select * from findings;
alter role authenticator reset request.jwt.claims;
alter database regression reset request.jwt.claim.aal;
alter role anon reset request.jwt.claims;
alter role authenticated reset statement_timeout;
select * from findings;

-- None: PostgREST calls it before each request anyway. Another of that name has parameters.
create function pre_request() returns void language plpgsql as $$ begin perform set_config('request.jwt.claims', (auth.claims() || '{"aal":"aal1"}')::text, true); end $$;
create function pre_request(claims text) returns text language sql as $$ select set_config('request.jwt.claims', claims, true) $$;
select detail from findings;
alter role authenticator set pgrst.db_pre_request = 'lint_0035.pre_request';
select detail from findings;
alter role authenticator reset pgrst.db_pre_request;
drop function pre_request(), pre_request(text);

-- In token mode nobody believes them.
grant execute on function login_as(text) to public;
select name from findings;
load 'pg_aal';
set pg_aal.claims_source = 'token';
select name from findings;
reset pg_aal.claims_source;

set client_min_messages = error;
reset search_path;
drop schema lint_0035 cascade;
