-- What a trial of auth.aal_functions starts from, beside matrix_trial.sql: the function that calls.
--
-- Each call is made as each role in each session, and undone. A row of the answer is a table that a call touched: with INSERT, UPDATE or
-- DELETE of a row, also of one that was undone within the call, or with SELECT.
--
-- tables      each with rows of its own marker: "secret of NAME"
-- calls       of functions, or statements that fire a trigger, and whether one filters rows: then a scan shows nothing, and only what the call returns is read
-- sessions    claims; null leaves them as they are
-- other       of each, whether a gateway puts them into request.jwt.claim alone
create function trial.touches(tables text[], calls text[], filter boolean[], roles text[], sessions text[], other boolean[])
returns table (call int, role int, session int, tbl int, command text)
language plpgsql as $$
declare
  before bigint[];
  after bigint[];
  shown text;
  claims text;
begin
  for nr in 1 .. cardinality(calls) loop
    for who in 1 .. cardinality(roles) loop
      for level in 1 .. cardinality(sessions) loop
        begin
          shown := null;
          before := trial.counts(tables);
          claims := replace(sessions[level], '{{role}}', roles[who]);
          if other[level] then
            perform set_config('request.jwt.claims', '', true), set_config('request.jwt.claim', claims, true),
                    set_config('request.jwt.claim.sub', coalesce(claims::jsonb ->> 'sub', ''), true);
          else
            perform set_config('request.jwt.claims', claims, true);
          end if;
          perform set_config('role', roles[who], true);
          begin
            if calls[nr] like 'insert %' then
              execute calls[nr];
            else
              execute format('select string_agg(x::text, '','') from %s x', calls[nr]) into shown;
            end if;
          exception
            when others or assert_failure then null;
          end;
          perform set_config('role', 'none', true);
          after := trial.counts(tables);
          raise sqlstate 'UNDO0';
        exception
          when sqlstate 'UNDO0' then null;
        end;
        return query
          select nr, who, level, n, (array['INSERT', 'UPDATE', 'DELETE', 'SELECT'])[place]
          from generate_series(1, cardinality(tables)) n, generate_series(1, 4) place
          where case
            when place = 4 and shown like '%secret of ' || tables[n] || '%' then true
            when place = 4 and filter[nr] then false
            when place = 4 and after[n * 4 - 3:n * 4 - 1] <> before[n * 4 - 3:n * 4 - 1] then false
            else after[n * 4 - 4 + place] > before[n * 4 - 4 + place]
          end;
      end loop;
    end loop;
  end loop;
end
$$;

-- Of each table, the rows that this session has inserted, updated and deleted, and those that its scans have read.
create function trial.counts(tables text[]) returns bigint[]
language sql volatile as $$
  select array_agg(counted order by nr, place)
  from unnest(tables) with ordinality t(name, nr)
    cross join lateral (
      values
        (1, pg_stat_get_xact_tuples_inserted(name::regclass)), (2, pg_stat_get_xact_tuples_updated(name::regclass)),
        (3, pg_stat_get_xact_tuples_deleted(name::regclass)), (4, pg_stat_get_xact_tuples_returned(name::regclass))
    ) c(place, counted)
$$;

-- It changes the claims and the role. Where clients may call such a function, the gate refuses every schema.
revoke execute on function trial.touches from public;
