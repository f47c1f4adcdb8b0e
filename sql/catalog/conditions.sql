-- The conditions of a table's policies as SQL, as the view pg_policies shows them to everybody. NULL for one that is too long.
--
-- $1 oid:  the table
-- $2 int4: how many bytes a condition's tree may have
select p.oid,
       case
         when pg_catalog.octet_length(p.polqual::pg_catalog.text) <= $2
           then pg_catalog.pg_get_expr(p.polqual, p.polrelid)
       end as using_text,
       case
         when pg_catalog.octet_length(p.polwithcheck::pg_catalog.text) <= $2
           then pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
       end as check_text
from pg_catalog.pg_policy p
where p.polrelid = $1;
