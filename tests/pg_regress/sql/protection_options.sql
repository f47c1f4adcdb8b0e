-- Every way to protect a table, each with the statements it makes where they differ from the default, and what
-- sessions can do then.
\pset null '(null)'
create table t (id int primary key, owner_id uuid, owner_name text, iban text, note text);
insert into t values (1, '11111111-1111-4111-8111-111111111111', 'jane', 'DE1', 'a'), (2, null, null, 'DE2', 'b');
grant all on t to anon, authenticated;
create policy everybody on t using (true) with check (true);

create function test.can() returns table (who text, reads text, inserts text, updates text, deletes text, truncates text)
language plpgsql as $$
declare
  answer text[];
begin
  for who in select unnest(array['nobody', 'aal1', 'aal2 old', 'aal2 fresh']) loop
    perform case who when 'nobody' then test.sign_out() when 'aal1' then test.sign_in('aal1')
                     when 'aal2 old' then test.sign_in('aal2', 3600) else test.sign_in('aal2', 60) end;
    set local role authenticated;
    reads := (select count(*) from t);
    inserts := left(test.attempt('insert into t select 0 where false'), 22);
    updates := left(test.attempt('update t set note = note'), 22);
    deletes := left(test.attempt('delete from t where id = 0'), 22);
    truncates := left(test.attempt('do ''begin truncate t; raise division_by_zero; end'''), 22);
    reset role;
    return next;
  end loop;
end
$$;
\echo everything at AAL2
select write, owner_column from auth.protect_table('t', read => 'aal2', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', read => 'aal2', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();

\echo fresh writes
select write, owner_column from auth.protect_table('t', max_age => '15 minutes', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', max_age => '15 minutes', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, read, on_insert, on_update, on_delete from auth.protected_tables;

\echo per-command levels
select write, owner_column from auth.protect_table('t', on_insert => 'aal1', on_delete => 'aal3', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', on_insert => 'aal1', on_delete => 'aal3', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, read, on_insert, on_update, on_delete from auth.protected_tables;

\echo public reads
select write, owner_column from auth.protect_table('t', read => 'none', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', read => 'none', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();

\echo inserts for everybody
select write, owner_column from auth.protect_table('t', on_insert => 'none', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', on_insert => 'none', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();

\echo reads only
select write, owner_column from auth.protect_table('t', read => 'aal2', write => 'none', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', read => 'aal2', write => 'none', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, read, on_insert, on_update, on_delete, guard from auth.protected_tables;

\echo without the guard
select write, owner_column from auth.protect_table('t', guard => false, lower => true);
select statement from string_to_table(auth.protect_table_sql('t', guard => false, lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, guard from auth.protected_tables;

\echo for some roles: others are bound neither by the policies nor by the guard
select write, owner_column from auth.protect_table('t', roles => '{anon,authenticated}', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', roles => '{anon,authenticated}', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
create role cron_worker;
grant all on t to cron_worker;
set role cron_worker;
select test.attempt('update t set note = note');
select test.attempt('do ''begin truncate t; raise division_by_zero; end''');
reset role;
select target, roles from auth.protected_tables;
-- A WARNING names them.
select count(*) > 0 as protected from auth.protect_table('t', roles => '{authenticated}', lower => true);
grant select on t to public;
select count(*) > 0 as protected from auth.protect_table('t', roles => '{anon,authenticated}', lower => true);
revoke select on t from public;
-- A role inherits what binds the roles it is a member of.
grant authenticated to cron_worker;
select test.sign_in('aal1');
set role cron_worker;
select test.attempt('update t set note = note');
reset role;
drop owned by cron_worker;
drop role cron_worker;

\echo own rows, by uuid and by text
select write, owner_column from auth.protect_table('t', owner_column => 'owner_id', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', owner_column => 'owner_id', lower => true), E'\n\n') as statement where statement like 'create policy aal_owner%';
drop policy everybody on t;
select * from test.can();
select target, owner_column from auth.protected_tables;
select write, owner_column from auth.protect_table('t', owner_column => 'owner_name', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', owner_column => 'owner_name', lower => true), E'\n\n') as statement where statement like 'create policy aal_owner%';
select test.set_claims('{"sub":"jane","aal":"aal1"}');
set role authenticated;
select id, owner_name from t;
reset role;
select test.set_claims('{"aal":"aal1"}');
set role authenticated;
select id, owner_name from t;
reset role;
select target, owner_column from auth.protected_tables;
create policy everybody on t using (true) with check (true);

\echo sensitive columns: an update that changes one needs the write level, others the read level
select write, owner_column from auth.protect_table('t', sensitive_columns => '{iban,owner_id}', max_age => '15 minutes', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', sensitive_columns => '{iban,owner_id}', max_age => '15 minutes', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, on_update, sensitive_columns from auth.protected_tables;
select test.sign_in('aal1');
set role authenticated;
select test.attempt($$update t set note = 'x'$$);
select test.attempt($$update t set iban = 'x'$$);
select test.attempt($$update t set note = 'x', iban = iban$$);
select test.attempt($$update t set iban = 'x' where false$$);
select test.attempt($$merge into t using (values (1)) v(id) on t.id = v.id when matched then update set iban = 'x'$$);
select test.attempt($$merge into t using (values (1)) v(id) on t.id = v.id when matched then update set note = 'y'$$);
select test.attempt($$insert into t values (1) on conflict (id) do update set iban = 'x'$$);
update t set iban = 'x';
reset role;
-- Where inserts are open, an upsert that changes a sensitive column still isn't.
select count(*) > 0 as protected from auth.protect_table('t', sensitive_columns => '{iban}', on_insert => 'aal1', lower => true);
set role authenticated;
select test.attempt($$insert into t values (1) on conflict (id) do update set iban = 'x'$$);
select test.attempt($$insert into t values (1) on conflict (id) do update set note = 'x'$$);
reset role;
select * from t order by id;
-- Renamed columns stay sensitive.
alter table t rename iban to account;
set role authenticated;
select test.attempt($$update t set account = 'x'$$);
reset role;
select sensitive_columns from auth.protected_tables;

drop table t;
drop function test.can();
reset request.jwt.claims;
