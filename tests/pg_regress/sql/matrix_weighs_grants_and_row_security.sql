-- aal_matrix weighs grants, row security, ownership and every policy that binds a role.
create schema weighs;
create schema closed;
grant usage on schema weighs to public;
set search_path = weighs;
create role weighs_member in role authenticated;
create role weighs_no_heir noinherit in role authenticated;
create role weighs_owner;
create role weighs_owners_member in role weighs_owner;
create role weighs_bypass bypassrls;
create role weighs_reader in role pg_read_all_data;
set client_min_messages = error;

create view needs as
select split_part(target::text, '.', -1) as target, role, max(required_aal) filter (where command = 'SELECT') as "select", max(required_aal) filter (where command = 'INSERT') as "insert",
       max(required_aal) filter (where command = 'UPDATE') as "update", max(required_aal) filter (where command = 'DELETE') as "delete", max(required_aal) filter (where command = 'TRUNCATE') as "truncate"
  from auth.aal_matrix()
 where role in ('anon', 'authenticated', 'weighs_member', 'weighs_no_heir', 'weighs_owner', 'weighs_owners_member', 'weighs_bypass', 'weighs_reader', 'postgres')
 group by 1, 2;

create function made(name text, protect boolean default true) returns regclass language plpgsql as $$
begin
  execute format('create table %s (id int, a int, b int)', name);
  execute format('alter table %s enable row level security', name);
  execute format('create policy everybody on %s using (true)', name);
  if protect then
    execute format('create policy second_factor on %s as restrictive using ((select auth.has_aal(''aal2'')))', name);
  end if;
  return name::regclass;
end
$$;

-- Grants.
select made('nothing_granted'), made('granted'), made('by_column'), made('to_public'), made('closed.no_usage');
grant select, insert on granted to authenticated;
grant select (a), update (b) on by_column to authenticated;
grant select on to_public to public;
grant all on closed.no_usage to authenticated;
select * from needs where target in ('nothing_granted', 'granted', 'by_column', 'to_public', 'no_usage') order by 1, 2;

-- Row security, ownership.
select made('off'), made('owned'), made('forced'), made('no_policy', false), made('for_inserts', false);
alter table off disable row level security;
alter table owned owner to weighs_owner;
alter table forced owner to weighs_owner;
alter table forced force row level security;
drop policy everybody on no_policy;
drop policy everybody on for_inserts;
create policy inserts on for_inserts for insert with check (auth.has_aal('aal1'));
grant select, insert, update, delete on off, owned, forced, no_policy, for_inserts to authenticated, weighs_bypass;
select * from needs where target in ('off', 'owned', 'forced', 'no_policy', 'for_inserts') and role <> 'anon' order by 1, 2;

-- Policies: permissive ones are ORed, restrictive ones ANDed; for whom, for what, and for which rows.
select made('ored', false), made('bound', false), made('by_command', false), made('checked', false), made('update_only_check', false);
create policy mine on ored using (auth.has_aal('aal2'));
create policy second on bound as restrictive to authenticated using (auth.has_aal('aal2'));
create policy third on bound as restrictive to anon using (auth.has_aal('aal3'));
create policy reads on by_command as restrictive for select using (auth.has_aal('aal1'));
create policy inserts on by_command as restrictive for insert with check (auth.has_aal('aal2'));
create policy updates on by_command as restrictive for update using (auth.has_aal('aal2')) with check (auth.has_aal('aal3'));
create policy deletes on by_command as restrictive for delete using (auth.has_enrolled_aal());
create policy second on checked as restrictive using (auth.has_aal('aal2')) with check (true);
create policy second on update_only_check as restrictive for update with check (auth.has_aal('aal2'));
grant select, insert, update, delete, truncate on ored, bound, by_command, checked, update_only_check to anon, authenticated;
select * from needs where target in ('ored', 'bound', 'by_command', 'checked', 'update_only_check') and role in ('anon', 'authenticated', 'weighs_no_heir') order by 1, 2;

-- Guards.
select made('guarded'), made('guard_off', false), made('guard_when', false), made('guard_wrong', false), made('guard_alone', false), made('guard_silent', false);
grant select, insert, update, delete, truncate on guarded, guard_off, guard_when, guard_wrong, guard_alone, guard_silent to anon, authenticated;
create trigger guard before insert or truncate on guarded for each statement execute function auth.aal_guard('insert=aal3', 'truncate=enrolled,max_age=900 seconds');
create trigger guard before truncate on guard_off for each statement execute function auth.aal_guard('truncate=aal3');
alter table guard_off disable trigger guard;
create trigger guard before delete on guard_when for each statement when (current_user = 'anon') execute function auth.aal_guard('delete=aal3');
create trigger guard before delete on guard_wrong for each statement execute function auth.aal_guard('insert=aal3');
create trigger guard before insert or update or delete on guard_alone for each statement execute function auth.aal_guard('insert=aal2', 'update=aal2,max_age=900 seconds', 'delete=aal3');
create policy aal_insert on guard_silent as restrictive for insert to anon with check (true);
create trigger guard before insert on guard_silent for each statement execute function auth.aal_guard('insert=aal3');
select * from needs where target like 'guard%' and role in ('anon', 'authenticated') order by 1, 2;

-- Who decided, and how fresh.
select split_part(target::text, '.', -1) as target, role, command, required_aal, max_age, decided_by, note from auth.aal_matrix()
 where (target, role) in (('guarded'::regclass, 'authenticated'), ('guard_alone'::regclass, 'authenticated'), ('by_command'::regclass, 'authenticated'), ('ored'::regclass, 'anon'), ('owned'::regclass, 'weighs_owner'),
                          ('forced'::regclass, 'weighs_bypass'), ('off'::regclass, 'authenticated'), ('closed.no_usage'::regclass, 'authenticated'), ('no_policy'::regclass, 'authenticated'), ('granted'::regclass, 'postgres'))
 order by 1, 2, array_position(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'], command);

-- A role that is dropped from a policy that others are in; a policy whose roles are all gone can't be.
create role weighs_gone;
create policy gone on granted as restrictive to weighs_gone, authenticated using (auth.has_aal('aal3'));
drop owned by weighs_gone;
drop role weighs_gone;
select required_aal from auth.aal_matrix('granted') where role = 'authenticated' and command = 'SELECT';

-- A rule does what it likes, as the table's owner.
select made('ruled');
create rule instead as on delete to ruled do instead update ruled set a = 0;
grant select, delete on ruled to authenticated;
select role, command, required_aal, decided_by from auth.aal_matrix('ruled') where role = 'authenticated' and command in ('SELECT', 'DELETE') order by command;

drop schema weighs cascade;
drop schema closed cascade;
drop role weighs_member, weighs_no_heir, weighs_owner, weighs_owners_member, weighs_bypass, weighs_reader;
