-- With applies_when a protection is for the sessions for which a function is true or NULL. They need its levels, and the guard tells
-- them so. For all others the table is as its own policies have it.
\set SHOW_CONTEXT never
\pset null '(null)'
create schema private;
create function private.is_admin() returns boolean language sql stable security definer set search_path = '' as $$
  select (auth.jwt() ->> 'is_admin')::boolean
$$;
-- A session at a level: that of an admin ('true'), of no admin ('false'), and one of which that isn't known.
create function test.sign_in_as(is_admin text, aal text, factor_age int default 60) returns void language sql volatile as $$
  select test.sign_in(aal, factor_age);
  select set_config('request.jwt.claims',
    (auth.jwt() || case is_admin when 'unknown' then '{}' else jsonb_build_object('is_admin', is_admin) end)::text, false);
$$;
create table t (id int primary key, owner_id uuid, iban text, note text);
insert into t values (1, '11111111-1111-4111-8111-111111111111', 'DE1', 'a'), (2, null, 'DE2', 'b');
grant select, insert, update, delete, truncate on t to authenticated;
create policy everybody on t using (true) with check (true);
set client_min_messages = error;

create function test.can(aals text[] default '{aal1,aal2}', ages int[] default '{60}')
returns table (is_admin text, aal text, age int, reads text, inserts text, updates text, deletes text, truncates text)
language plpgsql as $$
begin
  for is_admin, aal, age in
    select a, l, s from unnest('{true,unknown,false}'::text[]) with ordinality as x(a, n), unnest(aals) l, unnest(ages) s order by n, l, s
  loop
    perform test.sign_in_as(is_admin, aal, age);
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

\echo reads, too, where they need a level
select target, read, write from auth.protect_table('t', read => 'aal2', applies_when => 'private.is_admin()', lower => true);
select statement from string_to_table(auth.protect_table_sql('t', read => 'aal2', applies_when => 'private.is_admin()', lower => true), E'\n\n') as statement where statement like 'create%';
select * from test.can();
select target, read, on_insert, applies_when, guard from auth.protected_tables;

\echo the guard explains to an admin what to do
select test.sign_in_as('true', 'aal1');
set role authenticated;
update t set note = 'x';
-- The same for no admin: silent.
select test.sign_in_as('false', 'aal1');
update t set note = note;
reset role;

\echo an admin who is nobody, and one whose claims are unreadable
create function private.always() returns boolean language sql stable as 'select true';
create function private.never() returns boolean language sql stable as 'select false';
create function test.nobody() returns table (claims text, reads text, updates text) language plpgsql as $$
begin
  foreach claims in array array['', 'no json', '{"role":"authenticated"}'] loop
    perform set_config('request.jwt.claims', claims, false);
    set local role authenticated;
    reads := test.attempt('select from t');
    updates := left(test.attempt('update t set note = note'), 30);
    reset role;
    return next;
  end loop;
end
$$;
select count(*) from auth.protect_table('t', applies_when => 'private.always()', lower => true);
select * from test.nobody();
select count(*) from auth.protect_table('t', applies_when => 'private.never()', lower => true);
select * from test.nobody();

\echo with ages
select read, write from auth.protect_table('t', max_age => '15 minutes', applies_when => 'private.is_admin()', lower => true);
select * from test.can('{aal2}', '{60,3600}');

\echo with rows of their owners: aal_owner is as without
select read, write from auth.protect_table('t', owner_column => 'owner_id', applies_when => 'private.is_admin()', lower => true);
select polname, pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check from pg_policy where polrelid = 't'::regclass order by 1;

\echo for some roles only: others need no right to execute the function
revoke execute on function private.is_admin() from public;
create role reporter;
grant all on t to reporter;
grant execute on function private.is_admin() to authenticated;
select count(*) from auth.protect_table('t', roles => '{authenticated}', applies_when => 'private.is_admin()', lower => true);
set role reporter;
select test.attempt('update t set note = note'), test.attempt('do ''begin truncate t; raise division_by_zero; end''');
reset role;

\echo a role that the policies bind needs it: a WARNING names it, and its statements fail
set client_min_messages = warning;
select warnings from auth.protect_table('t', applies_when => 'private.is_admin()', lower => true);
set client_min_messages = error;
select test.sign_in('aal1');
set role reporter;
select test.attempt('select from t'), test.attempt('update t set note = note'), test.attempt('do ''begin truncate t; raise division_by_zero; end''');
reset role;
revoke all on t from reporter;
drop role reporter;

\echo under sensitive columns
select read, write from auth.protect_table('t', sensitive_columns => '{iban}', applies_when => 'private.is_admin()', lower => true);
create function test.can_update() returns table (is_admin text, aal text, note text, iban text, same_iban text) language plpgsql as $$
begin
  for is_admin, aal in select a, l from unnest('{true,unknown,false}'::text[]) with ordinality as x(a, n), unnest('{aal1,aal2}'::text[]) l order by n, l loop
    perform test.sign_in_as(is_admin, aal);
    set local role authenticated;
    note := left(test.attempt('update t set note = ''new'''), 22);
    iban := left(test.attempt('update t set iban = iban || ''0'''), 22);
    same_iban := left(test.attempt('update t set iban = iban'), 22);
    reset role;
    return next;
  end loop;
end
$$;
select * from test.can_update();

\echo again without: for all sessions; and unprotecting
select read, write from auth.protect_table('t', read => 'aal2', lower => true);
select * from test.can();
select target, applies_when from auth.protected_tables;
\echo that exempts sessions again, and so does another function: not in silence
select auth.protect_table('t', read => 'aal2', applies_when => 'private.is_admin()');
select count(*) from auth.protect_table('t', read => 'aal2', applies_when => 'private.is_admin()', lower => true);
select count(*) from auth.protect_table('t', read => 'aal2', applies_when => 'private.is_admin()');
select auth.protect_table('t', read => 'aal2', applies_when => 'private.never()');
select count(*) from auth.unprotect_table('t');
select count(*) from auth.protected_tables;

drop table t;
drop schema private cascade;
drop function test.can(text[], int[]), test.sign_in_as(text, text, int), test.nobody(), test.can_update();
reset request.jwt.claims;
