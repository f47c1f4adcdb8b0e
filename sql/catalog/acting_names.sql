-- The names by which a text does more than compute one value:
-- function: Postgres' own functions that may write;
-- type: types whose values are made by somebody's functions;
-- set: functions that answer with any number of rows.
select 'function' as kind, p.proname::pg_catalog.text as name
from pg_catalog.pg_proc p
where p.oid < 16384
  and p.provolatile = 'v'
  and p.proname not in (
    'random', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp', 'timeofday', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until')
union
select 'set', p.proname::pg_catalog.text
from pg_catalog.pg_proc p
where p.proretset
union
select 'type', t.typname::pg_catalog.text
from pg_catalog.pg_type t
where t.oid >= 16384
  and (t.typtype = 'd'
       or exists (select from pg_catalog.pg_cast c where c.casttarget = t.oid and c.castfunc >= 16384));
