-- 0016_cascading_foreign_key finds foreign keys by which a write to another table changes a protected one, at a lower level than that needs.
create schema lint_0016;
grant usage on schema lint_0016 to anon, authenticated;
set search_path = lint_0016;

-- None for these: which keys refer to them, is what is found. (A foreign key's action runs as the owner of the table it changes.)
create table accounts (id int primary key, note text);
create table at_aal1 (id int primary key);
create table at_aal2 (id int primary key);
create table note_only (id int primary key, note text);
create table deletes_only (id int primary key);
create table of_others (id int primary key);
do $$
declare
  t text;
begin
  foreach t in array array['at_aal1', 'at_aal2'] loop
    execute format('alter table %I enable row level security', t);
    execute format('create policy everybody on %I using (true)', t);
    execute format('create policy level on %I as restrictive using ((select auth.has_aal(%L)))', t, substring(t from 4));
  end loop;
end
$$;
grant select, insert, update, delete on accounts, at_aal1, at_aal2 to authenticated;
grant select, update (note) on note_only to authenticated;
grant delete on deletes_only to authenticated;

create function refers(name text, action text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int, account int default 0 references %s)', name, action);
  execute format('alter table %I enable row level security', name);
  execute format('create policy everybody on %I using (true)', name);
  execute format('create policy second_factor on %I as restrictive using ((select auth.has_aal(''aal2'')))', name);
  execute format('grant select, insert, update, delete on %I to authenticated', name);
end
$$;

-- Findings.
select count(refers('found_' || name, action)) as found from (values
  ('delete_cascade',     'accounts on delete cascade'),
  ('delete_set_null',    'accounts on delete set null'),
  ('delete_set_default', 'accounts on delete set default'),
  ('update_cascade',     'accounts on update cascade'),
  ('update_set_null',    'accounts on update set null'),
  ('update_set_default', 'accounts on update set default'),
  ('at_aal1',            'at_aal1 on delete cascade'),
  ('deletes_only',       'deletes_only on delete cascade on update cascade')) f(name, action); -- by a delete

-- None of them.
select count(refers('none_' || name, action)) as none from (values
  ('no_action',    'accounts'),
  ('restrict',     'accounts on delete restrict on update restrict'),
  ('at_aal2',      'at_aal2 on delete cascade on update cascade'),
  ('note_only',    'note_only on delete cascade on update cascade'), -- nobody may delete it, or update its key
  ('of_others',    'of_others on delete cascade'), -- as auth.users is
  ('deletes_only', 'deletes_only on update cascade')) n(name, action);

-- None: within one table.
create table none_itself (id int primary key, parent int references none_itself on delete cascade);
alter table none_itself enable row level security;
create policy everybody on none_itself using (true);
create policy second_factor on none_itself as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on none_itself to authenticated;

-- Finding: nobody may delete its rows, but by deleting accounts.
create table found_not_granted (id int, account int references accounts on delete cascade);
alter table found_not_granted enable row level security;
create policy everybody on found_not_granted using (true);
create policy second_factor on found_not_granted as restrictive using ((select auth.has_aal('aal2')));
grant select on found_not_granted to authenticated;

-- None: only reads need a level, and a foreign key doesn't read. (But 0002, for the writes.)
create table none_reads (id int, account int references accounts on delete cascade);
alter table none_reads enable row level security;
create policy everybody on none_reads using (true);
create policy second_factor on none_reads as restrictive for select using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on none_reads to authenticated;

-- None: it isn't protected.
create table none_unprotected (id int, account int references accounts on delete cascade);
grant select, insert, update, delete on none_unprotected to authenticated;

-- A cascade of a cascade, of any length. The tables between are nobody's to write.
create function middle(name text, keys text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int primary key, other int, %s)', name, keys);
end
$$;
create table begins (id int primary key, other int unique);
grant select, delete on begins to authenticated;
create table begins_by_key (id int primary key, other int unique);
grant select, update (other) on begins_by_key to authenticated;
select count(middle(name, keys)) from (values
  (1, 'a_deleted', 'up int references begins on delete cascade'),
  (2, 'b_deleted', 'up int references a_deleted on delete cascade'),
  (3, 'c_deleted', 'up int references b_deleted on delete cascade'),
  (4, 'a_emptied', 'up int unique references begins on delete set null'),
  (5, 'a_restricts', 'up int references begins on delete restrict'),
  (6, 'a_by_key', 'up int unique references begins_by_key (other) on update cascade')) t(n, name, keys);
-- A cycle, which ends.
create table a_cycle (id int primary key, up int references begins on delete cascade);
create table b_cycle (id int primary key, up int references a_cycle on delete cascade);
alter table a_cycle add back int references b_cycle on delete cascade;
-- Findings.
select count(refers('found_chain_' || name, action)) as found from (values
  ('deleted',   'c_deleted on delete cascade'),
  ('null',      'a_deleted on delete set null'),
  ('default',   'b_deleted on delete set default'),
  ('emptied',   'a_emptied (up) on update cascade'), -- what is emptied is a key
  ('by_key',    'a_by_key (up) on update set null'),
  ('cycle',     'b_cycle on delete cascade')) f(name, action);
-- By a partition, and from one.
create table a_partitioned (id int primary key, up int references begins on delete cascade) partition by range (id);
create table a_partition partition of a_partitioned for values from (0) to (10);
select count(refers('found_chain_' || name, action)) as found from (values
  ('partitioned', 'a_partitioned on delete cascade'),
  ('partition',   'a_partition on delete cascade')) f(name, action);
-- Only one of the columns is emptied.
create table a_two (id int primary key, one int, two int, unique (one, two), unique (two));
alter table a_two add foreign key (one) references begins on delete set null;
-- None of them.
select count(refers('none_chain_' || name, action)) as none from (values
  ('restricts',  'a_restricts on delete cascade'), -- the first does nothing
  ('other_key',  'a_emptied on update cascade'),   -- the key that this one refers to stays
  ('other_two',  'a_two (two) on update cascade'),
  ('no_delete',  'a_by_key on delete cascade'),    -- rows of it are changed, none goes
  ('no_action',  'c_deleted on update cascade')) n(name, action);

reset search_path;
select name, metadata ->> 'name' as "table", metadata ->> 'policy' as policy, metadata ->> 'role' as role, level, detail
  from auth.aal_lint() where metadata ->> 'schema' = 'lint_0016' order by 1, 2, 3, 4;

set client_min_messages = error;
drop schema lint_0016 cascade;
