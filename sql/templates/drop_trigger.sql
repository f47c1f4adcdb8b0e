{# Takes a trigger away that protect_table made, so that a later run replaces it and unprotect_table removes it. -#}
drop trigger if exists {{ name }} on {{ table }};
