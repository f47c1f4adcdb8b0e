-- With refuse_reads, a statement that would read a table below its level raises: each way to read, for each kind of role. Beside it
-- stands what is expected, and a differential: refused is exactly what the policies would have looked at, had it run.
create schema ways;
grant usage on schema ways to public;
set search_path = ways;
set client_min_messages = error;
create role reads_owner;
create role reads_view_owner;
create role reads_member in role authenticated;
create role reads_guest;
grant authenticated to reads_owner;
grant pg_write_server_files to authenticated;

create table accounts (id int primary key, user_id uuid, amount int, note text);
insert into accounts select n, '11111111-1111-4111-8111-111111111111', n, 'n' || n from generate_series(1, 20) n;
create table quiet (like accounts including all);
create table loose (like accounts including all);
insert into loose select * from accounts;
insert into quiet select * from accounts;
create table owned (like accounts including all);
insert into owned select * from accounts;
create table for_some_roles (like accounts including all);
insert into for_some_roles select * from accounts;
create table parts (id int, note text) partition by list (id);
create table parts_1 partition of parts for values in (1);
create table parts_2 partition of parts for values in (2);
create table parts_rest partition of parts default;
insert into parts select n, 'x' from generate_series(1, 5) n;
create table parent (id int, note text);
create table child () inherits (parent);
insert into parent values (1, 'x');
insert into child values (2, 'y');
create table open_parent (id int, note text);
create table closed_child () inherits (open_parent);
insert into open_parent values (1, 'x');
insert into closed_child values (2, 'y');
create table log (id int, note text);
insert into log values (1, 'x');
alter table owned owner to reads_owner;
alter table owned force row level security;

do $$
declare
  protected regclass;
begin
  foreach protected in array '{accounts,quiet,owned,for_some_roles,parts,parent,closed_child}'::regclass[] loop
    execute format('create policy everybody on %s using (true) with check (true)', protected);
    -- Writes need no level: so it is not the guard of a write that refuses.
    perform auth.protect_table(protected, read => 'aal2', write => 'none', refuse_reads => protected <> 'quiet'::regclass,
      roles => case protected when 'for_some_roles'::regclass then '{authenticated,reads_owner}' else '{public}'::name[] end);
  end loop;
end
$$;
create policy everybody on parts_1 using (true) with check (true);

-- Notes that a policy looked at a row. A sequence keeps that, though what looked is undone.
create sequence marks;
create function mark() returns boolean language sql volatile security definer set search_path = ways as $$ select nextval('marks') > 0 $$;
do $$
declare
  policy record;
begin
  for policy in select polrelid::regclass as target, polroles from pg_policy where polname = 'aal_read' and polrelid <> 'quiet'::regclass loop
    execute format('create policy marks on %s as restrictive for select to %s using (ways.mark())', policy.target,
      (select string_agg(case role when 0 then 'public' else role::regrole::text end, ', ') from unnest(policy.polroles) role));
  end loop;
end
$$;

-- Other things that read.
create view owner_view as select * from accounts;
create view invoker_view with (security_invoker) as select * from accounts;
create view bound_view as select * from accounts;
create view bound_barrier with (security_barrier) as select * from accounts where amount > 0;
create view view_of_view as select * from bound_view;
create view invoker_of_owner with (security_invoker) as select * from owner_view;
create view owner_of_invoker as select * from invoker_view;
create view bound_of_invoker as select * from invoker_view;
alter view bound_view owner to reads_view_owner;
alter view bound_barrier owner to reads_view_owner;
alter view bound_of_invoker owner to reads_view_owner;
create materialized view copied as select * from accounts;
grant create on schema ways to reads_view_owner;
create materialized view copied_by_bound as select * from accounts with no data;
alter materialized view copied_by_bound owner to reads_view_owner;

create function inlined() returns setof accounts language sql stable as $$ select * from ways.accounts $$;
create function not_inlined() returns bigint language sql volatile as $$ select count(*) from ways.accounts $$;
create function atomic() returns bigint language sql volatile begin atomic select count(*) from ways.accounts; end;
create function in_plpgsql() returns int language plpgsql as $$ begin return (select max(amount) from ways.accounts); end $$;
create function in_a_loop() returns int language plpgsql as $$
declare
  found accounts;
