-- Some policies, in the order of the first parameter.
--
-- $1 oid[]:  the policies
-- $2 bool[]: for each of them, whether its trees are read
select p.oid,
       p.polrelid as table_id,
       p.polname::pg_catalog.text as name,
       -- pg_policy.polcmd: a letter.
       p.polcmd::pg_catalog.text as command,
       p.polpermissive as permissive,
       p.polroles as roles,
       p.polqual is not null as has_using,
       case when wanted.is_read then p.polqual end as using_tree,
       p.polwithcheck is not null as has_check,
       case when wanted.is_read then p.polwithcheck end as check_tree,
       d.description as comment
from rows from (
    pg_catalog.unnest($1::pg_catalog.oid[]),
    pg_catalog.unnest($2::pg_catalog.bool[])) with ordinality as wanted(oid, is_read, n)
  join pg_catalog.pg_policy p on p.oid = wanted.oid
  left join pg_catalog.pg_description d
    on d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objoid = p.oid and d.objsubid = 0
order by wanted.n;
