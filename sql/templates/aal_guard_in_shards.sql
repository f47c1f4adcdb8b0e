{# The guard on a table that Citus holds. Where Citus took the table with the guard of a plain one on it, its shards keep that guard: a trigger
   that fires for TRUNCATE isn't dropped there. So this one replaces it. -#}
create or replace trigger aal_guard
  before {{ events }} on {{ table }}
  for each statement execute function auth.aal_guard({{ arguments }});

comment on trigger aal_guard on {{ table }} is {{ record }};
