-- title: protect_table with live sessions
-- works: read, write, guard
select auth.protect_table('{table}', live => true);
