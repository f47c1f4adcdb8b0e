-- A name in a function's text means what the function's own search_path makes of it. aal_matrix reads it where that is certain.
begin;
-- A text may name what isn't there.
set local check_function_bodies = off;
create schema project;
create schema attic;
create schema "Odd, ""one""";
grant usage on schema project to authenticated;
create table project.t (id int);
alter table project.t enable row level security;
grant select on project.t to authenticated;
create function project.is_aal2() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal' = 'aal2', false) $$;
create function project.is_level(level text) returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal' = level, false) $$;
create function project.is_level(level int) returns boolean language sql stable as $$ select true $$;
create function attic.is_aal3() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal' = 'aal3', false) $$;
create function "Odd, ""one""".is_aal3() returns boolean language sql stable as $$ select coalesce(auth.jwt() ->> 'aal' = 'aal3', false) $$;

-- What SELECT needs behind a gate with this search_path and text.
create function needs(path text, body text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute concat('create function project.gate() returns boolean language sql stable ', 'set search_path = ' || path, ' as ', quote_literal(body));
  create policy alone on project.t using (project.gate());
  select required_aal into answer from auth.aal_matrix('project.t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on project.t;
  drop function project.gate();
  return answer;
end
$$;

-- With a schema, or found in the path; in no other schema than one.
select path, body, needs(path, body) from (values
  ($$''$$, 'select project.is_aal2()'), ('project', 'select is_aal2()'), ('project, attic', 'select is_aal2()'), ('attic, project', 'select is_aal2()'), ('pg_catalog, project', 'select is_aal2()'), ('project, pg_temp', 'select is_aal2()'),
  ($$''$$, 'select is_aal2()'), (null, 'select is_aal2()'), (null, 'select project.is_aal2()'), ('attic', 'select is_aal2()'), ('"$user", project', 'select is_aal2()'), ('project, pg_catalog', 'select is_aal2()'), ('project, pg_catalog', 'select project.is_aal2()'),
  ('attic, project', 'select is_aal3()'), ('attic, "Odd, ""one"""', 'select is_aal3()'), ('"Odd, ""one"""', 'select is_aal3()'), ('ATTIC', 'select is_aal3()')) cases(path, body);

-- Of several by one name, that with exactly these types.
select path, body, needs(path, body) from (values
  ('project', $$select is_level('aal2'::text)$$), ('project', $$select is_level(auth.jwt() ->> 'aal')$$), ('project', 'select is_level(2)'), ('project', $$select is_level('aal2')$$), ($$''$$, $$select project.is_level('aal2'::text)$$)) cases(path, body);

-- The path holds for what the function calls, too: also where that is the wrong one.
create function project.calls() returns boolean language sql stable as $$ select is_aal2() $$;
create operator attic.= (leftarg = text, rightarg = text, function = textne);
create function project.atomic() returns boolean language sql stable set search_path = attic, pg_catalog begin atomic select project.is_aal2(); end;
select needs('project', 'select project.calls()') as pinned, needs($$''$$, 'select project.calls()') as lost, needs($$''$$, 'select project.atomic()') as in_the_way;

-- Postgres' own names are what they are unless somebody made others.
select body, needs($$''$$, body), needs('project', body) from unnest(array[$$select lower(auth.jwt() ->> 'aal') = 'aal2'$$, $$select auth.jwt() @? '$.aal ? (@ == "aal2")'$$, $$select array[auth.jwt() ->> 'aal'] <@ array['aal2']$$, $$select auth.jwt() ->> 'aal' between 'aal2' and 'aal3'$$]) body;
create function project.lower(varchar) returns text language sql immutable as $$ select 'aal2' $$;
create function project.differ(text[], text[]) returns boolean language sql immutable as $$ select true $$;
create operator project.<@ (leftarg = text[], rightarg = text[], function = project.differ);
create function project.found(jsonb, jsonb) returns boolean language sql immutable as $$ select true $$;
create operator project.@? (leftarg = jsonb, rightarg = jsonb, function = project.found);
select body, needs('project', body) from unnest(array[$$select lower(auth.jwt() ->> 'aal') = 'aal2'$$, $$select auth.jwt() @? '$.aal ? (@ == "aal2")'$$, $$select array[auth.jwt() ->> 'aal'] <@ array['aal2']$$, $$select auth.jwt() ->> 'aal' between 'aal2' and 'aal3'$$]) body;
rollback;
