-- 0001_permissive_aal_policy finds a permissive policy that asks for a level where another permissive one lets sessions below that level in.
create schema lint_0001;
grant usage on schema lint_0001 to anon, authenticated;
set search_path = lint_0001;
-- It has what authenticated has, and is found with it, if roles are listed that have their rights as members.
create role lint_0001_staff login in role authenticated;

-- Finding: own rows need no level, so all commands are open to sessions without one.
create table own_rows (id int, user_id uuid default auth.subject_uuid());
alter table own_rows enable row level security;
create policy second_factor on own_rows using ((select auth.has_aal('aal2')));
create policy own_rows on own_rows using (user_id = (select auth.subject_uuid()));

-- Finding: aal1 is enough.
create table lower_level (id int);
alter table lower_level enable row level security;
create policy second_factor on lower_level using ((select auth.has_aal('aal2')));
create policy first_factor on lower_level using ((select auth.has_aal('aal1')));

-- Finding for SELECT only: the other commands have one policy.
create table one_command (id int);
alter table one_command enable row level security;
create policy second_factor on one_command using ((select auth.has_aal('aal2')));
create policy everybody_reads on one_command for select using (true);

-- Finding for lint_0001_staff only: both policies are for them, since they are authenticated as well.
create table by_membership (id int);
alter table by_membership enable row level security;
create policy second_factor on by_membership to authenticated using ((select auth.has_aal('aal2')));
create policy staff on by_membership to lint_0001_staff using (true);

-- Finding, though it may be meant: own rows at any level, everybody's at aal2. Said in one restrictive policy, it is clear:
create table all_rows_at_aal2 (id int, user_id uuid default auth.subject_uuid());
alter table all_rows_at_aal2 enable row level security;
create policy own_rows on all_rows_at_aal2 using (user_id = (select auth.subject_uuid()));
create policy all_rows on all_rows_at_aal2 using ((select auth.has_aal('aal2')));
-- None.
create table all_rows_at_aal2_restrictively (id int, user_id uuid default auth.subject_uuid());
alter table all_rows_at_aal2_restrictively enable row level security;
create policy everybody on all_rows_at_aal2_restrictively using (true);
create policy all_rows on all_rows_at_aal2_restrictively as restrictive
  using (user_id = (select auth.subject_uuid()) or (select auth.has_aal('aal2')));

-- None: the only permissive policy.
create table alone (id int);
alter table alone enable row level security;
create policy second_factor on alone using ((select auth.has_aal('aal2')));

-- None: both ask for it.
create table both_ask (id int, user_id uuid default auth.subject_uuid());
alter table both_ask enable row level security;
create policy second_factor on both_ask using ((select auth.has_aal('aal2')));
create policy own_rows on both_ask using ((select auth.has_aal('aal2')) and user_id = (select auth.subject_uuid()));

-- Two findings: a session at aal2 has the rows with an old factor, and one at aal1 with a fresh one.
create table fresh_beside_higher (id int);
alter table fresh_beside_higher enable row level security;
create policy fresh on fresh_beside_higher using ((select auth.has_aal('aal1', '15 minutes')));
create policy higher on fresh_beside_higher using ((select auth.has_aal('aal2')));

-- The same where the one raises.
create table raising_beside_higher (id int);
alter table raising_beside_higher enable row level security;
create policy fresh on raising_beside_higher using (auth.require_aal('aal1', '15 minutes'));
create policy higher on raising_beside_higher using ((select auth.has_aal('aal2')));

-- Finding: a condition on the row is the same in a sub-select. None beside who connects: that may be nobody.
create table in_a_sub_select (id int, n int);
alter table in_a_sub_select enable row level security;
create policy second_factor on in_a_sub_select using ((select auth.aal()) in (select 'aal2' where n = 5));
create policy fifth on in_a_sub_select using (n = 5);
create table beside_who_connects (id int);
alter table beside_who_connects enable row level security;
create policy second_factor on beside_who_connects using ((select auth.has_aal('aal2')));
create policy worker on beside_who_connects using (session_user = 'worker');

