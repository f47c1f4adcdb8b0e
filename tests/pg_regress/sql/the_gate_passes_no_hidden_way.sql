-- The gate names ways past policies that neither a table's name in a function nor a level that a table asks shows.
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema gated;
create schema gated_hidden;
grant usage on schema gated to anon, authenticated, service_role;
set search_path = gated, public;
create role gated_owner;
grant usage on schema gated to gated_owner;
create table payments (id int primary key, amount int);
create policy everybody on payments using (true);
grant select, insert, update, delete on payments to authenticated, service_role;
set client_min_messages = error;
select count(*) from auth.protect_table('payments');
set client_min_messages = notice;

-- What the gate says of payments: nothing, or the lines of its DETAIL. The fixture has functions that set claims, which count, too.
create function gate(command text default 'delete', accept text[] default '{}') returns setof text language plpgsql set client_min_messages = warning as $$
declare
  detail text;
begin
  perform auth.assert_aal('gated.payments', command, case when command = 'select' then 'aal1' else 'aal2' end, accept => accept);
  return next 'passes';
exception when assert_failure then
  get stacked diagnostics detail = pg_exception_detail;
  return query select line from string_to_table(detail, E'\n') line where line !~ 'test[._]';
end
$$;
select gate();

-- Code that has its caller's rights, and changes the session's role or its claims: in a text, by a call, by a clause, behind another
-- function, in a trigger. A gateway's session may have each role that it serves.
create function becomes() returns void language plpgsql as $$ begin set local role service_role; delete from gated.payments; end $$;
select gate();
create or replace function becomes() returns void language plpgsql as $$ begin perform set_config('role', 'service_role', true); delete from gated.payments; end $$;
select gate();
create or replace function becomes() returns void language sql set role = service_role as $$ delete from gated.payments $$;
select gate();
create or replace function becomes() returns void language sql begin atomic select set_config('role', 'service_role', true); delete from gated.payments; end;
select gate();
-- What that role needs counts.
create or replace function becomes() returns void language plpgsql as $$ begin set local role authenticated; delete from gated.payments; end $$;
select gate();
create or replace function becomes() returns void language plpgsql as $$ begin set local "request.jwt.claims" = '{"aal":"aal3"}'; end $$;
select gate();
create function acts() returns void language plpgsql as $$ begin perform gated.becomes(); delete from gated.payments; end $$;
select gate();
create or replace function acts() returns void language plpgsql security definer as $$ begin perform auth.require_aal('aal2'); delete from gated.payments; end $$;
select gate();
create function one_by_one() returns void language sql as $$ select gated.becomes(); select gated.acts() $$;
select gate();
-- Nobody may call it.
revoke execute on function one_by_one from public;
select gate();
drop function one_by_one, acts;
-- Other settings are none of these.
create or replace function becomes() returns void language plpgsql as $$ begin perform set_config('response.status', '200', true); delete from gated.payments; end $$;
select gate();
drop function becomes;
create function stamps() returns trigger language plpgsql as $$ begin set local request.jwt.claims = '{"aal":"aal2"}'; return new; end $$;
create trigger a_first before delete on payments for each statement execute function stamps();
select gate();
drop trigger a_first on payments;
create trigger a_first after delete on payments for each row execute function stamps();
select gate();
drop function stamps cascade;

-- A foreign key acts for its table's owner also where row security is forced on that.
create table accounts (id int primary key);
alter table payments add column account int references accounts on delete cascade;
create function forget() returns void language sql security definer as $$ delete from gated.accounts $$;
alter table payments owner to gated_owner;
alter table payments force row level security;
select gate();
alter table payments no force row level security;
alter table payments owner to postgres;
drop function forget;
alter table payments drop column account;
drop table accounts;

-- A rule that a foreign key's action meets, and a constraint.
create table accounts (id int primary key);
create table cards (id int, account int references accounts on delete set null);
grant delete on accounts to authenticated;
create rule deletes as on update to cards do also delete from payments;
select gate();
drop rule deletes on cards;
create function deletes(int) returns boolean language plpgsql as $$ begin delete from gated.payments; return true; end $$;
alter table cards add check (deletes(account));
select gate();
drop table cards, accounts;
drop function deletes;

