comment on function auth.claims() is
  'The claims of the access token in force. NULL without claims, or where their text is not one JSON object. STABLE: they can change between statements. PARALLEL SAFE: settings reach parallel workers.';

comment on function auth.subject() is
  'The sub claim. NULL without one. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.subject_uuid() is
  'The sub claim if it is a UUID, otherwise NULL. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.aal() is
  'The assurance level of the session: aal1, aal2, aal3, or NULL for none. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.has_aal(text, interval) is
  'Whether the session is at least at this level, with its factor verified at most max_age ago. For policies: no token makes it raise. STABLE: the claims and the statement''s start decide. Never IMMUTABLE: a plan would keep one caller''s answer for the next. PARALLEL SAFE: both reach parallel workers.';

comment on function auth.require_aal(text, interval) is
  'True if the session is at least at this level, with its factor verified at most max_age ago. Otherwise it raises insufficient_aal. For functions and triggers, not for policies: an error there can reveal that a row exists. STABLE and PARALLEL SAFE, as auth.has_aal.';

comment on function auth.amr() is
  'The methods by which the session authenticated, newest first, and the level each proves. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.authenticated_at(text) is
  'When the session last proved this level. NULL if the session is below it, or the token does not say. STABLE and PARALLEL SAFE, as auth.has_aal.';

comment on function auth.enrolled_aal() is
  'The level that this user can reach: aal2 with a verified second factor, otherwise aal1. NULL without a user, or if the user is deleted or banned. SECURITY DEFINER with a pinned search_path: callers need no right to read the factors. STABLE: a statement sees one state of the factors. PARALLEL SAFE: workers have the same claims and snapshot.';

comment on function auth.has_enrolled_aal(interval) is
  'Whether the session is at least at its enrolled level, with its factor verified at most max_age ago. For policies. Where users cannot be looked up, only a session at aal2 passes. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.require_enrolled_aal(interval) is
  'True if the session is at least at its enrolled level, with its factor verified at most max_age ago. Otherwise it raises insufficient_aal. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.aal_status() is
  'Where the session stands: currentLevel, nextLevel and currentAuthenticationMethods as in supabase-js, and action, the client''s next step. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.verify_jwt(text) is
  'The claims of an access token, verified by the keys of pg_aal.jwks and pg_aal.jwks_file. Otherwise it raises invalid_token (28000) and names the check that failed. It changes nothing. STABLE: the keys, the settings and the clock decide. PARALLEL SAFE: workers have the same.';

comment on function auth.authenticate(text) is
  'Verifies an access token, puts it in force until the transaction ends, and returns its claims. Needs pg_aal.claims_source = token. VOLATILE and PARALLEL UNSAFE: it changes a setting.';

comment on function auth.protect_table(regclass, text, text, text, text, text, interval, name[], name, name[], boolean) is
  'Puts a table under assurance levels by policies and a guard trigger; runs and returns the statements. Needs ownership of the table. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.protect_table_sql(regclass, text, text, text, text, text, interval, name[], name, name[], boolean) is
  'The statements that auth.protect_table would run, without running them. VOLATILE and PARALLEL UNSAFE: it reads the catalog as it is now.';

comment on function auth.unprotect_table(regclass) is
  'Drops what auth.protect_table made; runs and returns the statements. Needs ownership of the table. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.aal_guard() is
  'The trigger function of protected tables. It raises insufficient_aal before any row is read, or where a sensitive column changes. auth.protect_table makes its triggers; a trigger made by hand may also fire before each row. VOLATILE, as trigger functions are; PARALLEL SAFE: it reads settings and the table''s own policies.';

comment on function auth.aal_once_per_statement(internal) is
  'Planner support function: it tells the planner that a call keeps all rows and, with constant arguments, costs nothing per row. Such a call is evaluated once per statement, with or without a sub-select. Never called from SQL. IMMUTABLE: its answer depends on the call alone. PARALLEL SAFE: it reads nothing but the query.';

comment on view auth.protected_tables is
  'The tables that auth.protect_table protects, with the options it was called with.';

comment on column auth.protected_tables.target is 'The table.';
comment on column auth.protected_tables.read is 'The level that SELECT needs; NULL if its policy is gone.';
comment on column auth.protected_tables.on_insert is 'The level that INSERT needs; NULL if its policy is gone.';
comment on column auth.protected_tables.on_update is 'The level that UPDATE needs. With sensitive columns, the level for an UPDATE that changes one. NULL if its policy is gone.';
comment on column auth.protected_tables.on_delete is 'The level that DELETE and TRUNCATE need; NULL if the policy for DELETE is gone.';
comment on column auth.protected_tables.max_age is 'How long ago the factor may have been verified, for the writes. NULL: no limit.';
comment on column auth.protected_tables.roles is 'The roles that the policies bind.';
comment on column auth.protected_tables.owner_column is 'The column that holds the owner of a row, compared with the subject. NULL if the table has no policy aal_owner.';
comment on column auth.protected_tables.sensitive_columns is 'The columns that need the level on_update to change. An update of other columns needs the level read.';
comment on column auth.protected_tables.guard is 'Whether the guard trigger is there and enabled.';
comment on column auth.protected_tables.row_security is 'Whether row security is on: without it no policy counts.';

comment on function auth.aal_matrix(regclass) is
  'For each table (or one), role and command the lowest session level at which the command could succeed for some row, derived from grants, row security, policies and guards. An expression that pg_aal cannot read counts as possibly true. STABLE: it reads the catalog. PARALLEL RESTRICTED: several workers would each derive all of it.';

comment on function auth.aal_lint() is
  'Findings: tables that need a lower level than their policies seem to say. The rows have the shape of Supabase''s splinter. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.assert_aal(regclass, text, text, name) is
  'Raises an error (P0004) unless a role needs at least this level for a command on a table, as auth.aal_matrix derives it. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_report() is
  'One self-contained HTML page: the level that each role needs on each table, why, and the findings. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';
