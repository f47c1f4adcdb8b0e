-- explain_access tells the caller's own session why it gets what it gets: step by step, as Postgres decides it.
create schema told;
grant usage on schema told to anon, authenticated, service_role;
set search_path = told;
create table payments (id int, user_id uuid default auth.subject_uuid(), amount numeric);
insert into payments values (1, '11111111-1111-4111-8111-111111111111', 10), (2, '21111111-1111-4111-8111-111111111111', 20);
grant select, insert, update, delete on payments to anon, authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('payments', owner_column => 'user_id', max_age => '15 minutes');
reset client_min_messages;

-- Nobody is signed in.
set role anon;
select * from auth.explain_access('payments', 'select');
select count(*) from payments;
select test.sign_out();
select * from auth.explain_access('payments', 'insert');

-- At aal1.
reset role;
set role authenticated;
select test.set_claims('{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal1"}');
select * from auth.explain_access('payments');
select test.attempt('select * from told.payments'), test.attempt('update told.payments set amount = 1');

-- At aal2, and too long ago.
select test.sign_in('aal2', 3600);
select * from auth.explain_access('payments', 'update');
select test.sign_in('aal2');
select step, subject, answer from auth.explain_access('payments', 'UPDATE') where command is not null;
select test.attempt('update told.payments set amount = 1');

-- Claims of every odd form are an answer.
reset role;
create function test.told(claims text) returns table (step text, subject text, answer text, note text)
language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims, true);
  return query select e.step, e.subject, e.answer, e.note from auth.explain_access('told.payments', 'select') e
    where e.step in ('claims', 'level', 'subject', 'result', 'next');
end
$$;
set role authenticated;
select * from test.told('');
select * from test.told('{');
select * from test.told('[]');
select * from test.told('null');
select * from test.told('{"aal":1}');
select * from test.told('{"aal":"AAL2","sub":"jane"}');
select * from test.told('{"sub":"jane"}');
select * from test.told('{"aal":"aal1","aal":"aal2"}');
select * from test.told('{"aal":"aal1","sub":"\u0000"}');
select test.attempt('delete from told.payments'), (select answer from auth.explain_access('payments', 'delete') where step = 'result')
  from set_config('request.jwt.claims', '{', true);
-- A subject that is no UUID owns no row by auth.subject_uuid(), at any level: to sign in or to step up wouldn't help.
select * from test.told('{"aal":"aal2","sub":"jane"}');
select test.set_claims('{"aal":"aal2","sub":"jane"}');
select command, answer, note from auth.explain_access('payments') where step = 'next';
reset request.jwt.claims;

-- Wrong questions.
select * from auth.explain_access(null);
select * from auth.explain_access('4294967295'::regclass);
select * from auth.explain_access('payments', 'merge');

-- No grant; no usage; some columns.
select test.sign_in('aal2');
reset role;
create table granted (id int, secret text);
alter table granted enable row level security;
create policy everybody on granted using (true);
set role authenticated;
select command, step, subject, answer, note from auth.explain_access('granted') where step in ('grant', 'result', 'next');
reset role;
grant select (id), update (id) on granted to authenticated;
set role authenticated;
select command, step, subject, answer, note from auth.explain_access('granted') where command in ('SELECT', 'UPDATE', 'DELETE');
reset role;
revoke usage on schema told from authenticated;
set role authenticated;
select command, step, subject, answer, note from auth.explain_access((select oid from pg_class where relname = 'granted')::regclass, 'select') where command is not null;
reset role;
grant usage on schema told to authenticated;

-- No permissive policy, one for others, one that another refuses.
grant select, insert, update, delete on granted to authenticated;
drop policy everybody on granted;
create policy for_anon on granted to anon using (true);
set role authenticated;
select command, step, subject, answer, note from auth.explain_access('granted') where command in ('SELECT', 'INSERT');
select test.attempt('select * from told.granted'), test.attempt('insert into told.granted values (1)');
reset role;
create policy own on granted to authenticated using (secret = auth.subject()) with check (true);
create policy never on granted as restrictive for update using (true) with check (false);
set role authenticated;
select command, step, subject, answer, note from auth.explain_access('granted', 'update') where command is not null;
reset role;

-- A write needs SELECT, too, where it reads.
create policy unreadable on granted as restrictive for select using (false);
set role authenticated;
select command, step, answer, note from auth.explain_access('granted') where step = 'result';
reset role;

