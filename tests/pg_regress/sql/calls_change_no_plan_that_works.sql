-- A query that works without us works with us: our functions change no answer and hinder no optimization, wherever they are called.
-- The same C functions, without support, are the measure.
create schema plain;
create function plain.aal() returns text language c stable parallel safe as '$libdir/pg_aal', 'aal_wrapper';
create function plain.subject() returns text language c stable parallel safe as '$libdir/pg_aal', 'subject_wrapper';
create function plain.has_aal(level text, max_age interval default null) returns boolean language c stable parallel safe as '$libdir/pg_aal', 'has_aal_wrapper';
grant usage on schema plain to public;
create table docs (id int primary key, pub boolean);
create table members (doc int, usr text);
insert into docs values (1, false), (2, true), (3, false);
insert into members values (1, 'jane'), (3, 'joe');
grant select on docs, members to authenticated;
set request.jwt.claims = '{"sub":"jane","aal":"aal1"}';

-- Runs a query with our functions, and with the plain ones.
create function test.both(query text) returns table (ours text, plain text) language plpgsql as $$
declare
  rows constant text := 'select coalesce(string_agg(q::text, '' '' order by q::text), ''none'') from (%s) q';
begin
  execute format(rows, query) into ours;
  execute format(rows, replace(query, 'auth.', 'plain.')) into plain;
  return next;
end
$$;
grant execute on function test.both(text) to public;

\echo sub-selects whose WHERE and LIMIT Postgres simplifies with the outer query: EXISTS under OR, in the select list, with a LIMIT
select * from test.both('select id from docs d where pub or exists (select from members m where m.doc = d.id and m.usr = auth.subject())');
select * from test.both('select id, exists (select from members m where m.doc = d.id and auth.has_aal(''aal2'')) from docs d');
select * from test.both('select id from docs d where pub or exists (select from members m where m.doc = d.id limit case when auth.has_aal(''aal1'') then 1 else 0 end)');
select * from test.both('select id from docs d where not exists (select from members m where m.doc = d.id and m.usr = auth.subject())');
select * from test.both('select id from docs d where case when pub then true else exists (select from members m where m.doc = d.id and m.usr = auth.subject()) end');
select * from test.both('select id from docs d where id in (select doc from members where usr = auth.subject()) or pub');
select * from test.both('select id from docs d where id <> all (select doc from members where usr = auth.subject())');
select * from test.both('select d.id from docs d left join members m on m.doc = d.id and m.usr = auth.subject() where m.usr is null');
select * from test.both('select id, (select max(usr) from members m where m.doc = d.id and auth.aal() = ''aal1'') from docs d');

\echo a policy with EXISTS, the commonest there is
alter table docs enable row level security;
create policy shared on docs for select using (pub or exists (select from members m where m.doc = id and m.usr = auth.subject()));
set role authenticated;
select id from docs order by id;

reset role;
alter policy shared on docs using (exists (select from members m where m.doc = id and m.usr = auth.subject()));
set role authenticated;
select id from docs order by id;
reset role;

\echo grouping sets: a grouped call is what it is without us (NULL where its set leaves it out, but for a flaw of Postgres 18)
select ours = plain as alike from test.both('select coalesce(auth.aal(), ''total'') as level, count(*) from docs group by rollup (auth.aal())');
select ours = plain as alike from test.both('select count(*) from docs group by grouping sets ((auth.aal()), ()) having auth.aal() is null');
select ours = plain as alike from test.both('select auth.aal() || ''!'', pub, count(*) from docs group by cube (auth.aal(), pub)');
select ours = plain as alike from test.both('select rank() over (order by auth.aal() nulls first), count(*) from docs group by rollup (auth.aal())');

\echo functions that Postgres inlines, it still does: the index serves the condition outside
create table owned (id int primary key, owner text);
insert into owned select n, 'o' || n % 10 from generate_series(1, 1000) as n;
analyze owned;
create function rows_of(text) returns setof owned language sql stable as 'select * from owned where owner = $1';
create function twice(text) returns text language sql stable as 'select $1 || $1';
create function my_rows() returns setof owned language sql stable as 'select * from owned where owner = auth.subject()';
create function test.plan(query text) returns setof text language plpgsql as $$
declare
  line text;
begin
  for line in execute 'explain (costs off) ' || query loop
    return next regexp_replace(regexp_replace(line, ' \(returns \$\d+\)', ''), '\$\d+|\(InitPlan \d+\)\.col1', '$', 'g');
  end loop;
