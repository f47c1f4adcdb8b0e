-- tests.sign_in acts as a user until the transaction ends: at a level, with a factor of an age.
create extension pg_aal_testing;
\set SHOW_CONTEXT never
\set jane 11111111-1111-4111-8111-111111111111

-- As Supabase Auth issues its tokens.
select jsonb_pretty(tests.claims(:'jane', 'aal2') - 'iat' - 'exp' - 'amr');
select jsonb_agg(e -> 'method') from jsonb_array_elements(tests.claims('jane') -> 'amr') e;
select jsonb_agg(e -> 'method') from jsonb_array_elements(tests.claims('jane', 'aal2') -> 'amr') e;
select jsonb_agg(e -> 'method') from jsonb_array_elements(tests.claims('jane', 'aal3', method => 'mfa/webauthn') -> 'amr') e;
select tests.claims('jane', 'none') ? 'aal' as states_level, tests.claims('jane', 'none') -> 'amr' as amr;
-- More claims are added, or replace one.
select c ->> 'email' as email, c -> 'app_metadata' as app_metadata, c -> 'amr' as amr, c ->> 'sub' as sub
  from tests.claims('jane', claims => '{"email":"jane@example.com","app_metadata":{"role":"admin"},"amr":["otp"]}') c;

begin;
select tests.sign_in(:'jane', 'aal2', '10 minutes');
select current_user, auth.aal(), auth.subject_uuid(), auth.uid() = auth.subject_uuid() as same_user, auth.claims() ->> 'role' as role;
select method, level, round(extract(epoch from statement_timestamp() - authenticated_at) / 60) as minutes_ago from auth.amr();
select auth.has_aal('aal2', '11 minutes') as within_11, auth.has_aal('aal2', '9 minutes') as within_9;
-- As another one, from there.
select tests.sign_in('22222222-2222-4222-8222-222222222222'::uuid);
select current_user, auth.aal(), auth.subject_uuid(), auth.has_aal('aal1', '1 minute') as just_now;
select tests.sign_in('ann', 'none');
select auth.aal(), auth.subject();
select tests.sign_in('ann', claims => '{"is_anonymous":true}', role => 'anon');
select current_user, auth.claims() -> 'is_anonymous' as guest;
select tests.sign_out();
select current_user, auth.aal(), auth.claims();
select tests.sign_out('authenticated');
select current_user, auth.claims();
-- And back to the role that tests.
reset role;
select current_user;
rollback;
select current_user, auth.claims();

-- The factor's age counts from the statement, in a transaction that has gone on for a while as well.
begin;
select pg_sleep(1.1) is not null as slept;
select tests.sign_in('jane', 'aal2');
select auth.has_aal('aal2', '1 second') as just_now;
rollback;

-- A savepoint that is rolled back takes its session along.
begin;
select tests.sign_in('jane');
savepoint s;
select tests.sign_in('jane', 'aal2');
rollback to s;
select auth.aal(), current_user;
rollback;

-- Other settings that functions read first don't outlive it.
begin;
select set_config('request.jwt.claim', '{"aal":"aal2"}', true), set_config('request.jwt.claim.sub', 'ann', true) is not null as set;
select tests.sign_in(:'jane');
select auth.aal(), auth.uid(), auth.jwt() = auth.claims() as same;
rollback;

-- Without a transaction it is over at once, and says so.
select tests.sign_in('jane');
select current_user;

-- Mistakes are errors: a test must not pass by one.
begin;
savepoint s;
select tests.sign_in(null::text);
rollback to s;
select tests.sign_in('jane', 'AAL2');
rollback to s;
select tests.sign_in('jane', 'aal2', '-1 minute');
rollback to s;
select tests.sign_in('jane', claims => '[]');
rollback to s;
select tests.sign_in('jane', role => null);
rollback to s;
select tests.sign_in('jane', role => 'nobody');
rollback to s;
-- These are no roles, and would become the superuser that tests.
select tests.sign_in('jane', role => 'none');
rollback to s;
select tests.sign_out('');
rollback to s;
select tests.sign_out(null);
rollback to s;
-- And these bypass row security.
select tests.sign_in('jane', role => 'service_role');
rollback to s;
select tests.sign_out('postgres');
rollback;

-- Where Postgres verifies tokens itself, claims that are set count for nothing. So a test that sets some is told.
load 'pg_aal';
set pg_aal.claims_source = 'token';
begin;
select tests.sign_in('jane', 'aal2');
\echo :LAST_ERROR_SQLSTATE
rollback;
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
begin;
select auth.authenticate(test.token_at('aal2')) is not null as authenticated;
select tests.sign_in('jane', 'aal2');
rollback;
reset pg_aal.claims_source;
reset pg_aal.jwks;
drop extension pg_aal_testing;
