-- Supabase Auth calls hooks and triggers as supabase_auth_admin, without claims. What docs/security.md says about them holds.
create role supabase_auth_admin nologin;
create role app nologin;
create database hooks;
\c hooks
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to public;
grant usage on schema public to supabase_auth_admin;
set role supabase_auth_admin;
create table auth.users (id uuid primary key);
reset role;
create extension pg_aal;
create table memberships (user_id uuid references auth.users on delete cascade, plan text);
create table invoices (user_id uuid references auth.users on delete set null, amount int);
insert into auth.users values ('11111111-1111-4111-8111-111111111111');
insert into memberships values ('11111111-1111-4111-8111-111111111111', 'gold');
insert into invoices values ('11111111-1111-4111-8111-111111111111', 1);
alter table memberships owner to app;
alter table invoices owner to app;
grant select, insert, update, delete on memberships to authenticated, supabase_auth_admin;
select count(*) > 0 as protected from auth.protect_table('memberships', owner_column => 'user_id');
select count(*) > 0 as protected from auth.protect_table('invoices', owner_column => 'user_id');

-- An access-token hook reads nothing, not even with a policy of its own, until the protection leaves its role out.
create function hook(event jsonb) returns jsonb language sql stable as $$
  select event || jsonb_build_object('plan', (select plan from public.memberships where user_id = (event ->> 'user_id')::uuid))
$$;
create policy hook_reads on memberships for select to supabase_auth_admin using (true);
set role supabase_auth_admin;
select hook('{"user_id":"11111111-1111-4111-8111-111111111111"}');
reset role;
select count(*) > 0 as protected from auth.protect_table('memberships', owner_column => 'user_id', roles => '{anon,authenticated}', lower => true);
set role supabase_auth_admin;
select hook('{"user_id":"11111111-1111-4111-8111-111111111111"}');
reset role;
drop policy hook_reads on memberships;
set role supabase_auth_admin;
select hook('{"user_id":"11111111-1111-4111-8111-111111111111"}');
reset role;

-- A trigger on auth.users writes to a protected table by its owner's rights, and not otherwise.
select count(*) > 0 as protected from auth.protect_table('memberships', owner_column => 'user_id');
create function handle_new_user() returns trigger language plpgsql set search_path = '' as $$
begin
  insert into public.memberships values (new.id, 'free');
  return new;
end
$$;
create trigger handle_new_user after insert on auth.users for each row execute function handle_new_user();
\set SHOW_CONTEXT never
set role supabase_auth_admin;
insert into auth.users values ('22222222-2222-4222-8222-222222222222');
reset role;
alter function handle_new_user() security definer;
alter function handle_new_user() owner to app;
set role supabase_auth_admin;
insert into auth.users values ('22222222-2222-4222-8222-222222222222');
reset role;
select * from memberships order by plan;

-- It deletes users, whatever level their rows ask for.
set role supabase_auth_admin;
delete from auth.users where id = '11111111-1111-4111-8111-111111111111';
reset role;
select * from memberships;
select * from invoices;

\c regression
drop database hooks;
drop role supabase_auth_admin;
drop role app;
