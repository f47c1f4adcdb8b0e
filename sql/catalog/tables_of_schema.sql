-- The tables of a schema, foreign ones included. A partition has with it whether a table above it is in the schema, too.
--
-- $1 text: the schema's name
select c.oid,
       exists (
         select
         from pg_catalog.pg_partition_ancestors(c.oid) as ancestor(oid)
           join pg_catalog.pg_class a on a.oid = ancestor.oid
         where c.relispartition
           and a.oid <> c.oid
           and a.relnamespace = c.relnamespace) as is_beneath_another
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1
  and c.relkind in ('r', 'p', 'f')
  and c.relpersistence <> 't'
order by c.relname;
