-- 0003_policy_binds_no_role finds policies that ask a level of roles only that no session can have.
create schema lint_0003;
grant usage on schema lint_0003 to anon, authenticated;
set search_path = lint_0003;
-- Nobody logs in as nobody, nor as its member; lint_0003_login has group by way of inner.
create role lint_0003_nobody;
create role lint_0003_circle;
grant lint_0003_circle to lint_0003_nobody;
create role lint_0003_group;
create role lint_0003_inner;
create role lint_0003_login login;
grant lint_0003_group to lint_0003_inner;
grant lint_0003_inner to lint_0003_login;

-- Finding.
create table for_nobody (id int);
alter table for_nobody enable row level security;
create policy second_factor on for_nobody to lint_0003_nobody using ((select auth.has_aal('aal2')));

-- Finding: the members of circle are nobody's either.
create table for_circle (id int);
alter table for_circle enable row level security;
create policy second_factor on for_circle to lint_0003_circle, lint_0003_nobody using ((select auth.has_aal('aal2')));

-- Finding; and 0004: authenticated isn't bound, and needs nothing.
create table restrictive_for_nobody (id int);
alter table restrictive_for_nobody enable row level security;
create policy everybody on restrictive_for_nobody using (true);
create policy second_factor on restrictive_for_nobody as restrictive to lint_0003_nobody using ((select auth.has_aal('aal2')));

-- None: somebody has it, if indirectly.
create table for_group (id int);
alter table for_group enable row level security;
create policy second_factor on for_group to lint_0003_group using ((select auth.has_aal('aal2')));

-- None: authenticator has authenticated, and so has every request.
create table for_authenticated (id int);
alter table for_authenticated enable row level security;
create policy second_factor on for_authenticated to authenticated using ((select auth.has_aal('aal2')));

-- None: authenticated is bound as well.
create table for_both (id int);
alter table for_both enable row level security;
create policy everybody on for_both using (true);
create policy second_factor on for_both as restrictive to lint_0003_nobody, authenticated using ((select auth.has_aal('aal2')));

-- None: everybody is.
create table for_public (id int);
alter table for_public enable row level security;
create policy second_factor on for_public using ((select auth.has_aal('aal2')));

-- None: it asks for no level.
create table no_level (id int);
alter table no_level enable row level security;
create policy nobody on no_level to lint_0003_nobody using (true);

grant select, insert, update, delete on all tables in schema lint_0003 to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0003' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0003 cascade;
drop role lint_0003_nobody, lint_0003_circle, lint_0003_login, lint_0003_inner, lint_0003_group;
