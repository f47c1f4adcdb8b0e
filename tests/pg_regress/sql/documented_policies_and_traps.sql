-- The documented MFA policies, and the traps around them: what each command of each table needs, by reasoning (in the comments), by
-- trying it at each level, and by auth.aal_matrix(), which agrees with both.
create role supabase_auth_admin nologin;
create database traps;
\c traps
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, email text, created_at timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users on delete cascade, status auth.factor_status not null
);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
-- Old without a factor, old with one, new without one.
insert into auth.users (id, created_at) values
  ('11111111-1111-4111-8111-111111111111', '2021-06-01'), ('21111111-1111-4111-8111-111111111111', '2021-06-01'),
  ('31111111-1111-4111-8111-111111111111', '2026-06-01');
insert into auth.mfa_factors (user_id, status) values ('21111111-1111-4111-8111-111111111111', 'verified');
reset role;
create extension pg_aal;

-- Every table is alike: its rows are everybody's by a permissive policy, and anon and authenticated have select, insert, update and
-- delete, where the comment doesn't say otherwise. So TRUNCATE is denied. "All" are the other four commands.
create function public_table(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, user_id uuid default auth.subject_uuid())', name);
  execute format('insert into %I values (1, ''11111111-1111-4111-8111-111111111111''), (2, ''21111111-1111-4111-8111-111111111111''), (3, ''31111111-1111-4111-8111-111111111111''), (4, null)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete on %I to anon, authenticated', name);
end
$$;
select count(public_table(name)) as tables from unnest(array[
  'all_users', 'all_users_own_rows', 'new_users', 'opted_in', 'permissive', 'restrictive_alone', 'distinct_from', 'select_only', 'check_true',
  'typo', 'typo_refused', 'coalesced', 'coalesced_typo', 'claim_typo', 'json_text', 'from_user_metadata', 'first_factor', 'bare', 'raising', 'truncatable',
  'beneath_view', 'beneath_function', 'not_aal1', 'recommended', 'recommended_fresh', 'recommended_enrolled']) as name;

-- The three documented policies. anon: none for all, because `to authenticated` doesn't bind it: 0004 for each.

-- authenticated: aal2 for all.
create policy documented on all_users as restrictive to authenticated using ((select auth.jwt()->>'aal') = 'aal2');

-- The same over a permissive policy for authenticated only. authenticated: aal2 for all; anon: denied. No finding.
drop policy everybody on all_users_own_rows;
create policy own_rows on all_users_own_rows to authenticated using ((select auth.uid()) = user_id);
create policy documented on all_users_own_rows as restrictive to authenticated using ((select auth.jwt()->>'aal') = 'aal2');

