-- pg_read_all_data and pg_write_all_data, quoted, if any role that row security binds is a member of them.
--
-- $1 text[]: roles to leave out, with those that have their rights
select pg_catalog.quote_ident(r.rolname) as role
from pg_catalog.pg_roles r
where r.rolname in ('pg_read_all_data', 'pg_write_all_data')
  and exists (
    select
    from pg_catalog.pg_roles member
    where member.rolname !~ '^pg_'
      and not member.rolsuper
      and not member.rolbypassrls
      and pg_catalog.pg_has_role(member.oid, r.oid, 'MEMBER'))
  and not exists (
    select
    from pg_catalog.pg_roles e
    where e.rolname::text = any ($1)
      and pg_catalog.pg_has_role(r.oid, e.oid, 'USAGE'))
order by 1;
