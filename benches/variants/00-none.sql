-- title: no AAL policy
-- works: scan, parallel, insert, read, write
select 1;
