-- For the roles that a policy of the tables names, and for each role that a session can be: which of the roles such a policy binds
-- as which the session's statements could be planned. `all_bound`: all of them; `some_bound`: any of them.
-- A session is that of a role that can log in. A session that can be a role that bypasses row security is left out.
--
-- $1 oid[]: the tables
-- $2 oid[]: the roles
with
  can_be as materialized (
    select login.oid as login,
           r.oid as role,
           r.rolsuper or r.rolbypassrls as bypasses
    from pg_catalog.pg_roles login
      cross join pg_catalog.pg_roles r
    where login.rolcanlogin
      and not login.rolsuper
      and case
            when (select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000)
              then pg_catalog.pg_has_role(login.oid, r.oid, 'SET, MEMBER WITH ADMIN OPTION')
            -- Up to Postgres 15, CREATEROLE grants membership in any role but a superuser.
            else pg_catalog.pg_has_role(login.oid, r.oid, 'MEMBER')
                 or (login.rolcreaterole and not r.rolsuper)
          end
  ),
  session as materialized (
    select c.login,
           c.role
    from can_be c
    where c.login not in (select b.login from can_be b where b.bypasses)
  ),
  named as (
    select distinct p.polroles as roles
    from pg_catalog.pg_policy p
    where p.polrelid = any ($1::pg_catalog.oid[])
      and not 0::pg_catalog.oid = any (p.polroles)
  ),
  bound as (
    select n.roles,
           s.login,
           pg_catalog.bool_and(its.bound) as all_bound,
           pg_catalog.bool_or(its.bound) as some_bound
    from named n
      cross join session s
      cross join lateral (
        select exists (
          select
          from pg_catalog.unnest(n.roles) as named(oid)
            join pg_catalog.pg_roles there on there.oid = named.oid
          where pg_catalog.pg_has_role(s.role, named.oid, 'USAGE'))) as its(bound)
    group by n.roles, s.login
  )
select b.roles as named,
       s.role,
       pg_catalog.bool_and(b.all_bound) as all_bound,
       pg_catalog.bool_or(b.some_bound) as some_bound
from bound b
  join session s on s.login = b.login
where s.role = any ($2::pg_catalog.oid[])
group by b.roles, s.role;
