-- 0048_restrictive_in_shards finds restrictive policies of tables that Citus holds. Here is no Citus: a table of somebody else that is called
-- like its list says nothing. tests/e2e/citus.test.mjs shows the findings.
create schema lint_0048;
create table lint_0048.pg_dist_partition (logicalrelid regclass);
create table lint_0048.payments (id int, user_id uuid);
insert into lint_0048.pg_dist_partition values ('lint_0048.payments');
set client_min_messages = error;
select read, warnings from auth.protect_table('lint_0048.payments', owner_column => 'user_id');
select count(*) from auth.aal_lint() where name like '0048%';
select polname, polpermissive from pg_policy where polrelid = 'lint_0048.payments'::regclass order by 1;
drop schema lint_0048 cascade;
