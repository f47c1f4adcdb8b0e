-- The names among some that no role has, in their order. PUBLIC is no role, and everybody.
--
-- $1 text[]: the names
select wanted.name
from pg_catalog.unnest($1) with ordinality as wanted(name, number)
where wanted.name <> 'public'
  and not exists (select from pg_catalog.pg_roles r where r.rolname::pg_catalog.text = wanted.name)
order by wanted.number;
