-- Who may set what, also before the library is loaded.
create role app login;
grant authenticated to app;

-- A fresh connection, in which the library isn't loaded yet: what its role may not set is dropped when it is.
\c - app
set pg_aal.clock_skew = 600;
set pg_aal.error_format = 'postgrest';
set role authenticated;
select test.set_claims('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+300@}]}');
select auth.has_aal('aal2', '15 minutes');
show pg_aal.clock_skew;
show pg_aal.error_format;
set pg_aal.clock_skew = 600;
set local pg_aal.clock_skew = 600;
select set_config('pg_aal.clock_skew', '600', false);
set pg_aal.invented = 'x';
reset role;
alter role app set pg_aal.clock_skew = 600;

-- The same by the connection's options.
\c "dbname=regression user=app options='-c pg_aal.clock_skew=600'"
select auth.aal() is null as loaded;
show pg_aal.clock_skew;

-- By a superuser, for a role: it counts.
\c "dbname=regression user=postgres options=''"
load 'pg_aal';
alter role app set pg_aal.clock_skew = 60;
\c - app
select auth.aal() is null as loaded;
show pg_aal.clock_skew;
set pg_aal.clock_skew = 61;
\c - postgres
load 'pg_aal';
\set VERBOSITY sqlstate
set pg_aal.clock_skew = 601;
set pg_aal.clock_skew = -1;
\set VERBOSITY default
set pg_aal.clock_skew = '5min';
select test.set_claims('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+290@}]}');
select auth.has_aal('aal2', '15 minutes');
reset pg_aal.clock_skew;
select auth.has_aal('aal2', '15 minutes');
drop role app;
