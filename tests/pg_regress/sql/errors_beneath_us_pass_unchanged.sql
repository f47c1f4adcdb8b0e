-- An error that a user's own function raises beneath one of ours reaches the client as it was, whatever its
-- SQLSTATE; and no backtrace ever reaches a client. (The test's server runs with RUST_BACKTRACE=full.)
\set SHOW_CONTEXT never
create table protected_by_rule (id int);
create function refuse_policies() returns event_trigger language plpgsql as $$
begin
  raise exception 'house rule: no policies today' using
    errcode = current_setting('test.errcode'), detail = 'the detail', hint = 'the hint';
end
$$;
create event trigger house_rule on ddl_command_start when tag in ('CREATE POLICY') execute function refuse_policies();

set test.errcode = 'PGRST';
select auth.protect_table('protected_by_rule');
\echo :LAST_ERROR_SQLSTATE
set test.errcode = 'ZZ999';
select auth.protect_table('protected_by_rule');
\echo :LAST_ERROR_SQLSTATE
set test.errcode = 'P0001';
select auth.protect_table('protected_by_rule');
\echo :LAST_ERROR_SQLSTATE

-- And undoes what had been done.
select relrowsecurity from pg_class where oid = 'protected_by_rule'::regclass;
drop event trigger house_rule;
drop function refuse_policies();
drop table protected_by_rule;

-- A bug of ours: an internal error, without a backtrace, and the session goes on.
create function pg_temp.panic() returns void language c as '$libdir/pg_aal', 'aal_panic_for_tests';
select pg_temp.panic();
\echo :LAST_ERROR_SQLSTATE
select auth.aal() is null as goes_on;

-- The trigger function called by hand, and in triggers it wasn't made for.
select auth.aal_guard();
\echo :LAST_ERROR_SQLSTATE
create table guarded_by_hand (id int);
insert into guarded_by_hand values (1);
alter table guarded_by_hand enable row level security;
create policy everybody on guarded_by_hand using (true);
grant all on guarded_by_hand to authenticated;
create trigger after_all after update on guarded_by_hand for each statement execute function auth.aal_guard('update=aal2');
create trigger after_the_fact after delete on guarded_by_hand for each row execute function auth.aal_guard('delete=aal2');
create trigger of_nothing before insert on guarded_by_hand for each statement execute function auth.aal_guard();
create trigger of_junk before truncate on guarded_by_hand for each statement execute function auth.aal_guard('truncate=AAL2');
select test.sign_in('aal3', 1);
set role authenticated;
update guarded_by_hand set id = 2;
\echo :LAST_ERROR_SQLSTATE
delete from guarded_by_hand;
insert into guarded_by_hand values (3);
\echo :LAST_ERROR_SQLSTATE
truncate guarded_by_hand;
\echo :LAST_ERROR_SQLSTATE
reset role;
select * from guarded_by_hand;
drop table guarded_by_hand;
reset request.jwt.claims;
