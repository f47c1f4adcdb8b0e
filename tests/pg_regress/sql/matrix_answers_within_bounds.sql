-- Nobody who may create a table can keep everybody from an answer, by memory or by time; and what holds for small policies is still told.
create schema bounds;
grant usage on schema bounds to public;
set search_path = bounds;
set client_min_messages = error;
set statement_timeout = '120s';
create table plain (b boolean);
alter table plain enable row level security;
grant select on plain to public;
create policy alone on plain using (b and auth.has_aal('aal2', '15 minutes') or not b and auth.has_aal('aal3'));

-- Deep calls of what can't be read, several policies of them: each was kept with its whole text again and again.
create function f(anyelement) returns boolean language plpgsql stable as 'begin return true; end';
create table deep (id int, b boolean);
alter table deep enable row level security;
grant select on deep to public;
do $$
begin
  for n in 1..4 loop
    execute (select format('create policy p%s on deep using (%s)', n, string_agg(repeat('bounds.f(', 190) || 'id = ' || n || g || repeat(')', 190), ' or ')) from generate_series(1, 50) g);
  end loop;
end
$$;

-- What must be told apart, at many ages, for each role.
do $$
declare
  ages text;
begin
  select string_agg(format('auth.has_aal(''aal2'', ''%s s'')', n), ' or ') into ages from generate_series(1, 16) n;
  for t in 1..3 loop
    execute format('create table told_apart_%s (id int, b1 bool, b2 bool, b3 bool, b4 bool, b5 bool)', t);
    execute format('grant select, insert, update, delete on told_apart_%s to public', t);
    execute format('alter table told_apart_%s enable row level security', t);
    execute format('create policy p on told_apart_%1$s using (((((b1 <> b2) <> b3) <> b4) <> b5) and (%2$s or current_user <> ''x'') and auth.has_aal(''aal1'') and not ((((b1 <> b2) <> b3) <> b4) <> b5))', t, ages);
  end loop;
end
$$;

-- Functions that expand what they are given, and a default and a constant that are large and are used again and again.
create function wide_0(b boolean) returns boolean language sql stable return b;
do $$
begin
  for n in 1..12 loop
    execute format('create function wide_%s(b boolean) returns boolean language sql stable return bounds.wide_%s(b) and bounds.wide_%s(b)', n, n - 1, n - 1);
  end loop;
end
$$;
create table expanded (b boolean);
alter table expanded enable row level security;
grant select on expanded to public;
do $$
begin
  for n in 1..10 loop
    execute format('create policy p%s on expanded using (bounds.wide_12(b) or auth.has_aal(%L))', n, 'aal2');
  end loop;
  execute format('create function by_default(a text default %L, b text default ''x'') returns boolean language sql stable return a = b', repeat('x', 10000));
  execute format('create function many_times(a text) returns boolean language sql stable return %s', (select string_agg('a = ''x''', ' or ') from generate_series(1, 4000)));
  execute format('create policy defaults on expanded using (%s)', (select string_agg('bounds.by_default()', ' or ') from generate_series(1, 300)));
  execute format('create policy constants on expanded using (bounds.many_times(%L))', repeat('y', 4000));
end
$$;
-- More text than is read at all.
do $$
begin
  execute format('create policy long on expanded using (%s)', (select string_agg('b = ' || (g % 2 = 0), ' or ') from generate_series(1, 15000) g));
end
$$;

select target, command, required_aal, max_age, note from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text in ('plain', 'deep', 'told_apart_1', 'told_apart_3') order by target::text;
select required_aal, note from auth.aal_matrix('expanded') where role = 'authenticated' and command = 'SELECT';
select count(*) >= 0 as lint from auth.aal_lint();
select length(auth.aal_report()) > 1000 as report;
-- More joins than there is stack for, in a body that is only parsed: nobody has to be able to run it.
create table joined (id int);
alter table joined enable row level security;
grant select on joined to public;
set check_function_bodies = off;
do $$
begin
  execute format('create function joins() returns boolean language sql as %L', 'select true from bounds.joined' || repeat(' join t on true', 14000));
end
$$;
create policy p on joined using (bounds.joins() or auth.has_aal('aal2'));
select required_aal, note from auth.aal_matrix('joined') where role = 'authenticated' and command = 'SELECT';
-- The largest that this backend has been, in kB.
select substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') from 'VmHWM:\s+(\d+)')::int < 600000 as is_bounded;
reset statement_timeout;
drop schema bounds cascade;
