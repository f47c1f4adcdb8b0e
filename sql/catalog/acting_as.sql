-- As which other roles some roles can act: those whose rights they have, those that they can be by SET ROLE, and those whose
-- membership they can give to themselves. Each role can act as itself. Superusers, who can act as any role, are left out.
--
-- $1 oid[]: the roles
select r.oid as role,
       other.oid as acts_as
from pg_catalog.pg_roles r
  cross join pg_catalog.pg_roles other
where r.oid = any ($1::pg_catalog.oid[])
  and not r.rolsuper
  and case
        when (select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000)
          then pg_catalog.pg_has_role(r.oid, other.oid, 'USAGE, SET, MEMBER WITH ADMIN OPTION')
        -- Up to Postgres 15, CREATEROLE grants membership in any role but a superuser.
        else pg_catalog.pg_has_role(r.oid, other.oid, 'MEMBER')
             or (r.rolcreaterole and not other.rolsuper)
      end;
