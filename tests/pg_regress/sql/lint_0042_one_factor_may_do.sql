-- 0042_one_factor_may_do finds values of claims that give aal2 and that one factor can give.
load 'pg_aal';
create view public.findings as
  select metadata ->> 'name' as name, level, detail from auth.aal_lint() where name like '0042%' order by detail collate "C";

-- Findings.
set pg_aal.claims_profile = '[
  {"issuer":"https://org.okta.com/oauth2/as1","profile":"okta","map":{"urn:okta:loa:2fa:any:ifpossible":"aal2","urn:okta:loa:1fa:any":"aal3","phr":"aal2"}},
  {"issuer":"https://cognito-idp.eu-central-1.amazonaws.com/p","profile":"cognito","map":{"urn:cognito:loa:2":"aal2","urn:cognito:loa:3":"aal2"}},
  {"issuer":"https://login.microsoftonline.com/t/v2.0","profile":"entra","map":{"c1":"aal2","c9":"aal1"}},
  {"issuer":"https://own.example.com","levels":[{"claim":["amr"],"is":"texts","values":["mfa","pwd"],"level":"aal2"}]}]';
select * from findings;

-- None: those values at aal1, and the built-in profiles as they are.
set pg_aal.claims_profile = '[
  {"issuer":"https://org.okta.com/oauth2/as1","profile":"okta","map":{"urn:okta:loa:2fa:any:ifpossible":"aal1","phr":"aal2"}},
  {"issuer":"https://org.okta.com/oauth2/as2","profile":"okta"},
  {"issuer":"https://cognito-idp.eu-central-1.amazonaws.com/p","profile":"cognito"},
  {"issuer":"https://id.example.com/realms/a","profile":"keycloak"},
  {"issuer":"https://t.logto.app/oidc","profile":"logto"}]';
select * from findings;
reset pg_aal.claims_profile;
drop view public.findings;