begin
  for found in select * from ways.accounts loop
    return found.id;
  end loop;
  return null;
end
$$;
create function dynamically() returns bigint language plpgsql as $$
declare
  counted bigint;
begin
  execute 'select count(*) from ways.accounts' into counted;
  return counted;
end
$$;
create function by_cursor() returns int language plpgsql as $$
declare
  cursor_of_accounts cursor for select id from ways.accounts;
  found int;
begin
  open cursor_of_accounts;
  fetch cursor_of_accounts into found;
  return found;
end
$$;
create function definer() returns bigint language sql volatile security definer as $$ select count(*) from ways.accounts $$;
create function bound_definer() returns bigint language sql volatile security definer as $$ select count(*) from ways.accounts $$;
alter function bound_definer owner to reads_view_owner;
create function untaken(do_it boolean) returns int language plpgsql as $$
begin
  if do_it then
    return (select max(amount) from ways.accounts);
  end if;
  return 0;
end
$$;

create table triggering (id int);
create function look() returns trigger language plpgsql as $$
begin
  if exists (select from ways.accounts where id = new.id) then
    new.id := -new.id;
  end if;
  return new;
end
$$;
create trigger look before insert on triggering for each row execute function look();
create table triggering_definer (id int);
create function look_as_definer() returns trigger language plpgsql security definer as $$
begin
  perform from ways.accounts where id = new.id;
  return new;
end
$$;
create trigger look before insert on triggering_definer for each row execute function look_as_definer();
create table referring (id int, account int references accounts on delete cascade on update cascade);
insert into referring values (1, 3);
create table behind_policy (id int, account int);
insert into behind_policy values (1, 1);
alter table behind_policy enable row level security;
create policy by_accounts on behind_policy using (exists (select from ways.accounts a where a.id = account));
create table with_rule (id int);
create rule reads as on insert to with_rule do also insert into ways.log select id, note from ways.accounts;
create table with_default (id int default (ways.not_inlined()), other int);

grant select, insert, update, delete on all tables in schema ways to authenticated, reads_owner, reads_guest, service_role, reads_view_owner;

