-- Where pg_aal_testing got into production, no client can use it: the role that connected must be one that may create in its schema.
create extension pg_aal_testing;
\set SHOW_CONTEXT never
create table payments (id int);
insert into payments values (1);
grant select, update on payments to authenticated;
create role developer login;
grant authenticated to developer;

\c - authenticator
\set SHOW_CONTEXT never
begin;
select tests.sign_in('jane', 'aal2');
\echo :LAST_ERROR_SQLSTATE
rollback;
begin;
set local role authenticated;
savepoint s;
select tests.sign_in('11111111-1111-4111-8111-111111111111'::uuid, 'aal2');
rollback to s;
select tests.sign_out();
rollback to s;
select tests.aal_act('authenticated', '{"aal":"aal2"}');
rollback to s;
-- Nor run SQL through it.
select tests.allowed('select from payments');
rollback to s;
select tests.refused('select from payments');
rollback to s;
select tests.hidden('select from payments');
rollback to s;
select * from tests.aal_outcome('select from payments', false);
rollback to s;
select current_user, auth.aal();
rollback;

-- Another role tests by one grant.
\c - postgres
grant create on schema tests to developer;
\c - developer
\set SHOW_CONTEXT never
begin;
select tests.sign_in('jane', 'aal2');
select tests.allowed('update payments set id = 2');
-- It becomes those roles only that it is a member of.
savepoint s;
select tests.sign_in('jane', role => 'anon');
rollback to s;
rollback;

-- Without pg_aal the helpers would have nothing to help with.
\c - postgres
drop extension pg_aal;
drop extension pg_aal_testing;
drop table payments;
drop role developer;
