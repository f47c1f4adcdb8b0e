-- Functions, without those that belong to extensions and those of event triggers.
-- The smallest bodies are read first.
--
-- $1 oid[]: the roles of which some may execute them
-- $2 int8:  how many bytes the text of a body may have
-- $3 int8:  how many bytes the texts of all bodies may have together
-- $4 text[]: how the names of functions begin that run a query which they are given
-- $5 oid[]: functions that are left out
-- $6 bool:  whether strings may have backslashes in this session
with
  others as materialized (
    select r.oid
    from pg_catalog.unnest($1::pg_catalog.oid[]) as wanted(oid)
      join pg_catalog.pg_roles r on r.oid = wanted.oid and not r.rolsuper
  ),
  -- The functions that PostgREST calls before each request, where that is stored.
  pre_requests(name) as materialized (
    select pg_catalog.split_part(setting, '=', 2)
    from pg_catalog.pg_db_role_setting s
      cross join pg_catalog.unnest(s.setconfig) setting
    where setting like 'pgrst.db\_pre\_request=%'
  ),
  -- Whether strings may have backslashes here, so that a body's text means something else than it seems to.
  strings(may_differ) as materialized (
    select $6::pg_catalog.bool
           or exists (
             select
             from pg_catalog.pg_db_role_setting s
               cross join pg_catalog.unnest(s.setconfig) setting
             where setting ~* '^standard_conforming_strings=')
  )
select p.oid,
       case
         when p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype then 'trigger'
         when p.prokind = 'a' then 'aggregate'
         else 'plain'
       end as kind,
       n.nspname::pg_catalog.text as schema,
       p.proname::pg_catalog.text as name,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
         as display_name,
       p.proowner as owner,
       p.prosecdef as security_definer,
       p.provolatile = 'i' as immutable,
       p.provolatile = 'v' as volatile,
       exists (
         select
         from pg_catalog.unnest(p.proconfig) setting
         where setting ~* '^(request[.]|pg_aal[.])') as sets_claims,
       (
         select pg_catalog.substr(setting, 6)
         from pg_catalog.unnest(p.proconfig) setting
         where setting like 'role=%') as sets_role,
       exists (
         select
         from pg_catalog.unnest(p.proconfig) setting
         where setting like 'search\_path=%') as has_search_path,
       p.prosqlbody is not null as is_analyzed,
       p.prorettype = 'pg_catalog.bool'::pg_catalog.regtype as returns_boolean,
       p.pronargs = 0
       and exists (
         select
         from pre_requests
         where pre_requests.name in (pg_catalog.format('%I.%I', n.nspname, p.proname), p.proname)) as is_pre_request,
       l.lanname::pg_catalog.text as language,
       -- A body that Postgres analyzed when the function was made has no text. The functions that it calls stand for it.
       case
         when p.prosqlbody is null and p.prokind <> 'a'
           then case
                  when sized.size <= $2 and pg_catalog.sum(sized.size) over (order by sized.size, p.oid) <= $3 then p.prosrc
                end
         else (
           select pg_catalog.string_agg(pg_catalog.format('%I.%I()', fn.nspname, f.proname), ' ')
           from (
             select d.refobjid
             from pg_catalog.pg_depend d
             where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
               and d.objid = p.oid
               and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
             union all
             -- Nothing depends on Postgres' own. Those count that set something, or run a query that they are given.
             select its.oid
             from pg_catalog.pg_proc its
             where p.prosqlbody is not null
               and its.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
               and (its.proname = 'set_config' or its.proname::pg_catalog.text ^@ any ($4))
               and p.prosqlbody::pg_catalog.text like '%:funcid ' || its.oid || ' %') as called(oid)
             join pg_catalog.pg_proc f on f.oid = called.oid
             join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace)
       end as body,
       -- Of a body that has a text, the defaults alone are analyzed.
       array(
         select d.refobjid
         from pg_catalog.pg_depend d
         where p.pronargdefaults > 0
           and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass) as called_by_defaults,
       array(
         select d.refobjid
         from pg_catalog.pg_depend d
         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) as reaches,
       sized.size <= $2
       and pg_catalog.sum(sized.size) over (order by sized.size, p.oid) <= $3
       and not (select s.may_differ from strings s)
       and not exists (
         select
         from pg_catalog.unnest(p.proconfig) setting
         where setting ~* '^standard_conforming_strings=') as is_read,
       -- The commands in a tree: Postgres' CmdType.
       case
         when p.prosqlbody is not null
           then array(
             select command.name
             from (values ('2', 'UPDATE'), ('3', 'INSERT'), ('4', 'DELETE'), ('5', 'MERGE')) as command(number, name)
             where p.prosqlbody::pg_catalog.text like '%:commandType ' || command.number || ' %')
       end as tree_commands,
       users.open_to,
       users.behind_expressions_for,
       users.behind_expressions_for is not null and not callers.other_than_policies as is_called_by_policies_only
from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  cross join lateral (select pg_catalog.octet_length(p.prosrc)::pg_catalog.int8) as sized(size)
  -- What calls it by its OID, also the defaults and analyzed bodies of functions.
  left join lateral (
    select pg_catalog.bool_or(d.classid <> 'pg_catalog.pg_policy'::pg_catalog.regclass) as other_than_policies
    from pg_catalog.pg_depend d
    where p.prosecdef
      and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      and d.refobjid = p.oid) as callers on true
  cross join lateral (
    select pg_catalog.array_agg(other.oid) filter (where other.may_name) as open_to,
           pg_catalog.array_agg(other.oid) filter (
             where not other.may_name and callers.other_than_policies is not null) as behind_expressions_for
    from (
      select o.oid,
             pg_catalog.has_schema_privilege(o.oid, p.pronamespace, 'USAGE') as may_name
      from others o
      where p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
        and o.oid <> p.proowner
        and pg_catalog.has_function_privilege(o.oid, p.oid, 'EXECUTE')) as other) as users
where p.prorettype <> 'pg_catalog.event_trigger'::pg_catalog.regtype
  and (n.nspname not in ('pg_catalog', 'information_schema') or p.oid >= 16384)
  and n.nspname !~ '^pg_temp_'
  and p.oid <> all ($5::pg_catalog.oid[])
  and not exists (
    select
    from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      and d.objid = p.oid
      and d.deptype = 'e')
order by display_name;
