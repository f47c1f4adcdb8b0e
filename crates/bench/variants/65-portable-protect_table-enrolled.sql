-- title: portable edition: protect_table with level enrolled
-- works: read, write, guard
select aal.protect_table('{table}', write => 'enrolled', read => 'enrolled');
