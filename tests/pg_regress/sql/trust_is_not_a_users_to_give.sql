-- In token mode a user who sets what decides trust gets nothing: by SET, by the connection's options, before the library is
-- loaded, by alter role on itself.
create role app login;
grant authenticated to app;
select format('alter role app set pg_aal.jwks_file = %L', 'aal_trust.json') \gexec
alter role app set pg_aal.claims_source = 'token';
alter role app set pg_aal.jwt_issuer = 'https://auth.example.com';
alter role app set pg_aal.jwt_audience = 'authenticated';
select test.write_file('aal_trust.json', test.jwks()) is not null as written;

-- The attacker's own key, and what it signs; and what the real key signed for somebody else's service.
select test.token('{"exp":99999999999,"aal":"aal2","iss":"https://auth.example.com","aud":"authenticated"}', key => test.secret(50)) as forged,
       test.token('{"exp":99999999999,"aal":"aal2","iss":"https://other.example.com","aud":"other"}') as foreign,
       test.token('{"exp":99999999999,"aal":"aal2","iss":"https://auth.example.com","aud":"authenticated"}') as good \gset

-- Before the library is loaded.
\c - app
set pg_aal.claims_source = 'request';
select format('set pg_aal.jwks = %L', test.jwks(null, test.secret(50))) \gexec
set pg_aal.jwks_file = '/tmp/attackers.json';
set pg_aal.jwt_issuer = 'https://other.example.com';
set pg_aal.jwt_audience = 'other';
set pg_aal.clock_skew = 600;
set request.jwt.claims = '{"aal":"aal2"}';
select auth.aal();
show pg_aal.claims_source;
show pg_aal.jwt_issuer;
begin;
select set_config('pg_aal.token', :'forged', true) is not null as set;
select auth.require_aal('aal2');
rollback;
begin;
select set_config('pg_aal.token', :'foreign', true) is not null as set;
select auth.require_aal('aal2');
rollback;
begin;
select set_config('pg_aal.token', :'good', true) is not null as set;
select auth.require_aal('aal2');
rollback;

-- After.
set pg_aal.claims_source = 'request';
\echo :LAST_ERROR_SQLSTATE
set pg_aal.jwks = '{"keys":[]}';
set local pg_aal.jwks_file = '/tmp/attackers.json';
select set_config('pg_aal.jwt_issuer', 'https://other.example.com', true);
set pg_aal.jwt_audience = 'other';
set pg_aal.worker_claims = '{"aal":"aal2"}';
set pg_aal.enrollment_function = 'pg_temp.yes';
create function pg_temp.by_a_function() returns text language sql set pg_aal.claims_source = 'request' as 'select auth.aal()';
alter role app set pg_aal.claims_source = 'request';
alter role app set pg_aal.jwks = '{"keys":[]}';
alter role app reset pg_aal.claims_source;
update pg_settings set setting = 'request' where name = 'pg_aal.claims_source';
-- Resetting brings back what the superuser said.
reset pg_aal.claims_source;
discard all;
show pg_aal.claims_source;
select auth.aal();

-- In a session that never loaded the library, a role can't store them for itself either.
\c - app
alter role app set pg_aal.claims_source = 'request';
alter role app set pg_aal.jwt_issuer = 'https://other.example.com';
select auth.aal();
show pg_aal.claims_source;

-- By the connection's options. They have put aside what the superuser said, which is lost when they are dropped: so nothing
-- counts in such a session.
\setenv PGOPTIONS '-c pg_aal.claims_source=request -c request.jwt.claims={"aal":"aal2"}'
\c "dbname=regression user=app"
show request.jwt.claims;
select auth.aal();
show pg_aal.claims_source;
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
begin;
select set_config('pg_aal.token', :'good', true) is not null as set;
select auth.aal();
rollback;
set pg_aal.claims_source = 'request';
reset pg_aal.claims_source;
discard all;
show pg_aal.claims_source;
select auth.aal();
\setenv PGOPTIONS '-c pg_aal.jwt_issuer=https://other.example.com'
\c "dbname=regression user=app"
begin;
select set_config('pg_aal.token', :'foreign', true) is not null as set;
select auth.aal();
rollback;
\setenv PGOPTIONS '-c pg_aal.clock_skew=600'
\c "dbname=regression user=app"
select auth.aal();
-- Parallel workers don't believe more than their leader.
select test.sign_in('aal2');
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set parallel_leader_participation = off;
explain (costs off) select count(*) from pg_class where auth.has_aal(case relkind when 'r' then 'aal1' else 'aal2' end);
select count(*) from pg_class where auth.has_aal(case relkind when 'r' then 'aal1' else 'aal2' end);
-- A superuser may.
\setenv PGOPTIONS '-c pg_aal.clock_skew=600 -c pg_aal.claims_source=token'
\c "dbname=regression user=postgres"
select auth.aal();
show pg_aal.clock_skew;
show pg_aal.claims_source;
-- A token there belongs to no transaction.
\setenv PGOPTIONS '-c pg_aal.token=x.y.z'
\c "dbname=regression user=app"
show pg_aal.token;
select auth.require_aal('aal1');

-- A token that was set before the library is loaded counts in the transaction that set it, and in no other.
\setenv PGOPTIONS
\c "dbname=regression user=app"
select set_config('pg_aal.token', :'good', false) is not null as set;
select auth.aal();
\c
begin;
select set_config('pg_aal.token', :'good', true) is not null as set;
select auth.aal();
commit;
select auth.aal();
\c
select set_config('pg_aal.token', :'good', false) is not null as set;
begin;
select set_config('pg_aal.token', 'x.y.z', true) is not null as set;
select auth.aal();
rollback;
select auth.aal();
\c - postgres
drop role app;
