-- The policies of tables, the size of their trees as text, and whether their trees are read.
-- The smallest are read first. A text's length stands before it, so the texts themselves aren't fetched here.
--
-- $1 oid[]: the tables
-- $2 int8:  how many bytes the trees of one policy may have
-- $3 int8:  how many bytes all trees together may have
select p.oid,
       trees.size,
       trees.size <= $2 and pg_catalog.sum(trees.size) over (order by trees.size, p.oid) <= $3 as is_read
from pg_catalog.pg_policy p
  cross join lateral (
    select (coalesce(pg_catalog.octet_length(p.polqual::pg_catalog.text), 0)
            + coalesce(pg_catalog.octet_length(p.polwithcheck::pg_catalog.text), 0))::pg_catalog.int8) as trees(size)
where p.polrelid = any ($1::pg_catalog.oid[])
order by p.polrelid, p.polname;