-- A key that a partition's rows have, which a role may update there alone.
create table parts (id int unique, n int) partition by range (id);
create table parts_1 partition of parts default;
alter table payments add column part int references parts (id) on update cascade;
grant update on parts_1 to authenticated;
select gate('update');
alter table payments drop column part;
drop table parts;

-- Of two rules, one of which asks for a level, both count.
create table wishes (id int);
grant insert on wishes to anon;
create rule logs as on insert to wishes do also notify wished;
create rule deletes as on insert to wishes do also delete from payments where auth.has_aal('aal2') or true;
select gate();
drop table wishes;

-- A function that only the default of a parameter calls; one that an analyzed body calls where callers may not use its schema.
create function gated_hidden.removes() returns text language sql as $$ delete from gated.payments; select 'done' $$;
create function reports(how text default gated_hidden.removes()) returns text language sql as $$ select how $$;
create function calls() returns text language sql security definer as $$ select gated.reports() $$;
select gate();
drop function calls;
alter function gated_hidden.removes() security definer;
select gate();
drop function reports;
select gate();
create function calls() returns text language sql return gated_hidden.removes();
select gate();
drop function calls;
drop function gated_hidden.removes;

-- An operator, a cast and a domain, which a text doesn't name.
create function one_by_one(int, int) returns int language sql as $$ delete from gated.payments; select 1 $$;
create operator ### (leftarg = int, rightarg = int, function = one_by_one);
create function calls() returns int language sql security definer as $$ select 1 operator(gated.###) 1 $$;
select gate();
drop operator ### (int, int);
create or replace function calls() returns int language sql security definer as $$ select 1 $$;
create domain checked as int check (one_by_one(value, 1) = 1);
select gate();
drop domain checked;
create type kind as enum ('a');
create function to_int(kind) returns int language sql as $$ select gated.one_by_one(1, 1) $$;
create cast (kind as int) with function to_int(kind);
select gate();
drop type kind cascade;
drop function calls, one_by_one;

-- A copy that a function fills.
create function amounts() returns setof int language sql stable as $$ select amount from gated.payments $$;
create materialized view copies as select * from amounts();
grant select on copies to anon;
select gate('select');
select gate('delete');
-- The owner of a copy that policies bind.
revoke select on copies from anon;
alter materialized view copies owner to gated_owner;
select gate('select');
drop materialized view copies;
drop function amounts;

-- The owner of a view writes to it, and fires its trigger.
create view visits as select 1 as id;
create function on_visit() returns trigger language plpgsql security definer as $$ begin delete from gated.payments; return new; end $$;
create trigger visited instead of insert on visits for each row execute function on_visit();
alter view visits owner to gated_owner;
select gate();
drop view visits;

-- A level that a table asks of some sessions only.
create function asks() returns boolean language sql stable return auth.claims() ->> 'exempt' is null;
create table visits (id int);
create policy everybody on visits using (true);
grant insert on visits to authenticated;
create trigger visited after insert on visits for each row execute function on_visit();
set client_min_messages = error;
select count(*) from auth.protect_table('visits');
select gate();
select count(*) from auth.protect_table('visits', applies_when => 'gated.asks()', lower => true);
select gate();
-- Those that payments exempts, too, are accepted there.
select count(*) from auth.protect_table('payments', applies_when => 'gated.asks()', lower => true);
set client_min_messages = notice;
select gate();
select gate(accept => '{0027_applies_to_some_gated_payments_gated.asks()}');
set client_min_messages = error;
select count(*) from auth.protect_table('payments');
set client_min_messages = notice;
drop table visits;
drop function on_visit;

-- SQL that is put together in a block; a table with the name of its database; backslashes in strings.
create function composes() returns void language plpgsql security definer as $$ begin do $d$ begin execute replace('delete from gated.xyz', 'xyz', 'payments'); end $d$; end $$;
select gate();
create or replace function composes() returns void language plpgsql security definer as $$ begin delete from regression.gated.payments; end $$;
select gate();
create or replace function composes() returns void language plpgsql security definer set standard_conforming_strings = off as $$
declare note text := '\'; begin perform auth.require_aal($q$aal2$q$); end; --'; begin delete from gated.payments; end $$;
select gate();
drop function composes;
create function composes(query text) returns xml language sql security definer return query_to_xml(query, true, true, '');
select gate();
drop function composes;

set client_min_messages = error;
drop schema gated, gated_hidden cascade;
drop role gated_owner;
