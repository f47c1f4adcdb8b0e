-- What the docs recommend gives no finding at all: protect_table with each of its options, the documented MFA policies with our functions,
-- restrictive policies in the idiom from before us, the recipes of the cookbook. Only applies_when is told, as INFO: 0027.
create role supabase_auth_admin nologin;
create database recommended;
\c recommended
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role;
set role supabase_auth_admin;
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (id uuid primary key, email text, created_at timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users on delete cascade, status auth.factor_status not null
);
create index on auth.mfa_factors (user_id);
alter table auth.users enable row level security;
alter table auth.mfa_factors enable row level security;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
reset role;
create extension pg_aal;

create function made(name text, own boolean default false) returns regclass language plpgsql as $$
begin
  execute format('create table %I (id int primary key, user_id uuid references auth.users on delete cascade, amount numeric, iban text)', name);
  execute format('alter table %I enable row level security', name);
  if not own then
    execute format('create policy everybody on %I using (true)', name);
  end if;
  execute format('grant select, insert, update, delete on %I to anon, authenticated, service_role', name);
  return name;
end
$$;

-- protect_table.
\o /dev/null
select auth.protect_table(made('as_it_comes'));
select auth.protect_table(made('read_aal2'), read => 'aal2');
select auth.protect_table(made('public_reads'), read => 'none');
select auth.protect_table(made('fresh'), max_age => '15 minutes');
select auth.protect_table(made('enrolled'), read => 'enrolled', write => 'enrolled');
select auth.protect_table(made('adding_is_easy'), on_insert => 'aal1');
select auth.protect_table(made('everybody_adds'), on_insert => 'none');
select auth.protect_table(made('deleting_is_hard'), write => 'aal1', on_delete => 'aal2');
select auth.protect_table(made('own_rows', own => true), owner_column => 'user_id');
select auth.protect_table(made('some_columns', own => true), owner_column => 'user_id', sensitive_columns => '{iban}');
select auth.protect_table(made('two_roles'), roles => '{anon,authenticated}');
select auth.protect_table(made('without_guard'), guard => false);
\o
create table parted (id int, user_id uuid) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10);
create table parted_2 partition of parted default partition by list (user_id);
create table parted_2_a partition of parted_2 default;
grant select, insert, update, delete on parted, parted_1, parted_2, parted_2_a to anon, authenticated;
select count(*) = 1 as protected from auth.protect_table('parted', owner_column => 'user_id');

-- The documented policies, with our functions.
select made('all_users'), made('opted_in'), made('new_users');
create policy second_factor on all_users as restrictive using ((select auth.has_aal('aal2')));
create policy enrolled on opted_in as restrictive using ((select auth.has_enrolled_aal()));
create schema private;
grant usage on schema private to anon, authenticated;
create function private.is_new_user() returns boolean
language sql stable security definer set search_path = ''
return coalesce((select u.created_at >= '2026-01-01' from auth.users u where u.id = auth.subject_uuid()), true);
create policy new_users on new_users as restrictive
  using ((select auth.has_aal('aal1')) and (select auth.has_aal('aal2') or not private.is_new_user()));

-- As policies of one's own: bare, per command, with rows that are public, and with the permissive policies for authenticated only.
select made('bare'), made('per_command'), made('published'), made('signed_in', own => true);
create policy second_factor on bare as restrictive using (auth.has_aal('aal2', '5 minutes'));
create policy first_factor on per_command as restrictive for select using (auth.has_aal('aal1'));
create policy second_factor_insert on per_command as restrictive for insert with check (auth.has_aal('aal2'));
create policy second_factor_update on per_command as restrictive for update using (auth.has_aal('aal2')) with check (auth.has_aal('aal2'));
create policy second_factor_delete on per_command as restrictive for delete using (auth.has_aal('aal2'));
create policy second_factor on published as restrictive for all using (amount = 0 or (select auth.has_aal('aal2')));
create policy own_rows on signed_in to authenticated using (user_id = (select auth.subject_uuid()));
create policy second_factor on signed_in as restrictive to authenticated using ((select auth.has_aal('aal2')));

-- The cookbook's other recipes.
select made('archives'), made('bank_details', own => true);
create policy fresh_delete on archives as restrictive for delete using ((select auth.has_aal('aal2', '5 minutes')));
create trigger explain_fresh_delete before delete or truncate on archives
  for each statement execute function auth.aal_guard('delete=aal2,max_age=300 seconds', 'truncate=aal2,max_age=300 seconds');
create policy own on bank_details using (user_id = (select auth.subject_uuid())) with check (user_id = (select auth.subject_uuid()));
create policy credential_insert on bank_details as restrictive for insert
  with check ((select auth.has_enrolled_aal() and auth.has_aal('aal1', '10 minutes')));
create policy credential_update on bank_details as restrictive for update
  using ((select auth.has_enrolled_aal() and auth.has_aal('aal1', '10 minutes')));
