-- A bad argument raises in both functions, whatever the session is.
select test.sign_in('aal2');

select auth.has_aal('AAL2');
\echo :LAST_ERROR_SQLSTATE
select auth.require_aal('AAL2');
\echo :LAST_ERROR_SQLSTATE
select auth.has_aal('');
select auth.require_aal('none');
select auth.has_aal('enrolled');
select auth.has_aal(repeat('é', 100000));
select auth.has_aal(E'aal2\n');
select auth.has_aal(null);
\echo :LAST_ERROR_SQLSTATE
select auth.require_aal(null);
\echo :LAST_ERROR_SQLSTATE
select auth.has_aal(null, '15 minutes');
select auth.has_aal('aal2', '-1 microsecond');
\echo :LAST_ERROR_SQLSTATE
select auth.require_aal('aal2', '-1 microsecond');
\echo :LAST_ERROR_SQLSTATE
select auth.has_aal('aal2', '1 month -31 days');
select auth.has_aal('aal2', '1 month -30 days');
select auth.authenticated_at(null);
\echo :LAST_ERROR_SQLSTATE
select auth.authenticated_at('aal9');
\echo :LAST_ERROR_SQLSTATE

-- Without claims, too: an error, not false.
reset request.jwt.claims;
select auth.has_aal('aal9');
select auth.require_aal('aal9');
select auth.has_aal('aal1', '-1 s');
