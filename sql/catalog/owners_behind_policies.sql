-- The owners of the objects that policies and guards depend on, at every depth: functions, types, operators, schemas.
-- The owner of a policy's own table is left out: the standings cover it.
-- In rows about guards, the policy is NULL.
--
-- $1 oid[]: the tables
-- $2 oid:   the function that guards call
with recursive
  made_of(policy, classid, objid) as (
    select p.oid, d.refclassid, d.refobjid
    from pg_catalog.pg_policy p
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
    where p.polrelid = any ($1::pg_catalog.oid[])
      and (d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass or d.refobjid <> p.polrelid)
    union
    select null, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, $2
    union
    select m.policy, d.refclassid, d.refobjid
    from made_of m
      join pg_catalog.pg_depend d on d.classid = m.classid and d.objid = m.objid
  )
select m.policy, o.proowner as owner
from made_of m
  join pg_catalog.pg_proc o on o.oid = m.objid and m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
union
select m.policy, o.relowner
from made_of m
  join pg_catalog.pg_class o on o.oid = m.objid and m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
union
select m.policy, o.typowner
from made_of m
  join pg_catalog.pg_type o on o.oid = m.objid and m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
union
select m.policy, o.oprowner
from made_of m
  join pg_catalog.pg_operator o on o.oid = m.objid and m.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
union
select m.policy, o.collowner
from made_of m
  join pg_catalog.pg_collation o on o.oid = m.objid and m.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass
union
select m.policy, o.lanowner
from made_of m
  join pg_catalog.pg_language o on o.oid = m.objid and m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass
union
select m.policy, o.nspowner
from made_of m
  join pg_catalog.pg_namespace o on o.oid = m.objid and m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
union
select m.policy, o.extowner
from made_of m
  join pg_catalog.pg_extension o on o.oid = m.objid and m.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass;
