-- Policies and triggers that are exactly what protect_table makes are its own, though their comments are lost: pg_dump --no-comments and
-- schema tools drop them. What differs in anything stays somebody else's.
set client_min_messages = error;
create schema private;
grant usage on schema private to authenticated;
create function private.is_member() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'member' = 'yes', false) $$;

-- Drops the comments on all policies and triggers of a table, or on those with one name.
create function test.lose_comments(target regclass, only_of name default null) returns void language plpgsql as $$
declare
  lost record;
begin
  for lost in select polname as name from pg_policy where polrelid = target and polname = coalesce(only_of, polname) loop
    execute format('comment on policy %I on %s is null', lost.name, target);
  end loop;
  for lost in select tgname as name from pg_trigger where tgrelid = target and not tgisinternal and tgname = coalesce(only_of, tgname) loop
    execute format('comment on trigger %I on %s is null', lost.name, target);
  end loop;
end
$$;
-- All that is known of a table's protection, but for what was before it: lint 0039 says that this is lost.
create function test.known(about regclass) returns jsonb language sql as $$
  select jsonb_build_object(
    'row', (select to_jsonb(p) from auth.protected_tables p where p.target = about),
    'matrix', (select jsonb_agg(to_jsonb(m) order by m.role::text, m.command) from auth.aal_matrix(about) m),
    'findings', (select jsonb_agg(to_jsonb(l) order by l.cache_key) from auth.aal_lint() l where l.metadata ->> 'name' = about::text and l.name <> '0039_record_missing'))
$$;
create function test.comments(about regclass) returns text[] language sql as $$
  select array_agg(distinct obj_description(oid, kind)) from (
    select oid, 'pg_policy' from pg_policy where polrelid = about
    union all select oid, 'pg_trigger' from pg_trigger where tgrelid = about and not tgisinternal) made(oid, kind)
$$;

-- Each option by itself: known as before, in silence; running it again with the same options writes the record anew.
create table options (name text primary key, call text, is_same boolean, is_kept boolean);
insert into options (name, call) values
  ('defaults', ''),
  ('levels', ', read => ''none'', write => ''aal3'', on_insert => ''aal1'''),
  ('ages', ', read => ''aal1 within 1 day'', write => ''aal2 within 90 minutes'', on_delete => ''aal2 within 1.5 seconds'''),
  ('enrolled', ', read => ''enrolled'', write => ''enrolled within 10 minutes'''),
  ('reads only', ', read => ''aal2'', write => ''none'''),
  ('no update', ', on_update => ''none'''),
  ('no delete', ', on_delete => ''none'''),
  ('roles', ', roles => ''{authenticated,anon}'''),
  ('one role', ', roles => ''{authenticated}'''),
  ('owner', ', owner_column => ''user_id'''),
  ('sensitive', ', sensitive_columns => ''{iban,"amount in €"}'''),
  ('sensitive, with ages', ', read => ''aal1 within 1 day'', max_age => ''5 minutes'', sensitive_columns => ''{iban}'''),
  ('no guard', ', guard => false'),
  ('some sessions', ', applies_when => ''private.is_member()'''),
  ('some sessions, sensitive', ', applies_when => ''private.is_member()'', sensitive_columns => ''{iban}'', max_age => ''1 hour'', owner_column => ''user_id''');
do $$
declare
  each record;
  known jsonb;
  comments text[];
begin
  for each in select * from options loop
    create table t (id int, user_id uuid, iban text, "amount in €" numeric);
    alter table t enable row level security;
    grant select, insert, update, delete on t to authenticated, anon;
    execute format('select auth.protect_table(''t''%s)', each.call);
    known := test.known('t');
    comments := test.comments('t');
    perform test.lose_comments('t');
    update options set is_same = test.known('t') = known where name = each.name;
    execute format('select auth.protect_table(''t''%s)', each.call);
    update options set is_kept = test.comments('t') = comments and test.known('t') = known where name = each.name;
    perform test.lose_comments('t');
    perform auth.unprotect_table('t');
    if exists (select from pg_policy where polrelid = 't'::regclass) or exists (select from pg_trigger where tgrelid = 't'::regclass) then
      raise exception 'something is left: %', each.name;
    end if;
    drop table t;
  end loop;
