\echo Use "create extension pg_aal_testing" to load this file. \quit

-- Helpers for tests of policies. They are nothing for production, and made so that nothing happens if they get there: see
-- tests.aal_tester.

-- As in pg_aal's schema.sql: no function or operator of another schema is meant here.
set local search_path = pg_catalog, pg_temp;

-- CREATE EXTENSION may be delegated: the server then becomes a superuser for its time, and the current role is one.
-- The role of the session is the one that asked.
do $$
begin
  if not exists (select from pg_roles where rolname = session_user and rolsuper) then
    raise insufficient_privilege using
      message = format('only superusers may install pg_aal_testing, and this session belongs to %I', session_user),
      hint = 'Connect as a superuser to install it, and only where tests run.';
  end if;
end
$$;

-- A schema that was there before keeps its owner and its grants. One that is made here is part of the extension, and goes with it.
do $$
begin
  if to_regnamespace('tests') is null then
    create schema tests;
    grant usage on schema tests to public;
  elsif has_schema_privilege('public', 'tests', 'create') then
    raise insufficient_privilege using
      message = 'every role may create in schema tests, so every client could run tests',
      hint = 'revoke create on schema tests from public';
  end if;
end
$$;

create function tests.aal_tester() returns void
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  if not has_schema_privilege(session_user, 'tests', 'create') then
    raise insufficient_privilege using
      message = format('role %I runs no tests here', session_user),
      hint = 'Connect as a superuser, or as a role that may create in schema tests.';
  end if;
end
$$;

create function tests.claims(
  subject text,
  level text default 'aal1',
  factor_age interval default '0',
  method text default null,
  role name default 'authenticated',
  claims jsonb default '{}'
) returns jsonb
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  issued bigint := floor(extract(epoch from statement_timestamp()));
  verified bigint;
  first_factor jsonb;
begin
  if subject is null or level is null or factor_age is null or role is null or claims is null then
    raise null_value_not_allowed using
      message = 'subject, level, factor_age, role and claims must not be null',
      hint = 'For a session of nobody, call tests.sign_out().';
  elsif level not in ('none', 'aal1', 'aal2', 'aal3') then
    raise invalid_parameter_value using
      message = format('unknown assurance level "%s"', level),
      hint = 'Valid levels are none, aal1, aal2 and aal3.';
  elsif factor_age < '0' or not isfinite(factor_age) then
    raise invalid_parameter_value using message = 'factor_age must be finite and not negative';
  elsif jsonb_typeof(claims) <> 'object' then
    raise invalid_parameter_value using message = 'claims must be a JSON object';
  end if;
  verified := floor(extract(epoch from statement_timestamp() - factor_age));
  first_factor := jsonb_build_object('method', 'password', 'timestamp', verified - 60);
  return jsonb_strip_nulls(jsonb_build_object(
    'sub', subject,
    'role', role,
    'aal', nullif(level, 'none'),
    'amr', case level
      when 'none' then '[]'
      when 'aal1' then jsonb_build_array(jsonb_build_object('method', coalesce(method, 'password'), 'timestamp', verified))
      else jsonb_build_array(jsonb_build_object('method', coalesce(method, 'totp'), 'timestamp', verified), first_factor)
    end,
    'aud', 'authenticated',
    'iat', issued,
    'exp', issued + 3600,
    'session_id', md5('session of ' || subject)::uuid,
    'is_anonymous', false,
    'app_metadata', jsonb_build_object('provider', 'email', 'providers', jsonb_build_array('email')),
    'user_metadata', jsonb_build_object()
  )) || claims;
end
$$;

