-- Whom guards and sensitive columns bind is decided as row security decides it, when the statement begins: a role that is changed
-- within the statement changes nothing.
\set VERBOSITY terse
create role table_owner;
create table accounts (id int primary key, title text, iban text);
create table payments (id int primary key, note text);
insert into accounts values (1, 'mine', 'DE1');
insert into payments values (1, 'a');
alter table accounts owner to table_owner;
alter table payments owner to table_owner;
grant select, insert, update, delete on accounts, payments to authenticated, service_role;
create policy everybody on accounts using (true) with check (true);
create policy everybody on payments using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('accounts', sensitive_columns => '{iban}', roles => '{authenticated}');
select count(*) = 1 as protected from auth.protect_table('payments', roles => '{authenticated}');
select test.sign_in('aal1');

-- Away from a bound role.
set session authorization authenticator;
set role authenticated;
with x as (update accounts set iban = 'EVIL' returning set_config('role', 'anon', false)) update accounts set title = title where false;
select current_user;
with u as (update accounts set iban = 'EVIL' returning 1) select 1 from (select set_config('role', 'anon', false) offset 0) s cross join u;
select current_user;
update accounts set iban = 'EVIL' where set_config('role', 'anon', false) = 'anon';
select current_user;
insert into accounts select 2, set_config('role', 'anon', false), 'EVIL';
select current_user;
-- The guard explains before any row, whatever the role is by then.
with s as materialized (select set_config('role', 'anon', false)), u as (update payments set note = 'EVIL' where exists (select from s) returning 1) select count(*) from s, u;
select current_user;
with s as (select set_config('role', 'anon', false) offset 0) delete from payments using s;
select current_user;
-- Planning changes the role.
reset session authorization;
create function public.at_planning() returns boolean language plpgsql immutable as $$ begin perform set_config('role', 'anon', false); return true; end $$;
grant select, update on accounts to anon;
set session authorization authenticator;
set role authenticated;
update accounts set iban = 'EVIL' where public.at_planning();
select current_user;
-- A function of the session's own that opens the update, and has another role run it.
reset session authorization;
create function public.other_role() returns int language plpgsql as $$
declare
  c refcursor;
  answer int;
begin
  open c for update accounts set iban = 'EVIL' returning 1;
  perform set_config('role', 'anon', false);
  fetch c into answer;
  return answer;
end $$;
set session authorization authenticator;
set role authenticated;
select public.other_role();
reset session authorization;
revoke select, update on accounts from anon;
select * from accounts order by id;
select * from payments;

-- Towards a bound role: the statement began for one that isn't.
grant authenticated to table_owner;
set role table_owner;
update accounts set iban = 'DE2' where set_config('role', 'authenticated', false) = 'authenticated';
reset role;
set role service_role;
update payments set note = 'b' where set_config('role', 'service_role', false) = 'service_role';
reset role;

-- A view with its owner's rights: the policies, and so the guards, are asked for its owner.
create view by_owner as select * from accounts;
create view by_invoker with (security_invoker) as select * from accounts;
create view payments_by_owner as select * from payments;
alter view by_owner owner to table_owner;
alter view payments_by_owner owner to table_owner;
grant select, insert, update, delete on by_owner, by_invoker, payments_by_owner to authenticated;
set role authenticated;
select test.attempt($$update by_owner set iban = 'DE3'$$) as by_owner, test.attempt($$update by_invoker set iban = 'EVIL'$$) as by_invoker,
       test.attempt($$update payments_by_owner set note = 'c'$$) as guarded;
reset role;
-- Unless row security is forced for the owner.
alter table accounts force row level security;
alter table payments force row level security;
select count(*) = 1 as protected from auth.protect_table('accounts', sensitive_columns => '{iban}');
select count(*) = 1 as protected from auth.protect_table('payments');
set role authenticated;
select test.attempt($$update by_owner set iban = 'EVIL'$$) as by_owner, test.attempt($$update by_invoker set iban = 'EVIL'$$) as by_invoker,
       test.attempt($$update payments_by_owner set note = 'EVIL'$$) as guarded;
reset role;
select * from accounts;
select * from payments;

drop function public.at_planning, public.other_role;
drop table accounts, payments cascade;
drop role table_owner;
reset request.jwt.claims;

-- TRUNCATE, and rows that are routed to a partition: what no executor decides about in advance. A role that may become others
-- leaves its own behind within the statement.
create role switcher login noinherit;
grant authenticated, anon to switcher;
create table emptied (id int);
insert into emptied values (1);
grant truncate on emptied to authenticated;
create table routed (id int primary key, bucket text) partition by range (id);
create table routed_1 partition of routed for values from (0) to (10);
insert into routed values (1, 'DE1');
grant select, insert, update on routed, routed_1 to authenticated;
grant select, insert, update on routed to service_role;
create policy everybody on routed_1 using (true) with check (true);
set client_min_messages = error;
select count(*) from auth.protect_table('emptied', roles => '{authenticated}');
select count(*) from auth.protect_table('routed_1', sensitive_columns => '{bucket}', on_insert => 'aal1', roles => '{authenticated}');
reset client_min_messages;
create trigger one_bucket before insert on routed_1 for each row when (new.bucket = 'contracts') execute function auth.aal_guard('insert=aal2');
select test.sign_in('aal1');
set session authorization switcher;
set role authenticated;
create temp table mine (id int);
create function pg_temp.away() returns trigger language plpgsql as $$ begin perform set_config('role', 'none', true); return null; end $$;
create trigger away before truncate on mine execute function pg_temp.away();
truncate emptied;
truncate mine, emptied;
insert into routed values (2, 'contracts');
insert into routed select 2, 'contracts' where set_config('role', 'anon', true) = 'anon';
insert into routed values (1, 'EVIL') on conflict (id) do update set bucket = excluded.bucket;
insert into routed values (1, 'EVIL') on conflict (id) do update set bucket = excluded.bucket returning set_config('role', 'anon', true);
reset session authorization;
\echo a role that is not bound, and may do it, is not told anything
set role service_role;
insert into routed values (3, 'contracts');
insert into routed values (3, 'y') on conflict (id) do update set bucket = excluded.bucket;
reset role;
truncate emptied;
select * from routed order by id;
drop table emptied, routed;
drop role switcher;
reset request.jwt.claims;
