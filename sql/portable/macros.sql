{# What several functions have in their bodies: a call from one to another costs more than all the rest. -#}

{%- macro claims_text() -%}
coalesce(
    nullif(pg_catalog.current_setting('request.jwt.claim', true) collate pg_catalog."C", ''),
    nullif(pg_catalog.current_setting('request.jwt.claims', true) collate pg_catalog."C", ''))
{%- endmacro -%}

{# Whether the server knows pg_input_is_valid(): Postgres 16 and later do. -#}
{%- macro can_ask_for_validity() -%}
pg_catalog.current_setting('server_version_num') collate pg_catalog."C" >= '160000'
{%- endmacro -%}

{# Whether the text has an escape with u: only such a one stands for any character, and maybe for one that jsonb can't hold. -#}
{%- macro has_escape() -%}
pg_catalog.strpos(claims_text, pg_catalog.chr(92) || 'u') > 0
{%- endmacro -%}

{# Whether a text can't be read as jsonb. Nothing on Postgres 15, where the cast raises: it can't be asked without. Reading it as json
   is less work, and what jsonb can't hold mostly has an escape. -#}
{%- macro is_no_jsonb() -%}
not pg_catalog.pg_input_is_valid(claims_text, case when has_escape then 'pg_catalog.jsonb' else 'pg_catalog.json' end)
{%- endmacro -%}

{# Whether jsonb, which keeps the last of several members of one name, has dropped none: then it has as many colons as the text. Only
   an escape could bring new ones. Colons are fewer than quotation marks. kept: the claims as jsonb has them. -#}
{%- macro is_stated_once() -%}
not has_escape and pg_catalog.octet_length(pg_catalog.replace(claims_text, ':', '') || kept)
      = pg_catalog.octet_length(pg_catalog.replace(kept, ':', '') || claims_text)
{%- endmacro -%}

{%- macro is_anonymous() -%}
coalesce(claims -> 'is_anonymous', 'false') not in ('false'::pg_catalog.jsonb, 'null'::pg_catalog.jsonb)
{%- endmacro -%}

{# A claim that is a text, and not empty; else NULL. -#}
{%- macro text_claim(name) -%}
case when pg_catalog.jsonb_typeof(claims -> {{ name }}) = 'string' then nullif((claims ->> {{ name }}) collate pg_catalog."C", '') end
{%- endmacro -%}

{# A UUID in its hyphenated form; NULL for any other text. -#}
{%- macro uuid_of(written) -%}
case
    when {{ written }} collate pg_catalog."C" ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$'
      then {{ written }}::pg_catalog.uuid
  end
{%- endmacro -%}

{# Whether a row of users is this one's, who is neither deleted nor banned. -#}
{%- macro is_user(subject) -%}
users.id = {{ subject }} and users.deleted_at is null
       and (users.banned_until is null or users.banned_until <= pg_catalog.statement_timestamp())
{%- endmacro -%}

{# Whether a level meets the one that is asked for. They are compared by their names. -#}
{%- macro meets(found) -%}
{{ found }} collate pg_catalog."C" >= level and {{ found }} collate pg_catalog."C" = any ({{ levels_array }})
{%- endmacro -%}

{%- macro array(names) -%}
array['{{ names | join("', '") }}']
{%- endmacro -%}

{# A NumericDate in seconds; NULL for another type, and for a number that can't be a time. The smallest are one: numeric has smaller
   ones than double precision. -#}
{%- macro seconds_of(value) -%}
case when pg_catalog.jsonb_typeof({{ value }}) = 'number' then
        case when ({{ value }})::numeric >= {{ smallest_time }} and ({{ value }})::numeric < {{ largest_time }} then
          {{ seconds_of_time(value) }}
        end
      end
{%- endmacro -%}

{# The same for a number between these. -#}
{%- set smallest_time = "5e-324" -%}
{%- set largest_time = "1e13" -%}
{%- macro seconds_of_time(value) -%}
nullif(least(greatest(({{ value }})::numeric, 1e-300)::double precision, {{ end_of_time }}), {{ end_of_time }})
{%- endmacro -%}

{%- macro microseconds_of(seconds) -%}
pg_catalog.trunc({{ seconds }})::bigint * 1000000
      + pg_catalog.trunc(({{ seconds }} - pg_catalog.trunc({{ seconds }})) * 1000000)::bigint
{%- endmacro -%}

{%- macro factor_time_variables() -%}
methods pg_catalog.jsonb;
  times pg_catalog.jsonb;
  newest double precision;
{%- endmacro -%}

{# The times of the methods that are named by a condition. Strict: no array stands for its elements. -#}
{%- macro times_where(condition) -%}
'strict $.amr[*] ? (({{ condition }}) && @.timestamp >= {{ smallest_time }} && @.timestamp < {{ largest_time }}).timestamp'::pg_catalog.jsonpath
{%- endmacro -%}

{# The times of the entries of amr that count for the level. -#}
{%- macro factor_times() -%}
times := pg_catalog.jsonb_path_query_array(claims, case level collate pg_catalog."C"
    when '{{ level_of_first_factors }}' then {{ times_where('@.method.type() == "string" && @.method != "' ~ (proves_nothing | join('" && @.method != "')) ~ '"') }}
    else {{ times_where('@.method == "' ~ (second_factors | join('" || @.method == "')) ~ '"') }}
  end, '{}', true);
{%- endmacro -%}

{# The newest of them decides. An amr of plain texts has no times: then auth_time does. -#}
{%- macro newest_factor_time() -%}
for nr in 0 .. pg_catalog.jsonb_array_length(times) - 1 loop
    newest := greatest(newest, {{ seconds_of_time("times -> nr") }});
  end loop;
  if newest is null then
    methods := claims -> 'amr';
    if pg_catalog.jsonb_typeof(methods) = 'array' and pg_catalog.jsonb_array_length(methods) > 0
      and not pg_catalog.jsonb_path_exists(methods, 'strict $[*] ? (@.type() != "string")') then
      newest := {{ seconds_of("claims -> 'auth_time'") }};
    end if;
  end if;
{%- endmacro -%}

{%- macro now() -%}
(extract(epoch from pg_catalog.statement_timestamp()) * 1000000)::bigint
{%- endmacro -%}

{%- macro latest() -%}
{{ now() }} + {{ clock_skew }}000000
{%- endmacro -%}

{# Whether a factor is fresh that was verified these microseconds ago. Postgres compares intervals with days of 24 hours and months of
   30 days. -#}
{%- macro is_fresh(age) -%}
{{ age }} >= -{{ clock_skew }}000000 and {{ age }} * interval '1 microsecond' <= max_age
{%- endmacro -%}
