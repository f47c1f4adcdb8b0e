-- An upsert needs the level of inserts and of updates, and that of reads where it looks for a row that is there.
set client_min_messages = error;
create table carts (id int primary key default 1, user_id uuid not null default auth.subject_uuid(), note text);
insert into carts values (1, '11111111-1111-4111-8111-111111111111', 'old');
grant select, insert, update, delete on carts to authenticated;
select count(*) from auth.protect_table('carts', on_insert => 'aal1', write => 'aal2', owner_column => 'user_id');
create function test.upserts(level text, statement text) returns text language plpgsql as $$
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
\set new '$$insert into carts values (2, default, \'new\')'
\set old '$$insert into carts values (1, default, \'new\')'

\echo At aal1, where inserts need aal1: an insert passes, and an upsert that would update is refused.
select test.upserts('aal1', :new $$) as plain, test.upserts('aal1', :old on conflict (id) do update set note = excluded.note$$) as updates;
\echo DO NOTHING is an insert.
select test.upserts('aal1', :new on conflict (id) do nothing$$) as nothing_new, test.upserts('aal1', :old on conflict (id) do nothing$$) as nothing_old;
\echo An upsert that meets no conflict only inserts. The policies allow it, and the guard, which comes before any row, refuses.
select test.upserts('aal1', :new on conflict (id) do update set note = excluded.note$$) as by_the_guard;
alter table carts disable trigger aal_guard;
select test.upserts('aal1', :new on conflict (id) do update set note = excluded.note$$) as by_policies_alone;
alter table carts enable trigger aal_guard;
\echo At aal2, both.
select test.upserts('aal2', :old on conflict (id) do update set note = excluded.note$$) as updates,
       test.upserts('aal2', :new on conflict (id) do update set note = excluded.note returning id$$) as inserts;

\echo Reads at aal2: a plain insert passes at aal1. RETURNING and an arbiter read, and only say that a policy was violated.
select count(*) from auth.protect_table('carts', read => 'aal2', on_insert => 'aal1', write => 'aal2', owner_column => 'user_id');
select test.upserts('aal1', :new $$) as plain, test.upserts('aal1', :new returning id$$) as returning, test.upserts('aal1', :new on conflict (id) do nothing$$) as arbiter;
\echo With refuse_reads they say what to do.
select count(*) from auth.protect_table('carts', read => 'aal2', on_insert => 'aal1', write => 'aal2', owner_column => 'user_id', refuse_reads => true);
select test.upserts('aal1', :new $$) as plain, test.upserts('aal1', :new returning id$$) as returning, test.upserts('aal1', :new on conflict (id) do nothing$$) as arbiter,
       test.upserts('aal1', :new on conflict do nothing$$) as no_arbiter, test.upserts('aal1', :new on conflict (id) do update set note = excluded.note$$) as updates;
select test.upserts('aal2', :new returning id$$) as returning, test.upserts('aal2', :old on conflict (id) do nothing$$) as arbiter,
       test.upserts('aal2', :old on conflict (id) do update set note = excluded.note$$) as updates;

drop table carts;
drop function test.upserts;
reset client_min_messages;
reset request.jwt.claims;
