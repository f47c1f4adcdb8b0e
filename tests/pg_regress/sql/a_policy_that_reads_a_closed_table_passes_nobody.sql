-- Postgres checks before any row whether the role may read the tables of a policy's sub-selects. aal_matrix shows what comes of it.
begin;
create schema closed;
grant usage on schema closed to authenticated;
set search_path = closed;
create table t (id int);
insert into t values (1);
alter table t enable row level security;
grant select on t to authenticated;
create table secret (id int);
create function frozen_jwt() returns jsonb language sql immutable as $$ select auth.jwt() $$;

-- What SELECT needs, and what it does at aal2.
create function needs(permits text, restricts text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy permits on t using (%s)', permits);
  execute format('create policy restricts on t as restrictive using (%s)', restricts);
  select required_aal into answer from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
  perform test.sign_in('aal2');
  set local role authenticated;
  answer := answer || ' / ' || test.attempt('select 1 from closed.t');
  reset role;
  drop policy permits on t;
  drop policy restricts on t;
  return answer;
end
$$;
select permits, restricts, needs(permits, restricts) from (values
  ('true', $$(auth.jwt() ->> 'aal') = 'aal2' or (select count(*) from secret) = 0$$), ('true', $$(select auth.jwt() ->> 'aal') = 'aal2' or not exists (select 1 from secret)$$), ($$(auth.jwt() ->> 'aal') = 'aal2' or exists (select 1 from secret)$$, 'true'),
  ('true', 'exists (select 1 from secret)'),
  -- Where a constant decides, the planner leaves the sub-select out.
  ('true', 'true or exists (select 1 from secret)'), ('true', $$'a' = 'a' or exists (select 1 from secret)$$), ('true', $$(frozen_jwt() ->> 'aal') = 'aal2' or exists (select 1 from secret)$$)) cases(permits, restricts);
rollback;
