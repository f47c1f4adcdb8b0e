-- pg_aal 0.1.0, the portable edition: step-up authentication for row-level security, in plain SQL.
--
-- Written by `make portable` from sql/portable/ and crates/aal. Don't edit it: an upgrade is the next file.
-- Run it as the role that owns your tables (on Supabase: postgres). It is safe to run again.
do $$
declare
  owner pg_catalog.name := (select pg_catalog.pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = 'aal');
  stranger pg_catalog.text;
begin
  if pg_catalog.getdatabaseencoding() <> 'UTF8' then
    raise feature_not_supported using
      message = pg_catalog.format('pg_aal needs a database with encoding UTF8, and this one has %s', pg_catalog.getdatabaseencoding());
  end if;
  if owner <> current_user then
    raise insufficient_privilege using
      message = pg_catalog.format('schema aal belongs to %I, and this is %I', owner, current_user),
      hint = 'If it holds the portable edition, run this as its owner. Else rename that schema: the portable edition needs the name.';
  end if;
  -- What somebody else made in it could be called in the place of what is made here.
  select pg_catalog.format('%s of %I', function.oid::pg_catalog.regprocedure, pg_catalog.pg_get_userbyid(function.proowner))
    into stranger
    from pg_catalog.pg_proc as function
   where function.pronamespace = pg_catalog.to_regnamespace('aal')
     and pg_catalog.pg_get_userbyid(function.proowner) <> current_user
   limit 1;
  if stranger is not null then
    raise insufficient_privilege using
      message = pg_catalog.format('schema aal holds a function of another role: %s', stranger),
      hint = 'Drop it, or give it to the owner of the schema.';
  end if;
end
$$;

create schema if not exists aal;

-- Only its owner creates in it: a function here decides who passes.
revoke create on schema aal from public;
grant usage on schema aal to public;

create or replace function aal.version() returns text
language sql immutable parallel safe
set search_path = ''
as $$ select '0.1.0'::pg_catalog.text $$;

-- The claims in force -------------------------------------------------------------------------------------------------

-- Their text: request.jwt.claim if it isn't empty, else request.jwt.claims, as Supabase's auth.jwt() reads them.
create or replace function aal.claims_text() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''));
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
     where claim collate pg_catalog."C" = any (array['aal', 'sub', 'amr', 'auth_time', 'is_anonymous', 'session_id', 'sid'])
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
  claims_text pg_catalog.text collate pg_catalog."C" := coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''));
  has_escape boolean := pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') > 0;
  claims pg_catalog.jsonb;
  kept pg_catalog.text collate pg_catalog."C";
begin
  if claims_text is null then
    return null;
  end if;
  if pg_catalog.current_setting('server_version_num') collate pg_catalog."C" >= '160000' then
    if not pg_catalog.pg_input_is_valid(claims_text, case when has_escape then 'pg_catalog.jsonb' else 'pg_catalog.json' end) then
      return null;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  kept := claims::pg_catalog.text;
  if not has_escape and pg_catalog.octet_length(pg_catalog.replace(claims_text, ':', '') || kept)
      = pg_catalog.octet_length(pg_catalog.replace(kept, ':', '') || claims_text) then
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
  claims_text pg_catalog.text collate pg_catalog."C" := coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''));
