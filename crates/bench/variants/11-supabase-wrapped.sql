-- title: (select auth.jwt()->>'aal') = 'aal2', wrapped by hand
-- works: scan, parallel, insert, read, write, guard
create policy aal on {table} as restrictive for all to authenticated using ((select auth.jwt() ->> 'aal') = 'aal2');