create table tries (nr int generated always as identity, as_role name, refused boolean, statement text, looks_at_rows boolean default true);
insert into tries (as_role, refused, statement, looks_at_rows) values
  -- Plain reads.
  ('authenticated', true, 'select * from accounts', true),
  ('authenticated', true, 'select 1 from accounts', true),
  ('authenticated', true, 'select count(*) from accounts', true),
  ('authenticated', true, 'select ctid, xmin, tableoid from accounts', true),
  ('authenticated', true, 'select accounts from accounts', true),
  ('authenticated', true, 'select * from accounts where id = 1', true),
  ('authenticated', true, 'select * from accounts where id = 1000', false),
  ('authenticated', true, 'select * from accounts limit 0', false),
  ('authenticated', true, 'select * from accounts where false', false),
  ('authenticated', true, 'select * from accounts where id is null', false),
  ('authenticated', true, 'table accounts', true),
  ('authenticated', true, 'select * from only accounts', true),
  ('authenticated', true, 'select * from accounts tablesample system (100)', true),
  ('authenticated', true, 'select * from accounts for update', true),
  ('authenticated', true, 'select * from accounts for key share skip locked', true),
  ('authenticated', false, 'select 1', true),
  ('authenticated', false, 'select * from log', true),
  ('authenticated', false, 'select * from quiet', true),
  -- Within other queries.
  ('authenticated', true, 'select (select max(amount) from accounts)', true),
  ('authenticated', true, 'select exists (select from accounts)', true),
  ('authenticated', true, 'select 1 in (select id from accounts)', true),
  ('authenticated', true, 'select array(select id from accounts)', true),
  ('authenticated', true, 'select * from log where exists (select from accounts a where a.id = log.id)', true),
  ('authenticated', true, 'select * from log where not exists (select from accounts a where a.id = log.id)', true),
  ('authenticated', true, 'select * from log where id = any (select id from accounts)', true),
  ('authenticated', true, 'select * from log join accounts using (id)', true),
  ('authenticated', true, 'select log.* from log left join accounts a on a.id = log.id and a.amount > 0', false),
  ('authenticated', true, 'select * from log full join accounts using (id)', true),
  ('authenticated', true, 'select * from log, lateral (select * from accounts a where a.id = log.id) a', true),
  ('authenticated', true, 'select id from log union all select id from accounts', true),
  ('authenticated', true, 'select id from log except select id from accounts', true),
  ('authenticated', true, 'with a as (select * from accounts) select * from a', true),
  ('authenticated', true, 'with a as materialized (select * from accounts) select 1 from a', true),
  ('authenticated', false, 'with a as (select * from accounts) select 1', true),
  ('authenticated', true, 'with recursive a as (select 1 as id union all select accounts.id from accounts join a on accounts.id = a.id + 1) select * from a', true),
  ('authenticated', false, 'select case when false then (select max(amount) from accounts) end', true),
  ('authenticated', true, 'values ((select max(amount) from accounts))', true),
  ('authenticated', true, 'select * from log order by (select max(amount) from accounts)', true),
  ('authenticated', true, 'select * from generate_series(1, (select max(id) from accounts))', true),
  ('authenticated', true, 'select * from log limit (select max(id) from accounts)', true),
  -- Utility commands.
  ('authenticated', true, 'explain select * from accounts', false),
  ('authenticated', true, 'explain (costs off) insert into log select id, note from accounts', false),
  ('authenticated', true, 'explain analyze select * from accounts', true),
  ('authenticated', true, $$copy accounts to '/dev/null'$$, true),
  ('authenticated', true, $$copy accounts (id) to '/dev/null'$$, true),
  ('authenticated', true, $$copy (select id from accounts) to '/dev/null'$$, true),
  ('authenticated', true, 'create temp table made as select * from accounts', true),
  ('authenticated', false, 'create temp table made as select * from accounts with no data', true),
  ('authenticated', true, 'create temp view made as select * from accounts; select * from made', true),
  ('authenticated', false, 'create temp view made as select * from accounts', true),
  ('authenticated', false, 'lock table accounts in row share mode', true),
  ('authenticated', true, 'do $d$ begin perform from ways.accounts; end $d$', true),
  ('authenticated', true, 'declare c cursor for select * from accounts', false),
  ('authenticated', true, $$select * from ts_stat('select to_tsvector(note) from ways.accounts')$$, true),
  -- Writes that read.
  ('authenticated', true, 'insert into log select id, note from accounts', true),
  ('authenticated', true, 'insert into log values (1, (select max(note) from accounts))', true),
  ('authenticated', true, 'update log set note = (select max(note) from accounts)', true),
  ('authenticated', true, 'update log set note = a.note from accounts a where a.id = log.id', true),
  ('authenticated', true, 'delete from log using accounts a where a.id = log.id', true),
  ('authenticated', true, 'merge into log using accounts a on a.id = log.id when matched then update set note = a.note', true),
  ('authenticated', true, 'with gone as (delete from accounts where id = 1 returning *) select 1 from gone', true),
  ('authenticated', true, 'insert into log (id) values (1) returning (select max(id) from accounts)', true),
  ('authenticated', false, $$insert into accounts (id) values (100)$$, true),
  ('authenticated', false, $$insert into accounts (id) values (100) returning 1$$, true),
  ('authenticated', true, $$insert into accounts (id) values (100) returning id$$, true),
  ('authenticated', true, $$insert into accounts (id) values (100) returning *$$, true),
  ('authenticated', false, $$insert into accounts (id) values (1) on conflict do nothing$$, true),
  ('authenticated', true, $$insert into accounts (id) values (100) on conflict (id) do nothing$$, true),
  ('authenticated', true, $$insert into accounts (id) values (1) on conflict (id) do update set note = 'x'$$, true),
  ('authenticated', true, $$insert into accounts (id) values (100) on conflict (id) do update set note = excluded.note$$, true),
  ('authenticated', true, $$insert into accounts (id) values (1) on conflict on constraint accounts_pkey do nothing$$, true),
  ('authenticated', false, $$update accounts set note = 'x'$$, true),
  ('authenticated', true, $$update accounts set note = 'x' where id = 1$$, true),
  ('authenticated', true, $$update accounts set note = note || 'x'$$, true),
  ('authenticated', true, $$update accounts set note = 'x' returning id$$, true),
  ('authenticated', false, $$update accounts set note = 'x' where exists (select from log)$$, true),
  ('authenticated', false, 'delete from accounts', true),
  ('authenticated', true, 'delete from accounts where id = 1', true),
  ('authenticated', true, 'delete from accounts returning id', true),
  ('authenticated', true, $$merge into accounts a using log on a.id = log.id when matched then update set note = 'x'$$, true),
  ('authenticated', true, $$merge into accounts a using log on a.id = log.id when not matched then insert (id) values (log.id + 100)$$, true),
  -- Functions, triggers, foreign keys, rules, policies, defaults.
  ('authenticated', true, 'select * from inlined()', true),
  ('authenticated', true, 'select not_inlined()', true),
  ('authenticated', true, 'select atomic()', true),
  ('authenticated', true, 'select in_plpgsql()', true),
  ('authenticated', true, 'select in_a_loop()', true),
  ('authenticated', true, 'select dynamically()', true),
  ('authenticated', true, 'select by_cursor()', true),
  ('authenticated', false, 'select definer()', true),
  ('authenticated', true, 'select bound_definer()', true),
  ('service_role', true, 'select bound_definer()', true),
  ('authenticated', true, 'select untaken(true)', true),
  ('authenticated', false, 'select untaken(false)', true),
  ('authenticated', true, 'insert into triggering values (1)', true),
  ('authenticated', false, 'insert into triggering_definer values (1)', true),
  ('authenticated', false, 'insert into referring values (1, 2)', true),
  ('authenticated', false, 'update referring set account = 4', true),
  ('authenticated', false, 'delete from accounts', true),
  ('authenticated', true, 'select * from behind_policy', true),
  ('authenticated', false, 'insert into with_rule values (1)', true),
  ('authenticated', true, 'insert into with_default (other) values (1)', true),
  -- Views.
  ('authenticated', false, 'select * from owner_view', true),
  ('authenticated', true, 'select * from invoker_view', true),
  ('authenticated', true, 'select * from bound_view', true),
  ('service_role', true, 'select * from bound_view', true),
  ('postgres', true, 'select * from bound_view', true),
  ('authenticated', true, 'select * from bound_barrier where amount > 1', true),
  ('authenticated', true, 'select * from view_of_view', true),
  ('authenticated', false, 'select * from invoker_of_owner', true),
  ('authenticated', true, 'select * from owner_of_invoker', true),
  ('service_role', false, 'select * from owner_of_invoker', true),
  ('authenticated', true, 'select * from bound_of_invoker', true),
  ('authenticated', false, $$update bound_view set note = 'x'$$, true),
  ('authenticated', true, $$update bound_view set note = 'x' where id = 1$$, true),
  ('authenticated', false, $$update owner_view set note = 'x' where id = 1$$, true),
  ('authenticated', true, 'delete from invoker_view where id = 1', true),
  ('authenticated', true, 'insert into bound_view (id) values (100) returning id', true),
  ('authenticated', false, 'insert into bound_view (id) values (100)', true),
  ('authenticated', true, 'select * from bound_view for update', true),
  ('authenticated', false, 'select * from copied', true),
  ('postgres', false, 'refresh materialized view copied', true),
  ('postgres', true, 'refresh materialized view copied_by_bound', true),
  -- Roles.
  ('postgres', false, 'select * from accounts', true),
  ('service_role', false, 'select * from accounts', true),
  ('reads_member', true, 'select * from accounts', true),
  ('reads_guest', true, 'select * from accounts', true),
  ('reads_owner', true, 'select * from accounts', true),
  ('reads_owner', true, 'select * from owned', true),
  ('authenticated', true, 'select * from owned', true),
  ('postgres', false, 'select * from owned', true),
  ('authenticated', true, 'select * from for_some_roles', true),
  ('reads_member', true, 'select * from for_some_roles', true),
  ('reads_guest', false, 'select * from for_some_roles', true),
  ('service_role', false, 'select * from for_some_roles', true),
  -- Partitions and children.
  ('authenticated', true, 'select * from parts', true),
  ('authenticated', true, 'select * from parts where id = 1', true),
  ('authenticated', true, 'select * from parts where id = 1000 and id = 1', false),
  ('authenticated', true, 'select * from parts_1', true),
  ('authenticated', true, 'select * from parts_2', false),
  ('authenticated', false, 'insert into parts values (1)', true),
  ('authenticated', true, 'insert into parts values (1) returning id', true),
  ('authenticated', true, 'update parts set id = 2 where id = 1', true),
  ('authenticated', true, 'select * from parent', true),
  ('authenticated', true, 'select * from only parent', true),
  ('authenticated', false, 'select * from child', true),
  ('authenticated', false, 'select * from open_parent', true),
  ('authenticated', true, 'select * from closed_child', true);

