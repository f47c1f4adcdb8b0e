-- The guard: a trigger function that raises a clear error, for statement-level triggers before any row is looked at.
--
-- It explains what the policies decide. So it is silent for a role that they don't bind: row security isn't active for it on the table,
-- or the policies don't name it. About TRUNCATE, which row security doesn't see, it decides; and about sensitive columns, for each row:
-- an update is refused where one of them changes its value.

create or replace function aal.aal_guard() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Turkish has a lower-case I of its own.
  command text := lower(tg_op collate "C");
  argument text;
  required text;
  level text;
  max_age interval;
  binds boolean;
  changes boolean;
begin
  if tg_op = 'UPDATE' and tg_when = 'AFTER' and tg_level = 'ROW' then
    changes := aal.changes_a_column(tg_relid, tg_name, old, new);
    if not changes then
      return null;
    end if;
  elsif tg_when <> 'BEFORE' then
    raise sqlstate '39P01' using
      message = 'aal.aal_guard must be fired before the statement or the row, or after the update of a row',
      hint = 'aal.protect_table makes such triggers.';
  end if;
  foreach argument in array coalesce(tg_argv, '{}') loop
    if split_part(argument, '=', 1) = command then
      required := case when required is null then substr(argument, length(command) + 2) else '' end;
    end if;
  end loop;
  level := split_part(required, ',max_age=', 1);
  -- Where the session meets the level, nothing is refused, no matter whom the policies bind: to look that up is most of the work. What
  -- isn't claims is not read here: before Postgres 16 it raises, and only those who are bound may be told.
  if row_security_active(tg_relid) and level in ('aal1', 'aal2', 'aal3') and 'live=true' <> all (tg_argv)
    and coalesce(current_setting('request.jwt.claim', true), '') = '' and starts_with(current_setting('request.jwt.claims', true), '{')
    and aal.has_aal(level, nullif(split_part(required, ',max_age=', 2), '')::interval) then
    if tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  end if;
  if row_security_active(tg_relid) and has_table_privilege(tg_relid, command) then
    binds := (
      select exists (select from unnest(p.polroles) as r(oid) where (case when r.oid = 0 then true else pg_has_role(r.oid, 'USAGE') end))
        from pg_policy p where p.polrelid = tg_relid and p.polname = 'aal_' || case command when 'truncate' then 'delete' else command end);
  end if;
  if coalesce(binds, aal.guard_binds(tg_relid, command, tg_op = 'TRUNCATE' or changes is not null)) then
    max_age := nullif(split_part(required, ',max_age=', 2), '')::interval;
    if level is null or level not in ('aal1', 'enrolled', 'aal2', 'aal3') then
      raise sqlstate '22023' using
        message = 'the arguments of the guard trigger do not say what it must ask for',
        hint = 'It takes arguments like ''insert=aal2'' or ''delete=enrolled,max_age=300 seconds'', one for each of its commands.';
    end if;
    if not (case when level = 'enrolled' then aal.has_enrolled_aal(max_age) else aal.has_aal(level, max_age) end)
       or 'live=true' = any (tg_argv) and not aal.session_is_live() then
      perform aal.refuse_statement(tg_relid, command, level, max_age, tg_argv);
    end if;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$$;

-- Refuses a statement, unless the policies exempt the session.
create or replace function aal.refuse_statement(target oid, command text, level text, max_age interval, arguments text[]) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  what text := format('%s on table "%s"', command, (select c.relname from pg_class c where c.oid = target));
begin
  if 'applies_when=policy' = any (arguments) and aal.policies_exempt(target, command) then
    return;
  end if;
  -- A session that is over reaches no level. One without any level is told so first.
  if 'live=true' = any (arguments) and aal.aal() is not null then
    perform aal.require_live_session_for(what, case when level = 'enrolled' then 'aal1' else level end, max_age);
  end if;
  if level = 'enrolled' then
    perform aal.require_enrolled_aal_for(what, max_age);
  else
    perform aal.require_aal_for(what, level, max_age);
  end if;
end
$$;

