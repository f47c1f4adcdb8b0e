-- Behind a pool a backend serves many users by turns. Each of their tokens is verified once, as long as its keys are in force.
load 'pg_aal';
\set SHOW_CONTEXT never
set pg_aal.claims_source = 'token';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;

-- What the cache says since the last call.
create table test.seen as select 0::bigint as hits, 0::bigint as misses, 0::bigint as evictions;
create function test.cache() returns table (tokens bigint, is_within boolean, hits bigint, misses bigint, evictions bigint)
language plpgsql volatile as $$
declare
  now record;
  before test.seen;
begin
  select * into now from auth.token_cache() where cache = 'backend';
  delete from test.seen returning * into before;
  insert into test.seen values (now.hits, now.misses, now.evictions);
  return query select now.tokens, now.bytes <= now.size and (now.bytes > 0) = (now.tokens > 0),
    now.hits - before.hits, now.misses - before.misses, now.evictions - before.evictions;
end
$$;

-- Users who come by turns, in another order each round. Each gets the answers of its own token.
create table test.users as
  select n, test.token_at(case when n % 2 = 0 then 'aal2' else 'aal1' end, subject => n::text) as token from generate_series(1, 64) n;
create procedure test.serve(rounds int, setting text default 'pg_aal.token', form text default '%s') language plpgsql as $$
declare
  u record;
  is_right boolean;
begin
  for round in 1..rounds loop
    for u in select * from test.users order by (n * 7 + round) % 64 loop
      perform set_config(setting, format(form, u.token), true);
      select auth.subject() = u.n::text and auth.has_aal('aal2') = (u.n % 2 = 0) into is_right;
      if is_right is not true then
        raise exception 'user % got another answer', u.n;
      end if;
    end loop;
  end loop;
end
$$;

-- 64 users, ten times each.
begin;
call test.serve(10);
select * from test.cache();
-- However the token comes.
select set_config('pg_aal.token', '', true);
call test.serve(1, 'request.jwt');
select * from test.cache();
select set_config('request.jwt', '', true);
call test.serve(1, 'request.headers', '{"authorization":"Bearer %s"}');
select * from test.cache();
select count(auth.verify_jwt(token)) from test.users;
select * from test.cache();
commit;

-- Keys that changed empty it at once: the same token is held against the new ones, and against the old ones again.
select token as two from test.users where n = 2 \gset
select set_config('pg_aal.jwks', test.jwks(key => test.secret(41)), false) is not null as set;
select * from test.cache();
select auth.verify_jwt(:'two');
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
select auth.verify_jwt(:'two') ->> 'sub' as two;
select * from test.cache();
-- So do keys that come back with a rollback, and those that a function has in a SET clause.
begin;
select set_config('pg_aal.jwks', test.jwks(key => test.secret(41)), true) is not null as set;
select auth.verify_jwt(test.token('{"sub":"41","exp":@+60@}', key => test.secret(41))) ->> 'sub' as of_41;
select * from test.cache();
rollback;
select auth.verify_jwt(test.token('{"sub":"41","exp":@+60@}', key => test.secret(41)));
select auth.verify_jwt(:'two') ->> 'sub' as two;
select * from test.cache();
-- And an expected issuer, an audience, a profile, and the level of guests.
set pg_aal.jwt_issuer = 'https://other';
select auth.verify_jwt(:'two');
reset pg_aal.jwt_issuer;
select auth.verify_jwt(:'two') ->> 'sub' as two;
set pg_aal.jwt_audience = 'somebody';
select auth.verify_jwt(:'two');
reset pg_aal.jwt_audience;
select test.token('{"sub":"guest","exp":@+60@,"aal":"aal1","is_anonymous":true}') as guest \gset
begin;
select auth.authenticate(:'guest') ->> 'aal' as says;
select auth.aal();
set local pg_aal.anonymous_level = 'aal1';
select auth.aal();
set local pg_aal.claims_profile = '[{"issuer":"https://other","levels":[{"claim":["acr"],"is":"text","values":["mfa"],"level":"aal2"}]}]';
select auth.aal();
rollback;
select tokens, is_within from test.cache();

