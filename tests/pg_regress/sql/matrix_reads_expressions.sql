-- aal_matrix derives the level from what a policy's expression can come to: three-valued, and possibly true where it can't be read.
create schema reads;
grant usage on schema reads to authenticated;
set search_path = reads;
create type level as enum ('aal1', 'aal2', 'aal3');
create domain code as text check (value ~ '^aal');
create table t (id int, flag boolean, level text, owner uuid, "it's ""quoted""" text, dropped int, doubled int generated always as (id * 2) stored);
alter table t drop column dropped;
alter table t enable row level security;
grant select on t to authenticated;
create table other (id int, level text);
grant select on other to authenticated;
create table secret (id int);

-- What SELECT needs where this is all there is to a policy.
create function needs(expression text) returns text language plpgsql as $$
declare
  answer text;
begin
  execute format('create policy alone on t using (%s)', expression);
  select concat_ws(', ', required_aal, max_age, note) into answer from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
  drop policy alone on t;
  return answer;
end
$$;

-- Ours.
select expression, needs(expression) from unnest(array[
  $$auth.has_aal('aal1')$$, $$auth.has_aal('aal2')$$, $$(select auth.has_aal('aal2'))$$, $$auth.has_aal('aal3')$$,
  $$auth.has_aal('aal2', '15 minutes')$$, $$auth.has_aal(max_age => '15 minutes', level => 'aal2')$$, $$auth.has_aal('aal1', '1 hour')$$,
  $$auth.has_aal('aal2', make_interval(mins => 15))$$, $$auth.has_aal(level)$$, $$auth.has_aal('aal' || '2')$$, $$auth.has_aal('AAL2')$$, $$auth.has_aal(null)$$,
  $$auth.require_aal('aal2')$$, $$auth.require_aal('aal2') or flag$$, $$not auth.has_aal('aal2')$$, $$not auth.has_aal('aal1')$$,
  $$auth.has_enrolled_aal()$$, $$auth.has_enrolled_aal('1 hour')$$, $$auth.require_enrolled_aal()$$, $$auth.has_enrolled_aal() and auth.has_aal('aal1', '10 minutes')$$,
  $$auth.aal() = auth.enrolled_aal()$$, $$auth.aal() = 'aal2'$$, $$auth.aal() >= 'aal2'$$, $$auth.aal() is not null$$, $$auth.aal() is null$$,
  $$auth.aal_status() ->> 'currentLevel' = 'aal2'$$, $$auth.claims() ->> 'aal' = 'aal2'$$, $$auth.authenticated_at('aal2') is not null$$,
  $$auth.authenticated_at('aal2') > now() - interval '5 minutes'$$, $$'totp' in (select method from auth.amr())$$,
  $$auth.has_aal('aal2', '5 minutes') or auth.has_aal('aal2', '1 hour')$$, $$auth.has_aal('aal2', '5 minutes') and auth.has_aal('aal2', '1 hour')$$,
  $$auth.has_aal('aal2') and not auth.has_aal('aal2', '1 hour')$$, $$auth.has_aal('aal2', '1 hour') and not auth.has_aal('aal2', '1 hour')$$
]) expression;

