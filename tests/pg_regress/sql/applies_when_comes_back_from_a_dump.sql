-- pg_dump | psql restores for which sessions a protection is. Before or after, the function may have another name.
create schema private;
create function private.is_admin() returns boolean language sql stable as $$ select current_setting('test.is_admin', true)::boolean $$;
create table for_admins (id int primary key, iban text);
insert into for_admins values (1, 'x');
grant select, insert, update, delete, truncate on for_admins to authenticated;
create policy everybody on for_admins using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('for_admins', sensitive_columns => '{iban}', applies_when => 'private.is_admin()');
alter function private.is_admin() rename to is_one_of_us;

\! createdb restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
alter schema private rename to hidden;
select target, read, on_update, applies_when from auth.protected_tables;
select test.sign_in('aal1');
set role authenticated;
set test.is_admin = 'true';
select left(test.attempt('update for_admins set iban = iban || 1'), 22) as updates, left(test.attempt('truncate for_admins'), 22) as truncates;
set test.is_admin = 'false';
select left(test.attempt('update for_admins set iban = iban || 1'), 22) as updates, left(test.attempt('truncate for_admins'), 22) as truncates;
reset role;
set client_min_messages = error;
select note from auth.aal_matrix('for_admins') where role = 'authenticated' and command = 'UPDATE';
select count(*) from auth.protect_table('for_admins', sensitive_columns => '{iban}', applies_when => 'hidden.is_one_of_us()');

\c regression
drop database restored;
drop table for_admins;
drop schema private cascade;
