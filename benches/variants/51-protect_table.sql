-- title: protect_table, as it comes
-- works: insert, read, write
select auth.protect_table('{table}');
