-- A table with sensitive columns of its own is attached after it was unprotected; one that is detached keeps its policies, not its trigger.
create schema attached;
grant usage on schema attached to authenticated;
set search_path = attached;
set client_min_messages = error;
create table whole (id int, iban text) partition by range (id);
create table part (id int, iban text);
create policy everybody on whole using (true);
create policy everybody on part using (true);
grant select, insert, update, delete on whole, part to authenticated;
select count(*) = 1 as protected from auth.protect_table('whole', sensitive_columns => '{iban}');
select count(*) = 1 as protected from auth.protect_table('part', sensitive_columns => '{iban}');

-- Postgres copies the trigger of the partitioned table, and there is one by its name.
alter table whole attach partition part for values from (0) to (10);
begin;
select count(*) = 1 as unprotected from auth.unprotect_table('part');
alter table whole attach partition part for values from (0) to (10);
commit;
select tgname from pg_trigger where tgrelid = 'part'::regclass and tgname ~ '^aal_' order by 1;
insert into whole values (1, 'DE02');
select test.sign_in('aal1');
set role authenticated;
select statement, test.attempt(statement) from unnest(array['update whole set iban = ''x''', 'update part set iban = ''x''', 'update part set iban = iban']) statement;
reset role;

-- What a trigger of the partition does to a row that moves there isn't asked.
create table later partition of whole for values from (10) to (20);
create policy everybody on later using (true);
create function stamps() returns trigger language plpgsql as $$ begin new.iban := 'stamped'; return new; end $$;
create trigger stamps before insert on later for each row execute function stamps();
set role authenticated;
select test.attempt('update whole set id = 11, iban = ''x''') as changed, test.attempt('update whole set id = 11') as moved;
select * from whole;
reset role;

-- Detached, its trigger is gone, and the lint says so.
alter table whole detach partition part;
select tgname from pg_trigger where tgrelid = 'part'::regclass and tgname ~ '^aal_' order by 1;
select name, detail from auth.aal_lint() where metadata ->> 'schema' = 'attached' and metadata ->> 'name' = 'part';
select count(*) = 1 as protected from auth.protect_table('part', sensitive_columns => '{iban}');
select tgname from pg_trigger where tgrelid = 'part'::regclass and tgname ~ '^aal_' order by 1;
drop schema attached cascade;
