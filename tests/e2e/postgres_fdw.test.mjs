// Foreign tables of postgres_fdw: the session at the other end has no claims unless they are handed on, as docs/scale.md says.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const [user, other] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']

let cluster
let missing = false
before(() => {
  cluster = new Cluster()
  missing = cluster.psql('postgres', "select count(*) from pg_available_extensions where name = 'postgres_fdw'").trim() === '0'
  if (missing) return
  cluster.psql(
    'postgres',
    'create role anon nologin; create role authenticated nologin; create role gateway login; grant authenticated to gateway; create database near; create database far',
  )
  cluster.psql(
    'far',
    `
    create extension pg_aal;
    create table payments (id int primary key, user_id uuid);
    insert into payments values (1, '${user}'), (2, '${other}');
    grant select, insert, update, delete on payments to gateway;
    set client_min_messages = error;
    select auth.protect_table('payments', read => 'aal1', write => 'aal2', owner_column => 'user_id');

    create table claims_of_request (claims text);
    create function set_claims() returns trigger language plpgsql as $$
    begin
      perform set_config('request.jwt.claims', coalesce(new.claims, ''), true);
      return null;
    end
    $$;
    create trigger set_claims before insert on claims_of_request for each row execute function set_claims();
    grant insert on claims_of_request to gateway;
  `,
  )
  cluster.psql(
    'near',
    `
    create extension pg_aal;
    create extension postgres_fdw;
    create server far foreign data wrapper postgres_fdw options (host '${cluster.connection.host}', port '5432', dbname 'far');
    create user mapping for authenticated server far options (user 'gateway', password_required 'false');
    create user mapping for postgres server far options (user 'gateway');
    create foreign table payments (id int, user_id uuid) server far;
    create foreign table claims_of_request (claims text) server far;
    grant select, insert, update, delete on payments to authenticated;
    grant insert on claims_of_request to authenticated;

    create table orders (id int, user_id uuid, region text) partition by list (region);
    create table orders_near partition of orders for values in ('near');
    create foreign table orders_far partition of orders for values in ('far') server far options (table_name 'orders');
    alter table orders enable row level security;
    create policy own on orders using (user_id = auth.subject_uuid());
    create policy second_factor on orders as restrictive for insert with check (auth.has_aal('aal2'));
    grant select, insert on orders to authenticated;
  `,
  )
  cluster.psql('far', 'create table orders (id int, user_id uuid, region text); grant select, insert on orders to gateway')
})
after(() => cluster.stop())

const unlessMissing = (t) => missing && (t.skip('this Postgres has no postgres_fdw'), true)
const hand_on = "insert into claims_of_request values (current_setting('request.jwt.claims', true));"

// In a transaction that is rolled back, with these claims.
function as(aal, sql, { handsOn = true, sub = user } = {}) {
  const claims = JSON.stringify({ sub, role: 'authenticated', ...(aal && { aal }) })
  const all = `begin; set local request.jwt.claims = '${claims}'; set local role authenticated; ${handsOn ? hand_on : ''} ${sql}; rollback`
  return cluster.psql('near', all).trim()
}

test('without claims at the other end nothing is read or written', (t) => {
  if (unlessMissing(t)) return
  for (const aal of ['aal1', 'aal2']) {
    assert.equal(as(aal, 'select id from payments', { handsOn: false }), '')
    assert.throws(() => as(aal, `insert into payments values (3, '${user}')`, { handsOn: false }), /insufficient_aal/)
  }
})

test('claims that are handed on count at the other end, until the transaction ends', (t) => {
  if (unlessMissing(t)) return
  assert.equal(as('aal1', 'select id from payments'), '1')
  assert.equal(as('aal1', 'select id from payments', { sub: other }), '2')
  assert.equal(as(undefined, 'select id from payments'), '')
  assert.throws(() => as('aal1', `insert into payments values (3, '${user}')`), /insufficient_aal.*requires aal2/)
  assert.throws(() => as('aal1', 'delete from payments'), /insufficient_aal/)
  assert.equal(as('aal2', `insert into payments values (3, '${user}') returning id`), '3')
  assert.equal(as('aal2', 'delete from payments returning id'), '1')
  // One connection to the far end, two transactions.
  const claims = JSON.stringify({ sub: user, aal: 'aal2' })
  const two = `
    begin; set local request.jwt.claims = '${claims}'; set local role authenticated; ${hand_on} select count(*) from payments; commit;
    begin; set local role authenticated; select count(*) from payments; commit;`
  assert.equal(cluster.psql('near', two).trim(), '1\n0')
  // A savepoint takes them back.
  const back = `
    begin; set local role authenticated; savepoint s; set local request.jwt.claims = '${claims}'; ${hand_on} select count(*) from payments;
    rollback to s; select count(*) from payments; commit;`
  assert.equal(cluster.psql('near', back).trim(), '1\n0')
})

test('a foreign partition takes rows that no WITH CHECK sees, and the matrix says so', (t) => {
  if (unlessMissing(t)) return
  const insert = (region) => `insert into orders values (1, '${user}', '${region}')`
  assert.throws(() => as('aal1', insert('near')), /row-level security/)
  assert.equal(as('aal1', insert('far')), '')
  const cell = "select required_aal from auth.aal_matrix('orders') where role = 'authenticated' and command = 'INSERT'"
  assert.equal(cluster.psql('near', cell).trim(), 'none')
  assert.equal(cluster.psql('near', "select count(*) from auth.aal_lint() where name like '0038%'").trim(), '1')
  assert.throws(() => cluster.psql('near', "select auth.protect_table('orders', owner_column => 'user_id')"), /foreign table/)
})
