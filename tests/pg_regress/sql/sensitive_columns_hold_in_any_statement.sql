-- An update that changes a sensitive column needs the write level in whatever statement it stands, beside whatever else,
-- and with the statement-level guard out of the way.
create table documents (id int primary key, owner text, title text, iban text);
insert into documents values (1, 'jane', 'a', 'DE1'), (2, 'jane', 'b', 'DE2');
grant select, insert, update, delete on documents to authenticated;
create policy everybody on documents using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('documents', sensitive_columns => '{iban}', on_insert => 'none', max_age => '15 minutes');

create view pg_temp.writes(nr, statement) as values
  (1, $$update documents set iban = 'EVIL'$$),
  (2, $$with x as (update documents set iban = 'EVIL' where id = 1 returning 1) update documents set title = title where false$$),
  (3, $$with x as (update documents set title = 'c' where id = 2 returning 1), y as (update documents set iban = 'EVIL' where id = 1 returning 1) select * from x, y$$),
  (4, $$with x as (insert into documents values (1) on conflict (id) do update set iban = 'EVIL' returning 1) update documents set title = title where false$$),
  (5, $$with x as (update documents set title = title where false) insert into documents values (1) on conflict (id) do update set iban = 'EVIL'$$),
  (6, $$merge into documents d using (values (1), (2)) v(id) on d.id = v.id when matched and d.id = 1 then update set iban = 'EVIL' when matched then update set title = 'c'$$),
  (7, $$with x as (update documents set title = 'c' where id = 2 returning 1) select * from x$$);
grant select on pg_temp.writes to authenticated;

select test.sign_in('aal1');
set role authenticated;
select nr, test.attempt(statement) from pg_temp.writes order by nr;
select * from documents order by id;
reset role;
-- An old factor is no better.
select test.sign_in('aal2', 3600);
set role authenticated;
select nr, test.attempt(statement) from pg_temp.writes order by nr;
select * from documents order by id;
reset role;

-- The statement-level triggers explain. Without them: the same, as far as rows are changed.
drop trigger aal_guard on documents;
select test.sign_in('aal1');
set role authenticated;
select nr, test.attempt(statement) from pg_temp.writes order by nr;
set constraints all deferred;
begin;
set constraints all deferred;
update documents set iban = 'EVIL';
rollback;
select * from documents order by id;
reset role;
select on_update, sensitive_columns, guard from auth.protected_tables;
-- A role that may create triggers can replace the guard, which is why there is a WARNING; but not a constraint.
select count(*) = 1 as protected from auth.protect_table('documents', sensitive_columns => '{iban}', lower => true);
grant trigger on documents to authenticated;
select count(*) = 1 as protected from auth.protect_table('documents', sensitive_columns => '{iban}');
set role authenticated;
create function pg_temp.noop() returns trigger language plpgsql as 'begin return null; end';
create or replace trigger aal_guard before insert on documents for each statement when (false) execute function pg_temp.noop();
create or replace trigger aal_columns after insert on documents for each row when (false) execute function pg_temp.noop();
\echo :LAST_ERROR_SQLSTATE
drop trigger aal_columns on documents;
alter trigger aal_columns on documents rename to x;
select nr, test.attempt(statement) from pg_temp.writes order by nr;
reset role;
-- The view says that the guard isn't the guard any more; protecting again puts it back.
select on_update, sensitive_columns, guard from auth.protected_tables;
revoke trigger on documents from authenticated;
select count(*) = 1 as protected from auth.protect_table('documents', sensitive_columns => '{iban}');
select on_update, sensitive_columns, guard from auth.protected_tables;

-- With the column goes the trigger, and the view says so.
alter table documents add column bic text;
select count(*) = 1 as protected from auth.protect_table('documents', sensitive_columns => '{iban,bic}');
alter table documents drop column iban cascade;
select on_update, sensitive_columns, guard from auth.protected_tables;

-- On a partitioned table, whichever way a row is reached; again and again; and taken back.
create table parted (id int, iban text, title text) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10) partition by range (id);
create table parted_1_1 (title text, dropped int, iban text, id int);
alter table parted_1_1 drop column dropped;
alter table parted_1 attach partition parted_1_1 for values from (0) to (10);
insert into parted values (1, 'DE1', 'a');
grant select, insert, update, delete on parted, parted_1, parted_1_1 to authenticated;
select count(*) = 1 as protected from auth.protect_table('parted_1_1', sensitive_columns => '{iban}');
select count(*) = 1 as protected from auth.protect_table('parted', sensitive_columns => '{iban}');
select count(*) = 1 as protected from auth.protect_table('parted', sensitive_columns => '{iban}');
create policy everybody on parted using (true) with check (true);
create policy everybody on parted_1 using (true) with check (true);
create policy everybody on parted_1_1 using (true) with check (true);
select test.sign_in('aal1');
set role authenticated;
select t, test.attempt(format('update %s set iban = ''EVIL''', t)) as changes_it,
       test.attempt(format('with x as (update %s set iban = ''EVIL'' returning 1) update %s set title = title where false', t, t)) as changes_it_in_with,
       test.attempt(format('update %s set title = ''b''', t)) as changes_another
  from unnest(array['parted', 'parted_1', 'parted_1_1']) as t;
select * from parted;
reset role;
-- A partition without policies has its copy of the trigger all the same: it asks for the parent's.
create table parted_2 partition of parted for values from (10) to (20);
select row_security from auth.unprotect_table('parted_2');
insert into parted values (11, 'DE11', 'a');
grant select, insert, update, delete on parted_2 to authenticated;
set role authenticated;
select t, test.attempt(format('update %s set iban = ''EVIL'' where id = 11', t)) as changes_it,
       test.attempt(format('with x as (update %s set iban = ''EVIL'' where id = 11 returning 1) update %s set title = title where false', t, t)) as changes_it_in_with,
       test.attempt(format('update %s set title = ''b'' where id = 11', t)) as changes_another
  from unnest(array['parted', 'parted_2']) as t;
select * from parted order by id;
reset role;
drop table parted_2;

-- A partition alone: its columns are its parent's.
select count(*) = 1 as protected from auth.protect_table('parted_1', sensitive_columns => '{title}');
\echo :LAST_ERROR_SQLSTATE
select count(*) = 1 as protected from auth.protect_table('parted_1', read => 'aal2');
select target, read, on_update, sensitive_columns from auth.protected_tables where target::text like 'parted%' order by 1;
select count(*) = 1 as unprotected from auth.unprotect_table('parted');
select tgrelid::regclass, tgname from pg_trigger where tgname like 'aal%' and tgrelid::regclass::text like 'parted%';

drop table documents, parted;
reset request.jwt.claims;
