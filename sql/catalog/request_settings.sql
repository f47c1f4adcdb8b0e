-- The values of settings, as the session has them now. NULL for one that isn't there.
--
-- $1 text[]: their names
select s.name,
       pg_catalog.current_setting(s.name, true) as value
from pg_catalog.unnest($1::pg_catalog.text[]) as s(name);
