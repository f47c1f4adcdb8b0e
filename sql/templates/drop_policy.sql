{# Takes a policy away that protect_table made, so that a later run replaces it and unprotect_table removes it. -#}
drop policy if exists {{ name }} on {{ table }};
