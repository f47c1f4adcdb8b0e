-- The tables of the extension that a command moved into a schema. Within an event trigger only.
--
-- $1 text[]: the names of the schemas
select distinct c.oid
from pg_catalog.pg_event_trigger_ddl_commands() as d
  join pg_catalog.pg_depend m
    on m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and m.refobjid = d.objid
      and m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and m.deptype = 'e'
  join pg_catalog.pg_class c on c.oid = m.objid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  and c.relkind in ('r', 'p', 'f')
  and c.relpersistence <> 't'
  and n.nspname::pg_catalog.text = any ($1)
order by c.oid;
