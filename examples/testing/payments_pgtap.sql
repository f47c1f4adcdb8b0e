-- With pgTAP: pg_prove -d DATABASE payments_pgtap.sql
begin;
create extension if not exists pgtap;
create extension if not exists pg_aal_testing;
select plan(14);

\set jane 11111111-1111-4111-8111-111111111111
\set ann  22222222-2222-4222-8222-222222222222
insert into payments values (1, :'jane', 10), (2, :'jane', 20), (3, :'ann', 30);

-- One factor: Jane reads her own payments, and is told to step up before she changes one.
select tests.sign_in(:'jane', 'aal1');
select tests.allowed('select from payments', 'a user sees their own payments only', rows => 2);
select tests.refused('update payments set amount = 1 where id = 1', 'aal2', 'one factor changes nothing', action => 'verify');
select tests.refused('delete from payments where id = 999', 'aal2', 'nor does it tell which payments there are');
select tests.refused('select refund(1)', 'aal2', 'one factor refunds nothing');

-- A second factor, just verified.
select tests.sign_in(:'jane', 'aal2');
select tests.allowed('update payments set amount = 1 where id = 1', 'a fresh second factor changes a payment');
select tests.allowed('insert into payments values (4, default, 40)', 'and makes one');
select tests.hidden('update payments set amount = 1 where id = 3', 'the payments of others stay hidden');
select tests.allowed('select refund(1)', 'a fresh second factor refunds');
select is((select count(*) from payments), 2::bigint, 'the refunded payment is gone');

-- It gets old.
select tests.sign_in(:'jane', 'aal2', factor_age => '6 minutes');
select tests.allowed('update payments set amount = 2 where id = 2', 'six minutes later it changes payments');
select tests.refused('select refund(2)', 'aal2', 'and refunds none', action => 'reverify');
select tests.sign_in(:'jane', 'aal2', factor_age => '16 minutes');
select tests.refused('update payments set amount = 3', 'aal2', 'after a quarter of an hour it changes none', action => 'reverify');

-- Nobody.
select tests.sign_out();
select tests.hidden('select from payments', 'without a sign-in there is nothing to see');
select tests.refused('insert into payments values (5, null, 50)', 'aal2', 'and is told to sign in', action => 'sign_in');

select * from finish();
rollback;
