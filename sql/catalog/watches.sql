-- The watches over schemas, by their event triggers. Only superusers make a function of the language C.
--
-- $1 oid: a function, or NULL for the watches of all
select t.evtname::pg_catalog.text as name,
       f.oid as function,
       f.proname::pg_catalog.text as function_name,
       pg_catalog.substr(s.setting, pg_catalog.length('pg_aal.protected_schema=') + 1) as record,
       t.evtevent = 'ddl_command_end' and t.evtenabled = 'A' as always_fires,
       t.evttags as tags,
       owner.rolsuper and f.prosecdef as has_all_rights
from pg_catalog.pg_proc f
  join pg_catalog.pg_language l on l.oid = f.prolang
  join pg_catalog.pg_roles owner on owner.oid = f.proowner
  cross join pg_catalog.unnest(f.proconfig) as s(setting)
  join pg_catalog.pg_event_trigger t on t.evtfoid = f.oid
where l.lanname = 'c'
  and f.prosrc = 'aal_new_tables'
  and s.setting like 'pg\_aal.protected\_schema=%'
  and ($1 is null or f.oid = $1)
order by t.evtname;
