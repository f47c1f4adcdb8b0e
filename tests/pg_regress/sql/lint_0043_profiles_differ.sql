-- 0043_profiles_differ finds stored profiles that aren't the session's own: roles read claims in different ways.
load 'pg_aal';
create view public.findings as
  select metadata ->> 'name' as name, level, detail, cache_key from auth.aal_lint() where name like '0043%' order by detail collate "C";

-- Findings.
alter role authenticator set pg_aal.claims_profile = '[{"issuer":"https://id.example.com/realms/a","profile":"keycloak"}]';
alter role service_role set pg_aal.claims_profile = 'supabase';
select * from findings;
set pg_aal.claims_profile = '[{"issuer":"https://id.example.com/realms/b","profile":"keycloak"}]';
select * from findings;

-- None: the same for all.
alter role service_role reset pg_aal.claims_profile;
set pg_aal.claims_profile = ' [{"issuer":"https://id.example.com/realms/a","profile":"keycloak"}] ';
select * from findings;
reset pg_aal.claims_profile;
alter role authenticator set pg_aal.claims_profile = 'supabase';
select * from findings;
alter role authenticator reset pg_aal.claims_profile;
select * from findings;
drop view public.findings;
