-- Without pgTAP: psql -v ON_ERROR_STOP=1 -d DATABASE -f payments_psql.sql
-- The first assertion that fails is an error, and ends psql.
begin;
create extension if not exists pg_aal_testing;

\set jane 11111111-1111-4111-8111-111111111111
insert into payments values (1, :'jane', 10), (2, gen_random_uuid(), 20);

select tests.sign_in(:'jane', 'aal1');
select tests.allowed('select from payments', rows => 1);
select tests.refused('update payments set amount = 1', action => 'verify');

select tests.sign_in(:'jane', 'aal2', factor_age => '10 minutes');
select tests.allowed('update payments set amount = 1');
select tests.refused('select refund(1)', action => 'reverify');

select tests.sign_out();
select tests.hidden('select from payments');
select tests.refused('update payments set amount = 1', action => 'sign_in');
rollback;
