{# Rows can be added from this level on. -#}
create policy aal_insert on {{ table }}
  as restrictive for insert to {{ roles }}
  with check ({{ allowed }});

comment on policy aal_insert on {{ table }} is {{ record }};
