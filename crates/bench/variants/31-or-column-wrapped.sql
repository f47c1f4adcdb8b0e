-- title: (select auth.has_aal('aal3')) or amount > 0, wrapped by hand
-- works: scan, parallel
create policy aal on {table} as restrictive for all to authenticated using ((select auth.has_aal('aal3')) or amount > 0);
