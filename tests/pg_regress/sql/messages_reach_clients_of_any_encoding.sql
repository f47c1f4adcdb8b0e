-- Postgres converts messages to the client's encoding, and a character that it doesn't have there fails the statement. So no message
-- of ours has one: errors say what they are about, and notices fail nothing.
create table t (id int);
select write from auth.protect_table('t');
set client_encoding = 'LATIN1';
select auth.protect_table('t', write => 'aal1', guard => false, roles => '{authenticated}');
alter policy aal_read on t using (id > 0);
select auth.protect_table('t');
create policy newcomer on t using (true);
select row_security from auth.unprotect_table('t');
select auth.has_aal(repeat('aal', 20));
reset client_encoding;
drop table t;
