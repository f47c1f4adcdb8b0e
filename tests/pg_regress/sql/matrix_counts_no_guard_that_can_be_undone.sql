-- In token mode clients run SQL of their own. A guard proves nothing about a role that could replace it or keep it from firing,
-- and nothing proves anything about a role that could switch row security off.
create schema undone;
grant usage on schema undone to public;
set search_path = undone;
create role undone_holder;
create role undone_heir in role undone_holder;
create role undone_no_heir noinherit in role undone_holder;
create role undone_replica;
create role undone_owner;
create role undone_owners_member noinherit in role undone_owner;
create role undone_plain;
grant set on parameter session_replication_role to undone_replica;
set client_min_messages = error;
create table t (id int);
insert into t values (1);
create policy everybody on t using (true) with check (true);
select count(*) > 0 as protected from auth.protect_table('t');
grant select, insert, update, delete, truncate on t to undone_holder, undone_heir, undone_no_heir, undone_replica, undone_plain;
grant trigger on t to undone_holder;
alter table t owner to undone_owner;
grant all on t to undone_owner;
alter table t force row level security;
create view needs as
select role, max(required_aal) filter (where command = 'DELETE') as "delete", max(required_aal) filter (where command = 'TRUNCATE') as "truncate",
       max(array_to_string(decided_by, ', ')) filter (where command = 'TRUNCATE') as decides, max(note) filter (where command = 'TRUNCATE') as note
  from auth.aal_matrix('undone.t') where role like 'undone%' group by role;

-- Where settings are the gateway's, its clients create no triggers.
select * from needs order by 1;
set pg_aal.claims_source = 'token';
select * from needs order by 1;
select auth.assert_aal('t', 'truncate', 'aal2', 'undone_plain');
select auth.assert_aal('t', 'truncate', 'aal2', 'undone_holder');
select detail from auth.aal_lint() where name like '0017%' and detail like '%undone.t%';

-- What really happens: the holder of TRIGGER puts another trigger in the guard's place. The constraint trigger of columns stays.
begin;
set local role undone_no_heir;
truncate t;
rollback;
begin;
set local role undone_no_heir;
set local role undone_holder;
create or replace trigger aal_guard before insert on t for each statement execute function pg_catalog.suppress_redundant_updates_trigger();
set local role undone_no_heir;
truncate t;
rollback;

-- A guard that is switched off from the start in some session isn't there.
reset pg_aal.claims_source;
alter table t owner to postgres;
alter role undone_plain set session_replication_role = 'replica';
select role, "delete", "truncate", decides from needs where role = 'undone_plain';
alter table t enable always trigger aal_guard;
select role, "delete", "truncate", decides from needs where role = 'undone_plain';

drop schema undone cascade;
revoke set on parameter session_replication_role from undone_replica;
drop role undone_holder, undone_heir, undone_no_heir, undone_replica, undone_owner, undone_owners_member, undone_plain;
