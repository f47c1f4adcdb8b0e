-- 0015_unprotected_partition finds partitions and children that can be reached by their own names at a lower level than their parent needs.
create schema lint_0015;
grant usage on schema lint_0015 to anon, authenticated;
set search_path = lint_0015;

-- Findings: by_hand_1, which has no policies, for all commands; by_hand_2, which has row security and policies of its own, for SELECT.
-- None for by_hand_3, which nobody may name, for by_hand_4, whose own policies ask for the same, and by_hand_5, whose ask for more.
create table by_hand (id int, amount int) partition by range (id);
create table by_hand_1 partition of by_hand for values from (0) to (10);
create table by_hand_2 partition of by_hand for values from (10) to (20);
create table by_hand_3 partition of by_hand for values from (20) to (30);
create table by_hand_4 partition of by_hand for values from (30) to (40);
create table by_hand_5 partition of by_hand for values from (40) to (50);
alter table by_hand enable row level security;
alter table by_hand_2 enable row level security;
alter table by_hand_4 enable row level security;
alter table by_hand_5 enable row level security;
create policy everybody on by_hand using (true);
create policy second_factor on by_hand as restrictive using ((select auth.has_aal('aal2')));
create policy everybody on by_hand_2 using (true);
create policy first_factor on by_hand_2 as restrictive for select using ((select auth.has_aal('aal1')));
create policy second_factor_insert on by_hand_2 as restrictive for insert with check ((select auth.has_aal('aal2')));
create policy second_factor_update on by_hand_2 as restrictive for update using ((select auth.has_aal('aal2')));
create policy second_factor_delete on by_hand_2 as restrictive for delete using ((select auth.has_aal('aal2')));
create policy everybody on by_hand_4 using (true);
create policy second_factor on by_hand_4 as restrictive using ((select auth.has_aal('aal2')));
create policy everybody on by_hand_5 using (true);
create policy third_level on by_hand_5 as restrictive using ((select auth.has_aal('aal3')));
grant select, insert, update, delete on by_hand, by_hand_1, by_hand_2, by_hand_4, by_hand_5 to authenticated;

-- Finding: late_2, which was unprotected by itself, and late_2_a beneath it. None for late_1, and for late_3: it came after protect_table
-- and got the same.
create table late (id int, amount int) partition by range (id);
create table late_1 partition of late for values from (0) to (10);
create policy everybody on late using (true);
create policy everybody on late_1 using (true);
select count(*) = 1 as protected from auth.protect_table('late');
create table late_2 partition of late for values from (10) to (20) partition by list (amount);
create table late_2_a partition of late_2 default;
select partitions from auth.unprotect_table('late_2');
create table late_3 partition of late for values from (20) to (30);
create policy everybody on late_3 using (true);
grant select, insert, update, delete on late, late_1, late_2, late_2_a, late_3 to authenticated;

-- Finding: child.
create table parent (id int);
create table child (note text) inherits (parent);
alter table parent enable row level security;
create policy everybody on parent using (true);
create policy second_factor on parent as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on parent, child to authenticated;

-- None: the parent isn't protected.
create table open_parent (id int) partition by range (id);
create table open_parent_1 partition of open_parent for values from (0) to (10);
grant select, insert, update, delete on open_parent, open_parent_1 to authenticated;

-- None, by this lint's words: the partition is protected, and its rows are reached through its parent, which isn't. (protect_table warns of it.)
create table reached (id int) partition by range (id);
create table reached_1 partition of reached for values from (0) to (10);
alter table reached_1 enable row level security;
create policy everybody on reached_1 using (true);
create policy second_factor on reached_1 as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on reached, reached_1 to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0015' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0015 cascade;
