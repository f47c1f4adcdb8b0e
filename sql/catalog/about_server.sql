-- The head of reports: the database's name, the time of the statement, and the server's version.
select pg_catalog.current_database() as database,
       pg_catalog.to_char(pg_catalog.statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') as made_at,
       pg_catalog.to_char(pg_catalog.statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') as made_at_second,
       pg_catalog.current_setting('server_version') as server_version;
