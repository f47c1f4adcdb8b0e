-- What auth.explain_access tells a session about each command on a table, and what happens. Everything is undone.
--
-- held      which settings hold the claims: plural, singular, both
-- commands  each with a statement
create function trial.told_and_happened(target regclass, role text, claims text, held text, commands text[], statements text[])
returns table (command text, told text, touched bigint, of bigint, error text)
language plpgsql as $$
declare
  answers jsonb;
  context text;
begin
  execute format('select count(*) from %s', target) into of;
  if held <> 'plural' then
    perform set_config('request.jwt.claim', claims, true);
    -- A gateway of that kind says by this whom auth.uid() is to answer.
    perform set_config('request.jwt.claim.sub', coalesce(auth.subject(), ''), true);
  end if;
  perform set_config('request.jwt.claims', case when held <> 'singular' then claims else '' end, true);
  perform set_config('role', role, true);
  select jsonb_object_agg(e.command, e.answer) into answers from auth.explain_access(target) e where e.step = 'result';
  for nr in 1 .. cardinality(commands) loop
    command := commands[nr];
    told := answers ->> command;
    touched := null;
    error := null;
    begin
      execute statements[nr];
      get diagnostics touched = row_count;
      raise sqlstate 'UNDO0';
    exception
      when sqlstate 'UNDO0' then null;
      when others or assert_failure then
        -- An error within a function that a policy calls is the policy's own, and no refusal.
        get stacked diagnostics context = pg_exception_context;
        error := case when context ~ '(^|\n)(PL/pgSQL|SQL) function "?(s\.)?(gate|f)[0-9]' then 'in a function: ' else '' end || sqlerrm;
    end;
    return next;
  end loop;
  perform set_config('role', 'none', true);
end
$$;
grant execute on function trial.told_and_happened to public;
