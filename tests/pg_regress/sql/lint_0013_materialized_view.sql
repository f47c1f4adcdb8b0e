-- 0013_materialized_view finds materialized views of protected tables that a role may read: their rows are copies, which no policy sees.
create schema lint_0013;
grant usage on schema lint_0013 to anon, authenticated;
set search_path = lint_0013;

-- None for the tables.
create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on payments to authenticated;
create table open_to_all (id int, amount int);
grant select on open_to_all to authenticated;
create view through_a_view with (security_invoker) as select * from payments;

-- Findings.
create materialized view found_copy as select * from payments;
create materialized view found_sum as select sum(amount) from payments;
create materialized view found_indirectly as select * from through_a_view;
create materialized view found_empty as select * from payments with no data; -- until it is refreshed
create materialized view found_column as select * from payments;
create materialized view found_copy_of_a_copy as select * from found_sum;
grant select on found_copy, found_sum, found_indirectly, found_empty, found_copy_of_a_copy to authenticated;
grant select (amount) on found_column to authenticated;
-- What a copy asks, it asked of the session that made it.
create materialized view found_asks as select * from payments where (select auth.has_aal('aal2'));
create view asks as select * from payments where (select auth.has_aal('aal2'));
create materialized view found_over_asking as select * from asks;
grant select on found_asks, found_over_asking to authenticated;

-- None of them.
create materialized view none_granted as select * from payments;
create materialized view none_service_role as select * from payments;
create materialized view none_unprotected as select * from open_to_all;
grant select on none_service_role to service_role;
grant select on none_unprotected to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0013' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0013 cascade;
