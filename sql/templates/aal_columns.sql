{# An update that changes one of these columns needs more than one that doesn't. A policy can't see both the row that was and
   the row that comes, so here a trigger decides.
   As a constraint: a role with the TRIGGER privilege can replace other triggers, but not a constraint.
   On a partitioned table, Postgres copies it to the partitions. What it doesn't see (rows that move to another partition, and
   tables that inherit), pg_aal checks by it, too. -#}
create constraint trigger aal_columns
  after update of {{ columns }} on {{ table }}
  not deferrable
  for each row execute function auth.aal_guard({{ arguments }});

comment on trigger aal_columns on {{ table }} is {{ record }};
