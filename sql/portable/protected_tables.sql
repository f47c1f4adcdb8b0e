-- Protecting tables, and what is protected.

-- The table and, if it is partitioned, its partitions: each can be named directly, and then only its own policies count. Raises for
-- what can't be protected.
create or replace function aal.tables_to_protect(target oid) returns oid[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  it record;
  tables oid[] := '{}';
  what text;
  hint text;
begin
  if target is null then
    raise sqlstate '22004' using message = 'target must not be null';
  end if;
  for it in
    select c.oid, c.relkind, n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') as is_system
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_partition_tree(target) t on t.relid = c.oid
     where c.oid = target or t.relid is not null
     order by c.oid <> target, t.level, c.oid
  loop
    what := case
      when it.is_system then 'a system catalog'
      when it.relkind in ('r', 'p') then null
      when it.relkind = 'v' then 'a view'
      when it.relkind = 'm' then 'a materialized view'
      when it.relkind = 'f' then 'a foreign table'
      else 'not a table'
    end;
    if what is not null then
      raise sqlstate '42809' using
        message = format('%s is %s: only tables can be protected', aal.qualified_name(it.oid), what),
        hint = case what
          when 'a system catalog' then 'Row security does not apply to system catalogs.'
          when 'a view' then 'Protect the tables beneath it, and make it a security_invoker view.'
          when 'a materialized view' then 'Row security does not apply to it: revoke access, or use a view.'
          when 'a foreign table' then 'Row security does not apply to it: protect the table it stands for.'
          else 'Name a table.'
        end;
    end if;
    tables := tables || it.oid;
  end loop;
  if cardinality(tables) = 0 then
    raise sqlstate '42P01' using message = 'the table does not exist';
  end if;
  return tables;
end
$$;

-- Locks tables until the transaction ends, so that nobody changes them or attaches partitions meanwhile.
create or replace function aal.lock_tables(target oid) returns oid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  locked oid[] := '{}';
  tables oid[];
  it oid;
begin
  if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    raise sqlstate '25001' using message = 'tables can only be protected at isolation level read committed',
      hint = 'set transaction isolation level read committed';
  end if;
  loop
    tables := aal.tables_to_protect(target);
    exit when tables <@ locked;
    foreach it in array tables loop
      if it <> all (locked) then
        if (select pg_has_role(c.relowner, 'USAGE') from pg_class c where c.oid = it) then
          execute format('lock table only %s in access exclusive mode', aal.qualified_name(it));
        elsif not (select c.relrowsecurity from pg_class c where c.oid = it) then
          raise sqlstate '42501' using message = 'must be owner of table ' || aal.qualified_name(it),
            hint = 'Creating a policy needs ownership of the table.';
        end if;
        locked := locked || it;
      end if;
    end loop;
  end loop;
  return tables;
end
$$;

-- How a table stood before it was protected: as its records say, or as it stands now.
create or replace function aal.stood_before(target oid, on_table jsonb) returns jsonb
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  record jsonb := on_table -> 'records' -> 0;
begin
  return case
    when record is not null then jsonb_strip_nulls(jsonb_build_object(
      'row_security_before', record -> 'row_security_before', 'policies_before', record -> 'policies_before'))
    when on_table is not null or (select c.relrowsecurity from pg_class c where c.oid = target) then '{"row_security_before": true}'
    else jsonb_strip_nulls(jsonb_build_object(
      'row_security_before', false, 'policies_before', aal.other_policies(target)))
  end;
end
$$;

-- A fingerprint of the policies of a table that aren't ours; NULL if there are none. How Postgres writes an expression must not depend on
-- the session.
create or replace function aal.other_policies(target oid) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
  set quote_all_identifiers = off
  set DateStyle = 'ISO, MDY'
  set IntervalStyle = 'postgres'
  set TimeZone = 'UTC'
  set extra_float_digits = 1
  set bytea_output = 'hex'
  set standard_conforming_strings = on
as $$
begin
  return (
    select md5(string_agg(concat_ws('|', p.polname, p.polcmd, p.polpermissive,
             array(select pg_get_userbyid(r) from unnest(p.polroles) r order by 1),
             pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), '||' order by p.polname))
      from pg_policy p
     where p.polrelid = target
       and p.polname not in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner'));
end
$$;

-- Raises if something on a table bears one of our names and was made by somebody else.
create or replace function aal.refuse_those_of_others(target oid, on_table jsonb) returns void
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_array_length(on_table -> 'foreign') > 0 then
    raise sqlstate '42710' using
      message = format('%s on %s was not made by aal.protect_table', on_table -> 'foreign' ->> 0, aal.qualified_name(target)),
      hint = 'Rename it, or drop it if it is not needed.';
  end if;
end
$$;

-- Raises where plain SQL can't decide about sensitive columns: Postgres fires no trigger for an update that moves a row to another
-- partition, nor those of the table that is named for the rows of one that inherits from it.
create or replace function aal.refuse_columns_of_many_tables(target oid, protection jsonb) returns void
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_array_length(protection -> 'sensitive_columns') > 0
     and exists (select from pg_class c where c.oid = target and c.relkind = 'p'
                  union all
                 select from pg_inherits i where target in (i.inhrelid, i.inhparent)) then
    raise sqlstate '0A000' using
      message = format('%s has partitions or inherits, and sensitive_columns need the native edition of pg_aal there',
        aal.qualified_name(target)),
      detail = 'Postgres fires no trigger after an update that moves a row to another partition.',
      hint = 'Leave sensitive_columns out: then every update needs the level of writes.';
  end if;
end
$$;

-- Raises if a protection takes something away from one that is on these tables.
create or replace function aal.refuse_to_lower(tables oid[], protection jsonb) returns void
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  it oid;
  lines text[] := '{}';
begin
  foreach it in array tables loop
    lines := lines || array(
      select case when it = tables[1] then '' else aal.qualified_name(it) || ': ' end || l.line
        from unnest(aal.protection_lowers(protection, aal.found_protection(it))) with ordinality as l(line, place)
       where aal.found_protection(it) is not null
       order by l.place);
  end loop;
  if cardinality(lines) > 0 then
    raise sqlstate '55000' using
      message = 'this would lower the protection of ' || aal.qualified_name(tables[1]),
      detail = array_to_string(lines, chr(10)),
      hint = 'Repeat the options that are to stay: each call replaces all of them. To lower it on purpose, add lower => true.';
  end if;
end
$$;

-- Raises where a protection can't replace what is on a table and its partitions.
create or replace function aal.refuse_unfit(target oid, tables oid[], protection jsonb, lower boolean) returns void
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  it oid;
begin
  perform aal.refuse_columns_of_many_tables(target, protection);
  foreach it in array tables loop
    perform aal.refuse_those_of_others(it, aal.found_protection(it));
  end loop;
  if not lower then
    perform aal.refuse_to_lower(tables, protection);
  end if;
end
$$;

-- Replaces what is on a table by a protection. Policies come late, because the first statement about one may lock tables of Supabase
-- Auth until the transaction ends. Row security comes last: an event trigger that watches the schema then finds a protected table.
create or replace function aal.apply_protection(target oid, protection jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_table jsonb := aal.found_protection(target);
  before jsonb := aal.stood_before(target, on_table);
  statement text;
begin
  perform aal.refuse_those_of_others(target, on_table);
  for statement in
    select aal.drop_statement(target, n.name) from aal.named_as_ours(target) n order by n.kind desc, n.name
  loop
    execute statement;
  end loop;
  for statement in select * from aal.protection_statements(target, protection, before) loop
    perform aal.run_on(target, statement);
  end loop;
  if not (select c.relrowsecurity from pg_class c where c.oid = target) then
    execute format({{ formats("row_security", ["table"])[0] }}, aal.qualified_name(target));
  end if;
  -- Names may have come to mean another table meanwhile.
  if array(select n.name from aal.named_as_ours(target) n order by 1)
       is distinct from array(select m from unnest(aal.names_made(protection)) as m order by 1)
     or not (select c.relrowsecurity from pg_class c where c.oid = target) then
    raise sqlstate '55000' using message = aal.qualified_name(target) || ' was changed by somebody else meanwhile: nothing was done',
      hint = 'Try again.';
  end if;
end
$$;

-- Runs a statement about a table. On a table of somebody else, a role that may make policies may still not comment on them: what
-- protect_table made is then known by its shape.
create or replace function aal.run_on(target oid, statement text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if statement like 'comment on %' and not (select pg_has_role(c.relowner, 'USAGE') from pg_class c where c.oid = target) then
    begin
      execute statement;
    exception when insufficient_privilege then
      null;
    end;
  else
    execute statement;
  end if;
end
$$;

-- The statements that take away from roles what row security doesn't see: TRUNCATE, TRIGGER, REFERENCES, and MAINTAIN where Postgres has
-- it. Of roles that the policies bind, and of PUBLIC. None for tables of somebody else, whose grants only that role takes back.
create or replace function aal.revoke_statements(tables oid[], protection jsonb) returns setof text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select format('revoke %s on %s from %s',
             string_agg(distinct lower(acl.privilege_type collate "C"), ', '), aal.qualified_name(c.oid), grantee.name)
      from unnest(tables) with ordinality as t(oid, place)
      join pg_class c on c.oid = t.oid
      cross join lateral (
        select a.grantee, a.privilege_type from aclexplode(c.relacl) a
        union
        select a.grantee, a.privilege_type from pg_attribute b cross join aclexplode(b.attacl) a where b.attrelid = c.oid) as acl
      left join pg_roles r on r.oid = acl.grantee
      cross join lateral (select case when acl.grantee = 0 then 'public' else quote_ident(r.rolname) end) as grantee(name)
     where acl.privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN')
       and acl.grantee <> c.relowner
       and not coalesce(r.rolbypassrls or r.rolsuper, false)
       and (acl.grantee = 0 or protection -> 'roles' ? 'public'
            or exists (select from jsonb_array_elements_text(protection -> 'roles') as b(name) where pg_has_role(r.oid, b.name, 'USAGE')))
     group by t.place, c.oid, grantee.name
     order by t.place, grantee.name;
end
$$;

-- The roles, quoted, that a table grants one of some privileges to. The owner, roles that bypass row security, and those that have the
-- rights of one of `bound` are left out.
create or replace function aal.grantees(target oid, privileges text[], bound jsonb) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select distinct case when acl.grantee = 0 then 'public' else quote_ident(r.rolname) end
      from pg_class c
      cross join aclexplode(c.relacl) acl
      left join pg_roles r on r.oid = acl.grantee
     where c.oid = target
       and acl.grantee <> c.relowner
       and acl.privilege_type = any (privileges)
       and not coalesce(r.rolbypassrls or r.rolsuper, false)
       and (r.oid is null
            or not exists (select from jsonb_array_elements_text(bound) as b(name) where pg_has_role(r.oid, b.name, 'USAGE')))
     order by 1);
end
$$;

-- What is to be said about a protection: ways around it, options that seldom mean what they say, and tables that nobody can use.
create or replace function aal.protection_notes(tables oid[], protection jsonb) returns table (message text, hint text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  target oid := tables[1];
  shown text := aal.qualified_name(tables[1]);
  applies_when text := case when jsonb_typeof(protection -> 'applies_when') = 'array'
    then format('%I.%I()', protection -> 'applies_when' ->> 0, protection -> 'applies_when' ->> 1) end;
  names text;
  without_schema text;
  command text;
  statement text;
  age text;
begin
  names := (select string_agg(aal.qualified_name(i.inhrelid), ', ' order by i.inhrelid)
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = target and not c.relispartition);
  if names is not null then
    return query select format('tables that inherit from %s are not protected: %s', shown, names),
      'Protect each, or revoke access to it.';
  end if;
  names := (select string_agg(aal.qualified_name(i.inhparent), ', ' order by i.inhparent)
              from pg_inherits i where i.inhrelid = target and aal.found_protection(i.inhparent) is null);
  if names is not null then
    return query select format('the rows of %s can be reached without its policies through %s', shown, names),
      'Protect the parent, too.';
  end if;
  if not protection -> 'roles' ? 'public' then
    names := array_to_string(aal.grantees(target, array['SELECT', 'INSERT', 'UPDATE', 'DELETE'], protection -> 'roles'), ', ');
    if names <> '' then
      return query select format('roles with privileges on %s that its policies do not bind: %s', shown, names),
        'They can do what permissive policies allow, at any level: leave roles out to bind everybody, or revoke.';
    end if;
  end if;
  for statement in select * from aal.revoke_statements(tables, protection) loop
    return query select 'privileges that row security does not check are granted', statement;
  end loop;
  foreach command in array array['read', 'insert', 'update', 'delete'] loop
    age := split_part(protection ->> command, ' within ', 2);
    if age <> '' and age::interval < interval '1 minute' then
      return query select format('an age of %s is too short for most sessions', age),
        'An interval without a unit is in seconds: write 15 minutes, for example.';
      exit;
    end if;
  end loop;
  -- to_regclass() raises for a role without USAGE on the schema.
  if exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'auth' and c.relname = 'mfa_factors')
     and exists (
       select from unnest(array['read', 'insert', 'update', 'delete']) as c where protection ->> c like 'aal3%') then
    return query select 'Supabase Auth issues no level aal3: none of its users can meet it',
      'Use aal2, the highest level that it issues.';
  end if;
  names := (select string_agg(upper(c), ' and ' order by c desc) from unnest(array['update', 'delete']) as c
             where protection ->> c = 'none' and not aal.level_implies('aal1', protection ->> 'read'));
  if names is not null then
    return query select format('no level is required for %s, and %s is for reads', names, protection ->> 'read'),
      'Without a WHERE, it changes rows that the session may not see, if a permissive policy allows that.';
  end if;
  names := (select string_agg(quote_ident(r.rolname), ', ' order by r.rolname)
              from pg_roles r join pg_class c on c.oid = target
             where not protection -> 'roles' ? 'public' and protection -> 'roles' ? r.rolname
               and (r.rolsuper or r.rolbypassrls or not c.relforcerowsecurity and pg_has_role(r.oid, c.relowner, 'USAGE')));
  if names is not null then
    return query select format('row security does not bind these of the roles: %s', names),
      'Superusers, roles with BYPASSRLS and the owner bypass every policy: leave them out.';
  end if;
  names := (select string_agg(x.command, ', ' order by x.place)
              from (values (1, 'SELECT', 'r'), (2, 'INSERT', 'a'), (3, 'UPDATE', 'w'), (4, 'DELETE', 'd')) as x(place, command, code)
             where not exists (select from pg_policy p
                                where p.polrelid = target and p.polpermissive and p.polcmd::text in (x.code, '*')));
  if names = 'SELECT, INSERT, UPDATE, DELETE' then
    return query select format('no permissive policy on %s allows %s: no one can use it that way', shown, names),
      'AAL policies only narrow what permissive policies allow: create one, or name the owner_column.';
  end if;
  names := (select string_agg(distinct quote_ident(o.conname), ', ')
              from pg_constraint o
              cross join unnest(o.conkey) as k(attnum)
              join pg_attribute a on a.attrelid = o.conrelid and a.attnum = k.attnum
             where o.conrelid = target and o.contype = 'f'
               and (o.confupdtype in ('c', 'n', 'd') or o.confdeltype in ('n', 'd'))
               and protection -> 'sensitive_columns' ? a.attname);
  if names is not null then
    return query select format('foreign keys of %s change sensitive columns by their own action: %s', shown, names),
      'The session that changes the other table needs the level of updates, too.';
  end if;
  -- A policy calls it by what it is, and the guard by its name.
  select string_agg(distinct u.name, ', ' order by u.name) filter (where not u.may_execute),
         string_agg(distinct u.name, ', ' order by u.name) filter (where u.may_write and not u.may_use and protection ->> 'guard' = 'true')
    into names, without_schema
    from (
      select quote_ident(r.rolname),
             has_any_column_privilege(r.oid, c.oid, 'SELECT') or w.may_write,
             w.may_write,
             has_function_privilege(r.oid, applies_when, 'EXECUTE'),
             has_schema_privilege(r.oid, protection -> 'applies_when' ->> 0, 'USAGE')
        from pg_roles r
        join pg_class c on c.oid = any (tables)
        cross join lateral (
          select has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE') or has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')) as w(may_write)
       where applies_when is not null
         and r.rolname !~ '^pg_' and not r.rolsuper and not r.rolbypassrls
         and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'USAGE'))
         and (protection -> 'roles' ? 'public'
              or exists (select from jsonb_array_elements_text(protection -> 'roles') as b(name)
                          where pg_has_role(r.oid, b.name, 'USAGE')))
    ) as u(name, may_begin, may_write, may_execute, may_use)
   where u.may_begin;
  if names is not null then
    return query select format('every statement on %s fails for roles that may not execute %s: %s', shown, applies_when, names),
      format('grant execute on function %s to %s;', applies_when, names);
  end if;
  if without_schema is not null then
    return query select format('writes to %s below the level fail for roles that may not use schema %I: %s', shown,
        protection -> 'applies_when' ->> 0, without_schema),
      format('grant usage on schema %I to %s;', protection -> 'applies_when' ->> 0, without_schema);
  end if;
