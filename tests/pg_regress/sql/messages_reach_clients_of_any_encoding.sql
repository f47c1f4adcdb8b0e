-- Postgres converts messages to the client's encoding, and a character that it doesn't have there fails the statement. So no message
-- of ours has one: errors say what they are about, and notices fail nothing.
create table t (id int);
select write from auth.protect_table('t');
set client_encoding = 'LATIN1';
select auth.protect_table('t', write => 'aal1', guard => false, roles => '{authenticated}');
alter policy aal_read on t using (id > 0);
select auth.protect_table('t');
create policy newcomer on t using (true);
select row_security from auth.unprotect_table('t');
select auth.has_aal(repeat('aal', 20));
-- Rows likewise: the descriptions of settings, and findings.
select name, short_desc, extra_desc from pg_settings where name ~ '^pg_aal' \g /dev/null
create table open_t (id int);
grant truncate on t, open_t to public;
create policy asks on open_t as restrictive using (auth.has_aal('aal2'));
select write from auth.protect_table('t');
alter table t disable trigger aal_guard;
select name, detail, description, remediation from auth.aal_lint() where metadata ->> 'name' in ('t', 'open_t') order by name \g /dev/null
-- The report, also of names that the client's encoding lacks.
reset client_encoding;
create table "☃" (id int);
create policy "☂" on "☃" using (auth.has_aal('aal2'));
alter table "☃" enable row level security;
set client_encoding = 'LATIN1';
select auth.aal_report() \g /dev/null
select auth.aal_report() ~ '[^\x01-\x7f]' as has_more_than_ascii;
-- What a session is told, a condition that is cut among it.
do $$ begin execute format('create policy long on open_t using (%s)', (select string_agg('id <> ' || n, ' and ') from generate_series(1, 100) n)); end $$;
set role authenticated;
select * from auth.explain_access('open_t') \g /dev/null
reset role;
-- And what is stored: the comments on our functions, and their texts.
select obj_description(p.oid), p.prosrc, pg_get_function_arguments(p.oid) from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname = 'auth' \g /dev/null
reset client_encoding;
drop table "☃";
drop table open_t;
drop table t;
