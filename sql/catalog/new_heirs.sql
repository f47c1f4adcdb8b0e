-- The tables that may have come beneath another one by the command which fires an event trigger, the upper ones first: with the
-- nearest table above on which protect_table made something. Within an event trigger only.
--
-- $1 text[]: the names of what protect_table makes
with
  altered as (
    select distinct d.objid as oid
    from pg_catalog.pg_event_trigger_ddl_commands() as d
      join pg_catalog.pg_class c on c.oid = d.objid
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and c.relkind in ('r', 'p', 'f')
      and c.relpersistence <> 't'
  ),
  concerned as (
    select a.oid from altered a
    union
    select t.relid::pg_catalog.oid
    from altered a
      cross join pg_catalog.pg_partition_tree(a.oid) as t
  ),
  protected as (
    select p.polrelid as oid
    from pg_catalog.pg_policy p
    where p.polname::pg_catalog.text = any ($1)
    union
    select t.tgrelid
    from pg_catalog.pg_trigger t
    where t.tgname::pg_catalog.text = any ($1)
      and t.tgparentid = 0
  )
select c.oid,
       c.relispartition as is_partition,
       case
         when c.relispartition then (
           select above.oid::pg_catalog.oid
           from pg_catalog.pg_partition_ancestors(c.oid) with ordinality as above(oid, distance)
             join protected p on p.oid = above.oid
           where above.oid <> c.oid
           order by above.distance
           limit 1)
         else (
           select i.inhparent
           from pg_catalog.pg_inherits i
             join protected p on p.oid = i.inhparent
           where i.inhrelid = c.oid
           order by i.inhseqno
           limit 1)
       end as protected_parent,
       (
         select pg_catalog.count(*)
         from pg_catalog.pg_partition_ancestors(c.oid)) as depth
from concerned
  join pg_catalog.pg_class c on c.oid = concerned.oid
where c.relkind in ('r', 'p', 'f')
order by depth, c.oid;
