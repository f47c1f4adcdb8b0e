-- 0033_null_trap_in_function finds functions that turn sessions away by a comparison that is NULL without a level, and names the line.
create schema lint_0033;
grant usage on schema lint_0033 to anon, authenticated;
set search_path = lint_0033;
create table contracts (id int default 1, note text);
insert into contracts default values;
create function made(name text, condition text, otherwise text default 'raise exception ''no''') returns void language plpgsql as $$
begin
  execute format('create function lint_0033.%I() returns boolean language plpgsql security definer set search_path = '''' as %L', name,
    format(E'\nbegin\n  if %s then\n    %s;\n  end if;\n  update lint_0033.contracts set note = ''x'';\n  return true;\nend\n', condition, otherwise));
end
$$;

-- Findings (case 31).
select count(made('found_' || name, condition)) as found from (values
  ('unequal',    $$(auth.jwt() ->> 'aal') <> 'aal2'$$),
  ('not_equal',  $$not (auth.jwt() ->> 'aal' = 'aal2')$$),
  ('uid_first',  $$auth.uid() is null or (auth.jwt() ->> 'aal') <> 'aal2'$$),
  ('not_in',     $$(auth.jwt() ->> 'aal') not in ('aal2', 'aal3')$$),
  ('ours',       $$auth.aal() != 'aal2'$$),
  ('claims',     $$auth.claims() ->> 'aal' <> 'aal2'$$)) f(name, condition);
select made('found_false', $$auth.aal() <> 'aal2'$$, 'return false');
create function found_variable() returns boolean language plpgsql stable as $$
declare
  level text := auth.jwt() ->> 'aal';
begin
  if level <> 'aal2' then
    return false;
  end if;
  return true;
end
$$;
-- Over two IFs, and in SQL: by reading the gate.
create function found_nested() returns void language plpgsql security definer set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') is not null and (auth.jwt() ->> 'aal') <> 'aal2' then
    if auth.uid() is null or true then raise exception 'no'; end if;
  end if;
  update lint_0033.contracts set note = 'x';
end
$$;
create function found_in_sql() returns void language sql security definer set search_path = '' as $$
  update lint_0033.contracts set note = 'x' where coalesce(auth.jwt() ->> 'aal', 'aal2') = 'aal2'
$$;
create function found_trigger() returns trigger language plpgsql as $$
begin
  if auth.aal() <> 'aal2' then
    raise exception 'no';
  end if;
  return new;
end
$$;

-- None.
select count(made('none_' || name, condition)) as none from (values
  ('distinct',   $$(auth.jwt() ->> 'aal') is distinct from 'aal2'$$),
  ('coalesced',  $$coalesce(auth.jwt() ->> 'aal', '') <> 'aal2'$$),
  ('null',       $$(auth.jwt() ->> 'aal') is null or (auth.jwt() ->> 'aal') <> 'aal2'$$),
  ('not_true',   $$(auth.jwt() ->> 'aal' = 'aal2') is not true$$),
  ('ours',       $$not auth.has_aal('aal2')$$),
  ('no_level',   $$current_user <> 'aal2'$$)) n(name, condition);
select made('none_notice', $$auth.aal() <> 'aal2'$$, 'raise notice ''low''');
create function none_behind_a_gate() returns void language plpgsql security definer set search_path = '' as $$
begin
  perform auth.require_aal('aal1');
  if auth.aal() <> 'aal2' then raise exception 'no'; end if;
  update lint_0033.contracts set note = 'x';
end
$$;
create function none_comment() returns void language plpgsql as $$
begin
  -- if auth.aal() <> 'aal2' then raise exception 'no'; end if;
  perform auth.require_aal('aal2');
end
$$;
select made('none_revoked', $$auth.aal() <> 'aal2'$$);
revoke execute on function none_revoked() from public;

select metadata ->> 'name' as function, level, detail from auth.aal_lint() where metadata ->> 'schema' = 'lint_0033' and name like '0033%' order by 1;

-- What each does: without claims, without a level, at aal1, at aal2.
create function answers(claims text) returns text language plpgsql as $$
declare
  name text;
  answer boolean;
  passed text[] := '{}';
begin
  perform set_config('request.jwt.claims', claims, true);
  for name in select proname from pg_proc where pronamespace = 'lint_0033'::regnamespace and proname ~ '^(found|none)' and prorettype = 'boolean'::regtype order by 1 loop
    begin
      execute format('select lint_0033.%I()', name) into answer;
    exception when raise_exception then
      answer := false;
    end;
    if answer then passed := passed || name; end if;
  end loop;
  return array_to_string(passed, ', ');
end
$$;
select answers('') as without_claims;
select answers('{"sub":"11111111-1111-4111-8111-111111111111"}') as without_a_level;
select answers('{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal1"}') as at_aal1;

-- Gone.
create or replace function found_unequal() returns boolean language plpgsql security definer set search_path = '' as $$
begin
  perform auth.require_aal('aal2');
  update lint_0033.contracts set note = 'x';
  return true;
end
$$;
select count(*) from auth.aal_lint() where metadata ->> 'name' = 'found_unequal' and name like '0033%';

set client_min_messages = error;
reset search_path;
drop schema lint_0033 cascade;
