-- 0010_factors_read_as_caller finds policies that look factors up with the caller's rights: an error without a grant, and open with one.
create role supabase_auth_admin nologin;
create database lint_0010;
\c lint_0010
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, created_at timestamptz);
create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users on delete cascade, status auth.factor_status not null
);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
reset role;
create extension pg_aal;
create schema lint_0010;
grant usage on schema lint_0010 to authenticated;
set search_path = lint_0010;

create function as_caller() returns boolean language sql stable as $$
  select exists (select from auth.mfa_factors where user_id = auth.uid() and status = 'verified')
$$;
create function as_owner() returns boolean language sql stable security definer set search_path = ''
return exists (select from auth.mfa_factors where user_id = auth.uid() and status = 'verified');

create function asks(name text, expression text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy asks on %I as restrictive using (%s)', name, expression);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
end
$$;

-- Findings.
select count(asks('found_' || name, expression)) as found from (values
  -- As it is documented.
  ('documented', $$array[(select auth.jwt()->>'aal')] <@ (
      select case when count(id) > 0 then array['aal2'] else array['aal1', 'aal2'] end as aal
        from auth.mfa_factors where ((select auth.uid()) = user_id) and status = 'verified')$$),
  ('exists',     $$(select auth.has_aal('aal2')) or (select auth.has_aal('aal1')) and not exists (
      select from auth.mfa_factors f where f.user_id = (select auth.uid()) and f.status = 'verified')$$),
  ('in',         $$(select auth.has_aal('aal2')) or (select auth.has_aal('aal1')) and (select auth.uid()) not in (select user_id from auth.mfa_factors)$$),
  -- SQL functions that run with the caller's rights are seen through. (Called only below aal2, so the error comes only there.)
  ('function',   $$(select auth.has_aal('aal2')) or (select auth.has_aal('aal1')) and not (select lint_0010.as_caller())$$),
  -- auth.users is no different: an error without a grant; with one, nobody has a row, and nobody gets in.
  ('new_users',  $$array[(select auth.jwt()->>'aal')] <@ (
      select case when created_at >= '2022-12-12T00:00:00Z' then array['aal2'] else array['aal1', 'aal2'] end as aal
        from auth.users where (select auth.uid()) = id)$$)) f(name, expression);

-- None of them.
select count(asks('none_' || name, expression)) as none from (values
  ('ours',     $$(select auth.has_enrolled_aal())$$),
  ('as_owner', $$(select auth.has_aal('aal2')) or (select auth.has_aal('aal1')) and not (select lint_0010.as_owner())$$)) n(name, expression);

create table mfa_factors (user_id uuid);
grant select on mfa_factors to authenticated;
-- None: another table of that name.
select asks('none_other_table', $$(select auth.has_aal('aal2')) or (select auth.has_aal('aal1')) and not exists (select from lint_0010.mfa_factors)$$);

reset search_path;
\echo without a grant
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0010' order by 1, 2, 3, 4;

\echo with select granted: the same findings
grant select on auth.mfa_factors, auth.users to authenticated;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0010' order by 1, 2, 3, 4;

\c regression
drop database lint_0010;
drop role supabase_auth_admin;
