-- aal_snapshot holds what every table needs and what was found, by names and in one order, to be committed and compared.
create schema snap;
grant usage on schema snap to anon, authenticated;
set search_path = snap, public;
create table payments (id int);
grant select, insert, update, delete on payments to authenticated;
create policy everybody on payments using (true);
set client_min_messages = error;
select count(*) = 1 as protected from auth.protect_table('payments', max_age => '15 minutes');
reset client_min_messages;
create table news (id int);
alter table news enable row level security;
grant select, insert on news to authenticated;
grant select on news to anon;
create policy everybody on news using (true);
create policy second_factor on news as restrictive for select to authenticated using (auth.has_aal('aal2'));
create view all_payments as select * from payments;
grant select on all_payments to anon;

select jsonb_pretty(jsonb_build_object('version', s -> 'version', 'settings', s -> 'settings', 'roles', s -> 'roles', 'functions', s -> 'functions',
  'matrix', s -> 'matrix', 'findings', s -> 'findings'))
from auth.aal_snapshot() s;

-- The same catalog has the same snapshot, also where it was made in another order: in a dump, with other OIDs.
create temporary table taken as select auth.aal_snapshot() as snapshot;
drop table news cascade;
create table news (id int);
grant select on news to anon;
grant insert, select on news to authenticated;
create policy second_factor on news as restrictive for select to authenticated using (auth.has_aal('aal2'));
create policy everybody on news using (true);
alter table news enable row level security;
select snapshot = auth.aal_snapshot() as same, snapshot::text = auth.aal_snapshot()::text as same_text from taken;

-- Every cell of the matrix stands in it, or is left out for want of a privilege.
with cells as (
  select t.key as target, r.key as role, command, c.value ->> 'needs' as needs, c.value -> 'decided_by' as decided_by
    from taken, jsonb_each(snapshot -> 'matrix') t, jsonb_each(t.value) r, jsonb_each(r.value) c, string_to_table(c.key, ', ') command
)
select count(*) filter (where c.target is null) as left_out,
       count(*) filter (where c.target is null and m.decided_by not in ('{"no privilege"}', '{"no usage on the schema"}')) as wrongly_left_out,
       count(*) filter (where c.needs = m.needs and c.decided_by = to_jsonb(m.decided_by)) as same,
       count(*) filter (where c.needs <> m.needs or c.decided_by <> to_jsonb(m.decided_by)) as different
  from (select target::oid::regclass, 'snap.' || relname as name, role, command, decided_by,
               required_aal || case when max_age is null then '' else ' within 15 minutes' end as needs
          from auth.aal_matrix() join pg_class on pg_class.oid = target) m
  full join cells c on c.target = m.name and c.role = m.role and c.command = m.command;

-- It reads what the matrix reads, and no more; it changes nothing.
select proname, prosecdef, provolatile, proparallel, proconfig from pg_proc
 where proname in ('aal_snapshot', 'aal_diff', 'assert_aal_not_lowered', 'aal_findings_sarif', 'aal_findings_junit', 'aal_diff_sarif', 'aal_diff_junit') order by 1;

-- The settings that decide what the matrix means stand in it, too.
set pg_aal.anonymous_level = 'aal1';
select auth.aal_snapshot() -> 'settings' as settings;
reset pg_aal.anonymous_level;
reset search_path;
set client_min_messages = error;
drop schema snap cascade;
