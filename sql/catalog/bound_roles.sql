-- Pairs of a role and a role that a policy of the tables names, if the first has the rights of the second. PUBLIC is left out.
--
-- $1 oid[]: the tables
-- $2 oid[]: the roles
select r.oid as role,
       named.oid as named
from (select distinct pg_catalog.unnest(p.polroles)
      from pg_catalog.pg_policy p
      where p.polrelid = any ($1::pg_catalog.oid[])) as named(oid)
  cross join pg_catalog.unnest($2::pg_catalog.oid[]) as r(oid)
where named.oid <> 0
  and exists (select from pg_catalog.pg_roles there where there.oid = named.oid)
  and pg_catalog.pg_has_role(r.oid, named.oid, 'USAGE');