end
$$;
select name, is_same, is_kept from options order by name;

-- The owner's column of any type that protect_table takes, and of any name.
create domain private.key as uuid;
create domain private.subject as varchar(64);
create table owners (name text primary key, type text, is_same boolean);
insert into owners values
  ('user_id', 'uuid'), ('key', 'private.key'), ('a "b" = auth.subject()', 'uuid'), ('select', 'text'), ('Ü', 'varchar(36)'),
  ('c', 'char(36)'), ('n', 'name'), ('d', 'private.subject');
do $$
declare
  each record;
begin
  for each in select * from owners loop
    execute format('create table t (%I %s)', each.name, each.type);
    perform auth.protect_table('t', owner_column => each.name);
    perform test.lose_comments('t');
    update owners set is_same = (select p.owner_column = each.name from auth.protected_tables p where p.target = 't'::regclass) where name = each.name;
    perform auth.unprotect_table('t');
    drop table t;
  end loop;
end
$$;
select name, type, is_same from owners order by type, name;

-- What is there can't be lowered in silence, and row security stays on: nobody knows any more how it was before.
create table contracts (id int primary key, user_id uuid, note text);
grant select, insert, update, delete on contracts to authenticated;
select write from auth.protect_table('contracts', read => 'aal2', owner_column => 'user_id', applies_when => 'private.is_member()');
select test.lose_comments('contracts');
select auth.protect_table('contracts');
select auth.protect_table_sql('contracts', write => 'aal1');
select strpos(auth.protect_table_sql('contracts', read => 'aal2', owner_column => 'user_id', applies_when => 'private.is_member()'), '"row_security_before":true') > 0 as stays_on;
set client_min_messages = notice;
select row_security from auth.unprotect_table('contracts');
select relrowsecurity from pg_class where oid = 'contracts'::regclass;
select auth.unprotect_table('contracts');
-- Off is off.
alter table contracts disable row level security;
select write from auth.protect_table('contracts', owner_column => 'user_id');
alter table contracts disable row level security;
select test.lose_comments('contracts');
select row_security from auth.unprotect_table('contracts');
set client_min_messages = warning;

-- Some comments are lost: the others say how it was before.
alter table contracts disable row level security;
select write from auth.protect_table('contracts', owner_column => 'user_id');
select test.lose_comments('contracts', 'aal_read'), test.lose_comments('contracts', 'aal_guard'), test.lose_comments('contracts', 'aal_owner');
select read, on_insert, on_update, on_delete, owner_column, guard from auth.protected_tables;
select row_security from auth.unprotect_table('contracts');
-- Somebody wrote other comments.
select write from auth.protect_table('contracts', max_age => '15 minutes');
comment on policy aal_read on contracts is 'Reads need a session.';
comment on policy aal_insert on contracts is 'pg_aal: {"row_security_before":true';
comment on policy aal_update on contracts is 'pg_aal: {"read":"aal9","row_security_before":true}';
comment on policy aal_delete on contracts is 'pg_aal: mine';
comment on trigger aal_guard on contracts is '';
select read, on_insert, on_update, on_delete, guard from auth.protected_tables;
select write from auth.protect_table('contracts', max_age => '15 minutes');
select test.comments('contracts');

-- Altered after its comments got lost: the lint sees what the guard still says, and what was altered is taken for somebody else's.
select test.lose_comments('contracts');
drop policy aal_delete on contracts;
alter policy aal_update on contracts using (true) with check (true);
select name, detail from auth.aal_lint() where metadata ->> 'name' = 'contracts' and name ~ '^002[01]' order by 1;
select read, on_insert, on_update, on_delete, guard from auth.protected_tables;
select auth.protect_table('contracts');
select auth.unprotect_table('contracts');
drop policy aal_update on contracts;
select write from auth.protect_table('contracts', max_age => '15 minutes');
drop table contracts;

