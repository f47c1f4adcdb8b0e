-- title: protect_table without the guard
-- works: read, write, guard
select auth.protect_table('{table}', guard => false);
