-- The matrix, the lints and the report show the roles of an API before others: anon, authenticated, then those that authenticator can
-- become. Findings count the roles that bypass row security instead of listing them, and their cache keys depend on none of it.
create schema api_first;
grant usage on schema api_first to public;
set search_path = api_first;
-- By their names alone these would come first.
create role api_first_a_report login;
create role api_first_a_backup login bypassrls;
create role api_first_b_backup login bypassrls;
create role api_first_c_backup login bypassrls;
-- authenticator can become this one, by way of authenticated.
create role api_first_z_member nologin;
grant api_first_z_member to authenticated;

create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select on payments to public;
create view owners_payments as select * from payments;
create view backups_payments as select * from payments;
create materialized view copied_payments as select * from payments;
create function sum_payments() returns bigint language sql stable security definer as $$ select sum(amount) from api_first.payments $$;
revoke execute on function sum_payments() from public;

-- The roles in the order of the matrix.
create function shown() returns table (place bigint, role name)
language sql stable as $$
  select row_number() over (), seen.role
    from (select m.role from auth.aal_matrix('api_first.payments') m where m.command = 'SELECT') as seen
   where seen.role in ('anon', 'authenticated', 'service_role', 'authenticator') or seen.role like 'api\_first\_%'
$$;
select role from shown() order by place;

-- Without a role of that name, the login roles that inherit nothing stand for it.
begin;
create role api_first_gateway login noinherit;
grant api_first_a_report to api_first_gateway;
revoke anon, authenticated, service_role from authenticator;
alter role authenticator rename to api_first_was_authenticator;
select role from shown() order by place;
rollback;

create view found as
  select name, metadata ->> 'name' as object, metadata ->> 'role' as role, detail, cache_key
    from auth.aal_lint() where metadata ->> 'schema' = 'api_first';

-- Roles that are bound, in this order, and no role that bypasses row security.
grant select on owners_payments, copied_payments to api_first_a_report, authenticated, anon;
grant execute on function sum_payments() to api_first_a_report, authenticated, anon;
select name, object, detail from found order by name, object;
create table keys as select cache_key from found;

-- One, and then more than are named.
grant select on owners_payments, copied_payments to service_role;
grant execute on function sum_payments() to service_role;
select name, object, detail from found order by name, object;
grant select on owners_payments, copied_payments to api_first_a_backup, api_first_b_backup, api_first_c_backup;
grant execute on function sum_payments() to api_first_a_backup, api_first_b_backup, api_first_c_backup;
select name, object, role, detail from found order by name, object;
select count(*) as keys_that_changed from (select cache_key from found except table keys) as other;

-- Nobody else.
grant select on backups_payments to service_role, api_first_a_backup;
select name, object, detail from found where object = 'backups_payments';

-- Of one lint, findings about roles of an API come first.
create view a_view as select * from payments;
grant select on a_view to api_first_a_report;
select object, role from found where name = '0012_owner_rights_view' and object <> 'backups_payments';

set client_min_messages = error;
drop schema api_first cascade;
drop role api_first_a_report, api_first_a_backup, api_first_b_backup, api_first_c_backup, api_first_z_member;
