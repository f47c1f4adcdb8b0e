{% from "macros.sql" import can_ask_for_validity, has_escape, is_no_jsonb, claims_text, is_stated_once, is_anonymous, meets, array, microseconds_of, factor_time_variables, factor_times, newest_factor_time, now, latest, is_fresh -%}
-- The session ---------------------------------------------------------------------------------------------------------
-- For policies: (select aal.has_aal('aal2')). Always with that select: bare, Postgres evaluates it for every row.

create or replace function aal.has_aal(level text, max_age interval default null) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims_text pg_catalog.text collate pg_catalog."C" := {{ claims_text() }};
  has_escape boolean := {{ has_escape() }};
  claims pg_catalog.jsonb;
  kept pg_catalog.text collate pg_catalog."C";
  {{ factor_time_variables() }}
  since interval;
  age bigint;
begin
  -- What this costs, each statement pays: each operator and each function by what it does, and by being looked up anew in each
  -- transaction. Without claims all that follows is NULL.
  if (level collate pg_catalog."C" = any ({{ levels_array }})) is not true then
    perform aal.refuse_arguments(level, max_age);
  elsif max_age is not null then
    if max_age < '0' or not pg_catalog.isfinite(max_age) then
      perform aal.refuse_arguments(level, max_age);
    end if;
  end if;
  if {{ can_ask_for_validity() }} then
    if {{ is_no_jsonb() }} then
      return false;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  -- Usually the claims say that the user isn't anonymous: then one expression decides.
  if ({{ meets("(claims ->> 'aal')") }} and claims @> '{"is_anonymous": false}') is not true then
    if ({{ meets("(claims ->> 'aal')") }}) is not true then
      return false;
    elsif {{ is_anonymous() }} then
      if level collate pg_catalog."C" > 'aal1' or aal.level_of_guests() is null then
        return false;
      end if;
    end if;
  end if;
  kept := claims::pg_catalog.text;
  if not ({{ is_stated_once() }}) then
    claims := aal.claims_stated_once(claims_text);
    if claims is null then
      return false;
    end if;
  end if;
  if max_age is null then
    return true;
  end if;
  {{ factor_times() }}
  -- Usually there is one such time, and it is well within max_age. (jsonb compares arrays by their length first.) This grants nothing
  -- that the exact test below refuses: to_timestamp() rounds to a microsecond where that one cuts off, so a factor of exactly this age
  -- isn't granted here.
  since := case when times between '[1]' and '[99999999999]' then
      pg_catalog.statement_timestamp() - pg_catalog.to_timestamp((times -> 0)::double precision)
    end;
  if since >= '-{{ clock_skew }} seconds' and since < max_age then
    return true;
  end if;
  {{ newest_factor_time() }}
  age := {{ now() }} - ({{ microseconds_of("newest") }});
  return coalesce({{ is_fresh("age") }}, false);
end
$$;

create or replace function aal.require_aal(level text, max_age interval default null) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.has_aal(level, max_age) or aal.require_aal_for(null, level, max_age);
end
$$;

create or replace function aal.claims() returns jsonb
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if aal.read_claims() is not null then
    return aal.claims_text()::pg_catalog.jsonb;
  end if;
  if aal.claims_fault() = 'beyond_jsonb' then
    perform aal.raise_invalid_claims();
  end if;
  return null;
end
$$;

create or replace function aal.subject() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.text_claim(aal.read_claims(), 'sub');
end
$$;

create or replace function aal.subject_uuid() returns uuid
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.uuid_of(aal.text_claim(aal.read_claims(), 'sub'));
end
$$;

create or replace function aal.aal() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return aal.level_of(aal.read_claims());
end
$$;

create or replace function aal.amr() returns table (method text, authenticated_at timestamp with time zone, level text)
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  methods pg_catalog.jsonb := aal.read_claims() -> 'amr';
begin
  if pg_catalog.jsonb_typeof(methods) is distinct from 'array' then
    return;
  end if;
  return query
    select name,
           aal.time_of(verified_at),
           case
             when name collate pg_catalog."C" = any ({{ array(second_factors) }}) then '{{ level_of_second_factors }}'
             when name collate pg_catalog."C" <> all ({{ array(proves_nothing) }}) then '{{ level_of_first_factors }}'
           end
      from (
        select nr,
               case pg_catalog.jsonb_typeof(entry)
                 when 'string' then entry #>> '{}'
                 when 'object' then case when pg_catalog.jsonb_typeof(entry -> 'method') = 'string' then entry ->> 'method' end
               end as name,
               aal.microseconds_of(case when pg_catalog.jsonb_typeof(entry) = 'object' then entry -> 'timestamp' end) as verified_at
          from pg_catalog.jsonb_array_elements(methods) with ordinality as amr (entry, nr)
      ) as read
     where name is not null
     order by verified_at desc nulls last, nr;
end
$$;

create or replace function aal.authenticated_at(level text default 'aal1') returns timestamp with time zone
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  verified_at bigint;
begin
  perform aal.refuse_arguments(level, null);
  if ({{ meets("aal.level_of(claims)") }}) is not true then
    return null;
  end if;
  verified_at := aal.factor_time(claims, level);
  return case when not verified_at > {{ latest() }} then aal.time_of(verified_at) end;
end
$$;
