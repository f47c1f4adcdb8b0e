-- A partitioned table is protected with all its partitions: each can be named directly, and then only its own
-- policies count.
create table parted (id int, user_id uuid, amount int) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10);
create table parted_2 partition of parted for values from (10) to (100) partition by list (amount);
create table parted_2_a partition of parted_2 for values in (1);
create table parted_2_b partition of parted_2 default;
alter table parted_2_b enable row level security;
insert into parted values (1, '11111111-1111-4111-8111-111111111111', 1), (11, '11111111-1111-4111-8111-111111111111', 1), (12, '11111111-1111-4111-8111-111111111111', 2);
grant all on parted, parted_1, parted_2, parted_2_a, parted_2_b to authenticated;
select count(*) = 1 as protected from auth.protect_table('parted', owner_column => 'user_id');
select target, read, on_update, guard, row_security from auth.protected_tables order by 1;

select test.sign_in('aal1');
set role authenticated;
select t, test.attempt(format('select * from %s', t)) as reads, test.attempt(format('update %s set amount = amount', t)) as writes,
       test.attempt(format('truncate %s', t)) as truncates
  from unnest(array['parted', 'parted_1', 'parted_2', 'parted_2_a', 'parted_2_b']) as t;
reset role;
select test.sign_in('aal2');
set role authenticated;
select t, test.attempt(format('update %s set id = id', t)) as writes
  from unnest(array['parted', 'parted_1', 'parted_2', 'parted_2_a', 'parted_2_b']) as t;
-- A row that moves between partitions.
select test.attempt('update parted set id = 13 where id = 1');
select tableoid::regclass, * from parted order by id;
reset role;
-- The policies alone, partition by partition.
select count(*) = 1 as protected from auth.protect_table('parted', owner_column => 'user_id', guard => false, lower => true);
select test.sign_in('aal1');
set role authenticated;
select t, test.attempt(format('delete from %s', t)) as writes
  from unnest(array['parted', 'parted_1', 'parted_2', 'parted_2_a', 'parted_2_b']) as t;
reset role;

-- A partition that came later is protected as its parent, and protect_table may run again.
create table parted_3 partition of parted for values from (100) to (200);
select count(*) from auth.protected_tables where target = 'parted_3'::regclass;
select count(*) = 1 as protected from auth.protect_table('parted', owner_column => 'user_id');
select count(*) from auth.protected_tables where target = 'parted_3'::regclass;
-- Each goes back to what it was.
select count(*) = 1 as unprotected from auth.unprotect_table('parted');
select relname, relrowsecurity from pg_class where relname like 'parted%' and relkind in ('r', 'p') order by 1;

-- A partition alone: its rows can be reached through the parent.
select count(*) = 1 as protected from auth.protect_table('parted_1', owner_column => 'user_id');
drop table parted;

-- Tables that inherit aren't partitions: a warning names them.
create table parent (id int);
create table child () inherits (parent);
create policy everybody on parent using (true);
select count(*) = 1 as protected from auth.protect_table('parent');
select count(*) = 1 as protected from auth.protect_table('child');
drop table parent cascade;
reset request.jwt.claims;
