-- What aal_matrix and aal_lint are measured on: {tables} tables, three roles, five policies each, no two tables alike.
create extension pg_aal;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create table members (team int, user_id uuid);
grant select on members to proof_user, proof_staff;
do $$
begin
  for n in 1..{tables} loop
    execute format('create table t%s (id int, user_id uuid, team int, flag boolean)', n);
    execute format('alter table t%s enable row level security', n);
    execute format('grant select, insert, update, delete on t%s to proof_anon, proof_user, proof_staff', n);
    execute format('create policy own_rows on t%s using (user_id = (select auth.subject_uuid()) or team = %s)', n, n);
    execute format('create policy teams_rows on t%s for select to proof_user using (exists (select from members m where m.team = t%s.team and m.user_id = (select auth.subject_uuid())))', n, n);
    execute format('create policy reads on t%s as restrictive for select using ((select auth.jwt() ->> ''aal'') in (''aal1'', ''aal2''))', n);
    execute format('create policy writes on t%s as restrictive for update using ((select auth.has_aal(''aal2'', ''15 minutes'')) or team < %s)', n, n);
    execute format('create policy deletes on t%s as restrictive for delete to proof_user using (case when flag then auth.has_aal(''aal2'') else (select auth.has_enrolled_aal()) end)', n);
  end loop;
end
$$;
analyze;
