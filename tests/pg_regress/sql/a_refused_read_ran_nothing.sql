-- A statement that is refused for what it reads has run nothing: no function, no sub-select, no lock of a row, no trigger. So it can't
-- tell which rows exist: for an existing key and a missing one, the answer is the same to the letter.
set client_min_messages = error;
create table secrets (id int primary key, user_id uuid default auth.subject_uuid(), secret text unique);
insert into secrets select n, '11111111-1111-4111-8111-111111111111', 's' || n from generate_series(1, 1000) as n;
analyze secrets;
create table log (id int, secret text);
grant select, insert, update, delete on secrets, log to authenticated;
select count(*) = 1 as protected from auth.protect_table('secrets', read => 'aal2', owner_column => 'user_id', refuse_reads => true);

create view pg_temp.probes(nr, statement) as values
  (1, $$select * from secrets where id = %s$$),
  (2, $$update secrets set secret = 'x' where id = %s$$),
  (3, $$delete from secrets where id = %s$$),
  (4, $$insert into secrets values (%s) returning *$$),
  (5, $$insert into secrets values (%s) on conflict (id) do nothing$$),
  (6, $$insert into secrets values (%s) on conflict (id) do update set secret = 'z'$$),
  (7, $$merge into secrets s using (values (%s)) v(id) on s.id = v.id when matched then update set secret = 'x'$$),
  (8, $$merge into secrets s using (values (%s)) v(id) on s.id = v.id when not matched then insert values (v.id)$$),
  (9, $$select * from secrets where id = %s for update nowait$$),
  (10, $$select exists (select from secrets where id = %s)$$),
  (11, $$insert into log select id, secret from secrets where id = %s$$),
  (12, $$explain select * from secrets where id = %s$$),
  -- These name no row that is there: only the policy for new rows counts.
  (13, $$insert into secrets values (%s)$$);
grant select on pg_temp.probes to authenticated;
create function test.all_of(statement text) returns text language plpgsql as $$
declare
  state text;
  message text;
  detail text;
  hint text;
  named text;
begin
  execute statement;
  return 'done';
exception when others then
  get stacked diagnostics state = returned_sqlstate, message = message_text, detail = pg_exception_detail, hint = pg_exception_hint, named = constraint_name;
  return concat_ws('|', state, message, detail, hint, named);
end
$$;
select test.sign_in('aal1');
set role authenticated;
select nr, test.attempt(format(statement, 7)) as answer,
       test.all_of(format(statement, 7)) = test.all_of(format(statement, 7000)) as same_for_a_missing_key
  from pg_temp.probes order by nr;
set enable_indexscan = off;
set enable_bitmapscan = off;
select bool_and(test.all_of(format(statement, 7)) = test.all_of(format(statement, 7000))) as all_same from pg_temp.probes;
reset enable_indexscan;
reset enable_bitmapscan;
reset role;

-- The error is the guard's.
set role authenticated;
select * from secrets;
set pg_aal.error_format = 'postgrest';
select * from secrets;
reset pg_aal.error_format;
select test.sign_out();
select * from secrets;
select test.set_claims('{');
select * from secrets;
reset request.jwt.claims;
select * from secrets;

-- Nothing ran. Functions count their calls in sequences, which no error undoes.
reset role;
create sequence calls;
create function call(anything anyelement default 1) returns int language plpgsql volatile as $$
begin
  perform nextval('calls');
  return 1;
end
$$;
create function call_in_trigger() returns trigger language plpgsql as $$
begin
  perform nextval('calls');
  return case when tg_level = 'ROW' then new end;
end
$$;
create trigger calls_before_statement before insert on log for each statement execute function call_in_trigger();
create trigger calls_before_row before insert on log for each row execute function call_in_trigger();
create trigger calls_before_secrets before insert or update or delete on secrets for each statement execute function call_in_trigger();
-- Its name comes before that of the guard.
create trigger a_first before insert or update or delete on secrets for each statement execute function call_in_trigger();
grant usage on sequence calls to authenticated;
create view pg_temp.calling(nr, statement) as values
  (1, $$select call() from secrets$$),
  (2, $$select call(id) from secrets where call(secret) = 1$$),
  (3, $$select call(), (select call()) from (values (1)) v(n) where exists (select from secrets)$$),
  (4, $$with called as materialized (select call() as n) select * from called, secrets$$),
  (5, $$with called as (insert into log values (call()) returning id) select * from called, secrets$$),
  (6, $$select * from generate_series(1, call()) n, secrets$$),
  (7, $$insert into log select call(), secret from secrets$$),
  (8, $$insert into log values (call(), (select secret from secrets limit call()))$$),
  (9, $$update secrets set secret = call() where id = call()$$),
  (10, $$delete from secrets where id = call()$$),
  (11, $$insert into secrets values (call()) returning call(id)$$),
  (12, $$merge into secrets s using (select call() as id) v on s.id = v.id when matched then delete$$),
  (13, $$explain analyze select call() from secrets$$),
  (14, $$create temp table made as select call() from secrets$$),
  (15, $$select call() union all select id from secrets$$),
  (16, $$select * from log where id = call() and exists (select from secrets)$$);
grant select on pg_temp.calling to authenticated;
select test.sign_in('aal1');
set role authenticated;
select nr, test.attempt(statement) as answer from pg_temp.calling order by nr;
reset role;
select not is_called as nothing_ran from calls;
-- At the level they run: the trial means something.
insert into secrets values (5000, '11111111-1111-4111-8111-111111111111', 'five thousand');
select count(*) > 0 as counts from (select nextval('calls')) n;
select setval('calls', 1, false);
alter table secrets disable trigger aal_guard;
set role authenticated;
select test.sign_in('aal2');
select count(test.attempt(statement)) from pg_temp.calling;
reset role;
select last_value > 30 as much_ran from calls;
alter table secrets enable trigger aal_guard;

-- No row is locked: a lock would stay with the row though it is undone.
select test.sign_in('aal1');
begin;
set local role authenticated;
savepoint before;
select id from secrets where id < 8 for update;
rollback to before;
reset role;
select count(*) filter (where xmax <> 0) as locked, count(*) as rows from secrets where id < 8;
select test.sign_in('aal2');
set local role authenticated;
savepoint before;
select count(*) from (select id from secrets where id < 8 for update) s;
rollback to before;
reset role;
select count(*) filter (where xmax <> 0) as locked, count(*) as rows from secrets where id < 8;
commit;

drop table secrets, log;
drop function call(anyelement), call_in_trigger, test.all_of;
drop sequence calls;
reset client_min_messages;
reset request.jwt.claims;
