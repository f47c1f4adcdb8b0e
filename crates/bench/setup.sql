-- What every variant is measured on: a million rows under row security, with a permissive policy that allows all.
create role authenticated nologin;
create extension pg_aal;

-- As Supabase Auth defines it.
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;

-- As users write it to keep policies short.
create function aal_by_plpgsql() returns text language plpgsql stable parallel safe as $$
begin
  return current_setting('request.jwt.claims', true)::jsonb ->> 'aal';
end
$$;

-- Users, factors and sessions, as far as pg_aal reads them of Supabase Auth, whose own role owns them: of the user who is measured,
-- and of others.
create role supabase_auth_admin nologin;
create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create index on auth.mfa_factors (user_id);
create table auth.sessions (
  id uuid primary key, user_id uuid not null, created_at timestamptz default now(), factor_id uuid, aal text, not_after timestamptz);
create index on auth.sessions (user_id);
insert into auth.users select md5('u' || n)::uuid from generate_series(1, 100000) as n;
insert into auth.mfa_factors select md5('f' || n)::uuid, md5('u' || n)::uuid, 'verified' from generate_series(1, 100000) as n;
insert into auth.sessions (id, user_id, factor_id, aal)
  select md5('s' || n)::uuid, md5('u' || n)::uuid, md5('f' || n)::uuid, 'aal2' from generate_series(1, 100000) as n;
insert into auth.users values ('11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
insert into auth.sessions (id, user_id, factor_id, aal) values
  ('33333333-3333-4333-8333-333333333333', '11111111-1111-4111-8111-111111111111', 'f1111111-1111-4111-8111-111111111111', 'aal2');
analyze auth.users, auth.mfa_factors, auth.sessions;
alter table auth.users owner to supabase_auth_admin;
alter table auth.mfa_factors owner to supabase_auth_admin;
alter table auth.sessions owner to supabase_auth_admin;

create table bench (id int primary key, level text not null, amount int not null);
insert into bench select n, 'aal' || (1 + n % 2), n from generate_series(1, 1000000) as n;
create table bench_insert (like bench including all);
vacuum (analyze, freeze) bench;
grant select, insert, update, delete on bench, bench_insert to authenticated;
alter table bench enable row level security;
alter table bench_insert enable row level security;
create policy everybody on bench using (true) with check (true);
create policy everybody on bench_insert using (true) with check (true);
checkpoint;
