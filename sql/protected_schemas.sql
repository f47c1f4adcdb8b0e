-- As in schema.sql: no function or operator in schema auth is meant here.
set local search_path = pg_catalog, pg_temp;

-- What protect_schema was asked for, from the functions of its event triggers. Only a superuser makes a function of the language C, so
-- the record is what protect_schema wrote.
create view auth.protected_schemas as
select
  named.schema::name as schema,
  r.record ->> 'new_tables' as new_tables,
  r.record ->> 'read' as read,
  r.record ->> 'insert' as on_insert,
  r.record ->> 'update' as on_update,
  r.record ->> 'delete' as on_delete,
  case
    when r.record ? 'roles' then array(select role::name from jsonb_array_elements_text(r.record -> 'roles') as role)
    else array['public'::name]
  end as roles,
  (r.record ->> 'owner_column')::name as owner_column,
  case when r.record ? 'applies_when' then format('%I.%I()', r.record #>> '{applies_when,0}', r.record #>> '{applies_when,1}') end
    as applies_when,
  (r.record ->> 'guard')::boolean as guard,
  coalesce((r.record ->> 'live')::boolean, false) as live,
  coalesce((r.record ->> 'refuse_reads')::boolean, false) as refuse_reads,
  array(select table_name::name from jsonb_array_elements_text(r.record -> 'excluding') as table_name) as excluding,
  t.evtenabled = 'A' as enabled
from pg_catalog.pg_event_trigger t
join pg_catalog.pg_proc f on f.oid = t.evtfoid
join pg_catalog.pg_language l on l.oid = f.prolang and l.lanname = 'c'
cross join unnest(f.proconfig) as s(setting)
-- The other settings of the function are no JSON.
cross join lateral (
  select case when s.setting like 'pg\_aal.protected\_schema=%' then substr(s.setting, length('pg_aal.protected_schema=') + 1)::jsonb end
) as r(record)
cross join lateral jsonb_array_elements_text(r.record -> 'schemas') as named(schema)
where f.prosrc = 'aal_new_tables';

grant select on auth.protected_schemas to public;

set local search_path = auth, pg_temp;
