-- The owner of schema auth may have put functions and operators into it. None of them is meant here.
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

-- Where there is no schema auth, it is made here. Every role may use it, because the session functions are for all; only its
-- owner creates in it. A schema that was there before keeps its owner and its grants.
--
-- An object made within CREATE EXTENSION becomes part of the extension, and so does a grant. The schema must not stay part of it:
-- dropping the extension would take everything in the schema along, and pg_dump would leave the schema out. Without it, the
-- schema and its grant are dumped and restored like any other.
do $$
begin
  if pg_catalog.to_regnamespace('auth') is null then
    create schema auth;
    grant usage on schema auth to public;
    alter extension pg_aal drop schema auth;
  end if;
end
$$;

set local search_path = auth, pg_temp;
