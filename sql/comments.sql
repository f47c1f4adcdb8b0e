comment on function auth.claims() is
  'The claims of the access token in force; NULL without any, or if their text is no JSON object. STABLE: they can change between statements. PARALLEL SAFE: settings reach parallel workers.';

comment on function auth.subject() is
  'The sub claim; NULL without any. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.subject_uuid() is
  'The sub claim if it is a UUID, else NULL. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.aal() is
  'The assurance level of the session: aal1, aal2, aal3, or NULL for none. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.has_aal(text, interval) is
  'Whether the session is at least at this level, with its factor verified at most max_age ago. For policies: no claim makes it raise. STABLE, because the claims and the statement''s start decide. Never IMMUTABLE: that would leak one caller''s answer into another''s plan. PARALLEL SAFE: both reach parallel workers.';

comment on function auth.require_aal(text, interval) is
  'True if the session is at least at this level, with its factor verified at most max_age ago; else raises insufficient_aal. For functions and triggers, not for policies, where an error can tell whether a row exists. STABLE and PARALLEL SAFE, as auth.has_aal.';

comment on function auth.amr() is
  'The methods by which the session authenticated, newest first, and the level each proves. STABLE and PARALLEL SAFE, as auth.claims.';

comment on function auth.authenticated_at(text) is
  'When the session last proved this level; NULL if it is not at that level or the token does not say. STABLE and PARALLEL SAFE, as auth.has_aal.';

comment on function auth.enrolled_aal() is
  'The level this user can reach: aal2 with a verified second factor, else aal1; NULL without a user, or for one who is deleted or banned. SECURITY DEFINER with a pinned search_path: callers need no right to read the factors. STABLE: a statement sees one state of them. PARALLEL SAFE: workers have the same claims and snapshot.';

comment on function auth.has_enrolled_aal(interval) is
  'Whether the session is at least at its enrolled level, with its factor verified at most max_age ago. For policies. If no user can be looked up, it is true for sessions at aal2 only. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.require_enrolled_aal(interval) is
  'True if the session is at least at its enrolled level, with its factor verified at most max_age ago; else raises insufficient_aal. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.aal_status() is
  'Where the session stands: currentLevel, nextLevel and currentAuthenticationMethods as in supabase-js, action, the next step, and reason, why there is no level or no next one. Whether it is live is in sessionIsLive, which is null without a level and if no session can be looked up. If no user can be looked up, the session alone answers, and nextLevel is null. With a claims profile of another issuer, acrValues is what its sign-in must be asked for to reach aal2, and at Entra claims. SECURITY DEFINER, STABLE and PARALLEL SAFE, as auth.enrolled_aal.';

comment on function auth.session_is_live() is
  'Whether the session is live: it has not ended, its user is neither deleted nor banned, and the factor that gave it aal2 is still there. For policies. False if no session can be looked up. It reads Supabase Auth''s tables below SQL, so callers need no right to read them. STABLE: a statement sees one state of them. PARALLEL SAFE: workers have the same claims and snapshot.';

comment on function auth.require_live_session() is
  'True if the session is live; else raises insufficient_aal. For functions and triggers, not for policies. STABLE and PARALLEL SAFE, as auth.session_is_live.';

comment on function auth.verify_jwt(text) is
  'The claims of an access token that verifies now by the keys of pg_aal.jwks and pg_aal.jwks_file. Else it raises invalid_token (28000), which names the check that failed. Changes nothing. STABLE: the keys, the settings and the clock decide. PARALLEL SAFE: workers have the same.';

comment on function auth.token_keys() is
  'The keys that access tokens are verified by in this session, by setting and issuer, and in column fault why one is left out. No key is shown. For superusers and pg_read_all_settings. STABLE: the settings decide, and the file as it was last read. PARALLEL RESTRICTED: only the leader reads the file.';

comment on function auth.token_cache() is
  'The verified tokens that are kept: a row for this backend, and one for the memory that all backends share. Each has the number of tokens, the bytes that they take, and the size that is set. hits and misses count the tokens that were found and those that were not, and evictions those that made room for others. For superusers and pg_read_all_stats. VOLATILE: each statement may change it. PARALLEL RESTRICTED: a worker keeps its own.';

comment on function auth.authenticate(text) is
  'Puts an access token that verifies in force until the transaction ends, and returns its claims. Needs pg_aal.claims_source = token. VOLATILE and PARALLEL UNSAFE: it changes a setting.';

comment on function auth.assert_same_trust() is
  'Raises P0004 where another node of Citus trusts other than this session: other settings that decide trust, other keys or another version. The error names the nodes and what differs, and shows no key. Without Citus it does nothing. VOLATILE and PARALLEL UNSAFE: it asks other nodes.';
