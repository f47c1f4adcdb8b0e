-- An update by key asks for its level once, a statement has one token, and look-ups are kept within it. None of this lets through what
-- asking each time would refuse. Held against twins: policies that ask each time, and a table without its guard.
load 'pg_aal';
\set SHOW_CONTEXT never
set client_min_messages = error;

\echo updates by key, in each place where a row comes from or goes to: with policies whose calls the planner knows, and does not know
-- The same C function under another name has no planner's support.
create schema plain;
grant usage on schema plain to public;
create function plain.has_aal(level text, max_age interval default null) returns boolean language c stable parallel safe as '$libdir/pg_aal', 'has_aal_wrapper';
create table whole (id int, part int, note text, primary key (id, part)) partition by list (part);
create table part_1 partition of whole for values in (1);
create table part_2 (note text, part int not null, id int not null);
alter table whole attach partition part_2 for values in (2);
insert into whole select n, 1 + n % 2, 'old' from generate_series(1, 4) n;
create table above (id int primary key, note text, check (id <= 2) no inherit);
create table below (primary key (id), check (id > 2)) inherits (above);
insert into above values (1, 'old');
insert into below values (3, 'old');
create table other (id int primary key);
insert into other values (1);
create view checked as select * from whole where auth.has_aal('aal1') with check option;
create view of_caller with (security_invoker, security_barrier) as select * from whole where note <> '' with local check option;
create role of_views;
alter view checked owner to of_views;
create function test.leaks(text) returns boolean language plpgsql cost 0.000001 as 'begin return true; end';
create function test.changes() returns trigger language plpgsql as $$ begin new.note := new.note || '!'; return new; end $$;
create trigger changes before update on part_2 for each row execute function test.changes();
grant select, insert, update on all tables in schema public to authenticated, of_views;

create table test.tries (nr int generated always as identity, statement text);
insert into test.tries (statement) values
  ($$update whole set note = 'new' where id = 1 and part = 2$$),
  ($$update whole set part = 1 where id = 1 and part = 2$$),
  ($$update whole set part = 2, note = 'new' where id = 2 and part = 1 and test.leaks(note)$$),
  ($$update part_1 set note = 'new' where id = 2 and part = 1$$),
  ($$update above set note = 'new' where id = 1$$),
  ($$update above set note = 'new' where id = 3$$),
  ($$update only above set note = 'new' where id = 1 and (auth.has_aal('aal2') or note = 'old')$$),
  ($$update checked set note = 'new' where id = 1 and part = 2$$),
  ($$update of_caller set note = 'new', part = 1 where id = 1 and part = 2 and test.leaks(note)$$),
  ($$update whole w set note = o.id::text from other o where o.id = 1 and w.id = 1 and w.part = 2$$),
  ($$update whole set note = (select max(note) from above where id = 1) where id = 1 and part = 2 and auth.has_aal('aal1')$$),
  ($$with c as (update whole set note = 'new' where id = 1 and part = 2 returning *) insert into other select 9 from c$$),
  ($$insert into whole values (1, 2, 'new') on conflict (id, part) do update set note = excluded.note$$),
  ($$merge into whole w using other o on w.id = o.id and w.part = 2 when matched then update set note = 'new'$$),
  ($$update whole set note = 'new' where ctid = (select ctid from part_2 where id = 1) and tableoid = 'part_2'::regclass$$),
  ($$do 'declare c cursor for select * from whole where id = 1 for update; r record; begin open c; fetch c into r; if found then update whole set note = r.note || 1 where current of c; end if; end'$$);
-- Policies for UPDATE. f. stands for the schema of the function.
create table test.policies (nr int generated always as identity, clauses text);
insert into test.policies (clauses) values
  ($$as restrictive for update using (f.has_aal('aal2'))$$),
  ($$as restrictive for update using (f.has_aal('aal2')) with check (f.has_aal('aal3'))$$),
  ($$as restrictive for update using (f.has_aal('aal2')) with check (f.has_aal('aal2', '15 minutes'))$$),
  ($$as restrictive for update using (true) with check (f.has_aal('aal2'))$$),
  ($$as restrictive for update using (f.has_aal('aal2') or note = 'old') with check (f.has_aal('aal2'))$$),
  ($$as restrictive for update using (not f.has_aal('aal3')) with check (f.has_aal('aal2') and note <> 'new')$$),
  ($$as restrictive for update to of_views using (f.has_aal('aal2')) with check (f.has_aal('aal3'))$$),
  ($$as restrictive for all using (f.has_aal('aal1')) with check (f.has_aal('aal2'))$$),
  ($$as restrictive for select using (f.has_aal('aal2'))$$),
  ($$for update using (f.has_aal('aal2')) with check (f.has_aal('aal1'))$$);

