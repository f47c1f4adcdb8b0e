-- 0011_evaluated_per_row finds policies that read the level anew for every row.
create schema lint_0011;
grant usage on schema lint_0011 to anon, authenticated;
set search_path = lint_0011;
create function is_aal2() returns boolean language sql stable as $$ select auth.jwt() ->> 'aal' = 'aal2' $$;
create function is_aal2_ours() returns boolean language sql stable as $$ select auth.has_aal('aal2') $$;
create function is_aal2_pinned() returns boolean language sql stable set search_path = '' as $$ select auth.has_aal('aal2') $$;
create function is_aal2_in_plpgsql() returns boolean language plpgsql stable as $$ begin return auth.jwt() ->> 'aal' = 'aal2'; end $$;

-- Findings.
select count(test.asks('found_' || name, expression)) as found from (values
  ('bare',        $$auth.jwt() ->> 'aal' = 'aal2'$$),
  ('as_json',     $$(auth.jwt() -> 'aal')::text = '"aal2"'$$),
  ('setting',     $$current_setting('request.jwt.claims', true)::jsonb ->> 'aal' = 'aal2'$$),
  ('alternative', $$id = 0 or auth.jwt() ->> 'aal' = 'aal2'$$),
  ('function',    $$lint_0011.is_aal2()$$),
  ('pinned',      $$lint_0011.is_aal2_pinned()$$), -- a function with settings isn't inlined, so it is called for each row
  ('of_a_column', $$auth.has_aal(level)$$), -- it can't be wrapped, since it may differ for each row
  ('one_of_two',  $$(select auth.jwt() ->> 'aal') = 'aal2' and auth.jwt() ->> 'aal' is not null$$)) f(name, expression);
-- Finding: WITH CHECK is evaluated per row, too.
create table found_check (id int);
alter table found_check enable row level security;
create policy everybody on found_check using (true);
create policy asks on found_check as restrictive using ((select auth.jwt() ->> 'aal') = 'aal2') with check (auth.jwt() ->> 'aal' = 'aal2');
grant select, insert, update, delete on found_check to authenticated;

-- None of them.
select count(test.asks('none_' || name, expression)) as none from (values
  ('wrapped',            $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  ('wrapped_comparison', $$(select auth.jwt() ->> 'aal' = 'aal2')$$),
  ('wrapped_claims',     $$(select auth.jwt()) ->> 'aal' = 'aal2'$$),
  ('wrapped_function',   $$(select lint_0011.is_aal2())$$),
  ('ours',               $$auth.has_aal('aal2')$$), -- these are evaluated once however they are written
  ('ours_fresh',         $$auth.has_aal('aal2', '5 minutes')$$),
  ('ours_compared',      $$auth.aal() = 'aal2'$$),
  ('ours_enrolled',      $$auth.has_enrolled_aal()$$),
  ('ours_claims',        $$auth.claims() ->> 'aal' = 'aal2'$$),
  ('ours_in_a_function', $$lint_0011.is_aal2_ours()$$),
  ('ours_wrapped',       $$(select auth.has_aal('aal2'))$$),
  ('ours_or_a_column',   $$id = 0 or auth.has_aal('aal2')$$)) n(name, expression);
-- Also in PL/pgSQL.
select test.asks('found_in_plpgsql', $$lint_0011.is_aal2_in_plpgsql()$$);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0011' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0011 cascade;
