-- In token mode clients run SQL of their own. A policy proves nothing about a role that could replace or drop what it is made of.
create schema changed;
create schema theirs;
grant usage on schema changed, theirs to public;
set search_path = changed;
create role changed_owner;
create role changed_no_heir noinherit in role changed_owner;
create role changed_other;
set client_min_messages = error;
alter schema theirs owner to changed_owner;
create function changed.gate() returns boolean language sql stable return auth.has_aal('aal2');
create function changed.beneath() returns boolean language sql stable return auth.has_aal('aal2');
create function changed.above() returns boolean language sql stable return changed.beneath();
create function theirs.gate() returns boolean language sql stable return auth.has_aal('aal2');
create type changed.level as enum ('aal1', 'aal2', 'aal3');
create table changed.looked_at (id int);
alter function changed.gate owner to changed_owner;
alter function changed.beneath owner to changed_owner;
alter type changed.level owner to changed_owner;
alter table changed.looked_at owner to changed_owner;
grant select on looked_at to public;
create function made(name text, condition text) returns regclass language plpgsql as $$
begin
  execute format('create table changed.%I (id int)', name);
  execute format('alter table changed.%I enable row level security', name);
  execute format('grant select on changed.%I to public', name);
  execute format('create policy everybody on changed.%I using (true)', name);
  execute format('create policy gate on changed.%I as restrictive using (%s)', name, condition);
  return ('changed.' || quote_ident(name))::regclass;
end
$$;
select made('ours', 'auth.has_aal(''aal2'')'), made('by_function', 'changed.gate()'), made('by_function_beneath', 'changed.above()'),
       made('by_schema', 'theirs.gate()'), made('by_type', 'auth.aal()::changed.level = ''aal2'''),
       made('by_table', 'auth.has_aal(''aal2'') and not exists (select from changed.looked_at)');
create view needs as
select target, max(required_aal) filter (where role = 'changed_owner') as owner, max(required_aal) filter (where role = 'changed_no_heir') as no_heir,
       max(required_aal) filter (where role = 'changed_other') as other, max(note) filter (where role = 'changed_owner') as note
  from auth.aal_matrix() where command = 'SELECT' and target::text in ('ours', 'by_function', 'by_function_beneath', 'by_schema', 'by_type', 'by_table') group by 1;

-- Where settings are the gateway's, its clients replace nothing.
select * from needs order by target::text;
set pg_aal.claims_source = 'token';
select * from needs order by target::text;

-- What really happens: a table is dropped that a policy looks at, and the policy with it.
begin;
set local role changed_owner;
select count(*) from by_table;
drop table changed.looked_at cascade;
reset role;
select polname from pg_policy where polrelid = 'by_table'::regclass;
rollback;

-- Nor does a permissive policy: its function may come to mean anything.
create table permitted (id int);
alter table permitted enable row level security;
grant select on permitted to public;
create policy gate on permitted using (changed.gate());
select role, required_aal, decided_by, note from auth.aal_matrix('permitted') where command = 'SELECT' and role in ('changed_owner', 'changed_other') order by 1;

reset pg_aal.claims_source;
drop schema changed, theirs cascade;
drop role changed_owner, changed_no_heir, changed_other;