-- From before us.
select expression, needs(expression) from unnest(array[
  $$auth.jwt() ->> 'aal' = 'aal2'$$, $$(select auth.jwt() ->> 'aal') = 'aal2'$$, $$(select auth.jwt()) ->> 'aal' = 'aal2'$$, $$'aal2' = (auth.jwt() ->> 'aal')$$,
  $$(auth.jwt() -> 'aal')::text = '"aal2"'$$, $$(auth.jwt() -> 'aal')::text = 'aal2'$$, $$auth.jwt() -> 'aal' = '"aal2"'$$, $$auth.jwt() #>> '{aal}' = 'aal2'$$,
  $$(auth.jwt())['aal'] = '"aal2"'$$, $$jsonb_extract_path_text(auth.jwt(), 'aal') = 'aal2'$$, $$auth.jwt() @> '{"aal":"aal2"}'$$, $$auth.jwt() @> '{"aal":"aal2","x":1}'$$, $$auth.jwt() ? 'aal'$$,
  $$current_setting('request.jwt.claims', true)::json ->> 'aal' = 'aal2'$$, $$current_setting('Request.JWT.Claims')::jsonb ->> 'aal' = 'aal2'$$,
  $$nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'aal' = 'aal2'$$, $$current_setting('request.jwt.claim.aal', true) = 'aal2'$$, $$current_setting('app.level', true) = 'aal2'$$,
  $$auth.jwt() ->> 'aal' in ('aal2', 'aal3')$$, $$auth.jwt() ->> 'aal' = any (array['aal2', 'aal3'])$$, $$auth.jwt() ->> 'aal' not in ('aal1')$$, $$auth.jwt() ->> 'aal' <> all ('{aal1,aal2}')$$,
  $$array[auth.jwt() ->> 'aal'] <@ array['aal2']$$, $$array['aal2'] @> array[(select auth.jwt() ->> 'aal')]$$, $$array[auth.jwt() ->> 'aal'] && array['aal2', 'aal3']$$,
  $$auth.jwt() ->> 'aal' like 'aal2'$$, $$auth.jwt() ->> 'aal' like 'aal_'$$, $$auth.jwt() ->> 'aal' ~ '^aal2$'$$,
  $$auth.jwt() ->> 'aal' <> 'aal1'$$, $$auth.jwt() ->> 'aal' is distinct from 'aal1'$$, $$auth.jwt() ->> 'aal' is not distinct from 'aal2'$$, $$coalesce(auth.jwt() ->> 'aal', 'aal2') = 'aal2'$$, $$coalesce(auth.jwt() ->> 'aal', '') = 'aal2'$$,
  $$nullif(auth.jwt() ->> 'aal', 'aal1') = 'aal2'$$, $$nullif(auth.jwt() ->> 'aal', 'aal1') is not null$$,
  $$case when auth.jwt() ->> 'aal' = 'aal2' then true else false end$$, $$case auth.jwt() ->> 'aal' when 'aal2' then true when 'aal3' then true end$$, $$case when auth.jwt() ->> 'aal' = 'aal1' then false else true end$$,
  $$(auth.jwt() ->> 'aal')::level = 'aal2'$$, $$(auth.jwt() ->> 'aal')::level >= 'aal2'$$, $$(auth.jwt() ->> 'aal')::code = 'aal2'$$, $$(auth.jwt() ->> 'aal')::varchar = 'aal2'$$, $$(auth.jwt() ->> 'aal')::varchar(3) = 'aal'$$,
  $$auth.jwt() ->> 'aal' = 'AAL2'$$, $$auth.jwt() ->> 'aal' = 'aal2' collate "C"$$,
  $$auth.jwt() -> 'user_metadata' ->> 'aal' = 'aal2'$$, $$auth.jwt() ->> 'role' = 'service_role'$$, $$auth.jwt() ->> 'role' = 'authenticated' and auth.jwt() ->> 'aal' = 'aal2'$$, $$current_user = 'somebody'$$, $$current_user = 'authenticated'$$,
  $$substr(auth.jwt() ->> 'aal', 4)::int >= 2$$
]) expression;

-- Texts that differ can be equal in some collations. (Not every build of Postgres has them.)
select count(*) > 10 as has_icu from pg_collation where collprovider = 'i' \gset
\if :has_icu
create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
select needs($$auth.jwt() ->> 'aal' = 'AAL2' collate any_case$$) as folded \gset
\else
\set folded 'aal1, anonymous users pass, too: a policy reads the claim aal itself, which is aal1 for them'
\endif
\echo :folded

-- Three values.
select expression, needs(expression) from unnest(array[
  $$null$$, $$not null::boolean$$, $$null is null$$, $$true$$, $$false$$, $$auth.has_aal('aal2') and null$$, $$auth.has_aal('aal2') or null$$, $$(auth.has_aal('aal2') or null) is not false$$,
  $$(auth.jwt() ->> 'aal' = 'aal2') is true$$, $$(auth.jwt() ->> 'aal' = 'aal2') is not true$$, $$(auth.jwt() ->> 'aal' = 'aal2') is unknown$$, $$(auth.jwt() ->> 'aal' = 'aal2') is not false$$, $$not (auth.jwt() ->> 'aal' = 'aal1')$$,
  $$(auth.jwt() ->> 'aal' = 'aal2') = true$$, $$(auth.jwt() ->> 'aal' = 'aal1') = false$$, $$auth.jwt() ->> 'aal' = null$$, $$auth.jwt() ->> 'aal' in ('aal2', null)$$, $$auth.jwt() ->> 'aal' not in ('aal1', null)$$
]) expression;

