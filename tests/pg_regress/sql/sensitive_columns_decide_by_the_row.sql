-- An update is refused where the value of a sensitive column changes: its bytes, however the row is written or moved.
\set VERBOSITY terse
create domain account as text check (value <> 'x');
create type address as (street text, zip int);
create table payout (
  id int primary key, dropped int, iban text, nickname text, note account, amount numeric, home address, tags text[],
  shouted text generated always as (upper(iban)) stored, big text, twin int not null default 0);
alter table payout drop column dropped;
alter table payout alter column big set storage extended;
insert into payout (id, iban, nickname, note, amount, home, tags, big)
  values (1, 'de1', 'mine', 'n', 1.0, row('a', 1), '{a,b}', repeat('0123456789', 2000)),
         (2, null, 'other', null, null, null, null, null);
-- A value that is stored apart, not compressed.
alter table payout alter column big set storage external;
insert into payout (id, iban, big) values (3, 'de3', repeat('abcdefghij', 2000));
grant select, insert, update, delete on payout to authenticated, service_role;
create policy everybody on payout using (true) with check (true);
select count(*) = 1 as protected
  from auth.protect_table('payout', sensitive_columns => '{iban,note,amount,home,tags,big}', on_insert => 'aal1');

create view pg_temp.writes(nr, statement) as values
  -- As they were.
  (1, $$update payout set nickname = 'x' where id = 1$$),
  (2, $$update payout set nickname = 'x', iban = 'de1' where id = 1$$),
  (3, $$update payout set iban = iban, note = note, amount = amount, home = home, tags = tags, big = big$$),
  (4, $$update payout set (iban, nickname, note, amount, home, tags) = ('de1', 'x', 'n', 1.0, row('a', 1)::address, '{a,b}') where id = 1$$),
  (5, $$update payout set big = repeat('0123456789', 2000) where id = 1$$),
  (6, $$update payout set big = repeat('abcdefghij', 2000) where id = 3$$),
  (7, $$update payout set iban = null, note = null, amount = null, home = null, tags = null, big = null where id = 2$$),
  (8, $$insert into payout (id, iban, nickname) values (1, 'de1', 'x') on conflict (id) do update set iban = excluded.iban, nickname = excluded.nickname$$),
  (9, $$merge into payout p using (values (1, 'de1')) v(id, iban) on p.id = v.id when matched then update set iban = v.iban, nickname = 'x'$$),
  (10, $$update payout set iban = 'EVIL' where false$$),
  (11, $$with x as (update payout set iban = 'de1' where id = 1 returning 1) update payout set nickname = 'y' where id = 2$$),
  -- Changed.
  (20, $$update payout set iban = 'EVIL' where id = 1$$),
  (21, $$update payout set iban = null where id = 1$$),
  (22, $$update payout set iban = 'EVIL' where id = 2$$),
  (23, $$update payout set iban = default where id = 1$$),
  (24, $$update payout set amount = 1.00 where id = 1$$),
  (25, $$update payout set home.zip = 2 where id = 1$$),
  (26, $$update payout set tags[2] = 'c' where id = 1$$),
  (27, $$update payout set note = 'm' where id = 1$$),
  (28, $$update payout set big = repeat('0123456789', 1999) || '0123456780' where id = 1$$),
  (29, $$update payout set big = repeat('abcdefghij', 1999) || 'abcdefghiz' where id = 3$$),
  (30, $$insert into payout (id, iban) values (1, 'EVIL') on conflict (id) do update set iban = excluded.iban$$),
  (31, $$merge into payout p using (values (1), (2)) v(id) on p.id = v.id when matched and p.id = 1 then update set iban = 'EVIL' when matched then update set nickname = 'c'$$),
  (32, $$with x as (update payout set iban = 'EVIL' where id = 1 returning 1) update payout set nickname = nickname where false$$),
  (33, $$update payout set nickname = 'x', iban = case when id = 2 then 'EVIL' else iban end$$);
grant select on pg_temp.writes to authenticated;

