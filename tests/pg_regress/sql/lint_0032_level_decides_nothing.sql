-- 0032_level_decides_nothing finds conditions that read the level and by which no session gets further than one without.
create schema lint_0032;
grant usage on schema lint_0032 to anon, authenticated;
set search_path = lint_0032;
create function open_else() returns boolean language sql stable return case when auth.has_aal('aal2') then true else true end;

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('or_true',        $$(select auth.has_aal('aal2')) or true$$),
  ('case',           $$case when (select auth.jwt() ->> 'aal') = 'aal2' then true else true end$$),
  ('open_else',      $$case when (select auth.has_aal('aal2')) then user_id = (select auth.uid()) else true end$$),
  ('in_a_branch',    $$case when id > 0 then true else (select auth.has_aal('aal2')) or true end$$),
  ('both_ways',      $$(select auth.has_aal('aal2')) or not (select auth.has_aal('aal2'))$$),
  ('no_such_level',  $$(select auth.jwt() ->> 'aal') is distinct from 'AAL2'$$),
  ('coalesced',      $$coalesce((select auth.has_aal('aal2')) or true, false)$$),
  ('beside_another', $$id > 0 and ((select auth.has_aal('aal2')) or true)$$),
  ('never_gains',    $$id > 0 or ((select auth.has_aal('aal2')) and false)$$),
  ('function',       $$(select lint_0032.open_else())$$),
  ('null_or_not',    $$((select auth.jwt() ->> 'aal') = 'aal2') is null or ((select auth.jwt() ->> 'aal') = 'aal2') is not null$$)) f(name, expression);
-- The one of two expressions, and a permissive policy.
select test.asks('found_check', clauses => $$using ((select auth.has_aal('aal2'))) with check ((select auth.has_aal('aal2')) or true)$$);
select test.asks('found_permissive', 'id > 0');
create policy second_factor on found_permissive using ((select auth.has_aal('aal2')) or true);

-- None: the level decides, for some rows or some sessions.
select count(test.asks('none_' || name, expression)) as none from (values
  ('level',      $$(select auth.has_aal('aal2'))$$),
  ('or_row',     $$id > 0 or (select auth.has_aal('aal2'))$$),
  ('and_row',    $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  ('rows',       $$id > 0 or (user_id = (select auth.uid()) and (select auth.has_aal('aal2')))$$),
  ('case',       $$case when id > 0 then (select auth.has_aal('aal2')) else true end$$),
  ('levels',     $$case when id > 0 then (select auth.has_aal('aal2')) else (select auth.has_aal('aal1')) end$$),
  ('column',     $$(select auth.jwt() ->> 'aal') = level$$),
  ('age',        $$(select auth.has_aal('aal2', '5 minutes')) or (select auth.has_aal('aal3'))$$),
  ('enrolled',   $$(select auth.has_enrolled_aal())$$),
  ('below',      $$not (select auth.has_aal('aal2'))$$),
  ('nobody',     $$(select auth.jwt() ->> 'aal') = 'AAL2'$$),
  ('raises',     $$(select auth.require_aal('aal2')) or true$$),
  ('in_a_table', $$exists (select from pg_class where (select auth.has_aal('aal2')) or true)$$),
  -- 0007 says it better.
  ('without',    $$coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2'$$),
  ('case_0007',  $$case when (select auth.jwt() ->> 'aal') <> 'aal2' then false else true end$$)) n(name, expression);

select metadata ->> 'name' as "table", metadata ->> 'policy' as policy, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0032' and name like '0032%' order by 1, 2;

-- The matrix agrees: each of them needs nothing.
select required_aal, count(*) from auth.aal_matrix() where target::text like '%found%' and role = 'authenticated' and command = 'INSERT' group by 1;

-- Gone.
alter policy asks on found_or_true using ((select auth.has_aal('aal2')));
alter policy asks on found_open_else using ((select auth.has_aal('aal2')) and user_id = (select auth.uid()));
select count(*) from auth.aal_lint() where metadata ->> 'name' in ('found_or_true', 'found_open_else') and name like '0032%';

set client_min_messages = error;
reset search_path;
drop schema lint_0032 cascade;
