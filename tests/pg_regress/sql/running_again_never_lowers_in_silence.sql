-- protect_table again, with options that take something away from the protection that is there: it raises and says what, the old
-- and the new in one line each, unless lower => true. protect_table_sql refuses alike.
create table t (id int primary key, owner_id uuid, made_by uuid, iban text, amount int);
grant select, insert, update, delete on t to anon, authenticated, service_role;
create policy everybody on t using (true) with check (true);
set client_min_messages = warning;

-- Each option by itself.
select read, write from auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2 within 15 minutes', owner_column => 'owner_id');
select auth.protect_table('t', read => 'none', on_insert => 'aal2 within 15 minutes', owner_column => 'owner_id');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2 within 15 minutes');
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2 within 16 minutes', owner_column => 'owner_id');
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2', owner_column => 'owner_id');
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal1 within 5 minutes', owner_column => 'made_by');
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2 within 15 minutes', on_delete => 'enrolled', owner_column => 'owner_id', guard => false);
select auth.protect_table('t', read => 'aal1 within 1 day', on_insert => 'aal2 within 15 minutes', owner_column => 'owner_id', roles => '{authenticated}');
-- All at once, and the text alike.
select auth.protect_table('t', write => 'aal1', roles => '{authenticated}', guard => false);
select auth.protect_table_sql('t', write => 'aal1', roles => '{authenticated}', guard => false);
-- Nothing was done.
select read, on_insert, on_update, on_delete, roles, owner_column, guard from auth.protected_tables;
-- What is as high or higher passes.
select read, write from auth.protect_table('t', read => 'aal2 within 1 hour', write => 'aal3 within 5 minutes', owner_column => 'owner_id');
-- On purpose.
select read, write, roles from auth.protect_table('t', write => 'aal1', roles => '{authenticated}', guard => false, lower => true);
select auth.protect_table('t', lower => null);

-- From none to none, and from enrolled.
select write from auth.protect_table('t', write => 'enrolled', on_delete => 'none', lower => true);
select auth.protect_table('t', write => 'aal1', on_delete => 'none');
select write from auth.protect_table('t', write => 'aal2', on_delete => 'none');

-- Roles: one that is a member of a role that stays bound, stays bound.
create role web nologin;
grant web to anon;
select roles from auth.protect_table('t', roles => '{anon,authenticated}', lower => true);
select auth.protect_table('t', roles => '{authenticated}');
select roles from auth.protect_table('t', roles => '{web,authenticated}');
alter role web rename to "Web";
select roles from auth.protect_table('t', roles => '{Web,authenticated}');
select roles from auth.protect_table('t');

-- Sensitive columns lower all other updates.
select auth.protect_table('t', sensitive_columns => '{iban,amount}');
select write from auth.protect_table('t', sensitive_columns => '{iban,amount}', lower => true);
select auth.protect_table('t', sensitive_columns => '{amount}');
alter table t rename iban to account;
select auth.protect_table('t', on_update => 'aal1');
select write from auth.protect_table('t', sensitive_columns => '{account,amount,made_by}');
select write from auth.protect_table('t');

-- What was altered by hand counts, too: raised, narrowed, and taken away from the record.
alter policy aal_read on t using (auth.has_aal('aal2'));
select auth.protect_table('t');
alter policy aal_read on t using (auth.has_aal('aal1') and id > 0);
select auth.protect_table('t');
alter policy aal_read on t using (auth.has_aal('aal1'));
alter policy aal_update on t using (auth.has_aal('aal2', '5 minutes'));
select auth.protect_table('t');
alter policy aal_update on t using (auth.has_aal('aal1')) with check (auth.has_aal('aal1'));
select auth.protect_table('t', on_update => 'aal1');
select write from auth.protect_table('t');
-- Dropped by hand: it is put back.
drop policy aal_update on t;
drop trigger aal_guard on t;
select write from auth.protect_table('t');
-- A guard that asks for more.
drop trigger aal_guard on t;
create trigger aal_guard before truncate on t for each statement execute function auth.aal_guard('truncate=aal3');
comment on trigger aal_guard on t is 'pg_aal: {"row_security_before":false}';
select auth.protect_table('t');
select write from auth.protect_table('t', lower => true);
drop table t;

-- A partition that was protected more strictly than its parent is now.
create table parted (id int, at date, iban text) partition by range (at);
create table parted_1 partition of parted for values from ('2026-01-01') to ('2027-01-01');
create table parted_2 partition of parted for values from ('2027-01-01') to ('2028-01-01');
create policy everybody on parted using (true) with check (true);
select partitions from auth.protect_table('parted');
select write from auth.protect_table('parted_2', write => 'aal3', max_age => '1 hour');
select auth.protect_table('parted');
select auth.protect_table('parted', write => 'aal3');
select write, partitions from auth.protect_table('parted', write => 'aal3', max_age => '1 hour');
select write from auth.protect_table('parted', sensitive_columns => '{iban}', write => 'aal3', max_age => '1 hour', lower => true);
select auth.protect_table('parted', on_update => 'aal2', write => 'aal3', max_age => '1 hour');
select write from auth.protect_table('parted', sensitive_columns => '{iban}', write => 'aal3', max_age => '1 hour');
drop table parted;
reset client_min_messages;
drop owned by "Web";
drop role "Web";
