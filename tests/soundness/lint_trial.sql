-- What a trial of lints 0001 and 0007 starts from, beside matrix_trial.sql: which rows of each table each role sees in each session. A row
-- that raises an error hides no other: where the statement raises, each row is looked at alone, by its place.
--
-- gateways    who connected, in each session
create role trial_gateway noinherit;
grant trial_user, trial_anon to trial_gateway;

create function trial.visible(tables text[], roles text[], sessions text[], gateways text[]) returns table (tbl int, role int, session int, ids int[])
language plpgsql as $$
declare
  seen int[];
  raised boolean;
  all_rows jsonb;
  asked text;
begin
  for nr in 1 .. cardinality(tables) loop
    execute format('select jsonb_object_agg(id, ctid) from %s', tables[nr]) into all_rows;
    for who in 1 .. cardinality(roles) loop
      for level in 1 .. cardinality(sessions) loop
        seen := '{}';
        asked := format('select array_agg(id order by id) from %s', tables[nr]);
        begin
          raised := true;
          perform set_config('session_authorization', gateways[level], true);
          perform set_config('request.jwt.claims', replace(sessions[level], '{{role}}', roles[who]), true);
          perform set_config('role', roles[who], true);
          execute asked into seen;
          raised := false;
          raise sqlstate 'UNDO0';
        exception
          when others or assert_failure then null;
        end;
        if raised then
          seen := '{}';
          begin
            perform set_config('session_authorization', gateways[level], true);
            perform set_config('request.jwt.claims', replace(sessions[level], '{{role}}', roles[who]), true);
            perform set_config('role', roles[who], true);
            seen := trial.visible_one_by_one(tables[nr], all_rows);
            raise sqlstate 'UNDO0';
          exception
            when sqlstate 'UNDO0' then null;
          end;
        end if;
        return query select nr, who, level, coalesce(seen, '{}');
      end loop;
    end loop;
  end loop;
end
$$;

create function trial.visible_one_by_one(tbl text, all_rows jsonb) returns int[] language plpgsql as $$
declare
  place record;
  found_here int;
  seen int[] := '{}';
begin
  for place in select key::int as id, value as ctid from jsonb_each_text(all_rows) order by key::int loop
    begin
      execute format('select id from %s where ctid = %L', tbl, place.ctid) into found_here;
      seen := seen || found_here;
    exception
      when others or assert_failure then null;
    end;
  end loop;
  return array_remove(seen, null);
end
$$;
revoke execute on function trial.visible from public;
