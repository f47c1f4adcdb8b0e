{# Policies count only where row security is on. -#}
alter table {{ table }} enable row level security;
