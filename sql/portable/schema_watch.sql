-- Protecting a schema: its tables now, and by an event trigger those that come into it.
--
-- The record of a schema's protection is a constant in the body of its watch, an event trigger's function: hosts refuse custom settings in
-- a SET clause, and diff tools lose comments. It is the native edition's record, with each $ as an escape, so that no name in it ends it.

-- Tables that are looked at when the transaction commits. A row lives until then.
create table if not exists aal.pending_tables (
  target pg_catalog.oid not null,
  record pg_catalog.jsonb not null
);

revoke all on aal.pending_tables from public;

-- A schema's protection as it is for one of its tables: with the owner's policy, if the table has that column.
create or replace function aal.schema_protection_of(record jsonb, target oid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner_is_uuid boolean := aal.owner_is_uuid(target, record ->> 'owner_column');
begin
  return jsonb_build_object(
    'read', record -> 'read', 'insert', record -> 'insert', 'update', record -> 'update', 'delete', record -> 'delete',
    'roles', coalesce(record -> 'roles', '["public"]'),
    'owner_column', case when owner_is_uuid is not null then record ->> 'owner_column' end,
    'owner_is_uuid', owner_is_uuid,
    'sensitive_columns', '[]'::jsonb,
    'guard', record -> 'guard',
    'applies_when', record -> 'applies_when',
    'live', coalesce(record -> 'live', 'false'));
end
$$;

-- The protection of a table, as a partition of it is to have it. Of levels that differ the highest counts.
create or replace function aal.same_protection(target oid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_table jsonb := aal.found_protection(target);
  exempting text := (select e.function from jsonb_array_elements_text(on_table -> 'exempts') as e(function)
                      where e.function is not null limit 1);
  protection jsonb := '{"sensitive_columns": [], "applies_when": null}';
  command text;
begin
  foreach command in array array['read', 'insert', 'update', 'delete'] loop
    protection := protection || jsonb_build_object(command, coalesce((
      select l.level from unnest(aal.levels_required(on_table, command)) as l(level)
       where not exists (
         select from unnest(aal.levels_required(on_table, command)) as o(level)
          where not aal.level_implies(l.level, o.level))
       limit 1), 'none'));
  end loop;
  if exempting is not null then
    protection := protection || jsonb_build_object('applies_when', to_jsonb(parse_ident(left(exempting, -2))));
  end if;
  return protection || jsonb_build_object(
    'roles', on_table -> 'bound',
    'owner_column', on_table ->> 'owner_column',
    'owner_is_uuid', aal.owner_is_uuid(target, on_table ->> 'owner_column'),
    'guard', on_table -> 'guard',
    'live', on_table -> 'live');
end
$$;

-- The watches over schemas: the event trigger, its function, and the record in it.
create or replace function aal.watches() returns table (name name, record jsonb, enabled boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select t.evtname, split_part(f.prosrc, '$record$', 2)::jsonb, t.evtenabled in ('O', 'A')
      from pg_event_trigger t
      join pg_proc f on f.oid = t.evtfoid
     where f.pronamespace = 'aal'::regnamespace
       and f.prosrc like '%aal.receive_tables($record$%$record$%'
     order by t.evtname;
end
$$;

create or replace view aal.protected_schemas with (security_invoker = true) as
select named.schema::pg_catalog.name as schema,
       w.record ->> 'new_tables' as new_tables,
       w.record ->> 'read' as read,
       w.record ->> 'insert' as on_insert,
       w.record ->> 'update' as on_update,
       w.record ->> 'delete' as on_delete,
       array(select r.name::pg_catalog.name
               from pg_catalog.jsonb_array_elements_text(coalesce(w.record -> 'roles', '["public"]')) as r(name)) as roles,
       (w.record ->> 'owner_column')::pg_catalog.name as owner_column,
       case when w.record ? 'applies_when'
         then pg_catalog.format('%I.%I()', w.record #>> '{applies_when,0}', w.record #>> '{applies_when,1}') end as applies_when,
       (w.record ->> 'guard')::boolean as guard,
       coalesce((w.record ->> 'live')::boolean, false) as live,
       array(select e.name::pg_catalog.name from pg_catalog.jsonb_array_elements_text(w.record -> 'excluding') as e(name)) as excluding,
       w.enabled
from aal.watches() as w
cross join lateral pg_catalog.jsonb_array_elements_text(w.record -> 'schemas') as named(schema);

-- Whether a schema's protection is not for a table. A partition goes with the tables above it.
create or replace function aal.is_excluded(record jsonb, target oid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where (c.oid = target or c.oid in (select a.oid from pg_partition_ancestors(target) as a(oid)))
       and record -> 'schemas' ? n.nspname and record -> 'excluding' ? c.relname);
end
$$;

-- What a table that came into a schema lacks of the schema's protection; NULL for a table without any.
create or replace function aal.lacks_of_schema(record jsonb, target oid) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_table jsonb := aal.found_protection(target);
begin
  return case when on_table is not null then
    aal.protection_lacks(on_table, (select c.relrowsecurity from pg_class c where c.oid = target),
      aal.schema_protection_of(record, target)) end;
end
$$;

-- The tables that an event trigger's command may have brought into a schema: those that it made or altered; those of an extension that it
-- moved; those of a schema that bears the name by now. And those that this transaction changed, where it altered a partitioned table that
-- is excluded: a partition that it detached is excluded no longer, and the command doesn't name it.
create or replace function aal.newcomers(record jsonb) returns table (id oid, kind "char", schema name)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    with command as (select d.classid, d.objid from pg_event_trigger_ddl_commands() as d),
      concerned(oid) as (
        select d.objid from command d where d.classid = 'pg_class'::regclass
        union
        select m.objid from command d
          join pg_depend m on m.refclassid = d.classid and m.refobjid = d.objid and m.classid = 'pg_class'::regclass and m.deptype = 'e'
         where d.classid = 'pg_extension'::regclass
        union
        select c.oid from command d join pg_class c on c.relnamespace = d.objid where d.classid = 'pg_namespace'::regclass
        union
        select c.oid from command d
          join pg_class p on p.oid = d.objid and p.relkind = 'p' and aal.is_excluded(record, p.oid)
          -- Not older than the transaction.
          join pg_class c on age(c.xmin) <= 0
         where d.classid = 'pg_class'::regclass
      )
    select c.oid, c.relkind, n.nspname
      from concerned
      join pg_class c on c.oid = concerned.oid
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'f')
       and c.relpersistence <> 't'
       and record -> 'schemas' ? n.nspname
     order by c.oid;
end
$$;

-- Warns where a command gave another name to the schema of a watch, which keeps to the name.
create or replace function aal.warn_of_renamed_schema(record jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pg_event_trigger_ddl_commands() as d where d.command_tag = 'ALTER SCHEMA')
     and not exists (select from pg_namespace n where record -> 'schemas' ? n.nspname) then
    raise warning using
      message = format('new tables are watched in schema %I, and no schema has that name', record -> 'schemas' ->> 0),
      hint = 'If it has another name now, call aal.protect_schema for that.';
  end if;
end
$$;

-- Whether the command that runs made a table or moved it into its schema: then nothing has changed its row since that change of its schema.
create or replace function aal.has_just_come(target oid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from pg_class c
      join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
        and d.refclassid = 'pg_namespace'::regclass and d.refobjid = c.relnamespace
     where c.oid = target and age(d.xmin) <= 0 and d.cmin::text::bigint >= c.cmin::text::bigint);
end
$$;

-- Does what a schema's protection says about the tables that a command made or moved. Called by the function of an event trigger, with the
-- rights of the role that runs the command: it owns a table that it made.
create or replace function aal.receive_tables(watch text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  record jsonb := watch::jsonb;
  it record;
  above oid;
  protection jsonb;
  on_table jsonb;
  is_for_commit boolean := false;
begin
  perform aal.warn_of_renamed_schema(record);
  for it in select * from aal.newcomers(record) loop
    above := (
      select a.oid from pg_partition_ancestors(it.id) with ordinality as a(oid, place)
       where a.oid <> it.id and aal.found_protection(a.oid) is not null
       order by a.place limit 1);
    if aal.is_excluded(record, it.id) or aal.lacks_of_schema(record, it.id) = '{}' then
      continue;
    elsif it.kind = 'f' then
      perform aal.say_of_foreign_table(record, it.id);
    elsif record ->> 'new_tables' <> 'protect' then
      is_for_commit := true;
      continue;
    end if;
    protection := case when above is null then aal.schema_protection_of(record, it.id) else aal.same_protection(above) end;
    on_table := aal.found_protection(it.id);
    if on_table is not null then
      -- In its schema, a table may get a protection of its own. So the commands that change such a table end here.
      if not aal.has_just_come(it.id)
         or aal.protection_lacks(on_table, (select c.relrowsecurity from pg_class c where c.oid = it.id), protection) = '{}' then
        continue;
      elsif aal.protection_lowers(protection, on_table) <> '{}' then
        raise sqlstate '55000' using
          message = format('%s has a protection that needs less than that of schema %I', aal.qualified_name(it.id), it.schema),
          detail = array_to_string(aal.lacks_of_schema(record, it.id), chr(10)),
          hint = 'Raise it by aal.protect_table before the table comes into the schema, or have aal.protect_schema exclude it.';
      end if;
    end if;
    perform aal.apply_protection(it.id, protection);
    raise notice using message = format('%s got the protection of %s: reads %s, writes %s', aal.qualified_name(it.id),
      case when above is null then format('schema %I', it.schema) else aal.qualified_name(above) end,
      protection ->> 'read', aal.writes_in_words(protection));
  end loop;
  if is_for_commit then
    perform aal.look_at_commit();
  end if;
end
$$;

create or replace function aal.say_of_foreign_table(record jsonb, target oid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  message text := format('%s is a foreign table, which cannot be protected', aal.qualified_name(target));
  hint text := 'Create it in another schema, or have aal.protect_schema exclude it.';
begin
  if record ->> 'new_tables' = 'warn' then
    raise warning using message = message, hint = hint;
  else
    raise sqlstate '42809' using message = message, hint = hint;
  end if;
end
$$;

-- Has the tables of an event trigger's command looked at when the transaction commits: by then a migration can have protected them.
-- SECURITY DEFINER, because any role may run a command that makes a table, and none may write this list otherwise. So it takes nothing
-- from its caller: the tables are those of the command, and the records those of the watches. Only an event trigger's function gets
-- through.
create or replace function aal.look_at_commit() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- Raises where no event trigger runs.
  perform from pg_event_trigger_ddl_commands();
  insert into aal.pending_tables (target, record)
  select t.id, w.record
    from aal.watches() as w
    cross join lateral aal.newcomers(w.record) as t
   where t.kind in ('r', 'p')
     and w.record ->> 'new_tables' <> 'protect'
     and not aal.is_excluded(w.record, t.id)
     and aal.lacks_of_schema(w.record, t.id) is distinct from '{}';
end
$$;

-- The trigger on that list. SECURITY DEFINER, because it empties the list.
create or replace function aal.look_at_pending_table() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  lacks text[] := aal.lacks_of_schema(new.record, new.target);
  name text := aal.qualified_name(new.target);
  schema text := (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = new.target);
  line text;
begin
  delete from aal.pending_tables p where p.target = new.target;
  -- The table may be gone by now, or have moved on.
  if schema is null or not new.record -> 'schemas' ? schema or aal.is_excluded(new.record, new.target) or lacks = '{}' then
    return null;
  end if;
  line := format('select * from aal.protect_table(%L, read => %L, on_insert => %L, on_update => %L, on_delete => %L);', name,
    new.record ->> 'read', new.record ->> 'insert', new.record ->> 'update', new.record ->> 'delete');
  if new.record ->> 'new_tables' = 'refuse' then
    raise sqlstate '55000' using
      message = format('schema %I takes no tables without its protection: %s', schema, name),
      detail = coalesce(array_to_string(lacks, chr(10)), 'It has no protection.'),
      hint = 'Run this in the transaction that brings it: ' || line;
  end if;
  raise warning using
    message = case when lacks is null then format('%s is not protected, and schema %I is', name, schema)
      else format('%s needs less than schema %I: %s', name, schema, array_to_string(lacks, '; ')) end,
    hint = line;
  return null;
end
$$;

do $$
begin
  if not exists (select from pg_catalog.pg_trigger t
                  where t.tgrelid = 'aal.pending_tables'::pg_catalog.regclass and t.tgname = 'look_at_commit') then
    create constraint trigger look_at_commit after insert on aal.pending_tables
      deferrable initially deferred for each row execute function aal.look_at_pending_table();
  end if;
end
$$;

-- The statements that begin a watch.
create or replace function aal.watch_statements(watch name, record jsonb) returns setof text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query values
    (format('create or replace function aal.%I() returns event_trigger language plpgsql volatile set search_path = pg_catalog, pg_temp as %L',
      watch, format('begin perform aal.receive_tables($record$%s$record$); end', replace(record::text, '$', chr(92) || 'u0024')))),
    (format('create event trigger %I on ddl_command_end when tag in (%s) execute function aal.%I()', watch,
      {{ protection.watched_tags }}, watch)),
    -- Also where session_replication_role says that none fires, which hosted roles may set.
    (format('alter event trigger %I enable always', watch));
end
$$;

-- A name for the watch over a schema: with the schema's, if the name is short enough and free.
create or replace function aal.watch_name(schema name) returns name
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  watch text := 'aal_schema_' || schema;
  nr integer := 0;
begin
  while octet_length(watch) > 63
    or exists (select from pg_event_trigger t where t.evtname = watch)
    or exists (select from pg_proc f where f.pronamespace = 'aal'::regnamespace and f.proname = watch) loop
    nr := nr + 1;
    watch := 'aal_schema_' || nr;
  end loop;
  return watch;
end
$$;

-- Ends the watches over a schema.
create or replace function aal.end_watches(schema name) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
begin
  for it in select w.name from aal.watches() w where w.record -> 'schemas' ? schema loop
    execute format('drop event trigger %I', it.name);
    execute format('drop function aal.%I()', it.name);
  end loop;
end
$$;

-- A schema's record as found_protection would have the protection of one of its tables, to compare another one with it.
create or replace function aal.found_in_record(record jsonb) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  set quote_all_identifiers = off
as $$
begin
  return jsonb_build_object(
    'records', '[]'::jsonb,
    'required', jsonb_build_object('read', jsonb_build_array(record -> 'read'), 'insert', jsonb_build_array(record -> 'insert'),
      'update', jsonb_build_array(record -> 'update'), 'delete', jsonb_build_array(record -> 'delete')),
    'altered', '[]'::jsonb,
    'exempts', jsonb_build_array(case when record ? 'applies_when'
      then format('%I.%I()', record #>> '{applies_when,0}', record #>> '{applies_when,1}') end),
    'bound', coalesce(record -> 'roles', '["public"]'),
    'owner_column', record ->> 'owner_column',
    'sensitive_columns', '[]'::jsonb,
    'guard', record -> 'guard',
    'live', coalesce(record -> 'live', 'false'));
end
$$;

-- Whether a table's protection is exactly that of a schema.
create or replace function aal.has_that_of_schema(record jsonb, target oid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_table jsonb := aal.found_protection(target);
  wanted jsonb := aal.schema_protection_of(record, target);
begin
  return on_table is not null
    and on_table ->> 'owner_column' is not distinct from wanted ->> 'owner_column'
    and on_table -> 'sensitive_columns' = '[]'
    and aal.lacks_of_schema(record, target) = '{}'
    and aal.protection_lowers(wanted, on_table) = '{}';
end
$$;

-- The tables of a schema that aren't beneath another one of it, foreign ones included.
create or replace function aal.tables_of_schema(schema name) returns table (id oid, kind "char")
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select c.oid, c.relkind
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = schema and c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
       and not (c.relispartition and exists (
         select from pg_partition_ancestors(c.oid) as a(oid) join pg_class b on b.oid = a.oid
          where b.oid <> c.oid and b.relnamespace = c.relnamespace))
     order by c.relname;
end
$$;

-- The name of a schema that can be protected; raises for another one.
create or replace function aal.schema_to_protect(target regnamespace) returns name
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  schema name := (select n.nspname from pg_namespace n where n.oid = target);
begin
  if target is null then
    raise sqlstate '22004' using message = 'target must not be null';
  elsif schema is null then
    raise sqlstate '3F000' using message = 'the schema does not exist';
  elsif schema ~ '^pg_' or schema = 'information_schema' then
    raise sqlstate '42809' using message = format('%I is a system schema', schema),
      hint = 'Row security does not apply to system catalogs.';
  elsif schema in ('auth', 'aal') then
    raise sqlstate '42809' using message = format('schema %I cannot be protected', schema),
      hint = 'Its tables are those of Supabase Auth or of pg_aal, which have no assurance level themselves.';
  end if;
  return schema;
end
$$;

-- Does what protect_schema was asked for.
create or replace function aal.protect_tables_of_schema(schema name, record jsonb, lower boolean, revoke boolean)
  returns table (protected integer, kept integer, excluded integer, notes text[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
  old jsonb := (select w.record from aal.watches() w where w.record -> 'schemas' ? schema limit 1);
  lines text[];
  unfit text;
  wanted jsonb;
  statement text;
begin
  protected := 0;
  kept := 0;
  excluded := 0;
  notes := '{}';
  if record ->> 'new_tables' not in ('protect', 'refuse', 'warn', 'ignore') then
    raise sqlstate '22023' using message = format('unknown value "%s" for new_tables', left(record ->> 'new_tables', 40)),
      hint = 'Valid values are protect, refuse, warn and ignore.';
  end if;
  if old is not null and record ->> 'new_tables' = 'ignore' then
    raise sqlstate '55000' using message = format('schema %I is watched by an event trigger', schema),
      hint = 'Say what becomes of new tables, or call aal.unprotect_schema first.';
  end if;
  if old is not null and not lower then
    lines := aal.protection_lowers(
        aal.found_in_record(record) || jsonb_build_object('read', record -> 'read', 'insert', record -> 'insert', 'update', record -> 'update',
          'delete', record -> 'delete', 'roles', coalesce(record -> 'roles', '["public"]'), 'applies_when', record -> 'applies_when'),
        aal.found_in_record(old))
      || case when record ->> 'new_tables' = 'warn' and old ->> 'new_tables' <> 'warn'
           then format('new_tables: %s -> warn', old ->> 'new_tables') end
      || (select string_agg(e.name, ', ') || ': not excluded -> excluded' from jsonb_array_elements_text(record -> 'excluding') as e(name)
           where not coalesce(old -> 'excluding', '[]') ? e.name);
    lines := array_remove(lines, null);
    if cardinality(lines) > 0 then
      raise sqlstate '55000' using message = format('this would lower the protection of schema %I', schema),
        detail = array_to_string(lines, chr(10)),
        hint = 'Repeat the options that are to stay: each call replaces all of them. To lower it on purpose, add lower => true.';
    end if;
  end if;
  unfit := (select string_agg(aal.qualified_name(t.id), ', ') from aal.tables_of_schema(schema) t
             where t.kind = 'f' and not aal.is_excluded(record, t.id));
  if unfit is not null then
    raise sqlstate '42809' using message = format('tables of schema %I that cannot be protected: %s', schema, unfit),
      detail = 'Row security does not apply to foreign tables.',
      hint = 'Exclude them after a review of who may use them.';
  end if;
  for it in select t.id from aal.tables_of_schema(schema) t loop
    if aal.is_excluded(record, it.id) then
      excluded := excluded + 1;
      continue;
    end if;
    wanted := aal.schema_protection_of(record, it.id);
    if aal.found_protection(it.id) is not null and not coalesce(aal.has_that_of_schema(old, it.id), false) then
      kept := kept + 1;
      if cardinality(aal.lacks_of_schema(record, it.id)) > 0 then
        statement := format('%s keeps its own protection, which needs less: %s', aal.qualified_name(it.id),
          array_to_string(aal.lacks_of_schema(record, it.id), '; '));
        raise warning using message = statement, hint = 'Raise it by aal.protect_table, or exclude the table.';
        notes := notes || statement;
      end if;
      continue;
    end if;
    -- The schema's lowering was judged above.
    notes := notes || (select p.notes from aal.protect(it.id, wanted, true, revoke) p);
    protected := protected + 1;
  end loop;
  if record ->> 'new_tables' <> 'ignore' then
    perform aal.end_watches(schema);
    for statement in select * from aal.watch_statements(aal.watch_name(schema), record) loop
      execute statement;
    end loop;
  end if;
  return next;
end
$$;

-- The record of a schema's protection, as in the native edition.
create or replace function aal.schema_record(schema name, protection jsonb, owner_column name, excluding name[], new_tables text)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if excluding is null or array_position(excluding, null) is not null or new_tables is null then
    raise sqlstate '22004' using
      message = case when new_tables is null then 'new_tables' else 'excluding' end || ' must not be null';
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'schemas', jsonb_build_array(schema),
    'new_tables', new_tables,
    'read', protection -> 'read', 'insert', protection -> 'insert', 'update', protection -> 'update', 'delete', protection -> 'delete',
    'roles', case when not protection -> 'roles' ? 'public' then protection -> 'roles' end,
    'owner_column', owner_column,
    'guard', protection -> 'guard',
    'applies_when', protection -> 'applies_when',
    'live', protection -> 'live',
    'excluding', (select coalesce(jsonb_agg(distinct e), '[]') from unnest(excluding) as e)));
end
$$;

-- Protects every table of a schema that isn't protected yet, and has new ones watched; says in one row what it did.
create or replace function aal.protect_schema(
  target regnamespace,
  read text default 'aal1',
  write text default 'aal2',
  on_insert text default null,
  on_update text default null,
  on_delete text default null,
  max_age interval default null,
  roles name[] default '{public}',
  owner_column name default null,
  guard boolean default true,
  applies_when regprocedure default null,
  live boolean default false,
  refuse_reads boolean default false,
  excluding name[] default '{}',
  new_tables text default 'protect',
  lower boolean default false,
  revoke boolean default true
) returns table (target name, read text, write text, new_tables text, protected integer, kept integer, excluded integer, warnings integer,
                 notes text[])
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select named.schema,
         aal.with_sessions(asked.protection, asked.protection ->> 'read'),
         aal.writes_in_words(asked.protection),
         protect_schema.new_tables,
         done.protected, done.kept, done.excluded, cardinality(done.notes), done.notes
    from (select aal.schema_to_protect(protect_schema.target)) as named(schema)
   cross join lateral aal.requested_protection(
     null, protect_schema.read, protect_schema.write, protect_schema.on_insert, protect_schema.on_update, protect_schema.on_delete,
     protect_schema.max_age, protect_schema.roles, null, null, protect_schema.guard, protect_schema.applies_when, protect_schema.live,
     protect_schema.refuse_reads) as asked(protection)
   cross join lateral aal.protect_tables_of_schema(
     named.schema,
     aal.schema_record(named.schema, asked.protection, protect_schema.owner_column, protect_schema.excluding, protect_schema.new_tables),
     protect_schema.lower, protect_schema.revoke) as done
$$;

-- Ends the watch over a schema, and unprotects the tables whose protection is the schema's; says in one row what it did.
create or replace function aal.end_schema(schema name, keep_tables boolean) returns table (unprotected integer, kept integer)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
  old jsonb := (select w.record from aal.watches() w where w.record -> 'schemas' ? schema limit 1);
begin
  if keep_tables is null then
    raise sqlstate '22004' using message = 'keep_tables must not be null';
  end if;
  unprotected := 0;
  kept := 0;
  if old is null then
    raise notice using message = 'the schema is not protected', hint = 'aal.unprotect_table is for a single table.';
  end if;
  perform aal.end_watches(schema);
  for it in select t.id from aal.tables_of_schema(schema) t where t.kind <> 'f' and aal.found_protection(t.id) is not null loop
    if not keep_tables and coalesce(aal.has_that_of_schema(old, it.id), false) then
      perform aal.unprotect(it.id);
      unprotected := unprotected + 1;
    else
      kept := kept + 1;
    end if;
  end loop;
  return next;
end
$$;

create or replace function aal.unprotect_schema(target regnamespace, keep_tables boolean default false)
  returns table (target name, unprotected integer, kept integer)
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select named.schema, done.unprotected, done.kept
    from (select aal.schema_to_protect(unprotect_schema.target)) as named(schema)
   cross join lateral aal.end_schema(named.schema, unprotect_schema.keep_tables) as done
$$;

comment on function aal.protect_schema(regnamespace, text, text, text, text, text, interval, name[], name, boolean, regprocedure, boolean, boolean, name[], text, boolean, boolean) is
  'Protects every table of a schema that is not protected yet, and has new ones watched; says in one row what it did. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function aal.unprotect_schema(regnamespace, boolean) is
  'Ends the watch over a schema, and unprotects the tables whose protection is the schema''s. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on view aal.protected_schemas is
  'What protect_schema was asked for, as the functions of its event triggers hold it.';

comment on table aal.pending_tables is
  'Tables that came into a protected schema, until the transaction commits. Always empty for others.';

grant select on aal.protected_schemas to public;
