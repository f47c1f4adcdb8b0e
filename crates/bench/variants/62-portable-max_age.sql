-- title: portable edition: (select aal.has_aal('aal2', '15 minutes'))
-- works: scan, insert, read, write, guard
create policy aal on {table} as restrictive for all to authenticated using ((select aal.has_aal('aal2'::text, '900 seconds'::interval)));
