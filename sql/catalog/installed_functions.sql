-- The functions that came with Postgres or belong to an extension, by name. The bodies of an extension's in SQL or PL/pgSQL aren't looked
-- into: one that reads is told from one that computes by IMMUTABLE alone.
select n.nspname::pg_catalog.text as schema,
       p.proname::pg_catalog.text as name,
       pg_catalog.bool_or(p.provolatile = 'v' or (p.provolatile = 's' and p.oid >= 16384 and l.lanname not in ('c', 'internal'))) as may_act,
       pg_catalog.bool_or(p.prokind = 'a') as aggregates
from pg_catalog.pg_proc p
  join pg_catalog.pg_language l on l.oid = p.prolang
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid < 16384
   or exists (
     select
     from pg_catalog.pg_depend d
     where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       and d.objid = p.oid
       and d.deptype = 'e')
group by n.nspname, p.proname;
