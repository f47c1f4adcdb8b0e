-- A guard isn't called where the session shows its level as the statement starts. That holds only where no other code runs before it:
-- what changes the claims first counts, as the guard would see it.
load 'pg_aal';
\set SHOW_CONTEXT never
set client_min_messages = error;
create table t (id int primary key, note text);
insert into t values (1, 'old');
grant select, insert, update, delete on t to authenticated;
create policy everybody on t using (true) with check (true);
select count(*) from auth.protect_table('t');
create function test.level() returns trigger language plpgsql as $$ begin perform test.sign_in(tg_argv[0]); return new; end $$;
create function test.outcome(statement text) returns text language plpgsql as $$
begin
  set local role authenticated;
  execute statement;
  reset role;
  return 'done';
exception when others then
  return sqlerrm;
end
$$;
grant execute on all functions in schema test to public;

\echo alone, before a trigger of its own kind by name, and with one for each row
select test.sign_in('aal2');
select test.outcome($$explain (analyze, costs off, timing off) update t set note = 'new'$$) as aal2;
select test.sign_in('aal1');
select test.outcome($$update t set note = 'new'$$) as aal1;
create trigger a_lower before insert or update or delete on t for each statement execute function test.level('aal1');
select test.sign_in('aal2');
select test.outcome($$update t set note = 'new'$$) as lowered;
select test.sign_in('aal2');
select test.outcome($$insert into t values (2, 'new')$$) as lowered;
select test.sign_in('aal2');
select test.outcome($$delete from t$$) as lowered;
alter table t disable trigger a_lower;
select test.sign_in('aal2');
select test.outcome($$update t set note = 'new'$$) as not_lowered;
drop trigger a_lower on t;
create trigger a_raise before update on t for each statement execute function test.level('aal2');
select test.sign_in('aal1');
select test.outcome($$update t set note = 'new'$$) as raised;
drop trigger a_raise on t;

\echo where a guard is switched off, every other trigger fires: here for a role that no policy binds
create table fired (event text);
create function test.notes() returns trigger language plpgsql as $$ begin insert into fired values (tg_when || ' ' || tg_op || ' ' || tg_level); return null; end $$;
create trigger a_update before update on t for each statement execute function test.notes();
create trigger z_delete before delete on t for each statement execute function test.notes();
create trigger z_update after update on t for each statement execute function test.notes();
create trigger z_off before insert on t for each statement execute function test.notes();
alter table t disable trigger z_off;
insert into t values (5, 'new');
update t set note = 'newer' where id = 5;
delete from t where id = 5;
table fired;
drop table fired;
drop trigger a_update on t;
drop trigger z_delete on t;
drop trigger z_update on t;
drop trigger z_off on t;

\echo an upsert fires triggers for INSERT, and then its guard for UPDATE
create trigger z_lower before insert on t for each statement execute function test.level('aal1');
select test.sign_in('aal2');
select test.outcome($$insert into t values (1, 'new') on conflict (id) do update set note = 'new'$$) as lowered;
drop trigger z_lower on t;

\echo a part in WITH that changes tables runs first
create table log (note text);
grant insert on log to authenticated;
create trigger lower before insert on log for each row execute function test.level('aal1');
select test.sign_in('aal2');
select test.outcome($$with logged as (insert into log values ('x') returning 1) insert into t select 3, count(*) from logged$$) as refused;

\echo where the policies are gone, the guard alone decides
drop policy aal_update on t;
create trigger a_lower before update on t for each statement execute function test.level('aal1');
select test.sign_in('aal2');
select test.outcome($$update t set note = 'newest'$$) as lowered;
select note from t;

\echo token mode: a token that a trigger sets first counts for the statement, and EXPLAIN takes none
drop table t, log;
create table t (id int primary key, note text);
insert into t values (1, 'old');
grant select, insert, update, delete on t to authenticated;
create policy everybody on t using (true) with check (true);
select count(*) from auth.protect_table('t');
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set, set_config('test.low', test.token_at('aal1'), false) is not null as low,
       set_config('test.high', test.token_at('aal2'), false) is not null as high;
set pg_aal.claims_source = 'token';
create function test.shows_token() returns trigger language plpgsql as $$ begin perform set_config('pg_aal.token', current_setting('test.high'), true); return new; end $$;
create trigger a_token before insert or update or delete on t for each statement execute function test.shows_token();
begin;
select set_config('pg_aal.token', current_setting('test.low'), true) is not null as set;
select test.outcome($$update t set note = 'new'$$) as by_trigger;
rollback;
drop trigger a_token on t;
create function test.explains_first() returns text language plpgsql as $$
begin
  perform set_config('pg_aal.token', current_setting('test.low'), true);
  execute 'explain update t set note = note';
  perform set_config('pg_aal.token', current_setting('test.high'), true);
  return test.outcome($q$update t set note = 'newest'$q$);
end
$$;
select test.explains_first();
reset pg_aal.claims_source;
reset pg_aal.jwks;
drop table t;
drop function test.level, test.notes, test.outcome, test.shows_token, test.explains_first;
