{% set placeholders = ["table", "roles", "allowed", "owner_column", "subject", "columns", "events", "arguments", "record"] -%}
-- Protecting a table: what was asked for, what is on the table, and the statements that change it.
--
-- A protection is a jsonb object in these functions:
--   {"read": "aal1", "insert": "aal2 within 15 minutes", "update": …, "delete": …, "roles": ["public"], "owner_column": null,
--    "sensitive_columns": [], "guard": true, "applies_when": null, "live": false}
--
-- All run with their caller's rights. Their search_path names pg_temp last: else a temporary type could stand for a type of Postgres.

-- 15 minutes; in seconds where it is no whole number of anything longer.
create or replace function aal.age_in_words(max_age interval) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  micros bigint := aal.microseconds_in(max_age);
  names constant text[] := array['day', 'hour', 'minute'];
  lengths constant bigint[] := array[86400000000, 3600000000, 60000000];
  number bigint;
begin
  for place in 1 .. 3 loop
    if micros > 0 and micros % lengths[place] = 0 then
      number := micros / lengths[place];
      return number::text || ' ' || names[place] || case when number = 1 then '' else 's' end;
    end if;
  end loop;
  return aal.in_seconds(max_age);
end
$$;

-- A level as protect_table takes it, in the form that records hold: aal2, or aal2 within 15 minutes.
create or replace function aal.table_level(argument text, level text, default_age interval) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  name text := split_part(level, ' within ', 1);
  age text := substr(level, length(split_part(level, ' within ', 1)) + length(' within ') + 1);
  max_age interval;
begin
  if level is null then
    raise sqlstate '22004' using message = argument || ' must not be null';
  end if;
  perform aal.refuse_level(name, {{ protection.levels }});
  if level = name then
    return case when name = 'none' or default_age is null then name else name || ' within ' || aal.age_in_words(default_age) end;
  end if;
  begin
    max_age := age::interval;
  exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
    raise sqlstate '22007' using message = format('invalid age "%s" in level "%s"', age, level),
      hint = {{ protection.forms_of_levels }};
  end;
  if max_age < '0' or not isfinite(max_age) then
    raise sqlstate '22023' using
      message = format('invalid age in level "%s": %s', level,
        case when isfinite(max_age) then {{ max_age.negative }} else {{ max_age.infinite }} end),
      hint = {{ protection.forms_of_levels }};
  end if;
  if name = 'none' then
    raise sqlstate '22023' using message = format('level none has no age: "%s"', level), hint = {{ protection.forms_of_levels }};
  end if;
  return name || ' within ' || aal.age_in_words(max_age);
end
$$;

-- Whether every session that meets a level meets another one, too. The enrolled level lies between aal1 and aal2.
create or replace function aal.level_implies(level text, other text) returns boolean
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  ranks constant text[] := {{ protection.levels }};
  age interval := nullif(split_part(level, ' within ', 2), '')::interval;
  other_age interval := nullif(split_part(other, ' within ', 2), '')::interval;
begin
  return array_position(ranks, split_part(level, ' within ', 1)) >= array_position(ranks, split_part(other, ' within ', 1))
    and (other_age is null or coalesce(age <= other_age, false));
end
$$;

-- A level as an argument of a guard: insert=aal2,max_age=900 seconds.
create or replace function aal.guard_argument(command text, level text) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return command || '=' || split_part(level, ' within ', 1)
    || coalesce(',max_age=' || aal.in_seconds(nullif(split_part(level, ' within ', 2), '')::interval), '');
end
$$;

-- The expression of a policy. Each sub-select is evaluated once a statement, and the level first. All arguments have their types: an
-- exact match, which no other function of that name can come before.
create or replace function aal.policy_condition(level text, protection jsonb) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  max_age interval := nullif(split_part(level, ' within ', 2), '')::interval;
  age text := coalesce(quote_literal(aal.in_seconds(max_age)), 'null') || '::interval';
  name text := split_part(level, ' within ', 1);
  exempting jsonb := protection -> 'applies_when';
  condition text;
begin
  condition := case
    when name = 'enrolled' then format('(select aal.has_enrolled_aal(%s))', age)
    else format('(select aal.has_aal(%L::text, %s))', name, age)
  end;
  if protection ->> 'live' = 'true' then
    condition := condition || ' and (select aal.session_is_live())';
  end if;
  if jsonb_typeof(exempting) = 'array' then
    if protection ->> 'live' = 'true' then
      condition := '(' || condition || ')';
    end if;
    condition := condition || format(' or (select %I.%I()) is false', exempting ->> 0, exempting ->> 1);
  end if;
  return condition;
end
$$;

-- What the policy for a command requires. A policy can't see which columns change. So where there are sensitive columns, the one for
-- UPDATE requires the level of updates of other columns: that of reads.
create or replace function aal.policy_level(policy text, protection jsonb) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when policy = 'aal_update' and jsonb_array_length(protection -> 'sensitive_columns') > 0 then protection ->> 'read'
    else protection ->> substr(policy, length('aal_') + 1)
  end;
