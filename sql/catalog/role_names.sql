-- The names of all roles, in the order in which lists show them. Those come first as which clients of an API reach tables:
-- anon and authenticated, then the roles that the role can become by which PostgREST connects. That is authenticator, or
-- without a role of that name any login role that inherits nothing.
with recursive
  gateway(oid) as (
    select r.oid
    from pg_catalog.pg_roles r
    where case
            when exists (select from pg_catalog.pg_roles it where it.rolname = 'authenticator') then r.rolname = 'authenticator'
            else r.rolcanlogin and not r.rolinherit and not r.rolsuper
          end
  ),
  become(oid) as (
    select m.roleid
    from gateway g
      join pg_catalog.pg_auth_members m on m.member = g.oid
    union
    select m.roleid
    from become b
      join pg_catalog.pg_auth_members m on m.member = b.oid
  )
select r.oid,
       r.rolname as name,
       api.is_api
from pg_catalog.pg_roles r
  cross join lateral (
    select r.rolname in ('anon', 'authenticated') or r.oid in (select b.oid from become b)) as api(is_api)
order by r.rolname = 'anon' desc, r.rolname = 'authenticated' desc, api.is_api desc, r.rolname;
