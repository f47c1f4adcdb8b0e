-- A body that is too large, too deep or too odd to be read counts as open, within bounded time, and nobody is kept from an answer.
create schema hostile;
grant usage on schema hostile to public;
set search_path = hostile;
set client_min_messages = error;
set statement_timeout = '120s';
-- Postgres wouldn't take some of these otherwise; a dump is restored so.
set check_function_bodies = off;
create table protected_one (id int);
insert into protected_one values (1);
select count(*) > 0 as protected from auth.protect_table('protected_one');

-- A gate with this body, a table whose policy asks it, and a remote procedure with the same body before it deletes.
create function hostile.make(nr int, body text) returns void language plpgsql as $make$
begin
  execute format('create function hostile.gate_%s() returns boolean language plpgsql stable set search_path = '''' as %L', nr, body);
  execute format('create table hostile.t_%s (id int)', nr);
  execute format('insert into hostile.t_%s values (1)', nr);
  execute format('alter table hostile.t_%s enable row level security', nr);
  execute format('grant select on hostile.t_%s to authenticated', nr);
  execute format('create policy gated on hostile.t_%s using ((select hostile.gate_%s()))', nr, nr);
  execute format('create function hostile.rpc_%s() returns boolean language plpgsql security definer set search_path = '''' as %L', nr,
    regexp_replace(body, 'return true;(?!.*return true;)', 'delete from hostile.protected_one; return true;'));
end
$make$;

