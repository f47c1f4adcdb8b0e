{# Watches the tables that come into a schema. The record of the schema's protection is a setting of the function, where no comment
   can be lost. In schema auth, because the owner of a schema may drop what is in it.
   With its owner's rights, because the owner of a new table may have none on what a policy names. -#}
create function auth.{{ name }}() returns event_trigger
  language c volatile security definer
  set search_path = pg_catalog, pg_temp
  set pg_aal.protected_schema = {{ record }}
  as 'pg_aal', 'aal_new_tables';

alter function auth.{{ name }}() depends on extension pg_aal;

comment on function auth.{{ name }}() is {{ comment }};

create event trigger {{ name }} on ddl_command_end
  when tag in ({{ tags }})
  execute function auth.{{ name }}();

alter event trigger {{ name }} enable always;
