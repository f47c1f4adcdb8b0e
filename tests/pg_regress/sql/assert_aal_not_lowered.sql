-- assert_aal_not_lowered raises for each change that takes protection away, and for new findings; what was there before passes.
\set SHOW_CONTEXT never
create schema kept;
grant usage on schema kept to anon, authenticated;
set search_path = kept, public;
create table payments (id int);
grant select, insert, update, delete on payments to authenticated;
create policy everybody on payments using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('payments');
reset client_min_messages;
-- An old schema has findings.
create table old (id int);
alter table old enable row level security;
grant select, insert on old to authenticated;
create policy everybody on old using (true);
create policy second_factor on old as restrictive for select using (auth.has_aal('aal2'));
select name from auth.aal_lint();
create temporary table baseline as select auth.aal_snapshot() as before;

select auth.assert_aal_not_lowered(before) from baseline;
select name from baseline, auth.aal_lint(before);

-- Less.
begin;
drop policy aal_update on payments;
drop trigger aal_guard on payments;
select auth.assert_aal_not_lowered(before) from baseline;
\echo :LAST_ERROR_SQLSTATE
rollback;

-- Accepted by the keys of the error; a lower level is another change.
begin;
revoke delete on payments from authenticated;
alter policy aal_read on payments using (true);
savepoint here;
select auth.assert_aal_not_lowered(before) from baseline;
rollback to here;
select auth.assert_aal_not_lowered(before, accept => array['aal_matrix_kept.payments_SELECT_authenticated_none', '0020_protection_edited_kept_payments']) from baseline;
select auth.assert_aal_not_lowered(before, accept => array['aal_matrix_kept.payments_SELECT_authenticated_none', '0020_protection_edited_kept_payments', 'no such key']) from baseline;
savepoint there;
select auth.assert_aal_not_lowered(before, accept => array['aal_matrix_kept.payments_SELECT_authenticated_aal1']) from baseline;
rollback;

-- A new finding.
begin;
create function pay() returns void language sql security definer set search_path = '' as 'update kept.payments set id = 1';
select auth.assert_aal_not_lowered(before) from baseline;
rollback;

-- More, a new table with a protection, and a finding that is gone.
begin;
set local client_min_messages = error;
select count(*) from auth.protect_table('old', read => 'aal2', write => 'aal2');
create table more (id int);
grant select on more to authenticated;
select count(*) from auth.protect_table('more');
reset client_min_messages;
select auth.assert_aal_not_lowered(before) from baseline;
rollback;

-- A new table that asks for nothing isn't lower than before. It is named.
begin;
create table bare (id int);
grant select on bare to anon;
select auth.assert_aal_not_lowered(before) from baseline;
rollback;

-- Bad arguments.
select auth.assert_aal_not_lowered(null);
\echo :LAST_ERROR_SQLSTATE
select auth.assert_aal_not_lowered('{}');
\echo :LAST_ERROR_SQLSTATE
select auth.assert_aal_not_lowered(before, accept => null) from baseline;
select auth.assert_aal_not_lowered(before, accept => array[null]) from baseline;

-- Every role may ask.
grant select on baseline to anon;
set role anon;
select auth.assert_aal_not_lowered(before) from baseline;
reset role;
reset search_path;
drop table baseline;
set client_min_messages = error;
drop schema kept cascade;
