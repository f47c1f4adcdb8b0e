-- A condition on Supabase Auth's table of factors says who has enrolled one: in a function that sees all of its rows.
begin;
create role supabase_auth_admin nologin;
create role keeper nologin bypassrls;
create role reader nologin;
grant usage, create on schema auth to supabase_auth_admin, keeper, reader;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, created_at timestamptz, deleted_at timestamptz, banned_until timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null references auth.users, friendly_name text, factor_type text not null, status auth.factor_status not null);
alter table auth.mfa_factors enable row level security;
grant select on auth.mfa_factors to keeper, reader;
reset role;
create schema gates;
grant usage on schema gates to authenticated, keeper, reader;
grant create on schema gates to keeper, reader;
create table gates.t (id int);
alter table gates.t enable row level security;
grant select on gates.t to authenticated;

-- What SELECT needs behind a gate: one that its owner's rights open, or its caller's.
create function gates.needs(body text, options text default 'security definer set search_path = ''''', owner name default 'keeper', before text default 'as $f$ select ', after text default ' $f$') returns text language plpgsql as $$
declare
  answer text;
begin
  execute concat('create function gates.gate() returns boolean language sql stable ', options, ' ', before, body, after);
  execute format('alter function gates.gate() owner to %I', owner);
  create policy alone on gates.t using (gates.gate());
  select required_aal into answer from auth.aal_matrix('gates.t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on gates.t;
  drop function gates.gate();
  return answer;
end
$$;
create temp table shapes (n int generated always as identity, body text);
insert into shapes (body) values
  -- Who has a factor needs aal2, and everybody aal1: enrolled.
  ($$array[(select auth.jwt() ->> 'aal')] <@ (select case when count(id) > 0 then array['aal2'] else array['aal1', 'aal2'] end as aal from auth.mfa_factors where (auth.uid() = user_id) and status = 'verified')$$),
  ($$array[(select auth.jwt() ->> 'aal')] <@ (select case when count(*) >= 1 then array['aal2'] else array['aal1', 'aal2'] end from auth.mfa_factors f where f.status = 'verified' and f.user_id = (select auth.uid()))$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified') then auth.jwt() ->> 'aal' = 'aal2' else auth.jwt() ->> 'aal' in ('aal1', 'aal2') end$$),
  ($$auth.jwt() ->> 'aal' = 'aal2' or (auth.jwt() ->> 'aal' is not null and not exists (select from auth.mfa_factors where mfa_factors.user_id = auth.uid() and status::text = 'verified' limit 1))$$),
  ($$auth.jwt() ->> 'aal' = 'aal2' or (auth.jwt() ->> 'aal' = 'aal1' and (select count(*) from auth.mfa_factors where user_id = auth.uid() and status = 'verified') = 0)$$),
  ($$auth.has_aal('aal2') or (auth.has_aal('aal1') and (select count(*) from auth.mfa_factors where user_id = auth.subject_uuid() and status = 'verified') < 1)$$),
  -- Less: without a level, of any user, of unverified factors, of other rows, of names that may be missing.
  ($$auth.jwt() ->> 'aal' = 'aal2' or not exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified')$$),
  ($$case when exists (select 1 from auth.mfa_factors where status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'unverified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified' and factor_type = 'totp') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified' offset 1) then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = auth.uid() or status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = user_id and status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when (select count(friendly_name) from auth.mfa_factors where user_id = auth.uid() and status = 'verified') > 0 then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when (select count(*) from auth.mfa_factors where user_id = auth.uid() and status = 'verified') > 1 then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when (select count(*) filter (where factor_type = 'totp') from auth.mfa_factors where user_id = auth.uid() and status = 'verified') > 0 then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = (coalesce(auth.jwt(), '{"sub":"x"}') ->> 'sub')::uuid and status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors where user_id = (auth.jwt() ->> 'other')::uuid and status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$),
  ($$case when exists (select 1 from auth.mfa_factors, auth.users where user_id = auth.uid() and status = 'verified') then auth.has_aal('aal2') else auth.has_aal('aal1') end$$);
select n, gates.needs(body) as as_text, gates.needs(body, options => 'security definer') as with_the_session_path, gates.needs(body, before => 'return ', after => '') as analyzed from shapes order by n;
-- With the caller's rights, or those of an owner who doesn't see all rows: nobody could be seen.
select n, gates.needs(body, options => '') as of_the_caller, gates.needs(body, owner => 'reader') as of_a_reader, gates.needs(body, owner => 'reader', before => 'return ', after => '') as analyzed from shapes where n <= 2 order by n;
grant select on auth.mfa_factors to authenticated;
select n, gates.needs(body, options => '') as of_the_caller from shapes where n <= 2 order by n;
-- A function with its caller's rights, in one with its owner's.
create function gates.enrolled() returns boolean language sql stable as $$ select exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified') $$;
grant execute on function gates.enrolled() to keeper, reader;
select gates.needs($$case when gates.enrolled() then auth.has_aal('aal2') else auth.has_aal('aal1') end$$) as by_a_keeper, gates.needs($$case when gates.enrolled() then auth.has_aal('aal2') else auth.has_aal('aal1') end$$, owner => 'reader') as by_a_reader;
-- Nobody else's operator, cast or function comes before Postgres' own.
create function gates.same(auth.factor_status, text) returns boolean language sql immutable as $$ select false $$;
create operator gates.= (leftarg = auth.factor_status, rightarg = text, function = gates.same);
select n, gates.needs(body) as as_text, gates.needs(body, before => 'return ', after => '') as analyzed from shapes where n <= 2 order by n;
drop operator gates.= (auth.factor_status, text);
create function gates.count(uuid) returns bigint language sql immutable as $$ select 0::bigint $$;
select n, gates.needs(body) as as_text, gates.needs(body, before => 'return ', after => '') as analyzed from shapes where n <= 2 order by n;
drop function gates.count(uuid);
-- Where another store says who has enrolled, this table doesn't.
create function gates.has_factor(subject text) returns boolean language sql stable as $$ select true $$;
set local pg_aal.enrollment_function = 'gates.has_factor';
select n, gates.needs(body) as as_text, gates.needs(body, before => 'return ', after => '') as analyzed from shapes where n <= 2 order by n;
reset pg_aal.enrollment_function;
alter role authenticated set pg_aal.enrollment_function = 'gates.has_factor';
select n, gates.needs(body) as as_text from shapes where n <= 1 order by n;
rollback;
