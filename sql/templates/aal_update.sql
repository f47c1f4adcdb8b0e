{# Rows can be changed from this level on, whatever they were (using) and whatever they become (with check). -#}
create policy aal_update on {{ table }}
  as restrictive for update to {{ roles }}
  using ({{ allowed }})
  with check ({{ allowed }});

comment on policy aal_update on {{ table }} is {{ record }};