create policy credential_delete on bank_details as restrictive for delete
  using ((select auth.has_enrolled_aal() and auth.has_aal('aal1', '10 minutes')));
create schema storage;
grant usage on schema storage to anon, authenticated;
create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text, name text, owner_id text);
alter table storage.objects enable row level security;
grant select, insert, update, delete on storage.objects to anon, authenticated;
create policy everybody on storage.objects using (true) with check (true);
create policy contracts_need_aal2 on storage.objects as restrictive
  using (bucket_id is distinct from 'contracts' or (select auth.has_aal('aal2')))
  with check (bucket_id is distinct from 'contracts' or (select auth.has_aal('aal2')));

-- Only for some sessions: by the claims, as in the cookbook, and by a table, in a SECURITY DEFINER function.
create function private.is_admin() returns boolean language sql stable parallel safe
return case when auth.claims() ? 'app_metadata' then coalesce(auth.claims() -> 'app_metadata' ->> 'role', '') = 'admin' end;
create table private.admins (user_id uuid primary key);
create function private.is_listed() returns boolean language sql stable security definer set search_path = ''
return case when auth.subject_uuid() is not null then exists (select from private.admins a where a.user_id = auth.subject_uuid()) end;
\o /dev/null
select auth.protect_table(made('for_admins'), read => 'aal2', applies_when => 'private.is_admin()');
select auth.protect_table(made('for_admins_own', own => true), owner_column => 'user_id', max_age => '15 minutes', applies_when => 'private.is_admin()');
select auth.protect_table(made('for_admins_columns', own => true), owner_column => 'user_id', sensitive_columns => '{iban}', applies_when => 'private.is_listed()');
select auth.protect_table(made('for_admins_deletes'), read => 'none', write => 'none', on_delete => 'aal2', applies_when => 'private.is_listed()');
select auth.protect_table(made('for_admins_without_guard'), read => 'enrolled', write => 'enrolled', guard => false, applies_when => 'private.is_listed()');
\o
create table tickets (id int primary key, user_id uuid);
grant select, insert, update, delete on tickets to anon, authenticated;
create policy own_or_admin on tickets using (user_id = auth.subject_uuid() or (select private.is_admin()));
select count(*) = 1 as protected from auth.protect_table('tickets', read => 'aal2', write => 'aal2', applies_when => 'private.is_admin()');
create table parted_for_admins (id int, user_id uuid) partition by range (id);
create table parted_for_admins_1 partition of parted_for_admins default;
grant select, insert, update, delete on parted_for_admins, parted_for_admins_1 to anon, authenticated;
select count(*) = 1 as protected from auth.protect_table('parted_for_admins', owner_column => 'user_id', applies_when => 'private.is_listed()');

-- What lies above and beside protected tables.
create view invoices with (security_invoker) as select id, amount from as_it_comes;
grant select, update on invoices to authenticated;
create materialized view report as select sum(amount) from as_it_comes;
create function close_account() returns text language plpgsql security definer set search_path = '' as $$
begin
  perform auth.require_aal('aal2', '5 minutes');
  delete from public.as_it_comes where user_id = auth.subject_uuid();
  return 'closed ' || auth.subject();
end
$$;
create function aal_status() returns jsonb language sql stable as $$ select auth.aal_status() $$;
create table lines (id int, invoice int references as_it_comes on delete cascade);
create policy everybody on lines using (true);
grant select, insert, update, delete on lines to anon, authenticated;
select count(*) = 1 as protected from auth.protect_table('lines');
-- And what has nothing to do with levels.
create table notes (id int, note text);
alter table notes enable row level security;
create policy own on notes using (note = (select auth.subject()));
grant all on notes to authenticated;
create view all_notes as select * from notes;
grant select on all_notes to authenticated;

-- In token mode nothing changes.
select name, level, metadata, detail from auth.aal_lint() order by name, metadata;
load 'pg_aal';
set pg_aal.claims_source = 'token';
select name, level, metadata, detail from auth.aal_lint() order by name, metadata;
reset pg_aal.claims_source;

-- The idiom from before us, as it should be written. (In request mode: in token mode it reads what nobody has verified.)
select made('wrapped'), made('wrapped_claims'), made('wrapped_setting'), made('contained'), made('documented', own => true);
create policy second_factor on wrapped as restrictive using ((select auth.jwt() ->> 'aal') = 'aal2');
create policy second_factor on wrapped_claims as restrictive using ((select auth.jwt()) ->> 'aal' = 'aal2');
create policy second_factor on wrapped_setting as restrictive
  using ((select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal') = 'aal2');
create policy second_factor on contained as restrictive using (array[(select auth.jwt() ->> 'aal')] <@ array['aal2', 'aal3']);
create policy own_rows on documented to authenticated using ((select auth.uid()) = user_id);
create policy documented on documented as restrictive to authenticated using ((select auth.jwt()->>'aal') = 'aal2');
select name, level, metadata, detail from auth.aal_lint() order by name, metadata;

\c regression
drop database recommended;
drop role supabase_auth_admin;
