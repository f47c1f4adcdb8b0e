-- Under bare policies, too, each call runs once per statement, and never per row. Planning asks once more where an estimate
-- compares with the answer (auth.subject_uuid() here). What may raise runs per row in a statement that changes or locks rows.
create table t (id int primary key, owner uuid, level text, note text);
insert into t select n, '11111111-1111-4111-8111-111111111111', 'aal' || (1 + n % 3), 'x' from generate_series(1, 1000) as n;
create table source (id int primary key);
insert into source select generate_series(500, 1500);
analyze t;
analyze source;
grant select, insert, update, delete on t, source to authenticated;
alter table t enable row level security;
create policy reads on t for select using (auth.has_aal('aal1') and owner = auth.subject_uuid());
create policy inserts on t for insert with check (auth.has_aal('aal2') and owner = auth.subject_uuid());
create policy updates on t for update using (auth.has_aal('aal2')) with check (auth.has_aal('aal2', '15 minutes') or auth.aal() = 'aal3');
create policy deletes on t for delete using (auth.require_aal('aal2'));

-- What is stored is what was written.
select polname, pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check from pg_policy where polrelid = 't'::regclass order by 1;

-- A plan, in words that all Postgres majors share: parameters are $, and the functions they hold are InitPlans.
create function test.plan(query text) returns setof text language plpgsql as $$
declare
  line text;
begin
  for line in execute 'explain (verbose, costs off) ' || query loop
    line := regexp_replace(line, ' \(returns \$\d+\)', '');
    line := regexp_replace(line, '\$\d+|\(InitPlan \d+\)\.col1', '$', 'g');
    if line !~ '^\s*(Merge Key|Disabled)' then return next line; end if;
  end loop;
end
$$;

-- How often each of our functions runs while a statement does.
create function test.calls(statement text) returns table (function text, calls bigint) language plpgsql as $$
declare
  names constant text[] := array['auth.aal()', 'auth.has_aal(text,interval)', 'auth.require_aal(text,interval)', 'auth.subject()', 'auth.subject_uuid()'];
  before constant bigint[] := array(select coalesce(pg_stat_get_xact_function_calls(name::regprocedure), 0) from unnest(names) with ordinality as n(name, nr) order by nr);
begin
  execute statement;
  for i in 1..cardinality(names) loop
    function := names[i];
    calls := coalesce(pg_stat_get_xact_function_calls(names[i]::regprocedure), 0) - before[i];
    if calls > 0 then return next; end if;
  end loop;
end
$$;
grant execute on function test.calls(text) to public;
set track_functions = 'all';
select test.sign_in('aal2');
set role authenticated;

\echo a read
select test.plan('select * from t');
select * from test.calls('select * from t');
\echo an insert
select test.plan($$insert into t select id + 1000, '11111111-1111-4111-8111-111111111111' from source$$);
select * from test.calls($$insert into t select id + 1000, '11111111-1111-4111-8111-111111111111' from source$$);
\echo an update
select test.plan('update t set note = note');
select * from test.calls('update t set note = note');
\echo a delete
select test.plan('delete from t where id > 1500');
select * from test.calls('delete from t where id > 1500');
\echo an upsert
select test.plan($$insert into t select id, '11111111-1111-4111-8111-111111111111' from source on conflict (id) do update set note = 'again'$$);
select * from test.calls($$insert into t select id, '11111111-1111-4111-8111-111111111111' from source on conflict (id) do update set note = 'again'$$);
\echo a merge
select test.plan($$merge into t using source s on s.id = t.id
  when matched and s.id % 3 = 0 then delete when matched then update set note = 'merged'
  when not matched then insert values (s.id, '11111111-1111-4111-8111-111111111111')$$);
select * from test.calls($$merge into t using source s on s.id = t.id
  when matched and s.id % 3 = 0 then delete when matched then update set note = 'merged'
  when not matched then insert values (s.id, '11111111-1111-4111-8111-111111111111')$$);
\echo in an OR with a column, negated, compared, in a CASE
select test.plan($$select * from t where id = 7 or auth.has_aal('aal3') or not auth.has_aal('aal1') or level = auth.aal()
  or case when id > 3 then auth.has_aal('aal2', '1 hour') else false end$$);
select * from test.calls($$select * from t where id = 7 or auth.has_aal('aal3') or not auth.has_aal('aal1') or level = auth.aal()$$);
\echo by a unique key there is one row: each call stays where it is, and runs where it is reached
select test.plan('select * from t where id = 7');
select * from test.calls('select * from t where id = 7');
select * from test.calls('select * from t where id = 0');
select test.plan('select count(*) from (select * from t where id = 7 limit 1) s');
select test.plan('update t set note = note where id = 7');
select * from test.calls('update t set note = note where id = 7');
select test.plan($$with c as (update t set note = note where id = 7 returning 1) select count(*) from c$$);
select test.plan($$insert into t values (3000, '11111111-1111-4111-8111-111111111111')$$);
select * from test.calls($$insert into t values (3000, '11111111-1111-4111-8111-111111111111')$$);
\echo an update that asks for a level before it changes the row does not ask again of the new one, and asks the rest
reset role;
create table protected (id int, part int, note text, primary key (id, part)) partition by list (part);
create table protected_1 partition of protected for values in (1);
create table protected_2 partition of protected for values in (2);
insert into protected select n, 1, 'x' from generate_series(1, 9) as n;
grant select, update on protected to authenticated;
alter table protected enable row level security;
create policy everybody on protected using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('protected', guard => false);
reset client_min_messages;
-- What depends on the row is still asked. A level that a trigger lowers counts from the next statement on, as in an update without a key.
create policy no_secrets on protected as restrictive for update using (true) with check (note <> 'secret' and auth.has_aal('aal2'));
create function test.step_down() returns trigger language plpgsql as $$
begin
  if new.note = 'less' then perform test.sign_in('aal1'); end if;
  return new;
