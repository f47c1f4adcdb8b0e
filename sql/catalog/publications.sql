-- The tables that are published, with the publications that they are in.
select c.oid as table_id,
       t.pubname::pg_catalog.text as publication
from pg_catalog.pg_publication_tables t
  join pg_catalog.pg_namespace n on n.nspname = t.schemaname
  join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
order by table_id, publication;
