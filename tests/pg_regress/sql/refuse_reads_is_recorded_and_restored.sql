-- refuse_reads as an option: requests that make no sense, the statements, the view, the lints, explain_access, dump and restore.
create schema recorded;
set search_path = recorded;
grant usage on schema recorded to authenticated;
create table papers (id int primary key, user_id uuid, note text);
insert into papers values (1, '11111111-1111-4111-8111-111111111111', 'a');
grant select, insert, update, delete on papers to authenticated;

select * from auth.protect_table('papers', read => 'none', refuse_reads => true);
select * from auth.protect_table('papers', guard => false, refuse_reads => true);
select * from auth.protect_table('papers', refuse_reads => null);

select statement from string_to_table(auth.protect_table_sql('papers', read => 'aal2', refuse_reads => true), E'\n\n') as statement where statement like '%aal_guard%';
select statement from string_to_table(auth.protect_table_sql('papers', write => 'none', refuse_reads => true), E'\n\n') as statement where statement like '%aal_guard%';

set client_min_messages = warning;
select read, write from auth.protect_table('papers', read => 'aal2', owner_column => 'user_id', refuse_reads => true);
select target, read, guard, refuse_reads from auth.protected_tables;
alter table papers disable trigger aal_guard;
select target, read, guard, refuse_reads from auth.protected_tables;
alter table papers enable trigger aal_guard;

\echo The same session is told so.
select test.sign_in('aal1');
set role authenticated;
select step, subject, answer, note from auth.explain_access('papers', 'select') where command is not null;
select command, answer, note from auth.explain_access('papers') where step = 'result';
set pg_aal.refuse_reads = off;
select step, subject, answer, note from auth.explain_access('papers', 'select') where command is not null;
select count(*) from papers;
reset pg_aal.refuse_reads;
select test.sign_in('aal2');
select step, subject, answer, note from auth.explain_access('papers', 'select') where command is not null;
reset role;

\echo The matrix is as without it.
select role, command, required_aal, note from auth.aal_matrix('papers') where role = 'authenticated' order by command;

\echo Lints: altered, and gone.
select count(*) from auth.aal_lint() where name ~ '002[01]' and metadata ->> 'schema' = 'recorded';
begin;
create or replace trigger aal_guard before insert or update or delete or truncate on papers
  for each statement execute function auth.aal_guard('select=aal1', 'insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2');
select name, detail from auth.aal_lint() where name ~ '002[01]' and metadata ->> 'schema' = 'recorded';
create or replace trigger aal_guard before insert or update or delete or truncate on papers
  for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2');
select name, detail from auth.aal_lint() where name ~ '002[01]' and metadata ->> 'schema' = 'recorded';
alter table papers disable trigger aal_guard;
select name, detail from auth.aal_lint() where name ~ '002[01]' and metadata ->> 'schema' = 'recorded';
rollback;

\echo To leave it out lowers nothing: the policies decide as before. Nor does it need lower => true to have it.
select read from auth.protect_table('papers', read => 'aal2', owner_column => 'user_id');
select target, refuse_reads from auth.protected_tables;
select read from auth.protect_table('papers', read => 'aal2', owner_column => 'user_id', refuse_reads => true);
select target, refuse_reads from auth.protected_tables;
-- With the guard goes what explains.
select read from auth.protect_table('papers', read => 'aal2', owner_column => 'user_id', guard => false);

\echo Partitions are refused with their table, and by their own names.
create table parts (id int) partition by list (id);
create table parts_1 partition of parts for values in (1);
create policy everybody on parts using (true);
create policy everybody on parts_1 using (true);
grant select on parts, parts_1 to authenticated;
select partitions from auth.protect_table('parts', refuse_reads => true);
select target, refuse_reads from auth.protected_tables order by 1;
select test.sign_out();
set role authenticated;
select * from parts;
select * from parts_1;
reset role;

\! createdb restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
set search_path = recorded;
select target, read, refuse_reads from auth.protected_tables order by 1;
select test.sign_in('aal1');
set role authenticated;
select count(*) from papers;
reset role;
set client_min_messages = error;
select count(*) from auth.unprotect_table('papers');
set role authenticated;
select count(*) from papers;

\c regression
drop database restored;
\echo pg_dump as a role that is bound: with row security it reads as that role does.
create role dumper login in role authenticated;
grant usage on schema recorded to dumper;
\! pg_dump regression -U dumper -t recorded.papers --enable-row-security 2>&1 | grep -a insufficient | head -1
drop owned by dumper;
drop role dumper;
set client_min_messages = error;
drop schema recorded cascade;
reset request.jwt.claims;
