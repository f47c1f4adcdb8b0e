-- Partitions and children: a guard asks the function of the table that its trigger was made on.
create schema private;
create function private.yes() returns boolean language sql stable as 'select true';
create function private.no() returns boolean language sql stable as 'select false';
set client_min_messages = error;
create table parted (id int, iban text, note text) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2) partition by list (iban);
create table parted_2_x partition of parted_2 default;
insert into parted values (1, 'x', 'a'), (2, 'x', 'b');
create policy everybody on parted using (true);
create policy everybody on parted_1 using (true);
create policy everybody on parted_2 using (true);
create policy everybody on parted_2_x using (true);
create table parent (id int, iban text, note text);
create table child () inherits (parent);
insert into parent values (1, 'x', 'a');
insert into child values (2, 'x', 'b');
create policy everybody on parent using (true);
create policy everybody on child using (true);
grant select, insert, update, delete, truncate on parted, parted_1, parted_2, parted_2_x, parent, child to authenticated;
create table statements (nr int generated always as identity, statement text);
insert into statements (statement) values
  ('update parted set note = note'), ('update parted set iban = iban || 1'), ('update parted_1 set iban = iban || 1'), ('update parted_2_x set iban = iban || 1'),
  ('update parted set id = 3 - id, iban = ''y'''), ('truncate parted'), ('truncate parted_1'), ('insert into parted select 1 where false'),
  ('update parent set note = note'), ('update parent set iban = iban || 1'), ('update child set iban = iban || 1'), ('update only parent set iban = iban || 1'),
  ('truncate parent');
create function test.answers() returns table (statement text, answer text) language plpgsql as $$
begin
  perform test.sign_in('aal1');
  set local role authenticated;
  return query select s.statement, left(t.answer, 40) from test.tried('statements') t join statements s using (nr) order by nr;
  reset role;
end
$$;
grant select on statements to authenticated;
grant execute on all functions in schema test to authenticated;
select target::text, partitions from auth.protect_table('parted', sensitive_columns => '{iban}', applies_when => 'private.yes()', lower => true);
select target::text, partitions from auth.protect_table('parent', sensitive_columns => '{iban}', applies_when => 'private.yes()', lower => true);
select * from test.answers();
select count(*) from auth.protect_table('parted', sensitive_columns => '{iban}', applies_when => 'private.no()', lower => true);
select count(*) from auth.protect_table('parent', sensitive_columns => '{iban}', applies_when => 'private.no()', lower => true);
select * from test.answers();

\echo a child of its own kind: what names the parent asks the function of the parent
select count(*) from auth.protect_table('child', sensitive_columns => '{iban}', applies_when => 'private.no()', lower => true);
select count(*) from auth.protect_table('parent', sensitive_columns => '{iban}', applies_when => 'private.yes()', lower => true);
select * from test.answers() where statement ~ 'parent|child';

\echo a partition that came later has no policies of its own, and its triggers are those of the table
select count(*) from auth.protect_table('parted', sensitive_columns => '{iban}', applies_when => 'private.yes()', lower => true);
create table parted_3 partition of parted for values in (3);
insert into parted values (3, 'x', 'c');
insert into statements (statement) values ('update parted set iban = iban || 1 where id = 3');
select * from test.answers() where statement ~ 'id = 3';
select count(*) from auth.protect_table('parted', sensitive_columns => '{iban}', applies_when => 'private.no()', lower => true);
select * from test.answers() where statement ~ 'id = 3';

drop table parted, parent, child, statements;
drop schema private cascade;
drop function test.answers();
reset request.jwt.claims;
