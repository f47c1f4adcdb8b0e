-- title: level <> 'aal3', a column test in its place
-- works: scan, parallel
create policy aal on {table} as restrictive for all to authenticated using (level <> 'aal3');
