-- All functions that didn't come with Postgres.
select p.oid,
       n.nspname::pg_catalog.text as schema,
       p.proname::pg_catalog.text as name,
       -- Whether it belongs to pg_aal.
       exists (
         select
         from pg_catalog.pg_depend d
           join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'pg_aal'
         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and d.deptype = 'e') as is_ours,
       -- Whether a type has the same name: f(x) is then a cast.
       exists (
         select
         from pg_catalog.pg_type t
         where t.typnamespace = p.pronamespace
           and t.typname = p.proname) as is_type,
       -- Whether Postgres has a function of the same name: a name without a schema may mean that one.
       exists (
         select
         from pg_catalog.pg_proc own
         where own.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
           and own.proname = p.proname) as is_postgres_own,
       p.proargtypes::pg_catalog.oid[] as parameter_types
from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.oid >= 16384;
