-- title: protect_table with level enrolled
-- works: read, write, guard
select auth.protect_table('{table}', write => 'enrolled', read => 'enrolled');
