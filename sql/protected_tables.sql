-- As in schema.sql: no function or operator in schema auth is meant here.
set local search_path = pg_catalog, pg_temp;

-- What protect_table was asked for, read from the comments it leaves, or from the shape of what it made where they are lost. Not a proof: policies can be altered by hand. Texts are taken out by patterns, not cast to
-- jsonb: a comment is written by the table's owner, and a bad one must not break the view for everybody.
create view auth.protected_tables as
with
  made as (
    select p.polrelid as table_oid, obj_description(p.oid, 'pg_policy') as record, p.polroles as roles
      from pg_catalog.pg_policy p
     where p.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete', 'aal_owner')
    union all
    select t.tgrelid, obj_description(t.oid, 'pg_trigger'), null
      from pg_catalog.pg_trigger t
     where t.tgname in ('aal_guard', 'aal_columns', 'aal_truncate') and not t.tgisinternal
  ),
  recognized as materialized (
    select r.target::oid as table_oid, r.record from auth.recognized_protections() r
  ),
  protected as (
    (select distinct on (table_oid) table_oid, record, roles
       from made
      where record ~ '^pg_aal: \{.*"row_security_before":(true|false)' and table_oid not in (select table_oid from recognized)
      order by table_oid, roles is null)
    union all
    (select distinct on (r.table_oid) r.table_oid, r.record, m.roles
       from recognized r
       join made m using (table_oid)
      order by r.table_oid, m.roles is null)
  )
select
  p.table_oid::regclass as target,
  case when level.read = 'none' or 'aal_read' = any (there) then level.read end as read,
  case when level.insert = 'none' or 'aal_insert' = any (there) then level.insert end as on_insert,
  case
    when level.update = 'none' then level.update
    when not 'aal_update' = any (there) then null
    -- Without the trigger that decides, sensitive columns need no more than the others.
    when p.record ~ '"sensitive":true' and columns.tgrelid is null then level.read
    else level.update
  end as on_update,
  case when level.delete = 'none' or 'aal_delete' = any (there) then level.delete end as on_delete,
  case
    when p.roles is null then null
    else array(
      select case when r.oid = 0 then 'public'::name else pg_get_userbyid(r.oid) end
        from unnest(p.roles) with ordinality as r(oid, n)
       order by r.n)
  end as roles,
  (select a.attname
     from pg_catalog.pg_policy owner
     join pg_catalog.pg_depend d
       on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = owner.oid
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = p.table_oid and d.refobjsubid > 0
     join pg_catalog.pg_attribute a on a.attrelid = p.table_oid and a.attnum = d.refobjsubid
    where owner.polrelid = p.table_oid
      and (owner.polname = 'aal_owner'
        or p.record ~ '"in_shards":true' and owner.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete'))
    limit 1) as owner_column,
  (select array_agg(a.attname order by a.attnum)
     from pg_catalog.pg_attribute a
    where a.attrelid = p.table_oid and a.attnum = any (columns.tgattr::int2[])) as sensitive_columns,
  -- As Postgres keeps track of it: it may have another name by now. Of ours only one takes no argument.
  (select format('%I.%I()', n.nspname, f.proname)
     from pg_catalog.pg_policy exempting
     join pg_catalog.pg_depend d
       on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = exempting.oid
      and d.refclassid = 'pg_catalog.pg_proc'::regclass
     join pg_catalog.pg_proc f on f.oid = d.refobjid and f.pronargs = 0 and f.prorettype = 'pg_catalog.bool'::regtype
      and f.oid <> 'auth.session_is_live()'::regprocedure and f.oid is distinct from to_regprocedure('aal.session_is_live()')
     join pg_catalog.pg_namespace n on n.oid = f.pronamespace
    where p.record ~ '"for_some":true' and exempting.polrelid = p.table_oid
      and exempting.polname in ('aal_read', 'aal_insert', 'aal_update', 'aal_delete')
    limit 1) as applies_when,
  p.record ~ '"live":true' as live,
  exists (
    select from pg_catalog.pg_trigger t
     where t.tgrelid = p.table_oid and t.tgname = 'aal_guard' and t.tgenabled in ('O', 'A') and t.tgqual is null
       and t.tgfoid = 'auth.aal_guard'::regproc) as guard,
  exists (
    select from pg_catalog.pg_trigger t
     where t.tgrelid = p.table_oid and t.tgname = 'aal_guard' and t.tgenabled in ('O', 'A') and t.tgqual is null
       and t.tgfoid = 'auth.aal_guard'::regproc
       -- Its first argument.
       and substring(t.tgargs from 1 for 7) = 'select='::bytea) as refuse_reads,
  c.relrowsecurity as row_security
from protected p
join pg_catalog.pg_class c on c.oid = p.table_oid
cross join lateral (select array(select polname from pg_catalog.pg_policy where polrelid = p.table_oid)) as policies(there)
cross join lateral (
  select substring(p.record from '"read":' || form.of_level),
         substring(p.record from '"insert":' || form.of_level),
         substring(p.record from '"update":' || form.of_level),
         substring(p.record from '"delete":' || form.of_level)
    from (values (
      '"(none|(?:aal1|enrolled|aal2|aal3)(?: within [0-9]{1,13}(?:\.[0-9]{1,6})? (?:second|minute|hour|day)s?)?)"'
    )) as form(of_level)) as level(read, insert, update, delete)
left join pg_catalog.pg_trigger columns
  on columns.tgrelid = p.table_oid and columns.tgname = 'aal_columns' and columns.tgenabled in ('O', 'A')
 and columns.tgfoid = 'auth.aal_guard'::regproc;

grant select on auth.protected_tables to public;

set local search_path = auth, pg_temp;