end
$$;

-- The names of what a protection makes on a table.
create or replace function aal.names_made(protection jsonb) returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  names text[] := array(
    select policy from unnest(array['aal_read', 'aal_insert', 'aal_update', 'aal_delete']) as policy
     where aal.policy_level(policy, protection) <> 'none');
begin
  if protection ->> 'owner_column' is not null then
    names := names || 'aal_owner'::text;
  end if;
  if protection ->> 'guard' = 'true' and names && array['aal_insert', 'aal_update', 'aal_delete'] then
    names := names || 'aal_guard'::text;
  end if;
  if jsonb_array_length(protection -> 'sensitive_columns') > 0 then
    names := names || 'aal_columns'::text;
  end if;
  return names;
end
$$;

-- The comment on everything that is made: what was asked for, and how the table stood before.
create or replace function aal.protection_record(protection jsonb, before jsonb) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  roles text := (select string_agg(to_json(role)::text, ',' order by place)
                   from jsonb_array_elements_text(protection -> 'roles') with ordinality as r(role, place));
begin
  return format('pg_aal: {"read":%s,"insert":%s,"update":%s,"delete":%s,"sensitive":%s%s%s%s%s%s,"row_security_before":%s%s}',
    protection -> 'read', protection -> 'insert', protection -> 'update', protection -> 'delete',
    (jsonb_array_length(protection -> 'sensitive_columns') > 0)::text,
    case when protection ->> 'guard' = 'false' then ',"guard":false' end,
    case when protection ->> 'owner_column' is not null then ',"owner":true' end,
    case when not protection -> 'roles' ? 'public' then ',"roles":[' || roles || ']' end,
    case when jsonb_typeof(protection -> 'applies_when') = 'array' then ',"for_some":true' end,
    case when protection ->> 'live' = 'true' then ',"live":true' end,
    before -> 'row_security_before',
    ',"policies_before":' || (before -> 'policies_before')::text);
end
$$;

-- A table's name with its schema, quoted: as statements and messages have it.
create or replace function aal.qualified_name(target oid) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select format('%I.%I', n.nspname, c.relname)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.oid = target);
end
$$;

-- The statements that make a protection, after what is there was taken away and before row security is switched on: triggers first.
-- On Supabase, the first statement about a policy may lock tables of Supabase Auth until the transaction ends.
create or replace function aal.protection_statements(target oid, protection jsonb, before jsonb) returns setof text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  formats text[];
  made text;
  command text;
  level text;
  roles text := case
    when protection -> 'roles' ? 'public' then 'public'
    else (select string_agg(quote_ident(r.role), ', ' order by r.place)
            from jsonb_array_elements_text(protection -> 'roles') with ordinality as r(role, place))
  end;
  sensitive text := (select string_agg(quote_ident(c.name), ', ' order by c.place)
                       from jsonb_array_elements_text(protection -> 'sensitive_columns') with ordinality as c(name, place));
  others text := case when protection ->> 'live' = 'true' then ', ''live=true''' else '' end
    || case when jsonb_typeof(protection -> 'applies_when') = 'array' then ', ''applies_when=policy''' else '' end;
  events text[] := '{}';
  arguments text[] := '{}';
begin
  foreach command in array array['insert', 'update', 'delete', 'truncate'] loop
    level := aal.policy_level('aal_' || case command when 'truncate' then 'delete' else command end, protection);
    if level <> 'none' then
      events := events || command;
      arguments := arguments || quote_literal(aal.guard_argument(command, level));
    end if;
  end loop;
  for made in
    select n.name from unnest(aal.names_made(protection)) with ordinality as n(name, place)
     order by n.name not in ('aal_guard', 'aal_columns'), n.place
  loop
    formats := case made
      when 'aal_read' then array[{{ formats("aal_read", placeholders) | join(", ") }}]
      when 'aal_insert' then array[{{ formats("aal_insert", placeholders) | join(", ") }}]
      when 'aal_update' then array[{{ formats("aal_update", placeholders) | join(", ") }}]
      when 'aal_delete' then array[{{ formats("aal_delete", placeholders) | join(", ") }}]
      when 'aal_owner' then array[{{ formats("aal_owner", placeholders) | join(", ") }}]
      when 'aal_guard' then array[{{ formats("aal_guard", placeholders) | join(", ") }}]
      when 'aal_columns' then array[{{ formats("aal_columns", placeholders) | join(", ") }}]
    end;
    if made = 'aal_columns' then
      arguments := array[quote_literal(aal.guard_argument('update', protection ->> 'update'))];
    end if;
    return query
      select format(f.format,
               aal.qualified_name(target),
               roles,
               case when made in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete')
                 then aal.policy_condition(aal.policy_level(made, protection), protection) end,
               quote_ident(protection ->> 'owner_column'),
               case when protection ->> 'owner_is_uuid' = 'true' then '(select aal.subject_uuid())' else '(select aal.subject())' end,
               sensitive,
               array_to_string(events, ' or '),
               array_to_string(arguments, ', ') || others,
               quote_literal(aal.protection_record(protection, before)))
        from unnest(formats) with ordinality as f(format, place)
       order by f.place;
  end loop;
