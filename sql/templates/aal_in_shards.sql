{# On a table that Citus holds. In its shards every policy is permissive, so each asks for the owner and the level in one condition.
   The operator is named with its schema, so that no other can be put in its place through search_path. -#}
create policy {{ name }} on {{ table }}
  as permissive for {{ command }} to {{ roles }}
{%- if uses %}
  using ({{ condition }})
{%- endif %}
{%- if checks %}
  with check ({{ condition }})
{%- endif %};

comment on policy {{ name }} on {{ table }} is {{ record }};
