-- Operators that didn't come with Postgres. One that fits better comes before Postgres' own, where a function's text uses its name.
select o.oprname::pg_catalog.text as name,
       o.oprleft as left_type,
       o.oprright as right_type
from pg_catalog.pg_operator o
where o.oid >= 16384;