end
$$;

-- The statement that takes away a policy or trigger of protect_table.
create or replace function aal.drop_statement(target oid, made text) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return format(
    case when made in ('aal_guard', 'aal_columns') then {{ formats("drop_trigger", ["table", "name"])[0] }} else {{ formats("drop_policy", ["table", "name"])[0] }} end,
    aal.qualified_name(target), made);
end
$$;

-- What the expression of a policy requires, if it is of the form that protect_table gives it, in this edition or the native one:
-- {"level": "aal2 within 15 minutes", "live": false, "exempts": "private.is_admin()"}. NULL for any other.
create or replace function aal.condition_of(expression text) returns jsonb
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[] := regexp_match(expression,
    '^[( ]*(?:SELECT )?(?:aal|auth)[.](?:has_aal[(]''(aal[123])''::text, |(has_enrolled_aal)[(])(?:NULL|''([^'']*)'')::interval[)]'
    '(?: AS has_(?:enrolled_)?aal[)])?'
    '( AND (?:[(] SELECT )?(?:aal|auth)[.]session_is_live[(][)](?: AS session_is_live[)])?[)]?)?'
    '(?: OR [(][(] SELECT (.+[(][)]) AS .+[)] IS FALSE[)][)])?[)]?$');
begin
  if expression = 'true' then
    return jsonb_build_object('level', 'none', 'live', false, 'exempts', null);
  end if;
  if parts is null then
    return null;
  end if;
  return jsonb_build_object(
    'level', coalesce(parts[1], 'enrolled') || coalesce(' within ' || aal.age_in_words(parts[3]::interval), ''),
    'live', parts[4] is not null,
    'exempts', parts[5],
    'edition', case when expression ~ 'auth[.]has_' then 'native' else 'portable' end);
end
$$;

-- What a guard with these arguments requires for a command: a level, 'none' without an argument for it, NULL where the arguments can't
-- be read.
create or replace function aal.guard_level(command text, arguments text[]) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_table text[] := array(select a.argument from unnest(arguments) as a(argument) where a.argument like command || '=%');
  parts text[] := regexp_match(on_table[1], '^[a-z]+=(aal1|enrolled|aal2|aal3)(?:,max_age=([0-9]{1,13}(?:[.][0-9]{1,6})? seconds?))?$');
begin
  if cardinality(on_table) = 0 then
    return 'none';
  end if;
  -- Anybody can name such a trigger so. An age beyond intervals must not break a view for everybody.
  if cardinality(on_table) > 1 or parts is null or split_part(parts[2], ' ', 1)::numeric > 9223372036854.775807 then
    return null;
  end if;
  return parts[1] || coalesce(' within ' || aal.age_in_words(parts[2]::interval), '');
end
$$;

-- A guard trigger's arguments, from pg_trigger.tgargs: each ends with a zero byte. encode() shows that as backslash and 000, and a
-- backslash as two: which another escape replaces, so that no argument can hold what stands for the end of one.
create or replace function aal.trigger_arguments(tgargs bytea) returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array_remove(
    string_to_array(replace(encode(tgargs, 'escape'), repeat(chr(92), 2), chr(92) || '134'), chr(92) || '000'), '');
end
$$;

-- The policies and triggers of a table that bear the names of protect_table.
--   requires:  of a policy what each of its expressions requires, of a trigger the level of each command; NULL where one can't be read
--   has_shape: whether it is as one of the editions makes it
-- How Postgres writes an expression must not depend on the session.
create or replace function aal.named_as_ours(target oid)
  returns table (name text, kind text, id oid, comment text, roles oid[], requires jsonb, has_shape boolean)
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
  set IntervalStyle = 'postgres'
  set quote_all_identifiers = off
