{# Everything that protect_table ever makes, so that a later run replaces it and unprotect_table removes it. -#}
drop policy if exists aal_read on {{ table }};
drop policy if exists aal_insert on {{ table }};
drop policy if exists aal_update on {{ table }};
drop policy if exists aal_delete on {{ table }};
drop policy if exists aal_owner on {{ table }};
drop trigger if exists aal_guard on {{ table }};
drop trigger if exists aal_columns on {{ table }};
