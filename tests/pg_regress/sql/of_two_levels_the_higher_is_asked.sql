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
begin
  foreach session in array array[null, 'aal1', 'aal2'] loop
    perform test.set_claims(case when session is not null then format('{"sub":"jane","aal":"%s"}', session) end);
    begin
      set local role authenticated;
      execute statement;
      raise sqlstate 'UNDO1' using message = 'done';
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
drop function test.asked, test.filter, test.seen, test.outcomes;