as $$
begin
  return query
    select p.polname::text, 'policy', p.oid, d.description, p.polroles,
           case
             when p.polname = 'aal_owner' then null
             -- It requires nothing by now.
             when p.polpermissive then '[]'
             when p.polcmd::text = c.command then conditions.read
           end,
           case
             when p.polname = 'aal_owner' then p.polcmd = '*' and p.polpermissive and e.using_ = e.check_
               and e.using_ ~ ('^[(](?:(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")|[(](?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")[)]::(?:text|uuid)) = '
                 '(?:auth[.]subject(?:_uuid)?[(][)]|[(] SELECT aal[.]subject(?:_uuid)?[(][)] AS subject(?:_uuid)?[)])[)]$')
             else p.polcmd::text = c.command and not p.polpermissive and conditions.read is not null
           end
      from pg_policy p
      cross join lateral (select pg_get_expr(p.polqual, target), pg_get_expr(p.polwithcheck, target)) as e(using_, check_)
      cross join lateral (
        select case p.polname when 'aal_read' then 'r' when 'aal_insert' then 'a' when 'aal_update' then 'w' else 'd' end) as c(command)
      cross join lateral (
        select case when bool_and(aal.condition_of(it.expression) is not null) then jsonb_agg(aal.condition_of(it.expression)) end
          from unnest(array[e.using_, e.check_]) as it(expression)
         where it.expression is not null) as conditions(read)
      left join pg_description d on d.classoid = 'pg_policy'::regclass and d.objoid = p.oid and d.objsubid = 0
     where p.polrelid = target
       and p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner')
    union all
    select t.tgname::text, 'trigger', t.oid, d.description, null::oid[],
           levels.read || jsonb_build_object('live', 'live=true' = any (a.arguments)),
           t.tgqual is null and t.tgenabled in ('O', 'A') and levels.read is not null
             and t.tgfoid in (select f.oid from pg_proc f join pg_namespace n on n.oid = f.pronamespace
                               where n.nspname in ('aal', 'auth') and f.proname = 'aal_guard' and f.pronargs = 0)
             -- Before each statement, or as a constraint after each row.
             and case t.tgname
                   when 'aal_guard' then t.tgtype & 3 = 2 and t.tgattr::text = ''
                   else t.tgtype & 3 = 1 and t.tgconstraint <> 0 and t.tgattr::text <> ''
                 end
      from pg_trigger t
      cross join lateral (select aal.trigger_arguments(t.tgargs)) as a(arguments)
      cross join lateral (
        select case when bool_and(aal.guard_level(c.command, a.arguments) is not null)
                 then jsonb_object_agg(c.command, aal.guard_level(c.command, a.arguments)) end
          from unnest(array['insert', 'update', 'delete', 'truncate']) as c(command)) as levels(read)
      left join pg_description d on d.classoid = 'pg_trigger'::regclass and d.objoid = t.oid and d.objsubid = 0
     where t.tgrelid = target
       and t.tgname in ('aal_guard', 'aal_columns')
       and not t.tgisinternal and t.tgparentid = 0
     order by 2, 1;
end
$$;

-- The record in a comment of protect_table; NULL for any other comment. Only what is certainly JSON is read as JSON: a comment is
-- written by the table's owner, and a bad one must not break a view for everybody.
create or replace function aal.record_of(comment text) returns jsonb
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  level constant text := '"(none|(aal1|enrolled|aal2|aal3)( within [0-9]{1,13}([.][0-9]{1,6})? (second|minute|hour|day)s?)?)"';
  word constant text := '"([^"' || chr(92) || chr(92) || ']|' || chr(92) || chr(92) || '["' || chr(92) || chr(92) || '])*"';
begin
  if comment ~ ('^pg_aal: {"read":' || level || ',"insert":' || level || ',"update":' || level || ',"delete":' || level
       || '(,"[a-z_]+":(true|false|' || word || '|[[]' || word || '(,' || word || ')*[]]))*}$')
     and comment ~ ',"row_security_before":(true|false)' and comment !~ '[[:cntrl:]]' then
    return substr(comment, length('pg_aal: ') + 1)::jsonb;
  end if;
  return null;
end
$$;

-- The protection that is on a table; NULL if nothing there bears our names. Where it was altered by hand, "altered" names it.
create or replace function aal.found_protection(target oid) returns jsonb
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
  item jsonb;
  command text;
  is_recognized boolean;
  records jsonb := '[]';
  required jsonb := '{"read": [], "insert": [], "update": [], "delete": []}';
  there text[] := '{}';
  altered text[] := '{}';
  foreign_names text[] := '{}';
  exempts jsonb := '[]';
  bound oid[] := null;
  is_uneven boolean := false;
  lacks_live boolean := false;
  asks_live boolean := false;
  owner_column text;
  sensitive text[] := '{}';
  sensitive_level text;
  has_guard boolean := false;
  is_found boolean := false;
  edition text;
