-- title: the idiom for users who enrolled a factor, wrapped by hand
-- works: read
grant usage on schema auth to authenticated;
grant select on auth.mfa_factors to authenticated;
create policy aal on {table} as restrictive for all to authenticated using (
  (select auth.jwt() ->> 'aal') in ('aal2', case
    when not exists (
      select from auth.mfa_factors as factors where factors.user_id = (select (auth.jwt() ->> 'sub')::uuid) and factors.status = 'verified'
    ) then 'aal1' end));
