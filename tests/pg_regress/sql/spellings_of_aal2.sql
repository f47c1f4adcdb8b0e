-- People write "aal2" in many ways. aal_matrix shows the level that each needs, or less where it can't tell, and never more.
begin;
create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create function auth.role() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text
$$;
create schema spelled;
grant usage on schema spelled to authenticated;
set search_path = spelled;
create type backwards as enum ('aal3', 'aal2', 'aal1');
create table t (id int);
alter table t enable row level security;
grant select on t to authenticated;

-- What SELECT needs where this is all there is to a policy.
create function needs(expression text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy alone on t using (%s)', expression);
  select required_aal into answer from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on t;
  return answer;
end
$$;
create function verdict(needed text, needs text) returns text language sql as $$
  select case sign(array_position(levels, needs) - array_position(levels, needed)) when 0 then 'exact' when 1 then 'WRONG' else 'loose' end
    from (values (array['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied'])) v(levels)
$$;

-- The level that sessions with usual claims need, as found by trying.
create table spellings (n int generated always as identity, needed text, expression text);
insert into spellings (needed, expression) values
  ('aal2', $$(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('aal2', $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::text = 'aal2'::text$$),
  ('aal2', $$coalesce(auth.jwt() ->> 'aal', 'aal1') = 'aal2'$$),
  ('aal2', $$coalesce(auth.jwt() ->> 'aal', '') in ('aal2', 'aal3')$$),
  ('aal2', $$auth.jwt() @> '{"aal":"aal2"}'$$),
  ('aal2', $$auth.jwt() @> jsonb_build_object('aal', 'aal2')$$),
  ('aal2', $$auth.jwt() -> 'aal' = '"aal2"'$$),
  ('aal2', $$auth.jwt() -> 'aal' = to_jsonb('aal2'::text)$$),
  ('aal2', $$(auth.jwt() #>> '{aal}') = 'aal2'$$),
  ('aal2', $$current_setting('request.jwt.claims', true)::json ->> 'aal' = 'aal2'$$),
  ('aal2', $$(current_setting('request.jwt.claims', true)::jsonb)['aal'] = '"aal2"'$$),
  ('aal2', $$nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal' = 'aal2'$$),
  ('aal2', $$array[auth.jwt() ->> 'aal'] <@ array['aal2']$$),
  ('aal2', $$(auth.jwt() ->> 'aal') = any (array['aal2', 'aal3'])$$),
  ('aal2', $$array['aal2'] @> array[(select auth.jwt() ->> 'aal')]$$),
  ('aal2', $$(auth.jwt() ->> 'aal') = any ('{aal2,aal3}'::text[])$$),
  ('aal2', $$(auth.jwt() ->> 'aal') = any (string_to_array('aal2,aal3', ','))$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::auth.aal_level = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::auth.aal_level >= 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') >= 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') > 'aal1'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') <> 'aal1'$$),
  ('none', $$(auth.jwt() ->> 'aal') is distinct from 'aal1'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') is not distinct from 'aal2'$$),
  ('aal2', $$not ((auth.jwt() ->> 'aal') is distinct from 'aal2')$$),
  ('aal2', $$lower(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('aal2', $$btrim(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') like 'aal2'$$),
  ('aal1', $$(auth.jwt() ->> 'aal') like 'aal%'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') ~ '^aal[23]$'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') similar to 'aal(2|3)'$$),
  ('aal2', $$starts_with(auth.jwt() ->> 'aal', 'aal2')$$),
  ('aal2', $$right(auth.jwt() ->> 'aal', 1)::int >= 2$$),
  ('aal2', $$substr(auth.jwt() ->> 'aal', 4)::int > 1$$),
  ('aal2', $$replace(auth.jwt() ->> 'aal', 'aal', '')::int >= 2$$),
  ('aal2', $$jsonb_path_exists(auth.jwt(), '$.aal ? (@ == "aal2")')$$),
  ('aal2', $$auth.jwt() @@ '$.aal == "aal2"'$$),
  ('aal2', $$auth.jwt() @? '$ ? (@.aal == "aal2")'$$),
  ('aal2', $$jsonb_path_query_first(auth.jwt(), '$.aal') #>> '{}' = 'aal2'$$),
  ('aal2', $$jsonb_extract_path_text(auth.jwt(), 'aal') = 'aal2'$$),
  ('aal2', $$case auth.jwt() ->> 'aal' when 'aal2' then true else false end$$),
  ('none', $$case when auth.jwt() ->> 'aal' = 'aal1' then false else true end$$),
  ('aal2', $$position('aal2' in auth.jwt()::text) > 0$$),
  ('aal2', $$(auth.jwt() ->> 'aal') in (select 'aal2')$$),
  ('aal2', $$exists (select 1 where auth.jwt() ->> 'aal' = 'aal2')$$),
  ('aal2', $$(auth.jwt() ->> 'aal', auth.role()) = ('aal2', 'authenticated')$$),
  ('aal2', $$((auth.jwt() ->> 'aal') = 'aal2') is true$$),
  ('none', $$((auth.jwt() ->> 'aal') = 'aal2') is not false$$),
  ('aal2', $$coalesce((auth.jwt() ->> 'aal') = 'aal2', false)$$),
  ('none', $$coalesce((auth.jwt() ->> 'aal') = 'aal2', true)$$),
  ('aal2', $$(auth.jwt() ->> 'aal') = 'aal2' and (auth.jwt() ->> 'aal') is not null$$),
  ('aal2', $$concat(auth.jwt() ->> 'aal') = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') || '' = 'aal2'$$),
  ('aal2', $$exists (select from jsonb_each_text(auth.jwt()) e(k, v) where k = 'aal' and v = 'aal2')$$),
  ('aal2', $$exists (select from jsonb_to_record(auth.jwt()) r(aal text) where r.aal = 'aal2')$$),
  ('aal2', $$(select r.aal from jsonb_to_record(auth.jwt()) r(aal text)) = 'aal2'$$),
  ('denied', $$auth.jwt() ->> 'aal' = 'AAL2'$$),
  ('denied', $$(auth.jwt() -> 'app_metadata' ->> 'aal') = 'aal2'$$),
  ('aal2', $$auth.jwt() ->> 'aal' = 'aal2' or auth.jwt() ->> 'aal' = 'aal3'$$),
  ('aal2', $$jsonb_typeof(auth.jwt() -> 'aal') = 'string' and auth.jwt() ->> 'aal' like 'aal_' and auth.jwt() ->> 'aal' > 'aal1'$$),
  ('aal2', $$md5(auth.jwt() ->> 'aal') = md5('aal2')$$),
  ('none', $$least(auth.jwt() ->> 'aal', 'aal2') = 'aal2'$$),
  ('aal2', $$greatest(auth.jwt() ->> 'aal', 'aal1') = 'aal2'$$),
  ('aal2', $$nullif(auth.jwt() ->> 'aal', 'aal1') is not null$$),
  ('none', $$nullif(auth.jwt() ->> 'aal', 'aal2') is null$$),
  ('aal2', $$array_position(array['aal2', 'aal3'], auth.jwt() ->> 'aal') is not null$$),
  ('aal2', $$array_position(array['aal1', 'aal2', 'aal3'], auth.jwt() ->> 'aal') >= 2$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::varchar(4) = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::char(4) = 'aal2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') = 'aal2' collate "C"$$),
  ('aal2', $$(auth.jwt() ->> 'aal') ilike 'AAL2'$$),
  ('aal2', $$(auth.jwt() ->> 'aal')::name = 'aal2'$$),
  ('aal2', $$(auth.jwt()::json ->> 'aal') = 'aal2'$$),
  ('aal2', $$'aal2' = (auth.jwt() ->> 'aal')$$),
  ('aal2', $$auth.jwt() ->> 'aal' between 'aal2' and 'aal3'$$),
  ('aal2', $$(auth.jwt() ->> 'aal') not in ('aal1')$$),
  ('aal2', $$(auth.jwt() ->> 'aal') <> all (array['aal0', 'aal1'])$$),
  ('aal2', $$auth.jwt() ?& array['aal'] and auth.jwt() ->> 'aal' = 'aal2'$$),
  ('aal1', $$auth.jwt() ? 'aal'$$);
select n, expression, needed, needs, verdict(needed, needs) from spellings, needs(expression) where needed <> needs order by n;
select verdict(needed, needs), count(*) from spellings, needs(expression) group by 1 order by 1;

-- Their siblings: turned round, of other values, and those that look alike.
truncate spellings;
insert into spellings (needed, expression) values
  ('none', $$not (lower(auth.jwt() ->> 'aal') is not distinct from 'aal1')$$), ('aal2', $$not (lower(auth.jwt() ->> 'aal') = 'aal1')$$), ('denied', $$upper(auth.jwt() ->> 'aal') = 'aal2'$$), ('aal2', $$upper(auth.jwt() ->> 'aal') = 'AAL2'$$),
  ('aal1', $$lower(auth.jwt() ->> 'aal') <> 'AAL2'$$), ('aal3', $$ltrim(auth.jwt() ->> 'aal', 'la') = '3'$$), ('aal1', $$rtrim(auth.jwt() ->> 'aal', '123') = 'aal'$$), ('denied', $$trim(auth.jwt() ->> 'aal', '2') = 'aal2'$$),
  ('aal2', $$'level ' || (auth.jwt() ->> 'aal') = 'level aal2'$$), ('none', $$concat('aal2', auth.jwt() ->> 'x', auth.jwt() ->> 'aal') like 'aal2%'$$), ('none', $$concat(auth.jwt() ->> 'aal') = ''$$), ('denied', $$(auth.jwt() ->> 'aal') || null = 'aal2'$$),
  ('aal1', $$starts_with(auth.jwt() ->> 'aal', 'aal')$$), ('aal1', $$(auth.jwt() ->> 'aal') not like 'aal2'$$), ('aal2', $$(auth.jwt() ->> 'aal') like '%2'$$), ('denied', $$(auth.jwt() ->> 'aal') like 'aal'$$), ('aal1', $$(auth.jwt() ->> 'aal') ~ 'aal'$$), ('aal1', $$(auth.jwt() ->> 'aal') !~ '^aal[23]$'$$),
  ('aal1', $$(auth.jwt() ->> 'aal') ~ '2|1'$$), ('aal2', $$(auth.jwt() ->> 'aal') ~ '^.{3}2$'$$), ('aal2', $$(auth.jwt() ->> 'aal') ~* 'AAL2'$$), ('aal1', $$(auth.jwt() ->> 'aal') not similar to 'aal(2|3)'$$),
  ('aal1', $$left(auth.jwt() ->> 'aal', 3) = 'aal'$$), ('aal2', $$left(auth.jwt() ->> 'aal', -1) || right(auth.jwt() ->> 'aal', -3) = 'aal2'$$), ('aal2', $$substr(auth.jwt() ->> 'aal', -2, 7) = 'aal2'$$), ('aal2', $$substring(auth.jwt() ->> 'aal' from 4 for 1) = '2'$$),
  ('none', $$coalesce(nullif(right(auth.jwt() ->> 'aal', 1), '')::int, 9) >= 2$$), ('aal1', $$length(auth.jwt() ->> 'aal') = 4$$), ('aal1', $$strpos(auth.jwt() ->> 'aal', 'a') = 1$$), ('none', $$coalesce(strpos(auth.jwt() ->> 'aal', '2'), 1) > 0$$), ('denied', $$(auth.jwt() ->> 'aal')::int > 0$$),
  ('aal1', $$array_position(array['aal1', 'aal2'], auth.jwt() ->> 'aal') = 1$$), ('none', $$array_position(array['aal2', null], auth.jwt() ->> 'aal') is not null$$), ('none', $$array_position(array['aal2'], auth.jwt() ->> 'aal') is null$$), ('aal2', $$(auth.jwt() ->> 'aal') <> all (string_to_array('aal0 aal1', ' '))$$),
  ('aal1', $$(auth.jwt() ->> 'aal')::backwards >= 'aal2'$$), ('aal1', $$(auth.jwt() ->> 'aal')::auth.aal_level <= 'aal2'$$), ('aal3', $$(auth.jwt() ->> 'aal')::auth.aal_level > 'aal2'$$), ('none', $$((auth.jwt() ->> 'aal')::auth.aal_level < 'aal2') is not true$$),
  ('none', $$greatest(auth.jwt() ->> 'aal', 'aal2') = 'aal2'$$), ('aal3', $$greatest(auth.jwt() ->> 'aal', 'aal2') <> 'aal2'$$), ('aal1', $$least(auth.jwt() ->> 'aal', 'aal2') = 'aal1'$$), ('none', $$least(auth.jwt() ->> 'aal', auth.jwt() ->> 'aal') is null$$),
  ('aal1', $$(auth.jwt() ->> 'aal')::varchar(3) = 'aal'$$), ('denied', $$(auth.jwt() ->> 'aal')::varchar(3) = 'aal2'$$), ('aal2', $$(auth.jwt() ->> 'aal')::char(10) = 'aal2'$$), ('aal1', $$(auth.jwt() ->> 'aal')::char(3) = 'aal'$$), ('aal2', $$(auth.jwt() ->> 'aal')::char(10)::text = 'aal2'$$), ('denied', $$(auth.jwt() ->> 'aal')::char(10)::text = 'aal2      '$$),
  ('aal1', $$jsonb_typeof(auth.jwt() -> 'aal') = 'string'$$), ('none', $$jsonb_typeof(auth.jwt() -> 'aal') is null$$), ('denied', $$jsonb_typeof(auth.jwt() -> 'aal') = 'number'$$), ('none', $$jsonb_typeof(auth.jwt()) = 'object'$$),
  ('none', $$auth.jwt() @? '$.aal == "aal2"'$$), ('aal1', $$auth.jwt() @? '$.aal'$$), ('aal2', $$auth.jwt() @? '$.aal ? (@ != "aal1")'$$), ('aal2', $$auth.jwt() @@ '$.aal == "aal2" || $.aal == "aal3"'$$), ('aal2', $$auth.jwt() @@ '$.aal != "aal1"'$$), ('none', $$auth.jwt() @@ '!($.aal == "aal1")'$$),
  ('none', $$not auth.jwt() @@ '$.aal == "aal1"'$$), ('none', $$auth.jwt() @@ '$.amr[*].method == "otp"'$$), ('none', $$jsonb_path_exists(auth.jwt(), '$.amr[*] ? (@.method == "totp")')$$), ('none', $$jsonb_path_query_first(auth.jwt(), '$.aal') is null$$), ('none', $$auth.jwt() @? 'strict $.aal'$$),
  ('none', $$auth.jwt() ?| array['aal', 'sub']$$), ('aal1', $$auth.jwt() ?| array['aal']$$), ('aal1', $$auth.jwt() ?& array['aal', 'sub']$$), ('none', $$auth.jwt() ?& array['sub']$$), ('aal1', $$auth.jwt() ?& '{aal}'$$), ('aal2', $$auth.jwt() @> jsonb_build_object('aal', 'aal' || '2')$$), ('none', $$not auth.jwt() @> jsonb_build_object('aal', 'aal1')$$),
  ('aal2', $$to_jsonb(auth.jwt() ->> 'aal') = '"aal2"'$$), ('denied', $$to_jsonb(auth.jwt() ->> 'aal') = '"AAL2"'$$), ('denied', $$md5(auth.jwt() ->> 'aal') = 'aal2'$$), ('aal2', $$md5(auth.jwt() ->> 'aal') = 'e1f0756aaf2d7621617937cdd1ff47e9'$$), ('none', $$md5(auth.jwt() ->> 'email') = md5('aal2')$$),
  ('none', $$lower(auth.jwt() ->> 'email') = 'aal2'$$), ('none', $$right(auth.jwt() ->> 'sub', 1)::int > 3$$);
select n, expression, needed, needs, verdict(needed, needs) from spellings, needs(expression) where needed <> needs order by n;
select verdict(needed, needs), count(*) from spellings, needs(expression) group by 1 order by 1;

-- The same in the text of a function. It may name what isn't there.
set local check_function_bodies = off;
create function in_a_text(expression text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create or replace function spelled.gate() returns boolean language sql stable set search_path = %L as %L', '', 'select ' || expression);
  answer := needs('spelled.gate()');
  drop function spelled.gate();
  return answer;
end
$$;
select n, expression, needed, needs, verdict(needed, needs) from spellings, in_a_text(expression) needs where needed <> needs order by n;
rollback;
