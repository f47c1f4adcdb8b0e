-- The matrix of one role has the rows that it has in the whole, for all tables or one.
create table filtered (id int);
create table filtered_too (id int);
grant select on filtered, filtered_too to anon, authenticated;
select role, command, required_aal from auth.aal_matrix('filtered', 'anon') order by 2;
select distinct target, role from auth.aal_matrix(role => 'authenticated') where target::text like 'filtered%' order by 1;
select count(*) from (select * from auth.aal_matrix() where role = 'anon' except select * from auth.aal_matrix(role => 'anon')) missing;
select count(*) from (select * from auth.aal_matrix(role => 'anon') except select * from auth.aal_matrix() where role = 'anon') added;
-- A role of Postgres' own, which the whole leaves out.
select count(*) from auth.aal_matrix() where role = 'pg_read_all_data';
select command, required_aal, decided_by from auth.aal_matrix('filtered', 'pg_read_all_data') where command = 'SELECT';
select * from auth.aal_matrix('filtered', 'nobody there');
\echo :LAST_ERROR_SQLSTATE
select * from auth.aal_matrix(role => '');
select count(*) = (select count(*) from auth.aal_matrix('filtered')) as same from auth.aal_matrix('filtered', null);
drop table filtered, filtered_too;
