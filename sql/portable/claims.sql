{% from "macros.sql" import seconds_of, microseconds_of, can_ask_for_validity, has_escape, is_no_jsonb, claims_text, is_stated_once, is_anonymous, text_claim, uuid_of, factor_time_variables, factor_times, newest_factor_time -%}
-- The claims in force -------------------------------------------------------------------------------------------------

-- Their text: request.jwt.claim if it isn't empty, else request.jwt.claims, as Supabase's auth.jwt() reads them.
create or replace function aal.claims_text() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return {{ claims_text() }};
end
$$;

-- The claims of a text that may state something twice. NULL where it is no object, or states a claim twice that decides: parsers
-- differ in which of the two they take. An entry of amr that states its method or time twice becomes null, and proves nothing.
create or replace function aal.claims_stated_once(claims_text text) returns jsonb
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  document pg_catalog.json := claims_text;
  claims pg_catalog.jsonb := claims_text;
begin
  if pg_catalog.jsonb_typeof(claims) <> 'object' then
    return null;
  end if;
  if exists (
    select from pg_catalog.json_object_keys(document) as stated (claim)
     where claim collate pg_catalog."C" = any ({{ deciding }})
     group by claim having pg_catalog.count(*) > 1
  ) then
    return null;
  end if;
  if pg_catalog.jsonb_typeof(claims -> 'amr') <> 'array' then
    return claims;
  end if;
  return claims || pg_catalog.jsonb_build_object('amr', coalesce(
    (
      select pg_catalog.jsonb_agg(
        case
          when pg_catalog.json_typeof(entry) = 'object' and exists (
            select from pg_catalog.json_object_keys(entry) as stated (member)
             where member collate pg_catalog."C" in ('method', 'timestamp')
             group by member having pg_catalog.count(*) > 1
          ) then 'null'
          else entry::pg_catalog.jsonb
        end order by nr)
        from pg_catalog.json_array_elements(document -> 'amr') with ordinality as amr (entry, nr)
    ), '[]'));
end
$$;

-- The claims in force; NULL without any, and where nothing in their text counts.
create or replace function aal.read_claims() returns jsonb
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims_text pg_catalog.text collate pg_catalog."C" := {{ claims_text() }};
  has_escape boolean := {{ has_escape() }};
  claims pg_catalog.jsonb;
  kept pg_catalog.text collate pg_catalog."C";
begin
  if claims_text is null then
    return null;
  end if;
  if {{ can_ask_for_validity() }} then
    if {{ is_no_jsonb() }} then
      return null;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  kept := claims::pg_catalog.text;
  if {{ is_stated_once() }} then
    return case when pg_catalog.jsonb_typeof(claims) = 'object' then claims end;
  end if;
  return aal.claims_stated_once(claims_text);
end
$$;

-- Why nothing counts in the text of the claims: not_json, not_an_object, beyond_jsonb or twice; NULL where they can be read, and
-- without any. Before Postgres 16, text that isn't JSON raises.
create or replace function aal.claims_fault() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims_text pg_catalog.text collate pg_catalog."C" := {{ claims_text() }};
begin
  if claims_text is null then
    return null;
  end if;
  if {{ can_ask_for_validity() }} then
    if not pg_catalog.pg_input_is_valid(claims_text, 'pg_catalog.json') then
      return 'not_json';
    end if;
    if pg_catalog.json_typeof(claims_text::pg_catalog.json) = 'object' and not pg_catalog.pg_input_is_valid(claims_text, 'pg_catalog.jsonb') then
      return 'beyond_jsonb';
    end if;
  end if;
  if pg_catalog.json_typeof(claims_text::pg_catalog.json) <> 'object' then
    return 'not_an_object';
  end if;
  return case when aal.read_claims() is null then 'twice' end;
end
$$;

-- Whether the user is anonymous: the claim is there, and neither false nor null.
create or replace function aal.is_anonymous(claims jsonb) returns boolean
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return {{ is_anonymous() }};
end
$$;

-- The highest level of an anonymous user: NULL, which is none, unless you make a function aal.anonymous_level() that returns aal1.
create or replace function aal.level_of_guests() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if pg_catalog.to_regprocedure('aal.anonymous_level()') is null then
    return null;
  end if;
  return case when aal.anonymous_level() collate pg_catalog."C" = 'aal1' then 'aal1' end;
end
$$;

-- What the claim aal comes to: a level, guest, unknown or missing.
create or replace function aal.level_claim(claims jsonb) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if coalesce(pg_catalog.jsonb_typeof(claims -> 'aal'), 'null') = 'null' then
    return 'missing';
  elsif ((claims ->> 'aal') collate pg_catalog."C" = any ({{ levels_array }})) is not true then
    return 'unknown';
  elsif not aal.is_anonymous(claims) then
    return claims ->> 'aal';
  end if;
  return coalesce(aal.level_of_guests(), 'guest');
end
$$;

-- The level that claims come to; NULL for none.
create or replace function aal.level_of(claims jsonb) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  level_claim pg_catalog.text := aal.level_claim(claims);
begin
  return case when level_claim collate pg_catalog."C" = any ({{ levels_array }}) then level_claim end;
end
$$;

-- Whether claims are nobody's: they name no user and no level. A request without a token has such claims, and an API key.
create or replace function aal.are_nobodys(claims jsonb) returns boolean
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return coalesce(claims -> 'sub', 'null') in ('null'::pg_catalog.jsonb, '""'::pg_catalog.jsonb)
    and coalesce(pg_catalog.jsonb_typeof(claims -> 'aal'), 'null') = 'null';
end
$$;

-- A claim that is a text, and not empty; else NULL.
create or replace function aal.text_claim(claims jsonb, name text) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return {{ text_claim("name") }};
end
$$;

-- The name of the session, where a user is named with it.
create or replace function aal.session_id_of(claims jsonb) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return case
    when aal.text_claim(claims, 'sub') is null then null
    when coalesce(pg_catalog.jsonb_typeof(claims -> 'session_id'), 'null') = 'null' then aal.text_claim(claims, 'sid')
    else aal.text_claim(claims, 'session_id')
  end;
end
$$;

-- A UUID in its hyphenated form; NULL for any other text.
create or replace function aal.uuid_of(written text) returns uuid
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return {{ uuid_of("written") }};
end
$$;

-- When the factor was last verified that gives a level, in microseconds since 1970; NULL where the claims don't say.
create or replace function aal.factor_time(claims jsonb, level text) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  {{ factor_time_variables() }}
begin
  {{ factor_times() }}
  {{ newest_factor_time() }}
  return {{ microseconds_of("newest") }};
end
$$;

-- A NumericDate in microseconds since 1970; NULL for another type, and for a number that can't be a time.
create or replace function aal.microseconds_of(numeric_date jsonb) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  seconds double precision := {{ seconds_of("numeric_date") }};
begin
  return {{ microseconds_of("seconds") }};
end
$$;

-- A time in microseconds since 1970.
create or replace function aal.time_of(microseconds bigint) returns timestamp with time zone
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  -- As a text: the product of an interval would be rounded, far from now. NULL stays NULL.
  return timestamp with time zone '1970-01-01 00:00:00+00'
    + ((microseconds / 1000000) || '.' || pg_catalog.lpad((microseconds % 1000000)::pg_catalog.text, 6, '0') || ' seconds')::interval;
end
$$;
