-- A partition that comes after protect_table gets the protection of its parent, whether or not the schema is protected.
create role parts_owner nologin;
create schema parts authorization parts_owner;
create schema private_parts authorization parts_owner;
grant usage on schema parts to authenticated;
create function private_parts.is_admin() returns boolean language sql stable return coalesce(auth.claims() ->> 'email' = 'jane@example.com', true);
grant usage on schema private_parts to authenticated;

-- All that protect_table makes there, as SQL.
create function test.made(target regclass) returns table (kind text, definition text)
language sql stable as $$
  select 'policy', format('%s %s %s to %s using %s check %s', polname, polcmd, case when polpermissive then 'permissive' else 'restrictive' end,
         array(select case when r = 0 then 'public' else r::regrole::text end from unnest(polroles) r),
         pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    from pg_policy where polrelid = target
  union all
  select 'trigger', replace(pg_get_triggerdef(oid), target::text, 'TABLE') from pg_trigger where tgrelid = target and not tgisinternal or tgrelid = target and tgname ~ '^aal_'
  union all
  select 'record', regexp_replace(obj_description(oid, 'pg_policy'), ',"row_security_before.*', '') from pg_policy where polrelid = target
  union all
  select 'row security', relrowsecurity::text from pg_class where oid = target
$$;

set role parts_owner;
create table parts.events (id int, user_id uuid, iban text) partition by range (id);
create table parts.events_1 partition of parts.events for values from (0) to (10);
select partitions from auth.protect_table('parts.events', read => 'aal1 within 1 day', write => 'aal2 within 15 minutes', on_delete => 'enrolled',
  roles => '{authenticated}', owner_column => 'user_id', sensitive_columns => '{iban}', applies_when => 'private_parts.is_admin()', lower => true);

create table parts.events_2 partition of parts.events for values from (10) to (20);
create table parts.events_3 (iban text, user_id uuid, id int);
alter table parts.events attach partition parts.events_3 for values from (20) to (30);
-- With partitions of its own.
create table parts.events_4 (id int, user_id uuid, iban text) partition by list (id);
create table parts.events_4_1 partition of parts.events_4 for values in (31);
alter table parts.events attach partition parts.events_4 for values from (30) to (40);
create table parts.events_4_2 partition of parts.events_4 for values in (32);
create table parts.events_default partition of parts.events default;
reset role;
-- All partitions are as the one that protect_table protected.
select count(*) from test.made('parts.events_1');
select p.partition, count(*) filter (where m.definition = s.definition) as same, count(*) filter (where m.definition is distinct from s.definition) as other
  from (select relid as partition from pg_partition_tree('parts.events') where relid <> 'parts.events'::regclass) p
  cross join lateral test.made(p.partition) m
  left join lateral (select distinct * from test.made('parts.events_1')) s on s.kind = m.kind and s.definition = m.definition
  group by 1 order by 1;
select target, read, on_insert, on_update, on_delete, roles, owner_column, sensitive_columns, applies_when, guard, row_security
  from auth.protected_tables where target::text ~ 'events' order by 1;
select name, detail from auth.aal_lint() where metadata ->> 'schema' = 'parts' and name ~ '0015|0020|0021|0022';

-- They are what unprotect_table takes back.
select * from auth.unprotect_table('parts.events');
select count(*) from pg_class where relnamespace = 'parts'::regnamespace and relrowsecurity;

-- A partition that is protected by itself: raised where it needs less, kept with a WARNING where it is mixed.
set role parts_owner;
create table parts.mixed (id int, user_id uuid) partition by range (id);
create policy everybody on parts.mixed using (true);
select partitions from auth.protect_table('parts.mixed', read => 'aal2', write => 'aal2');
create table parts.lower (id int, user_id uuid);
select partitions from auth.protect_table('parts.lower');
create table parts.higher (id int, user_id uuid);
select partitions from auth.protect_table('parts.higher', read => 'aal2', write => 'aal3');
create table parts.other (id int, user_id uuid);
select partitions from auth.protect_table('parts.other', write => 'aal3');
alter table parts.mixed attach partition parts.lower for values from (0) to (10);
alter table parts.mixed attach partition parts.higher for values from (10) to (20);
alter table parts.mixed attach partition parts.other for values from (20) to (30);
select target, read, on_update from auth.protected_tables where target::text ~ 'mixed|lower|higher|other' order by 1;

-- A partition of somebody else, who may use nothing that the policies name.
reset role;
create role other_owner nologin;
grant create, usage on schema parts to other_owner;
set role parts_owner;
create table parts.with_function (id int) partition by range (id);
create policy everybody on parts.with_function using (true);
select partitions from auth.protect_table('parts.with_function', applies_when => 'private_parts.is_admin()');
create table parts.part_of_two (id int) partition by range (id);
reset role;
set role other_owner;
create table parts.of_other_owner (id int);
reset role;
alter table parts.part_of_two attach partition parts.of_other_owner for values from (0) to (5);
set role parts_owner;
alter table parts.with_function attach partition parts.part_of_two for values from (0) to (10);
select target, read, on_update, applies_when from auth.protected_tables where target::text ~ 'part_of_two|of_other_owner' order by 1;

-- A foreign partition can't be protected.
reset role;
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table parts.foreign_part (id int) server nowhere;
alter table parts.with_function attach partition parts.foreign_part for values from (10) to (20);
create foreign table parts.foreign_part_2 partition of parts.with_function for values from (10) to (20) server nowhere;
drop foreign data wrapper nothing cascade;

-- A policy of one's own that has one of our names.
create table parts.foreign_name (id int);
create policy aal_read on parts.foreign_name using (true);
alter table parts.with_function attach partition parts.foreign_name for values from (10) to (20);

-- Without a record in comments, by the policies as they are; where they can't be told, a WARNING says so.
select format('comment on policy %I on %s is null', polname, polrelid::regclass) from pg_policy where polrelid = 'parts.with_function'::regclass and polname ~ '^aal' order by polname \gexec
comment on trigger aal_guard on parts.with_function is null;
select read, write from auth.protect_table('parts.events', read => 'aal2', write => 'aal2');
select format('comment on policy %I on %s is null', polname, polrelid::regclass) from pg_policy where polrelid = 'parts.events'::regclass and polname ~ '^aal' order by polname \gexec
comment on trigger aal_guard on parts.events is null;
create table parts.events_5 partition of parts.events for values from (50) to (60);
create table parts.without_record partition of parts.with_function for values from (10) to (20);
select target, read, on_update, applies_when from auth.protected_tables where target::text ~ 'without_record|events_5';

-- Children aren't covered, and a WARNING says so; unless they are protected in the same transaction.
create table parts.parent (id int);
create policy everybody on parts.parent using (true);
select partitions from auth.protect_table('parts.parent');
create table parts.child () inherits (parts.parent);
create table parts.child_2 (id int);
alter table parts.child_2 inherit parts.parent;
begin;
create table parts.child_3 () inherits (parts.parent);
create policy everybody on parts.child_3 using (true);
select partitions from auth.protect_table('parts.child_3');
commit;
create temporary table child_4 () inherits (parts.parent);
drop table child_4;

-- Parents that aren't protected, and tables that bear our names for something else.
create table parts.open_parent (id int) partition by range (id);
create table parts.open_1 partition of parts.open_parent for values from (0) to (10);
create table parts.misnamed (id int) partition by range (id);
create policy aal_read on parts.misnamed using (true);
create table parts.misnamed_1 partition of parts.misnamed for values from (0) to (10);
select count(*) from pg_policy where polrelid in ('parts.open_1'::regclass, 'parts.misnamed_1'::regclass);

-- An older snapshot doesn't hide that the parent, or the schema, was protected meanwhile.
create table parts.late (id int) partition by range (id);
begin isolation level repeatable read;
select count(*) from auth.protected_tables where target::text = 'parts.late';
\! psql -X -q -d regression -c "set client_min_messages = error; select count(*) from auth.protect_table('parts.late')"
create table parts.late_1 partition of parts.late for values from (0) to (10);
rollback;
begin isolation level repeatable read;
select count(*) from auth.protected_schemas;
\! psql -X -q -d regression -c "set client_min_messages = error; create schema late; select new_tables from auth.protect_schema('late')"
create table parts.late_2 (id int);
rollback;
begin isolation level repeatable read;
select count(*) from auth.protected_schemas;
create table parts.late_1 partition of parts.late for values from (0) to (10);
create table late.one (id int);
commit;
select target, read, on_update from auth.protected_tables where target::text ~ 'late' order by 1;
set client_min_messages = error;
select * from auth.unprotect_schema('late');
drop schema late cascade;
reset client_min_messages;

-- session_replication_role changes nothing.
set session_replication_role = replica;
create table parts.while_replica partition of parts.with_function for values from (20) to (30);
reset session_replication_role;
select target, read, on_update from auth.protected_tables where target::text ~ 'while_replica';

set client_min_messages = error;
drop schema parts, private_parts cascade;
drop role parts_owner, other_owner;
drop function test.made(regclass);
