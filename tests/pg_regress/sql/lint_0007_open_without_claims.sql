-- 0007_open_without_claims finds conditions on the level that hold without claims, without the claim aal, or for a level that isn't known.
create schema lint_0007;
grant usage on schema lint_0007 to anon, authenticated;
set search_path = lint_0007;

create function opened(name text, expression text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, level text, published boolean)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy asks on %I as restrictive using (%s)', name, expression);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
end
$$;

-- Findings: open without claims, or with claims without aal.
select count(opened('open_' || name, expression)) as open from (values
  ('coalesced',         $$coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2'$$),
  ('coalesced_ours',    $$coalesce((select auth.aal()), 'aal2') = 'aal2'$$),
  ('coalesced_refused', $$coalesce((select auth.jwt() ->> 'aal'), '') <> 'aal1'$$),
  ('distinct',          $$(select auth.jwt() ->> 'aal') is distinct from 'aal1'$$),
  ('distinct_ours',     $$(select auth.aal()) is distinct from 'aal1'$$),
  ('null',              $$(select auth.jwt() ->> 'aal') is null or (select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('no_claims',         $$(select auth.jwt()) is null or (select auth.has_aal('aal2'))$$),
  ('not_true',          $$((select auth.jwt() ->> 'aal') = 'aal1') is not true$$),
  ('case',              $$case when (select auth.jwt() ->> 'aal') = 'aal1' then false else true end$$),
  ('coalesced_after',   $$coalesce((select auth.jwt() ->> 'aal') = 'aal2', true)$$),
  ('setting',           $$coalesce((select current_setting('request.jwt.claims', true)::jsonb ->> 'aal'), 'aal2') = 'aal2'$$)) o(name, expression);

-- A finding: a condition as a number, that is NULL at a fresh aal1.
select opened('as_number', $$not (((select auth.has_enrolled_aal('15 minutes')) and null = 'aal2')::int = 1 is null)$$);

-- Findings: closed without claims, open to a level that isn't known. What is refused is named, instead of what is needed.
select count(opened('refused_' || name, expression)) as refused from (values
  ('unequal',   $$(select auth.jwt() ->> 'aal') <> 'aal1'$$),
  ('not_equal', $$not ((select auth.jwt() ->> 'aal') = 'aal1')$$),
  ('not_in',    $$(select auth.jwt() ->> 'aal') not in ('aal1')$$),
  ('is_false',  $$((select auth.jwt() ->> 'aal') = 'aal1') is false$$)) o(name, expression);

-- None of them.
select count(opened('closed_' || name, expression)) as closed from (values
  ('equal',            $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('in_a_list',        $$(select auth.jwt() ->> 'aal') in ('aal1', 'aal2')$$),
  ('coalesced',        $$coalesce((select auth.jwt() ->> 'aal'), 'aal1') = 'aal2'$$),
  ('coalesced_empty',  $$coalesce((select auth.jwt() ->> 'aal'), '') = 'aal2'$$),
  ('coalesced_after',  $$coalesce((select auth.jwt() ->> 'aal') = 'aal2', false)$$),
  ('not_distinct',     $$(select auth.jwt() ->> 'aal') is not distinct from 'aal2'$$),
  ('true',             $$((select auth.jwt() ->> 'aal') = 'aal2') is true$$),
  ('case',             $$case when (select auth.jwt() ->> 'aal') = 'aal2' then true else false end$$),
  ('ours',             $$(select auth.has_aal('aal2'))$$),
  ('ours_not_null',    $$(select auth.has_aal('aal2')) is not false$$),
  ('published_rows',   $$published or (select auth.jwt() ->> 'aal') = 'aal2'$$), -- what is open is so by the row
  ('unequal_and_more', $$(select auth.jwt() ->> 'aal') <> 'aal1' and (select auth.has_aal('aal2'))$$)) c(name, expression);

-- None is due: auth.aal() is NULL for what is no level, so that this holds at aal2 and aal3 only.
select opened('closed_unequal_ours', $$(select auth.aal()) <> 'aal1'$$);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0007' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0007 cascade;
