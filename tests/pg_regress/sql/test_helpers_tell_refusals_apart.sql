-- allowed, refused and hidden: each passes for its outcome, and for no other.
create extension pg_aal_testing;
\set SHOW_CONTEXT never
\set jane 11111111-1111-4111-8111-111111111111
create table payments (id int primary key, user_id uuid default auth.subject_uuid(), amount int check (amount > 0));
create table secrets (like payments including all);
create table unguarded (like payments including all);
create table closed (like payments including all);
grant select, insert, update, delete, truncate on payments, secrets, unguarded to anon, authenticated;
select count(*) from auth.protect_table('payments', owner_column => 'user_id', max_age => '15 minutes');
select count(*) from auth.protect_table('secrets', read => 'aal2', owner_column => 'user_id');
select count(*) from auth.protect_table('unguarded', owner_column => 'user_id', guard => false);
insert into payments values (1, :'jane', 10), (2, md5('ann')::uuid, 10);
insert into secrets select * from payments;
insert into unguarded select * from payments;

-- What each says of each outcome. One that fails raises, and leaves nothing behind.
create table statements (nr int, statement text);
insert into statements values
  (1, 'select from payments'),
  (2, 'update payments set amount = amount + 1'),
  (3, 'update payments set amount = amount + 1 where id = 2'),
  (4, 'select from secrets'),
  (5, 'delete from secrets'),
  (6, 'insert into unguarded values (3, auth.subject_uuid(), 1)'),
  (7, 'update unguarded set amount = 1'),
  (8, 'select from closed'),
  (9, 'update payments set amount = 0 where id = 1'),
  (10, 'select from no_table'),
  (11, 'truncate payments'),
  (12, 'select auth.require_aal(''aal3'')'),
  (13, 'do $$ begin assert false; end $$'),
  (14, null);
grant select on statements to anon, authenticated;
create function verdict(call text, statement text) returns text language plpgsql as $$
declare
  line text;
  seen text;
begin
  execute format('select tests.%s(%L)', call, statement) into line;
  raise exception 'undo';
exception when others or assert_failure then
  get stacked diagnostics seen = pg_exception_detail;
  return case
    when sqlstate = 'P0004' then 'not ok, ' || regexp_replace(seen, '\nwant.*|\n +\{.*', '', 'g')
    when line is not null then split_part(line, ' ', 1)
    else sqlstate
  end;
end
$$;
create view verdicts as
  select nr, left(coalesce(statement, 'null'), 24) as statement, split_part(a, ',', 1) as allowed, split_part(r, ',', 1) as refused,
         h as hidden, coalesce(nullif(split_part(a, 'have: ', 2), ''), nullif(split_part(r, 'have: ', 2), '')) as seen
    from statements, verdict('allowed', statement) a, verdict('refused', statement) r, verdict('hidden', statement) h;
create view short as select nr, statement, allowed, refused, split_part(hidden, ',', 1) as hidden, seen from verdicts;
grant select on verdicts, short to anon, authenticated;
begin;
select tests.sign_in(:'jane');
select * from short order by nr;
rollback;
begin;
select tests.sign_in(:'jane', 'aal2');
select * from short order by nr;
rollback;
begin;
select tests.sign_out();
select * from short order by nr;
rollback;

-- A refusal is one of the level that is asserted, and of the step.
begin;
select tests.sign_in(:'jane', 'aal2', '20 minutes');
select tests.refused('update payments set amount = 1', action => 'reverify');
select tests.refused('update payments set amount = 1', 'aal2', 'an old factor is not enough');
savepoint s;
select tests.refused('update payments set amount = 1', action => 'verify');
rollback to s;
select tests.refused('update payments set amount = 1', 'aal3');
rollback to s;
-- A description in the place of the level is no level.
select tests.refused('update payments set amount = 1', 'an old factor is not enough');
rollback to s;
select tests.refused('update payments set amount = 1', null);
rollback to s;
select tests.refused('update payments set amount = 1', action => 'verfy');
rollback;
-- In the form for PostgREST, too.
begin;
set local pg_aal.error_format = 'postgrest';
select tests.sign_in(:'jane');
select tests.refused('update payments set amount = 1', action => 'verify');
savepoint s;
select tests.refused('update payments set amount = 1', 'aal3');
rollback;

-- How many rows.
begin;
select tests.sign_in(:'jane', 'aal2');
select tests.allowed('select from payments', 'own rows only', 1);
savepoint s;
select tests.allowed('select from payments', rows => 2);
rollback to s;
select tests.allowed('select from payments where id = 2', rows => 0);
-- A change that was allowed stays; one that wasn't refused or hidden doesn't.
select tests.allowed('update payments set amount = 20');
select amount from payments;
savepoint s;
select tests.refused('update payments set amount = 30');
rollback to s;
select tests.hidden('update payments set amount = 30');
rollback to s;
select amount from payments;
-- Statements that say nothing of rows can't be hidden, and are allowed if they run.
select tests.hidden('truncate payments');
rollback to s;
select tests.hidden('/* */ truncate payments');
rollback to s;
select tests.allowed(' TRUNCATE payments', 'it may empty the table');
rollback;

-- A role that bypasses row security would be allowed everything: nothing is asserted as one.
select tests.allowed('select from payments');
\echo :LAST_ERROR_SQLSTATE
select tests.refused('update payments set amount = 1');
select tests.hidden('select from secrets');
begin;
set local role service_role;
select tests.allowed('select from payments');
rollback;

drop extension pg_aal_testing;
drop view short, verdicts;
drop function verdict;
drop table payments, secrets, unguarded, closed, statements;
