-- Reading policies runs nothing that their owners wrote with the caller's rights.
create schema trap;
create role trap_owner;
grant usage, create on schema trap to trap_owner;
create table trap.log (what text, who name);
grant insert on trap.log to public;
set role trap_owner;
set search_path = trap;
create function trap.spring(what text) returns boolean language plpgsql volatile as $$
begin
  insert into trap.log values (what, current_user);
  return true;
end
$$;
-- A domain's check is run while a literal of its array type is parsed.
create domain trap.checked as text check (trap.spring('domain'));
create function trap.literal() returns boolean language sql stable as $$ select ('{aal2}'::trap.checked[])[1] = 'aal2' $$;
create function trap.pinned() returns boolean language sql stable set search_path = trap as $$ select 'aal2' = any ('{aal2}'::checked[]) $$;
create function trap.defaults(a boolean default trap.spring('default')) returns boolean language sql stable as $$ select a $$;
create function trap.volatile() returns boolean language sql volatile as $$ select trap.spring('volatile') $$;
create function trap.constant() returns boolean language sql immutable as $$ select true $$;
create function trap.same(text, text) returns boolean language plpgsql immutable as $$ begin perform trap.spring('operator'); return true; end $$;
create operator trap.= (leftarg = text, rightarg = text, function = trap.same);
create function trap.lower(text) returns text language plpgsql immutable as $$ begin perform trap.spring('lower'); return $1; end $$;
create table trap.t (id int default trap.spring('column default')::int, level text);
alter table trap.t enable row level security;
grant select on trap.t to authenticated;
create policy a on trap.t using (trap.literal());
create policy b on trap.t using (trap.pinned());
create policy c on trap.t using (trap.defaults());
create policy d on trap.t using (trap.volatile() and trap.constant());
create policy e on trap.t using (level operator(trap.=) auth.aal());
create policy f on trap.t using (trap.lower(auth.aal()) = 'aal2');
create view trap.v as select trap.spring('view') from trap.t;
grant select on trap.v to authenticated;
create function trap.definer() returns boolean language sql security definer as $$ select trap.spring('definer') from trap.t $$;
reset search_path;
reset role;
delete from trap.log;

-- A superuser asks, with the owner's schema first in the search_path.
set search_path = trap, pg_catalog;
select count(*) > 0 as matrix from auth.aal_matrix();
select count(*) > 0 as lint from auth.aal_lint();
select length(auth.aal_report()) > 1000 as report;
select auth.assert_aal('trap.t', 'select', 'none');
reset search_path;

-- If anything ran, then as its own author, and it left nothing behind.
select * from trap.log;

-- A body that can't be parsed is none of the matrix' business: the others are read.
set client_min_messages = error;
set check_function_bodies = off;
create function trap.broken() returns boolean language sql as $$ select nothing from nowhere $$;
create function trap.gone(trap.checked) returns boolean language sql as $$ select true $$;
create policy g on trap.t as restrictive using (trap.broken() and auth.has_aal('aal2'));
select command, required_aal, note from auth.aal_matrix('trap.t') where role = 'authenticated' and command = 'SELECT';

-- In a transaction that only reads, in a savepoint, and in one that is repeatable.
begin transaction isolation level serializable read only;
savepoint here;
select command, required_aal from auth.aal_matrix('trap.t') where role = 'authenticated' and command = 'SELECT';
release here;
commit;
drop schema trap cascade;
drop role trap_owner;
