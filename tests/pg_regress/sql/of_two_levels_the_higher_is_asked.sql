-- Of two levels that row security asks for, the higher implies the lower. Only that is planned and asked, where the first of both was
-- asked. What a statement may do is as before, and so is its error.
load 'pg_aal';
\set SHOW_CONTEXT never
set client_min_messages = error;
create table t (id int primary key, note text);
insert into t values (1, 'a'), (2, 'b');
grant select, insert, update, delete on t to authenticated;
alter table t enable row level security;
create policy everybody on t using (true);

\echo what a statement asks of the rows that it changes, for each pair of what reads and updates ask
create function test.filter(statement text) returns text language plpgsql as $$
declare
  line text;
begin
  set local role authenticated;
  for line in execute 'explain (costs off) ' || statement loop
    if line ~ 'Filter' then exit; end if;
  end loop;
  reset role;
  return substring(line from 'Filter: (.*)');
end
$$;
create function test.asked(reads text, updates text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy a_reads on t as restrictive for select using (%s)', reads);
  execute format('create policy updates on t as restrictive for update using (%s)', updates);
  answer := test.filter('update t set note = note where id = 1');
  drop policy a_reads on t;
  drop policy updates on t;
  return answer;
end
$$;
select r as reads, u as updates, test.asked(format('auth.has_aal(%s)', r), format('auth.has_aal(%s)', u)) as asked
  from unnest(array[$$'aal1'$$, $$'aal3'$$, $$'aal2', '15 minutes'$$, $$'aal2', '10 minutes'$$, $$'aal1', '15 minutes'$$]) r,
       unnest(array[$$'aal2'$$, $$'aal2', '15 minutes'$$]) u order by 1, 2;
-- Nothing else implies a level, or is implied by one; and an argument that isn't valid raises.
select test.asked($$auth.has_aal('aal1') and note <> ''$$, $$auth.has_aal('aal2')$$);
select test.asked($$auth.require_aal('aal1')$$, $$auth.has_aal('aal2')$$);
select test.asked($$auth.has_aal('aal1', '-1 second')$$, $$auth.has_aal('aal2')$$);
select test.asked($$auth.has_aal('aal0')$$, $$auth.has_aal('aal2')$$);
update t set note = note where id = 1;

\echo it is asked where the first was, before any function that the statement calls
create function test.seen(text) returns boolean language plpgsql cost 0.000001 as $$ begin raise warning 'saw %', $1; return true; end $$;
grant execute on function test.seen to public;
create policy a_level on t as restrictive for all using (auth.has_aal('aal1'));
create policy b_seen on t as restrictive for all using (test.seen(note));
create policy c_level on t as restrictive for all using (auth.has_aal('aal2'));
set client_min_messages = warning;
select test.filter('update t set note = note where id = 1');
set role authenticated;
select test.sign_in('aal1');
update t set note = note where id = 1;
select test.sign_in('aal2');
update t set note = note where id = 1;
reset role;
set client_min_messages = error;
drop policy a_level on t;
drop policy b_seen on t;
drop policy c_level on t;

\echo a new row that is refused is refused by the same policy, also where a row is in conflict
create policy a_inserts on t as restrictive for insert with check (auth.has_aal('aal1'));
create policy b_inserts on t as restrictive for insert with check (auth.has_aal('aal2'));
create policy a_updates on t as restrictive for update using (true) with check (auth.has_aal('aal2'));
create policy b_updates on t as restrictive for update using (true) with check (auth.has_aal('aal1'));
create function test.outcomes(statement text) returns table (session text, outcome text) language plpgsql as $$
declare
  rows bigint;
begin
  foreach session in array array[null, 'aal1', 'aal2'] loop
    perform test.set_claims(case when session is not null then format('{"sub":"jane","aal":"%s"}', session) end);
    begin
      set local role authenticated;
      execute statement;
      get diagnostics rows = row_count;
      raise sqlstate 'UNDO1' using message = format('done, rows: %s', rows);
    exception when others then
      outcome := sqlerrm;
    end;
    reset role;
    return next;
  end loop;
end
$$;
select * from test.outcomes($$insert into t values (3, 'c')$$);
select * from test.outcomes($$update t set note = 'c'$$);
select * from test.outcomes($$insert into t values (1, 'c') on conflict (id) do update set note = 'c'$$);
select * from test.outcomes($$with changed as (update t set note = 'c' where id = 1 returning id) select count(*) from changed$$);

\echo what an UPDATE has asked of the old row, or more, is not asked of the new one
drop policy a_inserts on t;
drop policy b_inserts on t;
drop policy a_updates on t;
drop policy b_updates on t;
create function test.init_plans(using_level text, check_level text, statement text) returns bigint language plpgsql as $$
declare
  line text;
  found bigint := 0;
begin
  execute format('create policy updates on t as restrictive for update using (auth.has_aal(%L)) with check (auth.has_aal(%L))', using_level, check_level);
  set local role authenticated;
  for line in execute 'explain (costs off) ' || statement loop
    found := found + (line ~ '^ *InitPlan')::int;
  end loop;
  reset role;
  drop policy updates on t;
  return found;
end
$$;
select u as using, c as check, test.init_plans(u, c, 'update t set note = note')
  from unnest(array['aal1', 'aal2']) u, unnest(array['aal1', 'aal2', 'aal3']) c order by 1, 2;
select u as using, c as check, test.init_plans(u, c, 'with changed as (update t set note = note returning id) select 1 from changed')
  from unnest(array['aal2']) u, unnest(array['aal1', 'aal2', 'aal3']) c order by 1, 2;

\echo a function is taken for has_aal only where it is called as that is
create function test.has_aal(level text, max_age interval default null) returns boolean language c stable strict
  as 'pg_aal', 'has_aal_wrapper' support auth.aal_once_per_statement;
create function test.has_aal1(level text, max_age interval default null) returns boolean language c stable set "request.jwt.claims" = '{"aal":"aal1"}'
  as 'pg_aal', 'has_aal_wrapper' support auth.aal_once_per_statement;
grant execute on function test.has_aal, test.has_aal1 to authenticated;
select function, test.asked($$auth.has_aal('aal2', '1 day')$$, function || $$('aal2')$$) like 'auth.has_aal%day''::interval)' as is_implied
  from unnest(array['auth.has_aal', 'test.has_aal', 'test.has_aal1']) function;
create policy updates on t as restrictive for update using (auth.has_aal('aal2')) with check (test.has_aal('aal2'));
select * from test.outcomes($$update t set note = 'c'$$);
drop policy updates on t;
create policy updates on t as restrictive for update using (auth.has_aal('aal2')) with check (test.has_aal1('aal2'));
select * from test.outcomes($$update t set note = 'c' where id = 1$$);
drop policy updates on t;
drop function test.has_aal, test.has_aal1;

\echo and every statement does what it does where each condition is a sub-select, which is always asked
create table parted (id int primary key, note text) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2);
create table parent (id int primary key, note text);
create table child () inherits (parent);
insert into parted values (1, 'a'), (2, 'b');
insert into parent values (1, 'a');
insert into child values (2, 'b');
create view on_t as select * from t;
create view on_t_with_barrier with (security_barrier) as select * from t where auth.has_aal('aal1') with check option;
create view on_t_as_caller with (security_invoker) as select * from t where id > 0 with local check option;
grant all on parted, parted_1, parted_2, parent, child, on_t, on_t_with_barrier, on_t_as_caller to authenticated;
create function test.as_others_see(form text, name text, reads text, using_level text, check_level text, statement text) returns text[]
language plpgsql as $$
declare
  changed text;
  answers text[];
