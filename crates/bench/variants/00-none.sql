-- title: no AAL policy
-- works: scan, parallel, insert, read, write, guard
select 1;
