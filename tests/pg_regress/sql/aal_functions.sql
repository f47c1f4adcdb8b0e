-- auth.aal_functions() says what a session must show before a function touches a protected table with rights that its policies
-- don't bind. Each function is called at each level, too: none gets through below what is said.
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema rpc;
create schema private;
grant usage on schema rpc, private to anon, authenticated, service_role;
set search_path = rpc, public;

create table payments (id int default 1, owner_id uuid, amount int default 0);
insert into payments default values;
create table notes (id int default 1);
insert into notes default values;
create policy everybody on payments using (true);
grant select, insert, update, delete on payments, notes to anon, authenticated, service_role;
select count(*) from auth.protect_table('payments');

-- Gates in SQL, as texts and as Postgres analyzed them.
create function no_gate() returns void language sql security definer set search_path = '' as $$ update rpc.payments set amount = 1 $$;
create function requires() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2');
  update rpc.payments set amount = 1
$$;
create function requires_fresh() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2', '15 minutes');
  update rpc.payments set amount = 1
$$;
create function requires_enrolled() returns void language sql security definer set search_path = '' as $$
  select auth.require_enrolled_aal();
  update rpc.payments set amount = 1
$$;
create function requires_atomic() returns void language sql security definer begin atomic
  select auth.require_aal('aal2');
  update rpc.payments set amount = 1;
end;
create function within_a_condition() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 1 where id > 0 and auth.has_aal('aal2')
$$;
create function within_a_condition_atomic() returns void language sql security definer begin atomic
  update rpc.payments set amount = 1 where id > 0 and (select auth.has_aal('aal2'));
end;
create function in_a_select() returns int language sql stable security definer set search_path = '' as $$
  select sum(amount)::int from rpc.payments where (auth.jwt() ->> 'aal') = 'aal2'
$$;
create function by_a_helper_in_sql() returns boolean language sql stable set search_path = '' as $$ select auth.require_aal('aal2') $$;
alter function by_a_helper_in_sql set schema private;
create function by_a_helper() returns void language sql security definer set search_path = '' as $$
  select private.by_a_helper_in_sql();
  update rpc.payments set amount = 1
$$;
create function by_the_claim() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 1 where coalesce(auth.jwt() ->> 'aal', '') in ('aal2', 'aal3')
$$;
create function one_of_two() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 1 where auth.has_aal('aal3');
  update rpc.payments set amount = 2 where auth.has_aal('aal2')
$$;
create function inserts_selected() returns void language sql security definer set search_path = '' as $$
  insert into rpc.payments (amount) select 1 where auth.has_aal('aal2')
$$;

create function in_a_sub_select() returns bigint language sql stable security definer return (select sum(amount) from rpc.payments where auth.has_aal('aal2'));
create function in_a_sub_select_as_text() returns bigint language sql stable security definer set search_path = '' as $$
  select (select sum(amount) from rpc.payments where auth.has_aal('aal2'))
$$;

-- These are no gates.
create function in_one_of_two_sub_selects() returns bigint language sql stable security definer
return (select sum(amount) from rpc.payments where auth.has_aal('aal2')) + (select count(*) from rpc.payments);
create function in_a_wrapped_sub_select() returns jsonb language sql stable security definer set search_path = '' as $$
  select jsonb_build_object('gate', auth.has_aal('aal2'), 'sum', (select sum(amount) from rpc.payments))
$$;
create function in_a_select_beside_an_aggregate() returns table (a bigint, b bigint) language sql stable security definer set search_path = '' as $$
  select count(*), (select sum(amount) from rpc.payments) from rpc.notes where auth.has_aal('aal2')
$$;
create function in_a_select_beside_an_aggregate_atomic() returns table (a bigint, b bigint) language sql stable security definer begin atomic
  select count(*), (select sum(amount) from rpc.payments) from rpc.notes where auth.has_aal('aal2');
end;
create function in_a_sub_select_beside_an_aggregate() returns bigint language sql stable security definer
return (select count(*) + (select sum(amount) from rpc.payments) from rpc.notes where auth.has_aal('aal2'));
create function inserts_a_count() returns void language sql security definer set search_path = '' as $$
  insert into rpc.payments (amount) select count(*) + 1 from rpc.notes where auth.has_aal('aal2')
