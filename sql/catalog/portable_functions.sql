-- The functions of schema aal, where the portable edition is, with all that decides what they do.
--
-- $1 int4: how many bytes a body may have
select p.oid,
       p.proname::pg_catalog.text as name,
       coalesce(
         (
           select pg_catalog.string_agg(pg_catalog.format_type(argument.type, null), ', ' order by argument.place)
           from pg_catalog.unnest(p.proargtypes) with ordinality as argument(type, place)),
         '') as types,
       pg_catalog.pg_get_function_arguments(p.oid) as arguments,
       -- Of a procedure there is none.
       coalesce(pg_catalog.pg_get_function_result(p.oid), '') as returns,
       l.lanname::pg_catalog.text as language,
       case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end as volatility,
       case p.proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end as parallel,
       p.proisstrict as strict,
       p.prosecdef as security_definer,
       coalesce(p.proconfig, '{}'::pg_catalog.text[]) as settings,
       case
         -- An analyzed body has no text, and an aggregate or a window function has none of its own.
         when p.prosqlbody is null and p.prokind in ('f', 'p') and pg_catalog.octet_length(p.prosrc) <= $1
           then pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex')
         else ''
       end as body,
       -- The owner of the schema may drop what others have in it.
       array(
         select p.proowner
         union
         select n.nspowner
         union
         select acl.grantee
         from pg_catalog.aclexplode(n.nspacl) acl
         where acl.privilege_type = 'CREATE'
           and acl.grantee <> 0) as replaceable_by,
       -- Granted to PUBLIC.
       exists (
         select
         from pg_catalog.aclexplode(n.nspacl) acl
         where acl.privilege_type = 'CREATE'
           and acl.grantee = 0) as replaceable_by_all
from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname = 'aal'
order by p.oid;
