-- request.jwt.claim counts before request.jwt.claims. So in a session with a level either may be empty, or never have been set.
create schema held;
grant usage on schema held to authenticated;
set search_path = held;
set client_min_messages = error;
create function made(name text, condition text) returns regclass language plpgsql as $$
begin
  execute format('create table held.%I (id int)', name);
  execute format('insert into held.%I values (1)', name);
  execute format('grant select on held.%I to authenticated', name);
  execute format('alter table held.%I enable row level security', name);
  execute format('create policy alone on held.%I using (%s)', name, condition);
  return ('held.' || quote_ident(name))::regclass;
end
$$;
select made('plural', $$current_setting('request.jwt.claims', true)::jsonb ->> 'aal' = 'aal2'$$),
       made('singular', $$current_setting('request.jwt.claim', true)::jsonb ->> 'aal' = 'aal2'$$),
       made('by_default', $$auth.has_aal('aal1') and coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal', 'aal2') = 'aal2'$$),
       made('is_null', $$auth.has_aal('aal1') and nullif(current_setting('request.jwt.claims', true), '') is null or auth.has_aal('aal3')$$),
       made('neither', $$auth.has_aal('aal1') and coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), '')) is null$$),
       made('as_supabase', $$auth.has_aal('aal1') and coalesce(coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb ->> 'aal', 'aal2') = 'aal2'$$),
       made('by_claim', $$auth.has_aal('aal1') and coalesce(nullif(current_setting('request.jwt.claim.aal', true), ''), 'aal2') = 'aal2'$$),
       made('subject', $$auth.has_aal('aal1') and current_setting('request.jwt.claim.sub', true) is null or auth.has_aal('aal2')$$);
select target, required_aal from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target in (select oid from pg_class where relnamespace = 'held'::regnamespace) order by target::text;

-- What really happens at aal1, with the claims in the one and in the other.
create function counted(setting text, claims text) returns table (target name, rows text) language plpgsql as $$
begin
  perform set_config('request.jwt.claim', '', true), set_config('request.jwt.claims', '', true);
  perform set_config(setting, claims, true);
  for target in select relname from pg_class where relnamespace = 'held'::regnamespace order by 1 loop
    rows := test.attempt(format('select from held.%I', target));
    return next;
  end loop;
end
$$;
grant execute on function counted to authenticated;
begin;
set local role authenticated;
select * from counted('request.jwt.claims', '{"sub":"x","aal":"aal1"}');
select * from counted('request.jwt.claim', '{"sub":"x","aal":"aal1"}');
rollback;
drop schema held cascade;