begin
  -- A guard alone, or the owner's policy, can be somebody else's.
  is_recognized := exists (
    select from aal.named_as_ours(target) n
     where n.has_shape and n.name in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete'));
  for it in select * from aal.named_as_ours(target) loop
    is_found := true;
    if aal.record_of(it.comment) is not null then
      records := records || aal.record_of(it.comment);
    elsif not (it.has_shape and is_recognized) then
      foreign_names := foreign_names || format('%s "%s"', it.kind, it.name);
    end if;
    if it.requires = '[]' then
      continue;
    end if;
    if it.name in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete') then
      there := there || it.name;
      is_uneven := is_uneven or (bound is not null and not (bound @> it.roles and bound <@ it.roles));
      bound := coalesce(bound, '{}') || it.roles;
      if it.requires is null then
        altered := altered || ('policy ' || it.name);
      end if;
      for item in select * from jsonb_array_elements(it.requires) loop
        required := jsonb_set(required, array[substr(it.name, 5)], required -> substr(it.name, 5) || (item -> 'level'));
        exempts := exempts || (item -> 'exempts');
        edition := coalesce(edition, item ->> 'edition');
        asks_live := asks_live or (item ->> 'live')::boolean;
        lacks_live := lacks_live or (item ->> 'level' <> 'none' and not (item ->> 'live')::boolean);
      end loop;
    elsif it.name = 'aal_owner' then
      owner_column := (
        select a.attname
          from pg_depend d join pg_attribute a on a.attrelid = target and a.attnum = d.refobjsubid
         where d.classid = 'pg_policy'::regclass and d.objid = it.id
           and d.refclassid = 'pg_class'::regclass and d.refobjid = target and d.refobjsubid > 0
         limit 1);
    elsif it.has_shape then
      asks_live := asks_live or (it.requires ->> 'live')::boolean;
      if it.name = 'aal_columns' then
        sensitive := array(
          select a.attname::text
            from pg_trigger t join pg_attribute a on a.attrelid = target and a.attnum = any (t.tgattr::int2[])
           where t.oid = it.id
           order by a.attname::text);
        sensitive_level := it.requires ->> 'update';
      else
        has_guard := true;
        foreach command in array array['insert', 'update', 'delete'] loop
          if it.requires ->> command <> 'none' then
            required := jsonb_set(required, array[command], required -> command || (it.requires -> command));
          end if;
        end loop;
      end if;
    elsif it.name = 'aal_columns' then
      altered := altered || 'trigger aal_columns'::text;
    end if;
  end loop;
  if not is_found then
    return null;
  end if;
  return jsonb_build_object(
    'records', records,
    'required', required,
    'there', to_jsonb(there),
    'altered', to_jsonb(altered),
    'foreign', to_jsonb(foreign_names),
    'exempts', exempts,
    'bound', case
      when bound is null then null
      when 0::oid = any (bound) then '["public"]'::jsonb
      else (select coalesce(jsonb_agg(distinct r.rolname), '[]') from pg_roles r where r.oid = any (bound))
    end,
    'uneven_roles', is_uneven,
    'live', asks_live,
    'lacks_live', lacks_live,
    'owner_column', owner_column,
    'sensitive_columns', to_jsonb(sensitive),
    'sensitive_level', sensitive_level,
    'guard', has_guard,
    'edition', edition);
end
$$;

-- What protect_table is asked for, as a protection. Raises where that makes no sense. `target` is NULL for the protection of a schema.
create or replace function aal.requested_protection(
  target oid, read text, write text, on_insert text, on_update text, on_delete text, max_age interval, roles name[],
  owner_column name, sensitive_columns name[], guard boolean, applies_when regprocedure, live boolean, refuse_reads boolean
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  argument text;
  unknown text;
  owner_type char;
  owner_is_uuid boolean;
  sensitive text[] := array(select distinct c::text from unnest(sensitive_columns) as c order by 1);
  new_protection jsonb;
  command text;
begin
  argument := case
    when guard is null then 'guard'
    when roles is null or array_position(roles, null) is not null then 'roles'
    when array_position(sensitive_columns, null) is not null then 'sensitive_columns'
    when live is null then 'live'
    when refuse_reads is null then 'refuse_reads'
  end;
  if argument is not null then
    raise sqlstate '22004' using message = argument || ' must not be null';
  end if;
  perform aal.refuse_max_age(max_age);
  if refuse_reads then
    raise sqlstate '0A000' using message = 'refuse_reads needs the native edition of pg_aal',
      detail = 'Plain SQL cannot see that a statement reads: below the level of reads it finds no rows.',
      hint = 'Call aal.require_aal in a function that clients read by, or in pgrst.db_pre_request.';
  end if;
  new_protection := jsonb_build_object(
    'read', aal.table_level('read', read, null),
    'insert', aal.table_level(case when on_insert is null then 'write' else 'on_insert' end, coalesce(on_insert, write), max_age),
    'update', aal.table_level(case when on_update is null then 'write' else 'on_update' end, coalesce(on_update, write), max_age),
    'delete', aal.table_level(case when on_delete is null then 'write' else 'on_delete' end, coalesce(on_delete, write), max_age),
    'roles', to_jsonb(roles),
    'owner_column', owner_column,
    'sensitive_columns', to_jsonb(sensitive),
    'guard', guard,
    'applies_when', aal.session_function(applies_when),
    'live', live);
  perform aal.table_level('write', write, max_age);
  unknown := (
    select r.name::text from unnest(roles) with ordinality as r(name, place)
     where r.name <> 'public' and not exists (select from pg_roles a where a.rolname = r.name)
     order by r.place limit 1);
  if unknown is not null then
    raise sqlstate '42704' using message = format('role "%s" does not exist', unknown),
      hint = 'Correct the option roles, or create the role first.';
  end if;
  if target is not null and owner_column is not null then
    owner_is_uuid := aal.owner_is_uuid(target, owner_column);
    if owner_is_uuid is null then
      if not exists (select from pg_attribute a
                      where a.attrelid = target and a.attname = owner_column and a.attnum > 0 and not a.attisdropped) then
        raise sqlstate '42703' using
          message = format('column "%s" of %s does not exist', owner_column, aal.qualified_name(target));
      end if;
      raise sqlstate '42804' using
        message = format('owner_column "%s" of %s must be of type uuid or text', owner_column, aal.qualified_name(target)),
        hint = 'It is compared with the subject of the access token.';
    end if;
    new_protection := new_protection || jsonb_build_object('owner_is_uuid', owner_is_uuid);
  end if;
  foreach argument in array sensitive loop
    unknown := (select a.attgenerated from pg_attribute a
                 where a.attrelid = target and a.attname = argument and a.attnum > 0 and not a.attisdropped);
    if unknown is null then
      raise sqlstate '42703' using message = format('column "%s" of %s does not exist', argument, aal.qualified_name(target));
    elsif unknown <> '' then
      raise sqlstate '42P10' using
        message = format('sensitive column "%s" of %s is a generated column', argument, aal.qualified_name(target)),
        hint = 'Name the columns that it is computed from.';
    end if;
  end loop;
  if new_protection @> '{"read": "none", "insert": "none", "update": "none", "delete": "none"}' then
    raise sqlstate '22023' using message = {{ protection.protects_nothing.message }},
      hint = {{ protection.protects_nothing.hint }};
  end if;
  if cardinality(roles) = 0 then
    raise sqlstate '22023' using message = {{ protection.no_roles.message }}, hint = {{ protection.no_roles.hint }};
  end if;
  if cardinality(sensitive) > 0 then
    if not guard then
      raise sqlstate '22023' using message = {{ protection.sensitive_columns_need_guard.message }},
        hint = {{ protection.sensitive_columns_need_guard.hint }};
    end if;
    if new_protection ->> 'read' = 'none' or new_protection ->> 'update' = 'none' then
      raise sqlstate '22023' using message = {{ protection.sensitive_columns_need_levels.message }},
        hint = {{ protection.sensitive_columns_need_levels.hint }};
    end if;
  end if;
  -- Level none says that other policies decide, and is let be.
  foreach command in array array['update', 'delete'] loop
    if new_protection ->> command <> 'none'
       and aal.level_implies(new_protection ->> 'read', new_protection ->> command)
       and not aal.level_implies(new_protection ->> command, new_protection ->> 'read') then
      raise sqlstate '22023' using
        message = format({{ protection.below_reads.message }},
          new_protection ->> command, upper(command), new_protection ->> 'read'),
        hint = {{ protection.below_reads.hint }};
    end if;
  end loop;
  return new_protection;
end
$$;

-- Whether a column is a UUID, and not a text of some kind; NULL for any other. A domain counts as the type that it is over.
create or replace function aal.owner_is_uuid(target oid, owner_column name) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with recursive base(oid, typtype, typbasetype, typcategory) as (
      select t.oid, t.typtype, t.typbasetype, t.typcategory
        from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = target and a.attname = owner_column and a.attnum > 0 and not a.attisdropped
      union all
      select t.oid, t.typtype, t.typbasetype, t.typcategory
        from base b join pg_type t on t.oid = b.typbasetype
       where b.typtype = 'd'
    )
    select case when b.oid = 'uuid'::regtype then true when b.typcategory = 'S' then false end
      from base b where b.typtype <> 'd');
end
$$;

-- A function for applies_when, as its schema and name. Raises for one that can't say for which sessions a protection is.
create or replace function aal.session_function(function regprocedure) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
  shown text;
begin
  if function is null then
    return null;
  end if;
  select n.nspname, p.proname, p.provolatile, p.prokind = 'f' as is_plain, p.pronargs,
         p.prorettype = 'boolean'::regtype and not p.proretset as is_boolean
    into it
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where p.oid = function;
  if it is null then
    raise sqlstate '22023' using message = 'applies_when names no function',
      hint = 'Name a function without arguments, as in ''private.is_admin()''.';
  end if;
  shown := format('%I.%I(%s)', it.nspname, it.proname, pg_get_function_identity_arguments(function));
  if not it.is_plain or it.pronargs > 0 or not it.is_boolean then
    raise sqlstate '22023' using
      message = shown || ' is no function without arguments that returns one boolean',
      hint = 'applies_when is asked about the session, and not about a row.';
  elsif it.nspname ~ '^pg_' then
    raise sqlstate '22023' using
      message = shown || ' is in a schema of Postgres, and applies_when needs a function of yours',
      hint = 'Write a function that calls it.';
  elsif it.nspname in ('aal', 'auth') and it.proname in ('session_is_live', 'require_live_session') then
    raise sqlstate '22023' using
      message = shown || ' is a function of pg_aal, and applies_when needs a function of yours',
      hint = 'To ask for live sessions: live => true.';
  elsif it.provolatile = 'i' then
    raise sqlstate '22023' using
      message = shown || ' is IMMUTABLE, and applies_when needs a STABLE function',
      hint = format('alter function %s stable; An IMMUTABLE one gives all sessions the same answer, and plans keep it.', shown);
  elsif it.provolatile <> 's' then
    raise sqlstate '22023' using
      message = shown || ' is VOLATILE, and applies_when needs a STABLE function',
      hint = format('alter function %s stable; if it changes nothing and gives one answer in each statement.', shown);
  end if;
  return jsonb_build_array(it.nspname, it.proname);
end
$$;

-- The line for something that needed all of `old`, and needs less now: all of `new`.
create or replace function aal.lowered(name text, old text[], new text[]) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  old_level text;
begin
  foreach old_level in array old loop
    if not exists (select from unnest(new) as n(level) where aal.level_implies(n.level, old_level)) then
      return format('%s: %s -> %s', name, old_level, new[1]);
    end if;
  end loop;
  return null;
end
$$;

-- All that the policies of a command require, or were asked to.
create or replace function aal.levels_required(on_table jsonb, command text) returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select aal.policy_level('aal_' || command,
             r.record || jsonb_build_object('sensitive_columns', case when r.record ->> 'sensitive' = 'true' then '[0]'::jsonb else '[]' end))
      from jsonb_array_elements(on_table -> 'records') as r(record)
    union
    select l.level from jsonb_array_elements_text(on_table -> 'required' -> command) as l(level));