create function answer(statement text, as_role name, level text, refuses boolean) returns text language plpgsql as $$
begin
  perform test.sign_in(level);
  perform set_config('pg_aal.refuse_reads', refuses::text, true), set_config('role', as_role, true);
  execute statement;
  raise exception using errcode = 'UNDO1';
exception when others then
  return case
    when sqlstate = 'UNDO1' then 'passes'
    when sqlerrm ~ '^insufficient_aal: ' and sqlstate = '42501' then 'refused: ' || substring(sqlerrm from 'insufficient_aal: (.*) requires')
    else sqlstate || ' ' || sqlerrm
  end;
end
$$;
create function looks(statement text, as_role name) returns boolean language plpgsql as $$
declare
  before bigint := nextval('ways.marks');
begin
  perform ways.answer(statement, as_role, 'aal2', false);
  return nextval('ways.marks') > before + 1;
end
$$;
create table tried as
  select t.*, answer(statement, as_role, 'aal1', true) as below, answer(statement, as_role, 'aal2', true) as at_level,
         answer(statement, as_role, 'aal1', false) as explained_by_none, looks(statement, as_role) as policies_look
    from tries t order by nr;
select as_role, statement, below from tried order by nr;
\echo No statement is answered otherwise than expected.
select * from tried where refused <> (below ~ '^refused: select on table') or below !~ '^(refused: select on table|passes)';
\echo At the level, and with the setting off, none is refused so.
select statement, at_level, explained_by_none from tried where at_level <> 'passes' or explained_by_none ~ 'insufficient_aal|refused';
\echo Refused is what the policies would have looked at, and what has no row to look at.
select nr, statement, refused, policies_look from tried where policies_look <> (refused and looks_at_rows);
select count(*) as ways, count(*) filter (where refused) as refused from tried;

