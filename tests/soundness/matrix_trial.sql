-- What a trial of auth.aal_matrix starts from, beside supabase_stand_in.sql: roles, users, Supabase's own functions, and the function that tries.
create role trial_user nologin;
create role trial_anon nologin;
create role trial_member nologin;
create role trial_owner nologin;
create role trial_group nologin;
create role trial_bypass nologin bypassrls;
grant usage on schema auth to public;

-- One user with a second factor, one without.
insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111'), ('22222222-2222-4222-8222-222222222222');
insert into auth.mfa_factors (id, user_id, status)
  values ('f1111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'verified');
-- Their sessions that are live: one of each level, and none above aal1 without a factor.
insert into auth.sessions (id, user_id, aal, factor_id) values
  ('51111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal1', null),
  ('52111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal2', 'f1111111-1111-4111-8111-111111111111'),
  ('53111111-1111-4111-8111-111111111111', '11111111-1111-4111-8111-111111111111', 'aal3', 'f1111111-1111-4111-8111-111111111111'),
  ('51222222-2222-4222-8222-222222222222', '22222222-2222-4222-8222-222222222222', 'aal1', null);

create extension pg_aal;

-- As Supabase Auth makes them.
set role supabase_auth_admin;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  )::uuid
$$;
create function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
  )::text
$$;
reset role;

create schema trial;
grant usage on schema trial to public;

-- What looks like something else.
create function trial.jwt() returns jsonb language sql stable return '{"aal":"aal3"}'::jsonb;
create function trial.has_aal(level text) returns boolean language sql stable return true;
create function trial.always(text, text) returns boolean language sql immutable return true;
create operator trial.= (leftarg = text, rightarg = text, function = trial.always);
create domain trial.level as text;
do $$
begin
  create collation trial.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
exception when feature_not_supported then
  create collation trial.any_case from "C";
end
$$;

-- What foreign partitions and children stand for: a table that the server reaches by a connection to itself.
create table trial.elsewhere (id integer, flag boolean, owner text, level text, n integer, label text);
do $$
begin
  if exists (select from pg_available_extensions where name = 'postgres_fdw') then
    create extension postgres_fdw;
    execute format('create server elsewhere foreign data wrapper postgres_fdw options (host %L, port %L, dbname %L)',
      current_setting('unix_socket_directories'), current_setting('port'), current_database());
    create user mapping for public server elsewhere options (user 'postgres', password_required 'false');
  end if;
end
$$;

-- Finds the lowest session at which one of an attempt's statements does something, and undoes everything.
--
-- worlds      statements that take rows away, so that each attempt meets several states of the tables
-- sessions    claims, lowest first, after which settings hold them (plural:, singular:, both:); null leaves them as they are
-- attempts    role, command, which statements (from first to last, with the most promising first), whether the role has the privilege
--             at all (if not, two sessions are enough to see so), and whether other worlds can make a difference
create function trial.lowest_sessions(
  worlds text[], sessions text[], roles text[], commands text[], privileged boolean[], varies boolean[], firsts int[], lasts int[], statements text[]
) returns table (session int, world int, statement text)
language plpgsql as $$
declare
  attempts int := cardinality(roles);
  lowest int[] := array_fill(cardinality(sessions) + 1, array[attempts]);
  how text[] := array_fill(null::text, array[attempts]);
  found_in int[] := array_fill(null::int, array[attempts]);
  spent int[] := array_fill(0, array[attempts]);
  touched bigint;
  held text;
  claims text;
begin
  for state in 1 .. cardinality(worlds) loop
    begin
      execute worlds[state];
      for nr in 1 .. attempts loop
        continue when state > 1 and not varies[nr];
        for level in 1 .. lowest[nr] - 1 loop
          continue when not privileged[nr] and level > 1 and level < cardinality(sessions);
          -- A few attempts in a hundred would take most of the time.
          exit when spent[nr] > 250;
          for candidate in firsts[nr] .. lasts[nr] loop
            spent[nr] := spent[nr] + 1;
            begin
              if sessions[level] is not null then
                held := split_part(sessions[level], ':', 1);
                claims := replace(substr(sessions[level], length(held) + 2), '{{role}}', roles[nr]);
                if held <> 'plural' then
                  perform set_config('request.jwt.claim', claims, true);
                  -- A gateway of that kind says by this whom auth.uid() is to answer.
                  perform set_config('request.jwt.claim.sub', coalesce(auth.subject(), ''), true);
                end if;
                perform set_config('request.jwt.claims', case when held <> 'singular' then claims else '' end, true);
              end if;
              perform set_config('role', roles[nr], true);
              execute statements[candidate];
              get diagnostics touched = row_count;
              raise sqlstate 'UNDO0';
            exception
              when sqlstate 'UNDO0' then
                if touched > 0 or commands[nr] = 'TRUNCATE' then
                  lowest[nr] := level;
                  how[nr] := statements[candidate];
                  found_in[nr] := state;
                end if;
                -- Without an error, the other statements find the same rows.
                exit;
              when others or assert_failure then
                -- Neither for want of a privilege nor at a check: a row that raises may stand before one that doesn't.
                exit when sqlerrm like 'permission denied %';
                varies[nr] := varies[nr] or sqlerrm not like 'new row violates row-level security policy %';
            end;
          end loop;
          exit when lowest[nr] = level;
        end loop;
      end loop;
      raise sqlstate 'UNDO0';
    exception
      when sqlstate 'UNDO0' then null;
    end;
  end loop;
  return query select nullif(lowest[nr], cardinality(sessions) + 1), found_in[nr], how[nr] from generate_series(1, attempts) nr order by nr;
end
$$;
