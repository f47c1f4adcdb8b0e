{% from "macros.sql" import text_claim, uuid_of, is_user -%}
-- Second factors ------------------------------------------------------------------------------------------------------
-- Where the users aren't Supabase Auth's, make a function aal.has_second_factor(subject text) returns boolean, stable and parallel
-- safe: true, false, or NULL for no such user. Without it, Supabase Auth's tables answer.

-- Why a function that answers instead doesn't fit; NULL where it does.
create or replace function aal.function_fault(name text) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return (
    select case
        when prorettype <> 'boolean'::pg_catalog.regtype or provolatile not in ('s', 'i') or proparallel <> 's' then
          oid::pg_catalog.regprocedure || ' ' || {{ store_fault.unfit_function }}
      end
      from pg_catalog.pg_proc
     where oid = pg_catalog.to_regprocedure(name)
  );
end
$$;

-- Why nobody can be looked up in the tables of Supabase Auth; NULL where they can.
-- The types are Postgres' own, or enums: a cast of another type is a function of its owner, and would run with our owner's rights. So
-- enums are read by format(), which asks for no cast.
-- Each statement that looks somebody up pays for this. So it is one query, and calls no function of ours where all is as Supabase Auth
-- makes it.
create or replace function aal.factor_store_fault() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  fault pg_catalog.text := (
    select case
        when users.relkind <> 'r' or factors.relkind <> 'r' then {{ store_fault.not_plain }}
        when users.relowner <> factors.relowner or not case
          when pg_catalog.pg_get_userbyid(users.relowner) = 'supabase_auth_admin' then true
          else aal.may_keep_users(users.relowner, users.relnamespace)
        end then {{ store_fault.of_others }}
        when (
          select pg_catalog.count(*)
            from pg_catalog.pg_attribute as columns
           where columns.attrelid in (users.oid, factors.oid) and columns.attname in ('id', 'user_id', 'status', 'deleted_at', 'banned_until')
             and case
               when columns.attname = 'id' or columns.attrelid = factors.oid and columns.attname = 'user_id' then
                 columns.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype
               when columns.attrelid = users.oid then
                 columns.attname in ('deleted_at', 'banned_until') and columns.atttypid = 'pg_catalog.timestamptz'::pg_catalog.regtype
               when columns.attname = 'status' then
                 columns.atttypid in ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype)
                   or (select types.typtype from pg_catalog.pg_type as types where types.oid = columns.atttypid) = 'e'
             end
        ) <> 6 then {{ store_fault.other_columns }}
        when pg_catalog.has_schema_privilege(users.relnamespace, 'usage')
          and pg_catalog.has_table_privilege(users.oid, 'select') and pg_catalog.has_table_privilege(factors.oid, 'select')
          and not pg_catalog.row_security_active(users.oid) and not pg_catalog.row_security_active(factors.oid) then 'none'
        else least(aal.hidden_table_fault(users.oid), aal.hidden_table_fault(factors.oid))
      end
      from pg_catalog.pg_class as users
      join pg_catalog.pg_class as factors on factors.relname = 'mfa_factors' and factors.relnamespace = pg_catalog.to_regnamespace('auth')
     where users.relname = 'users' and users.relnamespace = pg_catalog.to_regnamespace('auth')
  );
begin
  return case when fault is null then {{ store_fault.no_tables }} when fault <> 'none' then fault end;
end
$$;

-- Whether a role decides about the users: a superuser, Supabase Auth's own, or the owner of their schema, who must own the database or
-- this edition, too: where there is no such schema, any role that may create schemas could make one, with users as it likes.
create or replace function aal.may_keep_users(keeper oid, schema oid) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return exists (
    select from pg_catalog.pg_roles
     where oid = keeper and (rolsuper or rolname = 'supabase_auth_admin'
       or oid = (select nspowner from pg_catalog.pg_namespace where oid = schema) and oid in (
         (select datdba from pg_catalog.pg_database where datname = pg_catalog.current_database()),
         (select nspowner from pg_catalog.pg_namespace where nspname = 'aal')))
  );
end
$$;

-- Why the owner of this function doesn't see all rows of a table; NULL where it does. Rows that row security hides would pass for
-- factors that nobody enrolled.
create or replace function aal.hidden_table_fault(target oid) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  name pg_catalog.text := (
    select schemas.nspname || '.' || tables.relname
      from pg_catalog.pg_class as tables
      join pg_catalog.pg_namespace as schemas on schemas.oid = tables.relnamespace
     where tables.oid = target
  );
begin
  return case
    when not pg_catalog.has_schema_privilege('auth', 'usage') or not pg_catalog.has_table_privilege(target, 'select') then
      pg_catalog.format('%I may not read %s', current_user, name)
    when pg_catalog.row_security_active(target) then
      pg_catalog.format('row security hides rows of %s from %I', name, current_user)
  end;
