-- 0045_portable_altered finds each function of the portable edition that isn't as a release made it, and the matrix reads such an edition
-- like any other functions.
\getenv srcdir PG_ABS_SRCDIR
\set edition :srcdir '/../../portable/pg_aal_portable--0.1.0.sql'
\set ECHO none
\i :edition
\set ECHO all
create view public.findings as select level, detail, metadata ->> 'type' as type, cache_key from auth.aal_lint() where name like '0045%' order by cache_key collate "C";
create table public.lint_0045 (id int, note text);
alter table public.lint_0045 enable row level security;
grant select, insert on public.lint_0045 to authenticated;
create policy everybody on public.lint_0045 using (true);
create policy wrapped on public.lint_0045 as restrictive for select using ((select aal.has_aal('aal2')));
create policy aged on public.lint_0045 as restrictive for insert with check ((select aal.has_aal('aal2', '15 minutes')));
create view public.needs as
  select command, required_aal, max_age, note is not null as doubted from auth.aal_matrix('public.lint_0045', 'authenticated') where command in ('SELECT', 'INSERT');

-- As the release made it: no finding, and the matrix knows what it answers.
select * from findings;
select * from needs;
-- A bare call is evaluated for every row, also in a function that Postgres inlines.
create function public.inlined() returns boolean language sql stable as $$ select aal.has_aal('aal2') $$;
begin;
create policy bare on public.lint_0045 as restrictive for insert with check (aal.has_aal('aal2'));
create policy inlined on public.lint_0045 as restrictive for insert with check (public.inlined());
create policy inlined_and_wrapped on public.lint_0045 as restrictive for insert with check ((select public.inlined()));
select name, detail from auth.aal_lint() where name like '0011%' and metadata ->> 'name' = 'lint_0045' order by 2;
rollback;
drop function public.inlined();
-- The matrix reads functions that call it.
create function public.is_aal2() returns boolean language plpgsql stable set search_path = '' as $$ begin return aal.has_aal('aal2'); end $$;
create policy by_function on public.lint_0045 as restrictive for insert with check ((select public.is_aal2()));
drop policy aged on public.lint_0045;
select * from needs;
drop policy by_function on public.lint_0045;
create policy aged on public.lint_0045 as restrictive for insert with check ((select aal.has_aal('aal2', '15 minutes')));
-- Functions of other names in the schema are somebody's own.
create function aal.of_the_application() returns int language sql as $$ select 1 $$;
create function aal.has_second_factor(subject text) returns boolean language sql stable as $$ select true $$;
select * from findings;

-- Each part of a definition counts.
begin;
create or replace function aal.has_aal(level text, max_age interval default null) returns boolean
language plpgsql stable parallel safe set search_path = '' as $$ begin return true; end $$;
select * from findings;
select * from needs;
rollback;
begin;
alter function aal.has_aal(text, interval) security definer;
select detail from findings;
select * from needs;
rollback;
begin;
alter function aal.has_aal(text, interval) reset search_path;
alter function aal.read_claims() set search_path = public;
alter function aal.level_of(jsonb) immutable;
select detail from findings;
rollback;
-- One that another one calls.
begin;
create or replace function aal.level_of_guests() returns text language plpgsql stable parallel safe set search_path = '' as $$ begin return 'aal1'; end $$;
select detail from findings;
rollback;
-- An overload: a call could mean it.
begin;
create function aal.has_aal(level name) returns boolean language sql stable as $$ select true $$;
select detail from findings;
create policy planted on public.lint_0045 as restrictive for insert with check (aal.has_aal('aal2'::name));
drop policy aged on public.lint_0045;
select * from needs;
rollback;
-- One that is missing.
begin;
drop function aal.aal_status();
select detail from findings;
rollback;

-- By its names alone, nothing is the portable edition.
set client_min_messages = error;
drop schema aal cascade;
create schema aal;
grant usage on schema aal to public;
create function aal.has_aal(level text, max_age interval default null) returns boolean
language plpgsql stable parallel safe set search_path = '' as $$ begin return true; end $$;
create policy wrapped on public.lint_0045 as restrictive for select using ((select aal.has_aal('aal2')));
select * from findings;
select * from needs;

drop schema aal cascade;
drop view public.findings, public.needs;
drop table public.lint_0045;
drop function public.is_aal2();
