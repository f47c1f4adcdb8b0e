{# What several functions have in their bodies: a call from one to another costs more than all the rest. -#}

{%- macro claims_text() -%}
coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''))
{%- endmacro -%}

{# Whether a text can't be read as jsonb. Nothing on Postgres 15, where the cast raises: it can't be asked without. Reading it as json
   is less work, and what jsonb can't hold mostly has an escape. -#}
{%- macro is_no_jsonb() -%}
not pg_catalog.pg_input_is_valid(claims_text,
      case when pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') > 0 then 'pg_catalog.jsonb' else 'pg_catalog.json' end)
{%- endmacro -%}

{# Whether jsonb, which keeps the last of several members of one name, has dropped none: then it has as many quotation marks as the
   text. Only an escape \u could bring new ones. kept: the claims as jsonb has them. -#}
{%- macro is_stated_once() -%}
pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') = 0
    and pg_catalog.octet_length(claims_text) - pg_catalog.octet_length(pg_catalog.replace(claims_text, '"', ''))
      = pg_catalog.octet_length(kept) - pg_catalog.octet_length(pg_catalog.replace(kept, '"', ''))
{%- endmacro -%}

{%- macro is_anonymous() -%}
coalesce(claims -> 'is_anonymous', 'false') not in ('false'::pg_catalog.jsonb, 'null'::pg_catalog.jsonb)
{%- endmacro -%}

{# The levels that meet one. -#}
{%- macro at_least() -%}
case level collate pg_catalog."C"
{%- for level in levels %} when '{{ level }}' then array['{{ levels[loop.index0:] | join("', '") }}']{% endfor %} end
{%- endmacro -%}

{# A NumericDate in seconds; NULL for another type, and for a number that can't be a time. The smallest are one: numeric has smaller
   ones than double precision. -#}
{%- macro seconds_of(value) -%}
case when pg_catalog.jsonb_typeof({{ value }}) = 'number' then
        case when ({{ value }})::numeric >= 5e-324 and ({{ value }})::numeric < 1e13 then
          nullif(least(greatest(({{ value }})::numeric, 1e-300)::double precision, {{ end_of_time }}), {{ end_of_time }})
        end
      end
{%- endmacro -%}

{%- macro microseconds_of(seconds) -%}
pg_catalog.trunc({{ seconds }})::bigint * 1000000
      + pg_catalog.trunc(({{ seconds }} - pg_catalog.trunc({{ seconds }})) * 1000000)::bigint
{%- endmacro -%}

{%- macro factor_time_variables() -%}
methods pg_catalog.jsonb;
  method pg_catalog.jsonb;
  newest double precision;
  verified_at bigint;
{%- endmacro -%}

{# The newest entry of amr that counts for the level decides. An amr of plain texts has no times: then auth_time does. -#}
{%- macro factor_time() -%}
methods := claims -> 'amr';
  if pg_catalog.jsonb_typeof(methods) = 'array' then
    for nr in 0 .. pg_catalog.jsonb_array_length(methods) - 1 loop
      method := methods -> nr;
      if pg_catalog.jsonb_typeof(method -> 'method') = 'string' and (case level collate pg_catalog."C"
        when '{{ level_of_first_factors }}' then (method ->> 'method') collate pg_catalog."C" <> all ({{ proves_nothing }})
        else (method ->> 'method') collate pg_catalog."C" = any ({{ second_factors }})
      end) then
        newest := greatest(newest, {{ seconds_of("method -> 'timestamp'") }});
      end if;
    end loop;
    if newest is null and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := {{ seconds_of("claims -> 'auth_time'") }};
    end if;
  end if;
  verified_at := {{ microseconds_of("newest") }};
{%- endmacro -%}

{%- macro now() -%}
(extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint
{%- endmacro -%}

{# The last time that isn't in the future, by clocks that may differ. -#}
{%- macro latest() -%}
{{ now() }} + {{ clock_skew }}000000
{%- endmacro -%}

{# Postgres compares intervals with days of 24 hours and months of 30 days. -#}
{%- macro is_fresh() -%}
verified_at <= {{ latest() }} and ({{ now() }} - verified_at) * interval '1 microsecond' <= max_age
{%- endmacro -%}
