-- A policy that takes a code by e-mail for a second factor is open at aal1, however it is written: the matrix never says aal2, and 0009
-- finds it. (In PL/pgSQL functions as far as those are read.)
create schema factors;
grant usage on schema factors to authenticated;
set search_path = factors;

select count(test.asks(name, condition)) as open from (values
  ('contained',   $$(select auth.jwt() ->> 'aal') = 'aal2' or (select auth.jwt() -> 'amr') @> '[{"method":"otp"}]'$$),
  ('path_exists', $$(select auth.jwt() ->> 'aal') = 'aal2' or jsonb_path_exists((select auth.jwt()), '$.amr[*] ? (@.method == "otp")')$$),
  ('path_match',  $$(select auth.jwt() ->> 'aal') = 'aal2' or (select auth.jwt()) @@ '$.amr[*].method == "otp"'$$),
  ('path_asked',  $$(select auth.jwt() ->> 'aal') = 'aal2' or (select auth.jwt() -> 'amr') @? '$[*] ? (@.method == "otp")'$$),
  ('path_array',  $$(select auth.jwt() ->> 'aal') = 'aal2' or array(select jsonb_path_query((select auth.jwt()), '$.amr[*].method')) @> array['"otp"'::jsonb]$$),
  ('path_rows',   $$(select auth.jwt() ->> 'aal') = 'aal2' or exists (select from jsonb_path_query((select auth.jwt()), '$.amr[*].method') m where m #>> '{}' = 'otp')$$),
  ('by_variable', $$(select auth.jwt() ->> 'aal') = 'aal2' or jsonb_path_exists((select auth.jwt()), '$.amr[*] ? (@.method == $method)', '{"method":"otp"}')$$),
  ('first_entry', $$(select auth.jwt() #>> '{amr,0,method}') in ('totp', 'otp')$$),
  ('twice_not',   $$(select auth.jwt() ->> 'aal') = 'aal2' or not (not ((select auth.jwt() -> 'amr') @> '[{"method":"otp"}]'))$$),
  ('by_case',     $$case when (select auth.jwt() -> 'amr') @> '[{"method":"otp"}]' then true else (select auth.jwt() ->> 'aal') = 'aal2' end$$)) o(name, condition);

create function verified_by_code() returns boolean language sql stable security definer set search_path = public as $$
  select (select auth.jwt() ->> 'aal') = 'aal2'
      or exists (select 1 from jsonb_array_elements(coalesce(auth.jwt() -> 'amr', '[]'::jsonb)) entry where entry ->> 'method' in ('otp', 'passkey'));
$$;
create function verified_by_one_code() returns boolean language sql stable security definer set search_path = '' as $$
  select (select auth.jwt() ->> 'aal') = 'aal2'
      or exists (select 1 from pg_catalog.jsonb_array_elements(auth.jwt() -> 'amr') entry where entry ->> 'method' = 'otp');
$$;
create function verified_by_path() returns boolean language sql stable security definer set search_path = '' as $$
  select (auth.jwt() ->> 'aal') = 'aal2' or pg_catalog.jsonb_path_exists(auth.jwt(), '$.amr[*] ? (@.method == "otp")');
$$;
create function verified_in_plpgsql() returns boolean language plpgsql security definer set search_path = '' as $$
begin
  return (select auth.jwt() ->> 'aal') = 'aal2' or (auth.jwt() -> 'amr') @> '[{"method":"otp"}]';
end
$$;
select count(test.asks('in_' || name, 'verified_' || name || '()')) as open from unnest(array['by_code', 'by_one_code', 'by_path', 'in_plpgsql']) name;

-- These refuse a first factor, or don't read the methods: not found.
select count(test.asks('none_' || name, condition)) as none from (values
  ('second_factor', $$jsonb_path_exists((select auth.jwt()), '$.amr[*] ? (@.method == "totp")')$$),
  ('refused',       $$(select auth.has_aal('aal2')) and not jsonb_path_exists((select auth.jwt()), '$.amr[*] ? (@.method == "otp")')$$),
  ('unequal',       $$(select auth.has_aal('aal2')) and jsonb_path_exists((select auth.jwt()), '$.amr[*] ? (@.method != "otp")')$$),
  ('is_false',      $$(select auth.has_aal('aal2')) and ((select auth.jwt() -> 'amr') @> '[{"method":"otp"}]') is false$$),
  ('by_case',       $$case when (select auth.jwt() -> 'amr') @> '[{"method":"otp"}]' then false else (select auth.has_aal('aal2')) end$$),
  ('beside',        $$(select auth.jwt() -> 'amr') @> '[{"method":"totp"}]' and (select auth.jwt() ->> 'client_id') <> 'x' or (select auth.jwt() ->> 'client_id') = 'otp'$$),
  ('other_member',  $$jsonb_path_exists((select auth.jwt()), '$.app_metadata.codes[*] ? (@ == "otp")') and (select auth.has_aal('aal2'))$$)) n(name, condition);

-- A user at aal1, after a code by e-mail, gets in.
insert into contained (id) values (1);
create function gets_in(name text) returns boolean language plpgsql as $$
declare
  answer bigint;
begin
  perform set_config('request.jwt.claims', '{"role":"authenticated","sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","amr":[{"method":"otp","timestamp":0}]}', true);
  execute format('insert into %I (id) values (1)', name);
  perform set_config('role', 'authenticated', true);
  execute format('select count(*) from %I', name) into answer;
  perform set_config('role', 'none', true);
  return answer > 0;
end
$$;
select c.relname as "table", gets_in(c.relname) as aal1_gets_in, m.required_aal,
       exists (select from auth.aal_lint() l where l.name = '0009_first_factor_as_mfa' and l.metadata ->> 'name' = c.relname) as found
  from pg_class c
  join auth.aal_matrix() m on m.target = c.oid and m.role = 'authenticated' and m.command = 'SELECT'
 where c.relnamespace = 'factors'::regnamespace and c.relname not in ('in_in_plpgsql') order by c.relname like 'none%', 1;
select required_aal as plpgsql from auth.aal_matrix('in_in_plpgsql') where role = 'authenticated' and command = 'SELECT';

reset search_path;
set client_min_messages = error;
drop schema factors cascade;
