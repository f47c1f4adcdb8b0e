-- Functions written in SQL or PL/pgSQL of which the proof reads the bodies. The smallest are read first. Those that answer with
-- one value and can be seen through have no settings but a search_path (in SQL), and no parameters of any type or of variable number.
-- Of the others only those in PL/pgSQL are here.
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
      and l.lanname in ('sql', 'plpgsql')
  ),
  chosen as (
    select s.oid,
           s.size <= $1 and pg_catalog.sum(s.size) over (order by s.size, s.oid) <= $2 as is_read
    from sized s
  )
select p.oid,
       l.lanname = 'plpgsql' as is_procedure,
       its.answers,
       -- Whether a setting of its own may change what its body means.
       exists (
         select
         from pg_catalog.unnest(p.proconfig) setting
         where setting !~* '^(search_path|statement_timeout|lock_timeout|work_mem|row_security|jit|timezone|datestyle)=') as is_set,
       p.prosrc as source,
       p.prosqlbody as tree,
       p.proisstrict as strict,
       p.prosecdef as security_definer,
       p.proowner as owner,
       -- Without "search_path=".
       (select pg_catalog.substr(setting, 13)
        from pg_catalog.unnest(p.proconfig) setting
        where setting like 'search\_path=%') as search_path,
       p.proargdefaults as defaults,
       p.prorettype as result,
       coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]) as parameter_types,
       p.proargnames as parameter_names
from pg_catalog.pg_proc p
  join pg_catalog.pg_language l on l.oid = p.prolang
  join chosen on chosen.oid = p.oid and chosen.is_read
  cross join lateral (
    select p.prokind = 'f'
           and not p.proretset
           and p.provariadic = 0
           and p.proallargtypes is null
           and (l.lanname = 'plpgsql'
                or not exists (
                  select
                  from pg_catalog.unnest(p.proconfig) setting
                  where setting not like 'search\_path=%'))
           and not exists (
             select
             from pg_catalog.unnest(p.proargtypes) as argument(type)
               join pg_catalog.pg_type t on t.oid = argument.type
             where t.typtype = 'p')) as its(answers)
where its.answers
   or l.lanname = 'plpgsql';
