-- The commands, in capitals, that no permissive policy of a table allows to any role.
--
-- $1 oid: the table
select command.name
from (values (1, 'SELECT', 'r'), (2, 'INSERT', 'a'), (3, 'UPDATE', 'w'), (4, 'DELETE', 'd')) as command(nr, name, code)
where not exists (
  select
  from pg_catalog.pg_policy p
  where p.polrelid = $1
    and p.polpermissive
    and p.polcmd::text in (command.code, '*'))
order by command.nr;