select test.sign_in('aal1');
set role authenticated;
select * from test.tried('pg_temp.writes');
reset role;
select test.sign_in('aal2');
set role authenticated;
select * from test.tried('pg_temp.writes') where answer not like 'done%';
reset role;
-- Nobody whom row security doesn't bind is asked.
select test.sign_in('aal1');
select count(*) from test.tried('pg_temp.writes') where answer like 'done%';
set role service_role;
select test.attempt($$update payout set iban = 'de9' where id = 2$$), test.attempt($$update payout set iban = null where id = 2$$);
reset role;

-- Prepared, by a cursor, in PL/pgSQL.
set role authenticated;
prepare change(text) as update payout set iban = $1 where id = 1;
execute change('de1');
execute change('EVIL');
set plan_cache_mode = force_generic_plan;
execute change('de1');
execute change('EVIL');
reset plan_cache_mode;
begin;
declare c cursor for select id, iban from payout where id = 1 for update;
fetch c;
update payout set nickname = 'cursor', iban = 'de1' where current of c;
update payout set iban = 'EVIL' where current of c;
rollback;
do $$ begin update payout set iban = 'EVIL' where id = 1; exception when insufficient_privilege then raise notice 'refused'; end $$;
explain (analyze, costs off, timing off, summary off) update payout set iban = 'EVIL' where id = 1;
reset role;

-- What the project's own triggers do with a row is the project's; but what an update names is compared with what comes of it.
create function pg_temp.normalise() returns trigger language plpgsql as $$ begin new.iban := lower(new.iban); return new; end $$;
create trigger normalise before update on payout for each row execute function pg_temp.normalise();
set role authenticated;
select test.attempt($$update payout set iban = 'DE1', nickname = 'x' where id = 1$$) as same_when_normalised,
       test.attempt($$update payout set iban = 'DE2' where id = 1$$) as another;
reset role;
drop trigger normalise on payout;
create function pg_temp.count() returns trigger language plpgsql as $$ begin new.amount := new.amount + 1; return new; end $$;
create trigger count before update on payout for each row execute function pg_temp.count();
set role authenticated;
select test.attempt($$update payout set nickname = 'y' where id = 1$$) as own_trigger,
       test.attempt($$update payout set nickname = 'y', amount = amount where id = 1$$) as named;
reset role;
drop trigger count on payout;
select iban, nickname, amount from payout where id = 1;

-- No operator of a user decides: every two values of this type are equal by its own.
create type code as (c text);
create function pg_temp.always(code, code) returns boolean language sql immutable as 'select true';
create operator = (leftarg = code, rightarg = code, procedure = pg_temp.always);
create table codes (id int primary key, secret code, title text);
insert into codes values (1, row('a'), 't');
grant select, update on codes to authenticated;
create policy everybody on codes using (true) with check (true);
select count(*) = 1 as protected from auth.protect_table('codes', sensitive_columns => '{secret}');
set role authenticated;
select test.attempt($$update codes set secret = row('EVIL')$$) as changed, test.attempt($$update codes set secret = row('a')$$) as unchanged;
reset role;

-- Through views: an invoker's rights, and its owner's.
create view mine with (security_invoker) as select id, iban as account, nickname from payout;
create view mine_twice with (security_invoker) as select id, account as money, nickname from mine where id < 10;
create view by_owner as select id, iban as account from payout;
grant select, update on mine, mine_twice, by_owner to authenticated;
set role authenticated;
select test.attempt($$update mine set account = 'EVIL'$$), test.attempt($$update mine set account = account, nickname = 'v'$$),
       test.attempt($$update mine_twice set money = 'EVIL'$$), test.attempt($$update mine_twice set nickname = 'v'$$),
       test.attempt($$update by_owner set account = 'owner''s' where id = 2$$);
reset role;

-- A column that is added later has a value in rows that don't hold it.
alter table payout add column later text default 'd';
select count(*) = 1 as protected from auth.protect_table('payout', sensitive_columns => '{later}', lower => true);
set role authenticated;
select test.attempt($$update payout set later = 'd', nickname = 'z'$$), test.attempt($$update payout set later = 'e'$$);
reset role;

drop table payout, codes cascade;
drop type code cascade;
drop type address;
drop domain account;
reset request.jwt.claims;