-- What each statement leaves in the tables, or its error, by each session. Everything is undone.
create function test.outcomes(policy text) returns table (session int, nr int, outcome text) language plpgsql as $$
declare
  tried test.tries;
begin
  execute format('create policy tried on whole %s; create policy tried on above %s; create policy tried on part_1 %s', policy, policy, policy);
  for n in 0..4 loop
    session := n;
    perform test.set_claims(case when session > 0 then format('{"sub":"jane","aal":"aal%s","amr":[{"method":"totp","timestamp":@-%s@}]}',
      least(session, 3), case when session = 4 then 3600 else 60 end) end);
    for tried in select * from test.tries order by tries.nr loop
      nr := tried.nr;
      begin
        set local role authenticated;
        execute tried.statement;
        reset role;
        raise sqlstate 'UNDO1' using message = (select string_agg(w::text, ' ' order by id, part) from whole w) || (select string_agg(a::text, ' ' order by id) from above a) || (select count(*) from other);
      exception when others then
        outcome := sqlstate || ' ' || sqlerrm;
      end;
      reset role;
      return next;
    end loop;
  end loop;
  drop policy tried on whole;
  drop policy tried on above;
  drop policy tried on part_1;
end
$$;
alter table whole enable row level security;
alter table above enable row level security;
alter table part_1 enable row level security;
create policy reads on whole for select using (true);
create policy inserts on whole for insert with check (true);
create policy updates on whole for update using (auth.has_aal('aal1')) with check (true);
create policy everybody on above using (true);
create policy everybody on part_1 using (true);
set enable_seqscan = off;
set jit = off;
create table test.compared as
  select p.nr as policy, o.session, o.nr, o.outcome, plain.outcome as twin
    from test.policies p, test.outcomes(replace(clauses, 'f.', 'auth.')) o join test.outcomes(replace(clauses, 'f.', 'plain.')) plain using (session, nr);
reset enable_seqscan;
reset jit;
select count(*) as cases, count(*) filter (where outcome ~ '^UNDO1') as done, count(*) filter (where outcome ~ '^42501 .*row-level security') as refused,
       count(*) filter (where outcome !~ '^(UNDO1|42501)') as other from test.compared;
select * from test.compared where outcome <> twin;
-- Sessions 0 and 1 are below aal2: they changed no row where the policy asks for it. Each statement changed rows at aal2.
select policy, session, nr from test.compared where policy <= 4 and session < 2 and outcome ~ '^UNDO1' and outcome ~ 'new|!|[(]2,2|[(]1,1|9$' order by 1, 2, 3;
select count(distinct nr) as of_statements from test.compared where policy = 1 and session = 2 and outcome ~ '^UNDO1' and outcome ~ 'new|!|[(]2,2|[(]1,1|old1';
drop table test.compared, test.policies, test.tries;
drop function test.outcomes, test.changes cascade;
drop view checked, of_caller;
drop table whole, above, other cascade;
drop schema plain cascade;
drop function test.leaks;
drop owned by of_views;
drop role of_views;

\echo a second token within an update by key counts for nobody, wherever it comes in
create table vault (id int primary key, user_id uuid, iban text);
insert into vault select n, format('%s1111111-1111-4111-8111-111111111111', n)::uuid, 'iban of ' || n from generate_series(1, 3) n;
grant select, insert, update, delete on vault to authenticated;
select count(*) from auth.protect_table('vault', owner_column => 'user_id');
-- The thief's own, at aal2; one of the victim's that was stolen, at aal1; and one that the victim has at aal2.
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set,
       set_config('test.thief', test.token_at('aal2', subject => '11111111-1111-4111-8111-111111111111'), false) is not null as thief,
       set_config('test.stolen', test.token_at('aal1', subject => '21111111-1111-4111-8111-111111111111'), false) is not null as stolen,
       set_config('test.victim', test.token_at('aal2', subject => '21111111-1111-4111-8111-111111111111'), false) is not null as victim;
