-- title: portable edition: protect_table with max_age
-- works: write, guard
select aal.protect_table('{table}', max_age => '15 minutes');
