-- With several issuers each key is bound to one, in pg_aal.jwks and in the file of pg_aal.jwks_file.
load 'pg_aal';
create role app login;
create role auditor login;
grant pg_read_all_settings to auditor;
\set SHOW_CONTEXT never

-- An issuer's entry, whose key is a secret of this length.
create function test.of_issuer(issuer text, bytes int, rest text default '"secrets":true') returns text language sql immutable as $$
  select format('{"issuer":"%s",%s,"keys":%s}', issuer, rest, test.jwks('1', test.secret(bytes))::json -> 'keys');
$$;
create function test.from_issuer(issuer text, bytes int, claims text default '"acr":"aal2"') returns text language sql stable as $$
  select test.token(format('{"iss":"%s","sub":"jane","exp":@+60@,"auth_time":@-60@,%s}', issuer, claims), '{"alg":"HS256","kid":"1"}', test.secret(bytes));
$$;
select format('{"issuers":[%s,%s]}', test.of_issuer('https://a', 40), test.of_issuer('https://b', 41)) as both \gset
set pg_aal.claims_source = 'token';
select set_config('pg_aal.jwks', :'both', false) is not null as set;
show pg_aal.jwks;

-- A token is held against the keys of the issuer that it names, and no others.
create temporary table tried (nr int, issuer text, bytes int);
insert into tried values (1, 'https://a', 40), (2, 'https://b', 41), (3, 'https://a', 41), (4, 'https://b', 40), (5, 'https://c', 40), (6, 'https://a/', 40), (7, '', 40);
select issuer, bytes, test.attempt(format('select auth.verify_jwt(%L)', test.from_issuer(issuer, bytes))) from tried order by nr;
select auth.verify_jwt(test.token('{"sub":"jane","exp":@+60@}', '{"alg":"HS256","kid":"1"}', test.secret(40)));
select auth.verify_jwt(test.token('{"iss":["https://a"],"sub":"jane","exp":@+60@}', '{"alg":"HS256","kid":"1"}', test.secret(40)));
select auth.verify_jwt(test.token('{"iss":"https://a","iss":"https://b","exp":@+60@}', '{"alg":"HS256","kid":"1"}', test.secret(41)));

-- Nor read by another's profile.
set pg_aal.claims_profile = '[{"issuer":"https://a","profile":"keycloak"},{"issuer":"https://b","profile":"logto"}]';
create function test.level(token text) returns text language plpgsql as $$
begin
  perform set_config('pg_aal.token', token, true);
  return auth.aal();
end
$$;
select test.level(test.from_issuer('https://a', 40)) as a;
select test.level(test.from_issuer('https://b', 41, '"acr":"urn:logto:acr:mfa"')) as b;
select test.level(test.from_issuer('https://a', 40, '"acr":"urn:logto:acr:mfa"')) as a_by_claims_of_b;
select test.level(test.from_issuer('https://b', 41)) as b_by_claims_of_a;
select test.level(test.from_issuer('https://b', 40, '"acr":"urn:logto:acr:mfa"')) as a_as_b;

-- Keys that are bound to none would let each issuer speak for the other: what is set last is refused.
select set_config('pg_aal.jwks', test.jwks(), false);
set pg_aal.claims_profile = 'supabase';
select set_config('pg_aal.jwks', test.jwks('1'), false) is not null as set;
set pg_aal.claims_profile = '[{"issuer":"https://a","profile":"keycloak"}]';
set pg_aal.claims_profile = '[{"issuer":"https://a","profile":"keycloak"},{"issuer":"https://b","profile":"logto"}]';
\echo :LAST_ERROR_SQLSTATE
set pg_aal.claims_source = 'request';
set pg_aal.claims_profile = '[{"issuer":"https://a","profile":"keycloak"},{"issuer":"https://b","profile":"logto"}]';
set pg_aal.claims_source = 'token';
-- Where they are put together in another way, no token verifies. With one expected issuer all is clear.
select auth.verify_jwt(test.from_issuer('https://a', 40));
set pg_aal.jwt_issuer = 'https://a';
set pg_aal.claims_source = 'token';
select test.level(test.from_issuer('https://a', 40)) as a;
reset pg_aal.jwt_issuer;
select test.level(test.from_issuer('https://a', 40)) as a;
reset pg_aal.claims_source;
select set_config('pg_aal.jwks', :'both', false) is not null as set;
set pg_aal.claims_source = 'token';

