-- 0012_owner_rights_view finds views through which a role reads or writes a protected table with the rights of an owner whom its policies
-- don't bind.
create schema lint_0012;
grant usage on schema lint_0012 to anon, authenticated;
set search_path = lint_0012;
create role lint_0012_app login;
create role lint_0012_bypass bypassrls;
grant usage on schema lint_0012 to lint_0012_app, lint_0012_bypass;

-- None for the tables.
create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on payments to authenticated;
grant select, insert, update, delete on payments to lint_0012_app, lint_0012_bypass;
create table open_to_all (id int, amount int);
grant select, insert, update, delete on open_to_all to authenticated;
-- Its policy is for authenticated only, and lint_0012_app has rights: 0004.
create table authenticated_only (id int, amount int);
alter table authenticated_only enable row level security;
create policy everybody on authenticated_only using (true);
create policy second_factor on authenticated_only as restrictive to authenticated using ((select auth.has_aal('aal2')));
grant select on authenticated_only to authenticated, lint_0012_app;

-- Findings.
create view found_read as select * from payments;
create view found_off with (security_invoker = off) as select * from payments;
create view found_barrier with (security_barrier) as select * from payments where amount > 0;
create view found_written as select * from payments;
create view found_column as select * from payments;
create view found_sum as select sum(amount) from payments;
create view found_beside as select o.id, (select count(*) from payments p where p.id = o.id) as payments from open_to_all o;
create view found_bypass as select * from payments;
alter view found_bypass owner to lint_0012_bypass;
create view found_unbound as select * from authenticated_only;
alter view found_unbound owner to lint_0012_app;
-- Through another view: the innermost one decides whose rights count for the table.
create view inner_owner as select * from payments; -- none: nobody is granted it
create view found_over_owner as select * from inner_owner;
create view found_inner as select * from payments; -- granted as well, so that the next one can be read
create view over_found_inner with (security_invoker) as select * from found_inner; -- none is due: found_inner is what is wrong
grant select on found_read, found_off, found_barrier, found_sum, found_beside, found_bypass, found_unbound, found_over_owner, found_inner to authenticated;
grant insert, update, delete on found_written to authenticated;
grant select (amount) on found_column to authenticated;

-- A rule does what it does with its table's owner's rights, too.
create table found_rule (id int);
create rule beside as on insert to found_rule do also insert into payments values (1, 1);
grant insert on found_rule to authenticated;

-- So is what a security_invoker view's rules do, other than what it shows.
create view found_invoker_rule with (security_invoker) as select * from payments;
create rule del as on insert to found_invoker_rule do instead delete from payments where id = new.id;
grant select, insert on found_invoker_rule to authenticated;
create view found_beside_rule with (security_invoker) as select * from open_to_all;
create rule beside as on update to found_beside_rule do also select amount from payments;
grant update on found_beside_rule to authenticated;
-- What the view shows asks for the level; what its rule does, doesn't.
create view found_only_shown as select * from payments where (select auth.has_aal('aal2'));
create rule del as on delete to found_only_shown do instead delete from payments where id = old.id;
grant select, delete on found_only_shown to authenticated;
-- Written through another view.
create view found_over_rule as select * from found_invoker_rule;
grant insert on found_over_rule to authenticated;
-- One finding, not two: its writes reach the table anyway.
create view found_once as select * from payments;
create rule upd as on update to found_once do instead update payments set amount = new.amount where id = old.id;
grant select, update on found_once to authenticated;

-- One of its rules asks, another doesn't.
create view found_one_rule_asks with (security_invoker) as select * from open_to_all;
create rule upd as on update to found_one_rule_asks where auth.require_aal('aal2') do instead update payments set amount = new.amount where id = old.id;
create rule del as on delete to found_one_rule_asks do instead delete from payments where id = old.id;
grant update, delete on found_one_rule_asks to authenticated;
create view none_asking_rule_granted with (security_invoker) as select * from open_to_all;
create rule upd as on update to none_asking_rule_granted where auth.require_aal('aal2') do instead update payments set amount = new.amount where id = old.id;
create rule del as on delete to none_asking_rule_granted do instead delete from payments where id = old.id;
grant update on none_asking_rule_granted to authenticated;
-- Through a table that inherits from a protected one.
create table found_child_of_payments () inherits (payments);
create view found_of_child as select * from found_child_of_payments;
grant select on found_of_child to authenticated;

