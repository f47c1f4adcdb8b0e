-- 0036_gate_search_path finds functions that read the level and whose caller decides by search_path what they mean (case 43).
create schema lint_0036;
create schema lint_0036_api;
grant usage on schema lint_0036, lint_0036_api to anon, authenticated;
set search_path = lint_0036;
create view findings as
  select metadata ->> 'name' as name, level, detail from auth.aal_lint() where name like '0036%' and metadata ->> 'schema' = 'lint_0036' order by 1;
create table admins (user_id uuid);
create function is_aal2() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal' = 'aal2', false) $$;

-- Findings: by a function, by a table, as its owner, in PL/pgSQL, by another one, by one of ours.
create function gate_unqualified() returns boolean language sql stable as $$ select is_aal2() $$;
create function gate_definer() returns boolean language sql stable security definer as $$ select is_aal2() $$;
create function gate_table() returns boolean language sql stable as $$ select auth.has_aal('aal2') and exists (select from admins where user_id = auth.uid()) $$;
create function gate_plpgsql() returns boolean language plpgsql stable as $$ begin return is_aal2(); end $$;
create function gate_by_another() returns boolean language plpgsql stable as $$ declare r boolean; begin r := gate_unqualified(); return r; end $$;
set search_path = lint_0036, auth;
create function gate_ours() returns boolean language sql stable as $$ select has_aal('aal2') $$;
set search_path = lint_0036;
create function rpc(note text) returns void language plpgsql security definer as $$ begin if not is_aal2() then raise 'no'; end if; delete from admins; end $$;

-- None: qualified, with a search_path of its own, analyzed, without a level, no gate, or closed to all.
create function gate_qualified() returns boolean language sql stable as $$ select lint_0036.is_aal2() $$;
create function gate_pinned() returns boolean language sql stable set search_path = '' as $$ select lint_0036.is_aal2() $$;
create function gate_pinned_schema() returns boolean language sql stable set search_path = lint_0036 as $$ select is_aal2() $$;
create function gate_operators() returns boolean language sql stable as $$ select coalesce((auth.jwt() ->> 'aal') = 'aal2', false) $$;
create function gate_atomic() returns boolean language sql stable begin atomic select is_aal2(); end;
create function gate_return() returns boolean language sql stable return is_aal2();
create function is_admin() returns boolean language sql stable as $$ select exists (select from admins where user_id = auth.uid()) $$;
create function whoami() returns jsonb language sql stable as $$ select jsonb_build_object('aal', auth.jwt() ->> 'aal', 'admin', is_admin()) $$;
create function gate_closed() returns boolean language sql stable as $$ select is_aal2() $$;
revoke execute on function gate_closed() from public;
select * from findings;
-- A policy asks it.
create table guarded (id int);
create policy p on guarded using ((select lint_0036.gate_closed()));
select name from findings where name = 'gate_closed';

-- What a client does that chooses a schema: PostgREST's Accept-Profile.
create function lint_0036_api.is_aal2() returns boolean language sql stable as $$ select true $$;
begin;
set local role authenticated;
set local search_path = lint_0036_api, lint_0036;
select lint_0036.gate_unqualified() as unqualified, lint_0036.gate_qualified() as qualified, lint_0036.gate_pinned_schema() as pinned, lint_0036.gate_atomic() as atomic;
rollback;

-- In token mode clients run SQL of their own: operators count, too.
load 'pg_aal';
set pg_aal.claims_source = 'token';
select name, detail from findings;
reset pg_aal.claims_source;

-- Gone.
alter function gate_unqualified() set search_path = lint_0036;
create or replace function gate_definer() returns boolean language sql stable security definer set search_path = '' as $$ select lint_0036.is_aal2() $$;
create or replace function gate_table() returns boolean language sql stable return auth.has_aal('aal2') and exists (select from admins where user_id = auth.uid());
select name from findings where name in ('gate_unqualified', 'gate_definer', 'gate_table');

set client_min_messages = error;
reset search_path;
drop schema lint_0036, lint_0036_api cascade;
