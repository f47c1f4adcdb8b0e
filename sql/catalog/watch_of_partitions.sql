-- Whether the event trigger for new partitions fires in every session, as a superuser.
select pg_catalog.bool_or(t.evtenabled = 'A' and f.prosecdef and o.rolsuper) as is_whole
from pg_catalog.pg_event_trigger t
  join pg_catalog.pg_proc f on f.oid = t.evtfoid
  join pg_catalog.pg_roles o on o.oid = f.proowner
where f.oid = 'auth.aal_new_partitions()'::pg_catalog.regprocedure;
