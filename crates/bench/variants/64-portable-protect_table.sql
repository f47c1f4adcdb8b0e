-- title: portable edition: protect_table, as it comes
-- works: insert, read, write, guard
select aal.protect_table('{table}');
