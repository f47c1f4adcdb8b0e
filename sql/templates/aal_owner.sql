{# Permissive: everybody's own rows, which the restrictive policies then narrow by level.
   The operator is named with its schema, so that no other can be put in its place through search_path. -#}
create policy aal_owner on {{ table }}
  as permissive for all to {{ roles }}
  using ({{ owner_column }} operator(pg_catalog.=) {{ subject }})
  with check ({{ owner_column }} operator(pg_catalog.=) {{ subject }});

comment on policy aal_owner on {{ table }} is {{ record }};
