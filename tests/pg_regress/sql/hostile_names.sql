-- Names are quoted by Postgres' own rules, whatever is in them.
create role "au""th; drop table t; --" nologin;
create schema "We""ird";
create table "We""ird"."T able'); drop table x; --" (
  id int primary key, "own""er; --" uuid, "i'ban
;" text, "plain" text);
grant usage on schema "We""ird" to public;
grant select, insert, update, delete on all tables in schema "We""ird" to public;
insert into "We""ird"."T able'); drop table x; --" values (1, '11111111-1111-4111-8111-111111111111', 'x', 'y');

select * from auth.protect_table('"We""ird"."T able''); drop table x; --"',
  roles => array['au"th; drop table t; --', 'authenticated']::name[], owner_column => 'own"er; --',
  sensitive_columns => array[E'i\'ban\n;', 'plain']::name[]);
select statement from string_to_table(auth.protect_table_sql('"We""ird"."T able''); drop table x; --"',
  roles => array['au"th; drop table t; --', 'authenticated']::name[], owner_column => 'own"er; --',
  sensitive_columns => array[E'i\'ban\n;', 'plain']::name[]), E'\n\n') as statement where statement not like 'drop%';
select * from auth.protected_tables;
select test.sign_in('aal1');
set role authenticated;
select count(*) from "We""ird"."T able'); drop table x; --";
update "We""ird"."T able'); drop table x; --" set plain = 'z';
reset role;
set pg_aal.error_format = 'postgrest';
set role authenticated;
delete from "We""ird"."T able'); drop table x; --";
reset role;
reset pg_aal.error_format;
-- Names that only look like keywords, and one of 63 bytes.
create table "public"."select" ("user" uuid, "table" text);
select count(*) = 1 as protected from auth.protect_table('"select"', owner_column => 'user', sensitive_columns => '{table}');
select statement from string_to_table(auth.protect_table_sql('"select"', owner_column => 'user', sensitive_columns => '{table}'), E'\n\n') as statement
 where statement like 'create%(%';
create table "ééééééééééééééééééééééééééééééé" (id int, "ééééééééééééééééééééééééééééééé" text);
select count(*) from auth.protect_table('"ééééééééééééééééééééééééééééééé"', owner_column => 'ééééééééééééééééééééééééééééééé');
select target, owner_column from auth.protected_tables order by 1;
select count(*) from auth.unprotect_table('"We""ird"."T able''); drop table x; --"');
select count(*) from auth.unprotect_table('"select"');
select count(*) from auth.protected_tables;

-- Backslashes mean what they mean in either way of reading strings.
set standard_conforming_strings = off;
set escape_string_warning = off;
create table "back\slash" (id int, "c\" text);
select count(*) from auth.protect_table('"back\\slash"', owner_column => 'c\\');
select target from auth.protected_tables order by 1;
reset standard_conforming_strings;
reset escape_string_warning;

-- A comment is written by the table's owner: no text in it breaks the view, or is taken for a record.
create table t (id int);
alter table t enable row level security;
create policy aal_read on t using (true);
comment on policy aal_read on t is 'pg_aal: {"read":"aal2\"}; drop table t","insert":"aal2 within 99999999999999999999 seconds"';
select target, read, on_insert from auth.protected_tables where target = 't'::regclass;
comment on policy aal_read on t is 'pg_aal: {';
select target, read, on_insert from auth.protected_tables where target = 't'::regclass;
comment on policy aal_read on t is 'pg_aal: {"row_security_before":"drop table t"}';
select auth.unprotect_table('t');

drop table t, "select", "ééééééééééééééééééééééééééééééé", "back\slash";
drop schema "We""ird" cascade;
drop role "au""th; drop table t; --";
reset request.jwt.claims;
