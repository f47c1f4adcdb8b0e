-- A function's gate needs the level that a session must show before anything in its body happens. Each body is also called at each
-- level, and none gets through below what is said.
\set SHOW_CONTEXT never
set client_min_messages = warning;
create schema gates;
grant usage on schema gates to anon, authenticated;
set search_path = gates, public;
create table t (id int default 1);
create policy everybody on t using (true);
grant select, insert, update, delete on t to authenticated;
select count(*) from auth.protect_table('t');
create function f() returns int language sql security definer set search_path = '' as $$ delete from gates.t; select 1 $$;
revoke execute on function f() from public;
create function mine_requires(text) returns boolean language sql as 'select true';
create table profiles (id text, is_admin boolean);
create function must_be_aal2() returns void language plpgsql set search_path = '' as $$
begin
  if (auth.jwt() ->> 'aal') is distinct from 'aal2' then
    raise exception 'aal2_required';
  end if;
end
$$;
create function is_aal2() returns boolean language plpgsql stable set search_path = '' as $$
begin
  return coalesce(auth.jwt() ->> 'aal', '') = 'aal2';
end
$$;

create table bodies (n serial, expected text, language text default 'plpgsql', body text);
-- A body that begins by asking needs that level.
insert into bodies (expected, body) values
  ('aal2', 'begin perform auth.require_aal(''aal2''); delete from gates.t; end'),
  ('aal2', 'BEGIN PERFORM auth.require_aal(''aal2'', ''5 minutes''); delete from gates.t; END'),
  ('aal1', 'begin perform "auth" . require_aal /* */ (''aal1''); delete from gates.t; end'),
  ('enrolled', 'begin perform auth.require_enrolled_aal(); delete from gates.t; end'),
  ('aal3', 'declare n int; m text := ''x''; begin perform auth.require_aal(''aal3''); delete from gates.t; end'),
  ('aal2', 'begin if not auth.has_aal(''aal2'') then raise exception ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin if not auth.has_aal(''aal2'') then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin if not auth.has_aal(''aal2'') then return; end if; delete from gates.t; end'),
  ('aal2', E'#variable_conflict use_column\n<<a>> begin perform auth.require_aal(''aal2''); delete from gates.t; end'),
-- So does one of the project's own, in every spelling that is read.
  ('aal2', 'begin if (auth.jwt() ->> ''aal'') is distinct from ''aal2'' then raise exception ''aal2_required''; end if; delete from gates.t; end'),
  ('aal2', 'begin if coalesce(auth.jwt() ->> ''aal'', '''') <> ''aal2'' then raise exception ''aal2_required''; end if; delete from gates.t; end'),
  ('aal2', 'declare level text := auth.jwt() ->> ''aal''; begin if level is null or level <> ''aal2'' then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin if auth.jwt() is null or not auth.jwt() @> ''{"aal":"aal2"}'' then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin if auth.jwt() is null or not auth.jwt() @> ''{"aal":"aal2"}'' then return; end if; delete from gates.t; end'),
  ('aal2', 'begin if auth.jwt() @> ''{"aal":"aal2"}'' and auth.jwt() is not null then delete from gates.t; end if; end'),
  ('aal2', 'declare level varchar := auth.jwt() ->> ''aal''; begin if level is distinct from ''aal2'' then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'declare level varchar(4) := auth.jwt() ->> ''aal''; begin if (level = ''aal2'') is not true then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'declare level character varying (20); begin level := auth.jwt() ->> ''aal''; if coalesce(level, '''') <> ''aal2'' then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin perform gates.must_be_aal2(); delete from gates.t; end'),
  ('aal2', 'begin if not gates.is_aal2() then raise ''no''; end if; delete from gates.t; end'),
  ('aal2', 'begin if auth.claims() ->> ''aal'' = ''aal2'' then delete from gates.t; end if; end'),
  ('aal2', 'begin if auth.has_aal(''aal2'') then delete from gates.t; else raise ''no''; end if; end'),
-- A table that asks for no level may be read before, to decide.
  ('aal2', 'declare admin boolean; begin select p.is_admin into admin from gates.profiles p where p.id = auth.subject(); perform auth.require_aal(''aal2''); delete from gates.t; end'),
  ('aal2', 'begin if exists (select from auth.mfa_factors) then raise notice ''x''; end if; perform auth.require_aal(''aal2''); delete from gates.t; end'),