comment on function auth.trust() is
  'The settings by which claims count in this session, a digest of the keys, and the versions. For roles that may see all settings. STABLE and PARALLEL RESTRICTED: a worker would read the file with the keys again.';
comment on function auth.hand_on_claims() is
  'Hands the claims in force, or the token, on to Citus'' other nodes until the transaction ends, for PGRST_DB_PRE_REQUEST. Needs citus.propagate_set_commands = local, and no open savepoint. In token mode the role must hide its statements by track_activities = off. Later statements fail if the claims have changed since. Without Citus it does nothing. VOLATILE and PARALLEL UNSAFE: it changes settings.';

comment on function auth.protect_table(regclass, text, text, text, text, text, interval, name[], name, name[], boolean, regprocedure, boolean, boolean, boolean) is
  'Puts a table under assurance levels by policies and a guard trigger, and says in one row what the table needs now. Needs ownership of the table. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.protect_table_sql(regclass, text, text, text, text, text, interval, name[], name, name[], boolean, regprocedure, boolean, boolean, boolean) is
  'The statements that auth.protect_table would run, without running them. VOLATILE and PARALLEL UNSAFE: it reads the catalog as it is now.';

comment on function auth.unprotect_table(regclass) is
  'Removes the policies and triggers of auth.protect_table, and says in one row whether row security is on now. Needs ownership of the table. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.protect_schema(regnamespace, text, text, text, text, text, interval, name[], name, boolean, regprocedure, boolean, boolean, name[], text, boolean) is
  'Protects every table of a schema that is not protected yet, has new tables watched, and says in one row what it did. Needs ownership of the tables, and for the watch a superuser. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.unprotect_schema(regnamespace, boolean) is
  'Ends the watch over a schema, and unprotects the tables whose protection is the schema''s, unless keep_tables is true. Needs a superuser. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.aal_new_partitions() is
  'The function of the event trigger that gives new partitions of a protected table its protection. SECURITY DEFINER with a pinned search_path: the owner of a partition may have no right to what the policies name. VOLATILE and PARALLEL UNSAFE: it changes the catalog.';

comment on function auth.recognized_protections() is
  'The tables that auth.protect_table protects and whose comments got lost, each with a record as the comments would have it. They are known by the shape of their policies and triggers. For auth.protected_tables. STABLE: it reads the catalog. PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_guard() is
  'The trigger function of protected tables: raises insufficient_aal, before it looks at any row or when a sensitive column changes. auth.protect_table makes its triggers. A trigger made by hand may also fire before each row. VOLATILE, as trigger functions are; PARALLEL SAFE: it reads settings and the table''s own policies.';

comment on function auth.aal_once_per_statement(internal) is
  'Planner support function. It tells the planner that a call keeps all rows and, with constant arguments, costs nothing for each. Postgres evaluates such a call once per statement, with or without a sub-select. Never called from SQL. IMMUTABLE: its answer depends on the call alone. PARALLEL SAFE: it reads nothing but the query.';

comment on view auth.protected_tables is
  'The tables that auth.protect_table protects, and its options.';

comment on column auth.protected_tables.target is 'The table.';
comment on column auth.protected_tables.read is 'The level that SELECT needs, with its age if it has one: aal2, aal2 within 15 minutes; NULL if its policy is gone.';
comment on column auth.protected_tables.on_insert is 'The level that INSERT needs, likewise; NULL if its policy is gone.';
comment on column auth.protected_tables.on_update is 'The level that UPDATE needs, or with sensitive columns an UPDATE that changes one of them; NULL if its policy is gone.';
comment on column auth.protected_tables.on_delete is 'The level that DELETE and TRUNCATE need; NULL if the policy for DELETE is gone.';
comment on column auth.protected_tables.roles is 'The roles that the policies bind.';
comment on column auth.protected_tables.owner_column is 'The column that holds the subject of a row''s owner; NULL if the table has no policy aal_owner.';
comment on column auth.protected_tables.sensitive_columns is 'The columns whose change needs the level on_update. An update that keeps their values needs the level read.';
comment on column auth.protected_tables.applies_when is 'The function of applies_when, by its name now; NULL if the protection is for all sessions, or if no policy has a function.';
comment on column auth.protected_tables.live is 'Whether each level needs a live session, too.';
comment on column auth.protected_tables.guard is 'Whether the guard trigger is there and enabled.';
comment on column auth.protected_tables.refuse_reads is 'Whether that guard also refuses statements that read below the level.';
comment on column auth.protected_tables.row_security is 'Whether row security is on. Without it no policy counts.';

