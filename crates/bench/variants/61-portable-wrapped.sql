-- title: portable edition: (select aal.has_aal('aal2'))
-- works: scan, parallel, insert, read, write, guard
create policy aal on {table} as restrictive for all to authenticated using ((select aal.has_aal('aal2'::text, null::interval)));
