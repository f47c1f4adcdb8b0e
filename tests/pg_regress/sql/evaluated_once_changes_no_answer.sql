-- The same answers with the planner's support, without it, and wrapped by hand, in every place where an expression
-- can stand, for every kind of session. Nothing crashes and no internal error appears.
--
-- Without support: the same C functions under other names.
create schema plain;
grant usage on schema plain to public;
create function plain.aal() returns text language c stable parallel safe as '$libdir/pg_aal', 'aal_wrapper';
create function plain.subject() returns text language c stable parallel safe as '$libdir/pg_aal', 'subject_wrapper';
create function plain.subject_uuid() returns uuid language c stable parallel safe as '$libdir/pg_aal', 'subject_uuid_wrapper';
create function plain.has_aal(level text, max_age interval default null) returns boolean language c stable parallel safe as '$libdir/pg_aal', 'has_aal_wrapper';
create function plain.require_aal(level text, max_age interval default null) returns boolean language c stable parallel safe as '$libdir/pg_aal', 'require_aal_wrapper';

create table t (id int primary key, owner uuid, level text, note text);
insert into t select n, case when n % 2 = 0 then '11111111-1111-4111-8111-111111111111'::uuid end, 'aal' || (1 + n % 3), 'n' || n
  from generate_series(1, 12) as n;
create table big as select n as id, 'aal' || (1 + n % 3) as level from generate_series(1, 3000) as n;
alter table big set (parallel_workers = 2);
create table parted (id int, note text) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2);
insert into parted values (1, 'aal1'), (2, 'aal2');
create table parent (id int, level text);
create table child () inherits (parent);
insert into parent values (1, 'aal1');
insert into child values (2, 'aal2');
analyze;
grant all on all tables in schema public to authenticated;

