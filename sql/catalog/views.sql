-- Views, materialized views, and the rules of views and tables that fire when rows are written.
-- A view that has such rules has a row for the query that it shows, and one for those rules. Rules that ask for a level have a row
-- of their own.
--
-- $1 oid[]: the roles of which some may read or write them
-- $2 oid[]: the functions that ask for a level
-- $3 int8:  how many bytes the tree of a view's query may have
-- $4 int8:  how many bytes all those trees together may have
with others as materialized (
  select r.oid
  from pg_catalog.unnest($1::pg_catalog.oid[]) as wanted(oid)
    join pg_catalog.pg_roles r on r.oid = wanted.oid and not r.rolsuper
)
select c.oid,
       n.nspname::pg_catalog.text as schema,
       c.relname::pg_catalog.text as name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as display_name,
       case
         when face.of_rules and c.relkind = 'v' then 'view rule'
         when face.of_rules then 'table rule'
         when c.relkind = 'm' then 'materialized'
         when exists (
           select
           from pg_catalog.pg_options_to_table(c.reloptions) o
           where o.option_name = 'security_invoker'
             and o.option_value::pg_catalog.bool) then 'invoker rights'
         else 'owner rights'
       end as kind,
       c.relowner as owner,
       array(
         select distinct d.refobjid
         from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
           and d.objid = any (face.rules)
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.refobjid <> c.oid) as reads,
       users.read_by,
       users.written_by,
       users.inserted_by,
       -- Its owner, if it is one of the roles and may use the schema.
       (
         select o.oid
         from others o
         where o.oid = c.relowner
           and pg_catalog.has_schema_privilege(o.oid, c.relnamespace, 'USAGE')) as owner_as_user,
       face.asks as asks_for_level,
       -- The query that a view shows, if it is read.
       case
         when sized.size <= $3 and pg_catalog.sum(sized.size) over (order by sized.size, c.oid, face.asks) <= $4 then (
           select w.ev_action
           from pg_catalog.pg_rewrite w
           where w.oid = face.rules[1])
       end as tree,
       exists (
         select
         from pg_catalog.pg_options_to_table(c.reloptions) o
         where o.option_name = 'check_option') as checks_new_rows,
       exists (
         select
         from pg_catalog.pg_options_to_table(c.reloptions) o
         where o.option_name = 'security_barrier'
           and o.option_value::pg_catalog.bool) as is_barrier
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  -- The query that a view shows takes all commands. Rules take their own.
  cross join lateral (
    select w.ev_type <> '1' as of_rules,
           its.asks,
           pg_catalog.array_agg(w.oid) as rules,
           pg_catalog.bool_or(w.ev_type in ('1', '3')) as on_insert,
           pg_catalog.bool_or(w.ev_type in ('1', '2')) as on_update,
           pg_catalog.bool_or(w.ev_type in ('1', '4')) as on_delete
    from pg_catalog.pg_rewrite w
      cross join lateral (
        select exists (
          select
          from pg_catalog.pg_depend d
          where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            and d.objid = w.oid
            and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            and d.refobjid = any ($2::pg_catalog.oid[]))) as its(asks)
    where w.ev_class = c.oid
      and (w.ev_type = '1' or w.ev_enabled <> 'D')
    group by w.ev_type <> '1', its.asks) as face
  cross join lateral (
    select case
             when c.relkind = 'v' and not face.of_rules then (
               select pg_catalog.octet_length(w.ev_action::pg_catalog.text)
               from pg_catalog.pg_rewrite w
               where w.oid = face.rules[1])
           end::pg_catalog.int8) as sized(size)
  -- Postgres refuses other writes to a view. The bits are those of its commands.
  cross join lateral (
    select c.relkind <> 'v' or its.bits & 4 <> 0 as be_updated,
           c.relkind <> 'v' or its.bits & 8 <> 0 as be_inserted,
           c.relkind <> 'v' or its.bits & 16 <> 0 as be_deleted
    from pg_catalog.pg_relation_is_updatable(c.oid, true) as its(bits)) as can
  cross join lateral (
    select pg_catalog.array_agg(other.oid) filter (where other.may_read) as read_by,
           pg_catalog.array_agg(other.oid) filter (where other.may_write) as written_by,
           pg_catalog.array_agg(other.oid) filter (where other.may_insert) as inserted_by
    from (
      select o.oid,
             pg_catalog.has_table_privilege(o.oid, c.oid, 'SELECT')
             or pg_catalog.has_any_column_privilege(o.oid, c.oid, 'SELECT') as may_read,
             c.relkind <> 'm' and inserts.granted as may_insert,
             c.relkind <> 'm'
             and (inserts.granted
                  or face.on_update and can.be_updated and (pg_catalog.has_table_privilege(o.oid, c.oid, 'UPDATE')
                                         or pg_catalog.has_any_column_privilege(o.oid, c.oid, 'UPDATE'))
                  or face.on_delete and can.be_deleted and pg_catalog.has_table_privilege(o.oid, c.oid, 'DELETE')) as may_write
      from others o
        cross join lateral (
          select face.on_insert and can.be_inserted and (pg_catalog.has_table_privilege(o.oid, c.oid, 'INSERT')
                                      or pg_catalog.has_any_column_privilege(o.oid, c.oid, 'INSERT'))) as inserts(granted)
      where o.oid <> c.relowner
        and pg_catalog.has_schema_privilege(o.oid, c.relnamespace, 'USAGE')) as other) as users
where (c.relkind in ('v', 'm') or c.relhasrules)
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by n.nspname, c.relname, face.of_rules, face.asks;
