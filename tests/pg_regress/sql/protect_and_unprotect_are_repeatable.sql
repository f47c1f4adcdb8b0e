-- protect_table twice gives the same catalog state; unprotect_table leaves the table as it was before, the owner's
-- other policies included.
create table t (id int primary key, owner_id uuid, amount int);
create trigger own_trigger before update on t for each row execute function suppress_redundant_updates_trigger();

-- All that protecting could change, in one text. (Comments, too: they hold the record.)
create function test.state(target regclass) returns text language sql as $$
  select jsonb_pretty(jsonb_build_object(
    'row_security', (select relrowsecurity from pg_class where oid = target),
    'forced', (select relforcerowsecurity from pg_class where oid = target),
    'acl', (select relacl::text from pg_class where oid = target),
    'policies', (select jsonb_agg(to_jsonb(p) - 'schemaname' - 'tablename' || jsonb_build_object('comment', obj_description(o.oid, 'pg_policy')) order by policyname)
                   from pg_policies p join pg_policy o on o.polname = p.policyname and o.polrelid = target
                  where format('%I.%I', p.schemaname, p.tablename)::regclass = target),
    'triggers', (select jsonb_agg(pg_get_triggerdef(oid) || coalesce(obj_description(oid, 'pg_trigger'), '') || tgenabled::text order by tgname)
                   from pg_trigger where tgrelid = target and not tgisinternal)))
$$;

create temp table states (name text primary key, state text);
create function test.remember(name text, target regclass) returns void language sql as $$
  insert into states values (name, test.state(target));
$$;
create function test.same(a text, b text) returns boolean language sql as $$
  select (select state from states where name = a) = (select state from states where name = b)
$$;

-- Row security off before.
select test.remember('before', 't');
select count(*) from auth.protect_table('t', owner_column => 'owner_id', sensitive_columns => '{amount}', max_age => '1 hour');
select test.remember('once', 't');
select count(*) from auth.protect_table('t', owner_column => 'owner_id', sensitive_columns => '{amount}', max_age => '1 hour');
select test.remember('twice', 't');
select test.same('once', 'twice');
-- Another protection replaces it whole: the same as if it had been the first.
select count(*) from auth.protect_table('t', read => 'none', lower => true);
select count(*) from auth.protect_table('t', owner_column => 'owner_id', sensitive_columns => '{amount}', max_age => '1 hour', lower => true);
select test.remember('replaced', 't');
select test.same('once', 'replaced');
-- The text of protect_table_sql does the same.
select count(*) from auth.unprotect_table('t');
select auth.protect_table_sql('t', owner_column => 'owner_id', sensitive_columns => '{amount}', max_age => '1 hour') as statements \gset
set client_min_messages = warning;
:statements
:statements
reset client_min_messages;
select test.remember('by text', 't');
select replace(a.state, '"row_security_before\":false', '') = replace(b.state, '"row_security_before\":true', '') as same_but_for_the_record
  from states a, states b where a.name = 'once' and b.name = 'by text';
-- Run elsewhere, the text may have found row security on: so it stays on.
select row_security from auth.unprotect_table('t');
select relrowsecurity from pg_class where oid = 't'::regclass;
alter table t disable row level security;
select count(*) from auth.protect_table('t', owner_column => 'owner_id');
select auth.unprotect_table('t');
select test.remember('after', 't');
select test.same('before', 'after');
-- Nothing left to do.
select auth.unprotect_table('t');

-- Row security on before, with policies of the owner's own.
alter table t enable row level security;
alter table t force row level security;
create policy own_rows on t using (owner_id = auth.subject_uuid());
create policy own_limit on t as restrictive for select using (amount < 100);
comment on policy own_limit on t is 'mine';
select test.remember('before with policies', 't');
select count(*) from auth.protect_table('t');
select count(*) from auth.protect_table('t', read => 'aal2');
select count(*) from auth.unprotect_table('t');
select test.remember('after with policies', 't');
select test.same('before with policies', 'after with policies');

-- Row security off before, but with policies that waited: off again.
alter table t disable row level security;
select test.remember('before asleep', 't');
select count(*) from auth.protect_table('t');
select count(*) from auth.protect_table('t');
select count(*) from auth.unprotect_table('t');
select test.remember('after asleep', 't');
select test.same('before asleep', 'after asleep');

-- A policy that came meanwhile: somebody relies on row security, so it stays on.
select count(*) from auth.protect_table('t');
create policy newcomer on t using (true);
select row_security from auth.unprotect_table('t');
select relrowsecurity from pg_class where oid = 't'::regclass;
select policyname from pg_policies where tablename = 't' order by 1;

-- A policy that changed meanwhile, though its name is the same: likewise.
drop policy newcomer on t;
alter table t disable row level security;
select count(*) from auth.protect_table('t');
drop policy own_limit on t;
create policy own_limit on t as restrictive for select using (amount < 42);
select count(*) from auth.unprotect_table('t');
select relrowsecurity from pg_class where oid = 't'::regclass;
create policy newcomer on t using (true);

-- What was taken apart by hand is put together again, and taken away whole.
drop policy newcomer on t;
select count(*) from auth.protect_table('t', read => 'aal2');
drop policy aal_read on t;
drop policy aal_insert on t;
drop trigger aal_guard on t;
select read, on_insert, on_update, on_delete, guard from auth.protected_tables where target = 't'::regclass;
select count(*) from auth.protect_table('t', read => 'aal2');
select policyname from pg_policies where tablename = 't' order by 1;
drop policy aal_read on t;
select count(*) from auth.unprotect_table('t');
select policyname from pg_policies where tablename = 't' order by 1;
-- Settings of the session are as before.
show client_min_messages;
show search_path;

-- Not with a snapshot of the past: what it doesn't show couldn't be protected.
begin isolation level repeatable read;
select auth.protect_table('t');
\echo :LAST_ERROR_SQLSTATE
rollback;
begin isolation level serializable;
select auth.unprotect_table('t');
rollback;

drop table t;
drop function test.same(text, text);
drop function test.remember(text, regclass);
drop function test.state(regclass);
