-- A finding's remediation is the address of the lint's page: within pg_aal.docs_url, or as a path without one.
load 'pg_aal';
create schema pages;
grant usage on schema pages to authenticated;
create table pages.published (id int);
alter table pages.published enable row level security;
grant select, insert on pages.published to authenticated;
create policy everybody on pages.published using (true);
create policy asks on pages.published as restrictive for select using (auth.has_aal('aal2'));
create view pages.finding as select name, remediation, description from auth.aal_lint() where metadata ->> 'schema' = 'pages';

show pg_aal.docs_url;
select name, remediation from pages.finding;
set pg_aal.docs_url = 'https://example.com/docs';
select remediation from pages.finding;
set pg_aal.docs_url = 'https://example.com/docs/';
select remediation from pages.finding;

-- The report and hints link there, too.
select auth.aal_report() like '%href="https:&#x2f;&#x2f;example.com&#x2f;docs&#x2f;lints&#x2f;0002_write_left_open.md"%' as links;
set request.jwt.claims = '{"sub":"jane"}';
select auth.require_aal('aal2');
reset request.jwt.claims;

-- What to do in short stands at the end of the description.
select right(description, 60) from pages.finding;

-- Only an address on the web, and only by a superuser.
set pg_aal.docs_url = 'docs';
set pg_aal.docs_url = 'javascript:alert(1)';
set pg_aal.docs_url = 'http://example.com';
set pg_aal.docs_url = 'https://example.com/"><script>';
set pg_aal.docs_url = 'https://example.com/a b';
set pg_aal.docs_url = 'https://example.com/?page=';
show pg_aal.docs_url;
set role authenticated;
set pg_aal.docs_url = 'https://elsewhere.example.com';
reset role;
reset pg_aal.docs_url;
drop schema pages cascade;
