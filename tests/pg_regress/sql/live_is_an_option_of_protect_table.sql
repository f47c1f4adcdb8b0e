-- live => true: every command that has a level needs a live session, too. What is told of it, what it makes, and what becomes of it.
\set SHOW_CONTEXT never
\pset null '(null)'
load 'pg_aal';
create schema store;
create table store.sessions (login text, sid text);
create function store.is_live(subject text, session text) returns boolean language sql stable parallel safe
begin atomic
  select exists (select from store.sessions where login = subject and sid = session);
end;
set pg_aal.session_function = 'store.is_live';
create table t (id int primary key, owner_id uuid, iban text, note text);
insert into t values (1, '11111111-1111-4111-8111-111111111111', 'DE1', 'a'), (2, null, 'DE2', 'b');
grant select, insert, update, delete, truncate on t to authenticated;
create policy everybody on t using (true) with check (true);
set client_min_messages = warning;
-- The statements that authenticated may do, with a live session (which the fixture calls s) and without.
create function test.can(aals text[] default '{aal1,aal2}')
returns table (live boolean, aal text, reads text, inserts text, updates text, changes_iban text, deletes text, truncates text)
language plpgsql as $$
begin
  for live, aal in select l, a from unnest('{true,false}'::boolean[]) with ordinality as x(l, n), unnest(aals) a order by n, a loop
    delete from store.sessions;
    insert into store.sessions select '11111111-1111-4111-8111-111111111111', 's' where live;
    perform test.sign_in(aal);
    set local role authenticated;
    reads := test.attempt('select from t');
    inserts := left(test.attempt('insert into t select 0 where false'), 22);
    updates := left(test.attempt('update t set note = note'), 22);
    changes_iban := left(test.attempt('do ''begin update t set iban = iban || 0; raise division_by_zero; end'''), 22);
    deletes := left(test.attempt('delete from t where id = 0'), 22);
    truncates := left(test.attempt('do ''begin truncate t; raise division_by_zero; end'''), 22);
    reset role;
    return next;
  end loop;
end
$$;

select read, write, warnings from auth.protect_table('t', live => true);
select statement from string_to_table(auth.protect_table_sql('t', live => true), E'\n\n') as statement where statement like 'create%';
select target, read, on_insert, on_update, on_delete, applies_when, live, guard from auth.protected_tables;
select polname, pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check from pg_policy where polrelid = 't'::regclass order by 1;
select tgname, pg_get_triggerdef(oid) from pg_trigger where tgrelid = 't'::regclass;
select * from test.can();
select auth.protect_table('t', live => null);

\echo running again never lowers in silence
select auth.protect_table('t');
select auth.protect_table_sql('t', live => false) is not null;
select read, write from auth.protect_table('t', live => true, write => 'aal3');
select read, write from auth.protect_table('t', lower => true);
select live from auth.protected_tables;
select * from test.can();
\echo also one that was altered by hand
alter policy aal_delete on t using (auth.has_aal('aal2') and auth.session_is_live());
select auth.protect_table('t');
select name, detail from auth.aal_lint() where name like '0020%';
select read, write from auth.protect_table('t', lower => true);

\echo none stays none; enrolled and ages
select read, write from auth.protect_table('t', read => 'none', live => true, lower => true);
select * from test.can();
select read, write from auth.protect_table('t', write => 'enrolled', max_age => '1 hour', live => true, lower => true);
select polname, pg_get_expr(coalesce(polwithcheck, polqual), polrelid) from pg_policy where polrelid = 't'::regclass order by 1;

\echo without the guard the policies decide
select read, write from auth.protect_table('t', guard => false, live => true, lower => true);
select * from test.can();

\echo sensitive columns, own rows
select read, write from auth.protect_table('t', sensitive_columns => '{iban}', owner_column => 'owner_id', live => true, lower => true);
select * from test.can();

\echo with applies_when: the others need neither a level nor a live session
create schema private;
create function private.is_admin() returns boolean language sql stable as $$ select current_setting('test.is_admin', true) = 'yes' $$;
select read, write from auth.protect_table('t', applies_when => 'private.is_admin()', live => true, lower => true);
select applies_when, live from auth.protected_tables;
set test.is_admin = 'yes';
select * from test.can();
set test.is_admin = 'no';
select * from test.can('{aal1}');
select name, detail from auth.aal_lint() where name like '00%' and detail like '%public.t %' and name not like '0017%';
select auth.protect_table('t', applies_when => 'auth.session_is_live()', live => true, lower => true);

\echo lints: as made, nothing was altered; by hand it was
select read, write from auth.protect_table('t', live => true, lower => true);
select name, detail from auth.aal_lint() where name like '0020%' or name like '0025%' or name like '0018%' or name like '0011%';
alter policy aal_update on t using (auth.has_aal('aal2'));
drop policy aal_read on t;
create policy aal_read on t for select using (auth.has_aal('aal1') and auth.session_is_live());
create policy raising on t as restrictive for delete using (auth.require_live_session());
select name, detail from auth.aal_lint() where name like '0020%' or name like '0025%' or name like '0018%';
drop policy raising on t;
drop policy aal_read on t;
select read, write from auth.protect_table('t', live => true, lower => true);
drop trigger aal_guard on t;
create trigger aal_guard before insert or update or delete or truncate on t for each statement
  execute function auth.aal_guard('insert=aal2', 'update=aal2', 'delete=aal2', 'truncate=aal2');
