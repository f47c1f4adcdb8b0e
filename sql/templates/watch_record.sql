{# The schema got another name. -#}
alter function auth.{{ name }}() set pg_aal.protected_schema = {{ record }};
