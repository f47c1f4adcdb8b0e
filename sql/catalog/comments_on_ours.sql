-- The tables with policies or triggers of certain names, and the comments on these. Triggers that Postgres copied from the parent of a
-- partition are left out.
--
-- $1 text[]: the names
select made.table_id,
       pg_catalog.array_agg(made.comment) as comments
from (select p.polrelid, pg_catalog.obj_description(p.oid, 'pg_policy')
      from pg_catalog.pg_policy p
      where p.polname::pg_catalog.text = any ($1)
      union all
      select t.tgrelid, pg_catalog.obj_description(t.oid, 'pg_trigger')
      from pg_catalog.pg_trigger t
      where t.tgname::pg_catalog.text = any ($1)
        and not t.tgisinternal
        and t.tgparentid = 0) as made(table_id, comment)
group by made.table_id
order by made.table_id;
