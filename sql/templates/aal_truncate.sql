{# On a table that Citus holds. Citus hands no trigger on to shards that fires for TRUNCATE, so this is not part of the guard.
   It fires on the table that the statement names, on any node. -#}
create trigger aal_truncate
  before {{ events }} on {{ table }}
  for each statement execute function auth.aal_guard({{ arguments }});

comment on trigger aal_truncate on {{ table }} is {{ record }};
