-- A key is nobody's to read: not by SHOW, not in pg_settings, in a catalog, a dump, an error or the log.
create role app login;
create role auditor login;
grant pg_read_all_settings to auditor;
load 'pg_aal';

-- Where everybody could read it, it can't be put.
select format('alter role app set pg_aal.jwks = %L', test.jwks()) as stored \gset
:stored;
\echo :LAST_ERROR_SQLSTATE
select format('alter database regression set pg_aal.jwks = %L', test.jwks()) as stored \gset
:stored;
select format('create function pg_temp.f() returns int language sql set pg_aal.jwks = %L as %L', test.jwks(), 'select 1') as stored \gset
:stored;
-- A public key may.
alter role app set pg_aal.jwks = '{"keys":[{"kty":"OKP","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';
-- What was stored in a session without the library is dropped when it is used.
\c
select format('alter role auditor set pg_aal.jwks = %L', test.jwks()) as stored \gset
:stored;
\c - auditor
select auth.aal();
select auth.verify_jwt(test.token_at('aal2'));
\c - postgres
alter role auditor reset all;

alter role app reset all;

-- In the configuration it can't be put, as long as there can be a session without the library, which SHOW would tell it to.
-- (tests/e2e/preloaded.test.mjs has the rest.) In the file it counts.
load 'pg_aal';
select format('alter system set pg_aal.jwks = %L', test.jwks('legacy')) as stored \gset
:stored;
\echo :LAST_ERROR_SQLSTATE
select test.write_file('aal_leak.json', test.jwks('of-file', test.secret(41))) is not null as written;
alter system set pg_aal.jwks_file = 'aal_leak.json';
select pg_reload_conf();
select pg_sleep(1);
\c - app
select auth.verify_jwt(test.token_at('aal2'));
select auth.verify_jwt(test.token('{"exp":99999999999}', '{"alg":"HS256","kid":"of-file"}', test.secret(41)));
\set VERBOSITY sqlstate
show pg_aal.jwks;
select current_setting('pg_aal.jwks');
show pg_aal.jwks_file;
\set VERBOSITY default
select name, setting, boot_val, reset_val from pg_settings where name like 'pg\_aal.%' order by name;
select count(*) from pg_db_role_setting where setconfig::text like '%Wlpa%';
select * from pg_file_settings;
\c - auditor
select auth.aal();
show pg_aal.jwks;
select name, setting, reset_val from pg_settings where name like 'pg\_aal.%' order by name;
\c - postgres
load 'pg_aal';
alter system reset pg_aal.jwks_file;
select pg_reload_conf();
select pg_sleep(1);

-- A key that counts is named, to those who may look, and not shown.
select set_config('pg_aal.jwks', test.jwks('mine'), false) as shown;
show pg_aal.jwks;
set role auditor;
show pg_aal.jwks;
create function pg_temp.copied() returns text language sql set pg_aal.jwks from current as $$ select '' $$;
set role app;
\set VERBOSITY sqlstate
show pg_aal.jwks;
\set VERBOSITY default
reset role;

-- Not in a dump.
\! pg_dump --dbname=regression | grep -c Wlpa

-- Neither tokens nor claims are in what errors say, or the log.
load 'pg_aal';
\set ECHO none
set log_min_error_statement = panic;
set log_min_messages = debug5;
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
do $$
declare
  claims text;
begin
  foreach claims in array array[
    '{"exp":1,"canary":"moth"}', '{"exp":99999999999,"canary":"moth","x":"\u0000"}', '{"canary":"moth"', '{"exp":"moth"}',
    '{"exp":99999999999,"moth":1,"moth":1}'] loop
    begin
      perform auth.claims() from auth.authenticate(test.token(claims));
    exception when others then
      if sqlerrm like '%moth%' then raise warning 'LEAKED'; end if;
    end;
    begin
      perform set_config('pg_aal.token', test.token(claims), true);
      perform auth.require_aal('aal2');
    exception when others then
      if sqlerrm like '%moth%' then raise warning 'LEAKED'; end if;
    end;
  end loop;
end
$$;
reset log_min_messages;
reset log_min_error_statement;
\set ECHO all
select count(*) as lines_with_secrets
  from regexp_split_to_table(pg_read_file(current_setting('data_directory') || '/../log/postgres.log'), '\n') line
 where (line like '%Wlpa%' or line like '%moth%') and line not like '%STATEMENT:%' and line !~ 'parameter "pg_aal.jwks" changed to';
drop role app, auditor;
