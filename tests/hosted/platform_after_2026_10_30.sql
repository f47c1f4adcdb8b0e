-- Since October 2026 the API's roles get no S/I/U/D on what postgres makes in public. TRUNCATE, REFERENCES and TRIGGER stay. Run as postgres.
alter default privileges for role postgres in schema public
  revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public revoke execute on functions from anon, authenticated, service_role;
alter default privileges for role postgres in schema public revoke usage, select on sequences from anon, authenticated, service_role;
