-- The relations that a view reads.
--
-- $1 oid: the view
select distinct
       c.oid,
       c.relkind as kind,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as display_name
from pg_catalog.pg_rewrite w
  join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    and d.objid = w.oid
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid <> w.ev_class
  join pg_catalog.pg_class c on c.oid = d.refobjid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where w.ev_class = $1
  and w.ev_type = '1'
  and c.relkind in ('r', 'p', 'f', 'v', 'm')
order by 3;
