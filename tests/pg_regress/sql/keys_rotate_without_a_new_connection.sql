-- pg_aal.jwks_file: read again after a reload; a key that is gone stops working at once.
load 'pg_aal';
set pg_aal.claims_source = 'token';
set pg_aal.jwks_file = 'aal_jwks.json';

select test.write_file('aal_jwks.json', test.jwks('monday', test.secret(40))) is not null as written;
select test.token('{"exp":99999999999,"aal":"aal2"}', '{"alg":"HS256","kid":"monday"}', test.secret(40)) as monday,
       test.token('{"exp":99999999999,"aal":"aal1"}', '{"alg":"HS256","kid":"tuesday"}', test.secret(41)) as tuesday \gset
begin;
select auth.authenticate(:'monday') ->> 'aal' as monday;
select auth.authenticate(:'tuesday') ->> 'aal' as tuesday;
rollback;

-- Until the reload, the file doesn't matter.
select test.write_file('aal_jwks.json', test.jwks('tuesday', test.secret(41))) is not null as written;
begin;
select auth.authenticate(:'monday') ->> 'aal' as monday;
-- After it, in the same transaction, the old key counts for nothing, though its token was verified before.
select pg_conf_load_time() as loaded \gset
select pg_reload_conf();
\o /dev/null
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
\o
select auth.aal(), auth.claims();
select auth.require_aal('aal1');
rollback;
select auth.verify_jwt(:'tuesday') ->> 'aal' as tuesday;

-- A file that can't be used leaves the keys it held before, and the log says why.
create function pg_temp.reload_with(content text) returns text language plpgsql as $$
begin
  perform test.write_file('aal_jwks.json', content);
  perform pg_reload_conf();
  return 'written';
end
$$;
select pg_conf_load_time() as loaded \gset
select pg_temp.reload_with('{"keys":[');
\o /dev/null
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
\o
select auth.verify_jwt(:'tuesday') ->> 'aal' as tuesday;
select pg_conf_load_time() as loaded \gset
select pg_temp.reload_with(test.jwks('weak', test.secret(8)));
\o /dev/null
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
select pg_sleep(2) where pg_conf_load_time() = :'loaded';
\o
select auth.verify_jwt(:'tuesday') ->> 'aal' as tuesday;
select regexp_replace(line, '^.*LOG:', 'LOG:') as logged
  from regexp_split_to_table(pg_read_file(current_setting('data_directory') || '/../log/postgres.log'), '\n') line
 where line like '%LOG:  pg_aal.jwks_file "aal_jwks.json"%';

-- Another file is another set: nothing is kept of the one before.
set pg_aal.jwks_file = 'no/such/file.json';
select auth.verify_jwt(:'tuesday');
set pg_aal.jwks_file = '/dev/zero';
select auth.verify_jwt(:'tuesday');
reset pg_aal.jwks_file;
select auth.verify_jwt(:'tuesday');

-- Both settings count.
select set_config('pg_aal.jwks', test.jwks('tuesday', test.secret(41)), false) is not null as set;
select test.write_file('aal_jwks.json', test.jwks('monday', test.secret(40))) is not null as written;
set pg_aal.jwks_file = 'aal_jwks.json';
select auth.verify_jwt(:'monday') ->> 'aal' as monday, auth.verify_jwt(:'tuesday') ->> 'aal' as tuesday;
set pg_aal.jwks = '';
select auth.verify_jwt(:'tuesday');
