-- Foreign keys. Most change the rows that refer to others when those change; TRUNCATE … CASCADE follows all of them.
--
-- $1 oid[]: the roles of which some may update a key that is referred to
select k.conname::pg_catalog.text as name,
       k.conrelid as table_id,
       k.confrelid as referenced,
       -- pg_constraint.confdeltype and confupdtype: a letter.
       k.confdeltype::pg_catalog.text as on_delete,
       k.confupdtype::pg_catalog.text as on_update,
       array(
         select r.oid
         from pg_catalog.unnest($1::pg_catalog.oid[]) as r(oid)
         where k.confupdtype in ('c', 'n', 'd')
           and exists (
             select
             from pg_catalog.unnest(k.confkey) as key(attnum)
               join pg_catalog.pg_attribute named on named.attrelid = k.confrelid and named.attnum = key.attnum
               -- The table and its partitions, where the column may have another number.
               join pg_catalog.pg_attribute a on a.attname = named.attname
                 and (a.attrelid = k.confrelid
                      or a.attrelid in (select p.relid from pg_catalog.pg_partition_tree(k.confrelid) p))
             where pg_catalog.has_column_privilege(r.oid, a.attrelid, a.attnum, 'UPDATE'))) as key_updated_by,
       array(
         select a.attname::pg_catalog.text
         from pg_catalog.unnest(k.conkey) with ordinality as key(attnum, n)
           join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.attnum
         order by key.n) as columns,
       -- Each in the place of the column that refers to it.
       array(
         select a.attname::pg_catalog.text
         from pg_catalog.unnest(k.confkey) with ordinality as key(attnum, n)
           join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = key.attnum
         order by key.n) as referenced_columns,
       array(
         select a.attname::pg_catalog.text
         from pg_catalog.unnest(k.confdelsetcols) as key(attnum)
           join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = key.attnum) as set_on_delete
from pg_catalog.pg_constraint k
where k.contype = 'f'
  and k.conparentid = 0
order by k.conrelid, k.conname;
