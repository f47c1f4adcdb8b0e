-- The tables that inherit from a table without being partitions.
--
-- $1 oid: the table
select c.oid
from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
where i.inhparent = $1
  and c.relkind in ('r', 'f')
  and not c.relispartition
order by c.oid;
