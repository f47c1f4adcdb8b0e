-- What a trial of auth.assert_schema starts from, beside matrix_trial.sql: the function that tries.
--
-- Each statement is run as each role in each session, and undone. A row of the answer is a statement that changed a table, or showed
-- one of its rows.
--
-- tables      those that are asserted, each with a row of its own marker: "secret of NAME"
-- sessions    claims, and how many of them are too low for reads
-- for_some    of these tables, those of which the last session is exempt
create function trial.ways_past(tables text[], sessions text[], too_low_for_reads int, roles text[], for_some text[], statements text[])
returns table (role text, session int, statement text, table_name text, is_read boolean)
language plpgsql as $$
declare
  before text[];
  bypass text[];
  shown text;
begin
  for n in 1 .. cardinality(tables) loop
    before[n] := trial.content(tables[n]);
  end loop;
  for who in 1 .. cardinality(roles) loop
    bypass[who] := trial.tables_of(roles[who], tables);
  end loop;
  for who in 1 .. cardinality(roles) loop
    for level in 1 .. cardinality(sessions) loop
      for nr in 1 .. cardinality(statements) loop
        begin
          shown := null;
          perform set_config('request.jwt.claims', sessions[level], true);
          perform set_config('role', roles[who], true);
          if statements[nr] like 'select %' then
            execute format('select string_agg(x::text, '','') from (%s) x', statements[nr]) into shown;
          else
            execute statements[nr];
          end if;
          set constraints all immediate;
          perform set_config('role', 'none', true);
          for n in 1 .. cardinality(tables) loop
            continue when bypass[who] like '%' || tables[n] || '%';
            continue when level = cardinality(sessions) and tables[n] = any (for_some);
            if before[n] is distinct from trial.content(tables[n]) then
              return query select roles[who], level, statements[nr], tables[n], false;
            elsif level <= too_low_for_reads and shown like '%secret of ' || tables[n] || '%' then
              return query select roles[who], level, statements[nr], tables[n], true;
            end if;
          end loop;
          raise sqlstate 'UNDO0';
        exception
          when others then null;
        end;
      end loop;
    end loop;
  end loop;
end
$$;

-- Those of the tables of which row security doesn't bind a role, as one text.
create function trial.tables_of(role text, tables text[]) returns text
language sql as $$
  select string_agg(t.name, ' ')
  from unnest(tables) t(name)
    join pg_class c on c.oid = t.name::regclass
  where not c.relforcerowsecurity
    and pg_has_role(role, c.relowner, 'USAGE')
$$;

-- A table's rows as one text.
create function trial.content(name text) returns text
language plpgsql as $$
declare
  content text;
begin
  execute format('select string_agg(t::text, '','' order by t::text) from %s t', name) into content;
  return content;
end
$$;

-- They change the claims and the role. Where clients may call such a function, the gate refuses every schema.
revoke execute on function trial.ways_past from public;
revoke execute on function trial.lowest_sessions from public;
