-- Comments: [portable] ------------------------------------------------------------------------------------------------
comment on schema aal is 'pg_aal {{ version }}, the portable edition: assurance levels for row-level security.';

comment on function aal.version() is
  'The version of this edition. IMMUTABLE and PARALLEL SAFE: it is a constant.';

{% for function in ["claims()", "subject()", "subject_uuid()", "aal()", "amr()", "authenticated_at(text)",
  "require_aal(text, interval)", "require_live_session()"] -%}
comment on function aal.{{ function }} is
  {{ native_comment(function) }};

{% endfor -%}
comment on function aal.has_aal(text, interval) is
  'Whether the session is at least at this level, with its factor verified at most max_age ago. For policies, as (select aal.has_aal(...)): bare, it runs for every row. STABLE, because the claims and the statement''s start decide. Never IMMUTABLE: that would leak one caller''s answer into another''s plan. PARALLEL SAFE: both reach parallel workers.';

comment on function aal.enrolled_aal() is
  'The level this user can reach: aal2 with a verified second factor, else aal1; NULL without a user, or for one who is deleted or banned. STABLE: a statement sees one state of the factors. PARALLEL SAFE: workers have the same claims and snapshot.';

comment on function aal.has_enrolled_aal(interval) is
  'Whether the session is at least at its enrolled level, with its factor verified at most max_age ago. For policies, as (select aal.has_enrolled_aal(...)). If no user can be looked up, it is true for sessions at aal2 only. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.require_enrolled_aal(interval) is
  'True if the session is at least at its enrolled level, with its factor verified at most max_age ago; else raises insufficient_aal. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.aal_status() is
  'Where the session stands: currentLevel, nextLevel and currentAuthenticationMethods as in supabase-js, action, the next step, and reason, why there is no level or no next one. Whether it is live is in sessionIsLive, which is null without a level and if no session can be looked up. STABLE and PARALLEL SAFE, as aal.enrolled_aal.';

comment on function aal.session_is_live() is
  'Whether the session is live: it has not ended, its user is neither deleted nor banned, and the factor that gave it aal2 is still there. For policies, as (select aal.session_is_live()). False if no session can be looked up. STABLE: a statement sees one state of the sessions. PARALLEL SAFE: workers have the same claims and snapshot.';
-- End of [portable] ---------------------------------------------------------------------------------------------------
