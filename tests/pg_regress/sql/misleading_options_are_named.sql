-- Options that seldom mean what they say get a WARNING, an error or a HINT.
create table t (id int primary key, note text);
grant select on t to anon, authenticated;
create policy everybody on t using (true) with check (true);

-- A level in other words.
select auth.protect_table('t', write => 'AAL2');
select auth.protect_table('t', write => 'aal 2');
select auth.protect_table('t', read => 'aal-2');
select auth.protect_table('t', on_update => '2');
select auth.protect_table('t', write => 'mfa');
select auth.protect_table('t', write => 'admin');
select auth.has_aal('AAL2');
select auth.require_aal('mfa');
select auth.has_aal('aal2 within 10 minutes');
select auth.assert_aal('t', 'select', 'AAL2');

-- An age without a unit is in seconds.
select write, warnings from auth.protect_table('t', max_age => '15');
select write, warnings from auth.protect_table('t', write => 'aal2 within 59 seconds', on_insert => 'aal2 within 0', lower => true);
select write, warnings from auth.protect_table('t', max_age => '1 minute', lower => true);

-- Commands that read rows and would need less than reads.
select auth.protect_table('t', read => 'aal2', write => 'aal1', lower => true);
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table('t', 'aal2', 'enrolled', lower => true);
select auth.protect_table('t', read => 'aal2', on_delete => 'aal1', lower => true);
select auth.protect_table('t', read => 'aal2 within 5 minutes', lower => true);
select read, write from auth.protect_table('t', read => 'aal2', on_insert => 'aal1', lower => true);
select read, write, warnings from auth.protect_table('t', read => 'aal2', write => 'none', lower => true);

-- Roles that row security doesn't bind.
create role owner_of_t nologin;
alter table t owner to owner_of_t;
select roles, warnings from auth.protect_table('t', roles => '{authenticated,service_role,owner_of_t,anon}', lower => true);
alter table t force row level security;
select roles, warnings from auth.protect_table('t', roles => '{authenticated,service_role,owner_of_t,anon}', lower => true);
-- A role that doesn't exist is told before anything that follows from it, by every function that takes roles.
select roles from auth.protect_table('t', roles => '{authenticatd,anon}');
\echo :LAST_ERROR_SQLSTATE
select auth.protect_table_sql('t', roles => '{authenticated,"Public"}');
select auth.protect_schema('public', roles => '{anon,nobody_of_this_name}', new_tables => 'ignore');
select roles from auth.protect_table('t', roles => '{public}', lower => true);
-- No list: Postgres refuses it before it calls us, and says what a list begins with.
select auth.protect_table('t', roles => 'authenticated');

-- A level that nobody has.
select write, warnings from auth.protect_table('t', write => 'aal3', lower => true);
create table auth.users (id uuid primary key);
create table auth.mfa_factors (id uuid primary key, user_id uuid, status text);
select write, warnings from auth.protect_table('t', on_delete => 'aal3', lower => true);
drop table auth.mfa_factors, auth.users;
drop table t;
drop role owner_of_t;

-- A role that loses reads: once, where nothing required a level before.
create table public_table (id int primary key);
grant select on public_table to anon, authenticated;
select read from auth.protect_table('public_table', read => 'none');
create policy everybody on public_table for select using (true);
select read from auth.protect_table('public_table');
select read from auth.protect_table('public_table', read => 'aal2');
create table another (like public_table);
grant select on another to anon, authenticated;
select read from auth.protect_table('another', roles => '{anon}');
drop table public_table, another;