-- Columns: what holds for some row, and the same wherever it stands.
select expression, needs(expression) from unnest(array[
  $$flag$$, $$flag and not flag$$, $$flag and auth.has_aal('aal2')$$, $$flag or auth.has_aal('aal2')$$, $$(flag and auth.has_aal('aal2')) or (not flag and auth.has_aal('aal3'))$$, $$case when flag then auth.has_aal('aal1') else auth.has_aal('aal2') end and flag is not true$$,
  $$id > 3 and auth.has_aal('aal2')$$, $$(id > 3 or auth.has_aal('aal2')) and not id > 3$$, $$(id > 3 or auth.has_aal('aal2')) and (id > 3) is unknown$$, $$doubled = 4 and auth.has_aal('aal2')$$, $$"it's ""quoted""" = 'x' and auth.aal() = 'aal2'$$, $$level = auth.aal()$$, $$level <> auth.aal()$$,
  $$random() > 0.5 and not random() > 0.5$$, $$t is not null$$
]) expression;

-- Other tables.
select expression, needs(expression) from unnest(array[
  $$exists (select from other where other.id = t.id)$$, $$exists (select from other where other.id = t.id and auth.has_aal('aal2'))$$, $$not exists (select from other where auth.has_aal('aal2'))$$, $$not exists (select from other where false)$$,
  $$id in (select id from other where auth.has_aal('aal2'))$$, $$id not in (select id from other where auth.has_aal('aal2'))$$, $$auth.aal() in (select level from other)$$, $$'aal2' in (select auth.aal())$$, $$'aal2' = any (array(select auth.aal()))$$, $$auth.aal() = all (select level from other)$$,
  $$(select auth.aal() = 'aal2' from other limit 1)$$, $$(select count(*) > 0 from other where auth.has_aal('aal2'))$$, $$(select case when count(*) > 0 then auth.has_aal('aal2') else auth.has_aal('aal1') end from other)$$, $$exists (select count(*) from other where auth.has_aal('aal3'))$$, $$exists (select from other group by id having auth.has_aal('aal2'))$$,
  $$exists (select from other where auth.has_aal('aal2') union all select from other)$$, $$exists (with c as (select auth.has_aal('aal2') as ok) select from c where ok)$$,
  $$exists (select from secret) or auth.has_aal('aal2')$$, $$exists (select from secret)$$, $$(select true where auth.has_aal('aal2'))$$, $$(select auth.has_aal('aal2') limit 0)$$
]) expression;

-- Sub-selects of several queries, or of the one row that is there without a table.
select expression, needs(expression) from unnest(array[
  $$exists (select where auth.has_aal('aal2') union all select where auth.has_aal('aal3'))$$, $$not exists (select where auth.has_aal('aal2') union select where auth.has_aal('aal3'))$$,
  $$exists (select where auth.has_aal('aal2') union all (select where auth.has_aal('aal3') union select from other where auth.has_aal('aal1')))$$, $$exists (select where auth.has_aal('aal2') union all select from other where id = t.id)$$,
  $$exists (select where auth.has_aal('aal2') intersect select where auth.has_aal('aal3'))$$, $$exists (select where auth.has_aal('aal2') union all select where false limit 0)$$, $$exists (select where auth.has_aal('aal2') union all select from secret)$$,
  $$'aal2' in (select auth.aal() union select null)$$, $$'aal2' in (select auth.aal()::char(4) union select 'aal3')$$, $$'aal2' in (select auth.aal() union all select level from other)$$, $$'aal2' = any (select auth.aal()::char(4) union all select 'aal3'::text)$$, $$'aal1' <> all (select auth.aal() union all select 'aal3')$$,
  $$array(select auth.aal() where auth.has_aal('aal2')) @> array['aal2']$$, $$array(select auth.aal() where flag) @> array['aal2']$$, $$array(select auth.aal() where auth.has_aal('aal2')) = '{}'$$,
  $$(select count(*) where auth.has_aal('aal2')) > 0$$, $$(select count(*) where auth.has_aal('aal2')) = 0$$, $$(select case when count(*) > 0 then auth.has_aal('aal1') else auth.has_aal('aal3') end where auth.has_aal('aal2'))$$,
  $$(select count(*) filter (where true) where auth.has_aal('aal2')) > 0$$, $$exists (select count(*) where false)$$, $$exists (select where auth.has_aal('aal2') having count(*) = 1)$$, $$exists (select where auth.has_aal('aal2') having count(*) = 0)$$, $$exists (select count(*) where auth.has_aal('aal2') limit 0)$$,
  $$exists (select where auth.has_aal('aal2') limit 1)$$, $$exists (select where auth.has_aal('aal2') limit 0)$$, $$exists (select where auth.has_aal('aal2') limit null offset 0)$$, $$not exists (select offset 1)$$, $$not exists (select from other offset 1)$$, $$not exists (select from other limit 0)$$,
  $$to_jsonb(auth.jwt()) ->> 'aal' = 'aal2'$$
]) expression;

