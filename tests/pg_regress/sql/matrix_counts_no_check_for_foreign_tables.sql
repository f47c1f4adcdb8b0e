-- A row that goes to a foreign partition meets no WITH CHECK (Postgres asks none), nor does one that is updated there.
create schema foreigners;
grant usage on schema foreigners to public;
set search_path = foreigners;
set client_min_messages = error;
-- Stands for a wrapper that writes; nothing here calls it.
create function handler() returns fdw_handler language internal as 'pg_backend_pid';
create foreign data wrapper writes handler foreigners.handler;
create foreign data wrapper useless;
create server writes foreign data wrapper writes;
create server useless foreign data wrapper useless;
create function made(name text) returns regclass language plpgsql as $$
begin
  execute format('create table foreigners.%I (id int, part int) partition by list (part)', name);
  execute format('create table foreigners.%I partition of foreigners.%I for values in (1)', name || '_1', name);
  execute format('create policy everybody on foreigners.%I using (true) with check (true)', name);
  execute format('grant select, insert, update, delete, truncate on foreigners.%I to authenticated', name);
  return ('foreigners.' || quote_ident(name))::regclass;
end
$$;
create view needs as
select target, max(required_aal) filter (where command = 'SELECT') as "select", max(required_aal) filter (where command = 'INSERT') as "insert",
       max(required_aal) filter (where command = 'UPDATE') as "update", max(required_aal) filter (where command = 'DELETE') as "delete"
  from auth.aal_matrix() where role = 'authenticated' and target in (select oid from pg_class where relnamespace = 'foreigners'::regnamespace) group by target order by target::text;

select made('home'), made('abroad'), made('guarded'), made('unusable'), made('deep');
create foreign table abroad_2 partition of abroad for values in (2) server writes;
create foreign table guarded_2 partition of guarded for values in (2) server writes;
create foreign table unusable_2 partition of unusable for values in (2) server useless;
create table deep_2 partition of deep for values in (2) partition by list (id);
create foreign table deep_2_1 partition of deep_2 for values in (1) server writes;
create foreign table deep_2_2 partition of deep_2 for values in (2) server writes;
-- By policies alone, and with the guard, which fires for the table that is named.
select count(*) > 0 as protected from auth.protect_table('home', guard => false);
do $$
declare
  name text;
begin
  foreach name in array array['abroad', 'unusable', 'deep'] loop
    execute format('alter table foreigners.%I enable row level security', name);
    execute format('create policy reads on foreigners.%I as restrictive using (auth.has_aal(''aal1'')) with check (auth.has_aal(''aal2''))', name);
  end loop;
end
$$;
alter table guarded enable row level security;
create policy reads on guarded as restrictive using (auth.has_aal('aal1')) with check (auth.has_aal('aal2'));
create trigger guard before insert or update on guarded for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2');
select * from needs;
select target, command, required_aal, decided_by from auth.aal_matrix('abroad') where role = 'authenticated' and command in ('INSERT', 'UPDATE') order by target::text, command;

-- Children that only inherit get no new rows, but updates.
create table parent (id int);
alter table parent enable row level security;
create policy everybody on parent using (auth.has_aal('aal1')) with check (auth.has_aal('aal2'));
grant insert, update on parent to authenticated;
create foreign table child () inherits (parent) server writes;
select * from needs where target::text in ('parent', 'child');

drop schema foreigners cascade;
