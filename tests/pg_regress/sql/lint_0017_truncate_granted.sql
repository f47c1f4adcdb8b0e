-- 0017_truncate_granted finds roles that may empty a table by TRUNCATE at a lower level than DELETE needs.
create schema lint_0017;
grant usage on schema lint_0017 to anon, authenticated;
set search_path = lint_0017;

create function truncatable(name text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int)', name);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('grant select, insert, update, delete, truncate on %I to authenticated', name);
end
$$;

set client_min_messages = error; -- protect_table warns of the same
-- Findings.
select count(truncatable(name)) as found from unnest(array['found_by_hand', 'found_no_guard', 'found_disabled', 'found_lower', 'found_other_command']) name;
create policy second_factor on found_by_hand as restrictive using ((select auth.has_aal('aal2')));
select count(*) = 1 as protected from auth.protect_table('found_no_guard', guard => false);
select count(*) = 1 as protected from auth.protect_table('found_disabled');
alter table found_disabled disable trigger aal_guard; -- and 0021
create policy second_factor on found_lower as restrictive using ((select auth.has_aal('aal2')));
create trigger guard before truncate on found_lower for each statement execute function auth.aal_guard('truncate=aal1');
create policy second_factor on found_other_command as restrictive using ((select auth.has_aal('aal2')));
create trigger guard before delete on found_other_command for each statement execute function auth.aal_guard('delete=aal2');

-- None of them.
select count(truncatable(name)) as none from unnest(array['none_guarded', 'none_by_hand', 'none_not_granted', 'none_delete_is_open', 'none_service_role', 'none_no_level']) name;
select count(*) = 1 as protected from auth.protect_table('none_guarded');
create policy second_factor on none_by_hand as restrictive using ((select auth.has_aal('aal2')));
create trigger guard before truncate on none_by_hand for each statement execute function auth.aal_guard('truncate=aal2');
create policy second_factor on none_not_granted as restrictive using ((select auth.has_aal('aal2')));
revoke truncate on none_not_granted from authenticated;
select count(*) = 1 as protected from auth.protect_table('none_delete_is_open', on_delete => 'none');
create policy second_factor on none_service_role as restrictive using ((select auth.has_aal('aal2')));
revoke truncate on none_service_role from authenticated;
grant truncate on none_service_role to service_role;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0017' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0017 cascade;
