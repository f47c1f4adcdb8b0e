-- title: a PL/pgSQL function, bare
-- works: scan, insert
create policy aal on {table} as restrictive for all to authenticated using (aal_by_plpgsql() = 'aal2');
