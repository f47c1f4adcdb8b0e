-- The type of a column. A domain counts as the type that it is over. No row if users created no such column.
--
-- $1 oid:  the table
-- $2 text: the column's name
with recursive base(oid, typtype, typbasetype, typcategory) as (
  select t.oid, t.typtype, t.typbasetype, t.typcategory
  from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
  where a.attrelid = $1
    and a.attname = $2::pg_catalog.name
    and a.attnum > 0
    and not a.attisdropped
  union all
  select t.oid, t.typtype, t.typbasetype, t.typcategory
  from base b
    join pg_catalog.pg_type t on t.oid = b.typbasetype
  where b.typtype = 'd'
)
select oid = 'pg_catalog.uuid'::pg_catalog.regtype as is_uuid,
       typcategory = 'S' as is_text
from base
where typtype <> 'd';
