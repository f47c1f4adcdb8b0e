-- Settings by which Postgres writes names and values otherwise change nothing of what is recognized, found, proven or recorded.
create schema app;
create schema private;
create role "Odd Role";
create function private."Is Admin"() returns boolean language sql stable as $$ select true $$;
set client_min_messages = error;
do $$
declare
  nr int := 0;
  options text;
begin
  foreach options in array array[
    '', 'owner_column => ''user_id''', 'owner_column => ''Owner''', 'max_age => ''1 mon 3 days 04:05:06.5''',
    'write => ''enrolled'', live => true', 'applies_when => ''private."Is Admin"()'', live => true', 'roles => ''{authenticated,"Odd Role"}''',
    'sensitive_columns => ''{iban}''', 'refuse_reads => true, max_age => ''15 minutes'''] loop
    nr := nr + 1;
    execute format('create table app.t%s (id int, user_id uuid, "Owner" varchar(20), iban text, at timestamptz, day date, bytes bytea)', nr);
    execute format('create policy everybody on app.t%s using (at < ''2026-01-02 03:04:05.678+01''::timestamptz
      and bytes <> ''\xdead''::bytea and day < ''2026-02-03''::date and iban <> ''a\b'' and now() - at < ''1 mon -2 days''::interval)', nr);
    execute format('select from auth.protect_table(%L%s)', 'app.t' || nr, ', ' || nullif(options, ''));
  end loop;
end
$$;
-- The records of half of them are lost.
do $$
declare
  it record;
begin
  for it in
    select format('policy %I on %s', polname, polrelid::regclass) as what from pg_policy where polname like 'aal%' and polrelid::regclass::text ~ '[13579]$'
    union all
    select format('trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger where tgname like 'aal%' and tgrelid::regclass::text ~ '[13579]$' loop
    execute format('comment on %s is null', it.what);
  end loop;
end
$$;
create view test.answers as
select 'protected_tables' as of, (to_jsonb(p) - 'target' || jsonb_build_object('target', p.target::oid, 'applies_when', replace(p.applies_when, '"', '')))::text as answer
  from auth.protected_tables p
union all
select 'aal_lint', to_jsonb(l)::text from auth.aal_lint() l where l.metadata ->> 'schema' = 'app'
union all
select 'aal_matrix', (to_jsonb(m) - 'target')::text from auth.aal_matrix() m
union all
select 'aal_snapshot', auth.aal_snapshot()::text
union all
-- Nothing is said to be lowered, and nothing to be somebody else's.
select 'protect_table_sql', auth.protect_table_sql('app.t1') || auth.protect_table_sql('app.t6', applies_when => 'private."Is Admin"()', live => true);
create function test.answers_under(setting text, value text) returns table (setting_is text, of text, differ bigint) language plpgsql as $$
declare
  old_value text := current_setting(setting);
begin
  create temp table if not exists before as select * from test.answers;
  perform set_config(setting, value, true);
  return query
    select setting || ' = ' || value, a.of, count(*)
      from ((table before except table test.answers) union all (table test.answers except table before)) a
     group by a.of;
  perform set_config(setting, old_value, true);
end
$$;
-- Under the last one the text of a function's body may mean something else, so no body is read for the snapshot.
select u.*
  from (values (1, 'quote_all_identifiers', 'on'), (2, 'intervalstyle', 'iso_8601'), (3, 'intervalstyle', 'sql_standard'),
               (4, 'intervalstyle', 'postgres_verbose'), (5, 'datestyle', 'German'), (6, 'timezone', 'Asia/Kathmandu'),
               (7, 'extra_float_digits', '-15'), (8, 'bytea_output', 'escape'), (9, 'standard_conforming_strings', 'off')) as s(nr, name, value),
       lateral test.answers_under(s.name, s.value) as u
 order by s.nr, u.of;
-- Nor is one read for the levels of functions.
grant usage on schema app to authenticated;
grant all on app.t2 to authenticated;
create function app.changes() returns void language plpgsql security definer as $$ begin perform auth.require_aal('aal2'); update app.t2 set id = 1; end $$;
grant execute on function app.changes() to authenticated;
select distinct required_aal, note from auth.aal_functions() where target::text = 'app.changes()';
set standard_conforming_strings = off;
select distinct required_aal, note from auth.aal_functions() where target::text = 'app.changes()';
reset standard_conforming_strings;
-- Row security was off before, and nothing has changed since but how Postgres writes the other policy.
set quote_all_identifiers = on;
set datestyle = 'German';
set timezone = 'Asia/Kathmandu';
set intervalstyle = 'iso_8601';
set bytea_output = 'escape';
set standard_conforming_strings = off;
set client_min_messages = notice;
select row_security from auth.unprotect_table('app.t2');
reset all;
drop view test.answers;
drop function test.answers_under(text, text);
set client_min_messages = error;
drop schema app, private cascade;
drop role "Odd Role";
