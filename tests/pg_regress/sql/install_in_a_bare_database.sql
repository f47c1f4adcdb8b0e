-- Where there is no schema auth, installing makes it and lets everybody use it; nobody but its owner creates in it.
create database bare;
\c bare
create extension pg_aal;
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses, has_schema_privilege('anon', 'auth', 'create') as anon_creates;
set role anon;
select auth.aal(), auth.has_aal('aal1');
reset role;

-- Every function and view has a comment, and states what it is.
select p.oid::regprocedure as function, p.provolatile as volatile, p.proparallel as parallel, p.proisstrict as strict,
       p.prosecdef as definer, p.proconfig as config, obj_description(p.oid, 'pg_proc') is not null as commented
  from pg_proc p
  join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_aal'
 order by p.proname;
select c.relname, obj_description(c.oid, 'pg_class') is not null as commented,
       (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and col_description(c.oid, a.attnum) is null) as columns_without
  from pg_class c
  join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_aal';
-- No operators, casts or anything else, but the type of the view's row (which not every Postgres lists).
select d.classid::regclass, count(*)
  from pg_depend d join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass and e.extname = 'pg_aal'
 where d.deptype = 'e' and d.classid <> 'pg_type'::regclass group by 1 order by 1::text;

-- It isn't relocatable, and goes as it came: the schema, which may hold other things by then, stays.
alter extension pg_aal set schema public;
drop extension pg_aal;
select count(*) from pg_proc where pronamespace = 'auth'::regnamespace;
-- Installing again finds a schema that was there before, and leaves its grants alone.
revoke usage on schema auth from public;
create extension pg_aal;
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses;
drop extension pg_aal;
drop schema auth;

-- Within a transaction and a savepoint.
begin;
savepoint s;
create extension pg_aal;
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses;
rollback to s;
create extension pg_aal;
release s;
commit;
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses;

drop extension pg_aal;
drop schema auth;

-- By a superuser of any name.
create role "Ad""min" superuser;
set role "Ad""min";
create extension pg_aal;
reset role;
select has_schema_privilege('anon', 'auth', 'usage') as anon_uses;

-- Only where texts are UTF-8, as JSON is.
create database latin encoding 'LATIN1' template template0;
create database ascii encoding 'SQL_ASCII' template template0;
\c latin
\set SHOW_CONTEXT never
create extension pg_aal;
\echo :LAST_ERROR_SQLSTATE
\c ascii
create extension pg_aal;

\c regression
drop database bare;
drop database latin;
drop database ascii;
drop role "Ad""min";
