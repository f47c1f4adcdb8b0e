-- assert_aal and assert_schema name every way around the policies of a table that lowers what a command needs, and pass where there is none.
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema gated;
grant usage on schema gated to anon, authenticated, service_role;
set search_path = gated, public;
create role gated_worker;
create role gated_owner bypassrls;
grant usage on schema gated to gated_worker, gated_owner;
create table payments (id int primary key, amount int);
create policy everybody on payments using (true);
grant select, insert, update, delete on payments to authenticated, service_role;
set client_min_messages = error;
select count(*) from auth.protect_table('payments');
set client_min_messages = notice;

-- What the gate says: nothing, or the message and the lines of its DETAIL.
create function gate(about text, command text default null, level text default 'aal2', accept text[] default '{}')
returns setof text language plpgsql as $$
declare
  message text;
  detail text;
begin
  begin
    if command is null then
      perform auth.assert_schema(about::regnamespace, accept => accept, excluding => gated.others());
    else
      perform auth.assert_aal(about::regclass, command, level, accept => accept);
    end if;
    return next 'passes';
  exception when assert_failure then
    get stacked diagnostics message = message_text, detail = pg_exception_detail;
    return next message;
    return query select line from string_to_table(detail, E'\n') line;
  end;
end
$$;
-- The tables of which nothing is asserted.
create function others() returns name[] language sql stable as $$
  select coalesce(array_agg(relname), '{}') from pg_class
   where relnamespace = 'gated'::regnamespace and relkind in ('r', 'p', 'f') and relname !~ '^payments'
$$;
select gate('payments', 'delete'), gate('payments', 'update'), gate('payments', 'insert'), gate('gated');

-- (a) A SECURITY DEFINER function, also where EXECUTE is for one role.
create function cancel_payments() returns void language plpgsql security definer as $$ begin delete from gated.payments; end $$;
select * from gate('payments', 'delete');
select * from gate('payments', 'insert');
select * from gate('gated');
-- Its key accepts it, and nothing else.
select * from gate('gated', accept => '{0014_security_definer_function_gated_cancel_payments_gated.cancel_payments()}');
select * from gate('gated', accept => '{0014_security_definer_function_gated_cancel_payment_gated.cancel_payment()}');
-- Of one role; of one that may not call it.
select auth.assert_aal('payments', 'delete', 'aal2', 'anon');
revoke execute on function cancel_payments from public;
grant execute on function cancel_payments to anon;
select auth.assert_aal('payments', 'delete', 'aal2', 'gated_worker');
-- service_role bypasses row security anyway.
revoke execute on function cancel_payments from anon;
grant execute on function cancel_payments to service_role;
select * from gate('gated');
grant execute on function cancel_payments to anon;
select * from gate('gated');
-- It begins by asking for the level, or for another one, or asks somewhere else.
create or replace function cancel_payments() returns void language plpgsql security definer as $$
begin perform auth.require_aal('aal2'); delete from gated.payments; end $$;
select * from gate('gated');
create or replace function cancel_payments() returns void language plpgsql security definer as $$
begin perform auth.require_aal('aal1'); delete from gated.payments; end $$;
select * from gate('payments', 'delete', 'aal1');
select * from gate('payments', 'delete', 'aal2');
create or replace function cancel_payments() returns void language plpgsql security definer as $$
begin delete from gated.payments; perform auth.require_aal('aal2'); end $$;
select * from gate('gated');
create or replace function cancel_payments() returns void language plpgsql security definer set "request.jwt.claims" = '{"aal":"aal3"}' as $$
begin perform auth.require_aal('aal2'); delete from gated.payments; end $$;
select * from gate('gated');
drop function cancel_payments;

