-- title: auth.jwt()->>'aal' = 'aal2', bare
-- works: scan, parallel, insert, read
create policy aal on {table} as restrictive for all to authenticated using (auth.jwt() ->> 'aal' = 'aal2');
