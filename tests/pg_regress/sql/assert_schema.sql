-- assert_schema asserts levels of all tables of a schema at once, and says in one error all that is below.
\set SHOW_CONTEXT never
create schema asserted_schema;
set search_path = asserted_schema;
grant usage on schema asserted_schema to anon, authenticated;
select auth.assert_schema('asserted_schema');
create table payments (id int);
create table logs (id int, at date) partition by list (id);
create table logs_1 partition of logs for values in (1);
create policy everybody on payments using (true);
create policy everybody on logs using (true);
grant select, insert, update, delete on payments, logs to authenticated;
set client_min_messages = error;
select count(*) > 0 as is_protected from auth.protect_table('payments');
set client_min_messages = notice;

select auth.assert_schema('asserted_schema');
select auth.assert_schema('asserted_schema', excluding => '{logs,logs_1}');
select auth.assert_schema('asserted_schema', excluding => '{logs,logs_1}', reads => 'aal2');
select auth.assert_schema(target => 'asserted_schema', writes => 'none', reads => 'none');
-- Accepted by their keys; what remains is said.
select auth.assert_schema('asserted_schema', reads => 'none', accept => '{aal_matrix_asserted_schema_logs_INSERT_UPDATE_DELETE_authenticated_none}');
select auth.assert_schema('asserted_schema', reads => 'none', accept =>
  '{aal_matrix_asserted_schema_logs_INSERT_UPDATE_DELETE_authenticated_none,aal_matrix_asserted_schema_logs_1_INSERT_UPDATE_DELETE_authenticated_none}');
-- One more command is another finding, as is a lower level.
alter table logs enable row level security;
create policy second_factor on logs as restrictive using (auth.has_aal('aal2'));
select auth.assert_schema('asserted_schema', reads => 'none', accept => '{aal_matrix_asserted_schema_logs_INSERT_UPDATE_DELETE_authenticated_none}');
select auth.assert_schema('asserted_schema', accept => '{typo}');
grant truncate on logs to anon;
select auth.assert_schema('asserted_schema');

\set VERBOSITY sqlstate
select auth.assert_schema('asserted_schema');
\set VERBOSITY default
-- Bad arguments.
select auth.assert_schema(null);
select auth.assert_schema('nowhere');
select auth.assert_schema(1);
select auth.assert_schema('pg_catalog');
select auth.assert_schema('asserted_schema', writes => null);
select auth.assert_schema('asserted_schema', reads => null);
select auth.assert_schema('asserted_schema', writes => 'AAL2');
select auth.assert_schema('asserted_schema', excluding => null);
select auth.assert_schema('asserted_schema', excluding => '{payments,null}');
select auth.assert_schema('asserted_schema', excluding => '{payment}');
select auth.assert_schema('asserted_schema', excluding => '{pg_class}');
select auth.assert_schema('asserted_schema', accept => null);
select auth.assert_schema('asserted_schema', accept => array[null]);

set client_min_messages = error;
drop schema asserted_schema cascade;