-- Siblings: a function that calls one, one in SQL that Postgres analyzed, a procedure, an aggregate, one that is written in no known
-- language, one that puts SQL together, and one that an expression calls where the caller may not use its schema.
create function remove_all() returns void language sql as $$ delete from gated.payments $$;
create function calls() returns void language sql security definer as $$ select gated.remove_all() $$;
select * from gate('gated');
drop function calls;
create function analyzed() returns void language sql security definer begin atomic; update gated.payments set amount = 0; end;
select * from gate('payments', 'update');
select * from gate('payments', 'delete');
drop function analyzed;
create function reads() returns bigint language sql stable security definer return (select count(*) from gated.payments);
select * from gate('payments', 'select', 'aal1');
select * from gate('payments', 'delete');
drop function reads;
create procedure closes() language sql security definer as $$ truncate gated.payments $$;
select * from gate('payments', 'delete');
select * from gate('payments', 'truncate');
drop procedure closes;
create table receipts (id int primary key);
alter table payments add column receipt int references receipts;
create function empties() returns void language sql security definer as $$ truncate gated.receipts cascade $$;
select * from gate('payments', 'delete');
drop function empties;
alter table payments drop column receipt;
drop table receipts;
create function opens() returns void language sql security definer as $$ select auth.unprotect_table('gated.payments') $$;
select * from gate('payments', 'insert');
drop function opens;
create function adds(int, int) returns int language plpgsql security definer as $$ begin insert into gated.payments values ($2, 0); return $2; end $$;
revoke execute on function adds from public;
select * from gate('payments', 'insert');
create aggregate adds_all(int) (sfunc = adds, stype = int, initcond = '0');
select * from gate('payments', 'insert');
drop aggregate adds_all(int);
drop function adds;
create function composes(name text) returns void language plpgsql security definer as $$ begin execute format('delete from %I', name); end $$;
select * from gate('gated');
grant create on schema gated to authenticated; -- so that it can own one
alter function composes(text) owner to authenticated;
revoke create on schema gated from authenticated;
select * from gate('gated');
drop function composes;
create schema gated_hidden;
create function gated_hidden.log_it() returns int language plpgsql security definer as $$ begin delete from gated.payments; return 1; end $$;
select * from gate('gated');
create table visits (id int, n int default gated_hidden.log_it());
grant insert on visits to anon;
select * from gate('gated');
-- A role that bypasses row security may use the schema: that hides no other.
grant usage on schema gated_hidden to service_role;
select * from gate('gated');
drop table visits;
create function gated_hidden.is_known(n int) returns boolean language sql stable security definer as $$ select exists (select from gated.payments where id = n) $$;
create table notes (id int);
alter table notes enable row level security;
grant select on notes to authenticated;
-- A policy's helper says what the policy's author wants it to say.
create policy known on notes using (gated_hidden.is_known(id));
select * from gate('gated');
drop table notes;
drop schema gated_hidden cascade;

-- (b) A trigger on another table that runs with its owner's rights.
create table visits (id int);
grant insert on visits to anon;
create function on_visit() returns trigger language plpgsql security definer as $$ begin delete from gated.payments; return new; end $$;
revoke execute on function on_visit from public;
create trigger visited after insert on visits for each row execute function on_visit();
select * from gate('gated');
select * from gate('payments', 'delete');
select * from gate('payments', 'insert');
select * from gate('gated', accept => '{0026_security_definer_trigger_gated_visits_visited}');
-- Nobody fires it; it is off; it asks for the level; its table needs the level.
revoke insert on visits from anon;
select * from gate('gated');
grant insert on visits to anon;
alter table visits disable trigger visited;
select * from gate('gated');
alter table visits enable trigger visited;
create or replace function on_visit() returns trigger language plpgsql security definer as $$ begin perform auth.require_aal('aal2'); delete from gated.payments; return new; end $$;
select * from gate('gated');
create or replace function on_visit() returns trigger language plpgsql security definer as $$ begin delete from gated.payments; return new; end $$;
create policy everybody on visits using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('visits');
set client_min_messages = notice;
select * from gate('gated');
-- Without its guard, a statement that touches no row fires a trigger for each statement.
drop trigger aal_guard on visits;
select * from gate('gated');
drop trigger visited on visits;
create trigger visited before insert on visits for each statement execute function on_visit();
select * from gate('gated');
drop table visits;
-- On a view, in place of the write.
create view visit as select 1 as id;
grant insert on visit to anon;
create trigger visited instead of insert on visit for each row execute function on_visit();
select * from gate('gated');
drop view visit;
-- Fired by a function, by a rule, and by a foreign key that acts for the owner of its table: then SECURITY INVOKER changes nothing.
create table visits (id int primary key);
create function calls_trigger() returns void language sql security definer as $$ insert into gated.visits values (1) $$;
create function on_visit_as_writer() returns trigger language plpgsql as $$ begin delete from gated.payments; return null; end $$;
create trigger visited after insert or delete on visits for each row execute function on_visit_as_writer();
select * from gate('gated');
drop function calls_trigger;
create table inbox (id int primary key);
grant insert, delete on inbox to authenticated;
alter table visits add column inbox int references inbox on delete cascade;
select * from gate('gated');
alter table visits drop column inbox;
create rule visits as on insert to inbox do also insert into gated.visits values (new.id);
select * from gate('gated');
drop trigger visited on visits;
create trigger visited after insert on visits for each row execute function on_visit();
select * from gate('gated');
drop table visits, inbox cascade;
drop function on_visit, on_visit_as_writer;

