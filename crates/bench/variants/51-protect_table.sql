-- title: protect_table, as it comes
-- works: insert, read, write, guard
select auth.protect_table('{table}');
