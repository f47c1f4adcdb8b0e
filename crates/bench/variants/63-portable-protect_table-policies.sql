-- title: portable edition: protect_table without the guard
-- works: read, write, guard
select aal.protect_table('{table}', guard => false);
