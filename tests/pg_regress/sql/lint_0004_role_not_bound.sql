-- 0004_role_not_bound finds roles with rights on a table whose restrictive policies ask a level of other roles only.
create schema lint_0004;
grant usage on schema lint_0004 to anon, authenticated;
set search_path = lint_0004;
create role lint_0004_member login in role authenticated;
create role lint_0004_no_heir login noinherit in role authenticated;
create role lint_0004_owner;
grant usage on schema lint_0004 to public;

-- Finding: anon, for all commands.
create table to_authenticated (id int);
alter table to_authenticated enable row level security;
create policy everybody on to_authenticated using (true);
create policy second_factor on to_authenticated as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on to_authenticated to anon, authenticated;

-- Finding: anon, for SELECT, which is all that it may.
create table anon_reads (id int);
alter table anon_reads enable row level security;
create policy everybody on anon_reads using (true);
create policy second_factor on anon_reads as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on anon_reads to authenticated;
grant select on anon_reads to anon;

-- Finding: PUBLIC may read, and anon and authenticated aren't everybody.
create table granted_to_public (id int);
alter table granted_to_public enable row level security;
create policy everybody on granted_to_public using (true);
create policy second_factor on granted_to_public as restrictive to anon, authenticated using ((select auth.has_aal('aal2')));
grant select on granted_to_public to public;

-- Finding: lint_0004_no_heir is a member of authenticated, but doesn't inherit from it, so it has only the right of its own.
-- Not lint_0004_member: who inherits a role is bound by its policies.
create table members (id int);
alter table members enable row level security;
create policy everybody on members using (true);
create policy second_factor on members as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select on members to authenticated, lint_0004_member, lint_0004_no_heir;

-- Finding: anon, for SELECT. It may be meant: everybody reads what is published.
create table published (id int, published boolean);
alter table published enable row level security;
create policy everybody on published using (true);
create policy anon_published on published as restrictive to anon using (published);
create policy second_factor on published as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select on published to anon, authenticated;
-- None: the same for everybody, so that signing in takes nothing away.
create table published_to_all (id int, published boolean);
alter table published_to_all enable row level security;
create policy everybody on published_to_all using (true);
create policy second_factor on published_to_all as restrictive using (published or (select auth.has_aal('aal2')));
grant select on published_to_all to anon, authenticated;

-- None: everybody is bound.
create table to_public (id int);
alter table to_public enable row level security;
create policy everybody on to_public using (true);
create policy second_factor on to_public as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on to_public to anon, authenticated;

-- None: anon has no rights.
create table no_rights (id int);
alter table no_rights enable row level security;
create policy everybody on no_rights using (true);
create policy second_factor on no_rights as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on no_rights to authenticated;

-- None: no permissive policy is for anon.
create table no_permission (id int);
alter table no_permission enable row level security;
create policy signed_in on no_permission to authenticated using (true);
create policy second_factor on no_permission as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on no_permission to anon, authenticated;

-- None: anon has a restrictive policy of its own, which lets nothing through.
create table shut_to_anon (id int);
alter table shut_to_anon enable row level security;
create policy everybody on shut_to_anon using (true);
create policy second_factor on shut_to_anon as restrictive to authenticated using ((select auth.has_aal('aal2')));
create policy nothing on shut_to_anon as restrictive to anon using (false);
grant select, insert, update, delete on shut_to_anon to anon, authenticated;

-- None: the owner and roles with BYPASSRLS go past row security anyway.
create table go_past (id int);
alter table go_past owner to lint_0004_owner;
alter table go_past enable row level security;
create policy everybody on go_past using (true);
create policy second_factor on go_past as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on go_past to authenticated, service_role, postgres;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0004' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0004 cascade;
drop role lint_0004_member, lint_0004_no_heir, lint_0004_owner;
