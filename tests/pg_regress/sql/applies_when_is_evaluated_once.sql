-- The function of applies_when runs once for each policy and guard of a statement, and never for each row. A session that has the
-- level doesn't run it at all.
create schema private;
create function private.applies() returns boolean language plpgsql stable parallel safe as $$ begin return current_setting('test.applies')::boolean; end $$;
create table t (id int primary key, iban text, note text);
insert into t select n, 'x', 'x' from generate_series(1, 1000) n;
analyze t;
grant select, insert, update, delete on t to authenticated;
create policy everybody on t using (true) with check (true);
set client_min_messages = error;
set track_functions = 'all';
do $do$ begin
  execute format($$create function test.runs(statement text) returns bigint language plpgsql as $body$
  declare
    before bigint := coalesce(pg_stat_get_xact_function_calls(%1$s), 0);
  begin
    execute statement;
    return coalesce(pg_stat_get_xact_function_calls(%1$s), 0) - before;
  end
  $body$ $$, 'private.applies()'::regprocedure::oid);
end $do$;
create table statements (nr int generated always as identity, statement text);
insert into statements (statement) values
  ('select count(*) from t'), ('update t set note = ''y'''), ('update t set iban = iban || ''y'''), ('delete from t where id > 900'),
  ('insert into t select n, ''x'' from generate_series(2001, 3000) n');
grant select on statements to authenticated;
grant execute on all functions in schema test to authenticated;
select count(*) from auth.protect_table('t', read => 'aal2', write => 'aal2', sensitive_columns => '{iban}', applies_when => 'private.applies()', lower => true);

set test.applies = 'false';
\echo exempt, at aal1
select test.sign_in('aal1');
set role authenticated;
select statement, test.runs(statement) as runs from statements order by nr;
reset role;
\echo exempt or not, at aal2
select test.sign_in('aal2');
set role authenticated;
select statement, test.runs(statement) as runs from statements where nr < 5 order by nr;
set test.applies = 'true';
select statement, test.runs(statement) as runs from statements where nr < 5 order by nr;
reset role;

-- A guard's answer is for its statement: the next one asks again.
select count(*) from auth.protect_table('t', applies_when => 'private.applies()', lower => true);
select test.sign_in('aal1');
set role authenticated;
prepare note as update t set note = note where id = 1;
set plan_cache_mode = force_generic_plan;
set test.applies = 'false';
execute note;
set test.applies = 'true';
execute note;
set test.applies = 'false';
execute note;
reset role;

drop table t, statements;
drop schema private cascade;
drop function test.runs(text);
reset test.applies;
reset request.jwt.claims;
