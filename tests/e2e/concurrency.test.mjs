// Protecting a table while somebody else changes the catalog: the right table or none.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create role bob login; create role authenticated')
})
after(() => cluster.stop())

const opened = []
async function connect(database, user) {
  const client = new pg.Client({ ...cluster.connection, database, user })
  await client.connect()
  opened.push(client)
  return client
}
after(() => Promise.all(opened.map((client) => client.end().catch(() => {}))))

// Waits until a connection waits for a lock.
async function waitsForLock(database, client) {
  for (let tries = 0; tries < 100; tries++) {
    const rows = await cluster.query(database, "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'", [client.processID])
    if (rows.length === 1) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('does not wait')
}

// Bob owns two schemas, and a table in one of them. In the other the superuser has a protected table of that name.
function bobAndTheVictim(database) {
  cluster.psql('postgres', `create database ${database}; grant create on database ${database} to bob`)
  cluster.psql(
    database,
    `
    create extension pg_aal;
    create schema s1 authorization bob;
    create schema s2 authorization bob;
    create table s1.ledger (v int);
    alter table s1.ledger owner to bob;
    create table s2.ledger (v int);
    insert into s2.ledger values (1);
    create policy everybody on s2.ledger using (true);
    alter table s2.ledger enable row level security;
    set client_min_messages = error;
    select auth.protect_table('s1.ledger');
    select auth.protect_table('s2.ledger');
  `,
  )
}

const protection = `
  select c.relowner::regrole::text as owner, c.relrowsecurity as on,
         (select count(*)::int from pg_policy where polrelid = c.oid) as policies,
         (select count(*)::int from pg_trigger where tgrelid = c.oid) as triggers
    from pg_class c where c.relname = 'ledger' order by 1`

for (const statement of ["unprotect_table('s1.ledger')", "protect_table('s1.ledger', read => 'aal3', write => 'aal3')"]) {
  test(`auth.${statement.split('(')[0]} never works on a table that took over the name while it waited`, async () => {
    const database = 'renamed_' + statement.split('_')[0]
    bobAndTheVictim(database)
    const bob = await connect(database, 'bob')
    const admin = await connect(database, 'postgres')
    await bob.query('begin; lock table s1.ledger in access share mode')
    const waiting = admin.query(`select auth.${statement}`).catch((error) => error)
    await waitsForLock(database, admin)
    await bob.query('alter schema s1 rename to s3; alter schema s2 rename to s1; commit')
    const answer = await waiting
    assert.ok(!(answer instanceof Error), String(answer))
    const [bobs, victims] = await cluster.query(database, protection)
    assert.deepEqual(victims, { owner: 'postgres', on: true, policies: 5, triggers: 1 })
    const expected = statement.startsWith('un') ? { policies: 0, triggers: 0, on: false } : { policies: 4, triggers: 1, on: true }
    assert.deepEqual(bobs, { owner: 'bob', ...expected })
  })
}

test('a partition that is attached while protect_table waits is protected, too', async () => {
  cluster.psql('postgres', 'create database attached')
  cluster.psql(
    'attached',
    'create extension pg_aal; create table parted (id int) partition by range (id); create table p1 partition of parted for values from (0) to (10)',
  )
  const other = await connect('attached', 'postgres')
  const admin = await connect('attached', 'postgres')
  await other.query('begin; create table p2 partition of parted for values from (10) to (20)')
  const waiting = admin.query("select auth.protect_table('parted')")
  await waitsForLock('attached', admin)
  await other.query('commit')
  await waiting
  const rows = await cluster.query('attached', 'select target::text from auth.protected_tables order by 1')
  assert.deepEqual(
    rows.map((row) => row.target),
    ['p1', 'p2', 'parted'],
  )
})

test('two sessions that protect and unprotect one table at a time leave it whole', async () => {
  cluster.psql('postgres', 'create database at_a_time')
  cluster.psql('at_a_time', 'create extension pg_aal; create table t (id int)')
  const clients = await Promise.all([connect('at_a_time', 'postgres'), connect('at_a_time', 'postgres'), connect('at_a_time', 'postgres')])
  await Promise.all(
    clients.map(async (client, i) => {
      for (let round = 0; round < 20; round++) {
        await client.query(i === 2 ? "select auth.unprotect_table('t')" : "select auth.protect_table('t', max_age => '1 hour')")
      }
    }),
  )
  await clients[0].query("select auth.protect_table('t', lower => true)")
  const [row] = await cluster.query('at_a_time', 'select * from auth.protected_tables')
  assert.equal(row.read, 'aal1')
  assert.equal(row.guard, true)
  await clients[0].query("select auth.unprotect_table('t')")
  const [{ left, on }] = await cluster.query(
    'at_a_time',
    "select (select count(*)::int from pg_policy) as left, relrowsecurity as on from pg_class where relname = 't'",
  )
  assert.deepEqual([left, on], [0, false])
})

test("a row that another session changes meanwhile is judged by the session's level, and what may raise raises only where it is reached", async () => {
  cluster.psql('postgres', 'create database recheck')
  cluster.psql(
    'recheck',
    `
    create extension pg_aal;
    create table counters (id int primary key, n int not null);
    insert into counters values (1, 0);
    grant select, update on counters to authenticated;
  `,
  )
  const asked = (question) => `case when n % 10 = 1 then ${question} else true end`
  const statements = (question) => [
    `update counters set n = n + 100 where ${asked(question)}`,
    `select from counters where ${asked(question)} for update`,
    `merge into counters c using (values (1)) v(id) on v.id = c.id when matched and ${asked(question)} then update set n = n + 100`,
  ]
  const meanwhile = await connect('recheck', 'postgres')
  const session = await connect('recheck', 'postgres')
  await session.query('set role authenticated')
  const run = async (level, statement) => {
    await meanwhile.query('update counters set n = 0')
    await session.query(`set request.jwt.claims = '{"sub":"jane","aal":"${level}"}'`)
    await meanwhile.query('begin; update counters set n = n + 1')
    const answer = session.query(statement).then(
      ({ rowCount }) => rowCount,
      (error) => error.message.split(':')[0],
    )
    await waitsForLock('recheck', session)
    await meanwhile.query('commit')
    return answer
  }
  for (const statement of statements("auth.has_aal('aal2')")) {
    assert.equal(await run('aal1', statement), 0, statement)
    assert.equal(await run('aal2', statement), 1, statement)
  }
  for (const statement of statements("auth.require_aal('aal2')")) {
    assert.equal(await run('aal1', statement), 'insufficient_aal', statement)
    assert.equal(await run('aal2', statement), 1, statement)
    assert.equal(await run('aal1', statement.replace('n % 10 = 1', 'n % 10 = 7')), 1, statement)
  }
})
