-- Ways to change a sensitive column at aal1, each of them refused.
\set VERBOSITY terse
create role table_owner;
create table accounts (id int primary key, title text, iban text, region int default 1);
create table parted (id int, region int, title text, iban text, primary key (id, region)) partition by list (region);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2);
insert into accounts values (1, 'a', 'DE1');
insert into parted values (1, 1, 'a', 'DE1');
alter table accounts owner to table_owner;
alter table parted owner to table_owner;
alter table parted_1 owner to table_owner;
alter table parted_2 owner to table_owner;
grant select, insert, update, delete on accounts, parted, parted_1, parted_2 to authenticated;
create policy everybody on accounts using (true) with check (true);
create policy everybody on parted using (true) with check (true);
create policy everybody on parted_1 using (true) with check (true);
create policy everybody on parted_2 using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('accounts', sensitive_columns => '{iban}', on_insert => 'aal1');
select count(*) = 1 as protected from auth.protect_table('parted', sensitive_columns => '{iban}', on_insert => 'aal1');
-- Views with the owner's rights, for the titles alone: who is bound in one part of a statement isn't in another.
create view titles as select id, title from accounts;
create view parted_titles as select id, region, title from parted;
create view parted_1_titles as select id, region, title from parted_1;
alter view titles owner to table_owner;
alter view parted_titles owner to table_owner;
alter view parted_1_titles owner to table_owner;
grant select, insert, update on titles, parted_titles, parted_1_titles to authenticated;
create function pg_temp.first(text, text) returns text language sql as 'select $1';
grant service_role to authenticated;
select test.sign_in('aal1');
set session authorization authenticated;
with x as (update titles set title = 'x' where id = 1 returning 1) update accounts set iban = 'EVIL' where id = 1 and false;
with x as (update titles set title = 'x' where false returning 1) update accounts set iban = 'EVIL' where id = 1;
with x as (update accounts set iban = 'EVIL' where id = 1 returning 1) update titles set title = 'x' where false;
with x as (update titles set title = 'y' where false), y as (insert into accounts values (1) on conflict (id) do update set iban = 'EVIL') select 1;
with x as (update parted_titles set title = 'x' where false) update parted set iban = 'EVIL', region = 2;
with x as (update parted set iban = 'EVIL', region = 2) update parted_titles set title = 'x' where false;
with x as (update parted_1_titles set title = 'x' where false) update parted set iban = 'EVIL';
with x as (insert into parted_titles values (1, 1) on conflict (id, region) do update set title = 'x') insert into parted values (2, 1), (1, 1) on conflict (id, region) do update set iban = 'EVIL';
with x as (insert into parted_titles values (3, 1) on conflict (id, region) do update set title = 'x') insert into parted values (2, 1), (1, 1) on conflict (id, region) do update set iban = 'EVIL';
with x as (insert into parted values (2, 1), (1, 1) on conflict (id, region) do update set iban = 'EVIL') insert into parted_titles values (3, 1) on conflict (id, region) do update set title = 'x';
with x as (insert into parted_1_titles values (3, 1) on conflict (id, region) do update set title = 'x') insert into parted values (2, 1), (1, 1) on conflict (id, region) do update set iban = 'EVIL';
-- In a part of the statement that runs last, as another role by then.
with x as (insert into parted values (1, 1) on conflict (id, region) do update set iban = 'EVIL') select set_config('role', 'service_role', true);
-- The views alone work.
update titles set title = 'by the view' where id = 1;
insert into parted_titles values (1, 1, 'by the view') on conflict (id, region) do update set title = excluded.title;
-- Computed, sub-selects, nested statements, functions, subtransactions.
update accounts set (title, iban) = (select 'x', 'EVIL');
update accounts a set iban = b.iban || 'EVIL' from accounts b;
update accounts set iban = case when id = 1 then iban || '' else iban end;
update accounts set iban = iban || ' ';
update parted set iban = upper(iban) || 'x', region = 3 - region;
create function pg_temp.nested() returns text language plpgsql as $$ begin update accounts set iban = 'EVIL'; return 'done'; exception when insufficient_privilege then return 'refused'; end $$;
update accounts set title = pg_temp.nested();
begin;
savepoint a;
update accounts set iban = 'EVIL';
rollback to a;
update parted set region = 2;
update parted set region = 1, iban = 'EVIL';
rollback;
-- A first update that is allowed and a second of the same row.
begin;
update accounts set iban = 'DE1', title = 'c';
update accounts set iban = 'EVIL';
rollback;
create temp table copy as select * from accounts;
merge into accounts a using copy c on a.id = c.id when matched and c.id = 1 then update set title = 'x', iban = c.iban || 'x' when not matched then do nothing;
prepare p as update parted set iban = $1, region = $2 where id = 1;
execute p('DE1', 2);
execute p('EVIL', 1);
deallocate p;
reset session authorization;
revoke service_role from authenticated;
select * from accounts;
select * from parted order by id;

-- TRIGGER lets a role put its triggers beside ours, and no other in their place.
grant trigger on accounts, parted_1, parted_2, parted to authenticated;
create function public.evil() returns trigger language plpgsql as $$ begin new.iban := 'EVIL'; return new; end $$;
create function public.skip() returns trigger language plpgsql as $$ begin return old; end $$;
set role authenticated;
create or replace trigger aal_columns before update on accounts for each row execute function public.skip();
create or replace trigger aal_columns before update on parted_1 for each row execute function public.skip();
create trigger zzz before update of iban on accounts for each row execute function public.evil();
create trigger zzz before update of iban on parted_2 for each row execute function public.evil();
update accounts set iban = 'DE1';
update parted set iban = 'DE1', region = 1;
drop trigger zzz on accounts;
reset role;
select * from accounts;
select * from parted order by id;
revoke trigger on accounts, parted_1, parted_2, parted from authenticated;
drop trigger if exists zzz on accounts;
drop trigger if exists zzz on parted_2;

-- Explained with counters, at aal2: the added check has one, too.
select test.sign_in('aal2');
set role authenticated;
do $$ begin execute 'explain (analyze) update parted set region = 3 - region, iban = ''DE9'''; execute 'explain (analyze, buffers) update accounts set iban = ''DE9'''; end $$;
reset role;
select id, iban from accounts union all select id, iban from parted where id = 1;

-- A generated column is computed after every trigger that could refuse a row. What it is computed from can be sensitive.
create table computed (id int, iban text, shown text generated always as (upper(iban)) stored);
select auth.protect_table('computed', sensitive_columns => '{shown}');
drop table computed;

drop function public.evil cascade;
drop function public.skip cascade;
drop table accounts, parted cascade;
drop role table_owner;
reset request.jwt.claims;
