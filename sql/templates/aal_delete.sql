{# Rows can be removed from this level on. -#}
create policy aal_delete on {{ table }}
  as restrictive for delete to {{ roles }}
  using ({{ allowed }});

comment on policy aal_delete on {{ table }} is {{ record }};
