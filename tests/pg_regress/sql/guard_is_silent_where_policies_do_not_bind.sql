-- The guard explains what the policies decide, so it is silent for whoever they don't bind.
create role table_owner;
create table accounts (id int primary key);
create table payments (id int primary key, account int references accounts on delete cascade on update cascade, note text);
alter table accounts owner to table_owner;
alter table payments owner to table_owner;
insert into accounts values (1), (2);
insert into payments values (1, 1, 'a'), (2, 2, 'b');
grant select, insert, update, delete on accounts, payments to authenticated, service_role;
create policy everybody on payments using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('payments');
reset request.jwt.claims;

-- Superusers, BYPASSRLS, the owner.
select test.attempt($$update payments set note = 'superuser'$$);
set role service_role;
select test.attempt($$update payments set note = 'service_role'$$);
set role table_owner;
select test.attempt($$update payments set note = 'owner'$$);
reset role;
-- Not the owner, once row security is forced.
alter table payments force row level security;
set role table_owner;
select test.attempt($$update payments set note = 'forced owner'$$);
reset role;
-- A foreign key's own action runs in the owner's name and is never in the way, forced or not.
delete from accounts where id = 2;
update accounts set id = 10 where id = 1;
select * from payments;
alter table payments no force row level security;
set role authenticated;
select test.attempt('update accounts set id = 11');
reset role;
select * from payments;

-- row_security = off doesn't get anybody past the guard, nor past the policies.
set row_security = off;
set role authenticated;
select test.attempt($$update payments set note = 'off'$$);
select test.attempt($$insert into payments values (9, 11)$$);
reset role;
reset row_security;

-- With row security off on the table no policy counts, so the guard is silent, too.
alter table payments disable row level security;
set role authenticated;
select test.attempt($$update payments set note = 'disabled'$$);
reset role;
alter table payments enable row level security;

-- A view with its owner's rights bypasses policies that its owner bypasses, and so the guard. A security_invoker view changes
-- nothing.
create view payments_view as select * from payments;
create view payments_invoker with (security_invoker) as select * from payments;
grant all on payments_view, payments_invoker to authenticated;
select test.sign_in('aal1');
set role authenticated;
select test.attempt($$update payments_view set note = 'through a view'$$);
select test.attempt($$update payments_invoker set note = 'through an invoker view'$$);
reset role;
-- A SECURITY DEFINER function acts as its owner: it is trusted with that.
create function as_owner() returns text language sql security definer as $$ select test.attempt('update payments set note = ''definer''') $$;
alter function as_owner owner to table_owner;
set role authenticated;
select as_owner();
reset role;
-- Unless it asks: the claims are the caller's.
create function asks_first() returns text language plpgsql security definer as $$
begin
  perform auth.require_aal('aal2');
  return test.attempt('update payments set note = ''asked''');
end
$$;
alter function asks_first owner to table_owner;
set role authenticated;
select asks_first();
reset role;

drop function as_owner, asks_first;
drop table payments, accounts cascade;
drop role table_owner;
reset request.jwt.claims;
