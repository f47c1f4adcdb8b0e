-- The values of a setting that count in this database, and the role for which each is stored; NULL: all. Empty ones are none.
--
-- $1 text: the setting's name, in lower case
select r.rolname as role,
       pg_catalog.substr(stored.setting, pg_catalog.length($1) + 2) as value
from pg_catalog.pg_db_role_setting s
  cross join pg_catalog.unnest(s.setconfig) as stored(setting)
  left join pg_catalog.pg_roles r on r.oid = s.setrole
where s.setdatabase in (
    0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
  and (s.setrole = 0 or r.oid is not null)
  and pg_catalog.lower(pg_catalog.split_part(stored.setting, '=', 1)) = $1
  and pg_catalog.length(stored.setting) > pg_catalog.length($1) + 1
order by 1, 2;
