-- The tables above a partition or a child on which protect_table made no policy.
--
-- $1 oid: the table
select i.inhparent as oid
from pg_catalog.pg_inherits i
where i.inhrelid = $1
  and not exists (
    select
    from pg_catalog.pg_policy p
    where p.polrelid = i.inhparent
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'pg\_aal: %')
order by i.inhparent;