-- A body that could do something without the level needs none.
  ('none', 'begin delete from gates.t; perform auth.require_aal(''aal2''); end'),
  ('none', 'begin perform auth.require_aal(''aal2'') where false; delete from gates.t; end'),
  ('none', 'begin perform auth.require_aal(''aal2'') from gates.profiles; delete from gates.t; end'),
  ('none', 'begin perform gates.mine_requires(''aal2''); delete from gates.t; end'),
  ('aal1', 'declare level text := current_setting(''some.level'', true); begin perform auth.require_aal(coalesce(nullif(level, ''''), ''aal1'')); delete from gates.t; end'),
  ('none', 'begin perform auth.require_aal(''aal2''); exception when others then delete from gates.t; end'),
  ('none', 'begin begin perform auth.require_aal(''aal2''); exception when others then null; end; delete from gates.t; end'),
  ('none', 'declare n int := gates.f(); begin perform auth.require_aal(''aal2''); end'),
  ('none', 'declare n int default (select gates.f()); begin perform auth.require_aal(''aal2''); end'),
  ('none', 'begin perform auth.has_aal(''aal2''); delete from gates.t; end'),
  ('none', 'begin if not auth.has_aal(''aal2'') then raise notice ''no''; end if; delete from gates.t; end'),
  ('none', 'begin if not auth.has_aal(''aal2'') and false then return; end if; delete from gates.t; end'),
  ('none', 'begin if auth.has_aal(''aal2'') then return; end if; delete from gates.t; end'),
  ('none', 'begin if not auth.has_aal(''aal2'') then perform gates.f(); end if; end'),
  ('none', 'begin perform ''auth.require_aal(''''aal2'''');''; delete from gates.t; end'),
  ('none', 'begin /* perform auth.require_aal(''aal2''); */ delete from gates.t; end'),
  ('none', 'begin if (auth.jwt() ->> ''aal'') <> ''aal2'' then raise exception ''aal2_required''; end if; delete from gates.t; end'),
  ('none', 'begin if not (auth.jwt() ->> ''aal'' = ''aal2'') then raise exception ''aal2_required''; end if; delete from gates.t; end'),
  ('none', 'begin perform set_config(''request.jwt.claims'', ''{"aal":"aal2"}'', true); perform auth.require_aal(''aal2''); delete from gates.t; end'),
  ('aal2', 'begin execute ''select auth.require_aal(''''aal2'''')''; delete from gates.t; end'),
  ('aal2', 'declare ok boolean; begin execute $q$select auth.has_aal(''aal2'')$q$ into ok; if ok then delete from gates.t; end if; end'),
  ('none', 'begin execute ''select auth.require_aal(''''aal2'''') where false''; delete from gates.t; end'),
  ('none', 'declare ok boolean := auth.has_aal(''aal2''); begin execute ''select ok from (values (true)) v(ok)'' into ok; if ok then delete from gates.t; end if; end'),
  ('none', 'begin execute ''select gates.f()''; perform auth.require_aal(''aal2''); end'),
  ('none', 'begin execute ''select auth.require_aal('' || ''''''aal2'''')''; delete from gates.t; end'),
  ('none', 'begin execute ''delete from gates.t''; perform auth.require_aal(''aal2''); end'),
  ('none', 'begin <<a>> begin if true then exit a; end if; perform auth.require_aal(''aal2''); end; delete from gates.t; end'),
  ('none', 'begin <<a>> begin exit a; perform auth.require_aal(''aal2''); end; delete from gates.t; end'),
  ('none', 'begin while false loop perform auth.require_aal(''aal2''); end loop; delete from gates.t; end'),
  ('none', 'begin if not auth.jwt() @> ''{"aal":"aal2"}'' then raise ''no''; end if; delete from gates.t; end'),
  ('none', 'declare level varchar(3) := coalesce(auth.jwt() ->> ''aal'', ''aal''); begin if level = ''aal'' then delete from gates.t; end if; end'),
  ('none', 'begin assert auth.has_aal(''aal2''); delete from gates.t; end');
insert into bodies (expected, language, body) values
  ('aal2', 'sql', 'select auth.require_aal(''aal2''); delete from gates.t'),
  ('none', 'sql', 'select auth.require_aal(''aal2'') where false; delete from gates.t'),
  ('none', 'sql', 'select auth.require_aal(''aal2''), gates.f()'),
  ('aal2', 'sql', 'insert into gates.t select 1 where current_setting(''request.jwt.claims'', true)::jsonb ->> ''aal'' = ''aal2'''),
  ('aal2', 'sql', 'insert into gates.t select abs(1) from gates.profiles where (nullif(current_setting(''request.jwt.claims'', true), '''')::json ->> ''aal'') = ''aal2'''),
  ('none', 'sql', 'insert into gates.t select max(1) where auth.has_aal(''aal2'')'),
  ('none', 'sql', 'insert into gates.t select pg_catalog."count"(*) from gates.profiles where auth.has_aal(''aal2'')'),
  ('aal2', 'sql', 'select * from gates.t where auth.has_aal(''aal2'')');

