-- Whether another session may trust settings less than this one does. It may if a role or this database has a setting stored
-- that makes it verify tokens, or look names up elsewhere before pg_catalog. It may also if this session's claims_source is
-- stored for its own role, as other roles may have another one.
select exists (
         select
         from pg_catalog.pg_db_role_setting s
           cross join pg_catalog.unnest(s.setconfig) as stored(setting)
         where s.setdatabase in (
             0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
           and case
                 when stored.setting ~* '^pg_aal\.claims_source=' then stored.setting !~* '=request$'
                 -- Function bodies that are stored as text mean something else unless pg_catalog is searched first.
                 when stored.setting ~* '^search_path='
                   then stored.setting ~* '[=,].*pg_catalog' and stored.setting !~* '=\s*"?pg_catalog'
               end)
       or exists (
         select
         from pg_catalog.pg_settings own
         where own.name = 'pg_aal.claims_source'
           and own.source in ('user', 'database user')) as are_untrusted;
