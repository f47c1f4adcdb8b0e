-- A relation, as its protection needs to know it. No row if no relation has this OID.
--
-- $1 oid: the relation
select c.relkind as kind,
       n.nspname::pg_catalog.text as schema,
       c.relname::pg_catalog.text as name,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') as is_owned,
       n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') as is_system,
       c.relrowsecurity as row_security
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = $1;
