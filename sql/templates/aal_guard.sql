{# Explains what the policies decide: raises insufficient_aal before any row is looked at. For TRUNCATE, which
   row security doesn't see, it also decides. -#}
create trigger aal_guard
  before {{ events }} on {{ table }}
  for each statement execute function auth.aal_guard({{ arguments }});

comment on trigger aal_guard on {{ table }} is {{ record }};
