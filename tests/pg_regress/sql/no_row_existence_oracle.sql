-- Whether a row exists can't be told from the answer to an AAL1 session: the same answer for an existing key and a
-- missing one, with the guard and without it, with an index and without.
create table secrets (id int primary key, user_id uuid not null, secret text unique);
insert into secrets select n, '11111111-1111-4111-8111-111111111111', 's' || n from generate_series(1, 1000) as n;
grant select, insert, update, delete on secrets to authenticated;
analyze secrets;

create view pg_temp.probes(nr, statement) as values
  (1, $$select * from secrets where id = %s$$),
  (2, $$update secrets set secret = 'x' where id = %s$$),
  (3, $$delete from secrets where id = %s$$),
  (4, $$insert into secrets values (%s, '11111111-1111-4111-8111-111111111111', 'y')$$),
  (5, $$insert into secrets values (%s, '11111111-1111-4111-8111-111111111111', 'y') on conflict do nothing$$),
  (6, $$insert into secrets values (%s, '11111111-1111-4111-8111-111111111111', 'y') on conflict (id) do update set secret = 'z'$$),
  (7, $$merge into secrets s using (values (%s)) v(id) on s.id = v.id when matched then update set secret = 'x'$$),
  (8, $$merge into secrets s using (values (%s)) v(id) on s.id = v.id when matched then delete$$),
  (9, $$select * from secrets where id = %s for update$$);
grant select on pg_temp.probes to authenticated;

-- Everything needs AAL2: not even the reads tell. Existing keys: 1 to 1000.
select count(*) = 1 as protected from auth.protect_table('secrets', read => 'aal2', owner_column => 'user_id');
select test.sign_in('aal1');
set role authenticated;
select nr, test.attempt(format(statement, 7)) as answer,
       test.attempt(format(statement, 7)) = test.attempt(format(statement, 7000)) as same_for_a_missing_key
  from pg_temp.probes order by nr;
set enable_indexscan = off;
set enable_bitmapscan = off;
select bool_and(test.attempt(format(statement, 7)) = test.attempt(format(statement, 7000))) as all_same from pg_temp.probes;
reset enable_indexscan;
reset enable_bitmapscan;
reset role;

-- The policies alone: just as silent.
select count(*) = 1 as protected from auth.protect_table('secrets', read => 'aal2', owner_column => 'user_id', guard => false, lower => true);
set role authenticated;
select nr, test.attempt(format(statement, 7)) as answer,
       test.attempt(format(statement, 7)) = test.attempt(format(statement, 7000)) as same_for_a_missing_key
  from pg_temp.probes order by nr;
reset role;
select count(*), count(*) filter (where secret = 's' || id) as unchanged from secrets;

-- A policy that raises would tell: why the generated ones don't.
select count(*) = 1 as unprotected from auth.unprotect_table('secrets');
alter table secrets enable row level security;
create policy everybody on secrets using (true);
create policy raising on secrets as restrictive for select using (auth.require_aal('aal2'));
set role authenticated;
select test.attempt('select * from secrets where id = 7'), test.attempt('select * from secrets where id = 7000');
reset role;

drop table secrets;
reset request.jwt.claims;
