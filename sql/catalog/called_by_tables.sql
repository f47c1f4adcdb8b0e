-- The functions that expressions of tables and views call: defaults, constraints, indexes, partition keys, policies, conditions of
-- triggers, queries and rules, and the constraints of their columns' domains.
with
  expressions(classid, objid, table_id) as (
    select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, a.adrelid
    from pg_catalog.pg_attrdef a
    union all
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, k.conrelid
    from pg_catalog.pg_constraint k
    where k.conrelid <> 0
    union all
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, a.attrelid
    from pg_catalog.pg_constraint k
      join pg_catalog.pg_attribute a on a.atttypid = k.contypid
    where k.contypid <> 0
    union all
    select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, coalesce(i.indrelid, c.oid)
    from pg_catalog.pg_class c
      left join pg_catalog.pg_index i on i.indexrelid = c.oid
    union all
    select 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, p.polrelid
    from pg_catalog.pg_policy p
    union all
    select 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, t.tgrelid
    from pg_catalog.pg_trigger t
    where t.tgqual is not null
    union all
    select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, w.ev_class
    from pg_catalog.pg_rewrite w
  ),
  -- An operator stands for its function.
  called(classid, objid, function) as (
    select d.classid, d.objid, d.refobjid
    from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    union all
    select d.classid, d.objid, o.oprcode::pg_catalog.oid
    from pg_catalog.pg_depend d
      join pg_catalog.pg_operator o on o.oid = d.refobjid
    where d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
  )
select distinct e.table_id,
       c.function
from expressions e
  join called c on c.classid = e.classid and c.objid = e.objid
where c.function >= 16384
order by e.table_id, c.function;
