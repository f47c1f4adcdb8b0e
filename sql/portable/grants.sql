-- Grants --------------------------------------------------------------------------------------------------------------
-- For every role, also where default privileges withhold functions: a policy runs as the caller. Those with more rights than the
-- caller take no argument: nobody can ask about another's factors or sessions. A function that you make in this schema keeps the
-- grants that you give it.
grant execute on function
  {{ functions | join(",\n  ") }}
  to public;