$$;
create function asks_too_late() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 1;
  select auth.require_aal('aal2')
$$;
create function asks_nobody() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2') where false;
  update rpc.payments set amount = 1
$$;
create function asks_for_no_row() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2') from pg_catalog.generate_series(1, 0);
  update rpc.payments set amount = 1
$$;
create function asks_beside_an_empty_set() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2'), pg_catalog.unnest('{}'::int[]);
  update rpc.payments set amount = 1
$$;
create function asks_with_a_limit() returns void language sql security definer set search_path = '' as $$
  select auth.require_aal('aal2') limit 0;
  update rpc.payments set amount = 1
$$;
create function asks_and_forgets() returns void language sql security definer set search_path = '' as $$
  select auth.has_aal('aal2');
  update rpc.payments set amount = 1
$$;
create function asks_or_not() returns void language sql security definer set search_path = '' as $$
  select true or auth.require_aal('aal2'), case when true then true else auth.require_aal('aal2') end;
  update rpc.payments set amount = 1
$$;
create function private.total() returns bigint language sql set search_path = '' as $$ select sum(amount) from rpc.payments $$;
revoke execute on function private.total() from public;
create function beside_a_total() returns bigint language sql security definer set search_path = '' as $$
  select private.total() + count(*) from rpc.notes where auth.has_aal('aal2')
$$;
create function beside_a_total_atomic() returns bigint language sql security definer begin atomic
  select private.total() + count(*) from rpc.notes where auth.has_aal('aal2');
end;
create function private.total_atomic() returns bigint language sql begin atomic select sum(amount) from rpc.payments; end;
revoke execute on function private.total_atomic() from public;
create function beside_an_analyzed_total() returns bigint language sql security definer set search_path = '' as $$
  select private.total_atomic() + count(*) from rpc.notes where auth.has_aal('aal2')
$$;
create function beside_an_analyzed_total_atomic() returns bigint language sql security definer begin atomic
  select private.total_atomic() + count(*) from rpc.notes where auth.has_aal('aal2');
end;
create function total_having() returns bigint language sql security definer set search_path = '' as $$
  select private.total() from rpc.notes where auth.has_aal('aal2') having true
$$;
create function total_grouped() returns bigint language sql security definer set search_path = '' as $$
  select 1 from rpc.notes where auth.has_aal('aal2') group by () order by private.total()
$$;
create function within_a_total_atomic() returns bigint language sql security definer begin atomic
  select (select coalesce(sum(amount), private.total()) from rpc.payments where auth.has_aal('aal2'));
end;
create function beside_distinct() returns bigint language sql security definer set search_path = '' as $$
  select case when 1 is distinct from 2 then (select sum(amount) from rpc.payments) + count(*) end from rpc.notes where auth.has_aal('aal2')
$$;
create function limited_by_a_total() returns int language sql security definer set search_path = '' as $$
  select 1 from rpc.notes where auth.has_aal('aal2') limit private.total()
$$;
create function limited_by_a_total_atomic() returns int language sql security definer begin atomic
  select 1 from rpc.notes where auth.has_aal('aal2') limit (select sum(amount) from rpc.payments);
end;
create function inserted_within_a_total() returns void language sql security definer set search_path = '' as $$
  insert into rpc.notes select 1 where auth.has_aal('aal2') limit private.total()
$$;
create function counts_limited() returns bigint language sql security definer set search_path = '' as $$
  select count(*) from rpc.payments where (auth.jwt() ->> 'aal') = 'aal2' group by id order by 1 limit 1
$$;
create function null_trap() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 1 where not coalesce((auth.jwt() ->> 'aal') <> 'aal2', false)
$$;
create function in_a_comment() returns void language sql security definer set search_path = '' as $$
  -- select auth.require_aal('aal2');
  /* select auth.require_aal('aal2'); */ update rpc.payments set amount = 1
$$;
create function acts_in_cte() returns int language sql security definer set search_path = '' as $$
  with done as (update rpc.payments set amount = 1 returning 1) select count(*)::int from done where auth.has_aal('aal2')
$$;
create function forges() returns void language sql security definer set search_path = '' as $$
  select set_config('request.jwt.claims', '{"aal":"aal2"}', true);
  select auth.require_aal('aal2');
  update rpc.payments set amount = 1
