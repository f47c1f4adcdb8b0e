-- What random queries start from, beside supabase_stand_in.sql: two users, one of them with a second factor, and the functions of pg_aal
-- without support, which Postgres' planner treats as any other functions.
insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111'), ('22222222-2222-4222-8222-222222222222');
insert into auth.mfa_factors (id, user_id, status)
  values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
insert into auth.sessions (id, user_id, aal, factor_id) values
  ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal1', null),
  ('52111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111');
create extension pg_aal;

create schema without_support;
grant usage on schema without_support to public;
do $$
declare
  definition text;
begin
  for definition in
    select pg_get_functiondef(oid) from pg_proc where pronamespace = 'auth'::regnamespace and prosupport <> 0
  loop
    execute replace(regexp_replace(definition, ' SUPPORT \S+', ''), 'FUNCTION auth.', 'FUNCTION without_support.');
  end loop;
end
$$;

-- And some that answer wrongly, to see that this is found.
create schema misled;
grant usage on schema misled to public;
do $$
declare
  definition text;
begin
  for definition in
    select pg_get_functiondef(oid) from pg_proc where pronamespace = 'without_support'::regnamespace and proname <> 'subject'
  loop
    execute replace(definition, 'FUNCTION without_support.', 'FUNCTION misled.');
  end loop;
end
$$;
create function misled.subject() returns text language sql stable as $$ select left(without_support.subject(), -1) $$;
