-- The columns that protections of tables name: whether it is the one of the policy aal_owner (on a table that Citus
-- holds, of the others), or else one of the trigger aal_columns.
--
-- $1 oid[]: the tables
select a.attrelid as table_id,
       a.attname::pg_catalog.text as name,
       true as is_owner
from pg_catalog.pg_policy p
  join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = p.polrelid
  join pg_catalog.pg_attribute a on a.attrelid = p.polrelid and a.attnum = d.refobjsubid
where p.polrelid = any ($1::pg_catalog.oid[])
  and (p.polname = 'aal_owner' or p.polpermissive and p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete'))
  and d.refobjsubid > 0
union
select a.attrelid, a.attname::pg_catalog.text, false
from pg_catalog.pg_trigger t
  join pg_catalog.pg_attribute a on a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::pg_catalog.int2[])
where t.tgrelid = any ($1::pg_catalog.oid[])
  and t.tgname = 'aal_columns'
order by table_id, name;
