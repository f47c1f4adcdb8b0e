-- The matrix reads functions in PL/pgSQL: what they come to on all their paths. What it can't follow is possibly true.
create schema gates;
grant usage on schema gates to authenticated;
set search_path = gates;
create table t (id int, flag boolean, level text, owner uuid);
alter table t enable row level security;
grant select on t to authenticated;
create table members (user_id uuid, role text);
create function pair(out a boolean, out b boolean) language sql as $$ select true, true $$;
create function rows() returns setof boolean language sql as $$ select true where false $$;

-- What SELECT needs where a function with this body is all there is to a policy.
create function needs(body text, options text default 'stable set search_path = ''''', result text default 'boolean', condition text default 'gates.gate()')
returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create function gates.gate() returns %s language plpgsql %s as %L', result, options, body);
  execute format('create policy alone on gates.t using (%s)', condition);
  select concat_ws(', ', required_aal, max_age, note) into answer from auth.aal_matrix('gates.t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on gates.t;
  drop function gates.gate();
  return answer;
end
$$;

-- A gate is read as its statements say.
select body, needs(body) from unnest(array[
  $$begin return auth.has_aal('aal2'); end$$,
  $$begin return auth.has_aal('aal2', '15 minutes'); end$$,
  $$begin return auth.jwt() ->> 'aal' = 'aal2'; end$$,
  $$begin return (select auth.jwt() ->> 'aal') = 'aal2'; end$$,
  $$begin if (auth.jwt() ->> 'aal') = 'aal2' then return true; end if; return false; end$$,
  $$begin if auth.jwt() ->> 'aal' is distinct from 'aal2' then return false; end if; return true; end$$,
  $$begin if not auth.has_aal('aal2') then raise exception 'no' using errcode = '42501'; end if; return true; end$$,
  $$begin perform auth.require_aal('aal2', '5 minutes'); return true; end$$,
  $$declare reached boolean; begin select auth.jwt() ->> 'aal' = 'aal2' into reached; return coalesce(reached, false); end$$,
  $$declare level text := auth.jwt() ->> 'aal'; begin return level = 'aal2'; end$$,
  $$declare claims jsonb := auth.jwt(); level text; begin level := claims ->> 'aal'; if level is null or level <> 'aal2' then return false; end if; return true; end$$,
  $$declare claims jsonb; begin claims := current_setting('request.jwt.claims', true)::jsonb; return claims ->> 'aal' in ('aal2', 'aal3'); end$$,
  $$declare ok boolean := false; begin if auth.aal() = 'aal2' then ok := true; end if; return ok; end$$,
  $$begin case auth.jwt() ->> 'aal' when 'aal2' then return true; when 'aal3' then return true; else return false; end case; end$$,
  $$begin case when auth.jwt() ->> 'aal' = 'aal2' then return true; end case; end$$,
  $$begin if auth.uid() is not null then if not auth.has_aal('aal2') then return false; end if; return true; end if; return false; end$$,
  $$begin if not exists (select 1 from gates.members m where m.user_id = auth.uid()) then return false; end if; return auth.has_aal('aal2'); end$$,
  $$begin begin return auth.has_aal('aal2'); exception when others then return false; end; end$$,
  $$begin for i in 1..3 loop null; end loop; return auth.has_aal('aal2'); end$$,
  $$<<gate>> declare "if" text := auth.aal(); begin return gate."if" = 'aal2'; end gate$$
]) body;

-- NULL isn't true: these refuse nobody whose token has no level.
select body, needs(body) from unnest(array[
  $$begin if (auth.jwt() ->> 'aal') <> 'aal2' then return false; end if; return true; end$$,
  $$begin if (auth.jwt() ->> 'aal') <> 'aal2' then raise exception 'aal2_required'; end if; return true; end$$,
  $$begin if not (auth.jwt() ->> 'aal' = 'aal2') then raise exception 'aal2_required'; end if; return true; end$$,
  $$begin case when (auth.jwt() ->> 'aal') <> 'aal2' then return false; else return true; end case; end$$,
  $$declare ok boolean := true; begin if auth.aal() <> 'aal2' then ok := false; end if; return ok; end$$
]) body;

-- What can't be followed is possibly true, with the line.
select body, needs(body) from unnest(array[
  $$begin
  return gates.unknown();
end$$,
  $$declare ok boolean;
begin
  execute 'select ' || 'true' into ok;
  return ok;
end$$,
  $$begin
  begin
    perform auth.require_aal('aal2');
  exception when others then
    null;
  end;
  return true;
end$$,
  $$begin
  <<outer>>
  begin
    if random() < 0.5 then exit outer; end if;
    perform auth.require_aal('aal2');
  end;
  return true;
end$$,
  $$declare ok boolean; begin select true into ok from gates.members limit 1; return ok; end$$,
  $$declare ok boolean; begin select true into ok from auth.mfa_factors limit 1; return ok; end$$,
  $$begin if not (gates.unknown() and auth.has_aal('aal2')) then raise 'no'; end if; return true; end$$,
  $$begin if not (gates.rows() and auth.has_aal('aal2')) then raise 'no'; end if; return true; end$$,
  $$begin if not (gates.unknown() and auth.has_aal('aal2')) from gates.t then raise 'no'; end if; return true; end$$,
  $$declare a boolean; b boolean; begin select (gates.pair()).*, false into a, b; return b; end$$,
  $$declare ok boolean := 'true'; begin return ok and auth.has_aal('aal2'); end$$,
  $$begin perform set_config('request.jwt.claims', '{"aal":"aal2"}', true); return auth.has_aal('aal2'); end$$,
  $$begin set local request.jwt.claims = '{"aal":"aal2"}'; return auth.has_aal('aal2'); end$$,
  $$begin assert auth.has_aal('aal2'); return true; end$$,
  $$declare level varchar(3) := auth.aal(); begin return level = 'aal'; end$$,
  $$begin return 'a\b' = auth.aal(); end$$
]) body;

-- A variable that is varchar holds a text, cut to its length. What somebody made for varchar alone could be meant.
select body, needs(body) from unnest(array[
  $$declare level varchar := auth.aal(); begin return level = 'aal2'; end$$,
  $$declare level varchar(4); begin level := auth.jwt() ->> 'aal'; return level in ('aal2', 'aal3'); end$$,
  $$declare level pg_catalog.varchar(4) := auth.aal(); copy character varying(9) := level; begin return copy = 'aal2'; end$$,
  $$declare level varchar(3) := auth.aal() || '  '; begin return true; end$$,
  $$declare level varchar(3); begin level := coalesce(auth.aal(), 'none'); return true; end$$,
  $$declare level varchar(3); begin select auth.jwt() ->> 'aal' into level; return level is not null; end$$,
  $$declare level varchar(4) := auth.aal() || '  '; begin return level = 'aal2'; end$$,
  $$declare level varchar(4)[] := array[auth.aal()]; begin return level[1] = 'aal2'; end$$
]) body;
create function is_aal2(text) returns boolean language sql as $$ select $1 = 'aal2' $$;
create function is_aal2(varchar) returns boolean language sql as $$ select true $$;
select needs($$declare level varchar := auth.aal(); begin return gates.is_aal2(level); end$$) as overloaded;
drop function is_aal2(varchar);
select needs($$declare level varchar := auth.aal(); begin return gates.is_aal2(level); end$$) as alone;
create function are_equal(varchar, varchar) returns boolean language sql as $$ select true $$;
create operator = (leftarg = varchar, rightarg = varchar, function = are_equal);
select needs($$declare level varchar := auth.aal(); begin return level = 'aal2'; end$$, 'stable set search_path = gates') as operator;
select needs($$declare level text := auth.aal(); begin return level = 'aal2'; end$$, 'stable set search_path = gates') as of_texts;
drop operator = (varchar, varchar);
drop function is_aal2(text), are_equal;

-- The caller's search_path decides what a name means, so a function without its own is read only as far as it can't matter.
select options, needs($$begin return auth.has_aal('aal2'); end$$, options) from unnest(array[
  'stable', 'stable set search_path = public', 'stable set search_path = pg_catalog, public', 'stable set search_path = public, pg_catalog',
  'stable security definer set search_path = ''''', 'stable set search_path = '''' set work_mem = ''64MB''', 'stable set role = authenticated', 'stable strict set search_path = '''''
]) options;

-- Other types, parameters, and functions that call functions.
select needs($$begin return case when auth.has_aal('aal2') then 'yes' end; end$$, result => 'text', condition => $$gates.gate() = 'yes'$$) as text;
select needs($$begin if auth.uid() is null then return array['aal2']; end if; return array['aal1', 'aal2']; end$$, result => 'text[]',
  condition => $$array[auth.jwt() ->> 'aal'] <@ gates.gate()$$) as levels;
create function level_is(wanted text) returns boolean language plpgsql stable set search_path = '' as $$ begin return auth.aal() = wanted; end $$;
create function by_default(wanted text default 'aal2') returns boolean language plpgsql stable set search_path = '' as $$ begin return gates.level_is(wanted); end $$;
create function changed(wanted text) returns boolean language plpgsql stable set search_path = '' as $$ begin wanted := 'aal1'; return gates.level_is($1); end $$;
create function in_sql() returns boolean language sql stable set search_path = '' as $$ select gates.level_is('aal2') $$;
create function over(a text) returns boolean language plpgsql as $$ begin return auth.has_aal('aal2'); end $$;
create function over(a int) returns boolean language plpgsql as $$ begin return true; end $$;
create function calls_itself() returns boolean language plpgsql as $$ begin return gates.calls_itself(); end $$;
create function with_out(out answer boolean) language plpgsql as $$ begin answer := auth.has_aal('aal2'); end $$;
create function any_type(anyelement) returns boolean language plpgsql as $$ begin return auth.has_aal('aal2'); end $$;
create function condition_needs(condition text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy alone on gates.t using (%s)', condition);
  select concat_ws(', ', required_aal, max_age, note) into answer from auth.aal_matrix('gates.t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on gates.t;
  return answer;
end
$$;
select condition, condition_needs(condition) from unnest(array[
  $$gates.level_is('aal2')$$, $$gates.level_is(level)$$, $$gates.by_default()$$, $$gates.by_default('aal3')$$, $$gates.changed('aal2')$$, $$gates.in_sql()$$,
  $$gates.over('a'::text)$$, $$gates.over(1)$$, $$gates.calls_itself()$$, $$gates.with_out()$$, $$gates.any_type(1)$$, $$flag and gates.level_is('aal2')$$,
  $$gates.level_is('aal2') or gates.level_is('aal1')$$
]) condition;

-- After public policies: gates as they are written.
create function is_aal2() returns boolean set search_path = '' as $$
declare
  reached boolean;
begin
  select auth.jwt() ->> 'aal' = 'aal2' into reached;
  return coalesce(reached, false);
end
$$ language plpgsql;
create function levels_that_do() returns text[] as $$
declare
  factors int;
begin
  select count(*) into factors from auth.mfa_factors where auth.uid() = user_id and status = 'verified';
  if factors > 0 then
    return array['aal2'];
  end if;
  return array['aal1', 'aal2'];
end
$$ language plpgsql security definer;
create function verify_mfa() returns boolean language plpgsql security definer set search_path = '' as $$
begin
  return (select auth.jwt() ->> 'aal') = 'aal2' or (auth.jwt() -> 'amr') @> '[{"method":"otp"}]';
end
$$;
create function is_admin_not_null() returns boolean language plpgsql stable security definer set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') is not null and (auth.jwt() ->> 'aal') <> 'aal2' then
    if exists (select 1 from auth.mfa_factors where user_id = auth.uid() and status = 'verified') then return false; end if;
  end if;
  return true;
end
$$;
select condition, condition_needs(condition) from unnest(array[
  $$gates.is_aal2() and (select auth.jwt() -> 'app_metadata' ->> 'provider') = 'email'$$, $$array[(select auth.jwt() ->> 'aal')] <@ gates.levels_that_do()$$,
  $$gates.verify_mfa()$$, $$gates.is_admin_not_null()$$
]) condition;

-- A variable that is NOT NULL refuses a session without a level, which NULL would let in.
select body, needs(body) from unnest(array[
  $$declare l text not null := auth.aal(); begin if l <> 'aal2' then return false; end if; return true; end$$,
  $$declare l text not null := ''; begin l := auth.aal(); return l is distinct from 'aal1'; end$$,
  $$declare l text not null := ''; begin select auth.aal() into l; return l is distinct from 'aal1'; end$$,
  $$declare l text not null := ''; begin begin l := auth.aal(); exception when others then null; end; return l is distinct from 'aal1'; end$$,
  $$declare l text := auth.aal(); begin if l <> 'aal2' then return false; end if; return true; end$$
]) body;

-- Bodies of any size are read in bounded time, or possibly true.
set statement_timeout = '20s';
select needs('begin ' || repeat('if not auth.has_aal(''aal2'') then return false; end if; ', 10000) || 'return true; end') ~ '^none' as branches,
  needs('begin return true; --' || repeat('x', 1 << 20) || e'\nend') ~ '^none' as large,
  needs('begin ' || repeat('if auth.has_aal(''aal2'') then ', 500) || 'return true; ' || repeat('end if; ', 500) || 'return false; end') ~ '^none' as deep,
  needs('declare x boolean; begin ' || repeat('if x then x := not x; else x := x and x; end if; ', 500) || 'return x; end') as copies,
  needs('begin return ' || repeat('(', 3000) || 'auth.has_aal(''aal2'')' || repeat(')', 3000) || '; end') as parentheses;
reset statement_timeout;

-- Where settings are anybody's, a text means anything.
set pg_aal.claims_source = 'token';
select needs($$begin return auth.has_aal('aal2'); end$$);
reset pg_aal.claims_source;

set client_min_messages = error;
reset search_path;
drop schema gates cascade;