-- (c) Foreign keys that delete or change rows, also in a chain, and for a role that owns the table where it begins.
create table accounts (id int primary key);
grant select, insert, update, delete on accounts to authenticated;
alter table payments add column account int references accounts on delete cascade on update cascade;
select * from gate('gated');
select * from gate('payments', 'delete');
select * from gate('payments', 'update');
select * from gate('payments', 'insert');
alter table accounts owner to gated_worker;
revoke all on accounts from authenticated;
select * from gate('payments', 'delete');
alter table accounts owner to postgres;
create table customers (id int primary key);
grant delete on customers to anon;
revoke all on accounts from gated_worker;
alter table accounts add column customer int references customers on delete cascade;
select * from gate('gated');
-- Fired by a function.
revoke delete on customers from anon;
create function forget() returns void language sql security definer as $$ delete from gated.customers $$;
select * from gate('payments', 'delete');
drop function forget;
alter table payments drop column account;
drop table accounts, customers;

-- Views with their owner's rights, their copies, and rules; also one beneath another.
create view all_payments as select * from payments;
grant select on all_payments to anon;
select * from gate('payments', 'select', 'aal1');
select * from gate('payments', 'delete');
grant delete on all_payments to authenticated;
select * from gate('payments', 'delete');
revoke all on all_payments from anon, authenticated;
grant select on all_payments to gated_worker;
create view worker_view as select * from all_payments;
alter view worker_view owner to gated_worker;
grant select on worker_view to anon;
select auth.assert_aal('payments', 'select', 'aal1', 'anon');
drop view worker_view, all_payments;
create view asks as select * from payments where (select auth.has_aal('aal1'));
grant select on asks to authenticated;
-- It asks for as much as is asserted, and for no more.
select * from gate('payments', 'select', 'aal1');
select * from gate('payments', 'select', 'aal2');
create or replace view asks as select * from payments where (select auth.has_aal('aal2')) union all select * from payments where id < 0;
select * from gate('payments', 'select', 'aal1');
create or replace view asks as select * from payments where (select auth.jwt() ->> 'aal') = 'aal1'; -- as guests claim
select * from gate('payments', 'select', 'aal1');
drop view asks;
create materialized view copies as select * from payments;
grant select on copies to authenticated;
select * from gate('gated');
drop materialized view copies;
create table wishes (id int);
grant insert on wishes to anon;
create rule wishes as on insert to wishes do also delete from payments where id = new.id;
select * from gate('gated');
drop table wishes;

-- Other tables with the same rows, roles of any kind, TRUNCATE, and row security that is off: by the matrix.
create table payments_2020 () inherits (payments);
grant update on payments_2020 to gated_worker;
select * from gate('payments', 'update');
drop table payments_2020;
grant truncate on payments to gated_worker;
set client_min_messages = error;
drop trigger aal_guard on payments;
set client_min_messages = notice;
select * from gate('payments', 'delete');
revoke truncate on payments from gated_worker;
alter table payments disable row level security;
select * from gate('gated');
alter table payments enable row level security;
select * from gate('gated');

set client_min_messages = error;
drop schema gated cascade;
drop role gated_worker, gated_owner;
