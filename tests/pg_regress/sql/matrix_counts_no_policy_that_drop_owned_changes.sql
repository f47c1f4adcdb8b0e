-- On Postgres 18 a role leaves a policy that names it by DROP OWNED, and with the last role the policy goes. In token mode it could.
create schema left_by;
grant usage on schema left_by to public;
set search_path = left_by;
set client_min_messages = error;
create role left_by_app;
create role left_by_member in role left_by_app;
create role left_by_other;
create table documents (id int, amount int);
grant select, insert, update, delete on documents to left_by_app, left_by_other;
create policy everybody on documents using (true);
select count(*) = 1 as protected from auth.protect_table('documents', read => 'aal2', roles => '{left_by_app,left_by_other}');
create table for_everybody (id int);
grant select on for_everybody to left_by_app;
create policy everybody on for_everybody using (true);
select count(*) = 1 as protected from auth.protect_table('for_everybody', read => 'aal2');
create table permitted (id int);
alter table permitted enable row level security;
grant select on permitted to left_by_app;
create policy app on permitted to left_by_app using (auth.has_aal('aal2'));

select role, command, required_aal from auth.aal_matrix('documents') where role ~ '^left_by' and command <> 'TRUNCATE' order by 1, 2;
set pg_aal.claims_source = 'token';
select role, command, required_aal = case when current_setting('server_version_num')::int >= 180000 then 'none' else 'aal2' end as is_right
  from auth.aal_matrix('documents') where role ~ '^left_by' and command <> 'TRUNCATE' order by 1, 2;
-- A policy for everybody names nobody, and who leaves a permissive policy gains nothing.
select role, required_aal from auth.aal_matrix('for_everybody') where role = 'left_by_app' and command = 'SELECT';
select role, required_aal from auth.aal_matrix('permitted') where role = 'left_by_app' and command = 'SELECT';

-- What really happens.
begin;
set local role left_by_member;
drop owned by left_by_app;
reset role;
select polname, 'left_by_app'::regrole = any (polroles) = (current_setting('server_version_num')::int < 180000) as is_as_shown
  from pg_policy where polrelid = 'documents'::regclass and polname ~ '^aal_' order by 1;
rollback;

reset pg_aal.claims_source;
drop schema left_by cascade;
drop role left_by_app, left_by_member, left_by_other;
