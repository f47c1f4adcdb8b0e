-- 0007 finds a policy exactly where a session without a level gets in and a user at aal1 doesn't: by trying each of the sessions that its
-- page lists.
create schema opened;
grant usage on schema opened to anon, authenticated;
set search_path = opened;

create function as_session(statement text, claims jsonb) returns boolean language plpgsql as $$
declare
  touched bigint := 0;
begin
  begin
    perform set_config('request.jwt.claims', coalesce(claims::text, ''), true), set_config('role', 'authenticated', true);
    execute statement;
    get diagnostics touched = row_count;
    raise exception 'undo';
  exception when others then
    if sqlerrm <> 'undo' then
      touched := 0;
    end if;
  end;
  return touched > 0;
end
$$;
create function user_claims() returns jsonb language sql immutable as $$
  select '{"sub":"11111111-1111-4111-8111-111111111111","aud":"authenticated","role":"authenticated","is_anonymous":false,
    "session_id":"22222222-2222-4222-8222-222222222222","email":"user@example.com",
    "amr":[{"method":"password","timestamp":0}],"app_metadata":{"provider":"email"},"user_metadata":{}}'::jsonb
$$;

create temp table shapes (n int generated always as identity, condition text);
grant select on shapes to authenticated;
insert into shapes (condition) values
  ($$(select auth.jwt() ->> 'aal') is not distinct from 'aal2'$$), ($$not ((select auth.jwt() ->> 'aal') is distinct from 'aal2')$$),
  ($$not ((select auth.jwt() ->> 'aal') <> 'aal2')$$), ($$not coalesce((select auth.jwt() ->> 'aal') <> 'aal2', true)$$),
  ($$coalesce((select auth.jwt() ->> 'aal') = 'aal2', false)$$), ($$((select auth.jwt() ->> 'aal') = 'aal2') is true$$),
  ($$((select auth.jwt() ->> 'aal') <> 'aal2') is false$$), ($$not ((select auth.jwt() ->> 'aal') = 'aal1')$$),
  ($$(select auth.jwt() ->> 'aal') >= 'aal2'$$), ($$(select auth.jwt() ->> 'aal') > 'aal1'$$),
  ($$(select auth.jwt() ->> 'aal') not in ('aal0', 'aal1')$$), ($$nullif((select auth.jwt() ->> 'aal'), 'aal1') is not null$$),
  ($$coalesce((select auth.jwt() ->> 'aal'), 'aal1') > 'aal1'$$), ($$coalesce((select auth.jwt() ->> 'aal'), 'none') >= 'aal2'$$),
  ($$case (select auth.jwt() ->> 'aal') when 'aal1' then false else true end$$),
  ($$case when (select auth.jwt() ->> 'aal') = 'aal2' then true else false end$$),
  ($$not exists (select 1 where (select auth.jwt() ->> 'aal') is distinct from 'aal2')$$), ($$((select auth.jwt() ->> 'aal') <> 'aal2') is not true$$),
  ($$(select auth.jwt() ->> 'aal') = all (array['aal2'])$$), ($$not ((select auth.jwt() ->> 'aal') = any (array['aal1']))$$),
  ($$(select auth.jwt() -> 'aal') is not distinct from '"aal2"'::jsonb$$),
  ($$(select auth.jwt() ->> 'aal') like 'aal_' and (select auth.jwt() ->> 'aal') <> 'aal1'$$),
  ($$(select auth.uid()) is null or (select auth.jwt() ->> 'aal') = 'aal2'$$), ($$(select auth.jwt() ->> 'role') = 'anon' or (select auth.jwt() ->> 'aal') = 'aal2'$$),
  ($$auth.jwt() is null or auth.jwt() ->> 'aal' = 'aal2'$$), ($$not (auth.jwt() ? 'aal') or auth.jwt() ->> 'aal' = 'aal2'$$),
  ($$jsonb_typeof(auth.jwt() -> 'aal') is null or auth.jwt() ->> 'aal' = 'aal2'$$), ($$(auth.jwt() -> 'aal') is null or auth.jwt() ->> 'aal' = 'aal2'$$),
  -- The row, and other claims, are the same for both sessions.
  ($$published or (select auth.jwt() ->> 'aal') = 'aal2'$$), ($$published or (select auth.jwt() ->> 'aal') <> 'aal1'$$),
  ($$published and coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2'$$), ($$note = 'x' or (select auth.jwt() ->> 'aal') = 'aal2'$$),
  ($$(auth.jwt() ->> 'org') = 'x' or (select auth.jwt() ->> 'aal') = 'aal2'$$), ($$(auth.jwt() ->> 'org') is null or (select auth.jwt() ->> 'aal') = 'aal2'$$),
  ($$user_id = (select auth.uid()) or (select auth.jwt() ->> 'aal') = 'aal2'$$), ($$user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') <> 'aal1'$$),
  ($$user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') is distinct from 'aal1'$$),
  ($$published and (not published or (select auth.jwt() ->> 'aal') is distinct from 'aal1')$$),
  ($$(published or (select auth.jwt() ->> 'aal') <> 'aal1') and (not published or (select auth.jwt() ->> 'aal') = 'aal2')$$),
  -- What it is made of is open, and the whole isn't.
  ($$(select auth.jwt() ->> 'aal') <> 'aal1' and (select auth.has_aal('aal2'))$$), ($$not (coalesce((select auth.jwt() ->> 'aal'), 'aal2') = 'aal2')$$),
  ($$(select auth.jwt() ->> 'aal') = 'aal1' or (select auth.jwt() ->> 'aal') <> 'aal1'$$), ($$(select auth.jwt() ->> 'aal') is null and (select auth.has_aal('aal2'))$$),
  -- The level decides in a way that isn't read, and a session without one gets an error.
  ($$not (((select auth.require_aal('aal2')))::text = 'true')$$), ($$least(auth.jwt() @> '{"aal":"aal2"}', auth.require_aal('aal2') or published)$$),
  ($$not ((auth.has_aal('aal1') and published) > auth.require_aal('aal1'))$$),
  -- Both get in.
  ($$coalesce((select auth.jwt() ->> 'aal'), 'x') <> 'aal0'$$), ($$(select auth.has_aal('aal1')) or (select auth.jwt() ->> 'aal') is null$$), ($$true or (select auth.has_aal('aal2'))$$),
  -- Sub-selects of the one row that is there without a table, or of several queries.
  ($$(array(select auth.jwt() ->> 'aal' where published) @> array['aal2']) in (true, null)$$), ($$not array(select auth.jwt() ->> 'aal' where published) @> array['aal1']$$),
  ($$(select count(*) where auth.jwt() ->> 'aal' = 'aal1') = 0$$), ($$(select count(*) where auth.jwt() ->> 'aal' = 'aal2') > 0$$), ($$not exists (select where auth.jwt() ->> 'aal' = 'aal1')$$),
  ($$not exists (select where auth.jwt() ->> 'aal' = 'aal1' limit 0)$$), ($$exists (select where auth.jwt() ->> 'aal' = 'aal2' union all select where published)$$),
  ($$not exists (select where auth.jwt() ->> 'aal' = 'aal1' union all select where published)$$), ($$not (to_jsonb(auth.jwt()) ->> 'aal' = 'aal1')$$),
  -- Ours.
  ($$(select auth.has_aal('aal2')) is not false$$), ($$(select auth.has_aal('aal2')) is not true$$), ($$(select auth.aal()) <> 'aal1'$$), ($$coalesce((select auth.aal()), 'aal2') = 'aal2'$$),
  ($$(select auth.aal()) is distinct from 'aal1'$$), ($$(select auth.claims()) is null or (select auth.has_aal('aal2'))$$), ($$not (select auth.has_aal('aal1')) or (select auth.has_aal('aal2'))$$),
  ($$(select auth.claims() -> 'aal') <> '"aal1"'::jsonb$$), ($$not (select auth.claims() @> '{"aal":"aal1"}')$$), ($$(select auth.claims() @> '{"aal":"aal2"}')$$),
  ($$(select auth.claims() #>> '{aal}') not in ('aal1')$$), ($$coalesce((select auth.claims() ->> 'aal'), '') <> 'aal1'$$), ($$(select auth.claims() ->> 'aal') is null or (select auth.has_aal('aal2'))$$),
  ($$coalesce((select current_setting('request.jwt.claims', true)::jsonb ->> 'aal'), 'aal2') = 'aal2'$$),
  ($$coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal', 'aal2') = 'aal2'$$);

create function tried(condition text) returns table (opens boolean, reported boolean) language plpgsql as $$
declare
  change text := 'update opened.shape set kind = ''x''';
  row_there text;
begin
  create table shape (id int, user_id uuid, note text, kind text, published boolean);
  alter table shape enable row level security;
  grant update on shape to authenticated;
  execute 'create policy p on shape for update using (' || condition || ')';
  opens := false;
  -- For some row, one of these gets in and the user at aal1 doesn't.
  foreach row_there in array array['(1, ''11111111-1111-4111-8111-111111111111'', ''y'', null, false)', '(1, null, ''y'', null, true)', '(1, null, ''x'', null, false)'] loop
    execute 'insert into shape values ' || row_there;
    if (select bool_or(as_session(change, claims)) from (values
          (null::jsonb), ('{}'), ('{"role":"authenticated"}'), (user_claims()), (user_claims() || '{"aal":null}'), (user_claims() || '{"aal":""}'),
          (user_claims() || '{"aal":"aal0"}'), (user_claims() || '{"aal":"aal9"}'), (user_claims() || '{"aal":"zzz"}')) s(claims))
       and not as_session(change, user_claims() || '{"aal":"aal1"}') then
      opens := true;
    end if;
    delete from shape;
  end loop;
  reported := exists (select from auth.aal_lint() where metadata ->> 'name' = 'shape' and name = '0007_open_without_claims');
  drop table shape;
  return next;
end
$$;
select n, condition, opens, reported from shapes, tried(condition) order by n;
select n as differs, condition from shapes, tried(condition) where opens <> reported order by n;

reset search_path;
set client_min_messages = error;
drop schema opened cascade;