end
$$;

-- The level of writes, in words: aal2, insert aal1.
create or replace function aal.writes_in_words(protection jsonb) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  on_insert text := protection ->> 'insert';
  on_update text := protection ->> 'update';
  on_delete text := protection ->> 'delete';
begin
  return aal.with_sessions(protection, case
      when on_insert = on_update and on_update = on_delete then on_update
      when on_update = on_delete then on_update || ', insert ' || on_insert
      when on_insert = on_update then on_update || ', delete ' || on_delete
      when on_insert = on_delete then on_insert || ', update ' || on_update
      else format('insert %s, update %s, delete %s', on_insert, on_update, on_delete)
    end || case
      when jsonb_array_length(protection -> 'sensitive_columns') > 0 and protection ->> 'read' <> on_update
        then ', update of other columns ' || (protection ->> 'read')
      else ''
    end);
end
$$;

-- These words about what is required, with the sessions of which it is.
create or replace function aal.with_sessions(protection jsonb, words text) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return words
    || case when protection ->> 'live' = 'true' and words <> 'none' then ' in a live session' else '' end
    || case when jsonb_typeof(protection -> 'applies_when') = 'array'
         then format(' if %I.%I()', protection -> 'applies_when' ->> 0, protection -> 'applies_when' ->> 1) else '' end;
