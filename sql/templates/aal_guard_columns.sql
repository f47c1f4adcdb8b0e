{# An update that names one of these columns needs more than one that doesn't. A policy can't see which columns
   a statement names, so here the trigger decides. -#}
create trigger aal_guard_columns
  before update of {{ columns }} on {{ table }}
  for each statement execute function auth.aal_guard({{ arguments }});

comment on trigger aal_guard_columns on {{ table }} is {{ record }};
