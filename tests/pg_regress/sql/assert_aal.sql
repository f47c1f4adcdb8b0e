-- assert_aal raises unless a command needs at least that level of every role, and says what it needs and why.
\set VERBOSITY verbose
\set SHOW_CONTEXT never
create table asserted (id int);
grant select, insert, update, delete on asserted to authenticated;
grant select on asserted to anon;
create policy everybody on asserted using (true);
set client_min_messages = error;
select count(*) = 1 as protected from auth.protect_table('asserted', max_age => '15 minutes');

select auth.assert_aal('asserted', 'insert', 'aal2');
select auth.assert_aal('asserted', 'UPDATE', 'none', 'anon');
select auth.assert_aal('asserted', 'delete', 'denied', 'anon');
select auth.assert_aal(target => 'asserted', command => 'select', level => 'aal1', role => 'authenticated');

\set VERBOSITY default
select auth.assert_aal('asserted', 'select', 'aal2');
select auth.assert_aal('asserted', 'update', 'aal3');
select auth.assert_aal('asserted', 'update', 'denied');
select auth.assert_aal('asserted', 'select', 'aal1', 'service_role');
select auth.assert_aal('asserted', 'select', 'aal1', 'postgres');
alter table asserted disable row level security;
select auth.assert_aal('asserted', 'insert', 'aal2');

\set VERBOSITY sqlstate
select auth.assert_aal('asserted', 'insert', 'aal2');
\set VERBOSITY default
-- Accepted by its key: what remains is said, and a key that names nothing, too.
select auth.assert_aal('asserted', 'insert', 'aal2', accept => '{aal_matrix_public_asserted_INSERT_authenticated_none}');
alter table asserted enable row level security;
select auth.assert_aal('asserted', 'select', 'aal2', accept => '{aal_matrix_public_asserted_SELECT_authenticated_aal1}');
select auth.assert_aal('asserted', 'insert', 'aal2', accept => '{aal_matrix_public_asserted_INSERT_authenticated_none}');
-- A lower level is another finding.
create policy aal_read_2 on asserted for select using (true);
drop policy aal_read on asserted;
select auth.assert_aal('asserted', 'select', 'aal2', role => 'authenticated', accept => '{aal_matrix_public_asserted_SELECT_authenticated_aal1}');
alter table asserted disable row level security;

-- Bad arguments.
select auth.assert_aal('asserted', 'insert', 'aal2', accept => null);
select auth.assert_aal('asserted', 'insert', 'aal2', accept => array[null]);
select auth.assert_aal(null, 'insert', 'aal2');
select auth.assert_aal('asserted', null, 'aal2');
select auth.assert_aal('asserted', 'insert', null);
select auth.assert_aal('asserted', 'merge', 'aal2');
select auth.assert_aal('asserted', 'insert', 'AAL2');
select auth.assert_aal('asserted', 'insert', 'aal2', 'nobody there');
select auth.assert_aal('pg_class', 'insert', 'aal2');
select auth.assert_aal('auth.protected_tables', 'insert', 'aal2');
select auth.assert_aal(0, 'insert', 'aal2');
select * from auth.aal_matrix('auth.protected_tables');
select * from auth.aal_matrix(1);
select count(*) from auth.aal_matrix('asserted');

-- A gate for all tables at once.
do $$ begin perform auth.assert_aal(target, command, 'aal2') from unnest(array['asserted'::regclass]) target, unnest(array['insert', 'update', 'delete']) command; end $$;
alter table asserted enable row level security;
do $$ begin perform auth.assert_aal(target, command, 'aal2') from unnest(array['asserted'::regclass]) target, unnest(array['insert', 'update', 'delete']) command; end $$;
drop table asserted;
