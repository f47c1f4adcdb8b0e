-- The owners of the objects that something depends on, at every depth: functions, types, operators, schemas. By `about`:
--   policy      a policy, whose OID is in `policy`
--   named       a role that the policy names and that can take itself out of it
--   guards      the function that guards call
--   enrollment  the store that says who has enrolled a second factor: a function, or Supabase Auth's tables
-- The owner of a policy's own table is left out: the standings cover it. But a policy goes with a column that it reads.
--
-- $1 oid[]: the tables
-- $2 oid:   the function that guards call
-- $3 text:  pg_aal.enrollment_function, or NULL
with recursive
  made_of(about, policy, classid, objid, objsubid) as (
    select 'policy', p.oid, d.refclassid, d.refobjid, d.refobjsubid
    from pg_catalog.pg_policy p
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
    where p.polrelid = any ($1::pg_catalog.oid[])
      and (d.refclassid <> 'pg_catalog.pg_class'::pg_catalog.regclass or d.refobjid <> p.polrelid or d.refobjsubid <> 0)
    union
    select 'guards', null, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, $2, 0
    union
    select 'enrollment', null, 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, p.oid, 0
    from pg_catalog.pg_proc p
      join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where p.pronargs = 1
      and p.proargtypes[0] = 'pg_catalog.text'::pg_catalog.regtype
      and (pg_catalog.concat(n.nspname, '.', p.proname) = $3
           or exists (
             select
             from pg_catalog.pg_db_role_setting s
             where pg_catalog.concat('pg_aal.enrollment_function=', n.nspname, '.', p.proname) = any (s.setconfig)))
    union
    select 'enrollment', null, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, 0
    from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'auth'
      and c.relname in ('mfa_factors', 'users')
    union
    select m.about, m.policy, d.classid, d.objid, d.objsubid
    from made_of m
      cross join lateral (
        select d.refclassid, d.refobjid, d.refobjsubid
        from pg_catalog.pg_depend d
        where d.classid = m.classid
          and d.objid = m.objid
          and (m.objsubid = 0 or d.objsubid = m.objsubid)
        union all
        -- A generated column goes with its expression, and a view with its query. Not by pg_depend: many may depend on one.
        select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, g.oid, 0
        from pg_catalog.pg_attrdef g
          join pg_catalog.pg_attribute a on a.attrelid = g.adrelid and a.attnum = g.adnum and a.attgenerated <> ''
        where m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and g.adrelid = m.objid
          and g.adnum = m.objsubid
        union all
        select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, 0
        from pg_catalog.pg_rewrite w
        where m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and w.ev_class = m.objid
          and w.ev_type = '1') as d(classid, objid, objsubid)
  )
select m.about, m.policy, o.proowner as owner
from made_of m
  join pg_catalog.pg_proc o on o.oid = m.objid and m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
union
select m.about, m.policy, o.relowner
from made_of m
  join pg_catalog.pg_class o on o.oid = m.objid and m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
union
select m.about, m.policy, o.typowner
from made_of m
  join pg_catalog.pg_type o on o.oid = m.objid and m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
union
select m.about, m.policy, o.oprowner
from made_of m
  join pg_catalog.pg_operator o on o.oid = m.objid and m.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
union
select m.about, m.policy, o.collowner
from made_of m
  join pg_catalog.pg_collation o on o.oid = m.objid and m.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass
union
select m.about, m.policy, o.lanowner
from made_of m
  join pg_catalog.pg_language o on o.oid = m.objid and m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass
union
select m.about, m.policy, o.nspowner
from made_of m
  join pg_catalog.pg_namespace o on o.oid = m.objid and m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
union
select m.about, m.policy, o.extowner
from made_of m
  join pg_catalog.pg_extension o on o.oid = m.objid and m.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
union
select m.about, m.policy, o.srvowner
from made_of m
  join pg_catalog.pg_foreign_server o on o.oid = m.objid and m.classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass
union
select m.about, m.policy, o.cfgowner
from made_of m
  join pg_catalog.pg_ts_config o on o.oid = m.objid and m.classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass
union
select m.about, m.policy, o.dictowner
from made_of m
  join pg_catalog.pg_ts_dict o on o.oid = m.objid and m.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass
union
-- From 18 on, DROP OWNED takes a role out of others' policies.
select 'named', p.oid, named.oid
from pg_catalog.pg_policy p
  cross join pg_catalog.unnest(p.polroles) as named(oid)
where pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 180000
  and p.polrelid = any ($1::pg_catalog.oid[])
  and not p.polpermissive
  and named.oid <> 0
union
select 'enrollment', null, r.oid
from pg_catalog.pg_roles r
  cross join pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'auth'
  and c.relname = 'mfa_factors'
  and c.relkind = 'r'
  and (pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
       or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'UPDATE'));
