-- title: auth.has_aal(level), the level from a column
-- works: scan, parallel
create policy aal on {table} as restrictive for all to authenticated using (auth.has_aal(level));
