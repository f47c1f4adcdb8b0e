-- The level and its freshness, for every shape of claims. The expected answers were written down by hand from the
-- design (levels, second factors, times), not from the code.
--
-- Seven questions to each claims text: aal1, aal2, aal3 of any age; then aal1, aal2, aal3 within 15 minutes;
-- then aal2 within 0 seconds. Last, what require_aal('aal2', '15 minutes') says to do ('-': nothing).
create temp table cases (
  nr int generated always as identity,
  claims text,
  expected text,
  action text
);

insert into cases (claims, expected, action) values
  -- no claims
  (null,                                   'nnnnnnn', 'sign_in'),
  ('',                                     'nnnnnnn', 'sign_in'),
  -- not an object
  ('null',                                 'nnnnnnn', 'invalid'),
  ('[]',                                   'nnnnnnn', 'invalid'),
  ('[{"aal":"aal2"}]',                     'nnnnnnn', 'invalid'),
  ('["aal2"]',                             'nnnnnnn', 'invalid'),
  ('"aal2"',                               'nnnnnnn', 'invalid'),
  ('2',                                    'nnnnnnn', 'invalid'),
  ('true',                                 'nnnnnnn', 'invalid'),
  ('aal2',                                 'nnnnnnn', 'invalid'),
  (' ',                                    'nnnnnnn', 'invalid'),
  -- truncated, or with something after it
  ('{',                                    'nnnnnnn', 'invalid'),
  ('{"aal":"aal2"',                        'nnnnnnn', 'invalid'),
  ('{"aal":"aal2',                         'nnnnnnn', 'invalid'),
  ('{"aal":"aal2"}}',                      'nnnnnnn', 'invalid'),
  ('{"aal":"aal2"}{"aal":"aal2"}',         'nnnnnnn', 'invalid'),
  ('{"aal":"aal2",}',                      'nnnnnnn', 'invalid'),
  ('{''aal'':''aal2''}',                   'nnnnnnn', 'invalid'),
  -- no level
  ('{}',                                   'nnnnnnn', 'sign_in'),
  ('{"role":"anon"}',                      'nnnnnnn', 'sign_in'),
  ('{"role":"service_role"}',              'nnnnnnn', 'sign_in'),
  ('{"sub":"x","role":"authenticated"}',   'nnnnnnn', 'configure'),
  -- something like a level
  ('{"aal":"AAL2"}',                       'nnnnnnn', 'configure'),
  ('{"aal":" aal2"}',                      'nnnnnnn', 'configure'),
  ('{"aal":"aal2 "}',                      'nnnnnnn', 'configure'),
  ('{"aal":"aal4"}',                       'nnnnnnn', 'configure'),
  ('{"aal":"aal0"}',                       'nnnnnnn', 'configure'),
  ('{"aal":"2"}',                          'nnnnnnn', 'configure'),
  ('{"aal":2}',                            'nnnnnnn', 'configure'),
  ('{"aal":true}',                         'nnnnnnn', 'configure'),
  ('{"aal":null}',                         'nnnnnnn', 'sign_in'),
  ('{"aal":""}',                           'nnnnnnn', 'configure'),
  ('{"aal":["aal2"]}',                     'nnnnnnn', 'configure'),
  ('{"aal":{"aal":"aal2"}}',               'nnnnnnn', 'configure'),
  ('{"AAL":"aal2"}',                       'nnnnnnn', 'sign_in'),
  ('{"acr":"aal2"}',                       'nnnnnnn', 'sign_in'),
  -- where it doesn't count
  ('{"user_metadata":{"aal":"aal2"}}',     'nnnnnnn', 'sign_in'),
  ('{"app_metadata":{"aal":"aal2"}}',      'nnnnnnn', 'sign_in'),
  ('{"user_metadata":{"aal":"aal2"},"aal":"aal1"}', 'ynnnnnn', 'verify'),
  -- stated twice
  ('{"aal":"aal1","aal":"aal2"}',          'nnnnnnn', 'invalid'),
  ('{"aal":"aal2","aal":"aal2"}',          'nnnnnnn', 'invalid'),
  ('{"aal":"aal2","\u0061al":"aal1"}',     'nnnnnnn', 'invalid'),
  ('{"aal":"aal2","amr":[],"amr":[{"method":"totp","timestamp":@-60@}]}', 'nnnnnnn', 'invalid'),
  ('{"aal":"aal2","x":1,"x":2}',           'yynnnnn', 'configure'),
  -- the level alone: no time at all
  ('{"aal":"aal1"}',                       'ynnnnnn', 'verify'),
  ('{"aal":"aal2"}',                       'yynnnnn', 'configure'),
  ('{"aal":"aal3"}',                       'yyynnnn', 'configure'),
  ('{"aal":"\u0061al2"}',                  'yynnnnn', 'configure'),
  -- as Supabase Auth issues them
  ('{"aal":"aal1","amr":[{"method":"password","timestamp":@-60@}]}', 'ynnynnn', 'verify'),
  ('{"aal":"aal1","amr":[{"method":"password","timestamp":@-3600@}]}', 'ynnnnnn', 'verify'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-60@},{"method":"password","timestamp":@-7200@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"password","timestamp":@-7200@},{"method":"totp","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-3600@},{"method":"password","timestamp":@-60@}]}', 'yynynnn', 'reverify'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-3600@,"provider":"x"},{"method":"totp","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"mfa/phone","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"mfa/webauthn","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"mfa/recovery_code","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal3","amr":[{"method":"mfa/webauthn","timestamp":@-60@}]}', 'yyyyyyn', '-'),
  -- the edges of 15 minutes (the second: it may be a second late)
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-890@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-901@}]}', 'yynnnnn', 'reverify'),
  -- never a second factor
  ('{"aal":"aal2","amr":[{"method":"otp","timestamp":@-60@}]}', 'yynynnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"passkey","timestamp":@-60@}]}', 'yynynnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"recovery","timestamp":@-60@}]}', 'yynynnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"TOTP","timestamp":@-60@}]}', 'yynynnn', 'configure'),
  ('{"aal":"aal1","amr":[{"method":"totp","timestamp":@-60@}]}', 'ynnynnn', 'verify'),
  -- a refreshed token proves nothing new
  ('{"aal":"aal1","amr":[{"method":"token_refresh","timestamp":@-60@}]}', 'ynnnnnn', 'verify'),
  ('{"aal":"aal2","amr":[{"method":"token_refresh","timestamp":@-60@},{"method":"totp","timestamp":@-3600@}]}', 'yynnnnn', 'reverify'),
  -- amr of other shapes
  ('{"aal":"aal2","amr":[]}',              'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":null}',            'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":"totp"}',          'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":{"method":"totp","timestamp":@-60@}}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":["password","totp"]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":["password","totp"],"auth_time":@-60@}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":["password","totp"],"auth_time":@-3600@}', 'yynnnnn', 'reverify'),
  ('{"aal":"aal1","amr":["password"],"auth_time":@-60@}', 'ynnynnn', 'verify'),
  ('{"aal":"aal2","amr":["password"],"auth_time":"@-60@"}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","auth_time":@-60@}',     'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[],"auth_time":@-60@}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":["totp",{"method":"password","timestamp":@-60@}],"auth_time":@-60@}', 'yynynnn', 'configure'),
  ('{"aal":"aal2","amr":["password",{"method":"totp","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[null,7,[],{},{"method":"totp"},{"method":"totp","timestamp":@-60@}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":["totp"],"timestamp":@-60@}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","method":"totp","timestamp":@-60@}]}', 'yynnnnn', 'configure'),
  -- times of other shapes
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":"@-60@"}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":null}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-60@.75}]}', 'yynyynn', '-'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":0}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":-1}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":-1e300}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":1e300}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":1e400}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":9223372036854775808}]}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@-60@000}]}', 'yynnnnn', 'reverify'),
  -- the future: within the clock skew of 30 seconds, and beyond; the newest entry decides
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+20@}]}', 'yynyyny', '-'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+40@}]}', 'yynnnnn', 'reverify'),
  ('{"aal":"aal2","amr":[{"method":"totp","timestamp":@+40@},{"method":"totp","timestamp":@-60@}]}', 'yynnnnn', 'reverify'),
  ('{"aal":"aal2","amr":["totp"],"auth_time":@+3600@}', 'yynnnnn', 'reverify'),
  -- large and deep
  ('{"aal":"aal2","x":"' || repeat('x', 1024 * 1024) || '"}', 'yynnnnn', 'configure'),
  ('{"x":"' || repeat('x', 1024 * 1024) || '"',               'nnnnnnn', 'invalid'),
  ('{"aal":"aal2","x":' || repeat('[', 100000) || repeat(']', 100000) || '}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","x":' || repeat('[', 100000) || '}',        'nnnnnnn', 'invalid'),
  ('{"aal":' || repeat('[', 100000) || '"aal2"' || repeat(']', 100000) || '}', 'nnnnnnn', 'configure'),
  ('{"aal":"aal2","amr":' || repeat('[', 100000) || repeat(']', 100000) || '}', 'yynnnnn', 'configure'),
  ('{"aal":"aal2","amr":[' || repeat('{"method":"password","timestamp":1},', 20000) || '{"method":"totp","timestamp":@-60@}]}', 'yynyynn', '-');