-- A finding for aal3: the claims of a user are never empty.
create table beside_claims_that_are_not_empty (id int);
alter table beside_claims_that_are_not_empty enable row level security;
create policy third on beside_claims_that_are_not_empty using ((select auth.jwt() ->> 'aal') = 'aal3');
create policy second on beside_claims_that_are_not_empty using ((nullif(auth.jwt(), '{}') ->> 'aal') = 'aal2');

-- A finding for the one alone: no higher session reaches more rows by the other.
create table age_of_the_row (id int, minutes int);
alter table age_of_the_row enable row level security;
create policy stale on age_of_the_row using (not auth.has_aal('aal2', make_interval(mins => minutes)));
create policy fresh on age_of_the_row using (auth.has_aal('aal2', '15 minutes'));

-- Findings: conditions as values are read.
create table as_values (id int);
alter table as_values enable row level security;
create policy everybody on as_values using (true);
create policy ordered on as_values using (auth.has_aal('aal2') > auth.has_aal('aal3'));
create policy as_number on as_values using ((auth.aal() = 'aal2')::int = 1);
create policy as_text on as_values using ((auth.aal() = 'aal2')::text = 'true');
create policy least_of_two on as_values using (least(auth.has_aal('aal2'), auth.has_aal('aal1')));
create policy counted on as_values using (num_nulls(nullif(auth.aal(), 'aal2'), auth.aal()) = 1);

-- A finding: all rows at aal2, and some rows of one user at any level.
create table of_one_user (id int, published boolean);
alter table of_one_user enable row level security;
create policy all_rows on of_one_user using (auth.has_aal('aal2'));
create policy editor on of_one_user using (published and auth.subject_uuid() = '22222222-2222-2222-2222-222222222222');

-- None: the gate's function reads a table that its caller may not read, and so raises for all.
create table hidden (id int);
create function gate_on_hidden() returns boolean language sql stable set search_path = '' as $$
  select exists (select 1 from lint_0001.hidden where id = 1) or not auth.has_aal('aal2')
$$;
create table beside_a_gate_that_raises (id int);
alter table beside_a_gate_that_raises enable row level security;
create policy gate on beside_a_gate_that_raises using ((select gate_on_hidden()));
create policy second_factor on beside_a_gate_that_raises using ((select auth.has_aal('aal2')));

-- Finding: for the user whom the other one names.
create table beside_a_named_user (id int, user_id uuid);
alter table beside_a_named_user enable row level security;
create policy second_factor on beside_a_named_user using (user_id = auth.subject_uuid() and (select auth.has_aal('aal2')));
create policy clerk on beside_a_named_user using (auth.subject_uuid() = '22222222-2222-4222-8222-222222222222');

-- Finding: the time of the factor, and rows that are compared.
create table since_a_time (id int);
alter table since_a_time enable row level security;
create policy lately on since_a_time using (auth.authenticated_at('aal2') > now() - interval '15 minutes');
create policy no_guests on since_a_time using ((auth.claims() -> 'is_anonymous')::boolean is not true);
create table by_rows (id int);
alter table by_rows enable row level security;
create policy in_order on by_rows using ((auth.aal(), 1) >= ('aal2', 1));
create policy everybody on by_rows using (true);

-- Finding: the subject in each of its forms, and the role as a setting.
create table subjects (id int, owner text);
alter table subjects enable row level security;
create policy second_factor on subjects using (owner = auth.subject() and (select auth.has_aal('aal2')));
create policy own_rows on subjects using (owner = (auth.claims() ->> 'sub'));
create table of_a_role (id int, owner text);
alter table of_a_role enable row level security;
create policy second_factor on of_a_role using (current_setting('role') = 'authenticated' and auth.has_aal('aal2'));
create policy own_rows on of_a_role using (owner = auth.subject());

