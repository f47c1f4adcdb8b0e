-- The planner calls a function that is declared IMMUTABLE, and a plan that is kept has its answer: that of another session. So what
-- such a function reads of the session decides nothing, in a policy and in a gate.
begin;
create schema kept;
grant usage on schema kept to authenticated;
set search_path = kept, public;
create table t (id int, body text);
insert into t values (1, 'secret');
alter table t enable row level security;
grant select, update on t to authenticated;
create policy everybody on t using (true);

create function in_sql() returns boolean language sql immutable as $$ select coalesce(auth.jwt() ->> 'aal', '') = 'aal2' $$;
create function in_plpgsql() returns boolean language plpgsql immutable as $$ begin return coalesce(auth.jwt() ->> 'aal', '') = 'aal2'; end $$;
create function raising() returns boolean language plpgsql immutable as $$ begin return auth.require_aal('aal2'); end $$;
create function through_a_stable_one() returns boolean language sql stable as $$ select kept.in_plpgsql() $$;
create function by_its_rows() returns boolean language sql immutable as $$ select true where auth.has_aal('aal2') $$;
create function by_analyzed_rows() returns boolean language sql immutable begin atomic select true where auth.has_aal('aal2'); end;
create function by_a_setting() returns boolean language sql immutable as $$ select true where current_setting('request.jwt.claims', true)::jsonb ->> 'aal' = 'aal2' $$;
create function of_its_argument(claims jsonb) returns boolean language sql immutable as $$ select coalesce(claims ->> 'aal', '') = 'aal2' $$;
create function stable_one() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal', '') = 'aal2' $$;

-- What SELECT needs, and what a statement that was planned at aal2 and kept does at aal1.
create function of_policy(restricts text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy restricts on t as restrictive using (%s)', restricts);
  select required_aal into answer from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
  set local plan_cache_mode = force_generic_plan;
  set local role authenticated;
  perform test.sign_in('aal2');
  prepare kept as select 1 from kept.t;
  execute 'execute kept';
  perform test.sign_in('aal1');
  answer := answer || ' / ' || test.attempt('execute kept');
  deallocate kept;
  reset role;
  drop policy restricts on t;
  return answer;
end
$$;
select restricts, of_policy(restricts)
from unnest('{in_sql(),(select in_sql()),in_plpgsql(),raising(),through_a_stable_one(),by_its_rows(),by_analyzed_rows(),by_a_setting(),exists(select 1 where by_its_rows()),of_its_argument(auth.jwt()),stable_one(),(select stable_one())}'::text[])
  with ordinality t(restricts, n) order by n;

-- The same of gates of functions that write to a protected table. Before Postgres 18, an SQL function plans its statements at each call.
select count(*) as policies_and_guard from auth.protect_table('t');
create function gated_in_plpgsql() returns text language plpgsql security definer as $$
begin
  perform kept.raising();
  update kept.t set body = body;
  return 'done';
end
$$;
create function gated_in_sql() returns text language sql security definer as $$ select kept.raising(); update kept.t set body = body; select 'done' $$;
create function asks_in_plpgsql() returns text language plpgsql security definer as $$
begin
  if not kept.in_sql() then raise exception 'no'; end if;
  update kept.t set body = body;
  return 'done';
end
$$;
create function asks_by_rows() returns text language plpgsql security definer as $$
begin
  if not coalesce(kept.by_its_rows(), false) then raise exception 'no'; end if;
  update kept.t set body = body;
  return 'done';
end
$$;
create function asks_well() returns text language plpgsql security definer as $$
begin
  if not kept.stable_one() then raise exception 'no'; end if;
  update kept.t set body = body;
  return 'done';
end
$$;
select target, required_aal from auth.aal_functions() where target::text ~ '(gated|asks)' and role = 'authenticated' order by target::text;
select test.sign_in('aal2');
set local role authenticated;
select gated_in_plpgsql(), asks_in_plpgsql(), asks_well();
select test.sign_in('aal1');
select test.attempt('select gated_in_plpgsql()') as gated, test.attempt('select asks_in_plpgsql()') as asks, test.attempt('select asks_well()') as asks_well;
reset role;
rollback;
