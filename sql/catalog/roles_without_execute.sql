-- The roles, quoted, that may use one of these tables, that policies for some roles bind, and that may not execute a function.
--
-- $1 oid[]:  the tables
-- $2 text[]: the roles that the policies bind, or public among them
-- $3 oid:    the function
select distinct pg_catalog.quote_ident(r.rolname) as role
from pg_catalog.pg_roles r
  join pg_catalog.pg_class c on c.oid = any ($1::pg_catalog.oid[])
where r.rolname !~ '^pg_'
  and not r.rolsuper
  and not r.rolbypassrls
  and (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
  and ('public' = any ($2)
       or exists (
         select
         from pg_catalog.pg_roles b
         where b.rolname::text = any ($2)
           and pg_catalog.pg_has_role(r.oid, b.oid, 'USAGE')))
  and (pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE')
       or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))
  and not pg_catalog.has_function_privilege(r.oid, $3, 'EXECUTE')
order by 1;
