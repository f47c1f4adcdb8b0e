-- Where nothing can be written, protect_table and unprotect_table say so (25006), and all that only reads works. On a standby: tests/e2e/standby.test.mjs.
create table read_only (id int primary key, user_id uuid default auth.subject_uuid());
create policy everybody on read_only using (true);
grant select, insert, update, delete on read_only to authenticated;
create table protected_before (id int);
create policy everybody on protected_before using (true);
select count(*) = 1 as protected from auth.protect_table('protected_before');

begin read only;
select test.attempt($$select auth.protect_table('read_only')$$);
select test.attempt($$select auth.unprotect_table('protected_before')$$);
-- Also of what isn't protected.
select test.attempt($$select auth.unprotect_table('read_only')$$);
savepoint here;
select auth.protect_table('read_only');
rollback to here;
-- What is returned is what would be run elsewhere; and that is as picky.
select length(auth.protect_table_sql('read_only')) > 1000 as statements;
select test.attempt($$select auth.protect_table_sql('read_only', owner_column => 'no such column')$$);
select count(*) as protected from auth.protected_tables where target = 'protected_before'::regclass;
select command, required_aal from auth.aal_matrix('protected_before') where role = 'authenticated';
select count(*) >= 0 as lints from auth.aal_lint();
select length(auth.aal_report()) > 0 as report;
set local request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2"}';
select auth.aal(), auth.subject(), auth.has_aal('aal2'), auth.require_aal('aal1');
commit;

begin read only;
select length(auth.protect_table_sql('read_only')) > 1000 as statements;
select pg_current_xact_id_if_assigned() is null as nothing_written;
commit;

-- However the transaction came to be read-only.
begin;
set transaction read only;
select test.attempt($$select auth.protect_table('read_only')$$);
rollback;
set default_transaction_read_only = on;
select test.attempt($$select auth.protect_table('read_only')$$);
begin read write;
select count(*) = 1 as protected from auth.protect_table('read_only');
commit;
reset default_transaction_read_only;

-- What its own transaction has made, protect_table_sql sees.
begin;
create table just_made (id int);
select auth.protect_table_sql('just_made') ~ 'create policy aal_read on public.just_made' as is_seen;
rollback;

set client_min_messages = error;
drop table read_only, protected_before;
