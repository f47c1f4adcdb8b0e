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
  claims pg_catalog.jsonb;
begin
  if claims_text is null then
    return null;
  end if;
  if pg_catalog.current_setting('server_version_num')::int >= 160000 then
    if not pg_catalog.pg_input_is_valid(claims_text, 'jsonb') then
      return null;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  if pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') = 0
    and pg_catalog.octet_length(claims_text) - pg_catalog.octet_length(pg_catalog.replace(claims_text, '"', ''))
      = pg_catalog.octet_length(claims::pg_catalog.text)
        - pg_catalog.octet_length(pg_catalog.replace(claims::pg_catalog.text collate pg_catalog."C", '"', '')) then
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
  if pg_catalog.current_setting('server_version_num')::int >= 160000 then
    if not pg_catalog.pg_input_is_valid(claims_text, 'json') then
      return 'not_json';
    end if;
    if pg_catalog.json_typeof(claims_text::pg_catalog.json) = 'object' and not pg_catalog.pg_input_is_valid(claims_text, 'jsonb') then
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
  method pg_catalog.jsonb;
  newest double precision;
  verified_at bigint;
begin
  methods := claims -> 'amr';
  if pg_catalog.jsonb_typeof(methods) = 'array' then
    for nr in 0 .. pg_catalog.jsonb_array_length(methods) - 1 loop
      method := methods -> nr;
      if pg_catalog.jsonb_typeof(method -> 'method') = 'string' and (case level collate pg_catalog."C"
        when 'aal1' then (method ->> 'method') collate pg_catalog."C" <> all (array['token_refresh', 'anonymous'])
        else (method ->> 'method') collate pg_catalog."C" = any (array['totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code'])
      end) then
        newest := greatest(newest, case when pg_catalog.jsonb_typeof(method -> 'timestamp') = 'number' then
        case when (method -> 'timestamp')::numeric >= 5e-324 and (method -> 'timestamp')::numeric < 1e13 then
          nullif(least(greatest((method -> 'timestamp')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end);
      end if;
    end loop;
    if newest is null and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := case when pg_catalog.jsonb_typeof(claims -> 'auth_time') = 'number' then
        case when (claims -> 'auth_time')::numeric >= 5e-324 and (claims -> 'auth_time')::numeric < 1e13 then
          nullif(least(greatest((claims -> 'auth_time')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end;
    end if;
  end if;
  verified_at := pg_catalog.trunc(newest)::bigint * 1000000
      + pg_catalog.trunc((newest - pg_catalog.trunc(newest)) * 1000000)::bigint;
  return verified_at;
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
  return timestamp with time zone '1970-01-01 00:00:00+00' + pg_catalog.format('%s.%s seconds',
    microseconds / 1000000, pg_catalog.lpad((microseconds % 1000000)::pg_catalog.text, 6, '0'))::interval;
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
  claims pg_catalog.jsonb;
  methods pg_catalog.jsonb;
  method pg_catalog.jsonb;
  newest double precision;
  verified_at bigint;
begin
  if (level collate pg_catalog."C" = any (array['aal1', 'aal2', 'aal3'])) is not true or max_age < '0' or not pg_catalog.isfinite(max_age) then
    perform aal.refuse_arguments(level, max_age);
  end if;
  if claims_text is null then
    return false;
  end if;
  if pg_catalog.current_setting('server_version_num')::int >= 160000 then
    if not pg_catalog.pg_input_is_valid(claims_text, 'jsonb') then
      return false;
    end if;
  end if;
  claims := claims_text::pg_catalog.jsonb;
  if ((claims ->> 'aal') collate pg_catalog."C" = any (case level collate pg_catalog."C" when 'aal1' then array['aal1', 'aal2', 'aal3'] when 'aal2' then array['aal2', 'aal3'] when 'aal3' then array['aal3'] end)) is not true then
    return false;
  end if;
  if coalesce(claims -> 'is_anonymous', 'false') not in ('false'::pg_catalog.jsonb, 'null'::pg_catalog.jsonb) then
    if level collate pg_catalog."C" > 'aal1' or aal.level_of_guests() is null then
      return false;
    end if;
  end if;
  if not (pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') = 0
    and pg_catalog.octet_length(claims_text) - pg_catalog.octet_length(pg_catalog.replace(claims_text, '"', ''))
      = pg_catalog.octet_length(claims::pg_catalog.text)
        - pg_catalog.octet_length(pg_catalog.replace(claims::pg_catalog.text collate pg_catalog."C", '"', ''))) then
    claims := aal.claims_stated_once(claims_text);
    if claims is null then
      return false;
    end if;
  end if;
  if max_age is null then
    return true;
  end if;
  methods := claims -> 'amr';
  if pg_catalog.jsonb_typeof(methods) = 'array' then
    for nr in 0 .. pg_catalog.jsonb_array_length(methods) - 1 loop
      method := methods -> nr;
      if pg_catalog.jsonb_typeof(method -> 'method') = 'string' and (case level collate pg_catalog."C"
        when 'aal1' then (method ->> 'method') collate pg_catalog."C" <> all (array['token_refresh', 'anonymous'])
        else (method ->> 'method') collate pg_catalog."C" = any (array['totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code'])
      end) then
        newest := greatest(newest, case when pg_catalog.jsonb_typeof(method -> 'timestamp') = 'number' then
        case when (method -> 'timestamp')::numeric >= 5e-324 and (method -> 'timestamp')::numeric < 1e13 then
          nullif(least(greatest((method -> 'timestamp')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end);
      end if;
    end loop;
    if newest is null and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := case when pg_catalog.jsonb_typeof(claims -> 'auth_time') = 'number' then
        case when (claims -> 'auth_time')::numeric >= 5e-324 and (claims -> 'auth_time')::numeric < 1e13 then
          nullif(least(greatest((claims -> 'auth_time')::numeric, 1e-300)::double precision, 9223372036854), 9223372036854)
        end
      end;
    end if;
  end if;
  verified_at := pg_catalog.trunc(newest)::bigint * 1000000
      + pg_catalog.trunc((newest - pg_catalog.trunc(newest)) * 1000000)::bigint;
  return coalesce(verified_at <= (extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint + 30000000 and ((extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint - verified_at) * interval '1 microsecond' <= max_age, false);
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
  if (aal.level_of(claims) collate pg_catalog."C" = any (case level collate pg_catalog."C" when 'aal1' then array['aal1', 'aal2', 'aal3'] when 'aal2' then array['aal2', 'aal3'] when 'aal3' then array['aal3'] end)) is not true then
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
  word pg_catalog.text collate pg_catalog."C";
  meant pg_catalog.text;
begin
  if level is null then
    raise null_value_not_allowed using message = 'level must not be null';
  elsif level collate pg_catalog."C" = any (valid) then
    return;
  elsif level collate pg_catalog."C" = 'enrolled' then
    raise invalid_parameter_value using message = 'level "enrolled" is another for each user', hint = 'Ask aal.has_enrolled_aal(), aal.require_enrolled_aal() or aal.enrolled_aal().';
  end if;
  foreach word in array array[level, pg_catalog.split_part(pg_catalog.translate(level collate pg_catalog."C", ',', ' '), ' ', 1)] loop
    word := pg_catalog.lower(pg_catalog.regexp_replace(word, '[^A-Za-z0-9]', '', 'g') collate pg_catalog."C");
    word := case word when '1' then 'aal1' when '1fa' then 'aal1' when 'password' then 'aal1' when '2' then 'aal2' when '2fa' then 'aal2' when 'mfa' then 'aal2' when 'totp' then 'aal2' when 'secondfactor' then 'aal2' when 'twofactor' then 'aal2' when '3' then 'aal3' else word end;
    meant := coalesce(meant, case when word = any (valid) then word end);
  end loop;
  raise invalid_parameter_value using
    message = pg_catalog.format('unknown assurance level "%1$s": valid levels are %2$s',
      pg_catalog."left"(level, 40) || case when pg_catalog.length(level) > 40 then '...' else '' end,
      pg_catalog.array_to_string(valid, ', ')),
    hint = coalesce(pg_catalog.format('Did you mean %1$s? ', meant), '')
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
    level, coalesce(pg_catalog.format(', max_age="%1$s"', pg_catalog.div(aal.microseconds_in(max_age), 1000000)), ''));
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
    elsif verified_at <= (extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint + 30000000 and ((extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint - verified_at) * interval '1 microsecond' <= max_age then
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
          name || ' ' || 'names a function that does not return boolean, is volatile, or is not parallel safe'
      end
      from pg_catalog.pg_proc
     where oid = pg_catalog.to_regprocedure(name)
  );
end
$$;

-- Why nobody can be looked up in the tables of Supabase Auth; NULL where they can.
create or replace function aal.factor_store_fault() returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  hidden pg_catalog.text;
begin
  return (
    select case
        when pg_catalog.count(*) < 2 then 'there are no tables auth.users and auth.mfa_factors'
        when pg_catalog.bool_or(tables.relkind <> 'r') then 'auth.users and auth.mfa_factors are not both plain tables'
        when pg_catalog.min(tables.relowner::pg_catalog.oid) <> pg_catalog.max(tables.relowner::pg_catalog.oid)
          or not pg_catalog.bool_and(aal.may_keep_users(tables.relowner, tables.relnamespace)) then 'auth.users and auth.mfa_factors do not belong to who keeps the users'
        when pg_catalog.sum((
          select pg_catalog.count(*)
            from pg_catalog.pg_attribute as columns
            join pg_catalog.pg_type as types on types.oid = columns.atttypid
           where columns.attrelid = tables.oid and columns.attnum > 0 and not columns.attisdropped
             and case tables.relname
               when 'users' then columns.attname = 'id' and types.typname = 'uuid'
                 or columns.attname in ('deleted_at', 'banned_until') and types.typname = 'timestamptz'
               else columns.attname in ('id', 'user_id') and types.typname = 'uuid'
                 or columns.attname = 'status' and (types.typname in ('text', 'varchar') or types.typtype = 'e')
             end
        )) <> 6 then 'the columns of auth.users and auth.mfa_factors are not those of Supabase Auth'
        else pg_catalog.min(aal.hidden_table_fault(tables.oid))
      end
      from pg_catalog.pg_class as tables
     where tables.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'auth')
       and tables.relname in ('users', 'mfa_factors')
  );
end
$$;

-- Whether a role decides about the users: a superuser, Supabase Auth's own, or the owner of their schema.
create or replace function aal.may_keep_users(keeper oid, schema oid) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
begin
  return exists (
    select from pg_catalog.pg_roles
     where oid = keeper and (rolsuper or rolname = 'supabase_auth_admin'
       or oid = (select nspowner from pg_catalog.pg_namespace where oid = schema))
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
  subject pg_catalog.text := aal.subject();
  subject_uuid pg_catalog.uuid := aal.uuid_of(subject);
begin
  if subject is null then
    enrollment := 'foreign_user';
  elsif pg_catalog.to_regprocedure('aal.has_second_factor(text)') is not null then
    fault := aal.function_fault('aal.has_second_factor(text)');
    if fault is null then
      enrollment := case aal.has_second_factor(subject) when true then 'factor' when false then 'no_factor' else 'unknown_user' end;
    end if;
  else
    fault := aal.factor_store_fault();
    if fault is not null then
      return;
    elsif subject_uuid is null then
      enrollment := 'foreign_user';
    elsif not aal.is_user(subject_uuid) then
      enrollment := 'unknown_user';
    elsif exists (
      select from only auth.mfa_factors as factors
       where factors.user_id = subject_uuid and factors.status::pg_catalog.text collate pg_catalog."C" = 'verified'
    ) then
      enrollment := 'factor';
    else
      enrollment := 'no_factor';
    end if;
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
  looked_up record;
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
  looked_up record;
begin
  perform aal.refuse_max_age(max_age);
  if aal.aal() is null or aal.subject() is null then
    return false;
  end if;
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
  looked_up record;
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
  sessions record;
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
               when columns.attname in ('id', 'user_id', 'factor_id') then types.typname = 'uuid'
               when columns.attname in ('created_at', 'not_after') then types.typname = 'timestamptz'
               when columns.attname = 'aal' then types.typname in ('text', 'varchar') or types.typtype = 'e'
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
  if pg_catalog.to_regprocedure('aal.is_live_session(text,text)') is not null then
    return aal.function_fault('aal.is_live_session(text,text)');
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
  elsif pg_catalog.to_regprocedure('aal.is_live_session(text,text)') is not null then
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
  found_session record;
  timebox interval;
begin
  if subject is null or session is null then
    return 'session_ended';
  elsif not aal.is_user(subject) then
    return 'unknown_user';
  end if;
  select sessions.created_at, sessions.not_after, sessions.aal::pg_catalog.text as level, sessions.factor_id into found_session
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
         and factors.status::pg_catalog.text collate pg_catalog."C" = 'verified'
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
  looked_up record := aal.look_up_session();
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
  looked_up record;
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
  looked_up record;
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

comment on function aal.has_aal(text, interval) is
  'Whether the session is at least at this level, with its factor verified at most max_age ago. For policies, as (select aal.has_aal(...)): bare, it runs for every row. STABLE, because the claims and the statement''s start decide. Never IMMUTABLE: that would leak one caller''s answer into another''s plan. PARALLEL SAFE: both reach parallel workers.';

comment on function aal.require_aal(text, interval) is
  'True if the session is at least at this level, with its factor verified at most max_age ago; else raises insufficient_aal. For functions and triggers, not for policies, where an error can tell whether a row exists. STABLE and PARALLEL SAFE, as aal.has_aal.';

comment on function aal.amr() is
  'The methods by which the session authenticated, newest first, and the level each proves. STABLE and PARALLEL SAFE, as aal.claims.';

comment on function aal.authenticated_at(text) is
  'When the session last proved this level; NULL if it is not at that level or the token does not say. STABLE and PARALLEL SAFE, as aal.has_aal.';

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

comment on function aal.require_live_session() is
  'True if the session is live; else raises insufficient_aal. For functions and triggers, not for policies. STABLE and PARALLEL SAFE, as aal.session_is_live.';
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
  aal.aal_status
  to public;
