-- For roles, the tables and views of which they may read a column. Roles that may read none have no row.
--
-- $1 oid[]: the tables and views
-- $2 oid[]: the roles
select r.oid as role,
       pg_catalog.array_agg(c.oid) as readable
from pg_catalog.unnest($2::pg_catalog.oid[]) as r(oid)
  join pg_catalog.pg_class c
    on c.oid = any ($1::pg_catalog.oid[])
    and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
         or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT')
         or exists (
           select
           from pg_catalog.pg_attribute a
           where a.attrelid = c.oid
             and a.attnum < 0
             and a.attacl is not null
             and pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')))
group by r.oid;
