{# Rows are visible from this level on. Restrictive: it narrows what other policies permit, and permits nothing. -#}
create policy aal_read on {{ table }}
  as restrictive for select to {{ roles }}
  using ({{ allowed }});

comment on policy aal_read on {{ table }} is {{ record }};
