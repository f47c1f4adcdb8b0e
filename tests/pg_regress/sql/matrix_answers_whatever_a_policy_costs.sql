-- Nobody who may write a policy can keep others from an answer about all the other tables: by depth, by size, by what fails.
create schema costly;
grant usage on schema costly to authenticated;
set search_path = costly;
create table plain (b boolean);
alter table plain enable row level security;
grant select on plain to authenticated;
create policy alone on plain using (auth.has_aal('aal2'));
create function made(name text, expression text) returns regclass language plpgsql as $$
begin
  execute format('create table %I (b boolean)', name);
  execute format('alter table %I enable row level security', name);
  execute format('grant select on %I to authenticated', name);
  execute format('create policy alone on %I using (%s)', name, expression);
  return name::regclass;
end
$$;

-- Functions that double what they are given, in height and in number; that call themselves, and each other.
create function higher_0(b boolean) returns boolean language sql stable as $$ select not b $$;
create function wider_0(b boolean) returns boolean language sql stable as $$ select b $$;
do $$
begin
  for n in 1..24 loop
    execute format('create function higher_%s(b boolean) returns boolean language sql stable as %L', n, format('select costly.higher_%s(costly.higher_%s(b))', n - 1, n - 1));
    execute format('create function wider_%s(b boolean) returns boolean language sql stable return costly.wider_%s(b) and costly.wider_%s(b)', n, n - 1, n - 1);
  end loop;
end
$$;
create function itself() returns boolean language sql stable as $$ select true $$;
create or replace function itself() returns boolean language sql stable as $$ select costly.itself() or costly.itself() $$;
create function mutual_a() returns boolean language sql stable as $$ select true $$;
create function mutual_b() returns boolean language sql stable as $$ select costly.mutual_a() and costly.mutual_a() $$;
create or replace function mutual_a() returns boolean language sql stable as $$ select costly.mutual_b() and costly.mutual_b() $$;
select made('higher', 'higher_24(b)'), made('wider', 'wider_24(b)'), made('itself', 'itself()'), made('mutual', 'mutual_a()');
-- Sub-selects in sub-selects, and in FROM.
select made('nested_in', repeat('true in (select ', 60) || 'b' || repeat(')', 60));
select made('nested_from', 'exists ' || repeat('(select from (select x from ', 1) || repeat('(select x from ', 300) || '(select 1 as x) a' || repeat(') a', 300) || ') b)');
-- Many ages, many constants, many conditions.
select made('ages', string_agg(format('auth.has_aal(''aal2'', ''%s seconds'')', n), ' or ')) from generate_series(1, 800) n;
select made('constants', format('auth.aal() = any (%L::text[])', array_agg('x' || n))) from generate_series(1, 10000) n;
select made('conditions', string_agg(format('(case when b then auth.has_aal(''aal2'') when b is %s then auth.has_aal(''aal3'') else %s end)', case n % 2 when 0 then 'true' else 'null' end, case n % 3 when 0 then 'true' else 'false' end), ' and ')) from generate_series(1, 1000) n;
-- A body that isn't SQL, and one that isn't there.
set check_function_bodies = off;
create function nonsense() returns boolean language sql stable as $$ this is (no SQL $$;
create function empty() returns boolean language sql stable as $$ $$;
select made('nonsense', 'nonsense()'), made('empty', 'empty() and auth.has_aal(''aal2'')');

set statement_timeout = '60s';
select target, required_aal from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text like any (array['costly.%', '%plain', '%er', '%self', '%al', 'nest%', 'ages', 'con%', 'nonsense', 'empty'])
 order by target::text;
select count(*) > 0 as lint from auth.aal_lint();
select length(auth.aal_report()) > 1000 as report;
select auth.assert_aal('plain', 'select', 'aal2');
reset statement_timeout;

set client_min_messages = error;
drop schema costly cascade;
