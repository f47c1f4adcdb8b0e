-- The policies decide. With the guard dropped by hand, or never made, still no row changes at AAL1. Only TRUNCATE,
-- which row security doesn't see, is then left to its privilege.
create table payments (id int primary key, user_id uuid not null, amount int);
insert into payments select n, '11111111-1111-4111-8111-111111111111', n * 10 from generate_series(1, 3) as n;
grant all on payments to authenticated;
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id');
drop trigger aal_guard on payments;
select guard from auth.protected_tables;

select test.sign_in('aal1');
set role authenticated;
select test.attempt($$insert into payments values (20, '11111111-1111-4111-8111-111111111111', 1)$$);
select test.attempt($$insert into payments values (1, '11111111-1111-4111-8111-111111111111', 1) on conflict (id) do update set amount = 0$$);
select test.attempt($$insert into payments values (1, '11111111-1111-4111-8111-111111111111', 1) on conflict do nothing$$);
select test.attempt($$update payments set amount = 0$$);
select test.attempt($$update payments set amount = 0 where id = 1$$);
select test.attempt($$delete from payments$$);
select test.attempt($$merge into payments p using (values (1)) v(id) on p.id = v.id when matched then update set amount = 7$$);
select test.attempt($$merge into payments p using (values (1)) v(id) on p.id = v.id when matched then delete$$);
select test.attempt($$merge into payments p using (values (30)) v(id) on p.id = v.id when not matched then insert values (30, '11111111-1111-4111-8111-111111111111', 1)$$);
select * from payments for update;
select * from payments order by id;
reset role;
select * from payments order by id;

-- A disabled guard, and one that session_replication_role passes over: the same.
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id', guard => false, lower => true);
select guard from auth.protected_tables;
set role authenticated;
select test.attempt($$delete from payments$$);
reset role;
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id');
set session_replication_role = replica;
set role authenticated;
select test.attempt($$delete from payments$$);
reset role;
reset session_replication_role;
select * from payments order by id;

-- At AAL2 the policies let through what the guard would.
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id', guard => false, lower => true);
select test.sign_in('aal2');
set role authenticated;
select test.attempt($$update payments set amount = 0 where id = 1$$);
select test.attempt($$delete from payments where id = 2$$);
select test.attempt($$insert into payments values (20, '11111111-1111-4111-8111-111111111111', 1)$$);
reset role;
select * from payments order by id;

-- TRUNCATE without the guard: its privilege alone decides. With it: the level does, too.
select test.sign_in('aal1');
set role authenticated;
select test.attempt('truncate payments');
reset role;
select count(*) from payments;
insert into payments values (1, '11111111-1111-4111-8111-111111111111', 10);
select count(*) = 1 as protected from auth.protect_table('payments', owner_column => 'user_id');
set role authenticated;
select test.attempt('truncate payments');
reset role;
select count(*) from payments;

drop table payments;
reset request.jwt.claims;
