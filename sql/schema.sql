-- Whoever owns the schema auth may have put functions and operators into it: none of them is meant here.
set local search_path = pg_catalog, pg_temp;

-- Claims are JSON, and JSON is UTF-8 (RFC 8259, section 8.1). In another encoding a subject would be read as another.
do $$
begin
  if pg_catalog.getdatabaseencoding() <> 'UTF8' then
    raise feature_not_supported using
      message = pg_catalog.format('pg_aal needs a database with encoding UTF8, and this one has %s', pg_catalog.getdatabaseencoding());
  end if;
end
$$;

-- Where CREATE EXTENSION has just made the schema auth, everybody may use it (and nobody but its owner create
-- in it): the session functions are for all. A schema that was there before keeps its grants as they are.
--
-- "Just made" is read from the catalog: the row is of this very transaction, belongs to whoever installs,
-- has no grants yet and holds nothing. (A later xid than this transaction's own is a savepoint of it.)
do $$
begin
  if exists (
    select from pg_catalog.pg_namespace n
     where n.nspname = 'auth'
       and n.nspacl is null
       and n.nspowner = (select oid from pg_catalog.pg_roles where rolname = current_user)
       and n.xmin::pg_catalog.text::bigint >= pg_catalog.pg_current_xact_id()::pg_catalog.xid::pg_catalog.text::bigint
       and not exists (select from pg_catalog.pg_proc where pronamespace = n.oid)
       and not exists (select from pg_catalog.pg_class where relnamespace = n.oid)
       and not exists (select from pg_catalog.pg_type where typnamespace = n.oid)
  ) then
    grant usage on schema auth to public;

    -- Within CREATE EXTENSION a grant counts as part of the extension, and pg_dump leaves it out. But the schema
    -- isn't part of it: a restore creates it before the extension, and would have it without the grant.
    set local allow_system_table_mods = on;
    delete from pg_catalog.pg_init_privs
     where classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and objoid = 'auth'::pg_catalog.regnamespace;
    set local allow_system_table_mods = off;
  end if;
end
$$;

set local search_path = auth, pg_temp;
