-- A finding that SQL can mend comes with that SQL, names filled in: pasted, the finding is gone, and no other has come.
create database mending;
\c mending
set client_min_messages = error;
create extension pg_aal;
create function auth.jwt() returns jsonb language sql stable as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create schema "Mend""it";
create role "odd ""role'\" nologin;
grant usage on schema "Mend""it" to anon, authenticated, "odd ""role'\";
grant "odd ""role'\" to authenticator;
set search_path = "Mend""it";

-- Runs each fix, and says which findings remain and which have come.
create function public.mended(out name text, out fix text, out remains bool, out others text) returns setof record language plpgsql as $$
declare
  before text[];
  finding record;
begin
  for finding in select * from auth.aal_lint() order by cache_key loop
    continue when finding.fix is null;
    name := finding.name;
    fix := finding.fix;
    begin
      select array_agg(cache_key) into before from auth.aal_lint();
      execute finding.fix;
      select bool_or(cache_key = finding.cache_key), string_agg(cache_key, ', ' order by cache_key) filter (where cache_key <> all (before))
        into remains, others from auth.aal_lint();
      remains := coalesce(remains, false);
      raise exception 'undo';
    exception
      when raise_exception then
        return next;
      when others then
        others := sqlerrm;
        return next;
    end;
  end loop;
end
$$;
create function public.open(named text) returns void language plpgsql as $$
begin
  execute format('create table %I (id int)', named);
  execute format('alter table %I enable row level security', named);
  execute format('grant select, insert, update, delete on %I to authenticated, anon', named);
  execute format('create policy everybody on %I using (true)', named);
end
$$;

-- 0001, 0002, 0003, 0004 and 0005, with names that need quotes.
select public.open('on''e \"');
create policy "p ""' \" on "on'e \""" for select using (auth.has_aal('aal2'));
select * from public.mended();
drop table "on'e \""";
select public.open('two');
create policy asks on two as restrictive for select using (auth.has_aal('aal2', '15 minutes'));
select * from public.mended();
drop table two;
select public.open('three');
create role "nobody ""'s" nologin;
create policy "asks; --" on three as restrictive to "nobody ""'s" using (auth.has_aal('aal2'));
select * from public.mended();
drop table three;
drop role "nobody ""'s";
select public.open('four');
create policy asks on four as restrictive to authenticated using (auth.has_aal('aal2'));
select * from public.mended();
drop table four;
select public.open('five');
create policy asks on five as restrictive using (auth.has_aal('aal2')) with check (auth.has_aal('aal1'));
select * from public.mended();
drop table five;
-- Of a permissive policy that binds no role, nobody but its author knows what was meant.
select public.open('six');
create role nobodys nologin;
create policy asks on six to nobodys using (auth.has_aal('aal2'));
select name, fix from auth.aal_lint();
drop table six;
drop role nobodys;

-- 0012, 0013, 0014, 0017, 0019 and 0022.
create table "pay ""ments'" (id int);
grant select, insert, update, delete on "pay ""ments'" to authenticated;
create policy everybody on "pay ""ments'" using (true);
select count(*) from auth.protect_table('"pay ""ments''"', guard => false);
create view "vie""w" as select * from "pay ""ments'";
grant select on "vie""w" to anon, "odd ""role'\";
create materialized view "cop""y" as select * from "pay ""ments'";
grant select on "cop""y" to anon, "odd ""role'\", service_role;
create function "p""ay"(int, text[] default '{}') returns void language sql security definer set search_path = '' as
  'update "Mend""it"."pay ""ments''" set id = $1';
create procedure pay_all() language sql security definer set search_path = '' as $$update "Mend""it"."pay ""ments'" set id = 1$$;
grant truncate on "pay ""ments'" to authenticated;
create function level() returns text language sql immutable as $$select current_setting('request.jwt.claims', true)$$;
select * from public.mended();
drop view "vie""w";
drop materialized view "cop""y";
drop function "p""ay"(int, text[]), level();
drop procedure pay_all();
revoke truncate on "pay ""ments'" from authenticated;
alter table "pay ""ments'" disable row level security;
select * from public.mended();
drop table "pay ""ments'";

-- 0015, 0020, 0021, 0025, 0028 and 0029.
create table events (id int, at date) partition by range (at);
create table events_1 partition of events for values from ('2026-01-01') to ('2027-01-01');
grant select, insert, update, delete on events, events_1 to authenticated;
create policy everybody on events using (true);
create policy everybody on events_1 using (true);
alter table events enable row level security;
alter table events_1 enable row level security;
create policy asks on events as restrictive using (auth.has_aal('aal2'));
select * from public.mended();
drop table events;
select public.open('edited');
select count(*) from auth.protect_table('edited', read => 'aal2', roles => '{authenticated,anon}', live => false);
alter policy aal_delete on edited using (auth.has_aal('aal1'));
select * from public.mended();
drop policy aal_delete on edited;
create policy aal_delete on edited for delete to authenticated, anon using (auth.has_aal('aal2'::text, null::interval));
alter table edited disable trigger aal_guard;
select * from public.mended();
alter table edited enable trigger aal_guard;
drop trigger aal_guard on edited;
select * from public.mended();
drop table edited;
reset search_path;
create schema watched;
select protected from auth.protect_schema('watched', read => 'aal2', roles => '{authenticated}');
set search_path = watched;
grant usage on schema watched to authenticated;
select public.open('seven');
select count(*) from auth.unprotect_table('seven');
select evtname from pg_event_trigger where evtname like '%watched%' \gset
alter event trigger :"evtname" disable;
select * from public.mended();
select count(*) from auth.unprotect_schema('watched');
reset search_path;
drop schema watched cascade;

-- What is on record says not everything: which column, which function. There is no fix then.
create table owned (id int, user_id uuid);
grant select, update on owned to authenticated;
select count(*) from auth.protect_table('owned', owner_column => 'user_id');
drop policy aal_update on owned;
select name, fix from auth.aal_lint();
drop table owned;
select count(*) from auth.aal_lint();
drop function public.mended(), public.open(text);
drop schema "Mend""it" cascade;
\c regression
drop database mending;
drop role "odd ""role'\";
