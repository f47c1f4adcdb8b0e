-- A trigger's function is the guard for as long as it is that function of the library. A superuser may replace it: from the next
-- statement on the trigger is somebody's own, with the arguments of its definition; and the other way round.
create table t (id int primary key, note text);
insert into t values (1, 'a');
grant select, update on t to authenticated;
create policy everybody on t using (true) with check (true);
alter table t enable row level security;
load 'pg_aal';
create function test.checks() returns trigger language c as 'pg_aal', 'aal_guard';
create trigger checks before update on t for each statement execute function test.checks('update=aal2');
select test.sign_in('aal1');
\echo the guard: it refuses one who is bound, and is silent for a superuser
update t set note = 'b';
set role authenticated;
update t set note = 'b';
reset role;
\echo replaced
create or replace function test.checks() returns trigger language plpgsql as $$
begin
  raise notice '% has %: %', tg_name, tg_nargs, tg_argv;
  return null;
end
$$;
update t set note = 'c';
set role authenticated;
update t set note = 'c';
reset role;
\echo and back, in a transaction that is undone
begin;
create or replace function test.checks() returns trigger language c as 'pg_aal', 'aal_guard';
update t set note = 'd';
savepoint here;
set local role authenticated;
update t set note = 'd';
rollback to here;
rollback;
set role authenticated;
update t set note = 'd';
reset role;
create or replace function test.checks() returns trigger language c as 'pg_aal', 'aal_guard';
set role authenticated;
update t set note = 'e';
reset role;
\echo under another name, and in a function of the same name as the first
alter function test.checks() rename to checks_by_another_name;
create function test.checks() returns trigger language plpgsql as $$ begin raise notice 'not the guard'; return null; end $$;
set role authenticated;
update t set note = 'f';
reset role;
table t;

drop table t;
drop function test.checks(), test.checks_by_another_name();
reset request.jwt.claims;
