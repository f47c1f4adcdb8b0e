-- 0022_row_security_off finds tables whose policies ask for a level, and count for nothing: row security is off.
create schema lint_0022;
grant usage on schema lint_0022 to anon, authenticated;
set search_path = lint_0022;

-- Findings, and no others beside them: while row security is off, what the policies say doesn't matter.
create table found_never_on (id int);
create policy everybody on found_never_on using (true);
create policy second_factor on found_never_on as restrictive to authenticated using ((select auth.has_aal('aal2')));
create table found_switched_off (id int);
create policy everybody on found_switched_off using (true);
select count(*) = 1 as protected from auth.protect_table('found_switched_off');
alter table found_switched_off disable row level security;
create table found_permissive (id int);
create policy second_factor on found_permissive using ((select auth.has_aal('aal2')));
-- Forcing isn't switching on.
create table found_forced (id int);
create policy second_factor on found_forced using ((select auth.has_aal('aal2')));
alter table found_forced force row level security;

-- None of them.
create table none_on (id int);
create policy everybody on none_on using (true);
create policy second_factor on none_on as restrictive using ((select auth.has_aal('aal2')));
alter table none_on enable row level security;
create table none_no_policies (id int);
create table none_no_levels (id int); -- its policies wait in vain as well, but ask for no level
create policy positive on none_no_levels using (id > 0);

grant select, insert, update, delete on all tables in schema lint_0022 to anon, authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0022' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0022 cascade;