end
$$;

-- The enrollment of the user of the claims in force, and of nobody else: factor, no_factor, unknown_user or foreign_user. Or why
-- nobody can be looked up.
create or replace function aal.look_up_enrollment(out enrollment text, out fault text)
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  subject pg_catalog.text := {{ text_claim("'sub'") }};
  subject_uuid pg_catalog.uuid;
begin
  if subject is null then
    enrollment := 'foreign_user';
  elsif pg_catalog.to_regprocedure('aal.has_second_factor(pg_catalog.text)') is not null then
    fault := aal.function_fault('aal.has_second_factor(pg_catalog.text)');
    if fault is null then
      enrollment := case aal.has_second_factor(subject) when true then 'factor' when false then 'no_factor' else 'unknown_user' end;
    end if;
  else
    fault := aal.factor_store_fault();
    if fault is not null then
      return;
    end if;
    subject_uuid := {{ uuid_of("subject") }};
    if subject_uuid is null then
      enrollment := 'foreign_user';
      return;
    end if;
    -- No row is no such user.
    enrollment := coalesce((
      select case when exists (
          select from only auth.mfa_factors as factors
           where factors.user_id = users.id and pg_catalog.format('%s', factors.status) collate pg_catalog."C" = 'verified'
        ) then 'factor' else 'no_factor' end
        from only auth.users as users
       where {{ is_user("subject_uuid") }}
       limit 1
    ), 'unknown_user');
  end if;
end
$$;

-- Whether Supabase Auth knows this user, who is neither deleted nor banned. With the rights of the caller.
create or replace function aal.is_user(subject uuid) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return exists (
    select from only auth.users as users
     where {{ is_user("subject") }}
  );
end
$$;

-- Raises where nobody can be looked up.
create or replace function aal.refuse_store(message text, hint text) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if message is not null then
    raise object_not_in_prerequisite_state using message = message, hint = hint;
  end if;
end
$$;

create or replace function aal.enrolled_aal() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  looked_up pg_catalog.record;
begin
  if aal.aal() is null then
    return null;
  end if;
  looked_up := aal.look_up_enrollment();
  perform aal.refuse_no_factors(looked_up.fault);
  return aal.level_of_enrollment(looked_up.enrollment);
end
$$;

create or replace function aal.refuse_no_factors(fault text) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  perform aal.refuse_store({{ store_fault.no_factors }} || fault,
    'Without Supabase Auth, make a function aal.has_second_factor(subject text) that returns boolean.');
end
$$;

-- The level that a user can reach; NULL where there is no such user.
create or replace function aal.level_of_enrollment(enrollment text) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return case enrollment
{%- for enrollment, level in levels_of_enrollments %}
    when '{{ enrollment }}' then '{{ level }}'
{%- endfor %}
  end;
end
$$;

create or replace function aal.has_enrolled_aal(max_age interval default null) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  looked_up pg_catalog.record;
begin
  if max_age is not null then
    perform aal.refuse_max_age(max_age);
  end if;
  -- Claims that name no user count as a foreign user's. A session without a level is refused by aal.has_aal() below.
  looked_up := aal.look_up_enrollment();
  -- Nobody's enrolled level is above aal2.
  if looked_up.fault is not null then
    return aal.has_aal('{{ level_of_second_factors }}', max_age);
  elsif looked_up.enrollment in ('unknown_user', 'foreign_user') then
    return false;
  end if;
  return aal.has_aal(aal.level_of_enrollment(looked_up.enrollment), max_age);
end
$$;

create or replace function aal.require_enrolled_aal(max_age interval default null) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.require_enrolled_aal_for(null, max_age);
end
$$;

-- Returns true where the session is at its enrolled level, and raises where it isn't. what: see aal.refuse.
create or replace function aal.require_enrolled_aal_for(what text, max_age interval) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  looked_up pg_catalog.record;
  current_level pg_catalog.text;
  level pg_catalog.text := '{{ level_of_first_factors }}';
  action pg_catalog.text;
begin
  if aal.has_enrolled_aal(max_age) then
    return true;
  end if;
  perform aal.raise_invalid_claims();
  current_level := aal.aal();
  looked_up := aal.look_up_enrollment();
  if current_level is null then
    action := aal.next_step(level, max_age);
  elsif aal.subject() is null or looked_up.enrollment in ('unknown_user', 'foreign_user') then
    perform aal.refuse(what, level, max_age, 'sign_in');
  elsif looked_up.fault is not null then
    perform aal.refuse_no_factors(looked_up.fault);
  else
    level := aal.level_of_enrollment(looked_up.enrollment);
    action := aal.next_step(level, max_age);
  end if;
  perform aal.refuse(what, level, max_age, aal.step_of_user(action, looked_up.enrollment, level, current_level));
  return false;
end
$$;