end
$$;

-- Does what protect_table was asked for.
create or replace function aal.protect(target oid, protection jsonb, lower boolean, revoke boolean)
  returns table (partitions integer, notes text[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  tables oid[];
  it oid;
  statement text;
  note record;
  timeout text := current_setting('lock_timeout');
begin
  if lower is null or revoke is null then
    raise sqlstate '22004' using message = case when lower is null then 'lower' else 'revoke' end || ' must not be null';
  end if;
  -- Who waits for a lock makes everybody else wait.
  if timeout = '0' then
    perform set_config('lock_timeout', '5s', true);
  end if;
  tables := aal.lock_tables(target);
  perform aal.refuse_unfit(target, tables, protection, lower);
  if revoke then
    for statement in
      select r from aal.revoke_statements(
        array(select t from unnest(tables) as t join pg_class c on c.oid = t where pg_has_role(c.relowner, 'USAGE')), protection) as r
    loop
      execute statement;
    end loop;
  end if;
  foreach it in array tables loop
    perform aal.apply_protection(it, protection);
  end loop;
  notes := '{}';
  for note in select * from aal.protection_notes(tables, protection) loop
    raise warning using message = note.message, hint = note.hint;
    notes := notes || (note.message || '. ' || note.hint);
  end loop;
  perform set_config('lock_timeout', timeout, true);
  partitions := cardinality(tables) - 1;
  return next;
end
$$;

-- Puts a table under AAL policies; says in one row what it is now. Named arguments as in the native edition, and `revoke`.
create or replace function aal.protect_table(
  target regclass,
  read text default 'aal1',
  write text default 'aal2',
  on_insert text default null,
  on_update text default null,
  on_delete text default null,
  max_age interval default null,
  roles name[] default '{public}',
  owner_column name default null,
  sensitive_columns name[] default null,
  guard boolean default true,
  applies_when regprocedure default null,
  live boolean default false,
  refuse_reads boolean default false,
  lower boolean default false,
  revoke boolean default true
) returns table (target regclass, read text, write text, roles name[], owner_column name, partitions integer, warnings integer, notes text[])
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select protect_table.target,
         aal.with_sessions(asked.protection, asked.protection ->> 'read'),
         aal.writes_in_words(asked.protection),
         case when asked.protection -> 'roles' ? 'public' then '{public}' else protect_table.roles end,
         protect_table.owner_column,
         done.partitions,
         cardinality(done.notes),
         done.notes
    from (select (aal.tables_to_protect(protect_table.target))[1]) as checked(target)
   cross join lateral aal.requested_protection(
     checked.target, protect_table.read, protect_table.write, protect_table.on_insert, protect_table.on_update,
     protect_table.on_delete, protect_table.max_age, protect_table.roles, protect_table.owner_column, protect_table.sensitive_columns,
     protect_table.guard, protect_table.applies_when, protect_table.live, protect_table.refuse_reads) as asked(protection)
   cross join lateral aal.protect(checked.target, asked.protection, protect_table.lower, protect_table.revoke) as done
$$;

-- The statements that protect_table would run, without running them: for a migration, say. They drop objects that may be there, and
-- switch row security on for good.
create or replace function aal.protect_table_sql(
  target regclass,
  read text default 'aal1',
  write text default 'aal2',
  on_insert text default null,
  on_update text default null,
  on_delete text default null,
  max_age interval default null,
  roles name[] default '{public}',
  owner_column name default null,
  sensitive_columns name[] default null,
  guard boolean default true,
  applies_when regprocedure default null,
  live boolean default false,
  refuse_reads boolean default false,
  lower boolean default false,
  revoke boolean default true
) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  tables oid[] := aal.tables_to_protect(target);
  protection jsonb := aal.requested_protection(target, read, write, on_insert, on_update, on_delete, max_age, roles, owner_column,
    sensitive_columns, guard, applies_when, live, refuse_reads);
  statements text[] := '{}';
  it oid;
  on_table jsonb;
  before jsonb;
begin
  if lower is null or revoke is null then
    raise sqlstate '22004' using message = case when lower is null then 'lower' else 'revoke' end || ' must not be null';
  end if;
  perform aal.refuse_unfit(target, tables, protection, lower);
  if revoke then
    statements := statements || array(select r from aal.revoke_statements(tables, protection) as r);
  end if;
  foreach it in array tables loop
    statements := statements || array(
      select aal.drop_statement(it, n.name)
        from unnest(array['aal_guard', 'aal_columns', 'aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner'])
          with ordinality as n(name, place)
       where not (it <> tables[1] and n.name = 'aal_columns')
       order by n.place);
  end loop;
  foreach it in array tables loop
    on_table := aal.found_protection(it);
    -- The text may be run elsewhere, where row security is on. So it never says that it was off, unless that is on record.
    before := case when on_table -> 'records' -> 0 is null then '{"row_security_before": true}' else aal.stood_before(it, on_table) end;
    statements := statements || array(select s from aal.protection_statements(it, protection, before) as s)
      || format({{ formats("row_security", ["table"])[0] }}, aal.qualified_name(it));
  end loop;
  return array_to_string(statements, ';' || chr(10) || chr(10)) || ';';
end
$$;

-- Takes back what protect_table made, of either edition; says how the table is now. Row security goes off again if it was off before and
-- no policy has come since.
create or replace function aal.unprotect(target oid) returns table (unprotected integer, row_security boolean)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  it oid;
  on_table jsonb;
  before jsonb;
  statement text;
  goes_off boolean;
  is_protected boolean := false;
  timeout text := current_setting('lock_timeout');
begin
  unprotected := 0;
  if timeout = '0' then
    perform set_config('lock_timeout', '5s', true);
  end if;
  foreach it in array aal.lock_tables(target) loop
    on_table := aal.found_protection(it);
    perform aal.refuse_those_of_others(it, on_table);
    if on_table is null then
      continue;
    end if;
    is_protected := true;
    before := aal.stood_before(it, on_table);
    goes_off := before ->> 'row_security_before' = 'false'
      and (before ->> 'policies_before') is not distinct from aal.other_policies(it)
      and (select c.relrowsecurity from pg_class c where c.oid = it);
    -- While the table is protected: an event trigger that watches the schema lets it be then.
    if goes_off then
      if not (select pg_has_role(c.relowner, 'USAGE') from pg_class c where c.oid = it) then
        raise sqlstate '42501' using message = 'must be owner of table ' || aal.qualified_name(it);
      end if;
      raise warning using
        message = format('row security goes off for %s, as it was before', aal.qualified_name(it)),
        hint = 'Grants alone decide now who reaches its rows.';
      execute format({{ formats("row_security_off", ["table"])[0] }}, aal.qualified_name(it));
    end if;
    for statement in select aal.drop_statement(it, n.name) from aal.named_as_ours(it) n order by n.kind desc, n.name loop
      execute statement;
    end loop;
    unprotected := unprotected + case when it = target then 0 else 1 end;
  end loop;
  if not is_protected then
    raise notice 'the table is not protected';
  end if;
  row_security := (select c.relrowsecurity from pg_class c where c.oid = target);
  perform set_config('lock_timeout', timeout, true);
  return next;
end
$$;

create or replace function aal.unprotect_table(target regclass) returns table (target regclass, partitions integer, row_security boolean)
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select unprotect_table.target, done.unprotected, done.row_security from aal.unprotect(unprotect_table.target) as done
$$;

-- The level that a command needs: by its policy the lowest there is. NULL where the policy is gone.
create or replace function aal.level_in_force(on_table jsonb, command text) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if on_table -> 'altered' ? ('policy aal_' || command) then
    return null;
  elsif on_table -> 'there' ? ('aal_' || command) then
    return (
      select l.level from jsonb_array_elements_text(on_table -> 'required' -> command) as l(level)
       where not exists (
         select from jsonb_array_elements_text(on_table -> 'required' -> command) as o(level) where not aal.level_implies(o.level, l.level))
       limit 1);
  elsif on_table -> 'records' -> 0 ->> command <> 'none' then
    return null;
  end if;
  return 'none';
end
$$;

-- What is protected, as the policies and triggers there say. Not a proof: policies can be altered by hand.
create or replace view aal.protected_tables with (security_invoker = true) as
select c.oid::pg_catalog.regclass as target,
       level.read,
       level.on_insert,
       case when it.on_table ->> 'sensitive_level' is not null then it.on_table ->> 'sensitive_level' else level.on_update end as on_update,
       level.on_delete,
       array(select b.name::pg_catalog.name from pg_catalog.jsonb_array_elements_text(it.on_table -> 'bound') as b(name)) as roles,
       (it.on_table ->> 'owner_column')::pg_catalog.name as owner_column,
       nullif(array(select s.name::pg_catalog.name from pg_catalog.jsonb_array_elements_text(it.on_table -> 'sensitive_columns') as s(name)), '{}')
         as sensitive_columns,
       (select e.function from pg_catalog.jsonb_array_elements_text(it.on_table -> 'exempts') as e(function)
         where e.function is not null limit 1) as applies_when,
       it.on_table ->> 'live' = 'true' as live,
       it.on_table ->> 'guard' = 'true' as guard,
       c.relrowsecurity as row_security,
       it.on_table ->> 'edition' as edition
from (select p.polrelid from pg_catalog.pg_policy p
       where p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner')
      union
      select t.tgrelid from pg_catalog.pg_trigger t
       where t.tgname in ('aal_guard', 'aal_columns') and not t.tgisinternal and t.tgparentid = 0) as named(target)
join pg_catalog.pg_class c on c.oid = named.target
cross join lateral aal.found_protection(c.oid) as it(on_table)
cross join lateral (
  select aal.level_in_force(it.on_table, 'read'), aal.level_in_force(it.on_table, 'insert'), aal.level_in_force(it.on_table, 'update'),
         aal.level_in_force(it.on_table, 'delete')) as level(read, on_insert, on_update, on_delete)
where it.on_table -> 'foreign' = '[]'::pg_catalog.jsonb;

comment on function aal.protect_table(regclass, text, text, text, text, text, interval, name[], name, name[], boolean, regprocedure, boolean, boolean, boolean, boolean) is
  'Puts a table under AAL policies; says in one row what it is now, with notes of what is left open. Runs with its caller''s rights. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function aal.protect_table_sql(regclass, text, text, text, text, text, interval, name[], name, name[], boolean, regprocedure, boolean, boolean, boolean, boolean) is
  'The statements that protect_table would run, without running them. VOLATILE and PARALLEL UNSAFE, as aal.protect_table.';

comment on function aal.unprotect_table(regclass) is
  'Takes back what protect_table made, in either edition; says in one row how the table is now. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on view aal.protected_tables is
  'What is protected, by either edition, as its policies and triggers say. Not a proof: policies can be altered by hand.';

grant select on aal.protected_tables to public;
