-- The roles of a hosted Supabase project, once for a cluster. After it, postgres isn't a superuser any more: supabase_admin
-- is, which was postgres. Run by psql as the superuser whom initdb made.
create role renaming login superuser;
\connect - renaming
alter role postgres rename to supabase_admin;
\connect - supabase_admin
drop role renaming;
create role postgres login createdb createrole replication bypassrls;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
create role supabase_auth_admin login noinherit createrole;
create role supabase_storage_admin login noinherit createrole;
grant anon, authenticated, service_role to authenticator;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
-- From Postgres 16 on, a role that may create roles changes only those that it administers.
select case when current_setting('server_version_num')::int >= 160000 then 'with admin option' else '' end as administers \gset
grant anon, authenticated, service_role to postgres :administers;
select 'grant authenticator to postgres with admin true, inherit false, set false' where current_setting('server_version_num')::int >= 160000 \gexec

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';

-- The platform lets postgres store PostgREST's settings, and no other custom setting. Plain Postgres refuses those, too.
grant set on parameter "pgrst.db_pre_request" to postgres;

-- Each new database is made from this one.
create database platform;
