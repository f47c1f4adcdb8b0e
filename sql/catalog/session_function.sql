-- A function, as far as it can say for which sessions a protection is.
--
-- $1 oid: the function
select n.nspname::pg_catalog.text as schema,
       p.proname::pg_catalog.text as name,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
         as display_name,
       p.prokind = 'f' as is_plain,
       p.pronargs = 0 as takes_nothing,
       p.prorettype = 'pg_catalog.bool'::pg_catalog.regtype and not p.proretset as returns_boolean,
       -- pg_proc.provolatile: a letter.
       p.provolatile::pg_catalog.text as volatility,
       -- What is in a temporary schema goes when the session ends, and a policy goes with it.
       n.nspname ~ '^pg_' as is_in_schema_of_postgres,
       exists (
         select
         from pg_catalog.pg_depend d
           join pg_catalog.pg_extension e on e.oid = d.refobjid
         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and d.deptype = 'e'
           and e.extname = 'pg_aal') as is_ours
from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid = $1;
