-- title: portable edition: aal.has_aal('aal2'), bare
-- works: scan
create policy aal on {table} as restrictive for all to authenticated using (aal.has_aal('aal2'));
