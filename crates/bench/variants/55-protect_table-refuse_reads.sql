-- title: protect_table with refuse_reads
-- works: scan, read, write, guard
select auth.protect_table('{table}', refuse_reads => true);
