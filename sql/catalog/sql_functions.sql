-- Functions written in SQL of which the proof reads the bodies. They have no settings but a search_path, and no parameters of
-- any type or of variable number. The smallest are read first.
--
-- $1 int8: how many bytes a body may have, as text and as a tree, with the defaults of its parameters
-- $2 int8: how many bytes all of them together may have
with
  sized as (
    select p.oid,
           (pg_catalog.octet_length(p.prosrc)
            + coalesce(pg_catalog.octet_length(p.prosqlbody::pg_catalog.text), 0)
            + coalesce(pg_catalog.octet_length(p.proargdefaults::pg_catalog.text), 0))::pg_catalog.int8 as size
    from pg_catalog.pg_proc p
      join pg_catalog.pg_language l on l.oid = p.prolang
    where p.oid >= 16384
      and l.lanname = 'sql'
  ),
  chosen as (
    select s.oid,
           s.size <= $1 and pg_catalog.sum(s.size) over (order by s.size, s.oid) <= $2 as is_read
    from sized s
  )
select p.oid,
       p.prosrc as source,
       p.prosqlbody as tree,
       p.proisstrict as strict,
       p.prosecdef as security_definer,
       p.proowner as owner,
       -- Without "search_path=".
       (select pg_catalog.substr(setting, 13) from pg_catalog.unnest(p.proconfig) setting) as search_path,
       p.proargdefaults as defaults,
       p.prorettype as result,
       p.proargtypes::pg_catalog.oid[] as parameter_types,
       p.proargnames as parameter_names
from pg_catalog.pg_proc p
  join chosen on chosen.oid = p.oid and chosen.is_read
where p.prokind = 'f'
  and not p.proretset
  and p.provariadic = 0
  and p.proallargtypes is null
  and pg_catalog.cardinality(coalesce(p.proconfig, '{}')) <= 1
  and not exists (
    select
    from pg_catalog.unnest(p.proconfig) setting
    where setting not like 'search\_path=%')
  and not exists (
    select
    from pg_catalog.unnest(p.proargtypes) as argument(type)
      join pg_catalog.pg_type t on t.oid = argument.type
    where t.typtype = 'p');
