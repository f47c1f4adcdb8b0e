-- How the current role stands to a relation. No row if no relation has this OID.
--
-- $1 oid: the relation
with recursive
  privileges(n, name) as (
    values (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE'), (5, 'TRUNCATE')
  ),
  beneath(oid) as (
    select i.inhrelid
    from pg_catalog.pg_inherits i
    where i.inhparent = $1
    union
    select i.inhrelid
    from beneath b
      join pg_catalog.pg_inherits i on i.inhparent = b.oid
  )
select c.relkind as kind,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as display_name,
       pg_catalog.quote_ident(n.nspname) as schema,
       n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') as is_system,
       c.relowner as owner,
       o.rolname as owner_name,
       case when c.relispartition then above.name end as partition_of,
       exists (
         select
         from pg_catalog.pg_options_to_table(c.reloptions) o
         where o.option_name = 'security_invoker'
           and o.option_value::pg_catalog.bool) as is_invoker_view,
       r.rolname as role,
       pg_catalog.quote_ident(r.rolname) as quoted_role,
       r.rolsuper as is_superuser,
       r.rolbypassrls as has_bypassrls,
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') as may_use_schema,
       -- In the order of the commands.
       array(
         select pg_catalog.has_table_privilege(c.oid, p.name)
         from privileges p
         order by p.n) as granted,
       array(
         select p.n <= 3 and pg_catalog.has_any_column_privilege(c.oid, p.name)
         from privileges p
         order by p.n) as granted_on_columns,
       exists (
         select
         from beneath) as has_tables_beneath,
       exists (
         select
         from beneath b
           join pg_catalog.pg_class t on t.oid = b.oid
         where t.relkind = 'f') as has_foreign_table_beneath,
       -- The events of its rules: pg_rewrite.ev_type. A view's own query is none.
       array(
         select w.ev_type::pg_catalog.text
         from pg_catalog.pg_rewrite w
         where w.ev_class = c.oid
           and w.ev_enabled <> 'D'
           and not (c.relkind in ('v', 'm') and w.ev_type = '1')) as rule_events
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_roles r on r.rolname = current_user
  left join pg_catalog.pg_roles o on o.oid = c.relowner
  left join lateral (
    select pg_catalog.format('%I.%I', parent_schema.nspname, parent.relname) as name
    from pg_catalog.pg_inherits i
      join pg_catalog.pg_class parent on parent.oid = i.inhparent
      join pg_catalog.pg_namespace parent_schema on parent_schema.oid = parent.relnamespace
    where i.inhrelid = c.oid
    limit 1) as above on true
where c.oid = $1;