-- f.NAME( stands for one of our functions. A case is set up as the owner, runs as authenticated, and is undone.
create table test.cases (nr int generated always as identity, place text, setup text, statement text);
insert into test.cases (place, setup, statement) values
  ('select list',       null, $$select id, f.aal(), f.has_aal('aal2') from t$$),
  ('where',             null, $$select * from t where f.has_aal('aal2')$$),
  ('where, not',        null, $$select * from t where not f.has_aal('aal2')$$),
  ('where, or',         null, $$select * from t where f.has_aal('aal2') or id = 3$$),
  ('where, and or',     null, $$select * from t where (id < 5 and f.has_aal('aal1')) or (id > 8 and f.has_aal('aal2'))$$),
  ('where, case',       null, $$select * from t where case when id < 5 then f.has_aal('aal1') when id < 9 then f.has_aal('aal2') else f.has_aal('aal3') end$$),
  ('where, case of it', null, $$select * from t where case f.aal() when 'aal1' then id < 3 when 'aal2' then id > 3 else id = 7 end$$),
  ('where, coalesce',   null, $$select * from t where coalesce(f.aal(), 'aal3') = level$$),
  ('where, nullif',     null, $$select * from t where nullif(f.aal(), 'aal1') = level$$),
  ('where, is',         null, $$select * from t where f.has_aal('aal2') is not true and f.aal() is distinct from level and f.subject() is not null$$),
  ('where, in',         null, $$select * from t where f.aal() in ('aal1', level)$$),
  ('where, any array',  null, $$select * from t where level = any (array[f.aal(), 'aal3'])$$),
  ('where, row',        null, $$select * from t where (level, owner) = (f.aal(), f.subject_uuid())$$),
  ('where, index',      null, $$select * from t where id = length(f.aal())$$),
  ('where, owner',      null, $$select * from t where owner = f.subject_uuid()$$),
  ('where, cast',       null, $$select * from t where f.subject()::uuid = owner and f.has_aal('aal2'::varchar(4))$$),
  ('where, concatenated', null, $$select * from t where f.has_aal('aa' || 'l2') and f.aal() || '' = f.aal()$$),
  ('where, nested',     null, $$select * from t where f.has_aal(f.aal())$$),
  ('where, null level', null, $$select * from t where f.has_aal(nullif(f.aal(), f.aal()))$$),
  ('where, bad level',  null, $$select * from t where f.has_aal('aal9')$$),
  ('where, bad level, no rows', null, $$select * from t where false and f.has_aal('aal9')$$),
  ('where, from a column', null, $$select * from t where f.has_aal(level)$$),
  ('where, from a column, max_age', null, $$select * from t where f.has_aal(level, '15 minutes')$$),
  ('where, max_age from a column', null, $$select * from t where f.has_aal('aal2', make_interval(mins => id))$$),
  ('where, volatile',   null, $$select * from t where f.has_aal('aal' || (1 + (random() * 0)::int))$$),
  ('where, require',    null, $$select * from t where f.require_aal('aal2')$$),
  ('where, require, or', null, $$select * from t where id = 3 or f.require_aal('aal2')$$),
  ('where, require of a column', null, $$select * from t where f.require_aal(level)$$),
  ('order by',          null, $$select id from t order by f.aal(), f.has_aal('aal2'), id desc$$),
  ('group by',          null, $$select f.aal(), f.has_aal('aal2') as h, count(*) from t group by f.aal(), h$$),
  ('group by sets',     null, $$select level, f.has_aal('aal2'), count(*) from t group by grouping sets ((level), (f.has_aal('aal2')), ())$$),
  ('distinct',          null, $$select distinct f.aal(), level from t$$),
  ('distinct on',       null, $$select distinct on (f.aal()) id from t order by f.aal(), id$$),
  ('having',            null, $$select level, count(*) from t group by level having f.has_aal('aal2')$$),
  ('having, aggregate', null, $$select level, count(*) from t group by level having f.has_aal('aal2') or max(id) > 11$$),
  ('aggregate',         null, $$select count(*) filter (where f.has_aal('aal2')), max(f.aal()), string_agg(note, f.aal() order by id) from t$$),
  ('aggregate alone',   null, $$select max(id), min(id) from t where f.has_aal('aal2')$$),
  ('window',            null, $$select id, count(*) over (partition by f.aal(), level), sum(id) filter (where f.has_aal('aal2')) over (order by id) from t$$),
  ('window filter',     null, $$select * from (select id, row_number() over (order by id) as n from t) s where n < 5 and f.has_aal('aal2')$$),
  ('limit',             null, $$select id from t order by id limit case when f.has_aal('aal2') then 3 else 1 end offset case when f.has_aal('aal1') then 1 else 0 end$$),
  ('limit alone',       null, $$select 1 limit case when f.has_aal('aal2') then 1 else 0 end$$),
  ('fetch',             null, $$select id from t order by id fetch first (length(f.aal())) rows only$$),
  ('values',            null, $$values (f.aal(), f.has_aal('aal2')), ('x', f.has_aal('aal1'))$$),
  ('values in from',    null, $$select * from (values (f.aal(), 1), ('x', 2)) v(a, n), t where n = id$$),
  ('values, one row',   null, $$select * from (values (f.has_aal('aal2'))) v(a), t where a$$),
  ('in values',         null, $$select * from t where level in (values (f.aal()), ('aal3'))$$),
  ('from',              null, $$select * from f.aal() a, f.has_aal('aal2') h$$),
  ('from, with rows',   null, $$select * from t join f.has_aal('aal2') h on h$$),
  ('from, ordinality',  null, $$select * from f.aal() with ordinality a, t where a.a = t.level$$),
  ('rows from',         null, $$select * from rows from (f.aal(), f.subject(), generate_series(1, 2)) with ordinality$$),
  ('from, srf argument', null, $$select * from generate_series(1, length(f.aal())) n, unnest(array[f.aal(), f.subject()]) u$$),
  ('from, tablesample', null, $$select count(*) from big tablesample system (case when f.has_aal('aal2') then 100 else 0 end)$$),
  ('set-returning select list', null, $$select f.aal(), generate_series(1, 3)$$),
  ('join on',           null, $$select a.id, b.id from t a join t b on a.id = b.id + 1 and f.has_aal('aal2')$$),
  ('left join on',      null, $$select a.id, b.id from t a left join t b on a.id = b.id and f.has_aal('aal2')$$),
  ('left join on, only', null, $$select a.id, b.id from t a left join t b on f.has_aal('aal2') where a.id < 3 and (b.id < 3 or b.id is null)$$),
  ('right and full join', null, $$select a.id, b.id, c.id from t a right join t b on a.id = b.id and f.has_aal('aal2') full join t c on c.id = b.id and c.level = f.aal()$$),
  ('left join, null side', null, $$select a.id, b.x from t a left join (select id, f.aal() as x, f.has_aal('aal2') as h from t where id > 6) b on a.id = b.id where b.h is not true$$),
  ('semi join',         null, $$select id from t where exists (select from big where big.id = t.id and f.has_aal('aal2'))$$),
  ('semi join, only',   null, $$select id from t where exists (select from big where f.has_aal('aal2'))$$),
  ('anti join',         null, $$select id from t where not exists (select from big where big.id = t.id and f.has_aal('aal2'))$$),
  ('in sub-select',     null, $$select id from t where id in (select id from big where f.has_aal('aal2') and id < 4)$$),
  ('not in sub-select', null, $$select id from t where id not in (select id from big where f.has_aal('aal2') and id < 4)$$),
  ('any sub-select',    null, $$select id from t where level = any (select f.aal() from big where id < 3)$$),
  ('scalar sub-select', null, $$select id, (select f.aal() from big b where b.id = t.id), (select count(*) from big where f.has_aal('aal2')) from t$$),
  ('correlated',        null, $$select id, (select f.has_aal(t.level)), (select f.has_aal(t.level) from big where big.id = t.id) from t$$),
  ('correlated limit',  null, $$select id, (select b.id from big b order by b.id limit case when f.has_aal(t.level) then 1 else 0 end) from t$$),
  ('lateral',           null, $$select t.id, s.* from t, lateral (select f.aal() as a, t.level as l from big where big.id = t.id and f.has_aal('aal2')) s$$),
  ('lateral, from outside', null, $$select t.id, s.* from t, lateral (select f.has_aal(t.level) as h from big where big.id = 1) s$$),
  ('lateral function',  null, $$select t.id, h from t, lateral f.has_aal(t.level) h$$),
  ('sub-select in from', null, $$select * from (select id, f.has_aal('aal2') as h, f.aal() as a from t offset 0) s where h or a = 'aal1'$$),
  ('sub-select in from, flattened', null, $$select * from (select id, f.has_aal('aal2') as h, f.aal() as a from t) s where h or a = 'aal1'$$),
  ('cte',               null, $$with c as (select id, f.aal() as a from t where f.has_aal('aal2')) select * from c where a = f.aal()$$),
  ('cte, materialized', null, $$with c as materialized (select id, f.aal() as a from t where f.has_aal('aal2')) select * from c c1 join c c2 using (id)$$),
  ('cte, recursive',    null, $$with recursive c(n, a) as (select 1, f.aal() union all select n + 1, f.aal() from c where n < 5 and f.has_aal('aal2')) select * from c$$),
  ('cte, writes',       null, $$with c as (update t set note = f.aal() where f.has_aal('aal2') returning id, f.subject() as s) select * from c$$),
  ('union all',         null, $$select id from t where f.has_aal('aal2') union all select id from big where id < 3 and f.has_aal('aal1')$$),
  ('union all, pushed down', null, $$select * from (select 1 as n, 'aal1'::text as l union all select 2, 'aal2' union all select id, level from t) s where f.has_aal(l)$$),
  ('union all, pushed down, require', null, $$select * from (select 1 as n, 'aal1'::text as l union all select 2, 'aal2') s where f.require_aal(l)$$),
  ('union all of constants', null, $$select * from (select 'aal1'::text as l union all select 'aal2') s where f.has_aal(l) or l = f.aal()$$),
  ('union, except, intersect', null, $$select f.aal() from t union select level from t except select f.aal() from big intersect select level from t$$),
  ('inheritance',       null, $$select * from parent where f.has_aal('aal2') or f.has_aal(level)$$),
  ('partitions',        null, $$select * from parted where f.has_aal('aal2') and note = f.aal()$$),
  ('partition pruning', null, $$select * from parted where id = length(f.aal()) - case when f.has_aal('aal2') then 2 else 3 end$$),
  ('view',              $$create view v as select *, f.aal() as a from t where f.has_aal('aal2'); grant select on v to authenticated$$, $$select * from v where f.has_aal('aal1')$$),
  ('view, barrier',     $$create view v with (security_barrier) as select *, f.aal() as a from t where f.has_aal('aal2'); grant select on v to authenticated$$, $$select * from v where f.has_aal(level) and note <> f.aal()$$),
  ('view, invoker',     $$create view v with (security_invoker) as select *, f.aal() as a from t where f.has_aal('aal2'); grant select on v to authenticated$$, $$select * from v$$),
  ('view, update through', $$create view v as select * from t where f.has_aal('aal2') with check option; grant all on v to authenticated$$, $$update v set note = f.aal() returning id, note, f.subject()$$),
  ('view, of views',    $$create view v as select * from t where f.has_aal('aal1'); create view w with (security_barrier) as select * from v where f.has_aal('aal2') or id = 1; grant select on v, w to authenticated$$, $$select * from w join v using (id) where f.aal() is not null$$),
  ('sql function, inlined', $$create function is_mine(uuid) returns boolean language sql stable as 'select $1 = f.subject_uuid() and f.has_aal(''aal2'')'$$, $$select * from t where is_mine(owner)$$),
  ('sql function, inlined, constant', $$create function strong(text) returns boolean language sql stable as 'select f.has_aal($1)'$$, $$select *, strong(level) from t where strong('aal2') or strong(level)$$),
  ('sql function, inlined, used twice', $$create function twice(text) returns text language sql stable as 'select $1 || $1'$$, $$select id, twice(f.aal()) from t$$),
  ('sql function, not inlined', $$create function strong(text) returns boolean language sql volatile as 'select f.has_aal($1) from t limit 1'$$, $$select *, strong(level) from t where strong('aal2')$$),
  ('sql function, set-returning, inlined', $$create function mine() returns setof t language sql stable as 'select * from t where owner = f.subject_uuid() and f.has_aal(''aal2'')'$$, $$select * from mine() where f.has_aal(level)$$),
  ('sql function, atomic body', $$create function strong() returns boolean language sql stable begin atomic select f.has_aal('aal2') from t limit 1; end$$, $$select id, strong() from t$$),
  ('pl/pgsql, simple expressions', $$create function p() returns text language plpgsql as 'declare a text := f.aal(); n int := 0; begin for i in 1..20 loop if f.has_aal(''aal2'') and f.has_aal(a) then n := n + case when f.has_aal(''aal3'') then 10 else 1 end; end if; end loop; return a || n; end'$$, $$select p(), p() from t$$),
  ('pl/pgsql, queries', $$create function p() returns text language plpgsql as 'declare r record; s text := ''''; begin for r in select * from t where f.has_aal(''aal2'') or id = 3 loop s := s || r.id; end loop; return s || (select count(*) from t where level = f.aal()); end'$$, $$select p()$$),
  ('pl/pgsql, claims swapped', $$create function p() returns text language plpgsql as 'declare s text := ''''; was text := current_setting(''request.jwt.claims'', true); begin for i in 1..12 loop perform set_config(''request.jwt.claims'', format(''{"aal":"aal%s"}'', 1 + i % 3), true); s := s || f.has_aal(''aal2'')::int || (select count(*) from t where f.has_aal(''aal2'')); end loop; perform set_config(''request.jwt.claims'', coalesce(was, ''''), true); return s; end'$$, $$select p()$$),
  ('using, select',     $$alter table t enable row level security; create policy p on t using (f.has_aal('aal2') and owner = f.subject_uuid())$$, $$select * from t$$),
  ('using, select, or', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal2') or id = 4 or f.has_aal(level))$$, $$select * from t where note <> 'n2'$$),
  ('using, select, restrictive', $$alter table t enable row level security; create policy p on t using (true); create policy r on t as restrictive using (f.has_aal('aal2'))$$, $$select * from t where id < 5$$),
  ('using, require',    $$alter table t enable row level security; create policy p on t using (true); create policy r on t as restrictive using (f.require_aal('aal2'))$$, $$select * from t$$),
  ('with check, insert', $$alter table t enable row level security; create policy r on t for select using (true); create policy p on t for insert with check (f.has_aal('aal2') and owner = f.subject_uuid())$$, $$insert into t select 100 + n, '11111111-1111-4111-8111-111111111111' from generate_series(1, 5) n returning id, f.aal()$$),
  ('with check, insert values', $$alter table t enable row level security; create policy p on t for insert with check (f.has_aal('aal2'))$$, $$insert into t values (100, f.subject_uuid(), f.aal(), f.subject()), (101, null, null, null)$$),
  ('with check, insert one', $$alter table t enable row level security; create policy p on t for insert with check (f.has_aal('aal2'))$$, $$insert into t values (100, f.subject_uuid(), f.aal())$$),
  ('using and check, update', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal1')) with check (f.has_aal('aal2') or id = 1)$$, $$update t set note = f.aal(), level = case when f.has_aal('aal3') then 'x' else level end where id < 4 returning id, note, f.has_aal('aal2')$$),
  ('using, update from', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal2') or id < 4)$$, $$update t set note = big.level from big where big.id = t.id and f.has_aal(big.level)$$),
  ('using, delete',     $$alter table t enable row level security; create policy p on t using (f.has_aal('aal2') or id < 3)$$, $$delete from t returning id, f.subject()$$),
  ('on conflict update', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal1')) with check (f.has_aal('aal2'))$$, $$insert into t select n, f.subject_uuid() from generate_series(10, 15) n on conflict (id) do update set note = f.aal() || excluded.id where t.id > 10 and f.has_aal('aal2')$$),
  ('on conflict nothing', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal1')) with check (f.has_aal('aal2'))$$, $$insert into t select n from generate_series(10, 15) n on conflict do nothing$$),
  ('merge',             $$alter table t enable row level security; create policy p on t using (f.has_aal('aal1')) with check (f.has_aal('aal2'))$$, $$merge into t using big on big.id = t.id + 6 and f.has_aal('aal2') when matched and f.has_aal(t.level) and t.id > 3 then update set note = f.aal() when matched then delete when not matched and big.id = 1 then insert values (1000, f.subject_uuid(), f.aal())$$),
  ('inheritance, update', null, $$update parent set level = f.aal() where f.has_aal('aal2') or f.has_aal(level)$$),
  ('partitions, update', null, $$update parted set note = f.aal() where f.has_aal('aal2') or note = f.aal()$$),
  ('select for update', $$alter table t enable row level security; create policy p on t using (f.has_aal('aal2') or id = 4)$$, $$select * from t for update$$),
  ('rule',              $$create rule r as on update to t do also update parent set level = f.aal() where id = new.id and f.has_aal('aal2')$$, $$update t set note = 'x' where id < 3$$),
  ('check constraint',  $$alter table t add constraint c check (id < 100 or f.has_aal('aal2'))$$, $$insert into t values (100)$$),
  ('check constraint, exclusion', $$alter table t add constraint c check (f.has_aal('aal1') or true); set local constraint_exclusion = on$$, $$select * from t where f.has_aal('aal2') and id < 3$$),
  ('default',           $$alter table t alter note set default f.aal(), alter owner set default f.subject_uuid()$$, $$insert into t (id) values (100), (101) returning *$$),
  ('added column with a default', $$alter table t add column by text default f.aal()$$, $$select id, by from t$$),
  ('check added to rows', $$alter table t add check (f.has_aal('aal1') or level = f.aal() or id > 0)$$, $$update t set note = f.aal()$$),
  ('check added to rows that fail it', $$alter table t add check (f.has_aal('aal9'))$$, $$select 1$$),
  ('type changed by it', $$alter table t alter note type text using f.aal() || note$$, $$select note from t$$),
  ('trigger when',      $$create function marks() returns trigger language plpgsql as 'begin new.note := ''marked''; return new; end'; create trigger m before update on t for each row when (f.has_aal('aal2') and new.id < 3) execute function marks()$$, $$update t set note = 'x' where id < 5 returning id, note$$),
  ('trigger when, statement', $$create function says() returns trigger language plpgsql as 'begin raise exception ''strong''; end'; create trigger m before update on t for each statement when (f.has_aal('aal2')) execute function says()$$, $$update t set note = 'x' where id < 5$$),
  ('index expression', $$create index on t ((level || f.aal()))$$, $$select 1$$),
  ('index predicate',  $$create index on t (id) where f.has_aal('aal2')$$, $$select 1$$),
  ('generated column', $$alter table t add column g text generated always as (f.aal()) stored$$, $$select 1$$),
  ('partition key',    $$create table p (id int) partition by list ((f.aal()))$$, $$select 1$$),
  ('domain',            $$create domain strong as text check (f.has_aal(value))$$, $$select level::strong from t where level = 'aal1'$$),
  ('cursor',            $$create function c() returns text language plpgsql as 'declare c scroll cursor for select id from t where f.has_aal(''aal2'') or id = 5; r record; s text := ''''; begin open c; loop fetch c into r; exit when not found; s := s || r.id; end loop; fetch first from c into r; return s || r.id; end'$$, $$select c()$$),
  ('cursor, where current of', $$create function c() returns text language plpgsql as 'declare c cursor for select id from t where f.has_aal(''aal2'') or id = 5 for update; r record; begin open c; fetch c into r; update t set note = f.aal() where current of c; return (select note from t where id = r.id); end'$$, $$select c()$$),
  ('prepared, generic',  $$set local plan_cache_mode = force_generic_plan$$, $$do 'declare n int; m int; begin execute ''select count(*) from t where f.has_aal($1) or level = f.aal()'' into n using ''aal2''; raise exception ''%'', n; end'$$),
  ('parallel',          $$set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0$$, $$select count(*), min(f.aal()) from big where f.has_aal('aal2') or level = f.aal()$$),
  ('parallel, per row', $$set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0$$, $$select count(*) from big where f.has_aal(level) and f.has_aal(level, '1 hour')$$),
  ('parallel, policy',  $$set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0; alter table big enable row level security; create policy p on big using (f.has_aal('aal2') and level <= f.aal())$$, $$select count(*), sum(id) from big$$),
  ('parallel, aggregate', $$set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0$$, $$select level, count(*) filter (where f.has_aal('aal2')) from big group by level having f.has_aal('aal1')$$),
  ('create table as',   null, $$do 'begin create temp table made on commit drop as select id, f.aal() as a from t where f.has_aal(''aal2''); raise exception ''%'', (select count(*) from made); end'$$),
  ('materialized view', $$create materialized view m as select id, f.aal() as a from t where f.has_aal('aal2'); grant select on m to authenticated$$, $$select * from m$$),
  ('returning old',     null, $$update t set note = f.aal() where id = 1 and f.has_aal('aal1') returning *, f.has_aal('aal2')$$),
  ('explain',           null, $$explain (verbose, costs off) select 1 from t where f.has_aal('aal9') and false$$);

-- What a statement answers: its rows, or its error, and what it left in the tables. Everything is undone.
create function test.outcome(setup text, statement text) returns text language plpgsql as $$
declare
  r record;
  rows text[] := '{}';
  outcome text;
begin
  begin
    if setup is not null then execute setup; end if;
    set local role authenticated;
    if statement ~ '^(do|update|insert|delete|merge)' and statement !~ 'returning' then
      execute statement;
    else
      for r in execute statement loop rows := rows || r::text; end loop;
    end if;
    reset role;
    if statement !~ 'order by' then rows := array(select unnest(rows) order by 1); end if;
    raise sqlstate 'UNDO1' using message = rows::text
      || coalesce((select string_agg(t::text, ' ' order by t::text) from t), '') || coalesce((select string_agg(x::text, ' ' order by x::text) from parent x), '')
      || coalesce((select string_agg(x::text, ' ' order by x::text) from parted x), '');
  exception when others then
    outcome := sqlstate || ' ' || sqlerrm;
  end;
  reset role;
  return outcome;
end
$$;

create function test.compare(claims text) returns table (cases bigint, refused bigint, internal_errors text, differ text) language plpgsql as $$
begin
  perform test.set_claims(claims);
  return query
    with outcomes as materialized (
      select nr, place,
             test.outcome(regexp_replace(setup, '\mf\.', 'auth.', 'g'), regexp_replace(statement, '\mf\.', 'auth.', 'g')) as supported,
             test.outcome(regexp_replace(setup, '\mf\.', 'plain.', 'g'), regexp_replace(statement, '\mf\.', 'plain.', 'g')) as unsupported
        from test.cases)
    select count(*), count(*) filter (where supported !~ '^UNDO1'),
           string_agg(place || ': ' || supported, '; ') filter (where supported ~ '^(XX|58|2F|39)'),
           string_agg(place || E'\n  ' || supported || E'\n  ' || unsupported, E'\n' order by nr)
             filter (where replace(supported, 'auth.', 'plain.') <> unsupported)
      from outcomes;
end
$$;

\x on
select * from test.compare(null);
select * from test.compare('{"role":"anon"}');
select * from test.compare('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","amr":[{"method":"password","timestamp":@-60@}]}');
select * from test.compare('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2","amr":[{"method":"totp","timestamp":@-60@}]}');
select * from test.compare('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal3","amr":[{"method":"totp","timestamp":@-3600@}]}');
select * from test.compare('{"aal":');
\x off

-- The cases are worth something: which of them fail for a session that may do everything, and why.
select test.set_claims('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal3","amr":[{"method":"totp","timestamp":@-60@}]}');
select place, outcome
  from test.cases,
       lateral test.outcome(regexp_replace(setup, '\mf\.', 'auth.', 'g'), regexp_replace(statement, '\mf\.', 'auth.', 'g')) as outcome
 where outcome !~ '^UNDO1' order by nr;

-- COPY can't run inside a function: as it stands.
select test.sign_in('aal2');
copy (select id, auth.aal(), auth.has_aal('aal2') from t where auth.has_aal('aal2') and id < 3 order by id) to stdout;
copy (select id, plain.aal(), plain.has_aal('aal2') from t where plain.has_aal('aal2') and id < 3 order by id) to stdout;
copy (update t set note = auth.aal() where auth.has_aal('aal3') returning id) to stdout;
begin;
alter table t enable row level security;
create policy p on t using (auth.has_aal('aal2') and id < 3);
set local role authenticated;
copy t (id) to stdout;
declare c cursor for select id from t where auth.has_aal('aal1');
fetch all from c;
rollback;

-- Wrapped by hand, for the places where both forms can stand: the same again.
create function test.wrap(statement text) returns text language sql immutable as $$
  select regexp_replace(statement, '\mf\.(aal|subject|subject_uuid)\(\)|\mf\.(has_aal|require_aal)\((''[a-z0-9]*''(, ''[^'']*'')?)\)', '(select auth.\1\2(\3))', 'g')
$$;
select count(*) as wrapped, string_agg(place || E'\n  ' || bare || E'\n  ' || wrapped, E'\n') filter (where bare <> wrapped) as differ
  from (
    select place, test.outcome(null, regexp_replace(statement, '\mf\.', 'auth.', 'g')) as bare,
           test.outcome(null, regexp_replace(test.wrap(statement), '\mf\.', 'auth.', 'g')) as wrapped
      from test.cases
     where setup is null and place ~ '^(select|where|having|limit|join|left|right|semi|anti|in |not in|any|scalar|lateral|sub|cte|union|inher|partit|window|aggregate)'
       and test.wrap(statement) <> statement) s;

drop table t, big, parted, parent, test.cases cascade;
drop schema plain cascade;
drop function test.outcome(text, text), test.compare(text), test.wrap(text);
reset request.jwt.claims;
