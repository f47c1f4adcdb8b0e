-- What can't be protected, and requests that make no sense: a clear error each, and nothing done.
create table t (id int primary key, owner_id uuid, amount numeric, gone text);
alter table t drop column gone;
create view v as select * from t;
create materialized view m as select * from t;
create sequence s;
create index i on t (amount);
create type composite as (a int);
create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
create foreign table f (id int) server nowhere;
create table parent (id int) partition by range (id);
create foreign table parent_1 partition of parent for values from (0) to (10) server nowhere;

select auth.protect_table('v');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('m');
select auth.protect_table('f');
select auth.protect_table('parent');
select auth.protect_table('s');
select auth.protect_table('i');
select auth.protect_table('composite');
select auth.protect_table('pg_class');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('information_schema.sql_features');
select auth.protect_table('nowhere');
select auth.protect_table(0);
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table(null);
\echo :LAST_ERROR_SQLSTATE
select auth.unprotect_table(null);
\echo :LAST_ERROR_SQLSTATE
select auth.unprotect_table('v');
select auth.protect_table_sql('v');

select auth.protect_table('t', read => 'AAL2');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', write => 'aal9');
select auth.protect_table('t', on_insert => '');
select auth.protect_table('t', read => null);
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', write => null);
select auth.protect_table('t', read => 'none', write => 'none');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', max_age => '-1 minute');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', roles => '{}');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', roles => null);
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', roles => '{authenticated,null}');
select auth.protect_table('t', roles => '{nobody_of_that_name}');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', guard => null);
select auth.protect_table('t', owner_column => 'nowhere');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', owner_column => 'gone');
select auth.protect_table('t', owner_column => '........pg.dropped.4........');
select auth.protect_table('t', owner_column => 'ctid');
select auth.protect_table('t', owner_column => 'amount');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', sensitive_columns => '{amount,nowhere}');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', sensitive_columns => '{amount}', guard => false);
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', sensitive_columns => '{amount}', on_update => 'none');
select auth.protect_table('t', sensitive_columns => '{amount}', read => 'none');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', sensitive_columns => '{amount}', read => 'aal2', write => 'aal1');
select auth.protect_table('t', sensitive_columns => '{null}');

-- Ownership, as creating a policy needs it.
grant select, insert, update, delete on t to authenticated;
set role authenticated;
select auth.protect_table('t');
\echo :LAST_ERROR_SQLSTATE
select auth.unprotect_table('t');
\echo :LAST_ERROR_SQLSTATE
select length(auth.protect_table_sql('t')) > 0 as the_text_may_be_seen;
reset role;
grant create on schema public to authenticated;
set role authenticated;
create table mine (id int);
select count(*) from auth.protect_table('mine');
select count(*) from auth.unprotect_table('mine');
drop table mine;
reset role;
revoke create on schema public from authenticated;
-- A member of the owner may.
create role owners;
create role one_of_them in role owners;
alter table t owner to owners;
set role one_of_them;
select count(*) from auth.protect_table('t');
select count(*) from auth.unprotect_table('t');
reset role;
alter table t owner to postgres;
drop role owners, one_of_them;
-- Partitions that belong to somebody else.
create table parted (id int) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10);
alter table parted_1 owner to authenticated;
alter table parted owner to anon;
set role anon;
select auth.protect_table('parted');
\echo :LAST_ERROR_SQLSTATE
reset role;

-- Policies and triggers of somebody else that bear our names are never dropped.
create policy aal_read on t using (true);
select auth.protect_table('t');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table_sql('t');
select count(*) from auth.unprotect_table('t');
drop policy aal_read on t;
create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal1');
comment on trigger aal_guard on t is 'pg_aal: mine';
select auth.protect_table('t');
\echo :LAST_ERROR_SQLSTATE
drop trigger aal_guard on t;

-- Nothing of all that was done.
select relname, relrowsecurity from pg_class where relname in ('t', 'parent', 'parted', 'parted_1') order by 1;
select count(*) from pg_policies where policyname like 'aal%';
select count(*) from auth.protected_tables;

drop table t, parent, parted cascade;
drop server nowhere cascade;
drop foreign data wrapper nowhere;
drop sequence s;
drop type composite;
