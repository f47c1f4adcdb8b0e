-- title: protect_table without the guard
-- works: read, write
select auth.protect_table('{table}', guard => false);
