-- What every test starts from: roles as in Supabase, and ways to be somebody.
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

create extension pg_aal;

-- As Supabase Auth has them.
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

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

-- What each statement of a table answers. Each is undone, whether it failed or not.
create function test.tried(statements regclass) returns table (nr int, answer text)
language plpgsql volatile as $$
declare
  tried record;
begin
  for tried in execute format('select nr, statement from %s order by nr', statements) loop
    nr := tried.nr;
    begin
      answer := test.attempt(tried.statement);
      raise exception 'undo';
    exception when raise_exception then
      return next;
    end;
  end loop;
end
$$;

-- Makes a table in the first schema of search_path. All its rows are open to authenticated, but for one restrictive policy: by an
-- expression for USING, or by whole clauses.
create function test.asks(name text, expression text default null, clauses text default null) returns void
language plpgsql volatile as $$
begin
  execute format('create table %I (id int, user_id uuid, level text)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy asks on %I as restrictive %s', name, coalesce(clauses, format('using (%s)', expression)));
  execute format('grant select, insert, update, delete on %I to authenticated', name);
end
$$;

-- Access tokens, signed here and not by what verifies them: HMAC-SHA256 (RFC 2104) over sha256().
create function test.secret(bytes int default 40) returns bytea
language sql immutable as $$
  select decode(repeat('5a', bytes), 'hex');
$$;

create function test.hmac_sha256(message bytea, key bytea) returns bytea
language plpgsql immutable as $$
declare
  padded bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
  inner_pad bytea := padded;
  outer_pad bytea := padded;
begin
  for n in 0..63 loop
    inner_pad := set_byte(inner_pad, n, get_byte(padded, n) # 54);
    outer_pad := set_byte(outer_pad, n, get_byte(padded, n) # 92);
  end loop;
  return sha256(outer_pad || sha256(inner_pad || message));
end
$$;

create function test.base64url(bytes bytea) returns text
language sql immutable as $$
  select translate(encode(bytes, 'base64'), E'+/=\n', '-_');
$$;

create function test.base64url(content text) returns text
language sql immutable as $$
  select test.base64url(convert_to(content, 'UTF8'));
$$;

create function test.token(
  claims text, header text default '{"alg":"HS256","typ":"JWT"}', key bytea default test.secret()
) returns text
language sql stable as $$
  select signed || '.' || test.base64url(test.hmac_sha256(convert_to(signed, 'UTF8'), key))
    from (select test.base64url(header) || '.' || test.base64url(test.with_times(claims))) s(signed);
$$;

-- A token in the shape of Supabase Auth.
create function test.token_at(aal text, factor_age int default 60, subject text default '11111111-1111-4111-8111-111111111111')
returns text
language sql stable as $$
  select test.token(format(
    '{"iss":"http://localhost/auth/v1","sub":"%s","aud":"authenticated","exp":@+3600@,"iat":@-60@,"role":"authenticated","aal":"%s",'
    '"amr":[%s{"method":"password","timestamp":@-7200@}]}',
    subject, aal, case when aal = 'aal1' then '' else format('{"method":"totp","timestamp":@-%s@},', factor_age) end));
$$;

-- The key set that verifies them, with a kid or without.
create function test.jwks(kid text default null, key bytea default test.secret()) returns text
language sql immutable as $$
  select jsonb_build_object('keys', jsonb_build_array(
    jsonb_strip_nulls(jsonb_build_object('kty', 'oct', 'kid', kid, 'k', test.base64url(key)))))::text;
$$;

-- Writes a text to a file in the data directory. Superusers only.
create function test.write_file(name text, content text) returns void
language plpgsql volatile as $$
begin
  execute format('copy (select %L) to %L', content, current_setting('data_directory') || '/' || name);
end
$$;
