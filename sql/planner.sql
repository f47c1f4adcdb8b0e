-- Calls that give the same answer throughout a statement are evaluated once: see src/planner/.
create function auth.aal_once_per_statement(internal) returns internal
  language c immutable parallel safe strict
  as 'MODULE_PATHNAME', 'aal_once_per_statement';

alter function auth.aal() support auth.aal_once_per_statement;
alter function auth.subject() support auth.aal_once_per_statement;
alter function auth.subject_uuid() support auth.aal_once_per_statement;
alter function auth.has_aal(text, interval) support auth.aal_once_per_statement;
alter function auth.require_aal(text, interval) support auth.aal_once_per_statement;
alter function auth.claims() support auth.aal_once_per_statement;
alter function auth.authenticated_at(text) support auth.aal_once_per_statement;
alter function auth.enrolled_aal() support auth.aal_once_per_statement;
alter function auth.has_enrolled_aal(interval) support auth.aal_once_per_statement;
alter function auth.require_enrolled_aal(interval) support auth.aal_once_per_statement;
alter function auth.aal_status() support auth.aal_once_per_statement;
alter function auth.session_is_live() support auth.aal_once_per_statement;
alter function auth.require_live_session() support auth.aal_once_per_statement;
