-- The claims that are stored as settings, for a role or for all roles of this database. One row for each of them.
select case when s.setrole = 0 then d.datname else r.rolname end as name,
       s.setrole = 0 as is_database,
       pg_catalog.array_agg(distinct pg_catalog.split_part(stored.setting, '=', 1)) as settings
from pg_catalog.pg_db_role_setting s
  cross join pg_catalog.unnest(s.setconfig) as stored(setting)
  join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
  left join pg_catalog.pg_roles r on r.oid = s.setrole
where s.setdatabase in (0, d.oid)
  and (s.setrole = 0 or r.oid is not null)
  and stored.setting ~* '^request[.]jwt([.]|=)'
  and stored.setting !~ '=$'
group by 1, 2
order by 2 desc, 1;
