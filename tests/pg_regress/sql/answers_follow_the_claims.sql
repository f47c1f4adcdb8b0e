-- The answer always follows the claims, however they change and however the statement is run.
\pset null '(null)'
create table numbered as select generate_series(1, 10) as n;

-- Swapped inside one transaction.
begin;
select set_config('request.jwt.claims', '{"aal":"aal1"}', true) is not null as aal1;
select auth.aal(), auth.has_aal('aal2');
select set_config('request.jwt.claims', '{"aal":"aal2"}', true) is not null as aal2;
select auth.aal(), auth.has_aal('aal2');
select set_config('request.jwt.claims', '', true) is not null as none;
select auth.aal(), auth.has_aal('aal2');
commit;

-- A statement is asked once, when it first needs the answer, as every STABLE function may be: also where it changes
-- the claims itself. Asked row by row (the level comes from a column), it follows even then.
set request.jwt.claims = '{"aal":"aal1"}';
select n, set_config('request.jwt.claims', '{"aal":"aal2"}', false) is not null as swapped, auth.aal(), auth.has_aal('aal' || n)
  from generate_series(1, 3) as n;
reset request.jwt.claims;

-- Swapped between the executions of one prepared statement in one transaction, as Realtime does it.
prepare each as select count(*) filter (where auth.has_aal('aal2')) as rows, max(auth.aal()) as aal from numbered;
begin;
select set_config('request.jwt.claims', '{"aal":"aal1"}', true) is not null as aal1;
execute each;
select set_config('request.jwt.claims', '{"aal":"aal2"}', true) is not null as aal2;
execute each;
select set_config('request.jwt.claims', '', true) is not null as none;
execute each;
commit;
deallocate each;

-- Of the same length, so that only their bytes differ.
do $$
begin
  for i in 1..1000 loop
    perform set_config('request.jwt.claims', format('{"aal":"aal%s"}', 1 + i % 3), true);
    if auth.has_aal('aal2') is distinct from (i % 3 > 0) then
      raise 'wrong answer in round %', i;
    end if;
  end loop;
end
$$;

-- In a savepoint that is rolled back.
begin;
set local request.jwt.claims = '{"aal":"aal1"}';
savepoint step_up;
set local request.jwt.claims = '{"aal":"aal2"}';
select auth.aal();
rollback to step_up;
select auth.aal();
rollback;
select auth.aal();

-- In a block whose error is caught.
do $$
begin
  set local request.jwt.claims = '{"aal":"aal1"}';
  begin
    set local request.jwt.claims = '{"aal":"aal2"}';
    raise notice 'inside: %', auth.aal();
    raise division_by_zero;
  exception when division_by_zero then
    raise notice 'after: %', auth.aal();
  end;
end
$$;

-- In a prepared statement with a forced generic plan.
set plan_cache_mode = force_generic_plan;
prepare ask(text) as select auth.has_aal($1) as has, auth.aal(), count(*) filter (where auth.has_aal($1)) as rows from numbered;
set request.jwt.claims = '{"aal":"aal1"}';
execute ask('aal2');
set request.jwt.claims = '{"aal":"aal2"}';
execute ask('aal2');
execute ask('aal3');
reset request.jwt.claims;
execute ask('aal1');
deallocate ask;
reset plan_cache_mode;

-- In a parallel plan: the workers see the leader's claims and its clock.
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = 2;
create table many as select generate_series(1, 20000) as n;
alter table many set (parallel_workers = 2);
analyze many;
set parallel_leader_participation = off;
create function pg_temp.workers(query text) returns text language plpgsql as $$
declare
  line text;
begin
  for line in execute 'explain (analyze, costs off, timing off, summary off) ' || query loop
    if line ~ 'Workers Launched' then return trim(line); end if;
  end loop;
  return 'not parallel';
end
$$;
select test.sign_in('aal1');
select pg_temp.workers($$select count(*) from many where auth.has_aal('aal' || (1 + n % 2), '3 hours')$$);
select count(*) from many where auth.has_aal('aal' || (1 + n % 2), '3 hours');
select test.sign_in('aal2');
select count(*) from many where auth.has_aal('aal' || (1 + n % 2), '3 hours');
select test.sign_out();
select count(*) from many where auth.has_aal('aal' || (1 + n % 2), '3 hours');
-- A refusal in a worker reaches the client whole.
select test.sign_in('aal1');
select count(*) from many where auth.require_aal('aal' || (1 + n % 2));
\echo :LAST_ERROR_SQLSTATE
set pg_aal.error_format = 'postgrest';
select count(*) from many where auth.require_aal('aal' || (1 + n % 2));
\echo :LAST_ERROR_SQLSTATE
reset pg_aal.error_format;

reset all;
drop table numbered, many;
