{# An update that names one of these columns needs more than one that doesn't. A policy can't see which columns a
   statement names, so here a trigger decides: for each row that was changed, because one statement can hold several
   updates (in WITH) of which only one asks a statement-level trigger; and as a constraint, because those can't be
   replaced by whoever has the TRIGGER privilege. Partitions get copies of it from Postgres. -#}
create constraint trigger aal_columns
  after update of {{ columns }} on {{ table }}
  not deferrable
  for each row execute function auth.aal_guard({{ arguments }});

comment on trigger aal_columns on {{ table }} is {{ record }};
