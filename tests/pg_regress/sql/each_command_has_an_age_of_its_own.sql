-- A level is a text like aal2 or aal2 within 10 minutes, for each command. max_age is for the writes whose level has no age.
create table t (id int primary key, owner_id uuid, iban text, note text);
insert into t values (1, '11111111-1111-4111-8111-111111111111', 'DE1', 'a');
grant select, insert, update, delete on t to authenticated;
create policy everybody on t using (true) with check (true);
set client_min_messages = warning;

select * from auth.protect_table('t', read => 'aal1 within 2 hours', write => 'aal2 within 10 minutes', on_delete => 'aal2 within 00:01:30', on_insert => 'enrolled');
select read, on_insert, on_update, on_delete from auth.protected_tables;
select command, required_aal, max_age from auth.aal_matrix('t') where role = 'authenticated' and command <> 'TRUNCATE';
select policyname, coalesce(qual, with_check) as condition from pg_policies where tablename = 't' and policyname ~ '^aal' order by 1;
select name, detail from auth.aal_lint() where metadata ->> 'name' = 't';
select obj_description(oid, 'pg_policy') as record from pg_policy where polrelid = 't'::regclass and polname = 'aal_read';

-- What sessions can do: the guard explains each age.
create function test.can(aal text, factor_age int) returns table (command text, answer text) language plpgsql as $$
begin
  perform test.sign_in(aal, factor_age);
  set local role authenticated;
  for command in select unnest(array['select from t', 'insert into t values (2)', 'update t set note = note', 'delete from t']) loop
    answer := test.attempt(command);
    return next;
  end loop;
  reset role;
end
$$;
select * from test.can('aal2', 60);
select * from test.can('aal2', 300);
select * from test.can('aal2', 1000);
-- Password two hours ago, and older: reads see nothing.
select test.set_claims('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","amr":[{"method":"password","timestamp":@-7000@}]}');
set role authenticated;
select count(*) from t;
reset role;
select test.set_claims('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1","amr":[{"method":"password","timestamp":@-8000@}]}');
set role authenticated;
select count(*) from t;
reset role;

-- The default of the writes, and what it isn't for.
select read, write from auth.protect_table('t', max_age => '15 minutes', on_update => 'aal2 within 5 minutes', on_delete => 'none', lower => true);
select read, write from auth.protect_table('t', write => 'enrolled within 1 hour', on_insert => 'aal1', max_age => '1 day', lower => true);
select read, write from auth.protect_table('t', write => 'aal2 within 1 day 1 hour', on_insert => 'aal2 within 1.5 seconds', on_delete => 'aal2 within 1 month', lower => true);

-- Sensitive columns: other updates need what reads need, with its age.
select read, write from auth.protect_table('t', read => 'aal2 within 1 hour', write => 'aal2 within 10 minutes', sensitive_columns => '{iban}', lower => true);
select test.sign_in('aal2', 1000);
set role authenticated;
update t set note = 'b';
update t set iban = 'DE2';
reset role;
select test.sign_in('aal2', 4000);
set role authenticated;
update t set note = 'b';
reset role;

-- What is no level.
select auth.protect_table('t', write => 'none within 1 hour');
select auth.protect_table('t', write => 'aal2 within a while');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', write => 'aal2 within ');
select auth.protect_table('t', write => 'aal2 within -1 minute');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', write => 'aal2 within 10000000000000 years');
select auth.protect_table('t', write => 'aal2 for 10 minutes');
select auth.protect_table('t', write => 'aal2 within');
select auth.protect_table('t', write => 'aal4 within 1 hour');
-- Postgres reads the interval, in any of its forms and in any style of the session.
set intervalstyle = sql_standard;
select write from auth.protect_table('t', write => 'aal2 within PT1H30M', lower => true);
reset intervalstyle;

drop table t;
drop function test.can(text, int);
reset client_min_messages;
reset request.jwt.claims;
