-- What a session's claims say is the same throughout a statement: a claim isn't both there and missing.
begin;
create function auth.role() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text
$$;
create schema claimed;
grant usage on schema claimed to anon, authenticated;
set search_path = claimed;
create table t (id int, user_id uuid);
alter table t enable row level security;
grant select on t to anon, authenticated;

-- What SELECT needs where one policy permits, and another restricts.
create function needs(permits text, restricts text default 'true') returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy permits on t using (%s)', permits);
  execute format('create policy restricts on t as restrictive using (%s)', restricts);
  select string_agg(role || ': ' || required_aal, ', ' order by role) into answer from auth.aal_matrix('t') where role in ('anon', 'authenticated') and command = 'SELECT';
  drop policy permits on t;
  drop policy restricts on t;
  return answer;
end
$$;
select permits, restricts, needs(permits, restricts) from (values
  ($$user_id = auth.uid()$$, $$auth.uid() is null or auth.has_aal('aal2')$$),
  ($$user_id = (select auth.uid())$$, $$(select auth.uid()) is null or (select auth.jwt() ->> 'aal') = 'aal2'$$),
  ($$user_id = auth.subject_uuid()$$, $$auth.subject_uuid() is null or auth.has_aal('aal2')$$),
  ($$auth.uid() is not null$$, $$auth.uid() is null$$),
  ($$(auth.jwt() ->> 'is_anonymous')::boolean is false$$, $$(auth.jwt() ->> 'is_anonymous')::boolean is true or auth.has_aal('aal2')$$),
  ($$(auth.jwt() ->> 'is_anonymous')::boolean is false$$, $$(auth.jwt() ->> 'is_anonymous')::boolean or auth.has_aal('aal2')$$),
  ($$auth.jwt() ->> 'sub' is not null$$, $$auth.jwt() ->> 'sub' is null or auth.has_aal('aal2')$$),
  ($$auth.role() = 'anon'$$, $$true$$), ($$auth.role() = 'authenticated'$$, $$auth.role() = 'anon' or auth.has_aal('aal2')$$),
  -- Without a subject, or of another claim, or where the claim may be anything: none.
  ($$user_id = auth.uid()$$, $$true$$), ($$user_id = auth.uid() or auth.uid() is null$$, $$auth.uid() is null or auth.has_aal('aal2')$$), ($$auth.jwt() ->> 'a' is not null$$, $$auth.jwt() ->> 'b' is null or auth.has_aal('aal2')$$),
  ($$(auth.jwt() ->> 'is_anonymous')::boolean is not true$$, $$(auth.jwt() ->> 'is_anonymous')::boolean is null or auth.has_aal('aal2')$$), ($$auth.jwt() ->> 'tenant' = 'a'$$, $$auth.jwt() ->> 'tenant' <> 'b' or auth.has_aal('aal2')$$),
  -- A claim that can't be cast raises where it is looked at, and nowhere else.
  ($$auth.has_aal('aal1') or 'x'::text::boolean or not 'x'::text::boolean$$, $$true$$)) cases(permits, restricts);
rollback;
