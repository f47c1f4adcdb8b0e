{# Rows can be changed from this level on, the old row (using) and the new one (with check) alike. -#}
create policy aal_update on {{ table }}
  as restrictive for update to {{ roles }}
  using ({{ allowed }})
  with check ({{ allowed }});

comment on policy aal_update on {{ table }} is {{ record }};