-- Policies as people write them, and what the very session gets.
create table written (expression text, nr int generated always as identity);
insert into written (expression) values
  ('auth.uid() = user_id'), ('(select auth.uid()) is not null'), ('auth.jwt() ->> ''aal'' = ''aal2'''), ('auth.jwt() ->> ''role'' = ''authenticated'''),
  ('auth.jwt() -> ''app_metadata'' ->> ''tenant'' = ''a'''), ('(auth.jwt() ->> ''is_anonymous'')::boolean is not true'), ('auth.subject() = ''jane'''),
  ('auth.subject_uuid() is null'), ('current_user = ''authenticated'''), ('current_setting(''request.jwt.claim.sub'', true) = ''x'''),
  ('current_setting(''app.tenant'') = ''a'''), ('auth.has_aal(''aal2'') or user_id is null'), ('auth.has_aal(''AAL2'')'), ('auth.require_aal(''aal3'')'),
  ('exists (select from told.granted g where g.id = told.asked.id)'), ('exists (select from told.payments)'), ('auth.authenticated_at(''aal2'') is not null'),
  ('auth.enrolled_aal() = ''aal1'''), ('auth.has_enrolled_aal()'), ('1 / 0 = 1');
create function test.asked(claims text) returns table (nr int, expression text, answer text, next text)
language plpgsql as $$
begin
  for nr, expression in select w.nr, w.expression from told.written w order by 1 loop
    execute 'create table told.asked (id int, user_id uuid)';
    execute format('create policy alone on told.asked using (%s)', expression);
    execute 'alter table told.asked enable row level security';
    execute 'grant select on told.asked to authenticated';
    perform set_config('request.jwt.claims', claims, true);
    set local role authenticated;
    select max(e.answer) filter (where step = 'permissive'), max(e.answer) filter (where step = 'next')
      into answer, next from auth.explain_access('told.asked', 'select') e;
    reset role;
    execute 'drop table told.asked';
    return next;
  end loop;
end
$$;
select * from test.asked('{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated","aal":"aal1","app_metadata":{"tenant":"a"},"is_anonymous":false}');
select * from test.asked('{"sub":"jane","role":"authenticated","aal":"aal2","app_metadata":{"tenant":"b"}}');
select * from test.asked('');

-- Views, copies, partitions, rules, catalogs, and what isn't a table.
create view of_owner as select * from payments;
create view of_caller with (security_invoker) as select * from payments;
create view of_view as select * from of_owner;
create materialized view copied as select * from payments;
create table parts (id int) partition by list (id);
create table part_1 partition of parts for values in (1);
alter table part_1 enable row level security;
create table ruled (id int);
create rule elsewhere as on insert to ruled do instead nothing;
grant select, insert on of_owner, of_caller, of_view, copied, parts, part_1, ruled to authenticated;
set role authenticated;
select test.sign_in('aal1');
select r, step, subject, answer, note
  from unnest(array['of_owner', 'of_caller', 'of_view', 'copied', 'parts', 'part_1', 'ruled', 'pg_catalog.pg_class']::regclass[]) with ordinality t(r, n)
 cross join lateral auth.explain_access(r, 'select') e
 where step not in ('claims', 'level', 'subject', 'grant')
 order by n;
select step, subject, answer, note from auth.explain_access('ruled', 'insert') where command is not null;
reset role;
create index an_index on payments (id);
select step, subject, answer, note from auth.explain_access('an_index', 'select') where step not in ('claims', 'level', 'subject');

-- Roles that row security doesn't bind.
set role service_role;
select step, subject, answer, note from auth.explain_access('payments'::regclass, 'update') where step in ('role', 'guard', 'restrictive', 'result', 'next');
reset role;
select step, subject, answer, note from auth.explain_access('payments', 'update') where step in ('role', 'guard', 'restrictive', 'result', 'next');

-- A guard that is off, and sensitive columns.
alter table payments disable trigger aal_guard;
set role authenticated;
select step, subject, answer, note from auth.explain_access('payments', 'delete') where command is not null;
reset role;
set client_min_messages = error;
select count(*) from auth.protect_table('payments', owner_column => 'user_id', sensitive_columns => '{amount}', lower => true);
reset client_min_messages;
set role authenticated;
select step, subject, answer, note from auth.explain_access('payments', 'update') where command is not null;
reset role;

-- No line of it is wider than psql at 120 columns has room for.
select max(length(line)) from auth.explain_access('payments') e cross join lateral regexp_split_to_table(e.note, '\n') line;
select provolatile, proparallel, prosecdef, proconfig from pg_proc where proname = 'explain_access';
reset search_path;
drop schema told cascade;
drop function test.asked, test.told;
