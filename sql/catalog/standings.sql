-- How roles stand to tables: one row for each table. Its columns are arrays, in the order of its column "roles".
--
-- $1 oid[]: the tables
-- $2 oid[]: the roles
-- $3 oid[], $4 oid[]: pairs of a role and another one as which it can act (acting_as.sql); empty where clients run no SQL
with acting as materialized (
  select pair.role, pair.acts_as, other.rolsuper as as_superuser
  from rows from (
      pg_catalog.unnest($3::pg_catalog.oid[]),
      pg_catalog.unnest($4::pg_catalog.oid[])) as pair(role, acts_as)
    join pg_catalog.pg_roles other on other.oid = pair.acts_as
)
select c.oid as table_id,
       pg_catalog.array_agg(r.oid) as roles,
       pg_catalog.array_agg(pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')) as may_use_schema,
       pg_catalog.array_agg(
         pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
         or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT')
         -- The system columns have privileges of their own.
         or exists (
           select
           from pg_catalog.pg_attribute a
           where a.attrelid = c.oid
             and a.attnum < 0
             and a.attacl is not null
             and pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))) as may_select,
       pg_catalog.array_agg(
         pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')
         or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT')) as may_insert,
       pg_catalog.array_agg(
         pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE')
         or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'UPDATE')) as may_update,
       pg_catalog.array_agg(pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE')) as may_delete,
       pg_catalog.array_agg(pg_catalog.has_table_privilege(r.oid, c.oid, 'TRUNCATE')) as may_truncate,
       pg_catalog.array_agg(r.rolsuper) as is_superuser,
       pg_catalog.array_agg(r.rolbypassrls) as has_bypassrls,
       -- The owner bypasses row security unless it is forced, and can switch it off.
       pg_catalog.array_agg(
         (not c.relforcerowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
         or exists (
           select
           from acting a
           where a.role = r.oid
             and (a.acts_as = c.relowner or a.as_superuser))) as acts_as_owner,
       pg_catalog.array_agg(
         exists (
           select
           from acting a
           where a.role = r.oid
             and (pg_catalog.has_table_privilege(a.acts_as, c.oid, 'TRIGGER')
                  or pg_catalog.has_parameter_privilege(a.acts_as, 'session_replication_role', 'SET')))) as may_undo_guards
from pg_catalog.unnest($2::pg_catalog.oid[]) as wanted(role)
  join pg_catalog.pg_roles r on r.oid = wanted.role
  cross join pg_catalog.pg_class c
where c.oid = any ($1::pg_catalog.oid[])
group by c.oid;