create function tests.aal_act(role name, claims jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  bypasses boolean;
begin
  perform tests.aal_tester();
  select r.rolsuper or r.rolbypassrls into bypasses from pg_roles r where r.rolname = role;
  if not found then
    raise undefined_object using message = format('role "%s" does not exist', role);
  elsif bypasses then
    raise invalid_parameter_value using
      message = format('role %I bypasses row security, so nothing would be tested', role),
      hint = format('To act as it nevertheless: set local role %I', role);
  end if;
  -- The same within one message to the server, too; mostly it is a statement without BEGIN.
  if statement_timestamp() = transaction_timestamp() then
    raise warning using
      message = 'the session of this test ends with the transaction, which may be this statement alone',
      hint = 'Run BEGIN as a statement of its own before.';
  end if;
  -- Some functions read these first, such as Supabase's auth.uid().
  perform set_config(name, '', true)
    from unnest(array['', '.sub', '.role', '.email', '.aal']) part, concat('request.jwt.claim', part) name
   where current_setting(name, true) <> '';
  perform set_config('request.jwt.claims', claims::text, true);
  if auth.claims() is distinct from claims then
    raise object_not_in_prerequisite_state using
      message = 'pg_aal does not read the claims that a test sets',
      detail = format('pg_aal.claims_source is %s.', current_setting('pg_aal.claims_source')),
      hint = 'Set it to request in the tests'' database. To test verified tokens, sign one with a key of that database and call auth.authenticate.';
  end if;
  perform set_config('role', role, true);
end
$$;

create function tests.sign_in(
  subject text,
  level text default 'aal1',
  factor_age interval default '0',
  method text default null,
  role name default 'authenticated',
  claims jsonb default '{}'
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform tests.aal_act(role, tests.claims(subject, level, factor_age, method, role, claims));
end
$$;

create function tests.sign_in(
  subject uuid,
  level text default 'aal1',
  factor_age interval default '0',
  method text default null,
  role name default 'authenticated',
  claims jsonb default '{}'
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform tests.aal_act(role, tests.claims(subject::text, level, factor_age, method, role, claims));
end
$$;

create function tests.sign_out(role name default 'anon') returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform tests.aal_act(role, jsonb_build_object('role', role));
end
$$;

-- The next functions have no search_path of their own: the statement of a test needs its caller's, and so does pgTAP.

create function tests.aal_outcome(
  statement text, undo boolean, out touched bigint, out state text, out message text, out detail text, out seen text
)
language plpgsql volatile as $$
begin
  perform tests.aal_tester();
  if statement is null then
    raise null_value_not_allowed using message = 'the statement must not be null';
  elsif exists (select from pg_catalog.pg_roles r where r.rolname = current_user and (r.rolsuper or r.rolbypassrls)) then
    raise object_not_in_prerequisite_state using
      message = pg_catalog.format('role %I bypasses row security, so nothing is tested', current_user),
      hint = 'Call tests.sign_in or tests.sign_out before, in the same transaction.';
  end if;
  begin
    execute statement;
    get diagnostics touched = row_count;
    seen := touched || case touched when 1 then ' row' else ' rows' end;
    if undo then
      raise exception 'undo';
    end if;
  exception when others or assert_failure then
    if touched is null then
      get stacked diagnostics state = returned_sqlstate, message = message_text, detail = pg_exception_detail;
      seen := pg_catalog.concat_ws(E'\n      ', state || ': ' || message, nullif(detail, ''));
    end if;
  end;
end
$$;

-- The DETAIL of insufficient_aal, in either form of pg_aal.error_format; NULL for another error.
create function tests.aal_denial(state text, message text, detail text) returns jsonb
language sql immutable parallel safe
begin atomic
  select case
    when state = '42501' and detail like '{"code":"insufficient_aal",%' then detail::jsonb
    when state = 'PGRST' and message like '{"code":"insufficient_aal",%' then (message::jsonb ->> 'details')::jsonb
  end;
end;

create function tests.aal_verdict(passed boolean, description text, want text, have text) returns text
language plpgsql volatile as $$
declare
  found text := pg_catalog.format(E'have: %s\nwant: %s', have, want);
  line text;
begin
  if pg_catalog.to_regclass('pg_temp.__tcache__') is not null then
    -- pgTAP has a plan here. It needs its own schema in search_path, too.
    execute 'select ok($1, $2)' into line using passed, description;
    return line || case when passed then '' else pg_catalog.regexp_replace(E'\n' || found, '\n', E'\n#     ', 'g') end;
  elsif passed then
    return 'ok - ' || description;
  end if;
  raise assert_failure using message = 'not ok - ' || description, detail = found;
end
$$;

create function tests.allowed(statement text, description text default null, rows bigint default null) returns text
language plpgsql volatile as $$
declare
  outcome record;
  has_rows boolean := statement !~* '^\s*(truncate|lock|call)\M';
begin
  select * into outcome from tests.aal_outcome(statement, false);
  return tests.aal_verdict(
    -- Row security hides rows without an error, so no row is no success.
    outcome.state is null and case when rows is null then outcome.touched > 0 or not has_rows else outcome.touched = rows end,
    coalesce(description, 'allowed: ' || statement),
    case when rows is not null then rows || case rows when 1 then ' row' else ' rows' end when has_rows then 'at least one row' else 'no error' end,
    outcome.seen);
end
$$;

create function tests.refused(
  statement text, required_aal text default 'aal2', description text default null, action text default null
) returns text
language plpgsql volatile as $$
declare
  outcome record;
  denial jsonb;
begin
  if required_aal is null or required_aal not in ('aal1', 'aal2', 'aal3') then
    raise invalid_parameter_value using
      message = pg_catalog.format('unknown assurance level "%s"', required_aal),
      hint = 'Valid levels are aal1, aal2 and aal3. The description comes after the level.';
  elsif action not in ('sign_in', 'configure', 'enroll', 'verify', 'reverify') then
    raise invalid_parameter_value using
      message = pg_catalog.format('unknown action "%s"', action),
      hint = 'The actions are sign_in, configure, enroll, verify and reverify.';
  end if;
  select * into outcome from tests.aal_outcome(statement, true);
  denial := tests.aal_denial(outcome.state, outcome.message, outcome.detail);
  return tests.aal_verdict(
    denial is not null and denial ->> 'required_aal' = required_aal and (action is null or denial ->> 'action' = action),
    coalesce(description, pg_catalog.format('refused below %s: %s', required_aal, statement)),
    pg_catalog.concat('insufficient_aal that requires ', required_aal, ' with action ' || action),
    outcome.seen);
end
$$;

create function tests.hidden(statement text, description text default null) returns text
language plpgsql volatile as $$
declare
  outcome record;
begin
  if statement !~* '^[\s(]*(select|table|with|insert|update|delete|merge)\M' then
    raise invalid_parameter_value using
      message = 'tests.hidden takes a statement that sees or changes rows',
      detail = 'It must begin with SELECT, TABLE, WITH, INSERT, UPDATE, DELETE or MERGE.';
  end if;
  select * into outcome from tests.aal_outcome(statement, true);
  return tests.aal_verdict(
    outcome.state is null and outcome.touched = 0, coalesce(description, 'hidden: ' || statement), '0 rows, and no error', outcome.seen);
end
$$;

comment on function tests.claims(text, text, interval, text, name, jsonb) is
  'The claims of a user''s access token, in the shape of Supabase Auth: at this level, with the factor that gives it verified factor_age ago. The last argument adds claims, or replaces them. STABLE: times count from the statement''s start. PARALLEL SAFE: workers have the same start.';

comment on function tests.sign_in(text, text, interval, text, name, jsonb) is
  'Acts as a user until the transaction ends: puts the claims of tests.claims in force, and becomes the role. Refuses roles that bypass row security, and sessions of roles that may not create in schema tests. VOLATILE and PARALLEL UNSAFE: it changes settings.';

comment on function tests.sign_in(uuid, text, interval, text, name, jsonb) is
  'The same for a subject that is a UUID. VOLATILE and PARALLEL UNSAFE: it changes settings.';

comment on function tests.sign_out(name) is
  'Acts as nobody until the transaction ends, as PostgREST does for a request without a token. VOLATILE and PARALLEL UNSAFE: it changes settings.';

comment on function tests.allowed(text, text, bigint) is
  'Asserts that a statement runs, and that it sees or changes at least one row, or exactly that many. What it changes stays. VOLATILE and PARALLEL UNSAFE: it runs the statement.';

comment on function tests.refused(text, text, text, text) is
  'Asserts that a statement is refused with insufficient_aal, that this level is required, and which step comes next. Nothing that it changes stays. VOLATILE and PARALLEL UNSAFE: it runs the statement.';

comment on function tests.hidden(text, text) is
  'Asserts that a statement runs without an error, and sees or changes no row. Nothing that it changes stays. VOLATILE and PARALLEL UNSAFE: it runs the statement.';

comment on function tests.aal_tester() is
  'Raises (42501) unless the role that connected may create in schema tests. A gateway''s role may not, so no client runs tests. STABLE: it reads the catalog. PARALLEL SAFE: workers have the same session role.';

comment on function tests.aal_act(name, jsonb) is
  'For tests.sign_in and tests.sign_out: puts claims in force and becomes a role. VOLATILE and PARALLEL UNSAFE: it changes settings.';

comment on function tests.aal_outcome(text, boolean) is
  'For the assertions: runs a statement and says how it ended. VOLATILE and PARALLEL UNSAFE: it runs the statement.';

comment on function tests.aal_denial(text, text, text) is
  'For tests.refused: the DETAIL of insufficient_aal as jsonb; NULL for another error. IMMUTABLE and PARALLEL SAFE: its arguments alone decide.';

comment on function tests.aal_verdict(boolean, text, text, text) is
  'For the assertions: a line of TAP, by pgTAP where it has a plan; else an error (P0004) for a test that fails. VOLATILE and PARALLEL UNSAFE: pgTAP counts the line.';

-- As in pg_aal's refuse_overloads.sql: each call must reach ours.
do $$
declare
  overloads text;
begin
  select string_agg(distinct other.oid::regprocedure::text, ', ')
    into overloads
    from pg_extension e
    join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
    join pg_proc ours on d.classid = 'pg_proc'::regclass and d.objid = ours.oid
    join pg_proc other on other.proname = ours.proname and other.pronamespace = ours.pronamespace
   where e.extname = 'pg_aal_testing'
     and not exists (
       select from pg_depend m
        where m.classid = d.classid and m.objid = other.oid and m.refclassid = d.refclassid and m.refobjid = e.oid and m.deptype = 'e');
  if overloads is not null then
    raise duplicate_function using
      message = format('schema tests already holds functions with names of pg_aal_testing: %s', overloads),
      hint = 'Rename or drop them.';
  end if;
end
$$;
