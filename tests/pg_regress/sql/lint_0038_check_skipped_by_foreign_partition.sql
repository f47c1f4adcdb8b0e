-- 0038_check_skipped_by_foreign_partition finds protected tables of which a foreign partition takes rows that no WITH CHECK sees.
create schema lint_0038;
grant usage on schema lint_0038 to anon, authenticated;
set search_path = lint_0038;
set client_min_messages = error;
-- Stands for a wrapper that writes; nothing here calls it.
create function handler() returns fdw_handler language internal as 'pg_backend_pid';
create foreign data wrapper writes handler lint_0038.handler;
create foreign data wrapper useless;
create server writes foreign data wrapper writes;
create server useless foreign data wrapper useless;
create function made(name text) returns void language plpgsql as $$
begin
  execute format('create table lint_0038.%I (id int, part int) partition by list (part)', name);
  execute format('create table lint_0038.%I partition of lint_0038.%I for values in (1)', name || '_1', name);
  execute format('alter table lint_0038.%I enable row level security', name);
  execute format('create policy everybody on lint_0038.%I using (true) with check (true)', name);
  execute format('create policy asks on lint_0038.%I as restrictive for insert with check (auth.has_aal(''aal2''))', name);
  execute format('create policy asks_update on lint_0038.%I as restrictive for update using (auth.has_aal(''aal2''))', name);
  execute format('grant select, insert, update, delete, truncate on lint_0038.%I to authenticated', name);
end
$$;
create view findings as
  select metadata ->> 'name' as "table", metadata ->> 'command' as command, metadata ->> 'role' as role, level, detail, cache_key
    from auth.aal_lint() where name like '0038%' and metadata ->> 'schema' = 'lint_0038' order by 1, detail;

select made('home'), made('abroad'), made('deep'), made('unusable'), made('guarded'), made('weaker_check'), made('open');
-- Findings: abroad, deep by a partition of a partition (twice), weaker_check for updates, too, parent for updates.
create foreign table abroad_2 partition of abroad for values in (2) server writes;
create table deep_2 partition of deep for values in (2) partition by list (id);
create foreign table deep_2_1 partition of deep_2 for values in (1) server writes;
create foreign table deep_2_2 partition of deep_2 for values in (2) server writes;
create foreign table weaker_check_2 partition of weaker_check for values in (2) server writes;
drop policy asks_update on weaker_check;
create policy asks_update on weaker_check as restrictive for update using (auth.has_aal('aal1')) with check (auth.has_aal('aal2'));
create table parent (id int);
alter table parent enable row level security;
create policy everybody on parent using (auth.has_aal('aal1')) with check (auth.has_aal('aal2'));
grant insert, update on parent to authenticated;
create foreign table child () inherits (parent) server writes;
-- None: the table is never written to, a guard asks, or no level is asked.
create foreign table unusable_2 partition of unusable for values in (2) server useless;
create foreign table guarded_2 partition of guarded for values in (2) server writes;
create trigger guard before insert or update on guarded for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2');
create foreign table open_2 partition of open for values in (2) server writes;
drop policy asks on open;
drop policy asks_update on open;
select * from findings;
-- The matrix shows the same.
select target, command, required_aal from auth.aal_matrix()
 where role = 'authenticated' and command in ('INSERT', 'UPDATE') and target in ('home'::regclass, 'abroad', 'deep', 'weaker_check', 'parent', 'guarded') order by target::text, 2;

-- Gone.
alter table abroad detach partition abroad_2;
create trigger guard before insert or update on deep for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2');
select "table" from findings;

reset search_path;
drop schema lint_0038 cascade;
drop foreign data wrapper useless cascade;
