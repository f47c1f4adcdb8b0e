-- 0046_portable_outdated finds no newer release than the first. The core's tests have two.
\getenv srcdir PG_ABS_SRCDIR
\set edition :srcdir '/../../portable/pg_aal_portable--0.1.0.sql'
\set ECHO none
\i :edition
\set ECHO all
select detail from auth.aal_lint() where name like '0046%';
-- A function that says that it is another release is one that was edited.
create or replace function aal.version() returns text language sql immutable parallel safe set search_path = '' as $$ select '0.0.1'::pg_catalog.text $$;
select name, detail from auth.aal_lint() where name ~ '^004[56]';
set client_min_messages = error;
drop schema aal cascade;
