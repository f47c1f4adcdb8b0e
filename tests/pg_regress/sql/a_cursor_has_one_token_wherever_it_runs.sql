-- Within a statement one token answers, and so within all that it runs in: each statement keeps the first that it was asked
-- about, and a token counts only if all statements that run have the same. A cursor runs by turns, at the top level or within
-- other statements. (one_token_per_statement.sql has what needs no cursor.)
create table vault (id int primary key, user_id uuid, published boolean not null default false, iban text);
insert into vault values
  (1, null, true, 'public'),
  (2, '21111111-1111-4111-8111-111111111111', false, 'the victim''s'),
  (5, '51111111-1111-4111-8111-111111111111', false, 'the thief''s');
grant select, insert, delete on vault to authenticated;
set client_min_messages = error;
select count(*) from auth.protect_table('vault', read => 'aal2', owner_column => 'user_id');
reset client_min_messages;
create policy published on vault for select using (published);
load 'pg_aal';
select set_config('pg_aal.jwks', test.jwks(), false) is not null as set;
set pg_aal.claims_source = 'token';
-- A stolen token of the victim's, at aal1; and the thief's own, at aal2.
select set_config('test.victim', test.token_at('aal1', subject => '21111111-1111-4111-8111-111111111111'), false) is not null as victim,
       set_config('test.thief', test.token_at('aal2', subject => '51111111-1111-4111-8111-111111111111'), false) is not null as thief;
create function test.become(who text) returns text language plpgsql as $$
begin
  perform set_config('pg_aal.token', current_setting('test.' || who), true);
  return who;
end
$$;
-- What a function of anybody's own can do with a cursor.
create function test.fetch_one(c refcursor) returns text language plpgsql as $$
declare
  r record;
begin
  fetch c into r;
  return r::text;
end
$$;
create function test.fetch_all(c refcursor) returns setof text language plpgsql as $$
declare
  r record;
begin
  loop
    fetch c into r;
    exit when not found;
    return next r::text;
  end loop;
end
$$;
-- Who the session is, asked for each row.
create function test.who(n int) returns text language plpgsql stable as $$
begin
  return case auth.subject()
    when '21111111-1111-4111-8111-111111111111' then 'victim'
    when '51111111-1111-4111-8111-111111111111' then 'thief'
    else coalesce(auth.subject(), 'nobody') end;
end
$$;
set role authenticated;

-- Fetched at the top level, and then within another statement.
begin;
select test.become('thief');
declare c cursor for select id, iban from vault;
fetch 1 from c;
select test.become('victim');
select test.fetch_all('c');
rollback;
begin;
select test.become('thief');
declare c cursor for select id, iban from vault where auth.has_aal('aal2');
fetch 1 from c;
select test.become('victim');
select auth.has_aal('aal1'), test.fetch_all('c');
rollback;
-- Within another statement, and then at the top level.
begin;
select test.become('thief');
declare c cursor for select id, iban from vault;
select test.fetch_one('c');
select test.become('victim');
fetch all from c;
rollback;
-- Within two others. The cursor goes on where its own token is in force again.
begin;
select test.become('thief');
declare c cursor for select n, test.who(n) from generate_series(1, 4) n;
select test.who(0), test.fetch_one('c');
select test.become('victim');
select test.who(0), test.fetch_one('c');
select test.fetch_one('c'), test.who(0);
select test.become('thief');
select test.who(0), test.fetch_one('c');
rollback;
-- What was asked about in a cursor has been asked about in the statement that it runs within.
begin;
select test.become('thief');
declare c cursor for select n, test.who(n) from generate_series(1, 4) n;
select test.fetch_one('c'), test.become('victim'), test.who(0), test.fetch_one('c'), test.become('thief'), test.who(0), test.fetch_one('c');
rollback;

-- A cursor within a cursor.
begin;
select test.become('thief');
declare inner_one cursor for select n, test.who(n) from generate_series(1, 4) n;
declare outer_one cursor for select n, test.fetch_one('inner_one') from generate_series(1, 4) n;
fetch 1 from outer_one;
select test.become('victim');
fetch 1 from outer_one;
fetch 1 from inner_one;
select test.become('thief');
fetch 1 from outer_one;
rollback;

-- One that a function opened and handed on.
create function pg_temp.opened() returns refcursor language plpgsql as $$
declare
  c refcursor := 'handed_on';
begin
  perform test.who(0);
  open c for select n, test.who(n) from generate_series(1, 3) n;
  perform test.fetch_one(c);
  return c;
end
$$;
begin;
select test.become('thief');
select pg_temp.opened();
select test.become('victim');
fetch 1 from handed_on;
select test.fetch_one('handed_on');
rollback;

-- PL/pgSQL's loops: rows come ten or fifty at a time.
do $$
declare
  c cursor for select n, test.who(n) as who from generate_series(1, 60) n;
  r record;
  seen text[] := '{}';
begin
  perform test.become('thief');
  for r in c loop
    if r.n = 1 then perform test.become('victim'); end if;
    if r.who <> all (seen) then seen := seen || r.who; end if;
  end loop;
  raise notice '%', seen;
  perform test.become('thief');
  seen := '{}';
  for r in select n, test.who(n) as who from generate_series(1, 60) n loop
    if r.n = 1 then perform test.become('victim'); end if;
    if r.who <> all (seen) then seen := seen || r.who; end if;
  end loop;
  raise notice '%', seen;
end
$$;