begin
  if claims_text is null then
    return null;
  end if;
  if pg_catalog.current_setting('server_version_num') collate pg_catalog."C" >= '160000' then
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
  return coalesce(claims -> 'is_anonymous', 'false') not in ('false'::pg_catalog.jsonb, 'null'::pg_catalog.jsonb);
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
  elsif ((claims ->> 'aal') collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3'])) is not true then
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
  return case when level_claim collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3']) then level_claim end;
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
  return case when pg_catalog.jsonb_typeof(claims -> name) = 'string' then nullif((claims ->> name) collate pg_catalog."C", '') end;
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
  return case
    when written collate pg_catalog."C" ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$'
      then written::pg_catalog.uuid
  end;
end
$$;

-- When the factor was last verified that gives a level, in microseconds since 1970; NULL where the claims don't say.
create or replace function aal.factor_time(claims jsonb, level text) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  methods pg_catalog.jsonb;
  times pg_catalog.jsonb;
  newest double precision;
begin
  times := pg_catalog.jsonb_path_query_array(claims, case level collate pg_catalog."C"
    when 'aal1' then 'strict $.amr[*] ? ((@.method.type() == "string" && @.method != "token_refresh" && @.method != "anonymous") && @.timestamp >= 5e-324 && @.timestamp < 1e13).timestamp'::pg_catalog.jsonpath
    else 'strict $.amr[*] ? ((@.method == "totp" || @.method == "mfa/phone" || @.method == "mfa/webauthn" || @.method == "mfa/recovery_code") && @.timestamp >= 5e-324 && @.timestamp < 1e13).timestamp'::pg_catalog.jsonpath
  end, '{}', true);
  for nr in 0 .. pg_catalog.jsonb_array_length(times) - 1 loop
    newest := greatest(newest, nullif(least(greatest((times -> nr)::numeric, 1e-300)::double precision, 9223372036854), 9223372036854));
  end loop;
  if newest is null then
    methods := claims -> 'amr';
    if pg_catalog.jsonb_typeof(methods) = 'array' and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := case when pg_catalog.jsonb_typeof(claims -> 'auth_time') = 'number' then
        case when (claims -> 'auth_time')::numeric >= 5e-324 and (claims -> 'auth_time')::numeric < 1e13 then
          nullif(least(greatest((claims -> 'auth_time')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end;
    end if;
  end if;
  return pg_catalog.trunc(newest)::bigint * 1000000
      + pg_catalog.trunc((newest - pg_catalog.trunc(newest)) * 1000000)::bigint;
end
$$;

-- A NumericDate in microseconds since 1970; NULL for another type, and for a number that can't be a time.
create or replace function aal.microseconds_of(numeric_date jsonb) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  seconds double precision := case when pg_catalog.jsonb_typeof(numeric_date) = 'number' then
        case when (numeric_date)::numeric >= 5e-324 and (numeric_date)::numeric < 1e13 then
          nullif(least(greatest((numeric_date)::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end;
begin
  return pg_catalog.trunc(seconds)::bigint * 1000000
      + pg_catalog.trunc((seconds - pg_catalog.trunc(seconds)) * 1000000)::bigint;
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

-- The session ---------------------------------------------------------------------------------------------------------
-- For policies: (select aal.has_aal('aal2')). Always with that select: bare, Postgres evaluates it for every row.

create or replace function aal.has_aal(level text, max_age interval default null) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims_text pg_catalog.text collate pg_catalog."C" := coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''));
  has_escape boolean := pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') > 0;
  claims pg_catalog.jsonb;
  kept pg_catalog.text collate pg_catalog."C";
  methods pg_catalog.jsonb;
  times pg_catalog.jsonb;
  newest double precision;
  since interval;
  age bigint;
begin
  -- What this costs, each statement pays: each operator and each function by what it does, and by being looked up anew in each
  -- transaction. Without claims all that follows is NULL.
  if (level collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3'])) is not true then
    perform aal.refuse_arguments(level, max_age);
  elsif max_age is not null then
    if max_age < '0' or not pg_catalog.isfinite(max_age) then
      perform aal.refuse_arguments(level, max_age);
    end if;
  end if;
  if pg_catalog.current_setting('server_version_num') collate pg_catalog."C" >= '160000' then
    if not pg_catalog.pg_input_is_valid(claims_text, case when has_escape then 'pg_catalog.jsonb' else 'pg_catalog.json' end) then
      return false;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  -- Usually the claims say that the user isn't anonymous: then one expression decides.
  if ((claims ->> 'aal') collate pg_catalog."C" >= level and (claims ->> 'aal') collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3']) and claims @> '{"is_anonymous": false}') is not true then
    if ((claims ->> 'aal') collate pg_catalog."C" >= level and (claims ->> 'aal') collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3'])) is not true then
      return false;
    elsif coalesce(claims -> 'is_anonymous', 'false') not in ('false'::pg_catalog.jsonb, 'null'::pg_catalog.jsonb) then
      if level collate pg_catalog."C" > 'aal1' or aal.level_of_guests() is null then
        return false;
      end if;
    end if;
  end if;
  kept := claims::pg_catalog.text;
  if not (not has_escape and pg_catalog.octet_length(pg_catalog.replace(claims_text, ':', '') || kept)
      = pg_catalog.octet_length(pg_catalog.replace(kept, ':', '') || claims_text)) then
    claims := aal.claims_stated_once(claims_text);
    if claims is null then
      return false;
    end if;
  end if;
  if max_age is null then
    return true;
  end if;
  times := pg_catalog.jsonb_path_query_array(claims, case level collate pg_catalog."C"
    when 'aal1' then 'strict $.amr[*] ? ((@.method.type() == "string" && @.method != "token_refresh" && @.method != "anonymous") && @.timestamp >= 5e-324 && @.timestamp < 1e13).timestamp'::pg_catalog.jsonpath
    else 'strict $.amr[*] ? ((@.method == "totp" || @.method == "mfa/phone" || @.method == "mfa/webauthn" || @.method == "mfa/recovery_code") && @.timestamp >= 5e-324 && @.timestamp < 1e13).timestamp'::pg_catalog.jsonpath
  end, '{}', true);
  -- Usually there is one such time, and it is well within max_age. (jsonb compares arrays by their length first.) This grants nothing
  -- that the exact test below refuses: to_timestamp() rounds to a microsecond where that one cuts off, so a factor of exactly this age
  -- isn't granted here.
  since := case when times between '[1]' and '[99999999999]' then
      pg_catalog.statement_timestamp() - pg_catalog.to_timestamp((times -> 0)::double precision)
    end;
  if since >= '-30 seconds' and since < max_age then
    return true;
  end if;
  for nr in 0 .. pg_catalog.jsonb_array_length(times) - 1 loop
    newest := greatest(newest, nullif(least(greatest((times -> nr)::numeric, 1e-300)::double precision, 9223372036854), 9223372036854));
  end loop;
  if newest is null then
    methods := claims -> 'amr';
    if pg_catalog.jsonb_typeof(methods) = 'array' and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := case when pg_catalog.jsonb_typeof(claims -> 'auth_time') = 'number' then
        case when (claims -> 'auth_time')::numeric >= 5e-324 and (claims -> 'auth_time')::numeric < 1e13 then
          nullif(least(greatest((claims -> 'auth_time')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end;
    end if;
  end if;
  age := (extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint - (pg_catalog.trunc(newest)::bigint * 1000000
      + pg_catalog.trunc((newest - pg_catalog.trunc(newest)) * 1000000)::bigint);
  return coalesce(age >= -30000000 and age * interval '1 microsecond' <= max_age, false);
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
             when name collate pg_catalog."C" = any (array['totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code']) then 'aal2'
             when name collate pg_catalog."C" <> all (array['token_refresh', 'anonymous']) then 'aal1'
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
  if (aal.level_of(claims) collate pg_catalog."C" >= level and aal.level_of(claims) collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3'])) is not true then
    return null;
  end if;
  verified_at := aal.factor_time(claims, level);
  return case when not verified_at > (extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint + 30000000 then aal.time_of(verified_at) end;
end
$$;

-- Refusals ------------------------------------------------------------------------------------------------------------

-- Raises for a text that names no level. valid: the levels that would do, lowest first.
create or replace function aal.refuse_level(level text, valid text[]) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  found_level pg_catalog.text collate pg_catalog."C" := level;
  word pg_catalog.text collate pg_catalog."C";
  meant pg_catalog.text collate pg_catalog."C";
begin
  if found_level is null then
    raise null_value_not_allowed using message = 'level must not be null';
  elsif found_level collate pg_catalog."C" = any (valid) then
    return;
  elsif found_level = 'enrolled' then
    raise invalid_parameter_value using message = 'level "enrolled" is another for each user', hint = 'Ask aal.has_enrolled_aal(), aal.require_enrolled_aal() or aal.enrolled_aal().';
  end if;
  foreach word in array array[found_level, pg_catalog.split_part(pg_catalog.translate(found_level, ',', ' '), ' ', 1)] loop
    word := pg_catalog.lower(pg_catalog.regexp_replace(word, '[^A-Za-z0-9]', '', 'g'));
    word := case word when '1' then 'aal1' when '1fa' then 'aal1' when 'password' then 'aal1' when '2' then 'aal2' when '2fa' then 'aal2' when 'mfa' then 'aal2' when 'totp' then 'aal2' when 'secondfactor' then 'aal2' when 'twofactor' then 'aal2' when '3' then 'aal3' else word end;
    meant := coalesce(meant, case when word collate pg_catalog."C" = any (valid) then word end);
  end loop;
  raise invalid_parameter_value using
    message = pg_catalog.format('unknown assurance level "%1$s": valid levels are %2$s',
      pg_catalog."left"(found_level, 40)
        || case when pg_catalog.length(found_level) > 40 then '...' else '' end,
      pg_catalog.array_to_string(valid, ', ')),
    hint = coalesce(case when meant is not null then pg_catalog.format('Did you mean %1$s? ', meant) end, '')
      || pg_catalog.format('Valid levels are %1$s.', pg_catalog.array_to_string(valid, ', '));
end
$$;

-- Raises for a max_age that is none. NULL is one: any age.
create or replace function aal.refuse_max_age(max_age interval) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if max_age < '0' then
    raise invalid_parameter_value using message = 'max_age must not be negative', hint = 'Leave max_age out to ask for a level of any age.';
  elsif not pg_catalog.isfinite(max_age) then
    raise invalid_parameter_value using message = 'max_age must be finite', hint = 'Leave max_age out to ask for a level of any age.';
  end if;
end
$$;

create or replace function aal.refuse_arguments(level text, max_age interval) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  perform aal.refuse_level(level, array['aal1', 'aal2', 'aal3']);
  perform aal.refuse_max_age(max_age);
end
$$;

-- Raises where the text of the claims can't be read. Says why, never what they are.
create or replace function aal.raise_invalid_claims() returns void
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  fault pg_catalog.text := aal.claims_fault();
begin
  if fault is null then
    return;
  end if;
  raise invalid_text_representation using
    message = case fault
      when 'not_json' then 'invalid_claims: the claims are not JSON'
      when 'not_an_object' then 'invalid_claims: the claims are not a JSON object'
      when 'twice' then 'invalid_claims: the claims state aal, sub, amr, auth_time, is_anonymous, session_id or sid twice'
      when 'beyond_jsonb' then 'invalid_claims: the claims hold something that jsonb cannot'
    end,
    hint = case fault
      when 'not_json' then 'The gateway, such as PostgREST, must set request.jwt.claims to one JSON object.'
      when 'not_an_object' then 'The gateway, such as PostgREST, must set request.jwt.claims to one JSON object.'
      when 'twice' then 'The gateway, such as PostgREST, must set request.jwt.claims to one JSON object.'
      when 'beyond_jsonb' then 'jsonb holds no ' || pg_catalog.chr(92) || 'u0000, no half of a surrogate pair, and no number beyond numeric.'
    end;
end
$$;

-- A max_age in whole microseconds, with days of 24 hours and months of 30 days.
create or replace function aal.microseconds_in(max_age interval) returns numeric
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  -- Without any, least() would answer the limit.
  return case when max_age is not null then least(9223372036854775807,
    ((extract(year from max_age) * 12 + extract(month from max_age)) * 30 + extract(day from max_age)) * 86400000000
    + extract(hour from max_age) * 3600000000 + extract(minute from max_age) * 60000000
    + extract(microseconds from max_age)) end;
end
$$;

-- A max_age in words: 900 seconds.
create or replace function aal.in_seconds(max_age interval) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  microseconds numeric := aal.microseconds_in(max_age);
begin
  return case microseconds when 1000000 then '1 second' else pg_catalog.trim_scale(microseconds / 1000000)::pg_catalog.text || ' seconds' end;
end
$$;

-- Raises insufficient_aal, as an error with DETAIL and HINT; or as PostgREST turns it into a response, where it asks.
create or replace function aal.raise_insufficient_aal(message text, detail text, hint text, challenge text) returns void
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  if coalesce(pg_catalog.current_setting('request.method', true), '') = '' then
    raise insufficient_privilege using message = message, detail = detail, hint = hint;
  end if;
  raise sqlstate 'PGRST' using
    message = pg_catalog.format('{"code":"insufficient_aal","details":%1$s,"hint":%2$s,"message":%3$s}',
      pg_catalog.to_json(detail), pg_catalog.to_json(hint), pg_catalog.to_json(message)),
    detail = pg_catalog.format('{"headers":{"Access-Control-Expose-Headers":"WWW-Authenticate","WWW-Authenticate":%1$s},"status":401}', pg_catalog.to_json(challenge));
end
$$;

-- The DETAIL of a refusal.
create or replace function aal.refusal_detail(level text, max_age interval, current_level text, action text, reason text) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return pg_catalog.format('{"code":"insufficient_aal","required_aal":%1$s,"current_aal":%2$s,"max_age":%3$s,"action":"%4$s","reason":"%5$s"}',
    coalesce(pg_catalog.to_json(level)::pg_catalog.text, 'null'),
    coalesce(pg_catalog.to_json(current_level)::pg_catalog.text, 'null'),
    coalesce(pg_catalog.div(aal.microseconds_in(max_age), 1000000)::pg_catalog.text, 'null'),
    case action when 'leave_anonymity' then 'sign_in' else action end,
    reason);
end
$$;

-- The value of the claim aal that is no level, where it may be shown.
create or replace function aal.shown_level_claim() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claim pg_catalog.json := aal.claims_text()::pg_catalog.json -> 'aal';
  shown pg_catalog.text collate pg_catalog."C" := case pg_catalog.json_typeof(claim) when 'string' then claim #>> '{}' else claim::pg_catalog.text end;
begin
  return case when shown ~ '^[A-Za-z0-9_.:-]+$' and pg_catalog.length(shown) <= 40 then shown end;
end
$$;

-- Refuses a session that doesn't meet a level. what: what was asked for, such as `update on payments`.
create or replace function aal.refuse(what text, level text, max_age interval, action text) returns void
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claim pg_catalog.text := aal.level_claim(aal.read_claims());
  current_level pg_catalog.text := case when claim = any (array['aal1', 'aal2', 'aal3']) then claim end;
  standing pg_catalog.text := case
    when current_level is null then claim
    when current_level collate pg_catalog."C" < level then 'below'
    else 'enough'
  end;
  shown pg_catalog.text := case when claim = 'unknown' then aal.shown_level_claim() end;
  reason pg_catalog.text;
  message pg_catalog.text;
  hint pg_catalog.text;
  challenge pg_catalog.text;
begin
  reason := case action || ' ' || standing
    when 'configure enough' then 'no_time'
    when 'configure missing' then 'no_level'
    when 'configure unknown' then 'no_level'
    when 'enroll below' then 'level_too_low'
    when 'enroll enough' then 'not_fresh'
    when 'leave_anonymity below' then 'anonymous_user'
    when 'leave_anonymity enough' then 'anonymous_user'
    when 'leave_anonymity guest' then 'anonymous_user'
    when 'reverify enough' then 'not_fresh'
    when 'sign_in below' then 'unknown_user'
    when 'sign_in enough' then 'unknown_user'
    when 'sign_in guest' then 'unknown_user'
    when 'sign_in missing' then 'not_signed_in'
    when 'verify below' then 'level_too_low'
    when 'verify guest' then 'level_too_low'
  end;
  message := pg_catalog.format(
    case reason || case when current_level is null then ' none' else '' end
      when 'anonymous_user' then 'insufficient_aal: %1$s requires %2$s, and the session''s user is anonymous'
      when 'anonymous_user none' then 'insufficient_aal: %1$s requires %2$s, and the session''s user is anonymous'
      when 'level_too_low' then 'insufficient_aal: %1$s requires %2$s, and the session is at %4$s'
      when 'level_too_low none' then 'insufficient_aal: %1$s requires %2$s, and the session has no assurance level'
      when 'no_level none' then 'insufficient_aal: %1$s requires %2$s, and the session''s token states no assurance level'
      when 'no_time' then 'insufficient_aal: %1$s requires %2$s verified within the last %3$s, and the session''s token does not say when it was'
      when 'not_fresh' then 'insufficient_aal: %1$s requires %2$s verified within the last %3$s'
      when 'not_signed_in none' then 'insufficient_aal: %1$s requires %2$s, and the session has no assurance level'
      when 'unknown_user' then 'insufficient_aal: %1$s requires %2$s, and the session''s user is not known'
      when 'unknown_user none' then 'insufficient_aal: %1$s requires %2$s, and the session''s user is not known'
    end,
    coalesce(what, 'this'), level, aal.in_seconds(max_age), current_level);
  hint := pg_catalog.format(
    case action || case
      when action = 'configure' and current_level is not null then ' level'
      when action = 'configure' and shown is not null then ' shown'
      when action = 'configure' then ' ' || standing
      when action = 'reverify' and level = 'aal1' then ' aal1'
      else ''
    end
      when 'configure level' then 'The access token does not say when the factor was verified: its claim amr has no entry of one, with a time in seconds. Signing in again does not change that: see docs/tokens_without_aal.md.'
      when 'configure missing' then 'The access token has no claim aal. Signing in again does not change that: see docs/tokens_without_aal.md.'
      when 'configure shown' then 'The claim aal of the access token is "%1$s", and must be aal1, aal2 or aal3. Signing in again does not change that: see docs/tokens_without_aal.md.'
      when 'configure unknown' then 'The claim aal of the access token must be aal1, aal2 or aal3, and is something else. Signing in again does not change that: see docs/tokens_without_aal.md.'
      when 'enroll' then 'Enroll a second factor and verify it, then try again with the new access token.'
      when 'leave_anonymity' then 'An anonymous user has shown no factor, and cannot enroll one. Add an e-mail address, a phone number or an identity to the user, or sign in as another; then try again with the new access token.'
      when 'reverify' then 'Verify the factor again, then try again with the new access token.'
      when 'reverify aal1' then 'Sign in again, then try again with the new access token.'
      when 'sign_in' then 'Sign in, then try again with the new access token.'
      when 'verify' then 'Verify a second factor, then try again with the new access token.'
    end, shown);
  challenge := pg_catalog.format(
    case action || case when reason = 'no_time' then ' no_time' else '' end
      when 'configure' then 'Bearer error="insufficient_user_authentication", error_description="The access token states no authentication level", acr_values="%1$s"%2$s'
      when 'configure no_time' then 'Bearer error="insufficient_user_authentication", error_description="The access token states no time of authentication", acr_values="%1$s"%2$s'
      when 'enroll' then 'Bearer error="insufficient_user_authentication", error_description="A higher authentication level is required", acr_values="%1$s"%2$s'
      when 'leave_anonymity' then 'Bearer error="insufficient_user_authentication", error_description="Sign in", acr_values="%1$s"%2$s'
      when 'reverify' then 'Bearer error="insufficient_user_authentication", error_description="More recent authentication is required", acr_values="%1$s"%2$s'
      when 'sign_in' then 'Bearer error="insufficient_user_authentication", error_description="Sign in", acr_values="%1$s"%2$s'
      when 'verify' then 'Bearer error="insufficient_user_authentication", error_description="A higher authentication level is required", acr_values="%1$s"%2$s'
    end,
    level, case when max_age is null then '' else pg_catalog.format(', max_age="%1$s"', pg_catalog.div(aal.microseconds_in(max_age), 1000000)) end);
  perform aal.raise_insufficient_aal(message, aal.refusal_detail(level, max_age, current_level, action, reason), hint, challenge);
end
$$;

-- What the client of a session must do to meet a level, by its claims alone; NULL where it meets the level.
create or replace function aal.next_step(level text, max_age interval) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  claim pg_catalog.text collate pg_catalog."C" := aal.level_claim(claims);
  action pg_catalog.text;
  verified_at bigint;
begin
  if claims is null or claim = 'missing' and aal.are_nobodys(claims) then
    return 'sign_in';
  elsif claim = 'guest' then
    return 'leave_anonymity';
  elsif claim in ('missing', 'unknown') then
    return 'configure';
  elsif claim < level then
    action := 'verify';
  elsif max_age is null then
    return null;
  else
    verified_at := aal.factor_time(claims, level);
    if verified_at is null then
      action := case when level = 'aal1' and aal.began_anonymously(claims) then 'reverify' else 'configure' end;
    elsif ((extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint - verified_at) >= -30000000 and ((extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint - verified_at) * interval '1 microsecond' <= max_age then
      return null;
    else
      action := 'reverify';
    end if;
  end if;
  return case when aal.is_anonymous(claims) then 'leave_anonymity' else action end;
end
$$;

-- Whether the session began with an anonymous sign-in, and the token says when.
create or replace function aal.began_anonymously(claims jsonb) returns boolean
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return exists (
    select from pg_catalog.jsonb_array_elements(case when pg_catalog.jsonb_typeof(claims -> 'amr') = 'array' then claims -> 'amr' end) as amr (entry)
     where entry -> 'method' = '"anonymous"' and aal.microseconds_of(entry -> 'timestamp') is not null
  );
end
$$;

-- The same step, knowing the user: one without a factor can't verify one, but enroll one, and one who is gone can do neither.
create or replace function aal.step_of_user(action text, enrollment text, level text, current_level text) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return case action || ' ' || coalesce(enrollment, '') || case when coalesce(current_level collate pg_catalog."C" < level, true) then ' below' else '' end
    || case when level collate pg_catalog."C" > 'aal1' then ' factor' else '' end
    when 'enroll unknown_user below factor' then 'sign_in'
    when 'enroll unknown_user factor' then 'sign_in'
    when 'leave_anonymity factor' then 'reverify'
    when 'leave_anonymity factor below' then 'verify'
    when 'leave_anonymity factor below factor' then 'verify'
    when 'leave_anonymity unknown_user' then 'sign_in'
    when 'leave_anonymity unknown_user below' then 'sign_in'
    when 'leave_anonymity unknown_user below factor' then 'sign_in'
    when 'reverify no_factor factor' then 'enroll'
    when 'reverify unknown_user' then 'sign_in'
    when 'reverify unknown_user factor' then 'sign_in'
    when 'verify no_factor below factor' then 'enroll'
    when 'verify unknown_user below' then 'sign_in'
    when 'verify unknown_user below factor' then 'sign_in'
    else action
  end;
end
$$;

-- Returns true where the session meets a level, and raises where it doesn't. what: see aal.refuse.
create or replace function aal.require_aal_for(what text, level text, max_age interval) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  action pg_catalog.text;
begin
  if aal.has_aal(level, max_age) then
    return true;
  end if;
  perform aal.raise_invalid_claims();
  action := aal.next_step(level, max_age);
  if action not in ('sign_in', 'configure') then
    action := aal.step_of_user(action, (select looked_up.enrollment from aal.look_up_enrollment() as looked_up), level, aal.aal());
  end if;
  perform aal.refuse(what, level, max_age, action);
  return false;
end
$$;

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
          oid::pg_catalog.regprocedure || ' ' || 'names a function that does not return boolean, is volatile, or is not parallel safe'
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
        when users.relkind <> 'r' or factors.relkind <> 'r' then 'auth.users and auth.mfa_factors are not both plain tables'
        when users.relowner <> factors.relowner or not case
          when pg_catalog.pg_get_userbyid(users.relowner) = 'supabase_auth_admin' then true
          else aal.may_keep_users(users.relowner, users.relnamespace)
        end then 'auth.users and auth.mfa_factors do not belong to who keeps the users'
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
        ) <> 6 then 'the columns of auth.users and auth.mfa_factors are not those of Supabase Auth'
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
  return case when fault is null then 'there are no tables auth.users and auth.mfa_factors' when fault <> 'none' then fault end;
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
  subject pg_catalog.text := case when pg_catalog.jsonb_typeof(claims -> 'sub') = 'string' then nullif((claims ->> 'sub') collate pg_catalog."C", '') end;
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
    subject_uuid := case
    when subject collate pg_catalog."C" ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$'
      then subject::pg_catalog.uuid
  end;
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
       where users.id = subject_uuid and users.deleted_at is null
       and (users.banned_until is null or users.banned_until <= pg_catalog.statement_timestamp())
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
     where users.id = subject and users.deleted_at is null
       and (users.banned_until is null or users.banned_until <= pg_catalog.statement_timestamp())
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
  perform aal.refuse_store('cannot look up who has enrolled a second factor: ' || fault,
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
    when 'factor' then 'aal2'
    when 'no_factor' then 'aal1'
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
    return aal.has_aal('aal2', max_age);
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
  level pg_catalog.text := 'aal1';
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
    return 'there is no table auth.sessions';
  elsif sessions.relkind <> 'r' then
    return 'auth.sessions is not a plain table';
  end if;
  fault := aal.factor_store_fault();
  if fault is not null then
    return fault;
  end if;
  return (
    select case
        when users.relowner <> sessions.relowner then 'auth.sessions has another owner than auth.users'
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
        ) <> 6 then 'the columns of auth.sessions, auth.users and auth.mfa_factors are not those of Supabase Auth since 2023'
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
  if coalesce(level collate pg_catalog."C" < 'aal2', true) then
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
    perform aal.refuse_store('cannot look up whether a session is live: ' || looked_up.fault,
      'Without Supabase Auth, make a function aal.is_live_session(subject text, session text) that returns boolean.');
  end if;
  perform aal.raise_insufficient_aal(
    pg_catalog.format(
      case reason
        when 'not_signed_in' then 'insufficient_aal: %1$s requires a live session, and nobody is signed in'
        when 'no_session_id' then 'insufficient_aal: %1$s requires a live session, and the session''s token names no session'
        when 'session_ended' then 'insufficient_aal: %1$s requires a live session, and the session has ended'
        when 'unknown_user' then 'insufficient_aal: %1$s requires a live session, and the session''s user is not known'
        when 'factor_removed' then 'insufficient_aal: %1$s requires a live session, and the factor of the session was removed'
      end, coalesce(what, 'this')),
    aal.refusal_detail(level, max_age, aal.aal(),
      case reason
        when 'not_signed_in' then 'sign_in'
        when 'no_session_id' then 'configure'
        when 'session_ended' then 'sign_in'
        when 'unknown_user' then 'sign_in'
        when 'factor_removed' then 'sign_in'
      end, reason),
    case reason
      when 'not_signed_in' then 'Sign in, then try again with the new access token.'
      when 'no_session_id' then 'The access token needs a claim session_id, or sid, beside sub. Signing in again does not change that.'
      when 'session_ended' then 'Sign in, then try again with the new access token.'
      when 'unknown_user' then 'Sign in, then try again with the new access token.'
      when 'factor_removed' then 'Sign in, then try again with the new access token.'
    end,
    case reason
      when 'not_signed_in' then 'Bearer'
      when 'no_session_id' then 'Bearer error="invalid_token", error_description="the session''s token names no session"'
      when 'session_ended' then 'Bearer error="invalid_token", error_description="the session has ended"'
      when 'unknown_user' then 'Bearer error="invalid_token", error_description="the session''s user is not known"'
      when 'factor_removed' then 'Bearer error="invalid_token", error_description="the factor of the session was removed"'
    end);
  return false;
end
$$;

-- Where the session stands --------------------------------------------------------------------------------------------

create or replace function aal.aal_status() returns jsonb
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claims pg_catalog.jsonb := aal.read_claims();
  current_level pg_catalog.text := aal.level_of(claims);
  standing pg_catalog.text;
  -- The level that the user can reach, the next step, and why there is none of them.
  status pg_catalog.text[];
  looked_up pg_catalog.record;
  live boolean;
begin
  if current_level is not null then
    looked_up := aal.look_up_enrollment();
    standing := current_level || case when aal.is_anonymous(claims) then ' anonymous' else '' end || ' ' || coalesce(looked_up.enrollment, 'unknown');
    looked_up := aal.look_up_session();
    live := case when aal.sessions_fault() is null then coalesce(looked_up.liveness = 'live', false) end;
  else
    standing := case
      when aal.claims_fault() is not null then 'invalid_claims'
      when claims is null or aal.are_nobodys(claims) then 'nobody'
      when aal.level_claim(claims) = 'guest' then 'guest'
      else 'no_level'
    end;
  end if;
  status := case standing
    when 'aal1 anonymous factor' then array['aal2', 'verify', null]
    when 'aal1 anonymous foreign_user' then array['aal1', 'sign_in', 'unknown_user']
    when 'aal1 anonymous no_factor' then array['aal1', 'sign_in', 'anonymous_user']
    when 'aal1 anonymous unknown' then array[null, 'sign_in', 'anonymous_user']
    when 'aal1 anonymous unknown_user' then array['aal1', 'sign_in', 'unknown_user']
    when 'aal1 factor' then array['aal2', 'verify', null]
    when 'aal1 foreign_user' then array['aal1', 'sign_in', 'unknown_user']
    when 'aal1 no_factor' then array['aal1', 'enroll', null]
    when 'aal1 unknown' then array[null, 'verify', 'factors_unknown']
    when 'aal1 unknown_user' then array['aal1', 'sign_in', 'unknown_user']
    when 'aal2 factor' then array['aal2', null, null]
    when 'aal2 foreign_user' then array['aal2', 'sign_in', 'unknown_user']
    when 'aal2 no_factor' then array['aal2', null, null]
    when 'aal2 unknown' then array[null, null, 'factors_unknown']
    when 'aal2 unknown_user' then array['aal2', 'sign_in', 'unknown_user']
    when 'aal3 factor' then array['aal2', null, null]
    when 'aal3 foreign_user' then array['aal3', 'sign_in', 'unknown_user']
    when 'aal3 no_factor' then array['aal3', null, null]
    when 'aal3 unknown' then array[null, null, 'factors_unknown']
    when 'aal3 unknown_user' then array['aal3', 'sign_in', 'unknown_user']
    when 'guest' then array[null, 'sign_in', 'anonymous_user']
    when 'invalid_claims' then array[null, 'configure', 'invalid_claims']
    when 'no_level' then array[null, 'configure', 'no_level']
    when 'nobody' then array[null, 'sign_in', 'not_signed_in']
  end;
  return pg_catalog.jsonb_build_object(
    'currentLevel', current_level,
    'nextLevel', status[1],
    'currentAuthenticationMethods', case when current_level is null then '[]' else coalesce(nullif(aal.claims() -> 'amr', 'null'), '[]') end,
    'action', status[2],
    'reason', status[3],
    'sessionIsLive', live);
end
$$;

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
  perform aal.refuse_level(name, array['none', 'aal1', 'enrolled', 'aal2', 'aal3']);
  if level = name then
    return case when name = 'none' or default_age is null then name else name || ' within ' || aal.age_in_words(default_age) end;
  end if;
  begin
    max_age := age::interval;
  exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
    raise sqlstate '22007' using message = format('invalid age "%s" in level "%s"', age, level),
      hint = 'A level is written as aal2, or with an age as aal2 within 15 minutes.';
  end;
  if max_age < '0' or not isfinite(max_age) then
    raise sqlstate '22023' using
      message = format('invalid age in level "%s": %s', level,
        case when isfinite(max_age) then 'max_age must not be negative' else 'max_age must be finite' end),
      hint = 'A level is written as aal2, or with an age as aal2 within 15 minutes.';
  end if;
  if name = 'none' then
    raise sqlstate '22023' using message = format('level none has no age: "%s"', level), hint = 'A level is written as aal2, or with an age as aal2 within 15 minutes.';
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
  ranks constant text[] := array['none', 'aal1', 'enrolled', 'aal2', 'aal3'];
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
      when 'aal_read' then array['create policy aal_read on %1$s
  as restrictive for select to %2$s
  using (%3$s)', 'comment on policy aal_read on %1$s is %9$s']
      when 'aal_insert' then array['create policy aal_insert on %1$s
  as restrictive for insert to %2$s
  with check (%3$s)', 'comment on policy aal_insert on %1$s is %9$s']
      when 'aal_update' then array['create policy aal_update on %1$s
  as restrictive for update to %2$s
  using (%3$s)
  with check (%3$s)', 'comment on policy aal_update on %1$s is %9$s']
      when 'aal_delete' then array['create policy aal_delete on %1$s
  as restrictive for delete to %2$s
  using (%3$s)', 'comment on policy aal_delete on %1$s is %9$s']
      when 'aal_owner' then array['create policy aal_owner on %1$s
  as permissive for all to %2$s
  using (%4$s operator(pg_catalog.=) %5$s)
  with check (%4$s operator(pg_catalog.=) %5$s)', 'comment on policy aal_owner on %1$s is %9$s']
      when 'aal_guard' then array['create trigger aal_guard
  before %7$s on %1$s
  for each statement execute function aal.aal_guard(%8$s)', 'comment on trigger aal_guard on %1$s is %9$s']
      when 'aal_columns' then array['create constraint trigger aal_columns
  after update of %6$s on %1$s
  not deferrable
  for each row execute function aal.aal_guard(%8$s)', 'comment on trigger aal_columns on %1$s is %9$s']
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
    case when made in ('aal_guard', 'aal_columns') then 'drop trigger if exists %2$s on %1$s' else 'drop policy if exists %2$s on %1$s' end,
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
    raise sqlstate '22023' using message = 'level none for every command protects nothing',
      hint = 'Give read or write a level, or call aal.unprotect_table.';
  end if;
  if cardinality(roles) = 0 then
    raise sqlstate '22023' using message = 'roles must name at least one role', hint = 'Leave roles out to bind everybody.';
  end if;
  if cardinality(sensitive) > 0 then
    if not guard then
      raise sqlstate '22023' using message = 'sensitive_columns need the guard',
        hint = 'A policy can''t see which columns change: leave guard at true, or sensitive_columns out.';
    end if;
    if new_protection ->> 'read' = 'none' or new_protection ->> 'update' = 'none' then
      raise sqlstate '22023' using message = 'sensitive_columns need a level for reads and for updates',
        hint = 'An update of any other column needs the level of reads, and would be open to all without one.';
    end if;
  end if;
  -- Level none says that other policies decide, and is let be.
  foreach command in array array['update', 'delete'] loop
    if new_protection ->> command <> 'none'
       and aal.level_implies(new_protection ->> 'read', new_protection ->> command)
       and not aal.level_implies(new_protection ->> command, new_protection ->> 'read') then
      raise sqlstate '22023' using
        message = format('level %1$s for %2$s is below level %3$s for reads',
          new_protection ->> command, upper(command), new_protection ->> 'read'),
        hint = 'It reads rows by its WHERE. Without one, it would change rows that the session may not see: raise write, or lower read.';
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
    execute format('alter table %1$s enable row level security', aal.qualified_name(target));
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
      || format('alter table %1$s enable row level security', aal.qualified_name(it));
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
      execute format('alter table %1$s disable row level security', aal.qualified_name(it));
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
      '''ALTER EXTENSION'', ''ALTER FOREIGN TABLE'', ''ALTER INDEX'', ''ALTER SCHEMA'', ''ALTER TABLE'', ''CREATE FOREIGN TABLE'', ''CREATE SCHEMA'', ''CREATE TABLE'', ''CREATE TABLE AS'', ''IMPORT FOREIGN SCHEMA'', ''SELECT INTO''', watch)),
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

-- Comments: [portable] ------------------------------------------------------------------------------------------------
comment on schema aal is 'pg_aal 0.1.0, the portable edition: assurance levels for row-level security.';

comment on function aal.version() is
  'The version of this edition. IMMUTABLE and PARALLEL SAFE: it is a constant.';

comment on function aal.claims() is
  'The claims of the access token in force; NULL without any, or if their text is no JSON object. STABLE: they can change between statements. PARALLEL SAFE: settings reach parallel workers.';

comment on function aal.subject() is
  'The sub claim; NULL without any. STABLE and PARALLEL SAFE, as aal.claims.';

comment on function aal.subject_uuid() is
  'The sub claim if it is a UUID, else NULL. STABLE and PARALLEL SAFE, as aal.claims.';

comment on function aal.aal() is
  'The assurance level of the session: aal1, aal2, aal3, or NULL for none. STABLE and PARALLEL SAFE, as aal.claims.';

comment on function aal.amr() is
  'The methods by which the session authenticated, newest first, and the level each proves. STABLE and PARALLEL SAFE, as aal.claims.';

comment on function aal.authenticated_at(text) is
  'When the session last proved this level; NULL if it is not at that level or the token does not say. STABLE and PARALLEL SAFE, as aal.has_aal.';

comment on function aal.require_aal(text, interval) is
  'True if the session is at least at this level, with its factor verified at most max_age ago; else raises insufficient_aal. For functions and triggers, not for policies, where an error can tell whether a row exists. STABLE and PARALLEL SAFE, as aal.has_aal.';

comment on function aal.require_live_session() is
  'True if the session is live; else raises insufficient_aal. For functions and triggers, not for policies. STABLE and PARALLEL SAFE, as aal.session_is_live.';

comment on function aal.has_aal(text, interval) is
  'Whether the session is at least at this level, with its factor verified at most max_age ago. For policies, as (select aal.has_aal(...)): bare, it runs for every row. STABLE, because the claims and the statement''s start decide. Never IMMUTABLE: that would leak one caller''s answer into another''s plan. PARALLEL SAFE: both reach parallel workers.';

comment on function aal.enrolled_aal() is
  'The level this user can reach: aal2 with a verified second factor, else aal1; NULL without a user, or for one who is deleted or banned. STABLE: a statement sees one state of the factors. PARALLEL SAFE: workers have the same claims and snapshot.';

comment on function aal.has_enrolled_aal(interval) is
  'Whether the session is at least at its enrolled level, with its factor verified at most max_age ago. For policies, as (select aal.has_enrolled_aal(...)). If no user can be looked up, it is true for sessions at aal2 only. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.require_enrolled_aal(interval) is
  'True if the session is at least at its enrolled level, with its factor verified at most max_age ago; else raises insufficient_aal. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.aal_status() is
  'Where the session stands: currentLevel, nextLevel and currentAuthenticationMethods as in supabase-js, action, the next step, and reason, why there is no level or no next one. Whether it is live is in sessionIsLive, which is null without a level and if no session can be looked up. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.session_is_live() is
  'Whether the session is live: it has not ended, its user is neither deleted nor banned, and the factor that gave it aal2 is still there. For policies, as (select aal.session_is_live()). False if no session can be looked up. STABLE: a statement sees one state of the sessions. PARALLEL SAFE: workers have the same claims and snapshot.';
-- End of [portable] ---------------------------------------------------------------------------------------------------

-- Grants --------------------------------------------------------------------------------------------------------------
-- For every role, also where default privileges withhold functions: a policy runs as the caller. Those with more rights than the
-- caller take no argument: nobody can ask about another's factors or sessions. A function that you make in this schema keeps the
-- grants that you give it.
grant execute on function
  aal.version,
  aal.claims_text,
  aal.claims_stated_once,
  aal.read_claims,
  aal.claims_fault,
  aal.is_anonymous,
  aal.level_of_guests,
  aal.level_claim,
  aal.level_of,
  aal.are_nobodys,
  aal.text_claim,
  aal.session_id_of,
  aal.uuid_of,
  aal.factor_time,
  aal.microseconds_of,
  aal.time_of,
  aal.has_aal,
  aal.require_aal,
  aal.claims,
  aal.subject,
  aal.subject_uuid,
  aal.aal,
  aal.amr,
  aal.authenticated_at,
  aal.refuse_level,
  aal.refuse_max_age,
  aal.refuse_arguments,
  aal.raise_invalid_claims,
  aal.microseconds_in,
  aal.in_seconds,
  aal.raise_insufficient_aal,
  aal.refusal_detail,
  aal.shown_level_claim,
  aal.refuse,
  aal.next_step,
  aal.began_anonymously,
  aal.step_of_user,
  aal.require_aal_for,
  aal.function_fault,
  aal.factor_store_fault,
  aal.may_keep_users,
  aal.hidden_table_fault,
  aal.look_up_enrollment,
  aal.is_user,
  aal.refuse_store,
  aal.enrolled_aal,
  aal.refuse_no_factors,
  aal.level_of_enrollment,
  aal.has_enrolled_aal,
  aal.require_enrolled_aal,
  aal.require_enrolled_aal_for,
  aal.session_store_fault,
  aal.sessions_fault,
  aal.look_up_session,
  aal.session_in_supabase_auth,
  aal.not_live_reason,
  aal.session_is_live,
  aal.require_live_session,
  aal.require_live_session_for,
  aal.aal_status,
  aal.age_in_words,
  aal.table_level,
  aal.level_implies,
  aal.guard_argument,
  aal.policy_condition,
  aal.policy_level,
  aal.names_made,
  aal.protection_record,
  aal.qualified_name,
  aal.protection_statements,
  aal.drop_statement,
  aal.condition_of,
  aal.guard_level,
  aal.trigger_arguments,
  aal.named_as_ours,
  aal.record_of,
  aal.found_protection,
  aal.requested_protection,
  aal.owner_is_uuid,
  aal.session_function,
  aal.lowered,
  aal.levels_required,
  aal.protection_lowers,
  aal.lowered_columns,
  aal.protection_lacks,
  aal.tables_to_protect,
  aal.lock_tables,
  aal.stood_before,
  aal.other_policies,
  aal.refuse_those_of_others,
  aal.refuse_columns_of_many_tables,
  aal.refuse_to_lower,
  aal.refuse_unfit,
  aal.apply_protection,
  aal.run_on,
  aal.revoke_statements,
  aal.grantees,
  aal.protection_notes,
  aal.writes_in_words,
  aal.with_sessions,
  aal.protect,
  aal.protect_table,
  aal.protect_table_sql,
  aal.unprotect,
  aal.unprotect_table,
  aal.level_in_force,
  aal.aal_guard,
  aal.refuse_statement,
  aal.guard_binds,
  aal.policies_name_me,
  aal.changes_a_column,
  aal.policies_exempt,
  aal.schema_protection_of,
  aal.same_protection,
  aal.watches,
  aal.is_excluded,
  aal.lacks_of_schema,
  aal.newcomers,
  aal.warn_of_renamed_schema,
  aal.has_just_come,
  aal.receive_tables,
  aal.say_of_foreign_table,
  aal.look_at_commit,
  aal.look_at_pending_table,
  aal.watch_statements,
  aal.watch_name,
  aal.end_watches,
  aal.found_in_record,
  aal.has_that_of_schema,
  aal.tables_of_schema,
  aal.schema_to_protect,
  aal.protect_tables_of_schema,
  aal.schema_record,
  aal.protect_schema,
  aal.end_schema,
  aal.unprotect_schema
  to public;
