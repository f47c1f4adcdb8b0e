-- The functions that operators, casts, types and the constraints of domains call.
select distinct d.refobjid as function
from pg_catalog.pg_depend d
where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  and d.refobjid >= 16384
  and (d.classid in (
         'pg_catalog.pg_operator'::pg_catalog.regclass,
         'pg_catalog.pg_cast'::pg_catalog.regclass,
         'pg_catalog.pg_type'::pg_catalog.regclass,
         'pg_catalog.pg_amproc'::pg_catalog.regclass,
         'pg_catalog.pg_opclass'::pg_catalog.regclass)
       or exists (
         select
         from pg_catalog.pg_constraint k
         where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
           and k.oid = d.objid
           and k.contypid <> 0))
order by d.refobjid;
