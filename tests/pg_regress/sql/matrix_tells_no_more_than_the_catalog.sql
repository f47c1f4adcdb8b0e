-- Whoever calls aal_matrix, aal_lint, assert_aal or aal_report sees what the catalog shows them anyway, and no more.
create schema told;
create role told_nobody login;
grant usage on schema told to told_nobody;
create table told.hidden (id int);
alter table told.hidden enable row level security;
create policy everybody on told.hidden using (auth.has_aal('aal2'));
create policy other on told.hidden using (true);
grant select on told.hidden to authenticated;

-- Without any right on it, a role sees the table's policies in pg_policies; and so the matrix.
set role told_nobody;
select policyname, qual from pg_policies where schemaname = 'told' order by 1;
select role, command, required_aal, decided_by from auth.aal_matrix('told.hidden'::regclass) where role = 'authenticated' and command = 'SELECT';
select name, detail from auth.aal_lint() where metadata ->> 'schema' = 'told';
select length(auth.aal_report()) > 1000 as report;
reset role;

-- Where an administrator took pg_policy away from the public, they see nothing here either.
begin;
revoke select on pg_policy from public;
set local role told_nobody;
\set VERBOSITY terse
savepoint here;
select policyname from pg_policies where schemaname = 'told' order by 1 limit 1;
rollback to here;
select * from auth.aal_matrix();
rollback to here;
select * from auth.aal_lint();
rollback to here;
select auth.aal_report();
rollback to here;
select auth.assert_aal('told.hidden', 'select', 'aal1');
rollback;
\set VERBOSITY default

-- None is SECURITY DEFINER.
select proname, prosecdef, provolatile, proparallel, proconfig from pg_proc where proname in ('aal_matrix', 'aal_lint', 'assert_aal', 'aal_report') order by 1;
drop schema told cascade;
drop role told_nobody;
