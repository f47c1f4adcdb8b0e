-- 0030_gate_not_read finds policies that ask for a level by a function that the proof can't read, and says why.
create schema lint_0030;
grant usage on schema lint_0030 to anon, authenticated;
set search_path = lint_0030;
create function is_aal2() returns boolean language sql stable return auth.has_aal('aal2');
create function by_name() returns boolean language sql stable as $$ select is_aal2() $$;
create function by_regex() returns boolean language sql stable return coalesce(auth.aal() ~ '^aal[23]$', false);
create function by_helper() returns boolean language sql stable as $$ select by_name() and true $$;
create function of_two() returns boolean language sql stable set search_path = '' as $$ select 1; select auth.has_aal('aal2') $$;
create function is_member() returns boolean language plpgsql stable as $$ begin return exists (select from pg_class); end $$;
create function in_a_loop() returns boolean language plpgsql stable set search_path = '' as $$
declare
  n int;
  answer boolean := false;
begin
  for n in 1..2 loop
    answer := auth.has_aal('aal2');
  end loop;
  return answer;
end
$$;
create function composed() returns boolean language plpgsql stable set search_path = '' as $$
declare
  answer boolean;
begin
  execute 'select auth.has_aal(' || '''aal2'')' into answer;
  return answer;
end
$$;

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('by_name',    $$(select lint_0030.by_name())$$),
  ('by_helper',  $$(select lint_0030.by_helper())$$),
  ('in_a_loop',  $$(select lint_0030.in_a_loop())$$),
  ('composed',   $$(select lint_0030.composed())$$),
  ('beside',     $$(select lint_0030.in_a_loop()) and (select auth.has_aal('aal1'))$$),
  ('or_own',     $$user_id = (select auth.uid()) or (select lint_0030.in_a_loop())$$)) f(name, expression);
-- Both expressions of one policy: one finding.
select test.asks('found_once', clauses => $$using (lint_0030.in_a_loop()) with check (lint_0030.in_a_loop())$$);

-- Findings: conditions of a policy's own that aren't read.
select count(test.asks('found_' || name, expression)) as found_conditions from (values
  ('made',      $$jsonb_set(auth.jwt(), '{aal}', '"aal2"') ->> 'aal' = 'aal2'$$),
  ('unknown',   $$initcap(auth.aal()) = 'Aal2'$$),
  ('counted',   $$(select count(*) filter (where true) where (select auth.has_aal('aal2'))) > 0$$),
  ('with',      $$exists (with one as materialized (select where (select auth.has_aal('aal2'))) select from one)$$),
  ('amr',       $$exists (select from auth.amr() where level = 'aal2')$$),
  -- Where the claim is no level, how two texts order decides, and that differs from collation to collation.
  ('order',     $$case auth.jwt() ->> 'aal' when 'aal1' then false when 'aal2' then true when 'aal3' then true else (auth.jwt() -> 'aal')::text > 'aal' end$$),
  ('restrict',  $$auth.jwt() ->> 'aal' = 'aal2' or (coalesce(auth.jwt() ->> 'aal', '') <> 'aal1' and upper(auth.jwt() ->> 'aal') > 'M')$$)) f(name, expression);

-- None: what the function answers is read, it reads no level, or aal2 is needed anyway.
select count(test.asks('none_' || name, expression)) as none from (values
  ('read',       $$(select lint_0030.is_aal2())$$),
  ('member',     $$(select lint_0030.is_member())$$),
  ('operator',   $$(select lint_0030.by_regex())$$),
  ('counted',    $$(select count(*) where (select auth.has_aal('aal2'))) > 0$$),
  ('path',       $$auth.jwt() @@ '$.aal == "aal2"'$$),
  ('first',      $$jsonb_path_query_first(auth.jwt(), '$.aal') #>> '{}' = 'aal2'$$),
  ('method',     $$exists (select from auth.amr() where method = 'totp')$$),
  ('and_aal2',   $$(select lint_0030.in_a_loop()) and (select auth.has_aal('aal2'))$$)) n(name, expression);

-- A remote procedure asks by one that can't be read, and reaches a protected table. None where its gate is read, or it reaches nothing.
create function rpc_in_a_loop() returns void language plpgsql security definer set search_path = '' as $$
begin
  if not lint_0030.in_a_loop() then
    raise exception 'no';
  end if;
  update lint_0030.none_and_aal2 set user_id = null;
end
$$;
create function rpc_of_two() returns void language sql security definer set search_path = '' as $$
  update lint_0030.none_and_aal2 set user_id = null where lint_0030.of_two()
$$;
create function rpc_read() returns void language plpgsql security definer set search_path = '' as $$
begin
  if not lint_0030.is_aal2() then
    raise exception 'no';
  end if;
  update lint_0030.none_and_aal2 set user_id = null;
end
$$;
create function rpc_that_reaches_nothing() returns boolean language plpgsql security definer set search_path = '' as $$
begin
  return lint_0030.in_a_loop();
end
$$;

select metadata ->> 'name' as "table", metadata ->> 'policy' as policy, level, detail, cache_key
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0030' and name like '0030%' order by 1, 2;
-- The matrix counts it as possibly true, and says so.
select required_aal, note from auth.aal_matrix('found_in_a_loop') where role = 'authenticated' and command = 'SELECT';

-- Gone: each function is written so that it can be read, and so is each condition.
alter policy asks on found_made using ((select auth.aal()) = 'aal2');
alter policy asks on found_unknown using (upper(auth.aal()) = 'AAL2');
alter policy asks on found_with using ((select auth.has_aal('aal2')));
alter policy asks on found_amr using ((select auth.has_aal('aal2')));
alter policy asks on found_order using ((select auth.has_aal('aal2')));
alter policy asks on found_restrict using ((select auth.has_aal('aal2')));
alter policy asks on found_counted using (exists (select where (select auth.has_aal('aal2'))));
create or replace function by_name() returns boolean language sql stable return lint_0030.is_aal2();
create or replace function by_helper() returns boolean language sql stable return lint_0030.by_name();
create or replace function in_a_loop() returns boolean language sql stable return auth.has_aal('aal2');
create or replace function of_two() returns boolean language sql stable set search_path = '' as $$ select auth.has_aal('aal2') $$;
create or replace function composed() returns boolean language sql stable set search_path = '' as $$ select auth.has_aal('aal2') $$;
select metadata ->> 'name' as "table", level, detail from auth.aal_lint() where metadata ->> 'schema' = 'lint_0030' and name like '0030%';

set client_min_messages = error;
reset search_path;
drop schema lint_0030 cascade;
