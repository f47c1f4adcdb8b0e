-- Where a library ends the process by exit(), Postgres aborts the transaction while the process is being cleaned up. What
-- pg_aal does in an abort must still work then: or the dead process' locks stay.
create table locked (id int);
create function exits() returns void language c as '$libdir/pg_aal', 'aal_exit_for_tests';
load 'pg_aal';
create role exits login;
alter role exits set pg_aal.claims_source = 'token';
alter role exits set pg_aal.jwks_file = 'aal_exit.json';
select test.write_file('aal_exit.json', test.jwks()) is not null as written;
grant all on locked to exits;

-- In a statement that has asked about a token, beside a cursor, within a savepoint; in one that has not; and as the server
-- itself ends a process.
\setenv PGUSER exits
\! psql -Xqt -d regression -c "begin; lock table locked" -c "select set_config('pg_aal.token', test.token_at('aal2'), true) is null" -c "declare c cursor for select auth.aal(); fetch c; savepoint a" -c "do 'begin perform auth.aal(), exits(); end'" 2>&1 | sed '/^$/d'
select count(*) as locks from pg_locks where relation = 'locked'::regclass;
\! psql -Xqt -d regression -c "begin; lock table locked" -c "select exits()" 2>&1 | sed '/^$/d'
select count(*) as locks from pg_locks where relation = 'locked'::regclass;
\! psql -Xqt -d regression -c "begin; lock table locked" -c "select auth.aal() is null, pg_terminate_backend(pg_backend_pid())" 2>&1 | sed '/^$/d'
select count(*) as locks from pg_locks where relation = 'locked'::regclass;
\setenv PGUSER postgres
set lock_timeout = '10s';
begin;
lock table locked;
rollback;
\set ECHO none
select count(*) as lines
  from regexp_split_to_table(pg_read_file(current_setting('data_directory') || '/../log/postgres.log'), '\n') line
 where line ~ 'internal error|PANIC|cannot access a Thread Local|was terminated by signal' and line !~ 'STATEMENT';
\set ECHO all
drop function exits();
drop owned by exits;
drop role exits;
drop table locked;