-- Cursors, prepared plans and parallel plans, at the top level.
set role authenticated;
prepare counted as select count(*) from accounts;
select test.sign_in('aal2');
execute counted;
select test.sign_in('aal1');
execute counted;
execute counted;
set plan_cache_mode = force_generic_plan;
execute counted;
select test.sign_in('aal2');
execute counted;
reset plan_cache_mode;
-- By another role: one that is bound, and one that isn't.
reset role;
select test.sign_in('aal1');
execute counted;
set role reads_guest;
execute counted;
set role service_role;
execute counted;
set role authenticated;
set pg_aal.refuse_reads = off;
execute counted;
reset pg_aal.refuse_reads;
execute counted;
begin;
declare below cursor for select id from accounts;
rollback;
begin;
select test.sign_in('aal2');
declare at_level cursor for select id from accounts order by id;
fetch 1 from at_level;
-- What a cursor may read was decided when it began: policies ask once a statement.
select test.sign_in('aal1');
fetch 1 from at_level;
select id from accounts;
rollback;
begin;
select test.sign_in('aal2');
declare held cursor with hold for select id from accounts order by id;
commit;
select test.sign_in('aal1');
fetch 1 from held;
close held;
reset role;
drop policy marks on accounts;
create function gathers(statement text) returns boolean language plpgsql as $$
declare
  line text;
begin
  for line in execute 'explain ' || statement loop
    if line ~ 'Gather' then
      return true;
    end if;
  end loop;
  return false;
end
$$;
set role authenticated;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = 2;
select test.sign_in('aal2');
select count(*), gathers('select count(*) from accounts') from accounts;
select test.sign_in('aal1');
select count(*) from accounts;
select gathers('select count(*) from accounts');
reset parallel_setup_cost;
reset parallel_tuple_cost;
reset min_parallel_table_scan_size;
reset max_parallel_workers_per_gather;
\echo COPY TO STDOUT
copy accounts to stdout;
\echo :LAST_ERROR_SQLSTATE
reset role;

drop schema ways cascade;
revoke pg_write_server_files from authenticated;
revoke authenticated from reads_owner;
drop role reads_owner, reads_view_owner, reads_member, reads_guest;
reset request.jwt.claims;
