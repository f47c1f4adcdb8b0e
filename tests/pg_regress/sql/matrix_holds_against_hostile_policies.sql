-- No policy, however written, makes aal_matrix promise more than what really refuses. (Each of these once did.)
create schema hostile;
grant usage on schema hostile to authenticated;
set search_path = hostile;
create table s (a int, x text);
insert into s values (1, 'a'), (2, 'b');
create table secret (x text, b boolean);
grant select on s to authenticated;
create table t (a int, b int, l text);
insert into t values (1, 2, 'x'), (2, 1, 'x');
alter table t enable row level security;
grant select on t to authenticated;
create function ignores(anyelement) returns boolean language sql as $$ select true $$;
create function ignores_boolean(boolean) returns boolean language sql as $$ select true $$;
create function is_level(text) returns boolean language sql stable as $$ select $1 = 'AAL1' $$;
create function as_varchar() returns boolean language sql stable as $$ select (auth.jwt() ->> 'aal')::varchar = 'aal2'::varchar $$;
create function equals_null() returns boolean language sql stable as $$ select auth.has_aal('aal2') or auth.aal() = null $$;
create function backslash() returns boolean language sql stable as $$ select 'a\' <> auth.aal() $$;

-- What SELECT needs by the matrix, and how many rows it gives to a session.
create function tried(expression text, claims text, out needs text, out rows bigint) language plpgsql as $$
begin
  execute format('create policy alone on t using (%s)', expression);
  select required_aal into needs from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
  perform set_config('request.jwt.claims', claims, true), set_config('role', 'authenticated', true);
  begin
    select count(*) into rows from t;
  exception when others then
    rows := null;
  end;
  perform set_config('role', 'none', true);
  drop policy alone on t;
end
$$;

select expression, claims, needs, rows, case when rows > 0 and needs > coalesce(claims::json ->> 'aal', 'none') and needs <> 'none' then 'UNSOUND' end as verdict
  from (values
  ($$(case a when 1 then true else false end) and (case b when 1 then false else true end)$$, null),
  ($$a = any (select s.a from s) and not (a = all (select s.a from s))$$, null),
  ($$a in (select max(s.a) from s) and a not in (select min(s.a) from s)$$, null),
  ($$a in (select s.a from s) and auth.has_aal('aal2')$$, null),
  ($$ignores(auth.require_aal('aal2'))$$, null),
  ($$ignores_boolean(auth.require_aal('aal2'))$$, null),
  ($$ignores_boolean((select secret.b from secret))$$, null),
  ($$(null::boolean = auth.require_aal('aal2')) is null$$, null),
  ($$(null::text = (select secret.x from secret)) is null$$, null),
  ($$coalesce(null::text || (select secret.x from secret), 'x') = 'x'$$, null),
  ($$auth.has_aal('aal1') and current_setting('request.jwt.claims', null) is null$$, '{"aal":"aal1"}'),
  ($$array['aal1 '::text::bpchar] @> array[(auth.jwt() ->> 'aal')::bpchar]$$, '{"aal":"aal1"}'),
  ($$'{{x}}'::text[] <> '{x}'::text[]$$, null),
  ($$'[0:0]={x}'::text[] <> '{x}'::text[]$$, null),
  ($$(' "aal1"'::json)::text = ' "aal1"'$$, null),
  ($$as_varchar()$$, null),
  ($$equals_null()$$, null),
  ($$backslash()$$, '{"aal":"aal1"}'),
  ($$auth.has_aal('aal2') or (auth.enrolled_aal() = 'aal1' and auth.has_aal('aal1', '5 minutes'))$$, null)
  ) as policies(expression, claims), tried(expression, claims);

-- Written bodies with aggregates and sets where one doesn't look for them: then there may be a row, or none, whatever the filter says.
create function bodied(body text, out needs text, out rows bigint) language plpgsql as $$
begin
  execute format('create or replace function alone() returns boolean language sql stable as %L', body);
  select * into needs, rows from tried('hostile.alone()', null);
end
$$;
select left(body, 100) as body, needs, rows, case when rows > 0 and needs <> 'none' then 'UNSOUND' end as verdict
  from unnest(array[
  $$select true where auth.has_aal('aal2') order by count(*)$$,
  $$select exists (select true where auth.has_aal('aal2') order by count(*))$$,
  $$select exists (select true, count(*) where auth.has_aal('aal2'))$$,
  $$select exists (select distinct on (count(*)) true where auth.has_aal('aal2'))$$,
  $$select exists (select true where auth.has_aal('aal2') window w as (order by count(*)))$$,
  $$select exists (select greatest(count(*), 1) where auth.has_aal('aal2'))$$,
  $$select exists (select -count(*) where auth.has_aal('aal2'))$$,
  $$select exists (select count(*) between 0 and 1 where auth.has_aal('aal2'))$$,
  $$select exists (select row(count(*)) where auth.has_aal('aal2'))$$,
  $$select exists (select (array_agg(1))[1] where auth.has_aal('aal2'))$$,
  $$select exists (select max('x') collate "C" where auth.has_aal('aal2'))$$,
  $$select exists (select count(*) operator(pg_catalog.=) any (array[1]) where auth.has_aal('aal2'))$$,
  $$select exists (select (select count(s.a)) from hostile.s where auth.has_aal('aal2'))$$,
  $$select exists (select (select true where count(s.a) >= 0) from hostile.s where auth.has_aal('aal2'))$$,
  $$select exists (select $$ || repeat('(not ', 150) || 'count(*) = 1' || repeat(')', 150) || $$ where auth.has_aal('aal2'))$$,
  $$select not exists (select auth.amr())$$,
  $$select not exists (select true, auth.amr())$$,
  $$select not exists (select true order by generate_series(1, 0))$$,
  $$select not exists (select -generate_series(1, 0))$$,
  $$select coalesce((select auth.has_aal('aal2') order by generate_series(1, 0)), true)$$,
  $$select exists (select from hostile.s where s.a > 0 and auth.has_aal('aal2'))$$]) body, bodied(body);

