-- The names, quoted, of the roles among some that row security of a table doesn't bind.
--
-- $1 oid:    the table
-- $2 text[]: the names of the roles
select pg_catalog.quote_ident(r.rolname) as role
from pg_catalog.pg_roles r
  join pg_catalog.pg_class c on c.oid = $1
where r.rolname::pg_catalog.text = any ($2)
  and (r.rolsuper
       or r.rolbypassrls
       or not c.relforcerowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
order by 1;
