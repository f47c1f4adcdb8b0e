-- In token mode clients run SQL of their own. What they can undo, or what can change within a statement, proves nothing about them.
create schema held;
grant usage on schema held to public;
set search_path = held;
set client_min_messages = error;
create role held_owner;
create role held_named;
create role held_other;
create role held_auditor;
create role held_login login noinherit in role held_named, held_auditor;
create type held.kind as enum ('a', 'b');
create function held.plus(int) returns int language sql immutable return $1 + 1;
create function held.seen() returns int language sql stable return 1;
create view held.shown as select held.seen() as n;
create text search configuration held.words (copy = pg_catalog.simple);
create function held.has_factor(text) returns boolean language sql stable parallel safe return true;
alter type held.kind owner to held_owner;
alter function held.plus owner to held_owner;
alter function held.seen owner to held_owner;
alter text search configuration held.words owner to held_owner;
alter function held.has_factor owner to held_owner;
grant select on held.shown to public;
create function made(name text, condition text, roles text default 'public') returns regclass language plpgsql as $$
begin
  execute format('create table held.%I (id int, kind held.kind, flag boolean, plus int generated always as (held.plus(id)) stored)', name);
  execute format('insert into held.%I values (1, ''a'', true)', name);
  execute format('alter table held.%I enable row level security', name);
  execute format('grant select on held.%I to public', name);
  execute format('create policy everybody on held.%I using (true)', name);
  execute format('create policy gate on held.%I as restrictive to %s using (%s)', name, roles, condition);
  return ('held.' || quote_ident(name))::regclass;
end
$$;
create view needs as
select target, max(required_aal) filter (where role = 'held_owner') as owner, max(required_aal) filter (where role = 'held_named') as named,
       max(required_aal) filter (where role = 'held_other') as other, max(note) filter (where role = 'held_owner') as note
  from auth.aal_matrix() where command = 'SELECT' and target::text ~ '^(held\.)?(of|for|when)_' group by 1;

-- What goes with a column that the policy reads, with a view or with a configuration.
select made('of_nothing', $$auth.has_aal('aal2')$$), made('of_column_type', $$auth.has_aal('aal2') and kind is not null$$), made('of_other_column', $$auth.has_aal('aal2') and id > 0$$),
       made('of_generated_column', $$auth.has_aal('aal2') and plus > 0$$), made('of_view', $$auth.has_aal('aal2') and exists (select from held.shown)$$),
       made('of_words', $$auth.has_aal('aal2') and to_tsvector('held.words', 'x') is not null$$);
-- Whom a policy names.
select made('for_named', $$auth.has_aal('aal2')$$, 'held_named'), made('for_all_of_session', $$auth.has_aal('aal2')$$, 'held_named, held_auditor, held_login'),
       made('for_other', $$auth.has_aal('aal2')$$, 'held_other');
-- A condition that stands twice, and a level that is denied elsewhere.
select made('when_setting', $$(current_setting('app.x', true) ~ 'on' or auth.has_aal('aal2')) and (current_setting('app.x', true) ~ 'on') is not true$$),
       made('when_flag', $$(flag or auth.has_aal('aal2')) and flag is not true$$), made('when_level_denied', $$auth.has_aal('aal2') and not auth.has_aal('aal1')$$),
       made('when_status_denied', $$auth.has_aal('aal2') and auth.aal_status() ->> 'currentLevel' is null$$), made('when_claims_denied', $$auth.has_aal('aal2') and auth.claims() is null$$),
       made('when_enrolled', $$auth.has_enrolled_aal()$$);
set pg_aal.enrollment_function = 'held.has_factor';
select * from needs order by target::text collate "C";
set pg_aal.claims_source = 'token';
select * from needs where target::text !~ 'for_(all|other)' order by target::text collate "C";
-- Where no role can leave a policy: up to Postgres 17.
select target, array[owner, named, other] = case
         when current_setting('server_version_num')::int >= 180000 then '{none,none,none}'::text[]
         when target::text ~ 'for_all' then '{none,aal2,none}' else '{none,none,aal2}' end as is_right
  from needs where target::text ~ 'for_(all|other)' order by target::text collate "C";

-- One role alone is asserted about as it is shown.
select auth.assert_aal('for_named', 'select', 'aal2', 'held_named');
select auth.assert_aal('of_nothing', 'select', 'aal2', 'held_named');

-- What really happens: policies go with what their columns, views and words are made of.
create function gates(statement text) returns text language plpgsql as $$
declare
  gone text;
begin
  set local role held_owner;
  execute statement;
  reset role;
  select string_agg(c.relname, ', ' order by c.relname) into gone from pg_class c
   where c.relnamespace = 'held'::regnamespace and c.relkind = 'r' and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'gate');
  raise sqlstate 'HELD0' using message = coalesce(gone, 'none');
exception when sqlstate 'HELD0' then return sqlerrm;
end
$$;
select statement, gates(statement) as without_gate from unnest(array['drop type held.kind cascade', 'drop function held.plus cascade', 'drop function held.seen cascade', 'drop text search configuration held.words cascade']) statement;

-- And a statement is planned as one role and run as another.
grant create on schema held to held_login;
set session authorization held_login;
create function held.becomes(role text) returns int language plpgsql stable as $$ begin perform set_config('role', role, true); return 1; end $$;
set role held_named;
select count(*) as as_named from held.for_named;
set role held_auditor;
begin;
select count(*) as planned_as_auditor, current_user as run_as from held.for_named where id = held.becomes('held_named');
rollback;
reset session authorization;

reset pg_aal.claims_source;
reset pg_aal.enrollment_function;
drop schema held cascade;
drop role held_owner, held_login, held_named, held_other, held_auditor;
