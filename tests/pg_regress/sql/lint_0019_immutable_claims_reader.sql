-- 0019_immutable_claims_reader finds functions that read claims and are declared IMMUTABLE: what one caller is told, is kept in a plan for the next.
create schema lint_0019;
grant usage on schema lint_0019 to anon, authenticated;
set search_path = lint_0019;

-- Findings.
create function found_sql() returns text language sql immutable as $$ select auth.jwt() ->> 'aal' $$;
create function found_standard() returns boolean language sql immutable return auth.has_aal('aal2');
create function found_setting() returns text language sql immutable as $$ select current_setting('request.jwt.claims', true)::jsonb ->> 'sub' $$;
create function found_claim_setting() returns text language sql immutable as $$ select current_setting('request.jwt.claim.sub', true) $$;
create function found_plpgsql() returns boolean language plpgsql immutable as $$
begin
  return auth.jwt() ->> 'aal' = 'aal2';
end
$$;
create function found_required() returns boolean language plpgsql immutable as $$ begin return auth.require_aal('aal2'); end $$;
create function found_subject() returns uuid language sql immutable as $$ select auth.subject_uuid() $$;

-- None of them.
create function none_stable() returns text language sql stable as $$ select auth.jwt() ->> 'aal' $$;
create function none_volatile() returns boolean language plpgsql as $$ begin return auth.has_aal('aal2'); end $$;
create function none_other_setting() returns text language sql immutable as $$ select current_setting('app.tenant', true) $$;
create function none_reads_no_claims(claims jsonb) returns text language sql immutable as $$ select claims ->> 'aal' $$; -- what it is given

-- Why: the plan is made for somebody at aal2, and serves somebody who isn't signed in.
create function is_aal2() returns boolean language sql immutable as $$ select coalesce(auth.jwt() ->> 'aal' = 'aal2', false) $$; -- found
create table payments (id int);
insert into payments values (1);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select lint_0019.is_aal2()));
grant select on payments to authenticated;
set plan_cache_mode = force_generic_plan;
prepare reads as select id from lint_0019.payments;
select set_config('request.jwt.claims', '{"aal":"aal2"}', false);
set role authenticated;
execute reads;
select set_config('request.jwt.claims', '', false);
execute reads;
reset role;
deallocate reads;
reset plan_cache_mode;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0019' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0019 cascade;
