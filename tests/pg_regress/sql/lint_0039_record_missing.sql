-- 0039_record_missing finds protections of which no comment is left (case 18).
create schema lint_0039;
grant usage on schema lint_0039 to anon, authenticated;
set search_path = lint_0039;
set client_min_messages = error;
create function lose(target regclass, kept name default '') returns void language plpgsql as $$
declare
  lost record;
begin
  for lost in select polname as name from pg_policy where polrelid = target and polname <> kept loop
    execute format('comment on policy %I on %s is null', lost.name, target);
  end loop;
  for lost in select tgname as name from pg_trigger where tgrelid = target and not tgisinternal and tgname <> kept loop
    execute format('comment on trigger %I on %s is null', lost.name, target);
  end loop;
end
$$;
create view findings as
  select metadata ->> 'name' as "table", level, detail from auth.aal_lint() where name like '0039%' and metadata ->> 'schema' = 'lint_0039' order by 1;

create table contracts (id int default 1, user_id uuid, note text);
create table partly (like contracts);
create table whole (like contracts);
create table parts (id int) partition by range (id);
create table parts_1 partition of parts for values from (0) to (10);
create table own (like contracts);
alter table own enable row level security;
create policy aal_read on own as restrictive for select using (auth.has_aal('aal2') and id > 0);
create table without_guard (like contracts);
grant select, insert, update, delete on contracts, partly, whole, parts, own, without_guard to authenticated;
select count(*) from auth.protect_table('contracts', owner_column => 'user_id');
select count(*) from auth.protect_table('partly', owner_column => 'user_id');
select count(*) from auth.protect_table('whole', owner_column => 'user_id');
select count(*) from auth.protect_table('parts');
select count(*) from auth.protect_table('without_guard', guard => false, owner_column => 'user_id');
-- None.
select * from findings;

-- Findings: contracts, parts and its partition, without_guard. None: partly, of which one comment is left, whole, and own.
select lose('contracts'), lose('partly', 'aal_guard'), lose('parts'), lose('parts_1'), lose('without_guard'), lose('own');
select * from findings;
-- They are protected as before.
select required_aal, count(*) from auth.aal_matrix('contracts') where role = 'authenticated' group by 1 order by 1;

-- Gone: protect_table again, or not protected any more.
select count(*) from auth.protect_table('contracts', owner_column => 'user_id');
select count(*) from auth.protect_table('parts');
select row_security from auth.unprotect_table('without_guard');
select * from findings;

reset search_path;
drop schema lint_0039 cascade;
