-- 0041_issuer_unlikely finds profiles whose issuer no token of the provider names, or that isn't safe.
load 'pg_aal';
create view public.findings as
  select metadata ->> 'name' as name, metadata ->> 'type' as type, level, detail, cache_key from auth.aal_lint() where name like '0041%' order by detail collate "C";

-- Findings.
set pg_aal.claims_profile = '[
  {"issuer":"id.example.com/realms/a","profile":"keycloak"},
  {"issuer":"http://id.example.com/realms/b","profile":"keycloak"},
  {"issuer":"https://id.example.com/realms/c/","profile":"keycloak"},
  {"issuer":"https://tenant.eu.auth0.com","profile":"auth0","claim":["https://app.example.com/methods"]},
  {"issuer":"https://org.okta.com","profile":"okta"},
  {"issuer":"https://securetoken.google.com/one","profile":"firebase","audience":"other"},
  {"issuer":"https://login.microsoftonline.com/t/v2.0/","profile":"entra","map":{"c1":"aal2"}}]';
select * from findings;

-- None.
set pg_aal.claims_profile = '[
  {"issuer":"https://id.example.com/realms/a","profile":"keycloak"},
  {"issuer":"http://localhost:8080/realms/b","profile":"keycloak"},
  {"issuer":"https://tenant.eu.auth0.com/","profile":"auth0","claim":["https://app.example.com/methods"]},
  {"issuer":"https://org.okta.com/oauth2/as1","profile":"okta"},
  {"issuer":"https://securetoken.google.com/one","profile":"firebase","audience":"one"},
  {"issuer":"stytch.com/project-live-1","profile":"stytch"},
  {"issuer":"https://x.supabase.co/auth/v1","profile":"supabase"}]';
select * from findings;

-- One that is stored for a role counts, too.
reset pg_aal.claims_profile;
alter role authenticator set pg_aal.claims_profile = '[{"issuer":"https://id.example.com/realms/stored/","profile":"keycloak"}]';
select * from findings;
alter role authenticator reset pg_aal.claims_profile;
select * from findings;
drop view public.findings;
