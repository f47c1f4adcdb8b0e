-- Roles as in Supabase, and the tables of Supabase Auth as far as pg_aal reads them. Not the server: its own migrations
-- make more.
create role anon nologin;
create role authenticated nologin;
create role authenticator login noinherit;
create role supabase_auth_admin nologin;
grant anon, authenticated to authenticator;

create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated;
set role supabase_auth_admin;
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, email text, created_at timestamptz default now(), banned_until timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  friendly_name text,
  factor_type auth.factor_type not null default 'totp',
  status auth.factor_status not null
);
create index on auth.mfa_factors (user_id);
create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create table auth.sessions (
  id uuid primary key,
  user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  factor_id uuid,
  aal auth.aal_level,
  not_after timestamptz
);
create index on auth.sessions (user_id);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
alter table auth.sessions enable row level security;
reset role;
