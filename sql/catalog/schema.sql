-- A schema. No row if no schema has this OID.
--
-- $1 oid: the schema
select n.nspname::pg_catalog.text as name,
       n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') as is_system
from pg_catalog.pg_namespace n
where n.oid = $1;
