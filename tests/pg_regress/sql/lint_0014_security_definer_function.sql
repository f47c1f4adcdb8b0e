-- 0014_security_definer_function finds functions that reach a protected table as an owner whom its policies don't bind, and don't ask for a level.
create schema lint_0014;
grant usage on schema lint_0014 to anon, authenticated;
set search_path = lint_0014;
create role lint_0014_app;
grant usage on schema lint_0014 to lint_0014_app;

-- None for the tables.
create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on payments to authenticated;
grant select on payments to lint_0014_app;
create table open_to_all (id int, amount int);
create view invoker_view with (security_invoker) as select * from payments;

-- Findings: everybody may execute them.
create function found_sql() returns bigint language sql stable security definer set search_path = lint_0014 as $$ select sum(amount) from payments $$;
create function found_standard() returns bigint language sql stable security definer return (select sum(amount) from lint_0014.payments);
create function found_atomic(at_least int) returns void language sql security definer begin atomic; delete from lint_0014.payments where amount >= at_least; end;
create function found_plpgsql() returns void language plpgsql security definer set search_path = '' as $$
begin
  update lint_0014.payments set amount = 0;
end
$$;
create procedure found_procedure() language sql security definer as $$ insert into lint_0014.payments values (1, 1) $$;
create function found_by_view() returns bigint language sql stable security definer set search_path = '' as $$ select count(*) from lint_0014.invoker_view $$;
-- For one role only.
create function found_granted() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments $$;
revoke execute on function found_granted from public;
grant execute on function found_granted to authenticated;

-- Through a table that inherits from a protected one, and through one that a protected one inherits from.
create table payments_2020 () inherits (payments);
create function found_child() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments_2020 $$;
create table above (id int);
create table protected_child (amount int) inherits (above);
alter table protected_child enable row level security;
create policy everybody on protected_child using (true);
create policy second_factor on protected_child as restrictive using ((select auth.has_aal('aal2')));
create function found_parent() returns bigint language sql stable security definer as $$ select count(*) from lint_0014.above $$;
-- Through functions that it calls.
create function none_reads_as_caller() returns bigint language sql stable as $$ select sum(amount) from lint_0014.payments $$;
create function none_calls_as_caller() returns bigint language plpgsql stable as $$ begin return lint_0014.none_reads_as_caller(); end $$;
create function found_calls() returns bigint language sql stable security definer as $$ select lint_0014.none_reads_as_caller() $$;
create function found_calls_twice() returns bigint language sql stable security definer return lint_0014.none_calls_as_caller();
create function none_closed() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments $$;
revoke execute on function none_closed from public;
create function found_opens() returns bigint language sql stable security definer as $$ select lint_0014.none_closed() $$;
create function none_asks_as_caller() returns bigint language sql stable as $$ select sum(amount) from lint_0014.payments where auth.has_aal('aal2') $$;
create function none_calls_what_asks() returns bigint language sql stable security definer as $$ select lint_0014.none_asks_as_caller() $$;
create function none_calls_itself(int) returns bigint language sql stable security definer as $$ select lint_0014.none_calls_itself($1 - 1) $$;

-- What is in a string hides nothing, a comment ends where Postgres ends it, and a text that reads like a call is none.
create function found_image() returns void language plpgsql security definer as $$
begin
  if 'image/*' <> '' then delete from lint_0014.payments; end if;
end
$$;
create function found_dashes() returns void language sql security definer as $$ select '--'; delete from lint_0014.payments; $$;
create function found_nested() returns void language plpgsql security definer as $$
begin
  /* old: /* see below */ perform auth.require_aal('aal2') */ delete from lint_0014.payments;
end
$$;
create function found_in_text() returns void language plpgsql security definer as $$
begin
  raise notice 'no require_aal() here';
  delete from lint_0014.payments;
end
$$;
create function found_escaped() returns text language sql security definer as $f$
  delete from lint_0014.payments; select E'\' auth.require_aal(\'' $f$;
create function found_dollars() returns void language plpgsql security definer as $f$
begin
  perform $$auth.require_aal('aal2')$$;
  execute $$delete from lint_0014.payments$$;
end
$f$;
create function found_in_capitals() returns void language sql security definer as $$ DELETE FROM LINT_0014 . PAYMENTS $$;
create function found_unicode() returns void language sql security definer as $$ delete from lint_0014.U&"p\0061yments" $$;
create table "My payments" (id int, amount int);
alter table "My payments" enable row level security;
create policy everybody on "My payments" using (true);
create policy second_factor on "My payments" as restrictive using ((select auth.has_aal('aal2')));
create function found_quoted() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014."My payments" $$;
-- One of somebody else's, of whatever name.
create function require_aal(text) returns boolean language sql as 'select true';
create function found_other() returns void language plpgsql security definer as $$
begin
  perform lint_0014.require_aal('aal2');
  delete from lint_0014.payments;
