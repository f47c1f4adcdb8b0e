-- What every test starts from: roles as in Supabase, and ways to be somebody.
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;

create extension pg_aal;

create schema test;
grant usage on schema test to public;

-- Replaces @-60@ by the time 60 seconds ago, as a NumericDate.
create function test.with_times(claims text) returns text
language plpgsql stable as $$
declare
  offset_text text;
begin
  loop
    offset_text := substring(claims from '@([-+]?[0-9]+)@');
    exit when offset_text is null;
    claims := replace(claims, '@' || offset_text || '@',
      (floor(extract(epoch from statement_timestamp())) + offset_text::bigint)::bigint::text);
  end loop;
  return claims;
end
$$;

-- Puts claims in force, for the session or until the transaction ends.
create function test.set_claims(claims text, until_transaction_ends boolean default false) returns void
language sql volatile as $$
  select set_config('request.jwt.claims', test.with_times(claims), until_transaction_ends);
$$;

-- Claims in the shape of Supabase Auth.
create function test.sign_in(
  aal text, factor_age int default 60, subject text default '11111111-1111-4111-8111-111111111111'
) returns void
language sql volatile as $$
  select test.set_claims(format(
    '{"iss":"http://localhost/auth/v1","sub":"%s","aud":"authenticated","exp":@+3600@,"iat":@-60@,"email":"jane@example.com",'
    '"role":"authenticated","aal":"%s","amr":[%s{"method":"password","timestamp":@-7200@}],"session_id":"s","is_anonymous":false}',
    subject, aal,
    case when aal = 'aal1' then '' else format('{"method":"totp","timestamp":@-%s@},', factor_age) end));
$$;

create function test.sign_out() returns void
language sql volatile as $$
  select test.set_claims('{"role":"anon"}');
$$;

-- What a statement answers: its SQLSTATE and message, or how many rows it touched. The statement is undone if it
-- failed, and stands if it didn't.
create function test.attempt(statement text) returns text
language plpgsql volatile as $$
declare
  touched bigint;
begin
  execute statement;
  get diagnostics touched = row_count;
  return format('done, %s rows', touched);
exception when others then
  return format('%s %s', sqlstate, sqlerrm);
end
$$;