end
$$;
create trigger step_down before update on protected for each row execute function test.step_down();
set role authenticated;
select test.plan('update protected set note = note where id = 7 and part = 1');
select * from test.calls('update protected set note = note where id = 7 and part = 1');
update protected set note = 'secret' where id = 7 and part = 1;
update protected set part = 2 where id = 7 and part = 1 returning *;
reset role;
drop policy no_secrets on protected;
set role authenticated;
select * from test.calls('update protected set note = note where id = 7 and part = 2');
begin;
update protected set note = 'less' where id = 7 and part = 2 returning *, auth.aal();
update protected set note = 'more' where id = 7 and part = 2 returning *, auth.aal();
rollback;
begin;
update protected set note = 'less' where part = 2 returning *, auth.aal();
rollback;
reset role;
create policy aal3_for_new on protected as restrictive for update using (true) with check (auth.has_aal('aal3'));
set role authenticated;
update protected set note = 'y' where id = 7 and part = 2;
reset role;
drop table protected;
drop function test.step_down();
create table plain (id int primary key, note text);
insert into plain values (7, 'x');
grant select, update on plain to authenticated;
alter table plain enable row level security;
create policy everybody on plain using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('plain', guard => false);
reset client_min_messages;
set role authenticated;
select test.plan('update plain set note = note where id = 7');
select * from test.calls('update plain set note = note where id = 7');
select test.sign_in('aal1');
update plain set note = 'y' where id = 7 returning *;
select test.sign_in('aal2');
reset role;
drop table plain;
set role authenticated;
\echo so does one that looks the session up: what it found is kept within the statement
reset role;
create policy live_reads on t as restrictive for select using (auth.session_is_live());
create policy live_updates on t as restrictive for update using (auth.session_is_live());
set role authenticated;
select test.plan('update t set note = note where id = 7');
\echo but where a function of the administrator is asked, and where a call costs more, equal calls share one
reset role;
create function test.is_live(text, text) returns boolean language sql stable parallel safe return true;
set pg_aal.session_function = 'test.is_live';
set role authenticated;
select test.plan('update t set note = note where id = 7');
reset role;
reset pg_aal.session_function;
drop policy live_reads on t;
drop policy live_updates on t;
create policy claims_of_reads on t as restrictive for select using (auth.claims() ? 'aal');
create policy claims_of_updates on t as restrictive for update using (auth.claims() ? 'aal');
set role authenticated;
select test.plan('update t set note = note where id = 7');
reset role;
drop policy claims_of_reads on t;
drop policy claims_of_updates on t;
set role authenticated;
\echo so it does not where the key is compared otherwise, in a join, and in a sub-select for each row
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
select test.plan('select * from t where id < 0');
select test.plan('select * from t where id in (7, 8)');
select test.plan('select t.id from source s, t where t.id = s.id');
select test.plan('select id, (select count(*) from t where t.id = s.id) from source s');
reset enable_seqscan;
reset enable_hashjoin;
reset enable_mergejoin;
\echo with a level that isn''t a literal: computed, or a parameter of the statement
select test.plan($$select * from t where auth.has_aal(lower('AAL' || '2'))$$);
prepare by_parameter(text, interval) as select * from t where auth.has_aal($1, $2);
set plan_cache_mode = force_generic_plan;
select test.plan($$execute by_parameter('aal2', '1 hour')$$);
select * from test.calls($$select * from t where auth.has_aal(current_setting('role')::text || 'x') is null and false$$) where function <> 'auth.subject_uuid()';
reset plan_cache_mode;
reset role;

-- Where it declines: a level from a column; a volatile one; a query without rows, which asks once anyway. A key whose check is
-- deferred may be there twice.
alter table t disable row level security;
select test.plan('select * from t where auth.has_aal(level)');
select * from test.calls('select * from t where auth.has_aal(level)');
create function test.volatile_level() returns text language plpgsql volatile as $$ begin return 'aal2'; end $$;
select test.plan('select * from t where auth.has_aal(test.volatile_level())');
select test.plan($$select auth.has_aal('aal2')$$);
select test.plan($$select * from t where (select auth.has_aal('aal2'))$$);
select test.plan($$select * from (select 'aal1'::text as l union all select 'aal3') s where auth.has_aal(l)$$);
set enable_seqscan = off;
alter table t drop constraint t_pkey, add primary key (id) deferrable;
select test.plan($$select * from t where id = 7 and auth.has_aal('aal2')$$);
reset enable_seqscan;

reset track_functions;
deallocate by_parameter;
drop table t, source;
drop function test.plan(text), test.calls(text), test.volatile_level(), test.is_live(text, text);
reset request.jwt.claims;