-- Functions that can be seen through, and others.
create function is_aal2() returns boolean language sql stable as $$ select auth.jwt() ->> 'aal' = 'aal2' $$;
create function at_least(wanted text, older interval default '1 hour') returns boolean language sql stable return auth.has_aal(wanted, older);
create function strictly(text) returns boolean language sql stable strict as $$ select coalesce($1, 'aal2') = 'aal2' $$;
create function loosely(text) returns boolean language sql stable as $$ select coalesce($1, 'aal2') = 'aal2' $$;
create function atomic() returns boolean language sql stable begin atomic select auth.has_aal('aal2'); end;
create function two_statements() returns boolean language sql stable as $$ select auth.has_aal('aal3'); select auth.has_aal('aal2') $$;
create function nested(text) returns boolean language sql stable as $$ select reads.at_least($1) $$;
create function recursive(int) returns boolean language sql stable as $$ select case when $1 > 0 then reads.recursive($1 - 1) else auth.has_aal('aal2') end $$;
create function owners() returns boolean language sql stable security definer set search_path = '' as $$ select auth.has_aal('aal2') and exists (select from reads.secret) $$;
create function unqualified() returns boolean language sql stable as $$ select is_aal2() $$;
create function pinned() returns boolean language sql stable set search_path = reads as $$ select is_aal2() $$;
create function with_settings() returns boolean language sql stable set timezone = 'UTC' as $$ select auth.has_aal('aal2') $$;
create function twice_1(boolean) returns boolean language sql stable as $$ select $1 or $1 $$;
do $$ begin for n in 2..40 loop execute format('create function twice_%s(boolean) returns boolean language sql stable as %L', n, format('select reads.twice_%s($1) and reads.twice_%s($1)', n - 1, n - 1)); end loop; end $$;
create function gate() returns boolean language plpgsql stable as $$ begin return auth.has_aal('aal2'); end $$;
create function dropped() returns boolean language sql stable as $$ select auth.has_aal('aal2') $$;
create function same_as(text, text) returns boolean language sql immutable as $$ select true $$;
create operator === (leftarg = text, rightarg = text, function = same_as);
create operator = (leftarg = text, rightarg = text, function = same_as);
select expression, needs(expression) from unnest(array[
  $$is_aal2()$$, $$(select is_aal2())$$, $$at_least('aal2')$$, $$at_least('aal2', null)$$, $$at_least(older => '5 minutes', wanted => 'aal2')$$, $$at_least(wanted => 'aal2')$$,
  $$strictly(auth.aal())$$, $$loosely(auth.aal())$$, $$atomic()$$, $$two_statements()$$, $$nested('aal2')$$, $$recursive(1)$$, $$owners()$$, $$unqualified()$$, $$pinned()$$, $$twice_3(auth.has_aal('aal2'))$$, $$twice_40(auth.has_aal('aal2'))$$, $$with_settings()$$,
  $$gate()$$, $$gate() and auth.has_aal('aal2')$$, $$dropped()$$, $$auth.aal() === 'aal2'$$, $$auth.aal() operator(reads.=) 'aal2'$$
]) expression;

-- Functions dropped and created again say what they say now.
create policy alone on t using (dropped());
create or replace function dropped() returns boolean language sql stable as $$ select auth.has_aal('aal1') $$;
select required_aal from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
alter function dropped() rename to renamed;
select required_aal from auth.aal_matrix('t') where role = 'authenticated' and command = 'SELECT';
drop policy alone on t;

-- Nested thirty deep, and beyond what is read.
select depth, needs(repeat('case when ', depth) || $$auth.has_aal('aal2')$$ || repeat(' then true else false end', depth)) from unnest(array[1, 30, 90]) depth;
select depth, needs(repeat('not (', depth) || $$auth.has_aal('aal2')$$ || repeat(')', depth)) from unnest(array[30, 31, 150, 500]) depth;
select depth, needs(repeat('(select coalesce(', depth) || $$auth.jwt() ->> 'aal' = 'aal2'$$ || repeat(', false))', depth)) from unnest(array[30]) depth;
-- Wide, too.
select needs(string_agg(format('(id > %s and auth.has_aal(''aal2''))', n), ' or ')) from generate_series(1, 500) n;
select needs(string_agg(format('(id > %s or auth.has_aal(''aal2''))', n), ' and ')) from generate_series(1, 100) n;

set client_min_messages = error;
drop schema reads cascade;
