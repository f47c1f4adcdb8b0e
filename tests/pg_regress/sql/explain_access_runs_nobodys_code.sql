-- explain_access runs nothing that a policy or a function's author wrote, and tells nothing that the catalog doesn't tell.
create schema hostile;
grant usage on schema hostile to authenticated;
set search_path = hostile;
create role snooper login;
grant usage on schema hostile to snooper;
create function trap() returns boolean language plpgsql stable as $$ begin raise exception 'a stranger''s code runs as %', current_user; end $$;
create function trap(uuid) returns boolean language plpgsql stable as $$ begin raise exception 'a stranger''s code runs as %', current_user; end $$;
create function sql_trap() returns boolean language sql stable as $$ select hostile.trap() $$;
create domain trapped as int check (hostile.trap());
create table secrets (id int, owner uuid, "it's ""quoted""" text);
insert into secrets values (1, '11111111-1111-4111-8111-111111111111', 'x');
alter table secrets enable row level security;
create policy one on secrets using (trap());
create policy two on secrets as restrictive using (trap(owner) or sql_trap());
create policy three on secrets as restrictive using (id in (select id from secrets where trap()));
create policy "four's ""name""" on secrets as restrictive using (exists (select from pg_authid) and "it's ""quoted""" = current_setting('app.secret'));
grant select on secrets to authenticated;

set role authenticated;
select test.sign_in('aal1');
select step, subject, answer, note from auth.explain_access('secrets', 'select') where command is not null;

-- A role without any right on it learns no more than pg_policies and pg_class tell.
reset role;
set role snooper;
select step, subject, answer, note from auth.explain_access('secrets', 'select') where command is not null;
select policyname, qual from pg_policies where schemaname = 'hostile' order by 1;
reset role;

-- Names and operators of a path that comes before pg_catalog.
grant create on schema hostile to snooper;
set role snooper;
create function hostile.current_setting(text, boolean) returns text language plpgsql as $$ begin raise exception 'snooped'; end $$;
create function hostile.has_schema_privilege(oid, text) returns boolean language plpgsql as $$ begin raise exception 'snooped'; end $$;
create function hostile.equal(oid, oid) returns boolean language plpgsql as $$ begin raise exception 'snooped'; end $$;
create operator hostile.= (leftarg = oid, rightarg = oid, procedure = hostile.equal);
reset role;
set search_path = hostile, pg_catalog;
select count(*) > 5 as answered from auth.explain_access('secrets');
set search_path = hostile;

-- The function that an administrator named for factors isn't called either.
create function asked_for_factors(text) returns boolean language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin raise exception 'called for %', $1; end $$;
set pg_aal.enrollment_function = 'hostile.asked_for_factors';
create table enrolled (id int);
alter table enrolled enable row level security;
create policy enrolled on enrolled using (auth.has_enrolled_aal());
grant select on enrolled to authenticated;
set role authenticated;
select step, subject, answer, note from auth.explain_access('enrolled', 'select') where command is not null;
reset role;
reset pg_aal.enrollment_function;
drop table enrolled;

-- A policy that is too much to read or to weigh keeps nobody from an answer.
do $$
begin
  execute 'create policy large on hostile.secrets as restrictive using (' || (select string_agg('auth.has_aal(''aal2'')', ' or ') from generate_series(1, 20000)) || ')';
end
$$;
set role authenticated;
select step, subject, answer, length(note) from auth.explain_access('secrets', 'select') where subject = 'large';
reset role;
reset search_path;
set client_min_messages = error;
drop schema hostile cascade;
drop role snooper;
