-- title: the wrapped idiom for each command, with a guard by hand
-- works: write, guard
create or replace function guard_by_hand() returns trigger language plpgsql set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') is distinct from 'aal2' then
    raise insufficient_privilege using message = 'this requires aal2';
  end if;
  return null;
end
$$;
create policy aal_select on {table} as restrictive for select to authenticated using ((select auth.jwt() ->> 'aal') in ('aal1', 'aal2'));
create policy aal_update on {table} as restrictive for update to authenticated using ((select auth.jwt() ->> 'aal') = 'aal2');
create trigger guard_by_hand before insert or update or delete on {table} for each statement execute function guard_by_hand();
