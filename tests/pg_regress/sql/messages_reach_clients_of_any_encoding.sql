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
reset client_encoding;
drop table open_t;
drop table t;
