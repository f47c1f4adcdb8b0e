-- 0031_restrictive_without_expression finds restrictive policies that have neither USING nor WITH CHECK: they refuse nobody.
create schema lint_0031;
grant usage on schema lint_0031 to anon, authenticated;
set search_path = lint_0031;
create function made(name text, clauses text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int default 1, note text)', name);
  execute format('insert into %I default values', name);
  execute format('alter table %I enable row level security', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy one on %I %s', name, clauses);
end
$$;

-- Findings, for each command.
select count(made('found_' || name, clauses)) as found from (values
  ('all', 'as restrictive'), ('authenticated', 'as restrictive for all to authenticated'), ('select', 'as restrictive for select'),
  ('insert', 'as restrictive for insert'), ('update', 'as restrictive for update'), ('delete', 'as restrictive for delete')) f(name, clauses);
-- None: half of it is there, or it is permissive.
select count(made('none_' || name, clauses)) as none from (values
  ('using', 'as restrictive using (auth.has_aal(''aal2''))'), ('check', 'as restrictive with check (auth.has_aal(''aal2''))'),
  ('permissive', 'for all to authenticated'), ('insert', 'as restrictive for insert with check (auth.has_aal(''aal2''))')) n(name, clauses);

select metadata ->> 'name' as "table", metadata ->> 'policy' as policy, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0031' and name like '0031%' order by 1, 2;

-- What Postgres does: it refuses none of these, and the matrix says so.
create temp table statements as
  select row_number() over (order by "table", n)::int as nr, "table", format(statement, "table") as statement
    from (select relname as "table" from pg_class where relnamespace = 'lint_0031'::regnamespace and relname like 'found%') t
    cross join (values (1, 'select from lint_0031.%I'), (2, 'insert into lint_0031.%I default values'), (3, 'update lint_0031.%I set note = ''x'''), (4, 'delete from lint_0031.%I')) s(n, statement);
grant select on statements to authenticated;
set role authenticated;
select answer, count(*) from test.tried('statements') group by 1;
reset role;
select required_aal, count(*) from auth.aal_matrix() where target::text like '%found%' and role = 'authenticated' and command <> 'TRUNCATE' group by 1;

-- A permissive one permits nothing, and half of a restrictive one binds new rows only (case 16).
create table invoices (id int default 1, note text);
insert into invoices default values;
alter table invoices enable row level security;
grant select, insert, update, delete on invoices to authenticated;
create policy empty_permissive on invoices for all to authenticated;
select "table", command, required_aal from (values ('invoices'), ('none_check')) t("table"), auth.aal_matrix("table"::regclass)
  where role = 'authenticated' and command <> 'TRUNCATE' order by 1, array_position('{SELECT,INSERT,UPDATE,DELETE}', command);
select count(*) from auth.aal_lint() where metadata ->> 'name' = 'invoices';

-- Gone.
alter policy one on found_all using (auth.has_aal('aal2'));
drop policy one on found_insert;
select count(*) from auth.aal_lint() where metadata ->> 'name' in ('found_all', 'found_insert') and name like '0031%';

set client_min_messages = error;
reset search_path;
drop schema lint_0031 cascade;