-- None of them.
create view none_select_rule with (security_invoker) as select * from payments;
create rule del as on insert to none_select_rule do instead delete from payments where id = new.id;
grant select on none_select_rule to authenticated; -- nobody writes
create view none_other_event with (security_invoker) as select * from payments;
create rule del as on insert to none_other_event do instead delete from payments where id = new.id;
grant update, delete on none_other_event to authenticated;
create view none_nothing with (security_invoker) as select * from payments;
create rule no as on delete to none_nothing do instead nothing;
grant delete on none_nothing to authenticated;
create view none_rule_asks with (security_invoker) as select * from payments;
create rule del as on delete to none_rule_asks where auth.require_aal('aal2') do instead delete from payments where id = old.id;
grant delete on none_rule_asks to authenticated;
create table none_disabled (id int);
create rule beside as on insert to none_disabled do also insert into payments values (1, 1);
alter table none_disabled disable rule beside;
grant insert on none_disabled to authenticated;
create view none_reads_ruled as select * from found_rule; -- reading fires no rule
grant select on none_reads_ruled to authenticated;
create view none_invoker with (security_invoker) as select * from payments;
create view none_invoker_true with (security_invoker = true) as select * from payments;
create view none_granted as select * from payments;
create view none_over_invoker as select * from none_invoker; -- the inner one asks with the caller's rights, also beneath this
create view none_service_role as select * from payments; -- goes past row security anyway
create view none_bound as select * from payments; -- its owner is bound as everybody is
alter view none_bound owner to lint_0012_app;
create view none_unprotected as select * from open_to_all;
grant select on none_invoker, none_invoker_true, none_over_invoker, over_found_inner, none_bound, none_unprotected to authenticated;
grant select on none_service_role to service_role;
-- None is due: they ask for the level themselves.
create view none_asks as select * from payments where (select auth.has_aal('aal2'));
create view none_asks_by_claim as select * from payments where (select auth.jwt() ->> 'aal') in ('aal2', 'aal3');
create view none_asks_in_settings as select * from payments where (select current_setting('request.jwt.claims', true)::jsonb ->> 'aal') = 'aal2';
create function second_factor() returns boolean language sql stable return auth.has_aal('aal2');
create view none_asks_in_function as select * from payments where second_factor() and amount > 0;
create view none_asks_in_each as
  select * from payments where (select auth.has_aal('aal2')) union all select id + 1, amount from payments where amount > 0 and (select auth.has_aal('aal3'));
create view none_asks_beneath as select sum(amount) from (select * from payments where (select auth.has_aal('aal2'))) p;
create view none_asks_above as select * from (select id, sum(amount) as amount from payments group by id) p where (select auth.has_aal('aal2'));
create view none_asks_with as with p as materialized (select * from payments) select * from p where (select auth.has_aal('aal2'));
create view none_over_asking as select id from none_asks where amount > 0;
create view none_asks_over as select * from inner_owner where (select auth.has_aal('aal2'));
create view none_asks_of_each_row as select o.id, (select count(*) from payments p where p.id = o.id) as payments from open_to_all o where (select auth.has_aal('aal2'));
create view none_asks_written as select * from payments where (select auth.has_aal('aal2')) with check option;
grant select on none_asks, none_asks_by_claim, none_asks_in_settings, none_asks_in_function, none_asks_in_each, none_asks_beneath, none_asks_above, none_asks_with,
  none_over_asking, none_asks_over, none_asks_of_each_row to authenticated;
grant select, insert, update, delete on none_asks_written to authenticated;
create view none_asks_changed as select * from payments where (select auth.has_aal('aal2'));
grant select, update, delete on none_asks_changed to authenticated;

-- They ask, but a session below the level sees rows.
create view found_asks_for_less as select * from payments where (select auth.has_aal('aal1'));
create view found_asks_or as select * from payments where (select auth.has_aal('aal2')) or amount < 10;
create view found_asks_in_one as select * from payments where (select auth.has_aal('aal2')) union all select * from payments where amount < 10;
create view found_asks_beneath_one as select p.* from open_to_all o left join (select * from payments where (select auth.has_aal('aal2'))) q on true join payments p on p.id = o.id;
create view found_asks_in_column as select id, case when (select auth.has_aal('aal2')) then amount end as amount from payments;
create view found_null_trap as select * from payments where coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2';
-- Where the WHERE finds nothing, it has a row all the same.
create view found_beside_aggregate as select count(*), (select sum(amount) from payments) from open_to_all where (select auth.has_aal('aal2'));
create view found_beneath_aggregate as
  select (select sum(amount) from payments) from (select count(*) from open_to_all where (select auth.has_aal('aal2'))) o;
-- The claims may be others by then.
create function forges() returns boolean language plpgsql volatile as $$ begin perform set_config('request.jwt.claims', '{"aal":"aal2"}', true); return true; end $$;
create view found_forged as select * from payments where forges() and auth.has_aal('aal2');
create view inner_forging as select * from payments where forges();
create view found_forged_beneath as select * from inner_forging where auth.has_aal('aal2');
grant select on found_asks_for_less, found_asks_or, found_asks_in_one, found_asks_beneath_one, found_asks_in_column, found_null_trap, found_beside_aggregate,
  found_beneath_aggregate, found_forged, found_forged_beneath to authenticated;
-- INSERT: rows that are added need not be such that it shows them.
create view found_asks_added as select * from payments where (select auth.has_aal('aal2'));
grant select, insert, update, delete on found_asks_added to authenticated;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0012' order by 1, 2, 3, 4;
-- A key names the commands: a view that was accepted for reading, and can be written later, is another finding.
create view lint_0012.grows as select * from lint_0012.payments;
grant select on lint_0012.grows to authenticated;
select cache_key from auth.aal_lint() where metadata ->> 'name' = 'grows';
grant update, delete on lint_0012.grows to authenticated;
select cache_key from auth.aal_lint() where metadata ->> 'name' = 'grows';

set client_min_messages = error;
drop schema lint_0012 cascade;
drop role lint_0012_app, lint_0012_bypass;