-- The audience beside an issuer's keys is its own; pg_aal.jwt_audience is for the others.
select set_config('pg_aal.jwks', format('{"issuers":[%s,%s]}',
  test.of_issuer('https://a', 40, '"secrets":true,"audience":"of-a"'), test.of_issuer('https://b', 41)), false) is not null as set;
set pg_aal.jwt_audience = 'of-b';
select test.attempt(format('select auth.verify_jwt(%L)', test.from_issuer('https://a', 40, '"aud":["x","of-a"]'))) as a,
       test.attempt(format('select auth.verify_jwt(%L)', test.from_issuer('https://a', 40, '"aud":"of-b"'))) as a_for_b,
       test.attempt(format('select auth.verify_jwt(%L)', test.from_issuer('https://b', 41, '"aud":"of-b"'))) as b,
       test.attempt(format('select auth.verify_jwt(%L)', test.from_issuer('https://b', 41, '"aud":"of-a"'))) as b_for_a;
reset pg_aal.jwt_audience;

-- A document that leaves a doubt is refused when it is set.
set pg_aal.jwks = '{"issuers":[{"issuer":"https://a","aud":"x","keys":[]}]}';
set pg_aal.jwks = '{"issuers":[{"issuer":"https://a","keys":[]},{"issuer":"https://a","keys":[]}]}';
set pg_aal.jwks = '{"issuers":[{"keys":[]}]}';
set pg_aal.jwks = '{"issuers":[],"keys":[]}';
set pg_aal.jwks = '{"issuers":[';
select set_config('pg_aal.jwks', format('{"issuers":[%s]}', test.of_issuer('https://a', 40, '"audience":"x"')), false);
select set_config('pg_aal.jwks', format('{"issuers":[%s]}', test.of_issuer('https://a', 8)), false);
-- A secret is one in a document, too.
select format('alter role app set pg_aal.jwks = %L', :'both') as stored \gset
:stored;

-- In a file a bad key is left out, and the others count.
reset pg_aal.jwks;
select test.write_file('aal_bound.json', format('{"issuers":[%s,{"issuer":"https://b","keys":['
  '{"kty":"EC","kid":"off","crv":"P-256","x":"f83PJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},'
  '{"kty":"oct","kid":"public","k":"%s"},'
  '{"kty":"OKP","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}]}',
  test.of_issuer('https://a', 40), test.base64url(test.secret(41)))) is not null as written;
set pg_aal.jwks_file = 'aal_bound.json';
select * from auth.token_keys();
select test.level(test.from_issuer('https://a', 40)) as a;
-- A secret that an issuer publishes is known to all.
select auth.verify_jwt(test.token('{"iss":"https://b","sub":"jane","exp":@+60@}', '{"alg":"HS256","kid":"public"}', test.secret(41)));
select regexp_replace(line, '^.*LOG:', 'LOG:') as logged
  from regexp_split_to_table(pg_read_file(current_setting('data_directory') || '/../log/postgres.log'), '\n') line
 where line like '%LOG:  pg_aal.jwks_file "aal_bound.json"%';
-- The keys of the setting count beside the file's, and an issuer may have some in each.
select set_config('pg_aal.jwks', format('{"issuers":[%s]}', test.of_issuer('https://a', 42)), false) is not null as set;
select test.level(test.from_issuer('https://a', 40)) as in_the_file;
select test.level(test.from_issuer('https://a', 42)) as in_the_setting;
select setting, issuer, kid, algorithm, fault is not null as is_left_out from auth.token_keys();

-- The keys are for administrators to list.
set role app;
select * from auth.token_keys();
\echo :LAST_ERROR_SQLSTATE
set role auditor;
select count(*) from auth.token_keys();
reset role;

reset pg_aal.jwks;
reset pg_aal.jwks_file;
drop function test.of_issuer, test.from_issuer, test.level;
drop role app, auditor;
