-- Triggers of users that call a function of a user, with the bits of pg_trigger.tgtype as columns.
select t.tgname::pg_catalog.text as name,
       t.tgrelid as table_id,
       t.tgfoid as function,
       t.tgtype::pg_catalog.int4 & 1 = 0 as for_each_statement,
       t.tgtype::pg_catalog.int4 & 2 <> 0 as is_before,
       t.tgtype::pg_catalog.int4 & 4 <> 0 as on_insert,
       t.tgtype::pg_catalog.int4 & 8 <> 0 as on_delete,
       t.tgtype::pg_catalog.int4 & 16 <> 0 as on_update,
       t.tgtype::pg_catalog.int4 & 32 <> 0 as on_truncate
from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
where not t.tgisinternal
  and t.tgenabled <> 'D'
  and t.tgfoid >= 16384
  and c.relpersistence <> 't'
order by t.tgrelid, t.tgname;
