-- The report links a finding to the table that it is about. A finding about a function or a view is linked to no table as what it is about,
-- not even to one of the same name. Behind its text it links to the tables that the function or the view reaches.
create schema report_links;
grant usage on schema report_links to anon, authenticated;
set search_path = report_links;

create table payments (id int, amount int);
alter table payments enable row level security;
create policy everybody on payments using (true);
create policy second_factor on payments as restrictive using ((select auth.has_aal('aal2')));
grant select, insert, update, delete on payments to authenticated;

-- About a function.
create function payments() returns bigint language sql stable security definer as $$ select sum(amount) from report_links.payments $$;
-- About a view.
create view owners_payments as select * from payments;
grant select on owners_payments to authenticated;
-- About the table.
grant truncate on payments to authenticated;

-- Each finding as the page has it: its link, and the table's name there.
select lint.name, lint.metadata ->> 'type' as type, item[1] ~ '^<a href="#t[0-9]+"><code>report_links.payments</code></a>' as links_to_table,
       item[1] ~ '</span><small>Past the policies of: <a href="#t[0-9]+"><code>report_links.payments</code></a></small></li>$' as reaches_table
  from auth.aal_lint() lint
 cross join auth.aal_report() report
 cross join regexp_matches(report, '<li id="f[0-9-]+">([^\n]*<span class="text">[^\n]*</li>)', 'g') as item
 where lint.metadata ->> 'schema' = 'report_links'
   -- The page shows every character that could be HTML by its number.
   and position('<span class="text">' || replace(lint.detail, '''', '&#x27;') || '</span>' in item[1]) > 0
 order by lint.name collate "C";

drop schema report_links cascade;
