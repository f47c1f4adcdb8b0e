-- A permissive policy asks for a level in vain where another one lets sessions below it have the same rows: 0001. Usually the old policy
-- was left, or goes by another name than the migration drops.
create schema asked_in_vain;
grant usage on schema asked_in_vain to authenticated;
set search_path = asked_in_vain;

create table analyses (id int default 1, user_id uuid default auth.subject_uuid(), note text);
alter table analyses enable row level security;
grant select, insert, update, delete on analyses to authenticated;
create policy "Users can manage their analyses" on analyses using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
set client_min_messages = warning;
drop policy if exists "Users manage their analyses" on analyses;
create policy analyses_select_own_aal2 on analyses for select using (user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2');
create policy analyses_insert_own_aal2 on analyses for insert with check (user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2');
create policy analyses_update_own_aal2 on analyses for update using (user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2')
  with check (user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2');
create policy analyses_delete_own_aal2 on analyses for delete using (user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2');
-- All are open, and each of the four is found.
select command, required_aal from auth.aal_matrix('analyses') where role = 'authenticated' and command <> 'TRUNCATE';
select level, name, metadata ->> 'policy' as policy, metadata ->> 'command' as command, detail from auth.aal_lint()
  where metadata ->> 'name' = 'analyses' order by name, policy;
drop table analyses;

-- Pairs: an old policy, and a new one that asks for a level. In vain: whatever row the new one lets a session have at aal2, the old one
-- lets it have at aal1; or one of them is about all rows.
create table members (team int, user_id uuid);
-- What they answer isn't read: their parameter may be of any type.
create function is_editor(anyelement) returns boolean language plpgsql stable as $$ begin return true; end $$;
create function is_lucky(anyelement) returns boolean language plpgsql volatile as $$ begin return true; end $$;
create temp table pairs (n int generated always as identity, old text, new text, in_vain boolean);
insert into pairs (in_vain, old, new) values
  (true, $$user_id = (select auth.uid())$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (true, $$auth.uid() = user_id$$, $$(select auth.uid()) = user_id and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$user_id = auth.uid()$$, $$(select auth.uid()) = user_id and auth.jwt() ->> 'aal' = 'aal2'$$),
  (true, $$user_id = (select auth.uid())$$, $$(select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$true$$, $$user_id = (select auth.uid()) and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$(select auth.uid()) is not null$$, $$(select auth.uid()) is not null and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$auth.uid() is not null$$, $$(select auth.uid()) is not null and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$user_id = (select auth.uid())$$, $$user_id = (select auth.uid()) and note is null and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$exists (select 1 from members m where m.user_id = pair.user_id)$$,
         $$exists (select 1 from members m where m.user_id = pair.user_id) and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (true, $$team in (select m.team from members m where m.user_id = (select auth.uid()))$$,
         $$(select auth.jwt() ->> 'aal') = 'aal2' and team in (select m.team from members m where m.user_id = (select auth.uid()))$$),
  (true, $$user_id = (select auth.uid()) or published$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (true, $$user_id = (select auth.uid())$$, $$published or user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (true, $$note = 'of the team'$$, $$'of the team' = note and (select auth.has_aal('aal2'))$$),
  (true, $$(select auth.jwt() ->> 'org') = 'x'$$, $$auth.jwt() ->> 'org' = 'x' and (select auth.has_aal('aal2'))$$),
  (true, $$is_editor(1)$$, $$is_editor(1) and (select auth.has_aal('aal2'))$$),
  (true, $$(select auth.has_aal('aal1')) and user_id = auth.uid()$$, $$(select auth.has_aal('aal2')) and user_id = auth.uid()$$),
  (true, $$user_id = auth.uid() and not archived$$, $$not archived and user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (true, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2', '5 minutes'))$$),
  (true, $$user_id = (select auth.uid())$$, $$user_id = (select auth.uid()) and (select auth.has_enrolled_aal())$$),
  (false, $$user_id = (select auth.uid())$$, $$note = 'of the team' and (select auth.jwt() ->> 'aal') = 'aal2'$$),
  (false, $$published$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (false, $$user_id = auth.uid() and not archived$$, $$user_id = auth.uid() and (select auth.has_aal('aal2'))$$),
  (false, $$user_id = (select auth.uid())$$, $$is_editor(1) and (select auth.has_aal('aal2'))$$),
  (false, $$note = 'of the team'$$, $$note = 'of another' and (select auth.has_aal('aal2'))$$),
  (false, $$note = 'x'$$, $$kind = 'x' and (select auth.has_aal('aal2'))$$),
  (false, $$(select auth.jwt() ->> 'org') = 'x'$$, $$auth.jwt() ->> 'team' = 'x' and user_id = auth.uid() and (select auth.has_aal('aal2'))$$),
  (false, $$is_lucky(1)$$, $$is_lucky(1) and (select auth.has_aal('aal2'))$$),
  (false, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (false, $$user_id <> (select auth.uid())$$, $$user_id = (select auth.uid()) and (select auth.has_aal('aal2'))$$),
  (false, $$exists (select 1 from members m where m.user_id = pair.user_id and m.team = 1)$$,
          $$exists (select 1 from members m where m.user_id = pair.user_id) and (select auth.jwt() ->> 'aal') = 'aal2'$$);
grant select on members to authenticated;
do $$
declare
  one pairs;
begin
  for one in select * from pairs loop
    execute format('create table pair_%s (id int, user_id uuid, team int, note text, kind text, published boolean, archived boolean)', one.n);
    execute format('alter table pair_%s enable row level security', one.n);
    execute format('grant select, insert, update, delete on pair_%s to authenticated', one.n);
    execute format('create policy old on pair_%s using (%s)', one.n, replace(one.old, 'pair.', format('pair_%s.', one.n)));
    execute format('create policy new on pair_%s using (%s)', one.n, replace(one.new, 'pair.', format('pair_%s.', one.n)));
  end loop;
end
$$;
create temp table found as
  select (metadata ->> 'name') as pair from auth.aal_lint()
  where name = '0001_permissive_aal_policy' and metadata ->> 'name' like 'pair\_%' and metadata ->> 'policy' = 'new';
select n, old, new, in_vain, exists (select from found where pair = 'pair_' || n) as found from pairs order by n;
select n as differs from pairs where exists (select from found where pair = 'pair_' || n) <> in_vain;

reset search_path;
set client_min_messages = error;
drop schema asked_in_vain cascade;
