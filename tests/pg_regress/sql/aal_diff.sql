-- aal_diff has a row for each change since a snapshot: what was opened or lowered, with what decided before and now.
create schema diffed;
grant usage on schema diffed to anon, authenticated;
set search_path = diffed, public;
create table payments (id int);
create table notes (id int);
grant select, insert, update, delete on payments, notes to authenticated;
create policy everybody on payments using (true);
create policy everybody on notes using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('payments', max_age => '15 minutes');
select count(*) from auth.protect_table('notes', read => 'aal1', write => 'aal1');
create temporary table baseline as select auth.aal_snapshot() as before;
create temporary view changed as
  select what, target, role, command, change, d.before, now, decided_before, decided_now, fails, key from baseline b, auth.aal_diff(b.before) d;

-- Nothing changed. Nor does it where a policy has another name now and decides the same.
select * from changed;
alter policy everybody on notes rename to all_rows;
select * from changed;

begin;
\echo lowered: an older factor
drop policy aal_update on payments; drop trigger aal_guard on payments;
create policy aal_update_2 on payments as restrictive for update using (auth.has_aal('aal2', '1 hour'));
select target, role, command, change, before, now, decided_before, decided_now, fails from changed where what = 'matrix';
rollback;

begin;
\echo opened: no level any more, and a privilege
drop policy aal_read on notes;
grant select on payments to anon;
select target, role, command, change, before, now, decided_before, decided_now, fails, key from changed where what = 'matrix';
rollback;

begin;
\echo raised, and a finding that is gone
revoke delete on payments from authenticated;
select * from changed;
rollback;

begin;
\echo new and gone: a table that gets another name is both
alter table notes rename to remarks;
select target, role, command, change, before, now, fails from changed where what = 'matrix' and role = 'authenticated';
rollback;

begin;
\echo exempt sessions, and anonymous users
create schema private;
create function private.is_admin() returns boolean language sql stable return true;
select count(*) from auth.protect_table('notes', read => 'aal1', write => 'aal1', applies_when => 'private.is_admin()', lower => true);
drop policy aal_insert on payments; drop trigger aal_guard on payments;
select target, role, command, change, before, now, fails from changed where what = 'matrix';
rollback;

begin;
\echo findings: new, and one that concerns another role
create view all_payments as select * from payments;
grant select on all_payments to authenticated;
select what, target, change, now, decided_now, fails, key from changed;
create temporary table later as select auth.aal_snapshot() as before;
grant select on all_payments to anon;
select what, target, change, d.before, now, fails, key from later l, auth.aal_diff(l.before) d;
select name, detail from later l, auth.aal_lint(l.before);
select count(*) from baseline b, auth.aal_lint(b.before);
rollback;

begin;
\echo roles: one that needs as little as another is new; one that needs less is a new way
create role clerk nologin;
grant usage on schema diffed to clerk;
grant select on payments to clerk;
select target, role, command, change, before, now, decided_before, decided_now, fails from changed;
alter policy aal_read on payments to authenticated;
select target, role, command, change, before, now, decided_before, decided_now, fails from changed where what = 'matrix';
alter role authenticated bypassrls;
select target, role, command, change, before, now, fails from changed where what = 'matrix' and role = 'authenticated';
rollback;

begin;
\echo settings
set local pg_aal.anonymous_level = 'aal1';
select what, target, change, before, now, fails, key from changed where what = 'setting';
rollback;
begin;
create temporary table guests as select jsonb_set(before, '{settings,anonymous_level}', '"aal1"') as before from baseline;
select what, target, change, d.before, now, fails, key from guests g, auth.aal_diff(g.before) d where what = 'setting';
rollback;

-- What is no snapshot.
select * from auth.aal_diff(null);
\echo :LAST_ERROR_SQLSTATE
select * from auth.aal_diff('[]');
\echo :LAST_ERROR_SQLSTATE
select * from auth.aal_diff('null');
select * from auth.aal_diff('{}');
select * from auth.aal_diff('{"version": 99}');
select * from auth.aal_diff(jsonb_build_object('version', 1));
select * from auth.aal_diff((select before - 'matrix' from baseline));
select * from auth.aal_diff((select jsonb_set(before, '{matrix,diffed.notes,authenticated}', '7') from baseline));
select * from auth.aal_diff((select jsonb_set(before, '{findings}', '[{"key": 1}]') from baseline));
select * from auth.aal_diff((select ('{"version": ' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb));
select * from auth.aal_diff('{"version": 1e400}');
select * from auth.aal_diff(jsonb_build_object('version', repeat('x', 1000000)));
select name from auth.aal_lint('[]');
select auth.aal_diff_sarif('[]');
select auth.aal_diff_junit(null);
select auth.aal_findings_sarif('7');
select auth.aal_findings_junit('7');

-- Not even a long one takes long: 10,000 tables that are gone.
set statement_timeout = '30s';
select count(*) from auth.aal_diff((
  select jsonb_set(before, '{matrix}', (select jsonb_object_agg('gone.t' || n, '{"anon": {"SELECT, INSERT": {"needs": "aal1", "decided_by": ["policy p"]}}}'::jsonb) from generate_series(1, 10000) n)) from baseline)) where change = 'gone';
reset statement_timeout;

-- Text from a snapshot is shown, and means nothing.
select target, role, change, before, decided_before from auth.aal_diff((
  select jsonb_set(before, '{matrix}', (before -> 'matrix') || '{"'' or 1=1; --": {"<script>": {"SELECT": {"needs": "aal1", "decided_by": ["policy \"; drop table x"]}}}}') from baseline)) where target like '''%';
reset search_path;
drop view changed;
drop table baseline;
drop schema diffed cascade;
