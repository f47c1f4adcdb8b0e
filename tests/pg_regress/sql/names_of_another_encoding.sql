-- Roles and databases are shared with databases of other encodings: a name that isn't UTF-8 here breaks nothing.
create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C';
\c latin
set client_encoding = 'UTF8';
create role "rolé";
\c regression
create table named (id int);
grant select on named to public;
select count(*) from auth.aal_matrix('named') where role <> all (array['anon', 'authenticated', 'authenticator', 'service_role', 'postgres']::name[]) and required_aal = 'none';
select auth.aal_report() ~ 'rol&#65533;|rol.U.FFFD' as report;
drop table named;
\c latin
set client_encoding = 'UTF8';
drop role "rolé";
\c regression
drop database latin;
