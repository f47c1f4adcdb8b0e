{% from "macros.sql" import now, is_fresh -%}
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
  elsif found_level = '{{ enrolled.word }}' then
    raise invalid_parameter_value using message = {{ enrolled.message }}, hint = {{ enrolled.hint }};
  end if;
  foreach word in array array[found_level, pg_catalog.split_part(pg_catalog.translate(found_level, ',', ' '), ' ', 1)] loop
    word := pg_catalog.lower(pg_catalog.regexp_replace(word, '[^A-Za-z0-9]', '', 'g'));
    word := case word{% for word, level in other_words %} when '{{ word }}' then '{{ level }}'{% endfor %} else word end;
    meant := coalesce(meant, case when word collate pg_catalog."C" = any (valid) then word end);
  end loop;
  raise invalid_parameter_value using
    message = pg_catalog.format({{ unknown_level.message }},
      pg_catalog."left"(found_level, {{ unknown_level.shown }})
        || case when pg_catalog.length(found_level) > {{ unknown_level.shown }} then '...' else '' end,
      pg_catalog.array_to_string(valid, ', ')),
    hint = coalesce(case when meant is not null then pg_catalog.format({{ unknown_level.question }}, meant) end, '')
      || pg_catalog.format({{ unknown_level.hint }}, pg_catalog.array_to_string(valid, ', '));
end
$$;

-- Raises for a max_age that is none. NULL is one: any age.
create or replace function aal.refuse_max_age(max_age interval) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if max_age < '0' then
    raise invalid_parameter_value using message = {{ max_age.negative }}, hint = {{ max_age.hint }};
  elsif not pg_catalog.isfinite(max_age) then
    raise invalid_parameter_value using message = {{ max_age.infinite }}, hint = {{ max_age.hint }};
  end if;
end
$$;

create or replace function aal.refuse_arguments(level text, max_age interval) returns void
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  perform aal.refuse_level(level, {{ levels_array }});
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
{%- for fault in invalid_claims %}
      when '{{ fault.name }}' then {{ fault.message }}
{%- endfor %}
    end,
    hint = case fault
{%- for fault in invalid_claims %}
      when '{{ fault.name }}' then {{ fault.hint }}
{%- endfor %}
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
    message = pg_catalog.format({{ http.body }},
      pg_catalog.to_json(detail), pg_catalog.to_json(hint), pg_catalog.to_json(message)),
    detail = pg_catalog.format({{ http.response }}, pg_catalog.to_json(challenge));
end
$$;

-- The DETAIL of a refusal.
create or replace function aal.refusal_detail(level text, max_age interval, current_level text, action text, reason text) returns text
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return pg_catalog.format({{ detail }},
    coalesce(pg_catalog.to_json(level)::pg_catalog.text, 'null'),
    coalesce(pg_catalog.to_json(current_level)::pg_catalog.text, 'null'),
    coalesce(pg_catalog.div(aal.microseconds_in(max_age), 1000000)::pg_catalog.text, 'null'),
    case action when '{{ leave_anonymity.name }}' then '{{ leave_anonymity.shown }}' else action end,
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
  return case when shown ~ '^[A-Za-z0-9_.:-]+$' and pg_catalog.length(shown) <= {{ shown_level_claim }} then shown end;
end
$$;

-- Refuses a session that doesn't meet a level. what: what was asked for, such as `update on payments`.
create or replace function aal.refuse(what text, level text, max_age interval, action text) returns void
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
  claim pg_catalog.text := aal.level_claim(aal.read_claims());
  current_level pg_catalog.text := case when claim = any ({{ levels_array }}) then claim end;
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
{%- for key, reason in reasons %}
    when '{{ key }}' then {{ reason }}
{%- endfor %}
  end;
  message := pg_catalog.format(
    case reason || case when current_level is null then ' none' else '' end
{%- for key, message in messages %}
      when '{{ key }}' then {{ message }}
{%- endfor %}
    end,
    coalesce(what, 'this'), level, aal.in_seconds(max_age), current_level);
  hint := pg_catalog.format(
    case action || case
      when action = 'configure' and current_level is not null then ' level'
      when action = 'configure' and shown is not null then ' shown'
      when action = 'configure' then ' ' || standing
      when action = 'reverify' and level = '{{ level_of_first_factors }}' then ' {{ level_of_first_factors }}'
      else ''
    end
{%- for key, hint in hints %}
      when '{{ key }}' then {{ hint }}
{%- endfor %}
    end, shown);
  challenge := pg_catalog.format(
    case action || case when reason = 'no_time' then ' no_time' else '' end
{%- for key, challenge in challenges %}
      when '{{ key }}' then {{ challenge }}
{%- endfor %}
    end,
    level, case when max_age is null then '' else pg_catalog.format({{ challenge_max_age }}, pg_catalog.div(aal.microseconds_in(max_age), 1000000)) end);
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
      action := case when level = '{{ level_of_first_factors }}' and aal.began_anonymously(claims) then 'reverify' else 'configure' end;
    elsif {{ is_fresh("(" ~ now() ~ " - verified_at)") }} then
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
     where entry -> 'method' = '"{{ anonymous_method }}"' and aal.microseconds_of(entry -> 'timestamp') is not null
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
    || case when level collate pg_catalog."C" > '{{ level_of_first_factors }}' then ' factor' else '' end
{%- for key, step in steps %}
    when '{{ key }}' then {{ step }}
{%- endfor %}
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