-- Whether the policies of a table bind the current role's statement. `decides`: the trigger decides by itself, so that a role without the
-- privilege for the statement counts as bound; it isn't the role that began it. Else such a statement came by a view, and the policies
-- judge it by the view's owner.
create or replace function aal.guard_binds(target oid, command text, decides boolean) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  policy text := 'aal_' || case command when 'truncate' then 'delete' else command end;
  may_begin boolean := exists (
    select from pg_partition_ancestors(target) as above(oid)
     where has_table_privilege(above.oid::oid, command)
        or command in ('insert', 'update') and has_any_column_privilege(above.oid::oid, command))
    or has_table_privilege(target, command)
    or command in ('insert', 'update') and has_any_column_privilege(target, command);
begin
  if not may_begin then
    return decides;
  end if;
  if (select c.relrowsecurity from pg_class c where c.oid = target) then
    return row_security_active(target) and aal.policies_name_me(target, policy);
  end if;
  return exists (
    select from pg_partition_ancestors(target) as above(oid)
     where above.oid <> target and row_security_active(above.oid::oid) and aal.policies_name_me(above.oid, policy));
end
$$;

-- Whether our policy of this name, or for want of it another of ours, names the current role. Where there is none of ours, a guard speaks
-- up for every role.
create or replace function aal.policies_name_me(target oid, policy text) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  roles oid[] := (select p.polroles from pg_policy p where p.polrelid = target and p.polname = policy);
begin
  roles := coalesce(roles, (
    select p.polroles from pg_policy p
     where p.polrelid = target and p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner')
     order by p.polname limit 1));
  return roles is null
    or exists (select from unnest(roles) as r(oid) where case when r.oid = 0 then true else pg_has_role(r.oid, 'USAGE') end);
end
$$;

-- Whether one of a trigger's columns has another value in the new row: other bytes. No operator of a type is asked, which might be a
-- user's. A trigger without columns speaks for all.
create or replace function aal.changes_a_column(target oid, trigger_name name, old_row record, new_row record) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  old_values text;
  new_values text;
  changes boolean;
begin
  select string_agg(format('($1).%I', a.attname), ', ' order by a.attnum), string_agg(format('($2).%I', a.attname), ', ' order by a.attnum)
    into old_values, new_values
    from pg_trigger t join pg_attribute a on a.attrelid = target and a.attnum = any (t.tgattr::int2[])
   where t.tgrelid = target and t.tgname = trigger_name and t.tgattr::text <> '';
  if old_values is null then
    return true;
  end if;
  execute format('select row(%s)::record operator(pg_catalog.*<>) row(%s)::record', old_values, new_values)
    into changes using old_row, new_row;
  return changes is not false;
end
$$;

-- Whether the policies of a table, or of one that it is a partition of, exempt the session: by a function, asked as they ask it.
create or replace function aal.policies_exempt(target oid, command text) returns boolean
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  policy text := 'aal_' || case command when 'truncate' then 'delete' else command end;
  function oid := (
    select f.oid
      from (select target, 0
             union all
            select above.oid::oid, above.place::int from pg_partition_ancestors(target) with ordinality as above(oid, place)
             where above.oid <> target) as tables(oid, place)
      join pg_policy p on p.polrelid = tables.oid and p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete')
      join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass
      join pg_proc f on f.oid = d.refobjid and f.pronargs = 0 and f.prorettype = 'boolean'::regtype
      join pg_namespace n on n.oid = f.pronamespace
     where not (n.nspname in ('aal', 'auth') and f.proname = 'session_is_live')
     order by tables.place, p.polname <> policy, p.polname
     limit 1);
  applies boolean;
begin
  if function is null then
    raise sqlstate '55000' using
      message = format('the policies of table "%s" do not say for which sessions they are', (select c.relname from pg_class c where c.oid = target)),
      hint = 'Call aal.protect_table again, with applies_when or without it.';
  end if;
  execute (select format('select %I.%I()', n.nspname, f.proname)
             from pg_proc f join pg_namespace n on n.oid = f.pronamespace where f.oid = function)
    into applies;
  return applies is false;
end
$$;

comment on function aal.aal_guard() is
  'A trigger function that raises insufficient_aal where the policies bind the role and the session lacks the level that the trigger''s arguments name. Runs with its caller''s rights. VOLATILE: triggers are called so. PARALLEL UNSAFE: it runs in statements that write.';
