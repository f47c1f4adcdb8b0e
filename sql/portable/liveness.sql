-- Sessions that ended -------------------------------------------------------------------------------------------------
-- Where the sessions aren't Supabase Auth's, make a function aal.is_live_session(subject text, session text) returns boolean, stable
-- and parallel safe. Without it, Supabase Auth's tables answer. A function aal.session_timebox() that returns an interval says how
-- long a session of Supabase Auth is live after its sign-in, which isn't in the database.

-- Why no session can be looked up in the tables of Supabase Auth; NULL where it can.
create or replace function aal.session_store_fault() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  sessions pg_catalog.record;
  fault pg_catalog.text;
begin
  select tables.oid, tables.relkind, tables.relowner into sessions
    from pg_catalog.pg_class as tables
   where tables.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'auth') and tables.relname = 'sessions';
  if sessions.oid is null then
    return {{ store_fault.no_session_table }};
  elsif sessions.relkind <> 'r' then
    return {{ store_fault.sessions_not_plain }};
  end if;
  fault := aal.factor_store_fault();
  if fault is not null then
    return fault;
  end if;
  return (
    select case
        when users.relowner <> sessions.relowner then {{ store_fault.sessions_of_others }}
        when (
          select pg_catalog.count(*)
            from pg_catalog.pg_attribute as columns
            join pg_catalog.pg_type as types on types.oid = columns.atttypid
           where columns.attrelid = sessions.oid and columns.attnum > 0 and not columns.attisdropped
             and case
               when columns.attname in ('id', 'user_id', 'factor_id') then types.oid = 'pg_catalog.uuid'::pg_catalog.regtype
               when columns.attname in ('created_at', 'not_after') then types.oid = 'pg_catalog.timestamptz'::pg_catalog.regtype
               when columns.attname = 'aal' then types.oid in ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype) or types.typtype = 'e'
             end
        ) <> 6 then {{ store_fault.other_columns_of_sessions }}
        else aal.hidden_table_fault(sessions.oid)
      end
      from pg_catalog.pg_class as users
     where users.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'auth') and users.relname = 'users'
  );
end
$$;

-- Why no session can be looked up here; NULL where sessions can.
create or replace function aal.sessions_fault() returns text
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
begin
  if pg_catalog.to_regprocedure('aal.is_live_session(pg_catalog.text,pg_catalog.text)') is not null then
    return aal.function_fault('aal.is_live_session(pg_catalog.text,pg_catalog.text)');
  end if;
  return aal.session_store_fault();
end
$$;

-- What the store says of the session of the claims in force, and of no other: live, session_ended, unknown_user or factor_removed. Or
-- why it can't be looked up. Both are NULL where the claims name no session.
create or replace function aal.look_up_session(out liveness text, out fault text)
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  subject pg_catalog.text := aal.text_claim(claims, 'sub');
  session pg_catalog.text := aal.session_id_of(claims);
begin
  if session is null then
    return;
  end if;
  fault := aal.sessions_fault();
  if fault is not null then
    return;
  elsif pg_catalog.to_regprocedure('aal.is_live_session(pg_catalog.text,pg_catalog.text)') is not null then
    liveness := case when aal.is_live_session(subject, session) then 'live' else 'session_ended' end;
  else
    liveness := aal.session_in_supabase_auth(aal.uuid_of(subject), aal.uuid_of(session), aal.level_of(claims));
  end if;
end
$$;

-- The same in the tables of Supabase Auth. With the rights of the caller.
create or replace function aal.session_in_supabase_auth(subject uuid, session uuid, level text) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  found_session pg_catalog.record;
  timebox interval;
begin
  if subject is null or session is null then
    return 'session_ended';
  elsif not aal.is_user(subject) then
    return 'unknown_user';
  end if;
  select sessions.created_at, sessions.not_after, nullif(pg_catalog.format('%s', sessions.aal), '') as level, sessions.factor_id into found_session
    from only auth.sessions as sessions
   where sessions.id = session and sessions.user_id = subject;
  if not found or found_session.not_after <= pg_catalog.statement_timestamp() then
    return 'session_ended';
  end if;
  if pg_catalog.to_regprocedure('aal.session_timebox()') is not null then
    timebox := aal.session_timebox();
    -- A session of unknown age has ended, too.
    if timebox > '0' and (found_session.created_at + timebox > pg_catalog.statement_timestamp()) is not true then
      return 'session_ended';
    end if;
  end if;
  if coalesce(level collate pg_catalog."C" < '{{ level_of_second_factors }}', true) then
    return 'live';
  end if;
  return case
    when found_session.level collate pg_catalog."C" = level and exists (
      select from only auth.mfa_factors as factors
       where factors.id = found_session.factor_id and factors.user_id = subject
         and pg_catalog.format('%s', factors.status) collate pg_catalog."C" = 'verified'
    ) then 'live'
    else 'factor_removed'
  end;
end
$$;

-- Why the session of the claims in force isn't live: a reason. NULL where it is live, and where that can't be looked up.
create or replace function aal.not_live_reason(liveness text) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
begin
  return case
    when claims is null or aal.are_nobodys(claims) then 'not_signed_in'
    when aal.session_id_of(claims) is null then 'no_session_id'
    else nullif(liveness, 'live')
  end;
end
$$;

create or replace function aal.session_is_live() returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  looked_up pg_catalog.record := aal.look_up_session();
begin
  return coalesce(looked_up.liveness = 'live', false) and aal.not_live_reason(looked_up.liveness) is null;
end
$$;

create or replace function aal.require_live_session() returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.require_live_session_for(null, null, null);
end
$$;

-- Returns true where the session is live, and raises where it isn't. what: see aal.refuse. level, max_age: what is asked for with it.
create or replace function aal.require_live_session_for(what text, level text, max_age interval) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  looked_up pg_catalog.record;
  reason pg_catalog.text;
begin
  perform aal.raise_invalid_claims();
  looked_up := aal.look_up_session();
  reason := aal.not_live_reason(looked_up.liveness);
  if reason is null and looked_up.fault is null then
    return coalesce(looked_up.liveness = 'live', false);
  elsif reason is null then
    perform aal.refuse_store({{ store_fault.no_sessions }} || looked_up.fault,
      'Without Supabase Auth, make a function aal.is_live_session(subject text, session text) that returns boolean.');
  end if;
  perform aal.raise_insufficient_aal(
    pg_catalog.format(
      case reason
{%- for refusal in not_live %}
        when '{{ refusal.reason }}' then {{ refusal.message }}
{%- endfor %}
      end, coalesce(what, 'this')),
    aal.refusal_detail(level, max_age, aal.aal(),
      case reason
{%- for refusal in not_live %}
        when '{{ refusal.reason }}' then '{{ refusal.action }}'
{%- endfor %}
      end, reason),
    case reason
{%- for refusal in not_live %}
      when '{{ refusal.reason }}' then {{ refusal.hint }}
{%- endfor %}
    end,
    case reason
{%- for refusal in not_live %}
      when '{{ refusal.reason }}' then {{ refusal.challenge }}
{%- endfor %}
    end);
  return false;
end
$$;
