-- What every variant is measured on: a million rows under row security, with a permissive policy that allows all.
create role authenticated nologin;
create extension pg_aal;

-- As Supabase Auth defines it.
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;

-- As users write it to keep policies short.
create function aal_by_plpgsql() returns text language plpgsql stable parallel safe as $$
begin
  return current_setting('request.jwt.claims', true)::jsonb ->> 'aal';
end
$$;

create table bench (id int primary key, level text not null, amount int not null);
insert into bench select n, 'aal' || (1 + n % 2), n from generate_series(1, 1000000) as n;
create table bench_insert (like bench including all);
vacuum (analyze, freeze) bench;
grant select, insert, update, delete on bench, bench_insert to authenticated;
alter table bench enable row level security;
alter table bench_insert enable row level security;
create policy everybody on bench using (true) with check (true);
create policy everybody on bench_insert using (true) with check (true);
checkpoint;
