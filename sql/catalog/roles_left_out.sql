-- The names, quoted, of the roles among some that have the rights of none of certain others.
--
-- $1 oid[]:  the roles
-- $2 text[]: the names of the others
select pg_catalog.quote_ident(r.rolname) as role
from pg_catalog.pg_roles r
where r.oid = any ($1)
  and not exists (
    select
    from pg_catalog.pg_roles other
    where other.rolname::pg_catalog.text = any ($2)
      and pg_catalog.pg_has_role(r.oid, other.oid, 'USAGE'))
order by 1;
