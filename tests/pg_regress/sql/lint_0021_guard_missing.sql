-- 0021_guard_missing finds tables whose guard, which protect_table made, is gone or disabled.
create schema lint_0021;
grant usage on schema lint_0021 to anon, authenticated;
set search_path = lint_0021;

create function protected(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, iban text)', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
  perform auth.protect_table(name::regclass, sensitive_columns => case when name ~ 'columns' then '{iban}'::name[] end, guard => name !~ 'without');
end
$$;
set client_min_messages = warning;
select count(protected(name)) as tables from unnest(array[
  'found_dropped', 'found_disabled', 'found_all_disabled', 'found_replica_only', 'found_when', 'found_other_function', 'found_columns',
  'found_columns_disabled', 'found_columns_with_the_column', 'none_at_all', 'none_always', 'none_without', 'none_columns']) name;

-- Findings.
drop trigger aal_guard on found_dropped;
alter table found_disabled disable trigger aal_guard;
alter table found_all_disabled disable trigger user;
alter table found_replica_only enable replica trigger aal_guard;
-- (Replaced in its place, with its comment: it is there by name only.)
create or replace trigger aal_guard before insert or update or delete or truncate on found_when
  for each statement when (false) execute function auth.aal_guard('insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2');
create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
create or replace trigger aal_guard before insert or update or delete or truncate on found_other_function
  for each statement execute function nothing();
-- This one decides, for sensitive columns: ERROR.
drop trigger aal_columns on found_columns;
alter table found_columns_disabled disable trigger user;
alter table found_columns_with_the_column drop column iban cascade;

-- None of them.
alter table none_always enable always trigger aal_guard;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail, cache_key
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0021' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0021 cascade;