comment on view auth.protected_schemas is
  'The schemas that auth.protect_schema has watched, and its options. A schema that got another name has a row for each of its names.';

comment on column auth.protected_schemas.schema is 'The name of the schema. There need be none of that name now.';
comment on column auth.protected_schemas.new_tables is 'What becomes of new tables: protect, refuse or warn.';
comment on column auth.protected_schemas.read is 'The level that SELECT needs, with its age if it has one.';
comment on column auth.protected_schemas.on_insert is 'The level that INSERT needs, likewise.';
comment on column auth.protected_schemas.on_update is 'The level that UPDATE needs.';
comment on column auth.protected_schemas.on_delete is 'The level that DELETE and TRUNCATE need.';
comment on column auth.protected_schemas.roles is 'The roles that the policies bind.';
comment on column auth.protected_schemas.owner_column is 'The column that holds the subject of a row''s owner, in the tables that have it.';
comment on column auth.protected_schemas.applies_when is 'The function of applies_when, by its name at the last call.';
comment on column auth.protected_schemas.guard is 'Whether tables get the guard trigger.';
comment on column auth.protected_schemas.live is 'Whether only live sessions have the levels.';
comment on column auth.protected_schemas.refuse_reads is 'Whether statements that read below the level raise.';
comment on column auth.protected_schemas.excluding is 'The tables that it is not for.';
comment on column auth.protected_schemas.enabled is 'Whether the event trigger fires in every session.';

comment on function auth.explain_access(regclass, text) is
  'Why the caller''s own session gets no rows, or an error: the claims, the level, the grants, each policy and what it says now, and the next step. It runs no policy, and looks at no row. STABLE: it reads the claims and the catalog. PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_matrix(regclass, name) is
  'For each table (or one), role (or one) and command the lowest session level at which the command could succeed for some row. It is derived from grants, row security, policies and guards. An expression that cannot be read counts as possibly true. STABLE: it reads the catalog. PARALLEL RESTRICTED: several workers would each derive all of it.';

comment on function auth.aal_lint(jsonb) is
  'Findings: ways in which a table needs less than intended, in the row shape of Supabase''s splinter, and in fix the SQL that mends one. With a snapshot as baseline, only findings that it does not have. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.assert_aal(regclass, text, text, name, text[]) is
  'Raises (P0004) unless a command on a table needs at least this level of every role that row security binds, or of one role. Ways around its policies that auth.aal_lint knows count, too. Keys in accept name findings that were reviewed. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.assert_schema(regnamespace, text, text, name[], text[], name[]) is
  'Raises (P0004) unless all tables of a schema, or the included ones, but the excluded ones need at least these levels, as auth.assert_aal decides it. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_functions(regprocedure, name) is
  'For each function that reaches a protected table past its policies, and each role that may execute it, the lowest session level that passes the gates on the way. A gate that cannot be read counts as possibly passed. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.assert_aal_function(regprocedure, text, name) is
  'Raises (P0004) unless a function needs at least this level of every role that row security binds, or of one role, before it touches a protected table. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_report() is
  'One HTML page, complete in itself: the level that every table needs of each role, the reasons, and the findings. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_snapshot() is
  'What every command on every table needs of each role, and every finding, as JSON in one order. Commit it, review it, and compare it with auth.aal_diff. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_diff(jsonb) is
  'A row for each change since a snapshot of auth.aal_snapshot: opened, lowered, new, raised or gone, with what decided before and now. fails says whether auth.assert_aal_not_lowered raises for it. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.assert_aal_not_lowered(jsonb, text[]) is
  'Raises (P0004) if a command needs less than in a snapshot of auth.aal_snapshot, or if a finding is new that is an error or a warning. Keys in accept name changes that were reviewed. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_findings_sarif(jsonb) is
  'The findings of auth.aal_lint as SARIF 2.1.0, for code scanning. With a snapshot as baseline, only findings that it does not have. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_findings_junit(jsonb) is
  'The findings of auth.aal_lint as JUnit XML, for test reports: each error and each warning about security is a test that fails. With a snapshot as baseline, only findings that it does not have. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_diff_sarif(jsonb) is
  'The changes since a snapshot for which auth.assert_aal_not_lowered raises, as SARIF 2.1.0. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';

comment on function auth.aal_diff_junit(jsonb) is
  'The changes since a snapshot as JUnit XML: each for which auth.assert_aal_not_lowered raises is a test that fails. STABLE and PARALLEL RESTRICTED, as auth.aal_matrix.';
