{# Rows can be removed from this level on. -#}
create policy aal_delete on {{ table }}
  as restrictive for delete to {{ roles }}
  using ((select {{ allowed }}));

comment on policy aal_delete on {{ table }} is {{ record }};