do $$
declare
  it record;
begin
  for it in select * from gates.bodies order by n loop
    begin
      execute format('create function gates.body_%s() returns %s language %s security definer set search_path = '''' as %L',
                     it.n, case when it.body ~ '^select \*' then 'setof int' else 'void' end, it.language, it.body);
    exception when others then
      update gates.bodies set body = body || ' -- ' || sqlerrm where n = it.n;
    end;
  end loop;
end
$$;

create temp table said as
  select bodies.n, coalesce(f.required_aal, 'no row') as said, f.note
    from bodies left join auth.aal_functions(role => 'authenticated') f on f.target::text = format('body_%s()', n);
-- Where it isn't as expected. A level that is too low may need work, one that is too high is a fault.
select b.n, b.expected, s.said, s.note, b.body from bodies b join said s using (n) where s.said <> b.expected order by b.n;

create function attempt(call text, level text) returns text language plpgsql as $$
declare
  found_rows int;
begin
  delete from gates.t;
  insert into gates.t values (1);
  perform test.sign_in(level);
  if level = 'none' then perform test.sign_out(); end if;
  perform set_config('role', 'authenticated', true);
  execute 'select ' || call;
  get diagnostics found_rows = row_count;
  perform set_config('role', 'postgres', true);
  return case when not exists (select from gates.t) or (call ~ 'rows' and found_rows > 0) then 'through' else 'nothing' end;
exception when others then
  return 'refused';
end
$$;
-- None gets through below what is said.
select b.n, s.said, level, b.body
  from bodies b join said s using (n) cross join unnest(array['none', 'aal1', 'aal2']) with ordinality as l(level, rank)
 where rank < case s.said when 'aal1' then 2 when 'enrolled' then 2 when 'aal2' then 3 when 'aal3' then 4 else 0 end
   and to_regprocedure(format('gates.body_%s()', n)) is not null
   and b.body !~ 'assert'
   and attempt(format('gates.body_%s()', n), level) = 'through'
 order by 1, 3;
reset role;
select test.sign_out();

-- Notes name lines.
create function unreadable() returns void language plpgsql security definer set search_path = '' as $$
declare
  n int;
begin
  for n in 1..3 loop
    perform auth.require_aal('aal2');
  end loop;
  delete from gates.t;
end
$$;
create function caught() returns void language plpgsql security definer set search_path = '' as $$
begin
  begin
    perform auth.require_aal('aal2');
  exception when others then
    null;
  end;
  delete from gates.t;
end
$$;
select target, required_aal, note from auth.aal_functions(role => 'authenticated') where target::text in ('unreadable()', 'caught()') order by 1;
select metadata ->> 'name' as function, detail from auth.aal_lint() where name like '0014%' and metadata ->> 'name' in ('unreadable', 'caught') order by 1;

-- A keyword that Postgres lets be the name of a function may be one: what that does counts.
create function query() returns void language sql as 'delete from gates.t';
create function notice() returns void language sql as 'delete from gates.t';
create function cube() returns int language sql as 'delete from gates.t returning 1';
create function calls_query() returns void language plpgsql security definer set search_path = gates as $$
begin
  perform query();
  perform auth.require_aal('aal2');
end
$$;
create function calls_notice() returns void language plpgsql security definer set search_path = gates as $$
begin
  perform notice();
  if not (auth.has_aal('aal2')) then
    return;
  end if;
  delete from gates.t;
end
$$;
create function calls_cube() returns void language plpgsql security definer set search_path = gates as $$
declare
  n int := cube();
begin
  perform auth.require_aal('aal2');
end
$$;
select target, required_aal from auth.aal_functions(role => 'authenticated') where target::text ~ '^calls_' order by 1;

-- Others' functions and operators come before Postgres' own: nothing is taken at its word, and the note says so.
create function others_first() returns void language plpgsql security definer set search_path = gates, pg_catalog as $$
declare
  level text := auth.aal();
begin
  if level is distinct from 'aal2' then
    raise exception 'no';
  end if;
  delete from gates.t;
end
$$;
-- A statement that begins with WITH is taken to do something in any case.
create function begins_with_with() returns void language sql security definer set search_path = '' as $$
  with found as (select 1) delete from gates.t where auth.has_aal('aal2')
$$;
select target, required_aal, note from auth.aal_functions(role => 'authenticated') where target::text in ('others_first()', 'begins_with_with()') order by 1;
reset search_path;
set client_min_messages = error;
drop schema gates cascade;
