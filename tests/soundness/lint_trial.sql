-- What a trial of lints 0001 and 0007 starts from, beside matrix_trial.sql: which rows of each table each role sees in each session.
create function trial.visible(tables text[], roles text[], sessions text[]) returns table (tbl int, role int, session int, ids int[])
language plpgsql as $$
declare
  seen int[];
begin
  for nr in 1 .. cardinality(tables) loop
    for who in 1 .. cardinality(roles) loop
      for level in 1 .. cardinality(sessions) loop
        begin
          seen := '{}';
          perform set_config('request.jwt.claims', replace(sessions[level], '{{role}}', roles[who]), true);
          perform set_config('role', roles[who], true);
          execute format('select array_agg(id order by id) from %s', tables[nr]) into seen;
          raise sqlstate 'UNDO0';
        exception
          when others or assert_failure then null;
        end;
        return query select nr, who, level, coalesce(seen, '{}');
      end loop;
    end loop;
  end loop;
end
$$;
revoke execute on function trial.visible from public;