-- Held: what is left is read when the transaction ends.
begin;
select test.become('thief');
declare held cursor with hold for select n, test.who(n) from generate_series(1, 3) n;
fetch 1 from held;
select test.become('victim');
commit;
fetch all from held;
close held;

-- A function in SQL runs its query by pieces.
create function pg_temp.lazy() returns setof text language sql volatile as $$ select test.who(n) from generate_series(1, 3) n offset 0 $$;
begin;
select test.become('thief');
declare c cursor for select pg_temp.lazy();
fetch 1 from c;
select test.become('victim');
fetch 1 from c;
select test.fetch_one('c');
rollback;

-- Partitions are chosen when a statement starts, before it runs.
reset role;
create table places (who text, place text) partition by list (who);
create table places_of_thief partition of places for values in ('thief');
create table places_of_victim partition of places for values in ('victim');
insert into places values ('thief', 'here'), ('victim', 'there');
grant select on places to authenticated;
set role authenticated;
begin;
select test.become('thief');
declare c cursor for select place, auth.aal() from places where who = test.who(0);
select test.become('victim');
fetch all from c;
rollback;

-- Triggers that run when the statement is finished, and those that run when the transaction is.
reset role;
create table seen (n serial, who text);
create function test.note() returns trigger language plpgsql as $$
begin
  insert into seen (who) values (tg_name || ': ' || test.who(0));
  perform test.become('victim');
  insert into seen (who) values (tg_name || ': ' || test.who(0));
  return null;
end
$$;
create table noted (id int, who text default test.who(0));
create trigger at_the_end after insert on noted for each row execute function test.note();
create constraint trigger deferred after insert on noted deferrable initially deferred for each row execute function test.note();
grant insert, select on noted, seen to authenticated;
grant usage on seen_n_seq to authenticated;
set role authenticated;
begin;
select test.become('thief');
insert into noted (id) values (1);
set constraints all immediate;
commit;
select who from seen order by n;
reset role;
drop table noted, seen;
drop function test.note;
set role authenticated;

-- EXPLAIN, CREATE TABLE AS and COPY run statements, too. A prepared statement is another each time.
create function pg_temp.three() returns text language sql volatile
  as $$ select test.who(0) || ', ' || test.become('victim') || ', ' || test.who(0) $$;
begin;
select test.become('thief');
do $$
declare
  line text;
begin
  for line in explain (analyze, costs off, timing off) select where pg_temp.three() = 'thief, victim, nobody' loop
    raise notice '%', substring(line from 'actual .*rows=1');
    exit;
  end loop;
end
$$;
select test.become('thief');
create temporary table made on commit drop as select pg_temp.three();
table made;
select test.become('thief');
copy (select pg_temp.three()) to stdout;
prepare who as select test.who(0);
execute who;
select test.become('thief');
execute who;
rollback;
deallocate who;

-- Statements that failed, wherever, leave nothing behind; those that didn't, keep their token.
begin;
select test.become('thief');
declare kept cursor for select n, test.who(n) from generate_series(1, 9) n;
savepoint a;
fetch 1 from kept;
declare lost cursor for select test.who(n) from generate_series(1, 2) n where 1 / (n - 1) = 1;
fetch 1 from lost;
rollback to a;
declare lost cursor for select test.who(n) from generate_series(1, 2) n;
fetch 1 from lost;
rollback to a;
select test.become('victim');
savepoint b;
fetch 1 from kept;
declare new cursor for select n, test.who(n) from generate_series(1, 9) n;
fetch 1 from new;
release b;
do $$
begin
  for n in 1 .. 1000 loop
    begin
      perform test.who(0), 1 / (n % 1);
    exception when division_by_zero then
    end;
    perform test.become(case when n % 2 = 0 then 'victim' else 'thief' end);
    perform from (select test.who(0)) s(who) where (n % 2 = 0) <> (who = 'victim');
    if found then raise warning '% is %', n, test.who(0); end if;
  end loop;
end
$$;
select test.become('thief');
fetch 1 from kept;
fetch 1 from new;
select test.fetch_one('kept'), test.fetch_one('new');
select test.fetch_one('new'), test.fetch_one('kept');
rollback;
-- The statement that goes on after an error was caught, has been asked about the token that counted there.
begin;
select test.become('thief');
create function pg_temp.caught() returns text language plpgsql as $$
begin
  begin
    perform test.become('victim');
    perform 1 / (length(test.who(0)) - 6);
  exception when division_by_zero then
  end;
  return test.who(0) || ', ' || test.become('victim') || ', ' || test.who(0);
end
$$;
select pg_temp.caught();
select test.who(0);
rollback;

-- What Postgres asks when the cursor is opened counts, too: which partitions it leaves out, for one.
reset role;
create table parted (user_id uuid) partition by list (user_id);
create table parted_victim partition of parted for values in ('21111111-1111-4111-8111-111111111111');
create table parted_thief partition of parted for values in ('51111111-1111-4111-8111-111111111111');
insert into parted values ('21111111-1111-4111-8111-111111111111'), ('51111111-1111-4111-8111-111111111111');
grant select on parted to authenticated;
set role authenticated;
begin;
select test.become('victim');
declare c cursor for select auth.subject(), count(*) from parted where user_id = auth.subject_uuid();
select test.become('thief');
fetch c;
rollback;
begin;
select test.become('thief');
declare c cursor for select auth.subject(), count(*) from parted where user_id = auth.subject_uuid();
fetch c;
rollback;

reset role;
drop table parted;
drop table vault, places;
drop function test.become, test.fetch_one, test.fetch_all, test.who;
