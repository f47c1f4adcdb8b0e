-- The tables of users, foreign ones included.
--
-- $1 oid: one table, to which its partitions, its children and all that it inherits from belong, or NULL for all tables
with recursive
  family(oid) as (
    select $1::pg_catalog.oid
    union
    select case when i.inhparent = f.oid then i.inhrelid else i.inhparent end
    from family f
      join pg_catalog.pg_inherits i on f.oid in (i.inhparent, i.inhrelid)
  ),
  parents as (
    select i.inhrelid, pg_catalog.array_agg(i.inhparent order by i.inhseqno) as oids
    from pg_catalog.pg_inherits i
    group by i.inhrelid
  )
select c.oid,
       n.nspname::pg_catalog.text as schema,
       c.relname::pg_catalog.text as name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as display_name,
       c.relowner as owner,
       c.relrowsecurity as row_security,
       p.oids as parents,
       c.relispartition as is_partition,
       -- The events of its rules: pg_rewrite.ev_type.
       case
         when c.relhasrules then
           array(
             select w.ev_type::pg_catalog.text
             from pg_catalog.pg_rewrite w
             where w.ev_class = c.oid
               and w.ev_enabled <> 'D')
       end as rule_events,
       exists (
         select
         from pg_catalog.pg_depend d
         where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.refobjid = c.oid
           and d.classid in (
             'pg_catalog.pg_rewrite'::pg_catalog.regclass,
             'pg_catalog.pg_proc'::pg_catalog.regclass)) as reached_by_oid,
       -- A foreign table can't be used without a handler, and file_fdw only reads.
       c.relkind = 'f' and exists (
         select
         from pg_catalog.pg_foreign_table f
           join pg_catalog.pg_foreign_server s on s.oid = f.ftserver
           join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
           join pg_catalog.pg_proc handler on handler.oid = w.fdwhandler
         where f.ftrelid = c.oid
           and handler.prosrc <> 'file_fdw_handler') as takes_unchecked_rows
from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join parents p on p.inhrelid = c.oid
where c.relkind in ('r', 'p', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and c.relpersistence <> 't'
  and ($1 is null or c.oid in (select f.oid from family f))
order by n.nspname, c.relname;
