-- A protected table, its columns and its roles get other names or go: what was enforced is, or a finding says what is lost.
set client_min_messages = error;
create table bank_accounts (id int default 1, user_id uuid default auth.subject_uuid(), iban text, bic text, note text);
insert into bank_accounts (user_id) values ('11111111-1111-4111-8111-111111111111'), ('22222222-2222-4222-8222-222222222222');
grant select, insert, update, delete on bank_accounts to authenticated;
create function test.at_aal1(statement text) returns text language plpgsql as $$
declare
  answer text;
begin
  perform test.sign_in('aal1');
  set local role authenticated;
  answer := test.attempt(statement);
  reset role;
  return answer;
end
$$;
create function test.findings() returns table (name text, detail text) language sql as $$
  select name, detail from auth.aal_lint() where name ~ '^00(01|20|21|25)' order by 1, 2
$$;
create view test.protected as select target, read, on_update, roles, owner_column, sensitive_columns, guard from auth.protected_tables;
select count(*) from auth.protect_table('bank_accounts', sensitive_columns => '{iban,bic}', owner_column => 'user_id');

-- The table is renamed and moved.
begin;
create schema finance;
grant usage on schema finance to authenticated;
alter table bank_accounts rename to accounts;
alter table accounts set schema finance;
select * from test.protected;
select * from test.findings();
select test.at_aal1($$update finance.accounts set iban = 'x'$$) as iban, test.at_aal1($$update finance.accounts set note = 'x'$$) as note;
select count(*) from auth.protect_table('finance.accounts', sensitive_columns => '{iban,bic}', owner_column => 'user_id');
select count(*) from auth.unprotect_table('finance.accounts');
rollback;

-- The owner's column is renamed.
begin;
alter table bank_accounts rename column user_id to owner_id;
select * from test.protected;
select * from test.findings();
select test.at_aal1($$update bank_accounts set note = 'x'$$) as own_row;
select count(*) from auth.protect_table('bank_accounts', sensitive_columns => '{iban,bic}', owner_column => 'owner_id');
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

-- A sensitive column is renamed.
begin;
alter table bank_accounts rename column iban to account_number;
select * from test.protected;
select * from test.findings();
select test.at_aal1($$update bank_accounts set account_number = 'x'$$) as renamed, test.at_aal1($$update bank_accounts set bic = 'x'$$) as bic;
select count(*) from auth.protect_table('bank_accounts', sensitive_columns => '{account_number,bic}', owner_column => 'user_id');
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

-- A sensitive column is dropped: Postgres refuses, and names the trigger. With CASCADE the trigger goes, and a finding says so.
alter table bank_accounts drop column iban;
begin;
alter table bank_accounts drop column iban cascade;
select * from test.protected;
select * from test.findings();
select test.at_aal1($$update bank_accounts set bic = 'x'$$) as bic;
select command, required_aal from auth.aal_matrix('bank_accounts') where role = 'authenticated' and command = 'UPDATE';
savepoint a;
select count(*) from auth.protect_table('bank_accounts', sensitive_columns => '{bic}', owner_column => 'user_id');
select test.at_aal1($$update bank_accounts set bic = 'y'$$) as bic;
rollback to a;
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

-- The owner's column is dropped with CASCADE: nobody has a row left, and a finding says so.
begin;
alter table bank_accounts drop column user_id cascade;
select * from test.protected;
select * from test.findings();
select test.at_aal1('select 1 from bank_accounts') as rows;
savepoint a;
select count(*) from auth.protect_table('bank_accounts', sensitive_columns => '{iban,bic}');
rollback to a;
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

-- A role is renamed.
begin;
create role clerks nologin;
grant select, update on bank_accounts to clerks;
select count(*) from auth.protect_table('bank_accounts', owner_column => 'user_id', roles => '{authenticated,clerks}', lower => true);
alter role clerks rename to tellers;
select * from test.protected;
select * from test.findings();
select count(*) from auth.protect_table('bank_accounts', owner_column => 'user_id', roles => '{authenticated,tellers}');
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

-- The type of a column is changed: Postgres refuses, and names the policy or trigger.
alter table bank_accounts alter column user_id type text;
alter table bank_accounts alter column iban type varchar(34);

-- All of these without comments.
do $$
declare
  lost record;
begin
  for lost in select polname from pg_policy where polrelid = 'bank_accounts'::regclass loop
    execute format('comment on policy %I on bank_accounts is null', lost.polname);
  end loop;
  for lost in select tgname from pg_trigger where tgrelid = 'bank_accounts'::regclass and not tgisinternal loop
    execute format('comment on trigger %I on bank_accounts is null', lost.tgname);
  end loop;
end
$$;
select * from test.protected;
begin;
alter table bank_accounts rename column user_id to owner_id;
alter table bank_accounts rename column iban to account_number;
alter table bank_accounts rename to accounts;
select * from test.protected;
select * from test.findings();
select test.at_aal1($$update accounts set account_number = 'x'$$) as iban, test.at_aal1($$update accounts set note = 'x'$$) as note;
select count(*) from auth.protect_table('accounts', sensitive_columns => '{account_number,bic}', owner_column => 'owner_id');
select count(*) from auth.unprotect_table('accounts');
rollback;
begin;
alter table bank_accounts drop column user_id cascade;
select * from test.protected;
select count(*) from auth.unprotect_table('bank_accounts');
rollback;

drop view test.protected;
drop table bank_accounts;
drop function test.at_aal1(text), test.findings();
