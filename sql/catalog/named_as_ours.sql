-- The policies and triggers of a table that have certain names, policies first.
--
-- $1 oid:    the table
-- $2 text[]: the names
select true as is_policy,
       oid,
       polname::text as name,
       pg_catalog.obj_description(oid, 'pg_policy') as comment,
       false as is_copy
from pg_catalog.pg_policy
where polrelid = $1
  and polname::text = any ($2)
union all
select false,
       oid,
       tgname::text,
       pg_catalog.obj_description(oid, 'pg_trigger'),
       tgparentid <> 0
from pg_catalog.pg_trigger
where tgrelid = $1
  and tgname::text = any ($2)
  and (tgparentid <> 0 or not tgisinternal)
order by is_policy desc, name;
