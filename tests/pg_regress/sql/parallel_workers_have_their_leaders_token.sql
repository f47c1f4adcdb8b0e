-- A level from a column can't be asked once per statement, so parallel workers ask it. They get the token that is in force
-- in their leader, and nothing that its transaction didn't set.
create table documents (id int, level text not null);
insert into documents select n, case when n % 2 = 0 then 'aal1' else 'aal2' end from generate_series(1, 10000) n;
alter table documents enable row level security;
create policy by_level on documents using (auth.has_aal(level));
grant select on documents to authenticated;
analyze documents;
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = 2;
set parallel_leader_participation = off;
set role authenticated;
explain (costs off) select count(*) from documents;

-- Nobody.
select count(*) from documents;
-- The three places a token can be in.
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
select count(*) from documents;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
select count(*) from documents;
rollback;
select count(*) from documents;
begin;
select set_config('request.jwt', test.token_at('aal1'), true) is not null as set;
select count(*) from documents;
commit;
select count(*) from documents;
begin;
select set_config('request.headers', json_build_object('authorization', 'Bearer ' || test.token_at('aal2'))::text, true) is not null as set;
select count(*) from documents;
set local request.headers = '{}';
select count(*) from documents;
rollback;

-- A forged token, and one that has expired.
begin;
set local pg_aal.token = 'x.y.z';
select count(*) from documents;
select set_config('pg_aal.token', test.token('{"exp":@-1@,"aal":"aal2"}'), true) is not null as set;
select count(*) from documents;
rollback;

-- What another transaction set, workers don't see either.
select set_config('request.jwt', test.token_at('aal2'), false) is not null as set;
select set_config('pg_aal.token', test.token_at('aal2'), false) is not null as set;
select count(*) from documents;
reset request.jwt;
reset pg_aal.token;

-- The setting by which it reaches them is nobody's to set, or to see.
set pg_aal.worker_claims = '{"aal":"aal3"}';
\echo :LAST_ERROR_SQLSTATE
begin;
select set_config('request.jwt.claims', '{"aal":"aal2"}', true);
select count(*) from documents;
rollback;

\set VERBOSITY sqlstate
show pg_aal.worker_claims;
\set VERBOSITY default

-- Workers use what their leader verified, and don't read the keys anew.
reset role;
set pg_aal.jwks = '';
select test.write_file('aal_parallel.json', test.jwks()) is not null as written;
set pg_aal.jwks_file = 'aal_parallel.json';
set role authenticated;
begin;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
reset role;
select test.write_file('aal_parallel.json', test.jwks(null, test.secret(50))) is not null as written;
set local role authenticated;
select count(*) from documents;
select set_config('pg_aal.token', test.token('{"exp":@+60@,"aal":"aal2"}', key => test.secret(50)), true) is not null as set;
select count(*) from documents;
rollback;
reset role;
reset pg_aal.jwks_file;
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set role authenticated;

-- A function that signs out does so in workers, too.
reset role;
create function test.level_of_nobody() returns text language plpgsql stable parallel safe set pg_aal.token = '' as $$
begin
  return coalesce(auth.aal(), 'nobody');
end
$$;
set role authenticated;
explain (costs off) select count(*) from documents where test.level_of_nobody() = 'nobody';
begin;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
select count(*) from documents where test.level_of_nobody() = 'nobody';
rollback;

-- Also where it runs a parallel query of its own while its leader runs one.
reset role;
create function test.count_as_nobody() returns setof bigint language plpgsql stable parallel restricted set pg_aal.token = '' as $$
begin
  return query select count(*) from documents;
end
$$;
set role authenticated;
begin;
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
select visible, as_nobody, visible_after from (select count(*) from documents) v(visible), test.count_as_nobody() n(as_nobody),
  lateral (select count(*) from documents where as_nobody = 0) a(visible_after);
select count(*) from documents;
rollback;

-- A function with a token of its own is nobody there: its statement would have two tokens.
reset role;
select format('create function test.level_of_another() returns text language plpgsql stable parallel safe set pg_aal.token = %L as $f$
begin
  return coalesce(auth.aal(), ''nobody'');
end
$f$', test.token_at('aal3')) as created \gset
:created;
set role authenticated;
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
select level, test.level_of_another(), count(*) from documents group by 1, 2;
select auth.aal(), test.level_of_another();
rollback;

-- In a function, and from PL/pgSQL's own statements.
create function pg_temp.visible() returns bigint language plpgsql as $$
declare
  visible bigint;
begin
  select count(*) into visible from documents;
  return visible;
end
$$;
begin;
select auth.authenticate(test.token_at('aal1')) ->> 'aal' as authenticated;
select pg_temp.visible();
select auth.authenticate(test.token_at('aal2')) ->> 'aal' as authenticated;
select pg_temp.visible();
rollback;
select pg_temp.visible();

-- In request mode they read what their leader does.
reset role;
set pg_aal.claims_source = 'request';
set role authenticated;
begin;
select test.set_claims('{"aal":"aal2"}', true) is not null as set;
select count(*) from documents;
rollback;
reset role;
drop table documents;
drop function test.level_of_nobody, test.count_as_nobody, test.level_of_another;
