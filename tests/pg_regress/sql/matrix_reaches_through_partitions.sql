-- aal_matrix counts every way to a table's rows: through its parents and its children.
create schema through;
grant usage on schema through to authenticated;
set search_path = through;
set client_min_messages = error;
create table parted (id int) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2) partition by list (id);
create table parted_2_a partition of parted_2 for values in (2);
create table parent (id int);
create table child () inherits (parent);
grant select, insert, update, delete, truncate on parted, parted_2_a, parent, child to authenticated;
alter table parted enable row level security;
alter table parent enable row level security;
create policy everybody on parted using (true);
create policy everybody on parent using (true);
create policy second_factor on parted as restrictive using (auth.has_aal('aal2'));
create policy second_factor on parent as restrictive using (auth.has_aal('aal2'));

-- parted_2_a, named directly, has no row security: so its rows, which are rows of those above it, need nothing.
-- parent's new rows don't go to child; but child's are parent's.
create view needs as
select target, command, required_aal, decided_by from auth.aal_matrix() where role = 'authenticated' and command in ('SELECT', 'INSERT') and target::text ~ '^(through\.)?(parted|parent|child)';
select * from needs order by target::text, command;

-- Protected each by itself: as the strictest way allows.
alter table parted_2_a enable row level security;
alter table child enable row level security;
create policy everybody on parted_2_a using (auth.has_aal('aal3'));
create policy everybody on child using (auth.has_aal('aal3'));
select * from needs order by target::text, command;

-- An open parent opens its children.
drop policy second_factor on parted;
drop policy second_factor on parent;
select * from needs order by target::text, command;

-- protect_table protects partitions, too.
select count(*) = 1 as protected from auth.protect_table('parted', read => 'aal2');
drop policy everybody on parted_2_a;
create policy everybody on parted_2_a using (true);
select * from needs where target::text like '%parted%' order by target::text, command;

-- How fresh a factor must be is what all ways ask: at aal1, whoever has enrolled none passes by aged_1 with an old one.
create table aged (id int);
create table aged_1 () inherits (aged);
alter table aged enable row level security;
alter table aged_1 enable row level security;
create policy fresh on aged using (auth.has_aal('aal1', '15 minutes'));
create policy enrolled on aged_1 using (auth.enrolled_aal() <> 'aal2');
grant select on aged, aged_1 to authenticated;
select target, required_aal, max_age, decided_by from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target in ('aged'::regclass, 'aged_1'::regclass) order by target::text;
alter policy enrolled on aged_1 using (auth.has_aal('aal1', '1 hour'));
select target, required_aal, max_age, decided_by from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target in ('aged'::regclass, 'aged_1'::regclass) order by target::text;
alter policy enrolled on aged_1 using (auth.has_aal('aal2'));
select target, required_aal, max_age, decided_by from auth.aal_matrix() where role = 'authenticated' and command = 'SELECT' and target in ('aged'::regclass, 'aged_1'::regclass) order by target::text;
drop schema through cascade;