-- Of our name and not of our shape: somebody else's. Each is refused, by protect_table and by unprotect_table. Triggers and the owner's
-- policy are tried beside a policy that is as protect_table makes it; alone, they are somebody else's in any shape.
create table others (nr int generated always as identity, statement text, found text);
insert into others (statement) values
  -- Policies that require a level.
  ($$create policy aal_read on t as restrictive for all using (auth.has_aal('aal2'))$$),
  ($$create policy aal_read on t as restrictive for update using (auth.has_aal('aal2'))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal('aal2') or true)$$),
  ($$create policy aal_read on t as restrictive for select using (not auth.has_aal('aal2'))$$),
  ($$create policy aal_read on t as restrictive for select using ((select auth.has_aal('aal2')))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.require_aal('aal2'))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.aal() = 'aal2')$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal(note))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal('aal2', now() - now()))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal('AAL2'))$$),
  ($$create policy aal_read on t as restrictive for select using (true)$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal('aal2') or (select private.is_member()))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal('aal2') or (select private.is_member()) is not true)$$),
  ($$create policy aal_read on t as restrictive for select using ((select private.is_member()) is false or auth.has_aal('aal2'))$$),
  ($$create policy aal_read on t as restrictive for select using (auth.has_aal(note) or (select private.is_member()) is false)$$),
  ($$create policy aal_insert on t as restrictive for insert with check (auth.has_aal('aal2') and id > 0)$$),
  ($$create policy aal_update on t as restrictive for update using (auth.has_aal('aal2'))$$),
  ($$create policy aal_update on t as restrictive for update using (auth.has_aal('aal2')) with check (auth.has_aal('aal1'))$$),
  ($$create policy aal_update on t as restrictive for update using (auth.has_aal('aal2')) with check (true)$$),
  ($$create policy aal_delete on t as restrictive for delete using (auth.has_aal('aal1') and auth.has_aal('aal2'))$$),
  -- The owner's.
  ($$create policy aal_owner on t using (user_id = auth.subject_uuid())$$),
  ($$create policy aal_owner on t as restrictive using (user_id = auth.subject_uuid()) with check (user_id = auth.subject_uuid())$$),
  ($$create policy aal_owner on t for select using (user_id = auth.subject_uuid())$$),
  ($$create policy aal_owner on t using (user_id <> auth.subject_uuid()) with check (user_id <> auth.subject_uuid())$$),
  ($$create policy aal_owner on t using (auth.subject_uuid() = user_id) with check (auth.subject_uuid() = user_id)$$),
  ($$create policy aal_owner on t using (user_id = auth.subject_uuid() or true) with check (user_id = auth.subject_uuid() or true)$$),
  ($$create policy aal_owner on t using (user_id = auth.uid()) with check (user_id = auth.uid())$$),
  ($$create policy aal_owner on t using (lower(note) = auth.subject()) with check (lower(note) = auth.subject())$$),
  ($$create policy aal_owner on t using (current_user = auth.subject()) with check (current_user = auth.subject())$$),
  ($$create policy aal_owner on t using (note operator(private.=) auth.subject()) with check (note operator(private.=) auth.subject())$$),
  ($$create policy aal_owner on t using ((select user_id) = auth.subject_uuid()) with check ((select user_id) = auth.subject_uuid())$$),
  -- Triggers.
  ($$create trigger aal_guard before insert on t for each row execute function auth.aal_guard('insert=aal2')$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=AAL2')$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2')$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal2', 'junk=aal2')$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal2,max_age=15 minutes')$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal2', 'applies_when=all')$$),
  ($$create trigger aal_guard before insert on t for each statement when (current_user <> 'ann') execute function auth.aal_guard('insert=aal2')$$),
  ($$create trigger aal_guard before update of note on t for each statement execute function auth.aal_guard('update=aal2')$$),
  ($$create trigger aal_guard before delete on t for each statement execute function auth.aal_guard('delete=aal2')$$),
  ($$create trigger aal_guard before delete or truncate on t for each statement execute function auth.aal_guard('delete=aal2', 'truncate=aal1')$$),
  ($$create trigger aal_guard before insert on t for each row execute function suppress_redundant_updates_trigger()$$),
  ($$create trigger aal_columns after update of note on t for each row execute function auth.aal_guard('update=aal2')$$),
  ($$create constraint trigger aal_columns after update of note on t deferrable for each row execute function auth.aal_guard('update=aal2')$$),
  ($$create constraint trigger aal_columns after update on t not deferrable for each row execute function auth.aal_guard('update=aal2')$$),
  ($$create constraint trigger aal_columns after insert or update of note on t not deferrable for each row execute function auth.aal_guard('insert=aal2', 'update=aal2')$$),
  ($$create constraint trigger aal_columns after update of note on t not deferrable for each row when (new.id > 0) execute function auth.aal_guard('update=aal2')$$),
  ($$create policy aal_owner on t using (user_id = auth.subject_uuid()) with check (user_id = auth.subject_uuid()) -- alone$$),
  ($$create trigger aal_guard before insert on t for each statement execute function auth.aal_guard('insert=aal2') -- alone$$),
  ($$create constraint trigger aal_columns after update of note on t not deferrable for each row execute function auth.aal_guard('update=aal2') -- alone$$);
