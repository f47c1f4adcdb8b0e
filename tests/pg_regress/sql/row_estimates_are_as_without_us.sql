-- The planner thinks that an AAL condition keeps all rows. So a table that is protected is planned like one that isn't.
create table customers (id int primary key, name text, region int, user_id uuid default '11111111-1111-4111-8111-111111111111');
create table orders (id int primary key, customer int, at date, amount numeric);
create table items (id int primary key, order_id int, price numeric, note text);
insert into customers select n, 'c' || n, n % 10 from generate_series(1, 500) as n;
insert into orders select n, 1 + n % 500, date '2026-01-01' + n % 300, n % 97 from generate_series(1, 5000) as n;
insert into items select n, 1 + n % 5000, n % 13, 'x' from generate_series(1, 20000) as n;
create index on orders (customer);
create index on items (order_id);
analyze customers, orders, items;
grant select, insert, update, delete on customers, orders, items to authenticated;

create table queries (n int primary key, query text);
insert into queries values
  (1, 'select * from orders where id = 42'),
  (2, 'select * from orders where at between ''2026-02-01'' and ''2026-02-10'''),
  (3, 'select * from orders where amount > 90 order by at limit 10'),
  (4, 'select c.name, o.at, i.price from customers c join orders o on o.customer = c.id join items i on i.order_id = o.id where c.region = 3'),
  (5, 'select c.region, count(*), sum(o.amount) from customers c join orders o on o.customer = c.id group by c.region'),
  (6, 'select * from orders o where exists (select from items i where i.order_id = o.id and i.price > 10)'),
  (7, 'select c.*, o.id from customers c left join orders o on o.customer = c.id and o.amount < 3'),
  (8, 'select * from items where order_id in (select id from orders where customer = 7)'),
  (9, 'update orders set amount = amount + 1 where customer = 7'),
  (10, 'delete from items where price = 12'),
  (11, 'select distinct at from orders union all select at from orders where amount = 5');

-- The rows that each node of a plan is thought to give, from the top; and the nodes.
create function test.estimates(query text) returns text language plpgsql as $$
declare
  line text;
  answer text := '';
begin
  for line in execute 'explain ' || query loop
    if line ~ 'rows=\d+' and line !~ '->  Result +\(cost=0\.00\.\.0\.00 rows=1 ' then
      answer := answer || regexp_replace(line, '^[\s>-]*(\w[\w\s]*?)\s+(on|using|\().*rows=(\d+).*$', ' \1:\3');
    end if;
  end loop;
  return answer;
end
$$;
create table estimates (n int, kind text, estimates text);
grant insert, select on estimates, queries to authenticated;
grant execute on function test.estimates to public;

-- Under row security with a policy that permits all, which is planned as no policy is.
alter table customers enable row level security;
alter table orders enable row level security;
alter table items enable row level security;
create policy all_rows on customers using (true) with check (true);
create policy all_rows on orders using (true) with check (true);
create policy all_rows on items using (true) with check (true);
set role authenticated;
set request.jwt.claims = '{"sub":"11111111-1111-4111-8111-111111111111","aal":"aal2"}';
insert into estimates select n, 'without', test.estimates(query) from queries;
reset role;

-- Rendered by protect_table: an UPDATE and a DELETE meet two conditions each.
set client_min_messages = error; -- there are no tables that tell who has enrolled
select count(*) from auth.protect_table('customers');
select count(*) from auth.protect_table('orders', max_age => '1 hour');
select count(*) from auth.protect_table('items', read => 'enrolled');
reset client_min_messages;
set role authenticated;
insert into estimates select n, 'rendered', test.estimates(query) from queries;
reset role;
select auth.unprotect_table('customers'), auth.unprotect_table('orders'), auth.unprotect_table('items') \g /dev/null

-- Written by hand, bare; two on each table, and a third form.
create policy by_hand on customers as restrictive using (auth.has_aal('aal1') and auth.has_aal('aal2'));
create policy by_hand on orders as restrictive using (auth.require_aal('aal1') and auth.has_enrolled_aal());
create policy by_hand on items as restrictive using (auth.has_aal('aal2', '1 hour') or price < 3);
set role authenticated;
insert into estimates select n, 'bare', test.estimates(query) from queries;
reset role;

-- And what it would be otherwise: Postgres thinks that a sub-select keeps half of the rows.
alter policy by_hand on customers using ((select auth.has_aal('aal1')));
set role authenticated;
insert into estimates select n, 'wrapped by hand', test.estimates(query) from queries;
reset role;

\echo all alike, but where they are wrapped by hand
select o.kind, count(*) as queries, count(*) filter (where o.estimates <> w.estimates) as differ
  from estimates w join estimates o using (n)
 where w.kind = 'without' and o.kind <> 'without' group by o.kind order by o.kind;
\echo and they were compared
select kind, count(*), bool_and(estimates ~ ':\d') as have_numbers, count(distinct estimates) as different from estimates group by kind order by kind;

drop table customers, orders, items, queries, estimates;
drop function test.estimates;
reset request.jwt.claims;
