{# Ends the watch over a schema. -#}
drop event trigger {{ name }};

drop function auth.{{ function }}();
