-- The functions of users that policies call. An operator stands for its function.
select distinct p.polrelid as table_id,
       p.polname::pg_catalog.text as policy,
       coalesce(o.oprcode::pg_catalog.oid, d.refobjid) as function
from pg_catalog.pg_policy p
  join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    and d.objid = p.oid
    and d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
  left join pg_catalog.pg_operator o
    on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
    and o.oid = d.refobjid
where coalesce(o.oprcode::pg_catalog.oid, d.refobjid) >= 16384
order by 1, 2, 3;
