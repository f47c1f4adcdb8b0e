-- Where settings aren't trusted, the role is the caller's to choose, also within a statement, and the claim "role" names none.
create schema chosen;
grant usage on schema chosen to public;
set search_path = chosen;
set client_min_messages = error;
create role chosen_auditor;
create role chosen_app noinherit login in role authenticated, chosen_auditor;
create table only_auditor (id int);
grant select on only_auditor to chosen_auditor;
create function chosen.looks() returns boolean language sql stable return exists (select from chosen.only_auditor) or true;
create function made(name text, condition text) returns regclass language plpgsql as $$
begin
  execute format('create table chosen.%I (id int)', name);
  execute format('insert into chosen.%I values (1)', name);
  execute format('grant select on chosen.%I to authenticated', name);
  execute format('alter table chosen.%I enable row level security', name);
  execute format('create policy alone on chosen.%I using (%s or auth.has_aal(''aal2''))', name, condition);
  return ('chosen.' || quote_ident(name))::regclass;
end
$$;
select made('by_current_user', $$current_user = 'chosen_auditor'$$), made('by_user', $$user = 'chosen_auditor'$$), made('by_session_user', $$session_user = 'chosen_auditor'$$),
       made('by_setting', $$current_setting('role') = 'chosen_auditor'$$), made('by_claim', $$auth.claims() ->> 'role' = 'chosen_auditor'$$),
       made('by_claims', $$auth.claims() @> '{"role":"chosen_auditor"}'$$), made('by_rights', $$chosen.looks()$$),
       made('by_membership', $$pg_has_role('chosen_auditor', 'usage')$$);
create view needs as
select target, required_aal from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target::text ~ '^(chosen\.)?by_' order by target::text;
select * from needs;
set pg_aal.claims_source = 'token';
select * from needs;

-- What really happens: the rights of one role, and the policy sees another.
set session authorization chosen_app;
set role authenticated;
select count(*) from by_current_user;
with s as materialized (select set_config('role', 'chosen_auditor', true)) select count(*) as read from s, by_current_user;
set role authenticated;
select count(*) from by_rights;
set role authenticated;
with s as materialized (select set_config('role', 'chosen_auditor', true)) select count(*) as read from s, by_rights;
reset session authorization;

-- A role for which alone settings are trusted says nothing about the others.
reset pg_aal.claims_source;
select required_aal from needs where target::text ~ 'by_current_user';
alter role postgres in database regression set pg_aal.claims_source = 'request';
\c -
set search_path = chosen;
select required_aal from needs where target::text ~ 'by_current_user';
alter role postgres in database regression reset pg_aal.claims_source;
\c -
set client_min_messages = error;
drop schema chosen cascade;
drop role chosen_app, chosen_auditor;
