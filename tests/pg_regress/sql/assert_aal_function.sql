-- assert_aal_function raises unless a function needs at least that level of every role that may execute it, and says what it reaches.
\set SHOW_CONTEXT never
set client_min_messages = error;
create schema asserted;
grant usage on schema asserted to anon, authenticated, service_role;
create table asserted.payments (id int, amount int);
create table asserted.news (id int);
create policy everybody on asserted.payments using (true);
grant select, insert, update, delete on asserted.payments to authenticated, service_role;
select count(*) from auth.protect_table('asserted.payments', max_age => '15 minutes');
create function asserted.open() returns void language sql security definer set search_path = '' as $$ delete from asserted.payments $$;
create function asserted.gated() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2', '15 minutes');
  delete from asserted.payments
$$;
create function asserted.gated_for_one() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2');
  delete from asserted.payments
$$;
revoke execute on function asserted.gated_for_one() from public;
grant execute on function asserted.gated_for_one() to authenticated;
create function asserted.other_table() returns void language sql security definer set search_path = '' as $$ delete from asserted.news $$;
create function asserted.gated_other_table() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2');
  delete from asserted.news
$$;
create function asserted.as_caller() returns void language sql set search_path = '' as $$ delete from asserted.payments $$;
create function asserted.nobody_may() returns void language sql security definer set search_path = '' as $$ delete from asserted.payments $$;
revoke execute on function asserted.nobody_may() from public;
set client_min_messages = notice;

select auth.assert_aal_function('asserted.gated()', 'aal2');
select auth.assert_aal_function('asserted.gated()', 'aal2 within 15 minutes', role => 'anon');
select auth.assert_aal_function('asserted.gated()', 'aal2 within 5 minutes');
select auth.assert_aal_function('asserted.gated()', 'aal3');
select auth.assert_aal_function('asserted.gated()', 'denied', role => 'anon');
select auth.assert_aal_function('asserted.gated_for_one()', 'aal2');
select auth.assert_aal_function('asserted.open()', 'aal1');
select auth.assert_aal_function('asserted.open()', 'aal1', role => 'authenticated');
select auth.assert_aal_function('asserted.open()', 'none');
select auth.assert_aal_function('asserted.nobody_may()', 'denied');
-- A function that reaches no protected table past its policies must ask by its own gate.
select auth.assert_aal_function('asserted.other_table()', 'aal2');
select auth.assert_aal_function('asserted.gated_other_table()', 'aal2');
select auth.assert_aal_function('asserted.as_caller()', 'aal2', role => 'authenticated');

-- Bad arguments.
select auth.assert_aal_function(null, 'aal2');
select auth.assert_aal_function('asserted.open()', null);
select auth.assert_aal_function('asserted.open()', 'AAL2');
select auth.assert_aal_function('asserted.open()', 'aal2', 'nobody there');
select auth.assert_aal_function(0, 'aal2');
select auth.assert_aal_function('pg_catalog.now()', 'aal2');
\set VERBOSITY sqlstate
select auth.assert_aal_function('asserted.open()', 'aal1');
\set VERBOSITY default

set client_min_messages = error;
drop schema asserted cascade;
