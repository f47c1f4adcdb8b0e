-- The roles that aal_matrix and aal_lint are measured with. A cluster has them once, for all databases.
create role proof_anon;
create role proof_user;
create role proof_staff;
