-- title: auth.has_aal('aal2', '15 minutes'), bare
-- works: scan, parallel, insert
create policy aal on {table} as restrictive for all to authenticated using (auth.has_aal('aal2', '15 minutes'));
