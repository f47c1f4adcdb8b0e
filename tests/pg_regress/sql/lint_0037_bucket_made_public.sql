-- 0037_bucket_made_public finds roles that may make a bucket public below the level that its objects need.
create schema storage;
grant usage on schema storage to anon, authenticated, service_role;
create table storage.buckets (id text primary key, name text, public boolean);
create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets, name text, owner_id text);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
create view findings as select metadata ->> 'role' as role, metadata ->> 'command' as command, level, detail from auth.aal_lint() where name like '0037%';

-- None: objects ask for no level; then nobody may change a bucket, as in Supabase.
create policy contracts on storage.objects using (bucket_id = 'contracts' and owner_id = (select auth.uid())::text);
create policy manage on storage.buckets to authenticated using (true);
select * from findings;
drop policy manage on storage.buckets;
alter policy contracts on storage.objects using (bucket_id = 'contracts' and (select auth.has_aal('aal2')));
select * from findings;

-- Finding: a policy for buckets.
create policy manage on storage.buckets to authenticated using (true);
select * from findings;
alter policy manage on storage.buckets using ((select auth.has_aal('aal1')) and name <> 'x');
select * from findings;
-- None: at the same level, for other commands, or without the right to the column.
alter policy manage on storage.buckets using ((select auth.has_aal('aal2')));
select * from findings;
drop policy manage on storage.buckets;
create policy read on storage.buckets for select using (true);
create policy made on storage.buckets for insert with check (true);
select * from findings;
create policy manage on storage.buckets for update using (true);
select * from findings;
revoke update on storage.buckets from anon, authenticated;
grant update (name) on storage.buckets to authenticated;
select * from findings;
grant update (public) on storage.buckets to authenticated;
select * from findings;
-- None: writes alone ask for the level.
drop policy contracts on storage.objects;
create policy everybody on storage.objects using (true);
create policy uploads on storage.objects as restrictive for insert with check ((select auth.has_aal('aal2')));
select * from findings;
-- A recipe of the cookbook, and gone.
create policy contracts_need_aal2 on storage.objects as restrictive
  using (bucket_id is distinct from 'contracts' or (select auth.has_aal('aal2')))
  with check (bucket_id is distinct from 'contracts' or (select auth.has_aal('aal2')));
select * from findings;
create policy second_factor on storage.buckets as restrictive using (id is distinct from 'contracts' or (select auth.has_aal('aal2')));
select * from findings;
-- Row security is off.
alter table storage.buckets disable row level security;
select * from findings;

drop view findings;
set client_min_messages = error;
drop schema storage cascade;
