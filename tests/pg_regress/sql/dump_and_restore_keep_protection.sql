-- pg_dump | psql into a new database restores protection that works, and nothing else is needed.
create table payments (id int primary key, user_id uuid, iban text);
insert into payments values (1, '11111111-1111-4111-8111-111111111111', 'DE1');
create schema "We""ird";
create table "We""ird"."T able" (id int);
create policy everybody on "We""ird"."T able" using (true);
grant usage on schema "We""ird" to authenticated;
grant select, insert, update, delete on payments, "We""ird"."T able" to authenticated;
select count(*) from auth.protect_table('payments', owner_column => 'user_id', sensitive_columns => '{iban}', max_age => '15 minutes');
select count(*) from auth.protect_table('"We""ird"."T able"', read => 'aal2');

\! createdb restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
select * from auth.protected_tables order by 1;
select test.sign_in('aal1');
set role authenticated;
select * from payments;
select * from "We""ird"."T able";
update payments set iban = 'x';
delete from payments;
insert into "We""ird"."T able" values (1);
reset role;
select test.sign_in('aal2');
set role authenticated;
update payments set iban = 'DE2';
insert into "We""ird"."T able" values (1);
select * from payments;
reset role;
-- The record came along: unprotecting leaves what was there before protecting.
select count(*) from auth.unprotect_table('payments');
select relrowsecurity from pg_class where oid = 'payments'::regclass;
-- So did the right to use the schema, which the installation had given.
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses, has_schema_privilege('anon', 'auth', 'create') as anon_creates;

-- Without comments, the policies and triggers themselves say what they are. Whether row security was on before isn't known: it stays on.
\c regression
drop database restored;
\! createdb restored && pg_dump --no-comments regression | psql -X -q -v ON_ERROR_STOP=1 -d restored > /dev/null && echo restored
\c restored
select * from auth.protected_tables order by 1;
select name, detail from auth.aal_lint() where name ~ '^002[01]';
select test.sign_in('aal1');
set role authenticated;
update payments set iban = 'x';
reset role;
select count(*) from auth.protect_table('payments', owner_column => 'user_id', sensitive_columns => '{iban}', max_age => '15 minutes');
select row_security from auth.unprotect_table('payments');
select row_security from auth.unprotect_table('"We""ird"."T able"');

\c regression
drop database restored;
drop table payments;
drop schema "We""ird" cascade;
