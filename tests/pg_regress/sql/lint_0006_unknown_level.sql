-- 0006_unknown_level finds levels that no session has, wherever one is compared with or asked for.
create schema lint_0006;
grant usage on schema lint_0006 to anon, authenticated;
set search_path = lint_0006;
create function second_factor(level text) returns boolean language sql stable as $$ select auth.has_aal(level) $$;

-- Findings, every one.
select count(test.asks('wrong_' || name, expression)) as wrong from (values
  ('upper_case',       $$(select auth.jwt() ->> 'aal') = 'AAL2'$$),
  ('with_a_space',     $$(select auth.jwt() ->> 'aal') = 'aal 2'$$),
  ('space_at_the_end', $$(select auth.jwt() ->> 'aal') = 'aal2 '$$),
  ('number',           $$(select auth.jwt() ->> 'aal') = '2'$$),
  ('of_ours',          $$(select auth.aal()) = 'AAL2'$$),
  ('in_a_list',        $$(select auth.jwt() ->> 'aal') in ('aal1', 'aal2', 'Aal3')$$),
  ('in_an_array',      $$array[(select auth.jwt() ->> 'aal')] <@ array['AAL2']$$),
  ('in_a_case',        $$case (select auth.jwt() ->> 'aal') when 'AAL2' then true else false end$$),
  ('refused',          $$(select auth.jwt() ->> 'aal') = 'aal2' and (select auth.jwt() ->> 'aal') <> 'AAL1'$$),
  ('json_as_text',     $$(select (auth.jwt() -> 'aal')::text) = 'aal2'$$), -- that text is "aal2", with its quotes
  ('json',             $$(select auth.jwt() -> 'aal') = '"AAL2"'$$),
  ('contained',        $$(select auth.jwt()) @> '{"aal":"AAL2"}'$$),
  ('asked_for',        $$(select auth.has_aal('AAL2'))$$),
  ('asked_fresh',      $$(select auth.has_aal('aal 2', '5 minutes'))$$),
  ('enrolled',         $$(select auth.has_aal('enrolled'))$$), -- a level of protect_table only; for has_aal it is an error
  ('in_a_function',    $$(select lint_0006.second_factor('AAL2'))$$)) w(name, expression);
-- And 0018.
select test.asks('wrong_required', $$(select auth.require_aal('2'))$$) as wrong;

-- None of them.
select count(test.asks('right_' || name, expression)) as right from (values
  ('equal',         $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('in_a_list',     $$(select auth.jwt() ->> 'aal') in ('aal2', 'aal3')$$),
  ('coalesced',     $$coalesce((select auth.jwt() ->> 'aal'), '') = 'aal2'$$),
  ('json_as_text',  $$(select (auth.jwt() -> 'aal')::text) = '"aal2"'$$),
  ('json',          $$(select auth.jwt() -> 'aal') = '"aal2"'$$),
  ('contained',     $$(select auth.jwt()) @> '{"aal":"aal2"}'$$),
  ('asked_for',     $$(select auth.has_aal('aal3'))$$),
  ('in_a_function', $$(select lint_0006.second_factor('aal2'))$$),
  ('other_claim',   $$(select auth.has_aal('aal2')) and (select auth.jwt() ->> 'role') = 'AAL2'$$),
  ('column',        $$(select auth.has_aal('aal2')) and level = 'AAL2'$$),
  ('of_a_column',   $$(select auth.aal()) = level$$)) r(name, expression);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0006' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0006 cascade;
