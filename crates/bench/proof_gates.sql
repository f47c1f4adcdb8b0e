-- What aal_matrix, aal_functions and aal_lint are measured on where functions gate: {tables} tables, three roles, five policies each, and
-- half as many gates in PL/pgSQL, in policies and in remote procedures. No two are alike.
create extension pg_aal;
create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create schema private;
grant usage on schema private to proof_anon, proof_user, proof_staff;

-- The forms that people write.
create function pg_temp.body(n int) returns text language sql immutable as $$
  select format((array[
    $f$ declare reached text := auth.jwt() ->> 'aal'; begin if reached is distinct from 'aal2' then return false; end if; return %1$s = %1$s; end $f$,
    $f$ declare passes boolean; begin select auth.jwt() ->> 'aal' = 'aal2' into passes; return coalesce(passes, false) and %1$s > 0; end $f$,
    $f$ begin if auth.jwt() is null then return false; elsif (auth.jwt() ->> 'aal') in ('aal2', 'aal3') then return true; else return %1$s < 0; end if; end $f$,
    $f$ begin case auth.jwt() ->> 'aal' when 'aal2' then return true; when 'aal3' then return %1$s = %1$s; else return false; end case; end $f$,
    $f$ declare n int := %1$s; begin begin perform auth.require_aal('aal2', '15 minutes'); exception when insufficient_privilege then return false; end; return n > 0; end $f$
  ])[1 + n % 5], n)
$$;

do $$
begin
  for n in 1..({tables} + 1) / 2 loop
    execute format('create function private.gate%s() returns boolean language plpgsql stable set search_path = '''' as %L', n, pg_temp.body(n));
  end loop;
  for n in 1..{tables} loop
    execute format('create table t%s (id int, user_id uuid, team int)', n);
    execute format('alter table t%s enable row level security', n);
    execute format('grant select, insert, update, delete on t%s to proof_anon, proof_user, proof_staff', n);
    execute format('create policy own_rows on t%s using (user_id = (select auth.subject_uuid()) or team = %s)', n, n);
    execute format('create policy staffs_rows on t%s for select to proof_staff using (team > %s)', n, n);
    execute format('create policy reads on t%s as restrictive for select using ((select auth.jwt() ->> ''aal'') in (''aal1'', ''aal2''))', n);
    execute format('create policy writes on t%s as restrictive for update using ((select private.gate%s()))', n, (n + 1) / 2);
    execute format('create policy deletes on t%s as restrictive for delete using (private.gate%s() and team < %s)', n, (n + 1) / 2, n);
  end loop;
  for n in 1..({tables} + 1) / 2 loop
    execute format('create function rpc%s() returns void language plpgsql security definer set search_path = '''' as %L', n,
      format('begin if not private.gate%s() then raise exception ''no''; end if; update public.t%s set team = %s; end', n, n, n));
  end loop;
end
$$;
analyze;