end
$$;
select test.plan('select * from rows_of(auth.subject()) where id = 7');
select test.plan('select * from my_rows() where id = 7');
select test.plan('select * from owned where owner = twice(auth.subject())');

\echo the first statement of a session, during which the library is loaded, is planned as well
\c -
select test.plan('select * from owned where owner = auth.subject()');
\c -
set request.jwt.claims = '{"sub":"o1","aal":"aal1"}';
explain (costs off, analyze, timing off, summary off, buffers off) select * from owned where id < 20 and owner = auth.subject() and auth.has_aal('aal1') \g | sed -E -e 's/ \(returns \$[0-9]+\)//; s/\$[0-9]+|\(InitPlan [0-9]+\)\.col1/$/g; s/rows=([0-9]+)\.00/rows=\1/' -e '/Index Searches|rows\)|^-+$|QUERY PLAN/d'

\echo a call that may raise does so only where it is reached, also beside parallel workers
\c -
set request.jwt.claims = '{"sub":"o1","aal":"aal1"}';
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
select count(*) from owned where case when id > 0 then true else auth.require_aal('aal2') end;
select count(*) from owned where case when id > 0 then true else auth.has_aal('no level') end;
select count(*) from owned where case when id > 999 then auth.require_aal('aal2') else true end;
select count(*) from owned where case when id > 999 then auth.has_aal('no level') else true end;

\echo a simple expression of PL/pgSQL stays one where every plan is forced to be parallel
create function mine(text) returns boolean language plpgsql stable parallel safe as $$ begin return $1 = auth.subject(); end $$;
create view barrier with (security_barrier) as select id, owner from owned where mine(nullif(owner, auth.aal()));
select count(set_config(name, 'on', false)) as forced from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
select count(distinct auth.subject()), count(*), min(owner) from barrier where id < 200;
select count(set_config(name, 'off', false)) as forced from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
drop view barrier;
drop function mine;

\echo workers know an answer wherever they need it: in a sub-select within the argument of a function, a VALUES list, another sub-select
create table listed (id int, owner text);
insert into listed select n, 'o1' from generate_series(1, 5) as n;
analyze listed;
set parallel_leader_participation = off;
select count(*) from owned b, lateral generate_series(1, case when b.id in (select id from listed where owner = auth.subject()) then 1 else 0 end) g;
select count(*) from owned b, lateral generate_series(1, case when b.id in (select id from listed where id < 0 or auth.has_aal('aal1')) then 1 else 0 end) g;
select sum(z) from owned b, lateral (values (case when b.id in (select id from listed where owner = auth.subject()) then 1 else 0 end), (0)) v(z);
select count(*) from owned where id in (select case when 5 in (select id from listed where owner = auth.subject()) then 1 else 2 end) or id = 9;
select count(set_config(name, 'on', false)) as forced from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
select 5 in (select id from listed where owner = auth.subject()), 5 in (select id from listed where id < 0 or auth.has_aal('aal1'));
select count(set_config(name, 'off', false)) as forced from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query');
reset parallel_leader_participation;
select count(*) from owned where id < 0 and (owner = 'x' or auth.enrolled_aal() = 'aal2');
drop table listed;

\echo nesting is limited only by the stack of the server
do $$
begin
  execute 'select count(*) from owned where id < 3 and length(owner' || repeat(' || owner', 1000) || ' || auth.subject()) > 0';
end $$;

\echo a session whose first call needs no plan leaves nothing in its cached plans
\c -
select auth.aal() \g /dev/null
do $$ declare n int; begin for i in 1..5000 loop select count(*) into n from owned where id > 3 and id < 1000 and id * 2 > 1 and id + 7 <> 3 and id = i; end loop; end $$;
select coalesce(max(total_bytes), 0) < 100000 as is_small from pg_backend_memory_contexts where name like 'CachedPlan%';

\echo and a level is known to workers
set request.jwt.claims = '{"sub":"o1","aal":"aal1"}';
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
select count(*) from owned where owner = auth.subject() and auth.has_aal('aal1');
select count(*) from owned where owner = auth.subject() and auth.has_aal('aal2');

drop function test.both, test.plan, rows_of, twice, my_rows;
set client_min_messages = warning;
drop schema plain cascade;
reset client_min_messages;
drop table docs, members, owned;