$$;
create function private.wipe() returns boolean language sql security definer set search_path = '' as $$ update rpc.payments set amount = 1; select true $$;
revoke execute on function private.wipe() from public;
create function acts_while_asking() returns void language sql security definer set search_path = '' as $$
  select private.wipe(), auth.require_aal('aal2')
$$;
create function acts_in_a_condition() returns void language sql security definer set search_path = '' as $$
  update rpc.payments set amount = 2 where private.wipe() and auth.has_aal('aal2')
$$;
create function require_aal(text) returns boolean language sql as 'select true';
create function somebody_elses() returns void language sql security definer set search_path = 'rpc' as $$
  select require_aal('aal2');
  update rpc.payments set amount = 1
$$;

-- Functions that call others.
create function calls_gated() returns void language sql security definer set search_path = '' as $$ select rpc.requires() $$;
create function calls_both() returns void language sql security definer set search_path = '' as $$ select rpc.requires(); select private.wipe() $$;
-- No rows: another table, and the caller's own rights.
-- What isn't read is noted: an order that differs from collation to collation, and what is called before the gate.
create function none_by_collation() returns void language plpgsql security definer set search_path = '' as $$
begin
  if coalesce(auth.jwt() ->> 'aal', 'AAL2') < 'aal2' then
    raise exception 'no';
  end if;
  update rpc.payments set amount = 1;
end
$$;
create function none_calls_one_before() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform rpc.no_gate();
  perform auth.require_aal('aal2');
  update rpc.payments set amount = 1;
end
$$;
create function none_other_table() returns void language sql security definer set search_path = '' as $$ update rpc.notes set id = 1 $$;
create function as_caller() returns void language sql set search_path = '' as $$ update rpc.payments set amount = 1 $$;

-- A trigger for each statement fires also where a condition refuses all rows.
create table gated_notes (id int);
create policy everybody on gated_notes using (true);
create function wipe_notes() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update rpc.payments set amount = 7;
  return null;
end
$$;
create trigger wipe_notes after update on gated_notes for each statement execute function wipe_notes();
create function fires_anyway() returns void language sql security definer set search_path = '' as $$
  update rpc.gated_notes set id = 1 where auth.has_aal('aal2')
$$;
grant insert on gated_notes to authenticated;
grant update on gated_notes to authenticated;

select target::text, role, required_aal, max_age, reaches, decided_by, note
  from auth.aal_functions() where role in ('anon', 'service_role') and target::text ~ '^(private\.)?[a-z_]+\(' order by 1, 2;
-- By function and by role.
select target, role, required_aal from auth.aal_functions('rpc.requires()') order by 2;
select target, role, required_aal from auth.aal_functions('rpc.as_caller()') order by 2;
select target, role, required_aal from auth.aal_functions(role => 'authenticated') where target = 'wipe_notes()'::regprocedure;
select count(*) from auth.aal_functions('rpc.none_other_table()');

-- What each does at each level: nothing below what is said.
create function private.attempt(call text, level text) returns text language plpgsql as $$
declare
  touched int;
begin
  update rpc.payments set amount = 0;
  perform test.sign_in(level);
  if level = 'none' then perform test.sign_out(); end if;
  perform set_config('role', 'authenticated', true);
  execute 'select ' || call;
  perform set_config('role', 'postgres', true);
  select count(*) into touched from rpc.payments where amount <> 0;
  return case when touched > 0 then 'touched' else 'nothing' end;
exception when others then
  return 'refused';
end
$$;
create temp table said as select distinct target::text as call, required_aal from auth.aal_functions(role => 'authenticated') where target <> 'wipe_notes()'::regprocedure;
select call, required_aal, private.attempt(call, 'none') as without, private.attempt(call, 'aal1') as aal1, private.attempt(call, 'aal2') as aal2
  from said where call !~ '^in_.*select' and call not in ('private.attempt(text,text)') order by call;
reset role;
select test.sign_out();

-- Bad arguments.
select * from auth.aal_functions(0);
select * from auth.aal_functions('pg_catalog.now()');
select * from auth.aal_functions('auth.require_aal(text, interval)');
select * from auth.aal_functions(role => 'nobody there');

reset search_path;
set client_min_messages = error;
drop schema rpc cascade;
drop schema private cascade;
