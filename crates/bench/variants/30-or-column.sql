-- title: auth.has_aal('aal3') or amount > 0, bare
-- works: scan, parallel
create policy aal on {table} as restrictive for all to authenticated using (auth.has_aal('aal3') or amount > 0);
