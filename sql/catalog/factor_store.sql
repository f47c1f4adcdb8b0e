-- Supabase Auth's table of factors, as far as a condition on it is read: `exists (select from auth.mfa_factors where user_id =
-- auth.uid() and status = 'verified')`. No row where it is made otherwise, or where another store says who has enrolled.
select c.oid as "table",
       whose.attnum as user_column,
       status.attnum as status_column,
       status.atttypid as status_type,
       -- The roles that see all of its rows, and no fewer.
       array(
         select r.oid
         from pg_catalog.pg_roles r
         where r.rolsuper
            or r.rolbypassrls
            or not c.relrowsecurity
            or (not c.relforcerowsecurity
                and pg_catalog.pg_has_role(r.oid, c.relowner, 'usage'))) as seen_whole_by,
       -- Columns that are never NULL.
       array(
         select a.attnum
         from pg_catalog.pg_attribute a
         where a.attrelid = c.oid
           and a.attnum > 0
           and a.attnotnull
           and not a.attisdropped) as never_null,
       -- Whether a user's cast makes a text of the status.
       exists (
         select
         from pg_catalog.pg_cast own
         where own.oid >= 16384
           and own.castsource = status.atttypid) as status_has_casts
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute whose on whose.attrelid = c.oid and whose.attname = 'user_id' and not whose.attisdropped
  join pg_catalog.pg_attribute status on status.attrelid = c.oid and status.attname = 'status' and not status.attisdropped
where n.nspname = 'auth'
  and c.relname = 'mfa_factors'
  and c.relkind = 'r'
  and whose.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype
  and coalesce(pg_catalog.current_setting('pg_aal.enrollment_function', true), '') = ''
  and not exists (
    select
    from pg_catalog.pg_db_role_setting s
      cross join pg_catalog.unnest(s.setconfig) setting
    where setting ilike 'pg\_aal.enrollment\_function=_%');
