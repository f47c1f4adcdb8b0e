-- What the policies of a protected table name: the roles that those bind which need a level (none if one binds PUBLIC), and the
-- function by which they exempt sessions.
--
-- $1 oid:    the table
-- $2 text[]: the names of those policies
select (
         select case when 0::pg_catalog.oid = any (pg_catalog.array_agg(r.oid)) then '{}'::pg_catalog.text[]
                  else pg_catalog.array_agg(distinct a.rolname::pg_catalog.text) end
         from pg_catalog.pg_policy p
           cross join pg_catalog.unnest(p.polroles) as r(oid)
           left join pg_catalog.pg_roles a on a.oid = r.oid
         where p.polrelid = $1
           and p.polname::pg_catalog.text = any ($2)) as roles,
       (
         select f.oid
         from pg_catalog.pg_policy p
           join pg_catalog.pg_depend d
             on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
               and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           join pg_catalog.pg_proc f on f.oid = d.refobjid
         where p.polrelid = $1
           and p.polname::pg_catalog.text = any ($2)
           and f.pronargs = 0
           and f.prorettype = 'pg_catalog.bool'::pg_catalog.regtype
           -- The portable edition's stands in policies, too.
           and (f.proname <> 'session_is_live' or f.pronamespace is distinct from pg_catalog.to_regnamespace('aal')::pg_catalog.oid)
           and not exists (
             select
             from pg_catalog.pg_depend m
               join pg_catalog.pg_extension e on e.oid = m.refobjid
             where m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
               and m.objid = f.oid
               and m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
               and m.deptype = 'e'
               and e.extname = 'pg_aal')
         limit 1) as applies_when;
