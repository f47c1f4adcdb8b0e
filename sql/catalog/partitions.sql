-- All partitions beneath a table, at every depth, the upper ones first.
--
-- $1 oid: the table
select relid::pg_catalog.oid as oid
from pg_catalog.pg_partition_tree($1)
where relid <> $1
order by level, relid;
