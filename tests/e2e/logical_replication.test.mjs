// A subscriber's tables: rows arrive whatever their protection asks, and sessions meet the subscriber's own protection.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster } from '../stack.mjs'

const user = '11111111-1111-4111-8111-111111111111'
const major = Number(process.env.PG ?? '15')

let cluster
before(() => {
  cluster = new Cluster()
  cluster.configure("wal_level = logical\nwal_retrieve_retry_interval = '100ms'")
  cluster.psql(
    'postgres',
    'create role anon nologin; create role authenticated nologin; create role app superuser login; create database publisher; create database subscriber',
  )
  const tables = `
    create table payments (id int primary key, user_id uuid, amount int);
    create policy own on payments using (user_id = auth.subject_uuid());
    grant select, insert, update, delete on payments to authenticated;
    set client_min_messages = error;`
  for (const database of ['publisher', 'subscriber']) cluster.psql(database, 'create extension pg_aal;' + tables)
  cluster.psql('publisher', "select auth.protect_table('payments'); create publication all_payments for table payments")
  cluster.psql('publisher', "select pg_create_logical_replication_slot('payments', 'pgoutput')")
  // As after a protection that a subscriber never got: only rows are replicated.
  cluster.psql(
    'subscriber',
    `create subscription payments connection 'host=${cluster.connection.host} port=5432 user=postgres dbname=publisher'
       publication all_payments with (create_slot = false, slot_name = 'payments', copy_data = false)`,
  )
})
after(() => cluster.stop())

const rows = (database, aal) =>
  cluster
    .psql(
      database,
      `begin; select set_config('request.jwt.claims', '${JSON.stringify({ sub: user, ...(aal && { aal }) })}', true) is null; set local role authenticated; select count(*) from payments; rollback`,
    )
    .trim()
    .split('\n')
    .at(-1)

// Waits until the subscriber's answer is this one.
async function arrives(sql, expected) {
  let answer
  for (let tries = 0; tries < 200; tries++) {
    answer = cluster.psql('subscriber', sql).trim()
    if (answer === expected) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(answer, expected, cluster.log())
}

test('a protection is not replicated: the subscriber needs its own', async () => {
  cluster.psql('publisher', `insert into payments values (1, '${user}', 10)`)
  await arrives('select count(*) from payments', '1')
  assert.equal(rows('publisher'), '0')
  assert.equal(cluster.psql('subscriber', 'select count(*) from auth.protected_tables').trim(), '0')
  cluster.psql(
    'subscriber',
    "set client_min_messages = error; select auth.protect_table('payments', read => 'aal2', sensitive_columns => '{amount}')",
  )
  assert.equal(rows('subscriber'), '0')
  assert.equal(rows('subscriber', 'aal1'), '0')
  assert.equal(rows('subscriber', 'aal2'), '1')
})

test('rows arrive in a protected table, with guards that always fire, too', async () => {
  const change = (n) => cluster.psql('publisher', `insert into payments values (${n}, '${user}', 20); update payments set amount = ${n} where id = 1`)
  change(2)
  await arrives('select amount from payments where id = 1', '2')
  for (const trigger of ['aal_guard', 'aal_columns']) {
    cluster.psql('subscriber', `alter table payments enable always trigger ${trigger}`)
  }
  change(3)
  await arrives('select amount from payments where id = 1', '3')
  cluster.psql('publisher', 'delete from payments where id = 3; truncate payments')
  await arrives('select count(*) from payments', '0')
})

test('the owner of the subscription must bypass row security', async () => {
  // Postgres 16 and later apply the rows as the owner of the table, who bypasses it.
  if (major >= 16) return
  cluster.psql('subscriber', 'alter subscription payments owner to app; grant all on payments to app; alter role app nosuperuser')
  cluster.psql('publisher', `insert into payments values (4, '${user}', 20)`)
  for (let tries = 0; tries < 200 && !/row-level security/.test(cluster.log()); tries++) await new Promise((resolve) => setTimeout(resolve, 50))
  assert.match(cluster.log(), /cannot replicate into relation with row-level security enabled: "payments"/)
  cluster.psql('subscriber', 'alter role app bypassrls')
  await arrives('select count(*) from payments', '1')
})
