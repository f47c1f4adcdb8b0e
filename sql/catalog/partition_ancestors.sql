-- A partition with the tables above it, up to the partitioned table at the top. No row for other tables.
--
-- $1 oid: the table
select relid::pg_catalog.oid as oid
from pg_catalog.pg_partition_ancestors($1);
