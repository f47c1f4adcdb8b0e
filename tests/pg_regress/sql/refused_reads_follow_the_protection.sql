-- What refuse_reads refuses follows the protection: levels, ages, the enrolled level, applies_when, roles. And it only explains: where
-- the policy or the guard is gone, nothing is refused by it.
set client_min_messages = error;
create schema private;
grant usage on schema private to public;
create function private.is_admin() returns boolean language sql stable as $$ select nullif(current_setting('test.is_admin', true), '')::boolean $$;
create table papers (id int primary key, note text);
insert into papers values (1, 'a'), (2, 'b');
grant select, insert, update, delete on papers to authenticated;
create policy everybody on papers using (true) with check (true);
create function test.reads(statement text default 'select * from papers') returns text language plpgsql as $$
declare
  answer text;
  detail text;
begin
  set local role authenticated;
  execute format('select count(*)::text from (%s) rows', statement) into answer;
  reset role;
  return answer || ' rows';
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return sqlstate || ' ' || sqlerrm || coalesce(' ' || nullif(detail, ''), '');
end
$$;

\echo An age of reads.
select count(*) from auth.protect_table('papers', read => 'aal2 within 15 minutes', write => 'aal2 within 15 minutes', refuse_reads => true);
select test.sign_in('aal2', 60);
select test.reads();
select test.sign_in('aal2', 1000);
select test.reads();

\echo The enrolled level, where nobody can be looked up: only sessions at aal2 pass, and the error says why.
select count(*) from auth.protect_table('papers', read => 'enrolled', refuse_reads => true, lower => true);
select test.reads();
select test.sign_in('aal1');
select test.reads();

\echo Only some sessions.
select count(*) from auth.protect_table('papers', read => 'aal2', refuse_reads => true, applies_when => 'private.is_admin()', lower => true);
set test.is_admin = 'true';
select test.reads();
set test.is_admin = 'false';
select test.reads();
set test.is_admin = '';
select test.reads();
set test.is_admin = 'no boolean';
select test.reads();
revoke execute on function private.is_admin() from public;
select test.reads();
select test.sign_in('aal2');
grant execute on function private.is_admin() to public;
select test.reads();
-- Not asked by a session that has the level.
select test.sign_in('aal1');
reset test.is_admin;
alter function private.is_admin() rename to is_one_of_us;
select test.reads();

\echo Locks need the level of updates, whose policy hides the rows. Sensitive columns lower it to that of reads.
select count(*) from auth.protect_table('papers', read => 'aal1', refuse_reads => true, lower => true);
select test.reads(), test.reads('select * from papers for update') as for_update;
create view test.locks(nr, statement) as values
  (1, 'select * from papers for no key update'), (2, 'select * from papers for share'), (3, 'select * from papers for key share'),
  (4, 'select * from papers p, (values (1)) v for update of p'), (5, 'select * from (select * from papers for update) p'),
  (6, 'select * from papers, (select id from papers for share skip locked) q');
select nr, left(test.reads(statement), 60) from test.locks order by nr;
select test.sign_in('aal2');
select nr, left(test.reads(statement), 60) from test.locks order by nr;
select test.sign_in('aal1');
-- An update locks no row by itself: its guard refuses.
set role authenticated;
select test.attempt('update papers set note = note where id = 1');
reset role;
select count(*) from auth.protect_table('papers', read => 'aal1', refuse_reads => true, sensitive_columns => '{note}', lower => true);
select test.reads('select * from papers for update') as for_update;
-- Without a level for updates nothing more is asked.
select count(*) from auth.protect_table('papers', read => 'aal1', write => 'none', refuse_reads => true, lower => true);
select test.reads('select * from papers for update') as for_update;

\echo Where both are unmet, the level of reads comes first.
select count(*) from auth.protect_table('papers', read => 'aal2', write => 'aal3', refuse_reads => true, lower => true);
set role authenticated;
select test.attempt('update papers set note = note where id = 1') as reads_first, test.attempt('update papers set note = null') as reads_nothing,
       test.attempt('delete from papers where id = 1') as delete_reads_first;
reset role;

\echo It explains, and decides nothing.
select count(*) from auth.protect_table('papers', read => 'aal2', refuse_reads => true, lower => true);
select test.reads() as refused;
set session_replication_role = replica;
select test.reads() as as_replica;
reset session_replication_role;
alter table papers enable always trigger aal_guard;
set session_replication_role = replica;
select test.reads() as always;
reset session_replication_role;
alter table papers disable trigger aal_guard;
select test.reads() as disabled;
alter table papers enable trigger aal_guard;
begin;
alter policy aal_read on papers to service_role;
select test.reads() as for_another_role;
rollback;
begin;
alter policy aal_read on papers rename to other;
select test.reads() as renamed;
rollback;
begin;
drop policy aal_read on papers;
create policy aal_read on papers for select using (true);
select test.reads() as permits;
drop policy aal_read on papers;
create policy aal_read on papers as restrictive for insert with check (false);
select test.reads() as for_another_command;
rollback;
begin;
alter table papers disable row level security;
select test.reads() as row_security_off;
rollback;
begin;
create or replace trigger aal_guard before truncate on papers for each statement when (false) execute function auth.aal_guard('select=aal2');
select test.reads() as under_a_condition;
create or replace trigger aal_guard before truncate on papers for each statement execute function auth.aal_guard('select=AAL2');
select test.reads() as unknown_level;
rollback;
begin;
drop trigger aal_guard on papers;
select test.reads() as dropped;
rollback;
select test.reads() as refused;

\echo A guard for reads alone has an event, and asks nothing of it.
select count(*) from auth.protect_table('papers', read => 'aal2', write => 'none', refuse_reads => true, lower => true);
grant truncate on papers to authenticated;
select test.reads() as refused;
begin;
set local role authenticated;
truncate papers;
insert into papers values (9);
update papers set note = null;
delete from papers;
rollback;

\echo Without it, reads are as silent as they were.
select count(*) from auth.protect_table('papers', read => 'aal2');
select test.reads();
select count(*) from auth.unprotect_table('papers');
select test.reads();

drop view test.locks;
drop table papers;
drop function test.reads;
drop schema private cascade;
reset client_min_messages;
reset request.jwt.claims;