begin
  foreach changed in array array['t', 'parted', 'parent'] loop
    execute format('alter table %s enable row level security', changed);
    if changed <> 't' then
      execute format('create policy everybody on %s using (true)', changed);
    end if;
    execute format('create policy a_reads on %s as restrictive for select using (%s)', changed, format(form, reads));
    execute format('create policy %I on %s as restrictive for update using (%s) with check (%s)',
      name, changed, format(form, using_level), format(form, check_level));
  end loop;
  select array_agg(session || ': ' || outcome) into answers from test.outcomes(statement);
  raise sqlstate 'UNDO2' using detail = answers::text;
exception when sqlstate 'UNDO2' then
  get stacked diagnostics changed = pg_exception_detail;
  return changed::text[];
end
$$;
select count(*) as tried, count(*) filter (where bare is distinct from wrapped) as differ,
    count(distinct bare) as outcomes, count(*) filter (where bare::text like '%violates%') as refused_new_rows
  from (select test.as_others_see($q$auth.has_aal('%s')$q$, n, r, u, c, s) as bare,
               test.as_others_see($q$(select auth.has_aal('%s'))$q$, n, r, u, c, s) as wrapped
          from unnest(array['updates', 'aal_update']) n,
               unnest(array['aal1', 'aal2', 'aal3']) r, unnest(array['aal1', 'aal2', 'aal3']) u, unnest(array['aal1', 'aal2', 'aal3']) c,
               unnest(array[
                 $q$update t set note = 'c' where id = 1$q$,
                 $q$update t set note = 'c'$q$,
                 $q$update t set id = id + 10 where id = 2 returning id$q$,
                 $q$update t set note = other.note from t other where other.id <> t.id$q$,
                 $q$with changed as (update t set note = 'c' returning id) select count(*) from changed$q$,
                 $q$with changed as (update t set note = 'c' where id = 1 returning id) update t set note = 'd' where id = 2$q$,
                 $q$insert into t values (1, 'c') on conflict (id) do update set note = 'c'$q$,
                 $q$merge into t using (values (1), (3)) v (id) on t.id = v.id when matched then update set note = 'c' when not matched then do nothing$q$,
                 $q$update on_t set note = 'c' where id = 1$q$,
                 $q$update on_t_with_barrier set note = 'c'$q$,
                 $q$update on_t_as_caller set note = 'c' where id = 1$q$,
                 $q$update on_t_as_caller set id = -id$q$,
                 $q$update parted set note = 'c'$q$,
                 $q$update parted set id = 2 where id = 1$q$,
                 $q$update parent set note = 'c'$q$]) s) outcomes;
drop view on_t, on_t_with_barrier, on_t_as_caller;
drop table parted, parent cascade;

\echo a protected table keeps the word of its guard, for whom the plan binds
drop table t;
create table t (id int primary key, note text);
insert into t values (1, 'a');
grant select, insert, update, delete on t to authenticated;
select count(*) from auth.protect_table('t');
-- Its policy for updates asks less here than that for reads. Guards know by its name whom the plan binds.
alter policy aal_read on t using (auth.has_aal('aal3'));
select * from test.outcomes($$update t set note = 'c' where id = 1$$);
select * from test.outcomes($$insert into t values (2, 'c')$$);
select * from test.outcomes($$insert into t values (1, 'c') on conflict (id) do update set note = 'c'$$);
drop table t;
drop function test.asked, test.filter, test.seen, test.outcomes, test.init_plans, test.as_others_see;