select name, detail from auth.aal_lint() where name like '0020%';
drop trigger aal_guard on t;
create trigger aal_guard before update on t for each statement execute function auth.aal_guard('update=aal1', 'live=yes');
select test.sign_in('aal2');
set role authenticated;
update t set note = note;
reset role;
drop trigger aal_guard on t;
select read, write from auth.protect_table('t', live => true, lower => true);

\echo the matrix: a live session is asked beside the level, and stands for none
select command, required_aal, note from auth.aal_matrix('t') where role = 'authenticated' order by 1;
create table u (id int);
alter table u enable row level security;
grant select, update on u to authenticated;
create policy p on u using (auth.session_is_live());
create policy q on u for update using (not auth.session_is_live() and auth.has_aal('aal2') and auth.require_live_session());
select command, required_aal, note from auth.aal_matrix('u') where role = 'authenticated' order by 1;
\echo the note says it where no other way is: not by another policy, a negation, an unread function or the way through a parent
create function u_gate() returns boolean language plpgsql stable as $$ begin return auth.session_is_live(); end $$;
create policy another on u for select using (auth.has_aal('aal3'));
select command, required_aal, note from auth.aal_matrix('u') where role = 'authenticated' and command = 'SELECT';
drop policy another on u;
create policy another on u for select using (not auth.session_is_live());
select command, required_aal, note from auth.aal_matrix('u') where role = 'authenticated' and command = 'SELECT';
drop policy another on u;
create policy another on u for select using (u_gate());
select command, required_aal, note from auth.aal_matrix('u') where role = 'authenticated' and command = 'SELECT';
alter policy another on u using (auth.require_live_session() and auth.claims() ->> 'aal' = 'aal2');
select command, required_aal, note from auth.aal_matrix('u') where role = 'authenticated' and command = 'SELECT';
create table above (id int);
alter table u inherit above;
grant select on above to authenticated;
select target, required_aal, note from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text in ('u', 'above') order by 1;
alter table above enable row level security;
create policy live on above as restrictive using (auth.session_is_live());
create policy everybody on above using (auth.has_aal('aal1'));
select target, required_aal, note from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text in ('u', 'above') order by 1;
set pg_aal.claims_source = 'token';
select target, required_aal, note from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text in ('u', 'above') order by 1;
reset pg_aal.claims_source;
drop table u, above;
drop function u_gate();
-- The test's own function sets claims. No client may call it.
revoke execute on function test.can from public;
select auth.assert_aal('t', 'update', 'aal2', accept => array(select cache_key from auth.aal_lint() where name like '0017%'));
grant execute on function test.can to public;

\echo explain_access, by the guard and the policies. (A store of your own is code of yours, which it does not run.)
set role authenticated;
select step, subject, answer, note from auth.explain_access('t', 'update') where command is not null;
reset role;
reset pg_aal.session_function;
set role authenticated;
select step, subject, answer, note from auth.explain_access('t', 'update') where command is not null;
reset role;
set pg_aal.session_function = 'store.is_live';

\echo in token mode: the session of the token
create function test.token_of(subject text, session text) returns text language sql as $$
  select test.token(format('{"sub":"%s","exp":@+3600@,"iat":@-60@,"role":"authenticated","aal":"aal2","session_id":"%s"}', subject, session))
$$;
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
delete from store.sessions;
insert into store.sessions values ('jane', 's1');
create function test.with_token(subject text, session text) returns table (live boolean, updates text) language plpgsql as $$
begin
  perform set_config('pg_aal.token', test.token_of(subject, session), true);
  set local role authenticated;
  live := auth.session_is_live();
  updates := test.attempt('update t set note = note');
  reset role;
  return next;
end
$$;
begin; select * from test.with_token('jane', 's1'); commit;
begin; select * from test.with_token('jane', 's2'); commit;
begin; select * from test.with_token('jim', 's1'); commit;
select auth.session_is_live();
reset pg_aal.claims_source;
reset pg_aal.jwks;
drop function test.token_of(text, text), test.with_token(text, text);

\echo partitions
create table parted (id int, at date) partition by range (at);
create table parted_1 partition of parted for values from ('2026-01-01') to ('2027-01-01');
grant select, insert on parted, parted_1 to authenticated;
create policy everybody on parted using (true) with check (true);
create policy everybody on parted_1 using (true) with check (true);
select read, write, partitions from auth.protect_table('parted', live => true);
select target, live from auth.protected_tables order by 1;
delete from store.sessions;
select test.sign_in('aal2');
set role authenticated;
select test.attempt('insert into parted values (1, ''2026-02-01'')'), test.attempt('insert into parted_1 values (1, ''2026-02-01'')');
reset role;

\echo a dump carries it
\! createdb live_restored && pg_dump regression | psql -X -q -v ON_ERROR_STOP=1 -d live_restored > /dev/null && echo restored
\c live_restored
\set SHOW_CONTEXT never
set client_min_messages = warning;
load 'pg_aal';
set pg_aal.session_function = 'store.is_live';
select target, read, live from auth.protected_tables order by 1;
select * from test.can();
select auth.protect_table('t');
select name, detail from auth.aal_lint() where name like '0020%';
\c regression
drop database live_restored;
set client_min_messages = warning;
select row_security from auth.unprotect_table('t');
select row_security from auth.unprotect_table('parted');
drop table t, parted;
drop schema store, private cascade;
drop function test.can(text[]);
reset client_min_messages;
reset request.jwt.claims;
