{# Explains what aal_columns decides, before any row is looked at and also where none is changed. -#}
create trigger aal_guard_columns
  before update of {{ columns }} on {{ table }}
  for each statement execute function auth.aal_guard({{ arguments }});

comment on trigger aal_guard_columns on {{ table }} is {{ record }};