end
$$;

-- None of them.
create function none_requires() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform auth.require_aal('aal2', '5 minutes');
  delete from lint_0014.payments;
end
$$;
-- It asks for less than the table.
create function found_requires_enrolled() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform auth.require_enrolled_aal();
  delete from lint_0014.payments;
end
$$;
create function none_asks() returns bigint language sql stable security definer set search_path = '' as $$
  select sum(amount) from lint_0014.payments where auth.has_aal('aal2')
$$;
create function none_asks_standard() returns bigint language sql stable security definer
return (select sum(amount) from lint_0014.payments where auth.has_aal('aal2'));
create function none_invoker() returns bigint language sql stable as $$ select sum(amount) from lint_0014.payments $$;
create function none_granted() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments $$;
revoke execute on function none_granted from public;
create function none_service_role() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments $$;
revoke execute on function none_service_role from public;
grant execute on function none_service_role to service_role;
create function none_bound() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.payments $$;
alter function none_bound owner to lint_0014_app; -- is bound as everybody is
create function none_unprotected() returns bigint language sql stable security definer as $$ select sum(amount) from lint_0014.open_to_all $$;
-- Nobody can call a trigger's function.
create function none_trigger() returns trigger language plpgsql security definer as $$
begin
  delete from lint_0014.payments;
  return null;
end
$$;
create function none_in_capitals() returns void language plpgsql security definer as $$
begin
  perform "auth" . REQUIRE_AAL /* here */ ('aal2');
  delete from lint_0014.payments;
end
$$;
create function none_claim() returns void language plpgsql security definer as $$
begin
  if auth.claims() ->> 'aal' = 'aal2' then delete from lint_0014.payments; end if;
end
$$;
-- What is executed isn't followed, but for a constant query.
create function found_executed() returns void language plpgsql security definer as $$
begin
  execute 'select auth.require_aal(' || '''aal2'')';
  delete from lint_0014.payments;
end
$$;
create function none_executed() returns void language plpgsql security definer as $$
begin
  execute 'select auth.require_aal(''aal2'')';
  delete from lint_0014.payments;
end
$$;
-- A level that is NULL refuses nobody.
create function found_trap() returns void language plpgsql security definer set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') <> 'aal2' then raise exception 'aal2_required'; end if;
  delete from lint_0014.payments;
end
$$;
create function found_not_trap() returns void language plpgsql security definer set search_path = '' as $$
begin
  if not (auth.jwt() ->> 'aal' = 'aal2') then raise exception 'aal2_required'; end if;
  delete from lint_0014.payments;
end
$$;
create function found_uid_first() returns void language plpgsql security definer set search_path = '' as $$
begin
  if auth.uid() is null or (auth.jwt() ->> 'aal') <> 'aal2' then raise exception 'aal2_required'; end if;
  delete from lint_0014.payments;
end
$$;
create function none_safe() returns void language plpgsql security definer set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') is distinct from 'aal2' then raise exception 'aal2_required'; end if;
  delete from lint_0014.payments;
end
$$;
-- A gate behind the write, in a comment, or in a block whose error is caught is none.
create function found_late() returns void language plpgsql security definer set search_path = '' as $$
begin
  delete from lint_0014.payments;
  perform auth.require_aal('aal2');
end
$$;
create function found_comment() returns void language plpgsql security definer set search_path = '' as $$
begin
  -- perform auth.require_aal('aal2');
  delete from lint_0014.payments;
end
$$;
create function found_caught() returns void language plpgsql security definer set search_path = '' as $$
begin
  begin
    perform auth.require_aal('aal2');
  exception when others then null;
  end;
  delete from lint_0014.payments;
end
$$;
-- Gates of the project's own, in PL/pgSQL and in SQL.
create function none_must() returns void language plpgsql stable set search_path = '' as $$
begin
  if coalesce(auth.jwt() ->> 'aal', '') not in ('aal2', 'aal3') then raise exception 'aal2_required'; end if;
end
$$;
create function none_by_a_helper() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform lint_0014.none_must();
  delete from lint_0014.payments;
end
$$;
create function none_by_a_helper_in_sql() returns void language sql security definer set search_path = '' as $$
  select lint_0014.none_must();
  delete from lint_0014.payments
$$;
-- None names the table: another one, a comment, what RAISE says, and a name that isn't it.
create function none_named() returns void language plpgsql security definer as $$
begin
  -- payments /*
  delete from other.payments where "Payments" = 1;
  raise exception 'payments are closed'; /* payments /* */ payments */
end
$$;
-- None, and it is a limit: the table's name is put together when it runs.
create function none_dynamic() returns void language plpgsql security definer set search_path = '' as $$
begin
  execute format('delete from %I.%I', 'lint_' || '0014', 'pay' || 'ments');
end
$$;

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0014' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0014 cascade;
drop role lint_0014_app;