-- Finding: the planner leaves out what stands beside a constant.
create table or_true (id int, user_id uuid, flag boolean);
alter table or_true enable row level security;
create policy second_factor on or_true using (case when flag then auth.has_aal('aal2') else (auth.require_aal('aal3') or true) end);
create policy everybody on or_true using (true);

-- None: the gate reads a table that nobody may read, so it raises for all, though it makes nothing of that.
create function gate_that_only_looks() returns boolean language plpgsql stable set search_path = '' as $$
declare counted int;
begin
  select count(*) into counted from lint_0001.hidden;
  return auth.has_aal('aal2');
end
$$;
create table beside_a_gate_that_looks (id int, user_id uuid);
alter table beside_a_gate_that_looks enable row level security;
create policy gate on beside_a_gate_that_looks using (gate_that_only_looks());
create policy own_rows on beside_a_gate_that_looks using (user_id = auth.subject_uuid());

-- None: a session at aal1 has no method of a second factor.
create table beside_a_method (id int);
alter table beside_a_method enable row level security;
create policy second_factor on beside_a_method using ((select auth.has_aal('aal2')));
create policy by_totp on beside_a_method
  using (exists (select from jsonb_array_elements(auth.jwt() -> 'amr') entry where entry ->> 'method' = 'totp'));

-- None: the other policy's sub-select has no row.
create table beside_no_row (id int, flag boolean);
alter table beside_no_row enable row level security;
create policy second_factor on beside_no_row using ((select auth.has_aal('aal2')));
create policy nobody on beside_no_row using (exists (select where flag limit 0));

-- Found: the planner leaves the sub-select out, so that the hidden table refuses nobody.
create table beside_true (id int);
alter table beside_true enable row level security;
create policy second_factor on beside_true using ((select auth.has_aal('aal2')));
create policy everybody on beside_true using (true or exists (select from hidden));

-- Found: without a row in the one query there is one in the other.
create table beside_a_union (id int);
alter table beside_a_union enable row level security;
create policy second_factor on beside_a_union using ((select auth.has_aal('aal2')));
create policy everybody on beside_a_union using (exists (select where null = 'aal3' union all select where true));

-- None: who signed in by TOTP has the same rows without a level.
create table beside_a_first_factor (id int);
alter table beside_a_first_factor enable row level security;
create policy totp_or_level on beside_a_first_factor
  using (((select auth.jwt() -> 'amr' -> 0 ->> 'method') = 'totp') is not false or (select auth.has_aal('aal1')));
create policy below on beside_a_first_factor using (not (select auth.has_aal('aal2')));

-- None: for another command.
create table other_command (id int);
alter table other_command enable row level security;
create policy second_factor on other_command for update using ((select auth.has_aal('aal2')));
create policy everybody_reads on other_command for select using (true);

-- None: for another role.
create table other_role (id int);
alter table other_role enable row level security;
create policy second_factor on other_role to authenticated using ((select auth.has_aal('aal2')));
create policy anons on other_role to anon using (true);

-- None: a restrictive policy asks for it as well.
create table restrictive_as_well (id int);
alter table restrictive_as_well enable row level security;
create policy second_factor on restrictive_as_well using ((select auth.has_aal('aal2')));
create policy everybody on restrictive_as_well using (true);
create policy for_all on restrictive_as_well as restrictive using ((select auth.has_aal('aal2')));

grant select, insert, update, delete on all tables in schema lint_0001 to authenticated;
revoke all on hidden from authenticated;
grant select on other_role to anon;

-- None: nobody may do what the other one opens.
create table not_granted (id int);
alter table not_granted enable row level security;
create policy second_factor on not_granted using ((select auth.has_aal('aal2')));
create policy inserts on not_granted for insert with check (true);
grant select, update, delete on not_granted to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0001' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0001 cascade;
drop role lint_0001_staff;
