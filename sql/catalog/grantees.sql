-- The roles, quoted, that a table grants one of some privileges to. The owner and roles that bypass row security are left out.
--
-- $1 oid:    the table
-- $2 text[]: the privileges
-- $3 text[]: roles to leave out, with those that have their rights
select distinct case when acl.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end as role
from pg_catalog.pg_class c
  cross join pg_catalog.aclexplode(c.relacl) acl
  left join pg_catalog.pg_roles r on r.oid = acl.grantee
where c.oid = $1
  and acl.grantee <> c.relowner
  and acl.privilege_type = any ($2)
  and not coalesce(r.rolbypassrls or r.rolsuper, false)
  and (r.oid is null
       or not exists (
         select
         from pg_catalog.pg_roles e
         where e.rolname::text = any ($3)
           and pg_catalog.pg_has_role(r.oid, e.oid, 'USAGE')))
order by 1;
