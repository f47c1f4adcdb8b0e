-- With profiles, the matrix knows numbers: a factor's age in minutes, levels by number, and arrays of objects.
create schema by_number;
grant usage on schema by_number to authenticated;
set search_path = by_number;
load 'pg_aal';

-- Each condition beside a policy that asks for aal1.
create function needs(conditions text[]) returns table (condition text, needs text) language plpgsql as $$
begin
  foreach condition in array conditions loop
    create table t (id int);
    grant select on t to authenticated;
    alter table t enable row level security;
    execute format('create policy p on t using ((select auth.has_aal(''aal1'')) and %s)', condition);
    select m.required_aal into needs from auth.aal_matrix('t') m where m.role = 'authenticated' and m.command = 'SELECT';
    drop table t;
    return next;
  end loop;
end
$$;

-- Minutes before iat. A factor that was never verified is -1 minutes old, which is less than 10.
set pg_aal.claims_profile = '[{"issuer":"https://own.example","levels":[
  {"claim":["fva",1],"is":"minutes","level":"aal2"},{"claim":["fva",0],"is":"minutes","level":"aal1"}]}]';
select * from needs(array[
  $$(auth.jwt() -> 'fva' ->> 1)::int >= 0$$,
  $$(auth.jwt() -> 'fva' ->> 1)::int between 0 and 10$$,
  $$(auth.jwt() -> 'fva' ->> 1)::int < 10$$,
  $$(auth.jwt() -> 'fva' ->> 1)::int <> -1$$,
  $$(auth.jwt() -> 'fva' ->> 1)::int = -1$$,
  $$(auth.jwt() #>> '{fva,1}')::int >= 0$$,
  $$(auth.jwt() -> 'fva' -> 1)::int >= 0$$,
  $$(auth.jwt() -> 'fva' -> 1)::numeric >= 0$$,
  $$(auth.jwt() -> 'fva' ->> 1)::numeric > -1$$,
  $$(auth.jwt() -> 'fva' ->> 1)::bigint >= 0$$,
  $$((auth.jwt())['fva'][1])::int >= 0$$,
  $$(current_setting('request.jwt.claims', true)::json -> 'fva' ->> 1)::int >= 0$$,
  $$(auth.jwt() -> 'fva' ->> 1) <> '-1'$$,
  $$(auth.jwt() -> 'fva' ->> 0)::int >= 0$$,
  $$(auth.jwt() -> 'fva' ->> -1)::int >= 0$$,
  $$(auth.jwt() -> 'fva' ->> 2)::int >= 0$$]);

-- Levels by number.
set pg_aal.claims_profile = '[{"issuer":"https://own.example","levels":[
  {"claim":["loa"],"is":"number","map":{"2":"aal2","3":"aal3"}},{"level":"aal1"}]}]';
select * from needs(array[
  $$(auth.jwt() ->> 'loa')::int = 2$$,
  $$(auth.jwt() -> 'loa')::int = 3$$,
  $$(auth.jwt() -> 'loa') = '2'$$,
  $$(auth.jwt() ->> 'loa') = '3'$$,
  $$auth.jwt() @> '{"loa":2}'$$,
  $$(auth.jwt() ->> 'loa')::int >= 2$$]);

-- Arrays of objects.
set pg_aal.claims_profile = '[{"issuer":"https://t.auth0.example/","profile":"auth0","claim":["https://shop.example/methods"]}]';
select * from needs(array[
  $$(auth.jwt() -> 'https://shop.example/methods') @> '[{"name":"mfa"}]'$$,
  $$auth.jwt() @> '{"https://shop.example/methods":[{"name":"mfa"}]}'$$,
  $$not (auth.jwt() -> 'https://shop.example/methods') @> '[{"name":"mfa"}]'$$,
  $$(auth.jwt() -> 'https://shop.example/methods') @> '[{"name":"pwd"}]'$$]);

-- A value of another type than the rule names would be one thing to the profile and another one to the policy: no level.
create function at(claims text) returns text language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"iss":"https://own.example","sub":"u",' || claims || '}', true);
  return coalesce(auth.aal(), 'none');
end
$$;
set pg_aal.claims_profile = '[{"issuer":"https://own.example","levels":[
  {"claim":["fva",1],"is":"minutes","level":"aal2"},{"claim":["loa"],"is":"number","map":{"2":"aal2"}},
  {"claim":["list"],"is":"entries","key":"name","values":["mfa"],"level":"aal2"},{"level":"aal1"}]}]';
select claims, at(claims) from unnest(array[
  '"fva":[1,5]', '"fva":[1,0.5]', '"fva":[1,-1]', '"fva":[1,null]', '"fva":[1]', '"fva":null',
  '"fva":[1,"5"]', '"fva":[1,-0.4]', '"fva":[1,-0]', '"fva":5', '"fva":"5"', '"fva":{"1":5}',
  '"loa":2', '"loa":4', '"loa":null', '"loa":2.0', '"loa":"2"', '"loa":[2]',
  '"list":[{"name":"mfa"}]', '"list":[{"name":"pwd"}]', '"list":[]', '"list":[{"name":"pwd"},"mfa"]',
  '"list":{"name":"mfa"}', '"list":[{"name":"pwd","name":"mfa"}]']) claims;

reset pg_aal.claims_profile;
set client_min_messages = error;
reset search_path;
drop schema by_number cascade;
