{# The table had row security off when it was protected, and no policy has come since. -#}
alter table {{ table }} disable row level security;
