-- What an auditor tried: a green gate holds for reads beside writes, for ages, for roles of an API that bypass row security, and
-- for sensitive columns.
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema audited;
grant usage on schema audited to anon, authenticated, service_role;
set search_path = audited, public;
create role audited_owner;
grant create, usage on schema audited to audited_owner;
create table payslips (id int primary key, gross int);
create table payments (id int primary key, amount int);
create policy everybody on payslips using (true);
create policy everybody on payments using (true);
grant select, insert, update, delete on payslips, payments to authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('payslips', read => 'aal2');
select count(*) from auth.protect_table('payments', write => 'aal2 within 15 minutes');
set client_min_messages = notice;

-- A view is a way to read for a role that may also write to it.
create view latest_payslips as select * from payslips;
grant select on latest_payslips to authenticated;
select auth.assert_aal('payslips', 'select', 'aal2');
grant insert, update, delete on latest_payslips to authenticated;
select auth.assert_aal('payslips', 'select', 'aal2');
select auth.assert_schema('audited', writes => 'none', reads => 'aal2', including => '{payslips}');
-- One that Postgres doesn't write to is no way to write.
create or replace view latest_payslips as select distinct on (id) * from payslips;
select auth.assert_aal('payslips', 'update', 'aal2');
select auth.assert_aal('payslips', 'select', 'aal2');
create view newest as select * from latest_payslips;
grant select, update on newest to authenticated;
select auth.assert_aal('payslips', 'update', 'aal2');
create function write_it() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger write_it instead of update on latest_payslips for each row execute function write_it();
select auth.assert_aal('payslips', 'update', 'aal2');
drop view latest_payslips cascade;
select auth.assert_schema('audited', reads => 'none', including => '{payslips}');

-- Ages are asserted as protect_table takes them.
select auth.assert_aal('payments', 'update', 'aal2 within 15 minutes');
select auth.assert_aal('payments', 'update', 'aal2 within 1 hour');
select auth.assert_aal('payments', 'update', 'aal2 within 5 minutes');
select auth.assert_aal('payslips', 'update', 'aal2 within 15 minutes');
select auth.assert_schema('audited', writes => 'aal2 within 15 minutes');
select auth.assert_schema('audited', writes => 'aal2 within 15 minutes', including => '{payments}');
select auth.assert_schema('audited', writes => 'aal2 within 15 minutes', excluding => '{payslips}');
select auth.assert_schema('audited', including => '{payment}');
-- So are those of functions, foreign keys and triggers.
create function close_account() returns void language plpgsql security definer as $$ begin perform auth.require_aal('aal2'); delete from audited.payments; end $$;
select auth.assert_aal('payments', 'delete', 'aal2');
select auth.assert_aal('payments', 'delete', 'aal2 within 15 minutes');
create or replace function close_account() returns void language plpgsql security definer as $$ begin perform auth.require_aal('aal2', '15 minutes'); delete from audited.payments; end $$;
select auth.assert_aal('payments', 'delete', 'aal2 within 15 minutes');
select auth.assert_aal('payments', 'delete', 'aal2 within 10 minutes', accept => array['aal_matrix_audited_payments_DELETE_authenticated_aal2_within_15_minutes']);
drop function close_account;
create table accounts (id int primary key);
create policy everybody on accounts using (true);
grant select, insert, update, delete on accounts to authenticated;
alter table payments add account int references accounts on delete cascade;
set client_min_messages = error;
select count(*) from auth.protect_table('accounts');
set client_min_messages = notice;
select auth.assert_aal('payments', 'delete', 'aal2');
select auth.assert_aal('payments', 'delete', 'aal2 within 15 minutes');
set client_min_messages = error;
select count(*) from auth.protect_table('accounts', write => 'aal2 within 15 minutes');
set client_min_messages = notice;
select auth.assert_aal('payments', 'delete', 'aal2 within 15 minutes');
create function tidy() returns trigger language plpgsql security definer as $$ begin delete from audited.payments; return new; end $$;
create trigger tidy after update on payslips for each row execute function tidy();
select auth.assert_aal('payments', 'delete', 'aal2');
select auth.assert_aal('payments', 'delete', 'aal2 within 15 minutes');
drop trigger tidy on payslips;
-- Not an age.
select auth.assert_aal('payments', 'delete', 'denied within 15 minutes');
select auth.assert_aal('payments', 'delete', 'aal2 within a while');

-- A role of users that bypasses row security is no exception; one that is made to, is named.
grant select on payments to service_role;
create role audited_gateway login noinherit;
grant service_role to audited_gateway;
set client_min_messages = error;
do $$ begin if exists (select from pg_roles where rolname = 'authenticator') then grant service_role to authenticator; end if; end $$;
set client_min_messages = notice;
select auth.assert_aal('payments', 'select', 'aal1');
alter role authenticated bypassrls;
select auth.assert_aal('payments', 'select', 'aal1');
alter role authenticated nobypassrls;
alter table payments owner to audited_owner;
grant audited_owner to authenticated;
select auth.assert_aal('payments', 'update', 'aal2');
revoke audited_owner from authenticated;
alter table payments owner to postgres;

-- Sensitive columns: the finding says that they need more, and its key doesn't cover them.
create table bank_details (id int primary key, iban text, note text);
create policy everybody on bank_details using (true);
grant select, update on bank_details to authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('bank_details', sensitive_columns => '{iban}');
set client_min_messages = notice;
select auth.assert_aal('bank_details', 'update', 'aal2');
select auth.assert_aal('bank_details', 'update', 'aal2', accept => array['aal_matrix_audited_bank_details_UPDATE_authenticated_aal1_of_other_columns']);
drop trigger aal_columns on bank_details;
select auth.assert_aal('bank_details', 'update', 'aal2', accept => array['aal_matrix_audited_bank_details_UPDATE_authenticated_aal1_of_other_columns']);
select level, detail from auth.aal_lint() where metadata ->> 'name' = 'bank_details';

set client_min_messages = error;
drop schema audited cascade;
drop role audited_owner, audited_gateway;