-- Names that could be another's: a type's, an overload's, of a path that looks elsewhere first.
create domain gate as boolean;
create function gate(x text) returns boolean language sql stable as $$ select auth.has_aal('aal2') $$;
select needs, rows from bodied($$select hostile.gate('true')$$);
create function auth.require_aal(varchar) returns boolean language sql as $$ select true $$;
select needs, rows from bodied($$select auth.require_aal('aal2'::varchar)$$);
drop function auth.require_aal(varchar);
create schema elsewhere;
grant usage on schema elsewhere to public;
create function elsewhere.yes(text, text) returns boolean language sql immutable as $$ select true $$;
create operator elsewhere.= (leftarg = text, rightarg = text, function = elsewhere.yes);
select set_config('search_path', 'elsewhere, PG_CATALOG', false);
create function hostile.from_current() returns boolean language sql stable set search_path from current as $$ select coalesce(auth.aal(), 'x') = 'aal2' $$;
set search_path = hostile;
select needs, rows from tried('from_current()', null);
alter role authenticated set search_path = elsewhere, pg_catalog;
select needs from bodied($$select auth.aal() = 'aal2'$$);
alter role authenticated reset search_path;
select needs from bodied($$select auth.aal() = 'aal2'$$);

-- A system column is a column; a child's rows are reached through its other parent.
create table sysc (a int);
grant select (ctid) on sysc to authenticated;
select required_aal, decided_by from auth.aal_matrix('sysc') where role = 'authenticated' and command = 'SELECT';
create table parent_1 (a int);
create table parent_2 (a int);
create table child () inherits (parent_1, parent_2);
alter table parent_1 enable row level security;
alter table child enable row level security;
create policy p on parent_1 using (auth.has_aal('aal2'));
create policy p on child using (auth.has_aal('aal2'));
grant select, delete on parent_1, parent_2 to authenticated;
select target, command, required_aal, decided_by from auth.aal_matrix('parent_1') where role = 'authenticated' and command in ('SELECT', 'DELETE');

-- With rights or settings of another's making, a written body may mean something else. So it only counts where nobody sets them.
create function stated() returns boolean language sql stable as $$ select auth.has_aal('aal2') $$;
create function returned() returns boolean language sql stable return auth.has_aal('aal2');
select needs from tried('stated()', null);
set pg_aal.claims_source = 'token';
select expression, (tried(expression, null)).needs from unnest(array['stated()', 'returned()', $$auth.jwt() ->> 'aal' = 'aal2'$$]) expression;
reset pg_aal.claims_source;
-- The same if a role has it stored.
alter role authenticated set pg_aal.claims_source = 'token';
select expression, (tried(expression, null)).needs from unnest(array['stated()', 'returned()', $$auth.jwt() ->> 'aal' = 'aal2'$$]) expression;
alter role authenticated reset pg_aal.claims_source;
select expression, (tried(expression, null)).needs from unnest(array['stated()', 'returned()', $$auth.jwt() ->> 'aal' = 'aal2'$$]) expression;

-- Which of our policies a guard asks, if its own is missing, isn't certain.
create table guarded (id int);
alter table guarded enable row level security;
create policy everybody on guarded using (true);
create policy aal_delete on guarded as restrictive for delete to authenticated using (true);
create policy aal_read on guarded as restrictive for select to anon using (true);
create trigger guard before insert on guarded for each statement execute function auth.aal_guard('insert=aal2');
grant insert on guarded to authenticated;
select required_aal, decided_by from auth.aal_matrix('guarded') where role = 'authenticated' and command = 'INSERT';

-- Rows are reached by a view without usage on their schema; by the parent that is a foreign table; by a rule.
create schema closed;
create table closed.t (id int);
create view v with (security_invoker) as select * from closed.t;
grant select on closed.t to authenticated;
select required_aal, decided_by from auth.aal_matrix('closed.t') where role = 'authenticated' and command = 'SELECT';
create foreign data wrapper nothing;
create server nothing foreign data wrapper nothing;
create foreign table far (id int) server nothing;
create table near () inherits (far);
alter table near enable row level security;
grant select on far, near to authenticated;
select target, required_aal, decided_by from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target in ('far'::regclass, 'near'::regclass);

set client_min_messages = error;
drop schema hostile, closed, elsewhere cascade;
drop foreign data wrapper nothing cascade;