-- Each of these lets everybody in. What would keep somebody out stands where it isn't reached, or isn't code.
create table bodies (nr int generated always as identity, what text, body text);
insert into bodies (what, body) values
  ('1 MB of statements', 'begin ' || repeat('null; ', 180000) || 'return true; end'),
  ('1 MB of gates in comments', 'begin ' || repeat('/* perform auth.require_aal(''aal2''); */ ', 25000) || 'return true; end'),
  ('1 MB in one string', 'declare a text := ''' || repeat('x', 1000000) || '''; begin return true; end'),
  ('1 MB in one name', 'declare ' || repeat('a', 1000000) || ' text; begin return true; end'),
  ('10,000 branches', 'begin if auth.aal() = ''0'' then return false; ' || (select string_agg(format('elsif auth.aal() = ''%s'' then return false;', n), ' ') from generate_series(1, 10000) n) || ' else return true; end if; end'),
  ('10,000 branches of a CASE', 'begin case auth.aal() ' || (select string_agg(format('when ''%s'' then return false;', n), ' ') from generate_series(1, 10000) n) || ' else return true; end case; end'),
  ('10,000 ages', 'begin if auth.has_aal(''aal3'') then return false; ' || (select string_agg(format('elsif auth.has_aal(''aal2'', ''%s s'') then return false;', n), ' ') from generate_series(1, 10000) n) || ' else return true; end if; end'),
  ('10,000 conditions in a row', 'declare a boolean := true; begin ' || (select string_agg(format('if auth.aal() = ''%s'' then a := not a; end if;', n), ' ') from generate_series(1, 10000) n) || ' if a is not null then return true; end if; return false; end'),
  ('a value that doubles', 'declare a boolean := auth.aal() is null; begin ' || repeat('a := a or not a; ', 5000) || ' if a then return true; end if; return false; end'),
  ('a text that doubles', 'declare a text := coalesce(auth.aal(), ''x''); begin ' || repeat('if a <> '''' then a := a || a; end if; ', 22) || ' if a <> '''' then return true; end if; return false; end'),
  ('10,000 variables', 'declare ' || (select string_agg(format('a%s text := auth.aal();', n), ' ') from generate_series(1, 10000) n) || ' begin return true; end'),
  ('nested blocks', repeat('begin ', 2000) || 'return true;' || repeat(' end;', 1999) || ' end'),
  ('nested conditions', 'begin ' || repeat('if true then ', 2000) || 'return true;' || repeat(' end if;', 2000) || ' return false; end'),
  ('nested handlers', repeat('begin ', 200) || 'perform auth.require_aal(''aal3'');' || repeat(' exception when others then null; end;', 199) || ' return true; end'),
  ('nested parentheses', 'begin if ' || repeat('(', 2000) || 'true' || repeat(')', 2000) || ' then return true; end if; return false; end'),
  ('nested NOT', 'begin if ' || repeat('not ', 2000) || 'true then return true; end if; return false; end'),
  ('nested comments', 'begin ' || repeat('/* ', 50000) || 'return false;' || repeat(' */', 50000) || ' return true; end'),
  ('an open comment', 'begin return true; end /* perform auth.require_aal(''aal2'');'),
  ('an open string', 'begin return true; end ''perform auth.require_aal(''''aal2'''');'),
  ('an open dollar quote', 'begin return true; end $a$ perform auth.require_aal(''aal2'');'),
  ('no END', 'begin return true;'),
  ('10,000 ENDs', 'begin return true; ' || repeat('end; ', 10000)),
  ('nothing', ''),
  ('only a semicolon', ';'),
  ('only letters', repeat('begin', 200000)),
  ('only BEGIN', repeat('begin ', 100000)),
  ('only IF', 'begin ' || repeat('if true then ', 60000)),
  ('only labels', repeat('<<a>> ', 100000) || 'begin return true; end');
select count(make(nr, body)) from bodies;

select b.nr, what, required_aal from bodies b join auth.aal_matrix() m on m.target = format('t_%s', nr)::regclass and role = 'authenticated' and command = 'SELECT'
 where required_aal <> 'none' order by nr;
select b.nr, what, required_aal from bodies b join auth.aal_functions() f on f.target = format('rpc_%s()', nr)::regprocedure and role = 'authenticated'
 where required_aal <> 'none' order by nr;
select count(*) > 0 as lint from auth.aal_lint();
select length(auth.aal_report()) > 1000 as report;
-- What follows isn't about these.
do $$
begin
  for nr in 1..(select count(*) from hostile.bodies) loop
    execute format('drop table hostile.t_%1$s; drop function hostile.gate_%1$s(), hostile.rpc_%1$s()', nr);
  end loop;
end
$$;

-- They call one another, themselves, and twice each.
create function loops() returns boolean language plpgsql stable as 'begin return hostile.loops(); end';
create function to_and() returns boolean language plpgsql stable as 'begin return hostile.fro(); end';
create function fro() returns boolean language plpgsql stable as 'begin if auth.aal() is null then return true; end if; return hostile.to_and(); end';
create function twice_0() returns boolean language plpgsql stable as 'begin return true; end';
do $$
begin
  for n in 1..300 loop
    execute format('create function hostile.twice_%s() returns boolean language plpgsql stable as %L', n, format('begin return hostile.twice_%s() and hostile.twice_%s(); end', n - 1, n - 1));
  end loop;
end
$$;
create table calls (id int);
alter table calls enable row level security;
grant select, insert, update, delete on calls to authenticated;
create policy a on calls for select using (hostile.loops());
create policy b on calls for insert with check (hostile.to_and());
create policy c on calls for delete using (hostile.twice_300());
select command, required_aal from auth.aal_matrix('calls') where role = 'authenticated' and command in ('SELECT', 'INSERT', 'DELETE') order by command;

-- Odd, but Postgres runs it: never stated above the level that gets in. (No row is right.)
create table odd (nr int generated always as identity, body text);
insert into odd (body) values
  ($b$ declare "if" text := auth.jwt() ->> 'aal'; begin if "if" = 'aal2' then return true; end if; return false; end $b$),
  ($b$ declare "end" boolean := true; begin if "end" then return true; end if; return auth.has_aal('aal3'); end $b$),
  ($b$ declare "return false;" boolean := true; begin return "return false;"; end $b$),
  ($b$ declare "a""b" boolean := false; "a" boolean := true; begin return "a""b" or "a"; end $b$),
  ($b$ begin return $q$return false;$q$ = $q$return false;$q$; end $b$),
  ($b$ begin return $a$ $b $a$ <> $a$$a$ /* ' */; end $b$),
  ($b$ begin return E'\' or auth.has_aal(\'aal3\')' <> ''; end $b$),
  ($b$ begin return U&'\0061al2' = 'aal2'; end $b$),
  ($b$ declare "é" boolean := true; begin return "é"; end $b$),
  ($b$ declare é boolean := auth.has_aal('aal2'); É boolean := true; begin return É; end $b$),
  ($b$ declare "🔑" text := '🔒'; begin if "🔑" <> '🔒' then return false; end if; return auth.has_aal('aal1'); end $b$),
  ($b$ declare U&"\0061" boolean := true; begin return a; end $b$),
  ($b$ begin return auth.jwt() ->> U&'\0061al' = E'\x61al2'; end $b$),
  ($b$ begin return auth.jwt() ->> 'a' 'al' = 'aal2'; exception when others then return true; end $b$),
  ($b$ begin return auth.jwt() ->> 'a'
    'al' = 'aal2'; end $b$),
  ($b$ begin return auth.has_aal('aal2') -- ; return true;
    ; end $b$),
  ($b$ begin return/**/auth.has_aal('aal2')/* ; /* */ or true */; end $b$),
  ($b$ begin /* ' */ return true; /* ' */ return false; end $b$),
  ($b$ begin -- '
    return true; -- '
    return false; end $b$),
  ($b$ Begin reTurn tRue And auth.HAS_AAL('aal2'); eNd $b$),
  ($b$ declare begin_ boolean; loop_ boolean := true; begin return loop_; end $b$),
  ($b$ declare raise_ text; exception_ boolean; begin exception_ := true; return exception_; end $b$),
  ($b$ declare found boolean := true; begin return found; end $b$),
  ($b$ begin perform 1; return found; end $b$),
  ($b$ begin perform 1 where false; return not found; end $b$),
  ($b$ declare sqlstate text := 'x'; begin return sqlstate = 'x'; end $b$),
  ($b$ declare a boolean := false; begin declare a boolean := true; begin null; end; return a; end $b$),
  ($b$ declare a boolean := true; begin declare a boolean := false; begin a := false; end; return a; end $b$),
  ($b$ declare a boolean := true; begin declare b boolean := a; a boolean := false; begin return b; end; end $b$),
  ($b$ <<outer_>> declare a boolean := true; begin declare a boolean := false; begin return outer_.a; end; end $b$),
  ($b$ <<a>> begin exit a; return false; end a; $b$),
  ($b$ begin <<a>> begin if auth.aal() is null then exit a; end if; return auth.has_aal('aal2'); end a; return true; end $b$),
  ($b$ begin for i in 1..2 loop continue when i = 1; exit; return false; end loop; return true; end $b$),
  ($b$ begin raise exception 'x'; exception when others then return true; end $b$),
  ($b$ begin perform auth.require_aal('aal2'); return true; exception when insufficient_privilege then return true; end $b$),
  ($b$ begin perform auth.require_aal('aal2'); return true; exception when division_by_zero then return true; end $b$),
  ($b$ declare a int not null := 1; begin a := null; return false; exception when null_value_not_allowed then return true; end $b$),
  ($b$ declare a boolean; begin select true into a where auth.aal() is null; return a; end $b$),
  ($b$ declare a boolean := true; begin select false into a where false; return a is null; end $b$),
  ($b$ declare a boolean := true; begin select true into strict a where false; return false; exception when no_data_found then return true; end $b$),
  ($b$ declare a boolean; b boolean; begin select true, false into a, b; return a; end $b$),
  ($b$ declare a record; begin select true as x into a; return a.x; end $b$),
  ($b$ declare a boolean; begin execute 'select true' into a; return a; end $b$),
  ($b$ declare a boolean := false; b alias for a; begin b := true; return a; end $b$),
  ($b$ declare a char(4) := 'aal2xx'; begin return a = 'aal2'; exception when others then return true; end $b$),
  ($b$ declare a varchar(3) := coalesce(auth.aal(), 'aal'); begin return true; exception when others then return false; end $b$),
  ($b$ declare a boolean := 't'; begin return a; end $b$),
  ($b$ declare a int := '1'; begin return a = 1; end $b$),
  ($b$ declare a int := 1.5; begin return a = 2; end $b$),
  ($b$ declare a numeric := 1.5; begin return a <> 2; end $b$),
  ($b$ declare a text := null; begin if a <> 'x' then return false; end if; return true; end $b$),
  ($b$ declare a text := auth.aal(); begin if a <> 'aal2' then return false; else return true; end if; end $b$),
  ($b$ declare a text := auth.aal(); begin if not (a = 'aal2') then return false; end if; return true; end $b$),
  ($b$ declare a text := auth.aal(); begin case when a <> 'aal2' then return false; else return true; end case; end $b$),
  ($b$ declare a text := auth.aal(); begin case a when 'aal1' then return false; else return true; end case; end $b$),
  ($b$ declare a text := auth.aal(); begin case a when 'aal2' then return true; end case; exception when case_not_found then return true; end $b$),
  ($b$ begin assert auth.has_aal('aal2'); return true; exception when assert_failure then return true; end $b$),
  ($b$ begin if auth.has_aal('aal2') then return false; end if; return true; end $b$),
  ($b$ #variable_conflict use_column
    declare a boolean := true; begin return (select a from (select false as a) t) is false; end $b$),
  ($b$ #print_strict_params on
    begin return true; end $b$),
  ($b$ declare c cursor for select true; a boolean; begin open c; fetch c into a; return a; end $b$),
  ($b$ declare a boolean[] := array[false, true]; begin return a[2]; end $b$),
  ($b$ declare a jsonb := '{}'; begin a['x'] := 'true'; return a ? 'x'; end $b$),
  ($b$ declare a boolean := false; begin foreach a in array array[false, true] loop null; end loop; return a; end $b$),
  ($b$ declare a boolean := false; begin while not a loop a := true; end loop; return a; end $b$),
  ($b$ declare a boolean := false; begin loop a := true; exit; end loop; return a; end $b$),
  ($b$ declare a boolean := false; begin for a in select true loop return a; end loop; return false; end $b$),
  ($b$ declare i int := 5; begin for i in 1..1 loop null; end loop; return i = 5; end $b$),
  ($b$ declare a boolean := false; begin begin a := true; raise exception 'x'; exception when others then null; end; return a; end $b$),
  ($b$ declare a text; begin get stacked diagnostics a = message_text; return true; exception when others then return true; end $b$),
  ($b$ declare a int; begin perform 1; get diagnostics a = row_count; return a = 1; end $b$),
  ($b$ declare a boolean := true; begin a = not a; return not a; end $b$),
  ($b$ begin return (auth.jwt() ->> 'aal') operator(pg_catalog.<>) 'aal1' or auth.jwt() is null; end $b$),
  ($b$ begin return not exists (select 1 from (select auth.aal() as aal) t where aal is not null); end $b$);
select count(make(1000 + nr, body)) from odd;

create table tried (nr int, level text);
create table called (nr int, level text);
do $$
declare
  one odd;
  claims text;
  rows bigint;
begin
  for one in select * from odd loop
    for claims in select unnest(array['none', 'aal1', 'aal2', 'aal3']) loop
      begin
        if claims = 'none' then perform set_config('request.jwt.claims', '', true); else perform test.sign_in(claims); end if;
        perform set_config('role', 'authenticated', true);
        execute format('select count(*) from hostile.t_%s', 1000 + one.nr) into rows;
        raise sqlstate 'UNDO0';
      exception
        when sqlstate 'UNDO0' then
          if rows > 0 then
            insert into hostile.tried values (one.nr, claims);
            exit;
          end if;
        when others or assert_failure then null;
      end;
    end loop;
    for claims in select unnest(array['none', 'aal1', 'aal2', 'aal3']) loop
      begin
        if claims = 'none' then perform set_config('request.jwt.claims', '', true); else perform test.sign_in(claims); end if;
        perform set_config('role', 'authenticated', true);
        execute format('select hostile.rpc_%s()', 1000 + one.nr);
        perform set_config('role', 'none', true);
        select count(*) into rows from hostile.protected_one;
        raise sqlstate 'UNDO0';
      exception
        when sqlstate 'UNDO0' then
          if rows = 0 then
            insert into hostile.called values (one.nr, claims);
            exit;
          end if;
        when others or assert_failure then null;
      end;
    end loop;
  end loop;
end
$$;
select count(*) as get_in, count(*) filter (where level = 'none') as at_none from tried;
select nr, body, required_aal, coalesce(level, 'denied') as gets_in_at
  from odd left join tried using (nr) join auth.aal_matrix() m on m.target = format('t_%s', 1000 + nr)::regclass and role = 'authenticated' and command = 'SELECT'
 where array_position(array['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied'], required_aal)
     > array_position(array['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied'], coalesce(level, 'denied'))
 order by nr;
select count(*) > 5 as some_get_in from called;
select nr, body, required_aal, level as gets_in_at
  from odd join called using (nr) left join auth.aal_functions() f on f.target = format('rpc_%s()', 1000 + nr)::regprocedure and role = 'authenticated'
 where array_position(array['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied'], coalesce(required_aal, 'denied'))
     > array_position(array['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied'], level)
 order by nr;

-- A role whose name isn't UTF-8 owns a procedure and a gate, and may call them: nobody is kept from an answer.
create database latin_of_bodies encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C';
\c latin_of_bodies
set client_encoding = 'UTF8';
create role "propriétaire";
create role "été" in role authenticated;
\c regression
set search_path = hostile;
set client_min_messages = error;
do $$
declare
  name text;
begin
  for name in select format('%s', oid::regrole) from pg_roles where oid >= 16384 and rolname::text !~ '^[ -~]*$' loop
    execute format('grant all on hostile.protected_one to %s', name);
    execute format('grant execute on function hostile.rpc_1001() to %s', name);
  end loop;
  select format('%s', oid::regrole) into strict name from pg_roles where oid >= 16384 and rolname::text !~ '^[ -~]*$' order by oid limit 1;
  execute format('alter function hostile.rpc_1001() owner to %s', name);
  execute format('alter function hostile.gate_1001() owner to %s', name);
end
$$;
select count(*) > 0 as matrix from auth.aal_matrix();
select count(*) > 0 as functions from auth.aal_functions();
select count(*) > 0 as lint from auth.aal_lint();
select length(auth.aal_report()) > 1000 as report;
drop schema hostile cascade;
\c latin_of_bodies
set client_encoding = 'UTF8';
drop role "été", "propriétaire";
\c regression
drop database latin_of_bodies;
