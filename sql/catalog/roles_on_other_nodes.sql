-- Those of these roles whose statements Citus may run on other nodes: they may execute a function that it passes on to a node. Where clients
-- run SQL of their own, one by which Citus runs a command on nodes is enough, or one by which they have a function passed on.
--
-- $1 oid[]: the roles
-- $2 oid[]: the functions that are passed on, or NULL where it isn't known which
-- $3 bool:  whether clients run SQL of their own
select r.oid
from pg_catalog.unnest($1::pg_catalog.oid[]) r (oid)
where $2::pg_catalog.oid[] is null
   or exists (
     select
     from pg_catalog.pg_proc p
       join pg_catalog.pg_language l on l.oid = p.prolang
     where (p.oid = any ($2::pg_catalog.oid[])
            or ($3 and l.lanname = 'c' and p.prosrc in ('master_run_on_worker', 'create_distributed_function')))
       and pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'));