create function private.same(text, text) returns boolean language sql immutable as 'select true';
create operator private.= (leftarg = text, rightarg = text, function = private.same);
create function test.found() returns text language plpgsql as $$
declare
  answer text;
begin
  begin
    perform auth.protect_table('t', lower => true);
    answer := 'protected';
  exception when duplicate_object then
    answer := 'refused';
  end;
  begin
    perform auth.unprotect_table('t');
    return answer || ', unprotected';
  exception when duplicate_object then
    return answer || ', refused' || case when exists (select from auth.protected_tables where target = 't'::regclass) then ', listed' else '' end;
  end;
end
$$;
do $$
declare
  each record;
begin
  for each in select * from others loop
    create table t (id int, user_id uuid, note text);
    alter table t enable row level security;
    if each.statement ~ '(aal_owner|trigger) ' and each.statement !~ '-- alone$' then
      create policy aal_insert on t as restrictive for insert with check (auth.has_aal('aal1'));
    end if;
    execute each.statement;
    update others set found = test.found() where nr = each.nr;
    drop table t;
  end loop;
end
$$;
select found, statement ~ '(aal_owner|trigger) ' and statement !~ '-- alone$' as is_beside, count(*) from others group by 1, 2 order by 1;
select statement, found from others where found !~ '^refused, refused' order by nr;

-- Partitions: each has policies of its own, and lost its comments, too.
create table payments (id int, iban text) partition by range (id);
create table payments_1 partition of payments for values from (0) to (10);
select partitions from auth.protect_table('payments', sensitive_columns => '{iban}');
select test.lose_comments('payments'), test.lose_comments('payments_1');
select target, read, on_update, sensitive_columns, guard from auth.protected_tables order by 1;
select name, detail from auth.aal_lint() where name ~ '^002[01]';
create table payments_2 partition of payments for values from (10) to (20);
select partitions from auth.protect_table('payments', sensitive_columns => '{iban}');
select test.lose_comments('payments'), test.lose_comments('payments_1'), test.lose_comments('payments_2');
-- The table above counts as protected: no warning says that its rows can be reached through it.
select auth.protect_table('payments_1');
select partitions from auth.unprotect_table('payments');

-- The matrix says of which sessions it is, and a role that was renamed or dropped is nothing new.
create role clerks;
create table cards (id int);
create policy everybody on cards using (true);
grant select, update on cards to clerks;
select roles from auth.protect_table('cards', roles => '{clerks}', applies_when => 'private.is_member()');
select test.lose_comments('cards');
alter role clerks rename to tellers;
alter function private.is_member() rename to is_one;
select roles, applies_when from auth.protected_tables;
select command, required_aal, note from auth.aal_matrix('cards') where role = 'tellers' and command in ('SELECT', 'UPDATE');
-- With another function than a STABLE one it is not what protect_table makes.
alter function private.is_one() volatile;
select command, required_aal, note from auth.aal_matrix('cards') where role = 'tellers' and command in ('SELECT', 'UPDATE');
select auth.unprotect_table('cards');

drop table cards, payments, options, owners, others;
drop role tellers;
drop schema private cascade;
drop function test.found(), test.known(regclass), test.comments(regclass), test.lose_comments(regclass, name);
