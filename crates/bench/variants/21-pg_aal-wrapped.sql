-- title: (select auth.has_aal('aal2')), wrapped by hand
-- works: scan, parallel, insert, read, write
create policy aal on {table} as restrictive for all to authenticated using ((select auth.has_aal('aal2')));
