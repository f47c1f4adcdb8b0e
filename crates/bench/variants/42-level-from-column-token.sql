-- title: auth.has_aal(level), the level from a column, by a verified token
-- works: scan, parallel
-- claims: token
create policy aal on {table} as restrictive for all to authenticated using (auth.has_aal(level));
