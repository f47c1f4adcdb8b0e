-- Postgres refuses a statement whose plan reads a table that the role may not read, before any policy is evaluated. The planner drops
-- sub-selects first, and then nothing is refused. explain_access tells "error" only where the sub-select is certain to stay.
create schema planned;
grant usage on schema planned to authenticated;
set search_path = planned;
create table hidden (id int, flag boolean);
create table shown (id int, flag boolean);
create table t (id int, owner text, flag boolean);
insert into hidden values (1, true);
insert into shown values (1, true);
insert into t values (1, '11111111-1111-4111-8111-111111111111', true);
alter table t enable row level security;
grant select on shown to authenticated;
grant select, insert, update, delete on t to authenticated;
create function reads_hidden() returns boolean language sql stable return exists (select from planned.hidden);
create function ignores(boolean) returns boolean language sql stable return auth.has_aal('aal1');
create function ignores_as_a_call(boolean) returns boolean language sql stable security definer return auth.has_aal('aal1');

-- What a session at aal1 is told under these permissive policies, and what happens.
create function told_and_happened(conditions text[], restrictive text default 'true', statement text default 'select from planned.t')
returns table (told text, happened text) language plpgsql as $$
begin
  for n in 1 .. cardinality(conditions) loop
    execute format('create policy p%s on planned.t using (%s)', n, conditions[n]);
  end loop;
  execute format('create policy r on planned.t as restrictive using (%s)', restrictive);
  perform test.sign_in('aal1');
  set local role authenticated;
  select e.answer into told from auth.explain_access('planned.t', split_part(statement, ' ', 1)) e where e.step = 'result';
  happened := test.attempt(statement);
  reset role;
  for n in 1 .. cardinality(conditions) loop
    execute format('drop policy p%s on planned.t', n);
  end loop;
  drop policy r on planned.t;
  return next;
end
$$;
create table tried (nr int generated always as identity, conditions text[], restrictive text default 'true');

-- It stays.
insert into tried (conditions) values
  ('{exists (select from planned.hidden)}'),
  ('{not exists (select from planned.hidden)}'),
  ('{(select h.flag from planned.hidden h)}'),
  ('{id in (select h.id from planned.hidden h)}'),
  ('{id not in (select h.id from planned.hidden h where h.id = t.id)}'),
  ('{exists (select from planned.hidden where false)}'),
  ('{exists (select from planned.hidden limit 0)}'),
  ('{auth.has_aal(''aal1'') or exists (select from planned.hidden)}'),
  ('{auth.has_aal(''aal3'') and exists (select from planned.hidden)}'),
  ('{owner = auth.subject() or flag or exists (select from planned.hidden)}'),
  ('{(auth.jwt() ->> ''aal'') = (select ''aal1'' from planned.hidden)}'),
  (array[$$array[(select auth.jwt() ->> 'aal')] <@ (select array_agg('aal1'::text) from planned.hidden)$$]),
  (array['owner = auth.subject()', 'exists (select from planned.hidden)']),
  (array['auth.has_aal(''aal3'')', 'flag or exists (select from planned.hidden)']),
  ('{exists (select from planned.shown s where exists (select from planned.hidden h where h.id = s.id))}'),
  ('{exists (select from planned.shown s where s.flag and s.id in (select h.id from planned.hidden h))}'),
  ('{(select true) or exists (select from planned.hidden)}');
insert into tried (conditions, restrictive) values
  ('{true}', 'exists (select from planned.hidden)'),
  ('{false}', 'exists (select from planned.hidden)'),
  ('{owner = auth.subject()}', 'auth.has_aal(''aal2'') and exists (select from planned.hidden)'),
  ('{exists (select from planned.hidden)}', 'false');
select t.nr, s.* from tried t cross join lateral told_and_happened(t.conditions, t.restrictive) s order by t.nr;
select t.nr, s.* from tried t cross join lateral told_and_happened(t.conditions, t.restrictive, 'update planned.t set id = 1') s order by t.nr;
select t.nr, s.* from tried t cross join lateral told_and_happened(t.conditions, t.restrictive, 'insert into planned.t values (1)') s order by t.nr;

-- It is dropped, or may be: then only what is certain is told.
truncate tried restart identity;
insert into tried (conditions) values
  ('{true or exists (select from planned.hidden)}'),
  ('{1 = 1 or exists (select from planned.hidden)}'),
  ('{not (false and exists (select from planned.hidden))}'),
  ('{case when true then flag else exists (select from planned.hidden) end}'),
  (array['coalesce(true, exists (select from planned.hidden))']),
  ('{planned.ignores(exists (select from planned.hidden))}'),
  ('{planned.ignores_as_a_call(exists (select from planned.hidden))}'),
  (array['auth.has_aal(''aal1'') or exists (with found as (select from planned.hidden) select from found)']),
  (array['auth.has_aal(''aal1'') or (1, 1) = (select h.id, h.id from planned.hidden h)']),
  (array['auth.has_aal(''aal1'') or greatest(id, (select h.id from planned.hidden h)) > 0']),
  ('{exists (select count((select h.id from planned.hidden h)))}'),
  ('{flag or (flag and exists (select from planned.hidden))}'),
  ('{not (not flag and (not flag or exists (select from planned.hidden)))}'),
  ('{null::boolean and exists (select from planned.hidden)}'),
  (array['true', 'exists (select from planned.hidden)']),
  (array['flag', 'flag and exists (select from planned.hidden)']),
  ('{exists (select (select h.id from planned.hidden h))}'),
  ('{exists (select from planned.shown s where true or exists (select from planned.hidden))}'),
  ('{planned.reads_hidden()}'),
  ('{flag or planned.reads_hidden()}');
insert into tried (conditions, restrictive) values
  ('{}', 'exists (select from planned.hidden)'),
  ('{true}', 'true or exists (select from planned.hidden)'),
  ('{true}', 'auth.has_aal(''aal2'') and (true or exists (select from planned.hidden))');
select t.nr, s.* from tried t cross join lateral told_and_happened(t.conditions, t.restrictive) s order by t.nr;

-- It is refused before a guard fires.
create trigger guard before update on t for each statement execute function auth.aal_guard('update=aal2');
select * from told_and_happened('{exists (select from planned.hidden)}', 'true', 'update planned.t set id = 1');
select * from told_and_happened('{true}', 'true', 'update planned.t set id = 1');

-- It says which policy, and what helps.
create policy members on t using (exists (select from hidden h where h.id = t.id));
set role authenticated;
select step, subject, answer, note from auth.explain_access('t', 'select') where command is not null;
reset role;
create policy open on t using (true);
set role authenticated;
select step, subject, answer, note from auth.explain_access('t', 'select') where command is not null;
reset role;
set client_min_messages = warning;
drop schema planned cascade;
