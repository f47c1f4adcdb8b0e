-- The triggers of tables that call one of some functions, with the bits of pg_trigger.tgtype as columns.
--
-- $1 oid[]: the tables
-- $2 oid[]: the functions
select t.tgrelid as table_id,
       t.tgname::pg_catalog.text as name,
       t.tgtype::pg_catalog.int4 & 1 = 0 as for_each_statement,
       t.tgtype::pg_catalog.int4 & 2 <> 0 as is_before,
       t.tgtype::pg_catalog.int4 & 4 <> 0 as on_insert,
       t.tgtype::pg_catalog.int4 & 8 <> 0 as on_delete,
       t.tgtype::pg_catalog.int4 & 16 <> 0 as on_update,
       t.tgtype::pg_catalog.int4 & 32 <> 0 as on_truncate,
       -- A stored setting can switch it off in a session from the start.
       t.tgenabled = 'A' or t.tgenabled = 'O' and not exists (
         select
         from pg_catalog.pg_db_role_setting s
           cross join pg_catalog.unnest(s.setconfig) as stored(setting)
         where s.setdatabase in (
             0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
           and stored.setting ~* '^session_replication_role=replica$') as enabled,
       -- Without WHEN and without a list of columns.
       t.tgqual is null and t.tgattr::pg_catalog.text = '' as is_unconditional,
       -- A constraint after each row, without WHEN, and with a list of columns.
       t.tgtype::pg_catalog.int4 & 3 = 1 and t.tgqual is null and t.tgattr::pg_catalog.text <> ''
         and t.tgconstraint <> 0 and not t.tgdeferrable as decides_columns,
       t.tgargs as arguments,
       d.description as comment
from pg_catalog.pg_trigger t
  left join pg_catalog.pg_description d
    on d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and d.objoid = t.oid and d.objsubid = 0
where t.tgfoid = any ($2::pg_catalog.oid[])
  and not t.tgisinternal
  and t.tgrelid = any ($1::pg_catalog.oid[])
order by t.tgrelid, t.tgname;
