-- title: auth.require_aal('aal2'), bare
-- works: scan, parallel, insert
create policy aal on {table} as restrictive for all to authenticated using (auth.require_aal('aal2'));