set pg_aal.claims_source = 'token';
-- Functions of anybody's own: by its kind, the planner asks it, or the scan, or each row.
create function test.as(who text) returns text language plpgsql as $$ begin perform set_config('pg_aal.token', current_setting('test.' || who), true); return ''; end $$;
create function test.as_stable(who text) returns text language plpgsql stable cost 0.000001 as $$ begin perform set_config('pg_aal.token', current_setting('test.' || who), true); return ''; end $$;
grant execute on all functions in schema test to public;
create table test.tries (nr int generated always as identity, who text, statement text);
insert into test.tries (who, statement) values
  ('victim', $$update vault set iban = 'new' where id = 2$$),
  ('thief', $$update vault set iban = 'new' where id = 2$$),
  ('thief', $$update vault set iban = 'new' || test.as('stolen'), user_id = '21111111-1111-4111-8111-111111111111' where id = 1$$),
  ('thief', $$update vault set iban = 'new' where id = 2 and test.as('stolen') = ''$$),
  ('thief', $$update vault set iban = 'new' where id = 2 and test.as('stolen') = '' and test.as('thief') = ''$$),
  ('thief', $$update vault set iban = 'new' where id = 2 + length(test.as_stable('stolen'))$$),
  ('thief', $$update vault set iban = 'new' where id = 2 and test.as_stable('stolen') = ''$$),
  ('stolen', $$update vault set iban = 'new' || test.as('thief') where id = 2$$),
  ('stolen', $$update vault set iban = 'new' where id = 2 + length(test.as_stable('thief'))$$),
  ('thief', $$with a as (select test.as('stolen') as s) update vault set iban = 'new' from a where id = 2 + length(a.s)$$),
  ('thief', $$with a as (update vault set iban = 'own' || test.as('stolen') where id = 1 returning 1) update vault set iban = 'new' where id = 2$$),
  ('thief', $$with a as (update vault set iban = 'own' || test.as('stolen') where id = 1 returning 1) delete from vault where id = 2$$),
  ('thief', $$insert into vault values (1, '21111111-1111-4111-8111-111111111111', 'new') on conflict (id) do update set iban = 'new' || test.as('stolen'), user_id = excluded.user_id$$);
create table test.answers (nr int, guard text, answer text, of_victim text);
-- In a procedure, each statement is one of its own, as a client's is.
create procedure test.try(guard text) language plpgsql as $$
declare
  tried test.tries;
  got test.answers;
begin
  for tried in select * from test.tries order by tries.nr loop
    got.nr := tried.nr;
    got.guard := guard;
    begin
      perform set_config('pg_aal.token', current_setting('test.' || tried.who), true);
      set local role authenticated;
      got.answer := left(test.attempt(tried.statement), 60);
      reset role;
      select string_agg(id || ' ' || iban, ', ' order by id) into got.of_victim from vault where user_id = '21111111-1111-4111-8111-111111111111';
      raise exception 'undo';
    exception when raise_exception then
      insert into test.answers values (got.*);
    end;
  end loop;
end
$$;
call test.try('on');
alter table vault disable trigger aal_guard;
call test.try('off');
select nr, guard, who, answer, of_victim from test.answers join test.tries using (nr) order by nr, guard desc;
drop procedure test.try;
drop table vault, test.tries, test.answers;
drop function test.as, test.as_stable;
reset pg_aal.claims_source;

\echo a change by another connection counts for what is asked after it, at each isolation level
create role supabase_auth_admin nologin;
create database kept;
\c kept
\set SHOW_CONTEXT never
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to authenticated;
set role supabase_auth_admin;
create table auth.users (id uuid primary key, banned_until timestamptz, deleted_at timestamptz);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null, status text not null);
create table auth.sessions (id uuid primary key, user_id uuid not null, created_at timestamptz default now(), factor_id uuid, aal text, not_after timestamptz);
insert into auth.users values ('11111111-1111-4111-8111-111111111111');
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
insert into auth.sessions (id, user_id, aal, factor_id)
  values ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111');
