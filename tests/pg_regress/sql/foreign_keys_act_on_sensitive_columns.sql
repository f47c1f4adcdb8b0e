-- A foreign key's own action runs in the name of the table's owner, whom row security doesn't bind: it may change sensitive columns,
-- in whatever session. Each in a connection of its own: the library may be loaded by the trigger only.
\set VERBOSITY terse
create role table_owner;
create role admin;
create table users (id int primary key, name text);
create table invoices (id int primary key, user_id int references users on delete set null on update cascade, note text);
create table orders (id int primary key, user_id int default 0 references users on delete set default on update set null, note text);
create table parted (id int, user_id int references users on delete set null on update cascade, note text) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table lines (id int primary key, invoice int references invoices on delete cascade, user_id int references users on delete cascade on update cascade);
insert into users values (0, 'nobody'), (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
insert into invoices values (1, 1), (2, 2), (3, 3), (4, 4);
insert into orders values (1, 1), (2, 2), (3, 3), (4, 4);
insert into parted values (1, 1), (1, 2), (1, 3), (1, 4);
insert into lines values (1, 1, 1), (2, 2, 2);
alter table invoices owner to table_owner;
alter table orders owner to table_owner;
alter table parted owner to table_owner;
alter table parted_1 owner to table_owner;
alter table lines owner to table_owner;
grant select, insert, update, delete on users, invoices, orders, parted, parted_1, lines to authenticated, admin;
set client_min_messages = error;
select count(*) = 1 as protected from auth.protect_table('invoices', sensitive_columns => '{user_id}');
select count(*) = 1 as protected from auth.protect_table('orders', sensitive_columns => '{user_id}');
select count(*) = 1 as protected from auth.protect_table('parted', sensitive_columns => '{user_id}');
select count(*) = 1 as protected from auth.protect_table('lines', sensitive_columns => '{user_id}');
reset client_min_messages;
create policy everybody on invoices using (true) with check (true);
create policy everybody on orders using (true) with check (true);
create policy everybody on parted using (true) with check (true);
create policy everybody on parted_1 using (true) with check (true);
create policy everybody on lines using (true) with check (true);
alter table invoices force row level security;
alter table parted force row level security;

-- Without claims, as Supabase Auth: the first statement of a connection.
\c -
set role admin;
delete from users where id = 1;
\c -
set role admin;
update users set id = 20 where id = 2;
\c -
-- With the library loaded, at aal1.
select test.sign_in('aal1');
set role authenticated;
select auth.aal();
delete from users where id = 3;
update users set id = 40 where id = 4;
-- What the session itself changes, it changes at its own level; also in a statement that has a foreign key act, too.
update invoices set user_id = 0 where id = 1;
with d as (delete from users where id = 40 returning 1) update invoices set user_id = 0 where id = 1;
with d as (delete from users where id = 40 returning 1) update invoices set note = 'x' where id = 1;
insert into invoices values (1, 0) on conflict (id) do update set user_id = excluded.user_id;
reset role;
select * from invoices order by id;
select * from orders order by id;
select * from parted order by user_id;
select * from lines order by id;
-- A change of the session's own in the first statement of a connection.
\c -
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}';
set role authenticated;
update invoices set user_id = 0 where id = 1;
\c -
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}';
set role authenticated;
with d as (delete from users where id = 20 returning 1), s as (select set_config('role', 'admin', true) offset 0)
update parted set user_id = 0 from s;
reset role;
select * from parted order by user_id;
-- Without any policy of ours, by hand: what decides is left, and is loaded last of all.
drop policy aal_update on invoices;
drop policy aal_read on invoices;
drop policy aal_insert on invoices;
drop policy aal_delete on invoices;
drop trigger aal_guard on invoices;
\c -
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}';
set role authenticated;
delete from users where id = 20;
\c -
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}';
set role authenticated;
update invoices set user_id = 0 where id = 1;
reset role;
select * from invoices order by id;

drop table lines, parted, orders, invoices, users;
drop role table_owner, admin;
