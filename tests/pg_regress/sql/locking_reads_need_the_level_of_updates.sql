-- FOR UPDATE and its siblings: Postgres hides the rows that the session may not update. With refuse_reads the statement says so.
set client_min_messages = error;
create table balances (id int default 1, user_id uuid default auth.subject_uuid(), amount int default 100);
insert into balances (user_id) values ('11111111-1111-4111-8111-111111111111'), ('21111111-1111-4111-8111-111111111111');
grant select, insert, update, delete on balances to authenticated;
select count(*) from auth.protect_table('balances', owner_column => 'user_id');
create function test.as_user(level text, statement text) returns text language plpgsql as $$
declare
  answer text;
begin
  perform test.sign_in(level), set_config('role', 'authenticated', true);
  answer := test.attempt(statement);
  raise exception using errcode = 'UNDO1';
exception when sqlstate 'UNDO1' then
  return answer;
end
$$;
create view test.locks(nr, lock) as values (1, ''), (2, 'for update'), (3, 'for no key update'), (4, 'for share'), (5, 'for key share'), (6, 'for update skip locked');

\echo At aal1 a row, and none with each lock: no trigger fires.
select lock, test.as_user('aal1', 'select 1 from balances ' || lock) as aal1, test.as_user('aal2', 'select 1 from balances ' || lock) as aal2 from test.locks order by nr;
\echo With refuse_reads a lock at aal1 is refused.
select count(*) from auth.protect_table('balances', owner_column => 'user_id', refuse_reads => true);
select lock, test.as_user('aal1', 'select 1 from balances ' || lock) as aal1, test.as_user('aal2', 'select 1 from balances ' || lock) as aal2 from test.locks order by nr;

\echo A foreign key is checked in the name of the owner, and not hindered: neither then nor when it is made.
alter table balances add unique (id, user_id);
create table movements (id int, user_id uuid);
grant insert on movements to authenticated;
delete from balances where user_id <> '11111111-1111-4111-8111-111111111111';
alter table movements add foreign key (id, user_id) references balances (id, user_id);
select test.as_user('aal1', $$insert into movements values (1, '11111111-1111-4111-8111-111111111111')$$) as fk_check;
-- Forced row security doesn't bind the owner there, either.
create role balances_owner;
alter table balances owner to balances_owner;
alter table balances force row level security;
grant usage on schema public to balances_owner;
select test.as_user('aal1', $$insert into movements values (1, '11111111-1111-4111-8111-111111111111')$$) as fk_check;
insert into movements values (1, '11111111-1111-4111-8111-111111111111');
grant create on schema public to balances_owner;
alter table movements owner to balances_owner;
alter table movements drop constraint movements_id_user_id_fkey;
set role balances_owner;
select test.attempt('select * from balances') as bound;
-- Postgres checks the rows of a new key by one query of the caller's own, and forgets that forced policies bind the owner there: it
-- finds none of the rows that are referred to. With refuse_reads it checks row by row.
set pg_aal.refuse_reads = off;
alter table movements add foreign key (id, user_id) references balances (id, user_id);
reset pg_aal.refuse_reads;
alter table movements add foreign key (id, user_id) references balances (id, user_id);
reset role;
insert into movements values (2, '11111111-1111-4111-8111-111111111111');

\echo A cursor, and WHERE CURRENT OF.
set role authenticated;
select test.sign_in('aal1');
begin;
declare plain cursor for select id from balances;
fetch 1 plain;
savepoint a;
update balances set amount = 0 where current of plain;
rollback to a;
declare locking cursor for select id from balances for update;
rollback;
select test.sign_in('aal2');
begin;
declare locking cursor for select id from balances for update;
fetch 1 locking;
update balances set amount = 0 where current of locking;
rollback;
reset role;

drop view test.locks;
drop table movements, balances;
drop function test.as_user;
revoke all on schema public from balances_owner;
drop role balances_owner;
reset client_min_messages;
reset request.jwt.claims;
