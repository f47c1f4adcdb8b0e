-- 0026_security_definer_trigger finds triggers that reach a protected table with their owner's rights, fired for less than the table asks.
create schema lint_0026;
grant usage on schema lint_0026 to anon, authenticated;
set search_path = lint_0026;
create role lint_0026_app;

create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on payments to authenticated;
create function deletes() returns trigger language plpgsql security definer as $$ begin delete from lint_0026.payments; return null; end $$;
create function deletes_as_writer() returns trigger language plpgsql as $$ begin delete from lint_0026.payments; return null; end $$;
create function calls() returns trigger language plpgsql security definer as $$ begin perform lint_0026.remove(); return null; end $$;
create function remove() returns void language sql as $$ delete from lint_0026.payments $$;
create function asks() returns trigger language plpgsql security definer as $$ begin perform auth.require_aal('aal2'); delete from lint_0026.payments; return null; end $$;

-- Findings.
create table found_definer (id int);
grant insert on found_definer to anon, authenticated;
create trigger fires after insert on found_definer for each row execute function deletes();
create table found_by_function (id int);
grant update on found_by_function to authenticated;
create trigger fires before update of id on found_by_function for each row when (new.id > 0) execute function calls();
create table found_truncate (id int);
grant truncate on found_truncate to authenticated;
create trigger fires before truncate on found_truncate for each statement execute function deletes();
create view found_view as select 1 as id;
grant delete on found_view to anon;
create trigger fires instead of delete on found_view for each row execute function deletes();
create table above (id int);
grant insert on above to authenticated;
create table found_partition (id int) partition by list (id);
create table found_partition_1 partition of found_partition for values in (1);
grant insert on found_partition to authenticated;
create trigger fires after insert on found_partition_1 for each row execute function deletes();
-- For each statement: policies refuse all its rows, and it fires.
create table found_statement (id int);
alter table found_statement enable row level security;
create policy second_factor on found_statement using ((select auth.has_aal('aal2')));
grant update on found_statement to authenticated;
create trigger fires after update on found_statement for each statement execute function deletes();
-- A foreign key acts as the owner of its table: so does the trigger that it fires.
create table begins (id int primary key);
grant delete on begins to authenticated;
create table found_by_key (begins int references begins on delete cascade);
create trigger fires after delete on found_by_key for each row execute function deletes_as_writer();
-- A rule writes to its table.
create table found_by_rule (id int);
create trigger fires after insert on found_by_rule for each row execute function deletes();
create table ruled (id int);
create rule also as on insert to ruled do also insert into lint_0026.found_by_rule values (1);
grant insert on ruled to authenticated;

-- None of them.
create table none_as_writer (id int);
grant insert on none_as_writer to authenticated;
create trigger fires after insert on none_as_writer for each row execute function deletes_as_writer();
create table none_asks (id int);
grant insert on none_asks to authenticated;
create trigger fires after insert on none_asks for each row execute function asks();
create table none_granted (id int);
create trigger fires after insert on none_granted for each row execute function deletes();
create table none_other_event (id int);
grant select, update on none_other_event to authenticated;
create trigger fires after insert on none_other_event for each row execute function deletes();
create table none_disabled (id int);
grant insert on none_disabled to authenticated;
create trigger fires after insert on none_disabled for each row execute function deletes();
alter table none_disabled disable trigger fires;
create table none_protected (id int);
alter table none_protected enable row level security;
create policy everybody on none_protected using (true);
create policy second_factor on none_protected as restrictive using ((select auth.has_aal('aal2')));
grant insert, update, delete on none_protected to authenticated;
create trigger fires after insert on none_protected for each row execute function deletes();
create table none_bound (id int); -- its owner is bound as everybody is
create function deletes_as_app() returns trigger language plpgsql security definer as $$ begin delete from lint_0026.payments; return null; end $$;
alter function deletes_as_app() owner to lint_0026_app;
grant insert on none_bound to authenticated;
create trigger fires after insert on none_bound for each row execute function deletes_as_app();

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0026' order by 1, 2, 3;
-- What it says is so.
set role authenticated;
select test.attempt('update lint_0026.found_statement set id = 1');
reset role;

set client_min_messages = error;
drop schema lint_0026 cascade;
drop role lint_0026_app;
