-- The roles that may read a secret of Supabase Auth's second factors, or make a bucket of Supabase Storage public: by the table
-- itself, or by a view with its owner's rights. One row for each table or view and each privilege.
--
-- $1 oid[]: the roles
with
  wanted(schema, name, column_name, privilege) as (
    values ('auth', 'mfa_factors', 'secret', 'SELECT'),
           ('auth', 'mfa_factors', 'phone', 'SELECT'),
           ('auth', 'mfa_challenges', 'otp_code', 'SELECT'),
           ('storage', 'buckets', 'public', 'UPDATE')
  ),
  wanted_columns as (
    select c.oid as table_id,
           a.attnum,
           a.attname::pg_catalog.text as column_name,
           w.privilege
    from wanted w
      join pg_catalog.pg_namespace n on n.nspname::pg_catalog.text = w.schema
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname::pg_catalog.text = w.name
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname::pg_catalog.text = w.column_name
    where c.relkind in ('r', 'p')
      and not a.attisdropped
  ),
  by_table as (
    select w.table_id, null::pg_catalog.oid as view_id, w.column_name, w.privilege, r.oid as role
    from wanted_columns w
      join pg_catalog.unnest($1::pg_catalog.oid[]) as r(oid)
        on pg_catalog.has_column_privilege(r.oid, w.table_id, w.attnum, w.privilege)
  ),
  -- A view that names the column anywhere counts as one that shows it.
  by_view as (
    select distinct w.table_id, v.oid as view_id, w.column_name, w.privilege, r.oid as role
    from wanted_columns w
      join pg_catalog.pg_depend d
        on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.refobjid = w.table_id
        and d.refobjsubid = w.attnum
        and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      join pg_catalog.pg_rewrite rule on rule.oid = d.objid
      join pg_catalog.pg_class v on v.oid = rule.ev_class and v.relkind in ('v', 'm')
      join pg_catalog.unnest($1::pg_catalog.oid[]) as r(oid)
        on pg_catalog.has_schema_privilege(r.oid, v.relnamespace, 'USAGE')
        and (pg_catalog.has_table_privilege(r.oid, v.oid, 'SELECT')
             or pg_catalog.has_any_column_privilege(r.oid, v.oid, 'SELECT'))
    where w.privilege = 'SELECT'
      and not exists (
        select
        from pg_catalog.pg_options_to_table(v.reloptions) o
        where o.option_name = 'security_invoker'
          and o.option_value::pg_catalog.bool)
  )
select used.table_id,
       used.view_id,
       case when v.oid is not null then pg_catalog.format('%I.%I', n.nspname, v.relname) end as view_name,
       v.relowner as view_owner,
       pg_catalog.array_agg(distinct used.column_name) as columns,
       used.privilege,
       pg_catalog.array_agg(distinct used.role) as roles
from (
    select *
    from by_table
    union all
    select *
    from by_view) as used
  left join pg_catalog.pg_class v on v.oid = used.view_id
  left join pg_catalog.pg_namespace n on n.oid = v.relnamespace
group by used.table_id, used.view_id, n.nspname, v.oid, v.relname, v.relowner, used.privilege
order by used.table_id, view_name nulls first, used.privilege;
