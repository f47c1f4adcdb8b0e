-- title: auth.has_aal('aal2'), bare
-- works: scan, parallel, insert, read, write, guard
create policy aal on {table} as restrictive for all to authenticated using (auth.has_aal('aal2'));
