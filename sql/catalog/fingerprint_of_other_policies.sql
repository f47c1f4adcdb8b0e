-- A fingerprint of a table's policies, without those of certain names. It changes with their names, commands, kinds, roles and
-- expressions. NULL if there are no others.
--
-- $1 oid:    the table
-- $2 text[]: the names to leave out
select pg_catalog.md5(pg_catalog.string_agg(
         pg_catalog.concat_ws('|',
           p.polname,
           p.polcmd,
           p.polpermissive,
           array(select pg_catalog.pg_get_userbyid(r) from pg_catalog.unnest(p.polroles) r order by 1),
           pg_catalog.pg_get_expr(p.polqual, p.polrelid),
           pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)),
         '||' order by p.polname)) as fingerprint
from pg_catalog.pg_policy p
where p.polrelid = $1
  and p.polname::text <> all ($2);
