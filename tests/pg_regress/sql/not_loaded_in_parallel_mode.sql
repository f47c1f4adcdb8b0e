-- While a parallel query runs, no setting can be changed: a library that is loaded then would have the defaults of all its
-- settings, and trust the gateway though a superuser said otherwise. So it isn't.
create role app login;
grant authenticated to app;
alter role app set pg_aal.claims_source = 'token';
create table secrets (id int, level text);
insert into secrets select n, 'aal1' from generate_series(1, 5000) n;
analyze secrets;
alter table secrets enable row level security;
-- Hidden from the planner, which would load the library before the query begins.
create function test.hidden_aal() returns text language plpgsql stable parallel restricted as $$ begin return auth.aal(); end $$;
create function test.hidden_has_aal(level text) returns boolean language plpgsql stable parallel safe as $$ begin return auth.has_aal(level); end $$;
create policy by_level on secrets using (test.hidden_has_aal(level));
grant select on secrets to authenticated;

\c - app
\set SHOW_CONTEXT never
set request.jwt.claims = '{"sub":"evil","aal":"aal3"}';
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set parallel_leader_participation = off;
set enable_indexscan = off;
set enable_indexonlyscan = off;
set enable_bitmapscan = off;
-- In the leader, above the workers.
explain (costs off) select test.hidden_aal() from pg_class where relname = 'secrets';
select test.hidden_aal() from pg_class where relname = 'secrets';
\echo :LAST_ERROR_SQLSTATE
-- In the workers only.
explain (costs off) select count(*) from secrets;
select count(*) from secrets;
\echo :LAST_ERROR_SQLSTATE
-- Nothing of it stays.
show pg_aal.claims_source;
select auth.aal();
select count(*) from secrets;
select test.hidden_aal() from pg_class where relname = 'secrets';
show pg_aal.claims_source;
\c - postgres
drop table secrets;
drop function test.hidden_aal, test.hidden_has_aal;
drop role app;