end
$$;

-- What a new protection takes away from the one on a table, each in a line with the old and the new: update: aal2 -> aal1.
create or replace function aal.protection_lowers(new_protection jsonb, on_table jsonb) returns text[]
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
  set quote_all_identifiers = off
as $$
declare
  lines text[] := '{}';
  old_columns text[] := array(select jsonb_array_elements_text(on_table -> 'sensitive_columns'));
  columns text[] := array(select jsonb_array_elements_text(new_protection -> 'sensitive_columns'));
  new_update text := new_protection ->> 'update';
  new_update_of_others text := aal.policy_level('aal_update', new_protection);
  others text[] := aal.levels_required(on_table, 'update');
  of_sensitive text[];
  old_exempts jsonb;
  shown text := case when jsonb_typeof(new_protection -> 'applies_when') = 'array'
    then format('%I.%I()', new_protection -> 'applies_when' ->> 0, new_protection -> 'applies_when' ->> 1) end;
  unbound text;
begin
  lines := lines
    || aal.lowered('read', aal.levels_required(on_table, 'read'), array[new_protection ->> 'read'])
    || aal.lowered('insert', aal.levels_required(on_table, 'insert'), array[new_protection ->> 'insert']);
  -- The updates of sensitive columns, and those of others, are compared each by itself.
  of_sensitive := others || case when on_table ->> 'sensitive_level' is not null then array[on_table ->> 'sensitive_level'] else '{}' end
    || array(select r.record ->> 'update' from jsonb_array_elements(on_table -> 'records') as r(record)
              where r.record ->> 'sensitive' = 'true' and cardinality(old_columns) > 0);
  lines := lines
    || aal.lowered_columns(array(select c from unnest(old_columns) as c), of_sensitive, columns, new_update, new_update_of_others)
    || aal.lowered(case when cardinality(columns) = 0 then 'update' else 'update of other columns' end, others, array[new_update_of_others])
    || aal.lowered_columns(array(select c from unnest(columns) as c where c <> all (old_columns)), others, columns, new_update,
         new_update_of_others);
  lines := lines || aal.lowered('delete', aal.levels_required(on_table, 'delete'), array[new_protection ->> 'delete']);
  lines := lines || array(
    select a.name || ': altered by hand -> as protect_table makes it' from jsonb_array_elements_text(on_table -> 'altered') as a(name));
  if not new_protection -> 'roles' ? 'public' and jsonb_typeof(on_table -> 'bound') = 'array' then
    if on_table -> 'bound' ? 'public' then
      lines := lines || ('roles: public -> '
        || (select string_agg(r.name, ', ') from jsonb_array_elements_text(new_protection -> 'roles') as r(name)));
    else
      unbound := (
        select string_agg(quote_ident(b.name), ', ' order by b.name)
          from jsonb_array_elements_text(on_table -> 'bound') as b(name)
         where not exists (
           select from jsonb_array_elements_text(new_protection -> 'roles') as n(name) where pg_has_role(b.name, n.name, 'USAGE')));
      lines := lines || ('roles: ' || unbound || ' no longer bound');
    end if;
  end if;
  if shown is not null then
    -- Sessions that another function exempts may be others.
    old_exempts := case
      when exists (select from jsonb_array_elements(on_table -> 'records') as r(record) where not r.record ? 'for_some') then 'null'
      else (select e.function from jsonb_array_elements(on_table -> 'exempts') as e(function)
             where e.function <> to_jsonb(shown) limit 1)
    end;
    lines := lines || (format('applies_when: %s -> %s', coalesce(old_exempts #>> '{}', 'all sessions'), shown)
      || case when old_exempts is null then null else '' end);
  end if;
  if on_table ->> 'owner_column' is not null and on_table ->> 'owner_column' is distinct from new_protection ->> 'owner_column' then
    lines := lines || format('owner_column: %s -> %s', on_table ->> 'owner_column', coalesce(new_protection ->> 'owner_column', 'none'));
  end if;
  if new_protection ->> 'guard' = 'false' and ((on_table ->> 'guard')::boolean or exists (
       select from jsonb_array_elements(on_table -> 'records') as r(record)
        where not r.record ? 'guard' and not r.record @> '{"insert": "none", "update": "none", "delete": "none"}')) then
    lines := lines || 'guard: true -> false'::text;
  end if;
  if new_protection ->> 'live' = 'false' and ((on_table ->> 'live')::boolean or on_table -> 'records' @> '[{"live": true}]') then
    lines := lines || 'live: true -> false'::text;
  end if;
  if on_table -> 'records' @> '[{"refuse_reads": true}]' then
    lines := lines || 'refuse_reads: true -> false'::text;
  end if;
  return array_remove(lines, null);
end
$$;

-- The columns of these whose updates need less.
create or replace function aal.lowered_columns(columns text[], old text[], sensitive text[], new_update text, new_update_of_others text)
  returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  those text[] := array(select c from unnest(columns) as c where cardinality(sensitive) = 0 or c = any (sensitive));
  rest text[] := array(select c from unnest(columns) as c where cardinality(sensitive) > 0 and c <> all (sensitive));
  lines text[] := '{}';
begin
  if cardinality(those) > 0 then
    lines := lines || aal.lowered('update of ' || array_to_string(those, ', '), old, array[new_update, new_update_of_others]);
  end if;
  if cardinality(rest) > 0 then
    lines := lines || aal.lowered('update of ' || array_to_string(rest, ', '), old, array[new_update_of_others]);
  end if;
  return lines;
end
$$;

-- What a protection on a table lacks of another one, each in a line with both: update: aal1, not aal2.
create or replace function aal.protection_lacks(on_table jsonb, row_security boolean, wanted jsonb) returns text[]
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
  set quote_all_identifiers = off
as $$
declare
  lines text[] := '{}';
  command text;
  asked text;
  short text;
  shown text := case when jsonb_typeof(wanted -> 'applies_when') = 'array'
    then format('%I.%I()', wanted -> 'applies_when' ->> 0, wanted -> 'applies_when' ->> 1) end;
begin
  if not row_security then
    lines := lines || 'row security: off, not on'::text;
  end if;
  foreach command in array array['read', 'insert', 'update', 'delete'] loop
    asked := aal.policy_level('aal_' || command, wanted);
    if asked <> 'none' then
      short := (select l.level from jsonb_array_elements_text(on_table -> 'required' -> command) as l(level)
                 where not aal.level_implies(l.level, asked) limit 1);
      lines := lines || case
        -- A guard alone decides nothing.
        when not on_table -> 'there' ? ('aal_' || command) then format('%s: no policy, not %s', command, asked)
        when on_table -> 'altered' ? ('policy aal_' || command) then format('%s: altered by hand, not %s', command, asked)
        when short is not null then format('%s: %s, not %s', command, short, asked)
      end;
    end if;
  end loop;
  if jsonb_typeof(on_table -> 'bound') is distinct from 'array' or (on_table ->> 'uneven_roles')::boolean
     or not (on_table -> 'bound' ? 'public' or not wanted -> 'roles' ? 'public' and on_table -> 'bound' @> (wanted -> 'roles')) then
    lines := lines || ('roles: some, not '
      || case when wanted -> 'roles' ? 'public' then 'public'
              else (select string_agg(r.name, ', ') from jsonb_array_elements_text(wanted -> 'roles') as r(name)) end);
  end if;
  lines := lines || (
    select format('applies_when: %s, not %s', e.function, coalesce(shown, 'for all sessions'))
      from jsonb_array_elements_text(on_table -> 'exempts') as e(function)
     where e.function is distinct from shown and e.function is not null limit 1);
  if wanted ->> 'live' = 'true' and (on_table ->> 'live' = 'false' or on_table ->> 'lacks_live' = 'true') then
    lines := lines || 'live: false, not true'::text;
  end if;
  if wanted ->> 'guard' = 'true' and on_table ->> 'guard' = 'false'
     and not wanted @> '{"insert": "none", "update": "none", "delete": "none"}' then
    lines := lines || 'guard: none'::text;
  end if;
  return array_remove(lines, null);
end
$$;