create function pg_temp.ask(required text, max_age interval) returns text
language plpgsql as $$
declare
  has boolean := auth.has_aal(required, max_age);
  detail text;
begin
  begin
    if auth.require_aal(required, max_age) is not true or has is not true then
      return 'has_aal and require_aal disagree';
    end if;
    return '-';
  exception
    when insufficient_privilege then
      get stacked diagnostics detail = pg_exception_detail;
      if has then return 'has_aal and require_aal disagree'; end if;
      return detail::json ->> 'action';
    when invalid_text_representation then
      if has then return 'has_aal and require_aal disagree'; end if;
      return 'invalid';
  end;
end
$$;

create function pg_temp.answers(claims text) returns text[]
language plpgsql as $$
declare
  questions constant text[] := '{aal1,aal2,aal3,aal1,aal2,aal3,aal2}';
  max_ages constant interval[] := array[null, null, null, '15 minutes', '15 minutes', '15 minutes', '0'];
  answers text := '';
begin
  perform test.set_claims(claims);
  for i in 1..7 loop
    answers := answers || case pg_temp.ask(questions[i], max_ages[i]) when '-' then 'y' else 'n' end;
  end loop;
  return array[answers, pg_temp.ask('aal2', '15 minutes')];
end
$$;

-- How many were asked, and how many had which answer.
select count(*) as cases, count(*) filter (where expected ~ 'y') as with_some_level from cases;

-- Every difference between what the design says and what we answer: none.
select nr, left(claims, 100) as claims, expected, got[1] as got, action, got[2] as got_action
  from cases, lateral pg_temp.answers(claims) as got
 where got <> array[expected, action]
 order by nr;

-- request.jwt.claim, if it isn't empty, goes before request.jwt.claims, as in Supabase's auth.jwt().
set request.jwt.claims = '{"aal":"aal1","sub":"plural"}';
set request.jwt.claim = '{"aal":"aal2","sub":"singular"}';
select auth.aal(), auth.subject();
set request.jwt.claim = '';
select auth.aal(), auth.subject();
-- What can't be read isn't skipped in favour of the other.
set request.jwt.claim = '{';
select auth.aal(), auth.subject(), auth.has_aal('aal1');
reset request.jwt.claim;
reset request.jwt.claims;