reset role;
create extension pg_aal;
create function public.asks() returns text language plpgsql volatile as $$ begin return concat_ws(' ', auth.session_is_live(), auth.enrolled_aal(), auth.has_enrolled_aal()); end $$;
-- Waits for the other connection, which waits for this one.
create function public.turn() returns text language plpgsql volatile as $$
begin
  perform pg_advisory_unlock(1);
  perform pg_advisory_lock(2);
  return 'changed';
end
$$;
grant execute on all functions in schema public to authenticated;
create function public.sign_in() returns void language sql as $$
  select set_config('request.jwt.claims', '{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal2","session_id":"51111111-1111-4111-8111-111111111111"}', false)
$$;
create table notes (id int primary key, note text);
insert into notes values (1, 'old');
grant select, update on notes to authenticated;
create policy everybody on notes using (true);
set client_min_messages = error;
select count(*) from auth.protect_table('notes', live => true, guard => false);
-- The other connection: it has lock 2, waits for lock 1, makes its change, and is gone.
\setenv OTHER 'psql -X -q -d kept -c ''select pg_advisory_lock(2)'' -c ''select pg_advisory_lock(1)'''
create procedure public.await(what text) language plpgsql as $$
begin
  while not exists (select from pg_locks where locktype = what and not granted) loop
    perform pg_sleep(0.01);
  end loop;
end
$$;
select sign_in();
\setenv CHANGE 'update auth.sessions set not_after = ''-infinity'''
\setenv BACK 'update auth.sessions set not_after = null'
select pg_advisory_lock(1);
\! sh -c "$OTHER -c \"$CHANGE\"" > /dev/null 2>&1 &
call await('advisory');
begin isolation level repeatable read;
set local role authenticated;
select count(*) from notes;
select asks(), turn(), asks();
select count(*) from notes;
commit;
select pg_advisory_unlock_all(), pg_advisory_lock(1);
\! psql -X -q -d kept -c "$BACK"
\! sh -c "$OTHER -c \"$CHANGE\"" > /dev/null 2>&1 &
call await('advisory');
begin isolation level serializable;
set local role authenticated;
select count(*) from notes;
select asks(), turn(), asks();
select count(*) from notes;
commit;
select pg_advisory_unlock_all(), pg_advisory_lock(1);
\! psql -X -q -d kept -c "$BACK"
\setenv CHANGE 'delete from auth.mfa_factors'
\! sh -c "$OTHER -c \"$CHANGE\"" > /dev/null 2>&1 &
call await('advisory');
select asks(), turn(), asks();
insert into auth.mfa_factors values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
\echo a session that ends while its update by key waits for a row: Postgres asks again of one that was changed, not of one that was only locked
select pg_advisory_unlock_all(), asks();
\setenv WAIT 'call await(''transactionid'')'
\setenv CHANGE 'update auth.sessions set not_after = ''-infinity'''
\! psql -X -q -d kept -c "begin" -c "select from notes for update" -c "select pg_advisory_lock(3)" -c "$WAIT" -c "$CHANGE" -c "commit" > /dev/null 2>&1 &
do $$ begin while not exists (select from pg_locks where locktype = 'advisory' and objid = 3 and granted) loop perform pg_sleep(0.01); end loop; end $$;
set role authenticated;
update notes set note = 'new' where id = 1 returning *;
reset role;
do $$ begin while exists (select from pg_locks where locktype = 'advisory') loop perform pg_sleep(0.01); end loop; end $$;
\! psql -X -q -d kept -c "$BACK"
\! psql -X -q -d kept -c "begin" -c "update notes set note = 'changed'" -c "select pg_advisory_lock(3)" -c "$WAIT" -c "$CHANGE" -c "commit" > /dev/null 2>&1 &
do $$ begin while not exists (select from pg_locks where locktype = 'advisory' and objid = 3 and granted) loop perform pg_sleep(0.01); end loop; end $$;
set role authenticated;
update notes set note = 'new' where id = 1 returning *;
reset role;
table notes;
reset request.jwt.claims;
\c regression
drop database kept (force);
drop role supabase_auth_admin;
