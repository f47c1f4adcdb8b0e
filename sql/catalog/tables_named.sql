-- The tables of some schemas that have a certain name.
--
-- $1 text[]: the names of the schemas
-- $2 text:   the tables' name
select c.oid
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname::pg_catalog.text = any ($1)
  and c.relname = $2
  and c.relkind in ('r', 'p', 'f')
  and c.relpersistence <> 't'
order by c.oid;
