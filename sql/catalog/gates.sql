-- What the gates of functions written in SQL are read with. The texts of their bodies are read with the functions themselves.
--
-- $1 int8: how many bytes a tree may have
select p.oid,
       case when pg_catalog.octet_length(p.prosqlbody::pg_catalog.text) <= $1 then p.prosqlbody end as tree,
       p.prosqlbody is not null as is_analyzed,
       (
         select pg_catalog.substr(setting, 13)
         from pg_catalog.unnest(p.proconfig) setting
         where setting like 'search\_path=%') as search_path,
       case when p.prosecdef then p.proowner end as runs_as,
       -- Whether a setting of its own may change what its body means.
       exists (
         select
         from pg_catalog.unnest(p.proconfig) setting
         where setting !~* '^(search_path|statement_timeout|lock_timeout|work_mem|row_security|jit|timezone|datestyle)=') as is_set,
       p.proargtypes::pg_catalog.oid[] as parameter_types,
       -- Of the parameters that are given to it.
       case
         when p.proargmodes is null then p.proargnames
         else array(
           select p.proargnames[m.place]
           from pg_catalog.unnest(p.proargmodes) with ordinality as m(mode, place)
           where m.mode in ('i', 'b', 'v')
           order by m.place)
       end as parameter_names
from pg_catalog.pg_proc p
  join pg_catalog.pg_language l on l.oid = p.prolang
where p.oid >= 16384
  and l.lanname = 'sql'
  and p.prokind in ('f', 'p');
