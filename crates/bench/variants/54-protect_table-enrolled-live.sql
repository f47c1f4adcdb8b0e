-- title: protect_table with level enrolled and live sessions
-- works: read, write, guard
select auth.protect_table('{table}', write => 'enrolled', read => 'enrolled', live => true);
