{# An update that names one of these columns needs more than one that doesn't. A policy can't see which columns a
   statement names, so here a trigger decides.
   For each row: a statement can hold several updates, in WITH, and Postgres fires a statement-level trigger for one
   of them only. As a constraint: whoever has the TRIGGER privilege can replace other triggers, but not a constraint.
   On a partitioned table, Postgres copies it to the partitions. -#}
create constraint trigger aal_columns
  after update of {{ columns }} on {{ table }}
  not deferrable
  for each row execute function auth.aal_guard({{ arguments }});

comment on trigger aal_columns on {{ table }} is {{ record }};
