-- A sensitive column holds where its row moves to another partition, and where it is reached through a parent.
\set VERBOSITY terse
create table parted (id int, region int, sub int, title text, iban text) partition by list (region);
create table parted_1 partition of parted for values in (1);
-- Other columns, in another order, two levels deep.
create table parted_2 (iban text, gone int, sub int, title text, region int, id int) partition by list (sub);
alter table parted_2 drop column gone;
alter table parted attach partition parted_2 for values in (2);
create table parted_2_1 (title text, gone int, gone_too int, iban text, id int, sub int, region int);
alter table parted_2_1 drop column gone, drop column gone_too;
alter table parted_2 attach partition parted_2_1 for values in (1);
create table parted_2_2 partition of parted_2 for values in (2);
insert into parted values (1, 1, 1, 'a', 'DE1'), (2, 2, 1, 'b', 'DE2'), (3, 2, 2, 'c', 'DE3');
grant select, insert, update, delete on parted, parted_1, parted_2, parted_2_1, parted_2_2 to authenticated;
select count(*) = 1 as protected from auth.protect_table('parted', sensitive_columns => '{iban}', on_insert => 'aal1');
create policy everybody on parted using (true) with check (true);
create policy everybody on parted_1 using (true) with check (true);
create policy everybody on parted_2 using (true) with check (true);
create policy everybody on parted_2_1 using (true) with check (true);
create policy everybody on parted_2_2 using (true) with check (true);
-- A partition that came later.
create table parted_3 (region int, title text, iban text, id int, sub int);
alter table parted attach partition parted_3 for values in (3);

create view pg_temp.writes(nr, statement) as values
  (1, $$update parted set region = 2, iban = iban where id = 1$$),
  (2, $$update parted set region = 3, iban = 'DE2' where id = 2$$),
  (3, $$update parted set sub = 2 where id = 2$$),
  (4, $$update parted_2 set sub = 2, iban = 'DE2' where id = 2$$),
  (5, $$merge into parted p using (values (1)) v(id) on p.id = v.id when matched then update set region = 2, iban = 'DE1'$$),
  (10, $$with x as (update parted set iban = 'EVIL', region = 2 where id = 1) update parted set title = title where false$$),
  (11, $$update parted set iban = 'EVIL', region = 1, title = 'x' where id = 2$$),
  (12, $$update parted set iban = 'EVIL', sub = 2 where id = 2$$),
  (13, $$update parted_2 set iban = 'EVIL', sub = 2 where id = 2$$),
  (14, $$update parted_2 set iban = 'EVIL', sub = 1 where id = 3$$),
  (15, $$update parted set iban = 'EVIL', region = 3 where id = 2$$),
  (16, $$merge into parted p using (values (1)) v(id) on p.id = v.id when matched then update set region = 2, iban = 'EVIL'$$),
  (17, $$update parted set iban = null, region = 3$$),
  (18, $$with x as (update parted set iban = 'EVIL', region = 2 where id = 1 returning set_config('role', 'service_role', true)) update parted set title = title where false$$);
grant select on pg_temp.writes to authenticated;
select test.sign_in('aal1');
set role authenticated;
select * from test.tried('pg_temp.writes');
reset role;
select count(*) from test.tried('pg_temp.writes') where answer like 'done%';
select test.sign_in('aal2');
set role authenticated;
select count(*) from test.tried('pg_temp.writes') where answer like 'done%';
reset role;
-- The row that triggers of the project have made of it counts, also where one of theirs comes last by its name.
create function pg_temp.evil() returns trigger language plpgsql as $$ begin new.iban := 'EVIL'; return new; end $$;
create trigger zzz before update of iban on parted_1 for each row execute function pg_temp.evil();
select test.sign_in('aal1');
set role authenticated;
select test.attempt($$update parted set iban = 'DE1', region = 2 where id = 1$$) as names_it, test.attempt($$update parted set region = region where id = 1$$) as does_not;
explain (analyze, costs off, timing off, summary off) update parted set region = 2, iban = 'EVIL' where id = 1;
reset role;
drop trigger zzz on parted_1;
-- The owner, unless row security is forced.
create role table_owner;
alter table parted owner to table_owner;
alter table parted_1 owner to table_owner;
set role table_owner;
select test.attempt($$update parted set iban = 'owner', region = 1 where id = 1$$);
reset role;
alter table parted force row level security;
set role table_owner;
select test.attempt($$update parted set iban = 'forced', title = 'x' where id = 1$$);
reset role;
-- An upsert that is routed to a partition.
create table routed (id int, iban text, title text, primary key (id)) partition by range (id);
create table routed_1 partition of routed for values from (0) to (10);
insert into routed values (1, 'DE1', 'a');
grant select, insert, update on routed to authenticated;
create policy everybody on routed using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('routed', sensitive_columns => '{iban}', on_insert => 'aal1', roles => '{authenticated}');
set role authenticated;
select test.attempt($$insert into routed values (1, 'DE1', 'b') on conflict (id) do update set iban = excluded.iban, title = excluded.title$$) as unchanged,
       test.attempt($$insert into routed values (1, 'EVIL', 'b') on conflict (id) do update set iban = excluded.iban$$) as changed;
reset role;
begin;
grant anon to authenticated;
set session authorization authenticated;
insert into routed values (1, 'EVIL', 'b') on conflict (id) do update set iban = excluded.iban returning set_config('role', 'anon', false);
reset session authorization;
rollback;
select * from routed;
drop table routed;

-- Tables that inherit, two levels deep; also one that comes later.
create table parent (id int, title text, iban text);
create table child (iban text, extra int, id int, title text);
alter table child drop column extra;
alter table child inherit parent;
create table grandchild () inherits (child);
insert into parent values (1, 'a', 'DE1');
insert into child (id, iban) values (2, 'DE2');
insert into grandchild (id, iban) values (3, 'DE3');
grant select, insert, update, delete on parent to authenticated;
create policy everybody on parent using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('parent', sensitive_columns => '{iban}');
create table late (note text) inherits (parent);
insert into late values (4, 'd', 'DE4', 'n');
set role authenticated;
select id, test.attempt(format('update parent set iban = ''EVIL'' where id = %s', id)) as named,
       test.attempt(format('with x as (update parent set iban = ''EVIL'' where id = %s) update parent set title = title where false', id)) as in_with,
       test.attempt(format('update parent set iban = ''DE%s'', title = ''same'' where id = %s', id, id)) as unchanged,
       test.attempt(format('update parent set title = ''b'' where id = %s', id)) as another
  from generate_series(1, 4) as id;
select test.attempt($$merge into parent p using (values (1)) v(id) on p.id = v.id when matched then update set iban = 'EVIL'$$);
explain (analyze, costs off, timing off, summary off) update parent set iban = 'EVIL' where id = 2;
reset role;
select tableoid::regclass, id, iban from parent order by id;
drop table parent cascade;
drop table parted cascade;
drop role table_owner;
reset request.jwt.claims;
