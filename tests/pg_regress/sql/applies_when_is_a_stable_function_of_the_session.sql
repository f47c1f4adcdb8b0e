-- applies_when takes a function without arguments that returns one boolean, and that is STABLE. It is taken by its OID: no name or
-- path that changes later makes it another.
\set SHOW_CONTEXT never
create schema private;
create table t (id int primary key, note text);
insert into t values (1, 'a');
grant select, insert, update, delete, truncate on t to authenticated;
create policy everybody on t using (true) with check (true);
create function private.applies() returns boolean language sql stable as 'select true';
create function private.of_text(text) returns boolean language sql stable as 'select true';
create function private.by_default(n int default 1) returns boolean language sql stable as 'select true';
create function private.variadic(variadic n int[] default '{}') returns boolean language sql stable as 'select true';
create function private.number() returns int language sql stable as 'select 1';
create function private.many() returns setof boolean language sql stable as 'select true';
create function private.volatile() returns boolean language sql as 'select true';
create function private.immutable() returns boolean language sql immutable as 'select true';
create procedure private.procedure() language sql as '';
create function private.same(boolean) returns boolean language sql immutable as 'select $1';
create aggregate private.aggregate(*) (sfunc = private.same, stype = boolean, initcond = 'true');
create function pg_temp.temporary() returns boolean language sql stable as 'select true';
create domain private.flag as boolean;
create function private.domain() returns private.flag language sql stable as 'select true';
create table tried (nr int generated always as identity, statement text);
insert into tried (statement)
select format('select auth.protect_table(''t'', applies_when => %L)', name) from unnest(array[
  'private.of_text(text)', 'private.by_default(int)', 'private.variadic(int[])', 'private.number()', 'private.many()', 'private.volatile()',
  'private.immutable()', 'private.procedure()', 'private.aggregate()', 'pg_temp.temporary()', 'pg_catalog.pg_is_in_recovery()', 'private.domain()',
  'private.missing()', 'private.applies', '0', '']) with ordinality as names(name, n) order by n;
select nr, regexp_replace(answer, 'pg_temp_\d+', 'pg_temp_…') as answer from test.tried('tried');
insert into tried (statement) select 'select auth.protect_table_sql(''t'', applies_when => ''private.volatile()'')';
select * from test.tried('tried') order by 1 desc limit 1;
select auth.protect_table('t', applies_when => 'private.volatile()', lower => true);
select auth.protect_table('t', applies_when => 'private.immutable()', lower => true);

-- NULL is the default.
set client_min_messages = error;
select count(*) from auth.protect_table('t', applies_when => null, lower => true);
select applies_when from auth.protected_tables;

-- A name that means another function by the time of the call doesn't matter, nor do hostile names.
create schema "We""ird";
create function "We""ird"."is '; drop"() returns boolean language sql stable as 'select true';
set search_path = "We""ird", public;
select count(*) from auth.protect_table('t', applies_when => '"is ''; drop"()', lower => true);
reset search_path;
select applies_when from auth.protected_tables;
create function public."is '; drop"() returns boolean language sql stable as 'select false';
select test.sign_in('aal1');
set role authenticated;
select test.attempt('update t set note = note');
reset role;

\echo other names and another schema
alter function "We""ird"."is '; drop"() rename to "now this";
alter function "We""ird"."now this"() set schema private;
create function "We""ird"."is '; drop"() returns boolean language sql stable as 'select false';
create function "We""ird"."now this"() returns boolean language sql stable as 'select false';
select applies_when from auth.protected_tables;
set role authenticated;
select test.attempt('update t set note = note'), test.attempt('truncate t');
reset role;
select name, detail, cache_key from auth.aal_lint() where metadata ->> 'name' = 't' and name ~ '002[07]';

\echo it is not dropped while a policy has it
drop function private."now this"();
\echo by CASCADE it takes the policies along: then the guard refuses, and says why
drop function private."now this"() cascade;
select polname from pg_policy where polrelid = 't'::regclass order by 1;
set role authenticated;
select test.attempt('update t set note = note');
truncate t;
reset role;
select test.sign_in('aal2');
set role authenticated;
select test.attempt('update t set note = note');
reset role;
select applies_when, read, on_insert, guard from auth.protected_tables;
select name, detail from auth.aal_lint() where metadata ->> 'name' = 't' and name ~ '002[07]';

\echo policies of another form say nothing of it: the guard refuses those below the level
select count(*) from auth.protect_table('t', applies_when => 'private.applies()', lower => true);
create function private.no() returns boolean language sql stable as 'select false';
alter policy aal_update on t using (auth.has_aal('aal2') or private.no() is false) with check (true);
select test.sign_in('aal1');
set role authenticated;
select test.attempt('update t set note = note');
reset role;
\echo another function in one policy: found as edited. The guard asks it as that policy does
select count(*) from auth.protect_table('t', applies_when => 'private.applies()', lower => true);
alter policy aal_update on t
  using (auth.has_aal('aal2'::text, null::interval) or (select private.no()) is false)
  with check (auth.has_aal('aal2'::text, null::interval) or (select private.no()) is false);
set role authenticated;
select test.attempt('update t set note = note'), left(test.attempt('delete from t'), 22);
reset role;
select name, detail from auth.aal_lint() where metadata ->> 'name' = 't' and name ~ '002[07]';
\echo a guard that names no policy: it does not know whom to exempt
create or replace trigger aal_guard before update on t for each statement execute function auth.aal_guard('update=aal2', 'applies_when=private.no()');
set role authenticated;
select test.attempt('update t set note = note');
reset role;

drop table t, tried;
drop schema private, "We""ird" cascade;
drop function public."is '; drop"();
reset request.jwt.claims;
