-- The matrix shows what the sessions need that applies_when doesn't exempt, and says so. Only in policies as protect_table makes them:
-- by hand, the same form counts as what it is, a condition that could be true.
\pset null '(null)'
\set SHOW_CONTEXT never
create schema private;
create schema partly;
grant usage on schema private, partly to public;
set search_path = partly;
create function private.is_admin() returns boolean language plpgsql stable as 'declare answer boolean; begin execute ''select '' || ''true'' into answer; return answer; end';
create function private.is_staff() returns boolean language sql stable as 'select true';
set client_min_messages = error;
create function made(name text) returns regclass language plpgsql as $$
begin
  execute format('create table partly.%I (id int)', name);
  execute format('alter table partly.%I enable row level security', name);
  execute format('grant select, insert, update, delete, truncate on partly.%I to authenticated', name);
  execute format('create policy everybody on partly.%I using (true)', name);
  return ('partly.' || quote_ident(name))::regclass;
end
$$;
select count(*) from auth.protect_table(made('for_some'), max_age => '15 minutes', applies_when => 'private.is_admin()', lower => true);
select count(*) from auth.protect_table(made('for_all'), lower => true);
select count(*) from auth.protect_table(made('enrolled'), write => 'enrolled', read => 'none', applies_when => 'private.is_admin()', lower => true);
select made('by_hand');
create policy aal_read on by_hand as restrictive using (auth.has_aal('aal2'::text, null::interval) or (select private.is_admin()) is false);
-- As if protect_table had made it, but not for some sessions.
select count(*) from auth.protect_table(made('altered'), lower => true);
alter policy aal_update on altered using (auth.has_aal('aal2') or (select private.is_admin()) is false) with check (auth.has_aal('aal2') or (select private.is_admin()) is false);
-- A permissive policy asks for as much of everybody: then nobody is exempt.
select made('permitted');
drop policy everybody on permitted;
create policy level on permitted using (auth.has_aal('aal2'));
select count(*) from auth.protect_table('permitted', read => 'aal2', applies_when => 'private.is_admin()', lower => true);
-- Another form, and a function that plans keep the answer of.
select count(*) from auth.protect_table(made('other_form'), applies_when => 'private.is_admin()', lower => true);
alter policy aal_update on other_form using (auth.has_aal('aal2') or private.is_admin() is false) with check (auth.has_aal('aal2') or (select private.is_admin()) is not true);
create function private.kept() returns boolean language sql stable as 'select true';
select count(*) from auth.protect_table(made('kept'), applies_when => 'private.kept()', lower => true);
alter function private.kept() immutable;

select target, command, required_aal, max_age, decided_by, note from auth.aal_matrix() where role = 'authenticated' and target::text ~ '^(for|enrolled|by_hand|altered|permitted|other|kept)'
 order by target::text, array_position('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}', command);

\echo the gate does not pass in silence
select auth.assert_aal('for_all', 'update', 'aal2');
select auth.assert_aal('for_some', 'update', 'aal2');
select auth.assert_aal('for_some', 'select', 'aal1');
select auth.assert_aal('for_some', 'select', 'none');
select auth.assert_aal('permitted', 'update', 'aal2');
select auth.assert_aal('for_some', 'update', 'aal2', accept => '{0027_applies_to_some_partly_for_some_private.is_admin()}');
select auth.assert_aal('for_some', 'update', 'aal3', accept => '{0027_applies_to_some_partly_for_some_private.is_admin()}', role => 'authenticated');

\echo another way to the rows, with another function
create table parted (id int) partition by list (id);
create table parted_1 partition of parted for values in (1);
grant select on parted, parted_1 to authenticated;
create policy everybody on parted using (true);
create policy everybody on parted_1 using (true);
select count(*) from auth.protect_table('parted', read => 'aal2', applies_when => 'private.is_admin()', lower => true);
select count(*) from auth.protect_table('parted_1', read => 'aal2', applies_when => 'private.is_staff()', lower => true);
select target, required_aal, note from auth.aal_matrix() where role = 'authenticated' and target::text ~ '^parted' and command = 'SELECT' order by 1;
select count(*) from auth.protect_table('parted_1', read => 'aal2', lower => true);
select target, required_aal, note from auth.aal_matrix() where role = 'authenticated' and target::text ~ '^parted' and command = 'SELECT' order by 1;

\echo where clients run SQL, a role that could replace the function is bound by nothing
create role function_owner;
grant authenticated to function_owner;
alter function private.is_admin() owner to function_owner;
set pg_aal.claims_source = 'token';
select role, command, required_aal, note from auth.aal_matrix('for_some') where role in ('authenticated', 'function_owner') and command in ('SELECT', 'UPDATE', 'TRUNCATE') order by 1, 2;
reset pg_aal.claims_source;
alter function private.is_admin() owner to postgres;

\echo what it says is so: exempt sessions pass below the level, others do not
select test.sign_in('aal1');
set role authenticated;
select test.attempt('update partly.for_some set id = id'), test.attempt('truncate partly.for_some');
reset role;
create or replace function private.is_admin() returns boolean language plpgsql stable as 'begin return false; end';
set role authenticated;
select test.attempt('update partly.for_some set id = id'), test.attempt('truncate partly.for_some');
reset role;

\echo the report says it
select count(*) from regexp_matches(auth.aal_report(), 'only for sessions where private\.is_admin\(\) is true or NULL', 'g') having count(*) > 0;

\echo where another policy asks as much of exempt sessions, the need is that of all. Then exempt sessions that ended pass, too
create table asked_of_all (id int);
alter table asked_of_all enable row level security;
grant select on asked_of_all to authenticated;
create policy everybody on asked_of_all using (true);
create policy strong on asked_of_all as restrictive using ((select auth.has_aal('aal2')));
select count(*) from auth.protect_table('asked_of_all', read => 'aal2', applies_when => 'private.is_admin()', live => true);
select required_aal, note from auth.aal_matrix('asked_of_all') where role = 'authenticated' and command = 'SELECT';
alter policy strong on asked_of_all using ((select auth.has_aal('aal2') and auth.session_is_live()));
select required_aal, note from auth.aal_matrix('asked_of_all') where role = 'authenticated' and command = 'SELECT';

reset search_path;
drop schema partly, private cascade;
drop role function_owner;
reset request.jwt.claims;
