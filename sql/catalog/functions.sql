-- Functions, without those that belong to extensions. Functions of triggers are left out: nobody calls them.
-- The roles that may execute a function are read only of those that run with their owner's rights. The smallest bodies are read first.
--
-- $1 oid[]: the roles of which some may execute them
-- $2 int8:  how many bytes the text of a body may have
-- $3 int8:  how many bytes the texts of all bodies may have together
with others as materialized (
  select r.oid
  from pg_catalog.unnest($1::pg_catalog.oid[]) as wanted(oid)
    join pg_catalog.pg_roles r on r.oid = wanted.oid and not r.rolsuper
)
select n.nspname::pg_catalog.text as schema,
       p.proname::pg_catalog.text as name,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
         as display_name,
       p.proowner as owner,
       p.prosecdef as security_definer,
       p.provolatile = 'i' as immutable,
       l.lanname::pg_catalog.text as language,
       -- A body that Postgres analyzed when the function was made has no text. The functions that it calls stand for it.
       case
         when p.prosqlbody is null
           then case
                  when sized.size <= $2 and pg_catalog.sum(sized.size) over (order by sized.size, p.oid) <= $3 then p.prosrc
                end
         else (
           select pg_catalog.string_agg(pg_catalog.format('%I.%I()', fn.nspname, f.proname), ' ')
           from pg_catalog.pg_depend d
             join pg_catalog.pg_proc f on f.oid = d.refobjid
             join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
           where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
             and d.objid = p.oid
             and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
       end as body,
       array(
         select d.refobjid
         from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) as reaches,
       array(
         select o.oid
         from others o
         where p.prosecdef
           and o.oid <> p.proowner
           and pg_catalog.has_schema_privilege(o.oid, p.pronamespace, 'USAGE')
           and pg_catalog.has_function_privilege(o.oid, p.oid, 'EXECUTE')) as open_to
from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  cross join lateral (select pg_catalog.octet_length(p.prosrc)::pg_catalog.int8) as sized(size)
where p.prorettype not in (
    'pg_catalog.trigger'::pg_catalog.regtype,
    'pg_catalog.event_trigger'::pg_catalog.regtype)
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_temp_'
  and not exists (
    select
    from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      and d.objid = p.oid
      and d.deptype = 'e')
order by display_name;
