-- What auth.verify_jwt answers, and each reason for which it refuses.
load 'pg_aal';
\set VERBOSITY default

-- Without keys nothing verifies.
select auth.verify_jwt(test.token_at('aal2'));
\echo :LAST_ERROR_SQLSTATE
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
select auth.verify_jwt(test.token('{"exp":99999999999,"sub":"jane","aal":"aal2"}'));
select auth.verify_jwt(null);
\echo :LAST_ERROR_SQLSTATE

-- It says what is in the token, and puts nothing in force.
select auth.aal();

-- Why not. The message and the SQLSTATE, for each.
create temporary table refused (n int generated always as identity, what text, token text);
insert into refused (what, token) values
  ('empty', ''),
  ('two parts', regexp_replace(test.token('{"exp":99999999999}'), '\.[^.]*$', '')),
  ('four parts', test.token('{"exp":99999999999}') || '.AA'),
  ('a JWE', 'a.b.c.d.e'),
  ('1 MB', repeat('a', 1000000)),
  ('bad base64 in the header', '?' || test.token('{"exp":99999999999}')),
  ('bad base64 in the payload', test.base64url('{"alg":"HS256"}') || '.?.'
    || test.base64url(test.hmac_sha256(convert_to(test.base64url('{"alg":"HS256"}') || '.?', 'UTF8'), test.secret()))),
  ('bad base64 in the signature', test.token('{"exp":99999999999}') || '='),
  ('a header that is no object', test.token('{"exp":99999999999}', '["HS256"]')),
  ('none', test.base64url('{"alg":"none"}') || '.' || test.base64url('{"exp":99999999999}') || '.'),
  ('no alg', test.token('{"exp":99999999999}', '{"typ":"JWT"}')),
  ('an unknown alg', test.token('{"exp":99999999999}', '{"alg":"HS1"}')),
  ('another alg than the key''s', test.token('{"exp":99999999999}', '{"alg":"RS256"}')),
  ('alg twice', test.token('{"exp":99999999999}', '{"alg":"none","alg":"HS256"}')),
  ('crit', test.token('{"exp":99999999999}', '{"alg":"HS256","crit":["exp"]}')),
  ('jwk', test.token('{"exp":99999999999}', '{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}')),
  ('jku', test.token('{"exp":99999999999}', '{"alg":"HS256","jku":"http://127.0.0.1:9/jwks"}')),
  ('x5u', test.token('{"exp":99999999999}', '{"alg":"HS256","x5u":"http://127.0.0.1:9/cert"}')),
  ('x5c', test.token('{"exp":99999999999}', '{"alg":"HS256","x5c":["AA"]}')),
  ('another secret', test.token('{"exp":99999999999}', key => test.secret(41))),
  ('no exp', test.token('{"aal":"aal2"}')),
  ('exp is a text', test.token('{"exp":"99999999999"}')),
  ('expired', test.token('{"exp":@-1@}')),
  ('expires now', test.token('{"exp":@+0@}')),
  ('not yet valid', test.token('{"exp":@+100@,"nbf":@+60@}')),
  ('issued in the future', test.token('{"exp":@+100@,"iat":@+60@}')),
  ('a claim twice', test.token('{"exp":99999999999,"aal":"aal1","aal":"aal2"}')),
  ('a claim twice, once in disguise', test.token('{"exp":99999999999,"aal":"aal1","\u0061al":"aal2"}')),
  ('a payload that is no object', test.token('[{"exp":99999999999}]')),
  ('a truncated payload', test.token('{"exp":99999999999'));
do $$
declare
  refused record;
begin
  for refused in select * from refused order by n loop
    begin
      perform auth.verify_jwt(refused.token);
      raise warning '% VERIFIED', refused.what;
    exception when others then
      raise notice '%: % %', refused.what, sqlstate, sqlerrm;
    end;
  end loop;
end
$$;

-- The skew is for nbf and iat, not for exp.
select auth.verify_jwt(test.token('{"exp":@+100@,"nbf":@+20@,"iat":@+20@}')) is not null as within_the_skew;

-- kid selects.
select set_config('pg_aal.jwks', test.jwks('new'), false) is not null as set;
select auth.verify_jwt(test.token('{"exp":99999999999}', '{"alg":"HS256","kid":"new"}'));
select auth.verify_jwt(test.token('{"exp":99999999999}', '{"alg":"HS256","kid":"old"}'));
select auth.verify_jwt(test.token('{"exp":99999999999}'));

-- Issuer and audience, where they are configured.
set pg_aal.jwt_issuer = 'https://auth.example.com';
select auth.verify_jwt(test.token('{"exp":99999999999,"iss":"https://auth.example.com"}'));
select auth.verify_jwt(test.token('{"exp":99999999999,"iss":"https://auth.example.com/"}'));
select auth.verify_jwt(test.token('{"exp":99999999999}'));
reset pg_aal.jwt_issuer;
set pg_aal.jwt_audience = 'authenticated';
select auth.verify_jwt(test.token('{"exp":99999999999,"aud":"authenticated"}'));
select auth.verify_jwt(test.token('{"exp":99999999999,"aud":["other","authenticated"]}'));
select auth.verify_jwt(test.token('{"exp":99999999999,"aud":["other"]}'));
select auth.verify_jwt(test.token('{"exp":99999999999}'));
reset pg_aal.jwt_audience;

-- What jsonb can't hold is an error, and the error doesn't repeat it.
select auth.verify_jwt(test.token('{"exp":99999999999,"secret":"\u0000"}'));

-- For PostgREST: 401, and the challenge of RFC 6750.
set pg_aal.error_format = 'postgrest';
select auth.verify_jwt(test.token('{"exp":@-1@}'));
\echo :LAST_ERROR_SQLSTATE
reset pg_aal.error_format;

-- Keys are checked when they are configured, and the message names the kid.
select set_config('pg_aal.jwks', test.jwks('short', test.secret(31)), false);
\echo :LAST_ERROR_SQLSTATE
set pg_aal.jwks = '{"keys":[{"kty":"RSA","kid":"small","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAk","e":"AQAB"}]}';
set pg_aal.jwks = '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"private","d":"AA","x":"AA"}]}';
set pg_aal.jwks = 'my-secret';
set pg_aal.jwks = '{"keys":[';
show pg_aal.jwks;
