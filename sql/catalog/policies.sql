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
       -- As Postgres shows the template of aal_owner: with the column, and a cast where the column is of another type of text. With
       -- search_path pg_catalog, an operator without a schema is one of Postgres. The portable edition has a sub-select.
       case
         when p.polname = 'aal_owner'
           and pg_catalog.octet_length(p.polqual::pg_catalog.text) <= 8192
           and pg_catalog.octet_length(p.polwithcheck::pg_catalog.text) <= 8192
           then pg_catalog.pg_get_expr(p.polqual, p.polrelid) = pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
             and pg_catalog.pg_get_expr(p.polqual, p.polrelid)
               ~ '^\((?:([a-z_][a-z0-9_]*|"(?:[^"]|"")+")|\(([a-z_][a-z0-9_]*|"(?:[^"]|"")+")\)::(?:text|uuid)) = (?:auth\.subject(?:_uuid)?\(\)|\( SELECT aal\.subject(?:_uuid)?\(\) AS subject(?:_uuid)?\))\)$'
         -- The same, and a level, as on a table that Citus holds.
         when p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete')
           and p.polpermissive
           and pg_catalog.octet_length(coalesce(p.polqual, p.polwithcheck)::pg_catalog.text) <= 8192
           and pg_catalog.octet_length(coalesce(p.polwithcheck, p.polqual)::pg_catalog.text) <= 8192
           then pg_catalog.pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid)
               = pg_catalog.pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid)
             and pg_catalog.pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid)
               ~ '^\(\((?:([a-z_][a-z0-9_]*|"(?:[^"]|"")+")|\(([a-z_][a-z0-9_]*|"(?:[^"]|"")+")\)::(?:text|uuid)) = auth\.subject(?:_uuid)?\(\)\) AND auth\.has_aal\(''aal[123]''::text, (?:NULL|''[0-9.]+ seconds?''|''[0-9:. a-z-]+'')::interval\)\)$'
       end as permits_own_rows,
       d.description as comment
from rows from (
    pg_catalog.unnest($1::pg_catalog.oid[]),
    pg_catalog.unnest($2::pg_catalog.bool[])) with ordinality as wanted(oid, is_read, n)
  join pg_catalog.pg_policy p on p.oid = wanted.oid
  left join pg_catalog.pg_description d
    on d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objoid = p.oid and d.objsubid = 0
order by wanted.n;