-- Meant: aal1 for all (old users). It reads auth.users as the caller, 0010.
-- authenticated, without a grant on auth.users: denied, every command raises 42501. With one: denied, since row security hides every row,
-- and nothing is contained in NULL. (A matrix that doesn't look at row security on auth.users says aal1.) With a policy of their own rows
-- on auth.users: aal1 for all.
create policy documented on new_users as restrictive to authenticated using (
  array[(select auth.jwt()->>'aal')] <@ (
    select case when created_at >= '2022-12-12T00:00:00Z' then array['aal2'] else array['aal1', 'aal2'] end as aal
      from auth.users where (select auth.uid()) = id));

-- Meant: enrolled for all. It reads auth.mfa_factors as the caller, 0010.
-- authenticated, without a grant on auth.mfa_factors: denied, every command raises 42501. With one: aal1 for all, for users with a factor
-- as well, since row security hides every factor and 0 are counted. With a policy of their own rows on auth.mfa_factors: enrolled for all.
-- (A matrix that can't count says aal1.)
create policy documented on opted_in as restrictive to authenticated using (
  array[(select auth.jwt()->>'aal')] <@ (
    select case when count(id) > 0 then array['aal2'] else array['aal1', 'aal2'] end as aal
      from auth.mfa_factors where ((select auth.uid()) = user_id) and status = 'verified'));

-- The traps.

-- A permissive policy is ORed away. Both roles: none for all. 0001.
create policy second_factor on permissive using ((select auth.jwt() ->> 'aal') = 'aal2');

-- A restrictive policy alone gives no rows. Both roles: denied for all. No finding: nothing is open.
drop policy everybody on restrictive_alone;
create policy second_factor on restrictive_alone as restrictive using ((select auth.jwt() ->> 'aal') = 'aal2');

-- Passes without claims. Both roles: none for all. 0007.
create policy second_factor on distinct_from as restrictive using ((select auth.jwt() ->> 'aal') is distinct from 'aal1');

-- A policy for SELECT leaves writes open. Both roles: SELECT aal2; INSERT, UPDATE, DELETE none. 0002.
create policy second_factor on select_only as restrictive for select using ((select auth.jwt() ->> 'aal') = 'aal2');

-- Both roles: SELECT, UPDATE, DELETE aal2; INSERT none. 0005.
create policy second_factor on check_true as restrictive using ((select auth.jwt() ->> 'aal') = 'aal2') with check (true);

-- A level that no session has denies all. Both roles: denied for all. 0006.
create policy second_factor on typo as restrictive using ((select auth.jwt() ->> 'aal') = 'AAL2');

-- Refusing it lets everybody in who has any level. Both roles: aal1 for all (NULL isn't different from anything). 0006.
create policy second_factor on typo_refused as restrictive using ((select auth.jwt() ->> 'aal') <> 'AAL1');

-- No level counts as the second. Both roles: none for all. 0007.
create policy second_factor on coalesced as restrictive using (coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2');

-- Both: without claims 'AAL2', which equals what it is compared with; nobody's level does. Both roles: none for all. 0007.
create policy second_factor on coalesced_typo as restrictive using (coalesce((select auth.jwt() ->> 'aal'), 'AAL2') = 'AAL2');

-- No token has a claim AAL. Both roles: none for all. 0006.
create policy second_factor on claim_typo as restrictive using (coalesce((select auth.jwt() ->> 'AAL'), 'aal2') = 'aal2');

-- JSON as text has its quotes. Both roles: denied for all. 0006.
create policy second_factor on json_text as restrictive using ((select (auth.jwt() -> 'aal')::text) = 'aal2');

-- Users write user_metadata themselves. Both roles: none for all. 0008.
create policy second_factor on from_user_metadata as restrictive using ((select auth.jwt() -> 'user_metadata' ->> 'aal') = 'aal2');

-- A code by e-mail is a first factor. Both roles: none for all: amr says nothing of the level (sessions that have it are at aal1, at least). 0009.
create policy second_factor on first_factor as restrictive using (
  exists (select from jsonb_array_elements((select auth.jwt() -> 'amr')) as used where used ->> 'method' in ('otp', 'totp')));

-- Evaluated for each row. Both roles: aal2 for all. 0011.
create policy second_factor on bare as restrictive using (auth.jwt() ->> 'aal' = 'aal2');

-- Raises. Both roles: aal2 for all. 0018.
create policy second_factor on raising as restrictive using ((select auth.require_aal('aal2')));

-- TRUNCATE ignores row security. Both roles: aal2 for all, TRUNCATE none. 0017.
create policy second_factor on truncatable as restrictive using ((select auth.has_aal('aal2')));
grant truncate on truncatable to anon, authenticated;

-- A view with its owner's rights goes past the policies. Both roles: aal2 for all. 0012 for the view owners_view.
create policy second_factor on beneath_view as restrictive using ((select auth.has_aal('aal2')));
create view owners_view as select * from beneath_view;
grant select on owners_view to authenticated;

-- So does a SECURITY DEFINER function. Both roles: aal2 for all. 0014 for owners_function.
create policy second_factor on beneath_function as restrictive using ((select auth.has_aal('aal2')));
create function owners_function() returns setof beneath_function language sql stable security definer set search_path = ''
return (select b from public.beneath_function b limit 1);

-- What is refused is named, instead of what is needed. Both roles: aal2 for all, as long as a token's level is one that we know. 0007.
create policy second_factor on not_aal1 as restrictive using ((select auth.jwt() ->> 'aal') <> 'aal1');

-- What we recommend instead. No findings.
-- Both roles: SELECT aal1; INSERT, UPDATE, DELETE aal2.
select count(*) = 1 as protected from auth.protect_table('recommended');
-- Both roles: all aal2; INSERT, UPDATE, DELETE with max_age 15 minutes.
select count(*) = 1 as protected from auth.protect_table('recommended_fresh', read => 'aal2', max_age => '15 minutes');
-- Both roles: all enrolled.
create policy enrolled on recommended_enrolled as restrictive using ((select auth.has_enrolled_aal()));

-- Functions that return sets aren't allowed in policies; in a sub-select's FROM they are.
create policy refused on bare using (jsonb_array_elements((select auth.jwt() -> 'amr')) ->> 'method' = 'totp');

-- How the tables stand up to being tried: the lowest level at which a command touches a row. (An UPDATE that reads no column: one that
-- does needs what SELECT needs, too.)
create function attempt(statement text, role name, claims text) returns boolean language plpgsql as $$
declare
  touched bigint;
begin
  perform set_config('request.jwt.claims', replace(claims, '@role', role), true), set_config('role', role, true);
  execute statement;
  get diagnostics touched = row_count;
  raise exception using errcode = 'UNDO1', message = (touched > 0 or statement like 'truncate%')::text;
exception when others then
  return sqlstate = 'UNDO1' and sqlerrm::boolean;
end
$$;

create view sessions as
  select level, subject like '2%' as has_factor,
         case when subject = '' then '' else jsonb_strip_nulls(jsonb_build_object(
           'sub', nullif(subject, 'anon'), 'role', '@role', 'aal', nullif(level, 'none'), 'user_metadata', '{"aal":"aal2"}'::jsonb,
           'amr', jsonb_build_array(
             jsonb_build_object('method', case when level in ('aal2', 'aal3') then 'totp' else 'otp' end, 'timestamp', floor(extract(epoch from now()))),
             jsonb_build_object('method', 'otp', 'timestamp', floor(extract(epoch from now()))))))::text end as claims
    from unnest(array['none', 'aal1', 'aal2', 'aal3']) level
    cross join unnest(array['', 'anon', '11111111-1111-4111-8111-111111111111', '21111111-1111-4111-8111-111111111111', '31111111-1111-4111-8111-111111111111']) subject
   where level = 'none' or subject not in ('', 'anon');

create function tried() returns table (target regclass, role name, command text, lowest text) language sql as $$
  with tries as materialized (
    select target, role, command, level, has_factor, attempt(format(statement, target), role, claims) as succeeded
      from (select c.oid::regclass from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r') t(target)
      cross join unnest(array['anon', 'authenticated']::name[]) role
      cross join (values ('SELECT', 'select from %s'), ('INSERT', 'insert into %s default values'), ('UPDATE', 'update %s set id = 1'),
                         ('DELETE', 'delete from %s'), ('TRUNCATE', 'truncate %s')) c(command, statement)
      cross join sessions
  )
  select target, role, command,
         case when bool_or(succeeded and level = 'none') then 'none'
              when bool_or(succeeded and level = 'aal1' and has_factor) then 'aal1'
              when bool_or(succeeded and level = 'aal1') then 'enrolled'
              else coalesce(min(level) filter (where succeeded), 'denied') end
    from tries group by target, role, command
$$;

create view needed as
  select target::text, role,
         max(lowest) filter (where command = 'SELECT') as "select", max(lowest) filter (where command = 'INSERT') as insert,
         max(lowest) filter (where command = 'UPDATE') as update, max(lowest) filter (where command = 'DELETE') as delete,
         max(lowest) filter (where command = 'TRUNCATE') as truncate
    from tried() group by target, role;

create view derived as
  select target::text, role,
         max(required_aal) filter (where command = 'SELECT') as "select", max(required_aal) filter (where command = 'INSERT') as insert,
         max(required_aal) filter (where command = 'UPDATE') as update, max(required_aal) filter (where command = 'DELETE') as delete,
         max(required_aal) filter (where command = 'TRUNCATE') as truncate
    from auth.aal_matrix() where target::text !~ '[.]' and role in ('anon', 'authenticated') group by target, role;

\pset null '(null)'
\echo as it is at first: no grants on the tables of schema auth
select * from needed order by target, role;
select 'tried' as by, * from (select * from needed except select * from derived) n
union all
select 'derived', * from (select * from derived except select * from needed) d
order by target, role, by;
select metadata ->> 'name' as "table", array_agg(distinct name order by name) as lints from auth.aal_lint() group by 1 order by 1;
select distinct target, max_age from auth.aal_matrix() where max_age is not null order by 1;

\echo with select granted on them, as the error suggests: a user with a factor gets in without it
grant select on auth.users, auth.mfa_factors to authenticated;
select * from needed where target in ('new_users', 'opted_in') order by target, role;
select * from derived where target in ('new_users', 'opted_in') order by target, role;
select name, metadata ->> 'name' as "table", detail from auth.aal_lint() where name like '0010%' order by 1, 2;

\echo and with policies on them, the documented ones do what they say
create policy own_row on auth.users for select using (id = (select auth.uid()));
create policy own_rows on auth.mfa_factors for select using (user_id = (select auth.uid()));
select * from needed where target in ('new_users', 'opted_in') order by target, role;
select * from derived where target in ('new_users', 'opted_in') order by target, role;

\echo below the level: an insert names the policy, an update and a delete touch nothing, without a word
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal1"}';
set role authenticated;
insert into all_users values (9);
with changed as (update all_users set id = id returning id) select count(*) as changed from changed;
with deleted as (delete from all_users returning id) select count(*) as deleted from deleted;

\echo raising depends on the plan: no error where there is no row to look at
reset role;
create table empty (like raising);
alter table empty enable row level security;
create policy everybody on empty using (true);
create policy second_factor on empty as restrictive using (auth.require_aal('aal2') and id > 0);
grant select on empty to authenticated;
set role authenticated;
select * from empty;
select * from raising;
reset role;

\c regression
drop database traps;
drop role supabase_auth_admin;
