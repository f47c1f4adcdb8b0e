-- The roles. Postgres' own, such as pg_write_all_data, count only if another role can be them by SET ROLE, and if they may do
-- something with a table.
--
-- $1 text: the name of a role that counts in any case, or NULL
with recursive
  coming(oid) as (
    select r.oid
    from pg_catalog.pg_roles r
    where r.rolcanlogin
    union
    select m.roleid
    from coming c
      join pg_catalog.pg_auth_members m on m.member = c.oid
  ),
  -- How pg_has_role is asked whether a role can be another one by SET ROLE, or can give itself the right to.
  can_be(privileges) as (
    select case
             when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 160000 then 'MEMBER'
             else 'SET, MEMBER WITH ADMIN OPTION'
           end
  )
select r.oid,
       r.rolname as name,
       r.oid in (select c.oid from coming c) as can_come
from pg_catalog.pg_roles r
where case
        when r.rolname !~ '^pg_' or r.rolname::pg_catalog.text = $1 then true
        else exists (
               select
               from pg_catalog.pg_roles member
               where member.rolname !~ '^pg_'
                 and not member.rolsuper
                 and pg_catalog.pg_has_role(member.oid, r.oid, (select privileges from can_be)))
             and exists (
               select
               from pg_catalog.pg_class c
                 join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where c.relkind in ('r', 'p', 'f')
                 and c.relpersistence <> 't'
                 and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                 and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
                      or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')))
      end;
