-- What a refused client is told, in both formats.

-- sign_in: nobody, or a session without a level.
select auth.require_aal('aal2');
\echo :LAST_ERROR_SQLSTATE
select test.sign_out();
select auth.require_aal('aal1', '15 minutes');

-- verify: the level is missing.
select test.sign_in('aal1');
select auth.require_aal('aal2');
select auth.require_aal('aal2', '1.5 minutes');
select test.sign_in('aal2');
select auth.require_aal('aal3');

-- reverify: only freshness is.
select test.sign_in('aal2', 3600);
select auth.require_aal('aal2', '15 minutes');
select auth.require_aal('aal2', '0');
select auth.require_aal('aal1', '30 minutes');

-- For PostgREST: SQLSTATE PGRST, with the response in MESSAGE and DETAIL.
set pg_aal.error_format = 'postgrest';
select auth.require_aal('aal2', '15 minutes');
\echo :LAST_ERROR_SQLSTATE
select test.sign_in('aal1');
select auth.require_aal('aal2');
select test.sign_out();
select auth.require_aal('aal2');
-- Other errors keep their SQLSTATE.
select auth.require_aal('aal9');
\echo :LAST_ERROR_SQLSTATE
set request.jwt.claims = '[]';
select auth.require_aal('aal1');
\echo :LAST_ERROR_SQLSTATE

-- The formats there are.
set pg_aal.error_format = 'xml';
reset pg_aal.error_format;
reset request.jwt.claims;

-- A denial can be caught by its SQLSTATE and taken apart.
do $$
declare
  detail json;
begin
  perform auth.require_aal('aal2', '15 minutes');
exception when insufficient_privilege then
  get stacked diagnostics detail = pg_exception_detail;
  raise notice '% % % % %', detail ->> 'code', detail ->> 'required_aal', detail -> 'current_aal', detail -> 'max_age', detail ->> 'action';
end
$$;
