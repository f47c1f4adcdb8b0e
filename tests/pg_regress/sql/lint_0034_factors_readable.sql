-- 0034_factors_readable finds grants by which a session at aal1 reads the secrets of second factors (case 07).
create role supabase_auth_admin nologin;
create database lint_0034;
\c lint_0034
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role;
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
create table auth.mfa_factors (id uuid primary key, user_id uuid, status text, secret text, phone text, friendly_name text);
create table auth.mfa_challenges (id uuid primary key, factor_id uuid, otp_code text);
alter table auth.mfa_factors enable row level security;
alter table auth.mfa_challenges enable row level security;
insert into auth.mfa_factors values ('1f000000-0000-4000-8000-000000000000', '11111111-1111-4111-8111-111111111111', 'verified', 'JBSWY3DPEHPK3PXP');
reset role;
create extension pg_aal;
create view findings as select name, metadata ->> 'type' as type, metadata ->> 'role' as role, level, detail from auth.aal_lint() where name like '0034%' order by detail;

-- None: nothing is granted. None: granted, and row security shows no row.
select * from findings;
grant select on auth.mfa_factors to authenticated;
select * from findings;
begin;
set local role authenticated;
select count(secret) from auth.mfa_factors;
rollback;

-- Findings: with a policy for own rows, at any level below aal2.
create policy own_factors on auth.mfa_factors for select to authenticated using (user_id = auth.subject_uuid());
select * from findings;
begin;
select set_config('request.jwt.claims', '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}', true) \g /dev/null
set local role authenticated;
select count(secret) from auth.mfa_factors;
rollback;
alter policy own_factors on auth.mfa_factors using (user_id = auth.subject_uuid() and auth.has_aal('aal1'));
select * from findings;
-- None: at aal2, or at the enrolled level.
alter policy own_factors on auth.mfa_factors using (user_id = auth.subject_uuid() and auth.has_aal('aal2'));
select * from findings;
alter policy own_factors on auth.mfa_factors using (user_id = auth.subject_uuid() and auth.has_enrolled_aal());
select * from findings;

-- Without row security the grant alone decides: of a column, to PUBLIC.
revoke select on auth.mfa_factors from authenticated;
alter table auth.mfa_factors disable row level security;
select * from findings;
grant select (id, user_id, status, friendly_name) on auth.mfa_factors to authenticated;
select * from findings;
grant select (phone) on auth.mfa_factors to public;
select * from findings;
revoke select (phone) on auth.mfa_factors from public;
grant select on auth.mfa_challenges to authenticated;
create policy everybody on auth.mfa_challenges using (true);
select * from findings;
revoke select on auth.mfa_challenges from authenticated;

-- None: roles that bypass row security by what they are, and roles that no client of an API has.
create role reports;
grant select on auth.mfa_factors to service_role, reports;
select * from findings;

-- Through a view with its owner's rights. None through one with the caller's, through one without the column, or one that nobody may read.
alter table auth.mfa_factors enable row level security;
create view public.my_factors as select * from auth.mfa_factors where user_id = auth.subject_uuid();
create view public.names_of_factors as select id, friendly_name from auth.mfa_factors;
create view public.as_caller with (security_invoker = true) as select * from auth.mfa_factors;
create view public.unread as select secret from auth.mfa_factors;
create materialized view public.copied as select secret from auth.mfa_factors;
grant select on public.my_factors, public.names_of_factors, public.as_caller, public.copied to authenticated;
select * from findings;
-- Gone.
revoke select on public.my_factors from authenticated;
drop materialized view public.copied;
select * from findings;

\c regression
drop database lint_0034;
drop role supabase_auth_admin, reports;
