-- What Citus gives these roles: by functions that it passes on to a node, and, where clients run SQL of their own, by functions of its own.
-- Among those, one runs a command on nodes, one has a function passed on, and one gives a session the transaction of another.
--
-- $1 oid[]: the roles
-- $2 oid[]: the functions that are passed on, or NULL where it isn't known which
-- $3 bool:  whether clients run SQL of their own
with
  of_citus(oid, name) as (
    select p.oid, p.prosrc
    from pg_catalog.pg_proc p
      join pg_catalog.pg_language l on l.oid = p.prolang
    where $3
      and l.lanname = 'c'
      and p.prosrc in ('master_run_on_worker', 'create_distributed_function', 'assign_distributed_transaction_id'))
select r.oid,
       $2::pg_catalog.oid[] is null
         or exists (
           select
           from pg_catalog.pg_proc p
           where p.oid = any ($2::pg_catalog.oid[])
             and pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'))
         or exists (
           select
           from of_citus c
           where c.name <> 'assign_distributed_transaction_id'
             and pg_catalog.has_function_privilege(r.oid, c.oid, 'EXECUTE')) as runs_on_other_nodes,
       exists (
         select
         from of_citus c
         where c.name = 'assign_distributed_transaction_id'
           and pg_catalog.has_function_privilege(r.oid, c.oid, 'EXECUTE')) as reads_results_of_others
from pg_catalog.unnest($1::pg_catalog.oid[]) r (oid);
