-- What the session functions say of the claims in force.
\pset null '(null)'

-- Nobody, before anything was set and after a transaction-local setting is gone.
select auth.claims(), auth.subject(), auth.subject_uuid(), auth.aal(), auth.authenticated_at();
begin;
select set_config('request.jwt.claims', '{"aal":"aal2","sub":"jane"}', true);
select auth.claims(), auth.subject(), auth.aal();
commit;
select current_setting('request.jwt.claims') = '' as is_empty, auth.claims(), auth.subject(), auth.aal();

-- Claims are passed on as Postgres reads them: numbers of any size, the last of a repeated unknown key.
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","n":123456789012345678901234567890.5,"x":1,"x":2}';
select auth.claims(), auth.subject(), auth.subject_uuid(), auth.aal();
select auth.claims() = current_setting('request.jwt.claims')::jsonb as same_as_the_cast;

-- What isn't a JSON object is nobody, in all but require_aal.
set request.jwt.claims = '{"aal":"aal2"';
select auth.claims(), auth.subject(), auth.subject_uuid(), auth.aal(), auth.authenticated_at(), auth.has_aal('aal1');
select count(*) from auth.amr();
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE
-- The text of the claims stays out of the error.
set request.jwt.claims = '"my secret token"';
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE

-- A subject that is no UUID.
set request.jwt.claims = '{"sub":"auth0|5f7c8ec7c33c6c004bbafe82"}';
select auth.subject(), auth.subject_uuid();
set request.jwt.claims = '{"sub":42}';
select auth.subject(), auth.subject_uuid();

-- A text with a NUL, which no text of Postgres can hold, is no text: it must not pass for what stands before it.
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111\u0000evil","aal":"aal1","amr":[{"method":"totp\u0000x","timestamp":1700000000}]}';
select auth.subject(), auth.subject_uuid(), auth.aal();
select * from auth.amr();
-- What jsonb can't hold: our own error, without the text, not that of the cast.
select auth.claims();
\echo :LAST_ERROR_SQLSTATE
set request.jwt.claims = '{"email":"secret@example.com","x":"\ud800","aal":"aal2"}';
select auth.claims();
set request.jwt.claims = '{"email":"secret@example.com","x":1e999999999,"aal":"aal2"}';
select auth.claims();
select auth.aal(), auth.has_aal('aal2');
select 'goes on' as session;

-- The methods, newest first, and the level each proves.
select test.set_claims('{"aal":"aal2","amr":[{"method":"password","timestamp":1700000000},"oauth",
  {"method":"totp","timestamp":1700003600.5},{"method":"token_refresh","timestamp":1700001000},{"method":"otp"}]}');
select * from auth.amr();
select auth.authenticated_at(), auth.authenticated_at('aal1') as aal1, auth.authenticated_at('aal2') as aal2, auth.authenticated_at('aal3') as aal3;
-- A time that no timestamptz can hold is no time.
select test.set_claims('{"aal":"aal2","amr":[{"method":"totp","timestamp":9223372036853},{"method":"totp","timestamp":9223372036854},{"method":"totp","timestamp":1e400}]}');
select * from auth.amr();
-- Below its level, or in the future, a session has proved nothing.
select test.set_claims('{"aal":"aal1","amr":[{"method":"totp","timestamp":1700003600}]}');
select auth.authenticated_at('aal1'), auth.authenticated_at('aal2');
select test.set_claims('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+3600@}]}');
select auth.authenticated_at('aal1'), auth.authenticated_at('aal2');

-- max_age counts as intervals compare: 24 hours a day, 30 days a month, whatever the time zone.
select test.set_claims('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-2591940@}]}');
select auth.has_aal('aal2', '1 month') as month, auth.has_aal('aal2', '30 days') as days, auth.has_aal('aal2', '29 days 23 hours') as less;
set timezone = 'America/New_York';
select auth.has_aal('aal2', '1 month') as month, auth.has_aal('aal2', '29 days 23 hours') as less;
reset timezone;
select auth.has_aal('aal2', '178000000 years') as very_long;

reset request.jwt.claims;
