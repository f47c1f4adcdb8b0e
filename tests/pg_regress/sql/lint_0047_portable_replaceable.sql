-- 0047_portable_replaceable finds roles of the API that may replace functions of the portable edition.
\getenv srcdir PG_ABS_SRCDIR
\set edition :srcdir '/../../portable/pg_aal_portable--0.1.0.sql'
\set ECHO none
\i :edition
\set ECHO all
create view public.findings as select level, detail, metadata ->> 'role' as role from auth.aal_lint() where name like '0047%';
-- None: it belongs to who installed it.
select * from findings;
-- By a grant, to the role, to PUBLIC, or to one that no client has; by owning a function or the schema.
begin;
grant create on schema aal to authenticated;
select * from findings;
rollback;
begin;
grant create on schema aal to public;
select * from findings;
rollback;
begin;
create role lint_0047 nologin;
grant create on schema aal to lint_0047;
select * from findings;
rollback;
begin;
alter function aal.has_aal(text, interval) owner to service_role;
select * from findings;
rollback;
begin;
alter schema aal owner to anon;
select * from findings;
rollback;
set client_min_messages = error;
drop view public.findings;
drop schema aal cascade;
