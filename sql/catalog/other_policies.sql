-- The names of a table's policies, without certain names.
--
-- $1 oid:    the table
-- $2 text[]: the names to leave out
select polname::text as name
from pg_catalog.pg_policy
where polrelid = $1
  and polname::text <> all ($2)
order by 1;
