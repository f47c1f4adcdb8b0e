-- A protected table: at AAL1 every write is refused with insufficient_aal, also where no row matches and where the
-- table is empty, and nothing changes; at AAL2 it is done.
create table payments (id int primary key, user_id uuid not null, amount int);
create table no_payments (like payments including all);
insert into payments select n, '11111111-1111-4111-8111-111111111111', n * 10 from generate_series(1, 3) as n;
insert into payments values (9, '99999999-9999-4999-8999-999999999999', 90);
grant all on payments, no_payments to anon, authenticated, service_role;

select * from auth.protect_table('payments', owner_column => 'user_id');
select statement from string_to_table(auth.protect_table_sql('payments', owner_column => 'user_id'), E'\n\n') as statement where statement not like 'drop%';
select count(*) = 1 as protected from auth.protect_table('no_payments', owner_column => 'user_id');
select * from auth.protected_tables order by target::text;

create view pg_temp.writes(nr, command, statement) as values
  (1, 'insert',             $$insert into %I values (20, '11111111-1111-4111-8111-111111111111', 1)$$),
  (2, 'insert … select',    $$insert into %I select 21, '11111111-1111-4111-8111-111111111111', 1$$),
  (3, 'insert of no row',   $$insert into %I select 22, '11111111-1111-4111-8111-111111111111', 1 where false$$),
  (4, 'on conflict update', $$insert into %I values (1, '11111111-1111-4111-8111-111111111111', 1) on conflict (id) do update set amount = 0$$),
  (5, 'on conflict nothing', $$insert into %I values (1, '11111111-1111-4111-8111-111111111111', 1) on conflict do nothing$$),
  (6, 'update',             $$update %I set amount = 0 where id = 1$$),
  (7, 'update of no row',   $$update %I set amount = 0 where id = 1000$$),
  (8, 'update of others',   $$update %I set amount = 0 where id = 9$$),
  (9, 'update in with',     $$with changed as (update %I set amount = 5 where id = 2 returning id) select * from changed$$),
  (10, 'merge update',      $$merge into %I p using (values (1)) v(id) on p.id = v.id when matched then update set amount = 7$$),
  (11, 'merge insert',      $$merge into %I p using (values (30)) v(id) on p.id = v.id when not matched then insert values (30, '11111111-1111-4111-8111-111111111111', 1)$$),
  (12, 'merge delete',      $$merge into %I p using (values (3)) v(id) on p.id = v.id when matched then delete$$),
  (13, 'merge of no row',   $$merge into %I p using (values (1000)) v(id) on p.id = v.id when matched then delete$$),
  (14, 'delete',            $$delete from %I where id = 2$$),
  (15, 'delete of no row',  $$delete from %I where id = 1000$$),
  (16, 'delete of all',     $$delete from %I$$),
  (17, 'truncate',          $$truncate %I$$);
grant select on pg_temp.writes to anon, authenticated, service_role;

-- At AAL1, on a table with rows and on an empty one: the same refusal, and nothing changes.
select test.sign_in('aal1');
set role authenticated;
select * from payments order by id;
select nr, command, test.attempt(format(statement, 'payments')) from pg_temp.writes order by nr;
select * from payments order by id;
select count(*), min(answer), max(answer) from (
  select regexp_replace(test.attempt(format(statement, 'no_payments')), '(insert|update|delete|truncate) on', 'write on') as answer
    from pg_temp.writes) s;

-- As a client sees one of them.
update payments set amount = 0;
\echo :LAST_ERROR_SQLSTATE
reset role;
select id, amount from payments order by id;

-- Nobody, and anon: nothing to see, nothing to do.
select test.sign_out();
set role anon;
select * from payments;
select nr, command, test.attempt(format(statement, 'payments')) from pg_temp.writes where nr in (1, 6, 14, 17) order by nr;
reset request.jwt.claims;
select * from payments;
select test.attempt('delete from payments');
reset role;
select id, amount from payments order by id;

-- At AAL2: done.
select test.sign_in('aal2');
set role authenticated;
select nr, command, test.attempt(format(statement, 'payments')) from pg_temp.writes where nr < 16 order by nr;
select * from payments order by id;
select test.attempt('delete from payments');
reset role;
-- Somebody else's row is still there: the level opens nothing that isn't theirs.
select * from payments;
set role authenticated;
select test.attempt('truncate payments');
reset role;
select * from payments;

-- COPY FROM: Postgres itself refuses it where row security is active; COPY TO shows what SELECT shows.
set role authenticated;
\copy payments from '/dev/null'
copy (select count(*) from payments) to stdout;
reset role;

-- Prepared, cursors, functions and dynamic SQL are all statements.
insert into payments values (1, '11111111-1111-4111-8111-111111111111', 10);
select test.sign_in('aal1');
set role authenticated;
prepare change as update payments set amount = 0;
execute change;
begin;
declare rows cursor for select * from payments for update;
fetch rows;
update payments set amount = 0 where current of rows;
rollback;
create function pg_temp.change() returns int language sql as 'update payments set amount = 0 returning amount';
select pg_temp.change();
do 'begin execute ''update payments set amount = 0''; end';
-- A lock on a row is an update, to row security: at AAL1 there is none to lock.
select * from payments for update;
-- Prepared once, refused; stepped up, done: without preparing again.
reset role;
select test.sign_in('aal2');
set role authenticated;
execute change;
deallocate change;
reset role;
select * from payments;

drop table payments, no_payments;
reset request.jwt.claims;