-- A token that expires, or is not in its time yet, is refused though it is kept.
select test.token('{"sub":"short","exp":@+1@}') as short, test.token('{"sub":"early","exp":@+60@,"nbf":@+20@}') as early \gset
select auth.verify_jwt(:'short') ->> 'sub' as short, auth.verify_jwt(:'early') ->> 'sub' as early;
select tokens, hits, misses from test.cache();
set pg_aal.clock_skew = 0;
select auth.verify_jwt(:'early');
reset pg_aal.clock_skew;
select pg_sleep(2);
select auth.verify_jwt(:'short');
select hits, misses from test.cache();

-- A token that differs in any part is another: the beginning, the header with the rest of a good one, and each character.
select auth.verify_jwt(:'two') ->> 'sub' as two;
select auth.verify_jwt(left(:'two', -2));
select auth.verify_jwt(:'two' || '.');
select auth.verify_jwt(test.base64url('{"alg":"none"}') || '.' || split_part(:'two', '.', 2) || '.' || split_part(:'two', '.', 3));
select auth.verify_jwt(split_part(:'two', '.', 1) || '.' || split_part(:'guest', '.', 2) || '.' || split_part(:'two', '.', 3));
select tokens, hits, misses from test.cache();
do $$
declare
  token text := (select token from test.users where n = 2);
begin
  for place in 1..length(token) loop
    begin
      perform auth.verify_jwt(overlay(token placing case substr(token, place, 1) when 'A' then 'B' else 'A' end from place for 1));
      raise exception 'verified, with another character %', place;
    exception when invalid_authorization_specification then
      null;
    end;
  end loop;
end
$$;
select tokens, hits from test.cache();

-- A token of a megabyte, or one that would take a large part of the room, is not kept. The others stay.
select auth.verify_jwt(repeat('a', 1000000));
select auth.verify_jwt(test.token(format('{"exp":@+60@,"sub":"large","a":"%s"}', repeat('a', 40000)))) ->> 'sub' as large;
select tokens, hits, misses, evictions from test.cache();
set pg_aal.token_cache_size = 128;
select auth.verify_jwt(test.token(format('{"exp":@+60@,"sub":"large","a":"%s"}', repeat('a', 40001)))) ->> 'sub' as large;
select auth.verify_jwt(:'two') ->> 'sub' as two;
select tokens, hits, misses, evictions from test.cache();

-- More users than fit: those used longest ago make room.
set pg_aal.token_cache_size = 32;
begin;
call test.serve(4);
commit;
select tokens between 8 and 40 as some, is_within, hits, misses, evictions > 150 as evicted from test.cache();
set pg_aal.token_cache_size = 0;
select * from test.cache();
begin;
call test.serve(2);
commit;
select * from test.cache();
reset pg_aal.token_cache_size;

-- One statement still has one token, be it kept or not.
select token as four from test.users where n = 4 \gset
begin;
select auth.authenticate(:'two') ->> 'sub' as two, auth.verify_jwt(:'four') ->> 'sub' as four;
select auth.subject(), length(set_config('pg_aal.token', :'four', true)) > 0 as set, auth.subject(), auth.aal();
select auth.subject();
rollback;

-- What is kept is for those who may see all statistics, and its size for superusers to set.
create role monitoring nologin;
grant pg_read_all_stats to monitoring;
set role monitoring;
select cache, size from auth.token_cache();
set role authenticated;
select * from auth.token_cache();
\echo :LAST_ERROR_SQLSTATE
set pg_aal.token_cache_size = 1048576;
reset role;

drop procedure test.serve;
drop function test.cache;
drop table test.users, test.seen;
drop role monitoring;
