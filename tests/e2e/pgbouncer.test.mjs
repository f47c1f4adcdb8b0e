// Many clients on few connections: a real PgBouncer in transaction mode. No identity survives its transaction.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster, PgBouncer } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'

const secret = 'a secret that the token mode of this test shares with nobody'
const users = [1, 2, 3, 4, 5].map((n) => `${n}`.repeat(8) + '-1111-4111-8111-111111111111')
const withFactor = [users[1], users[3]]
const clients = []

let cluster, pgbouncer
before(async () => {
  cluster = new Cluster()
  for (const database of ['request_mode', 'token_mode']) {
    cluster.psql('postgres', `create database ${database}`)
    cluster.psql(
      database,
      `
      create extension pg_aal;
      create table payments (user_id uuid default auth.subject_uuid(), amount int);
      create role ${database} login;
      grant select, insert on payments to ${database};
      set client_min_messages = error;
      select auth.protect_table('payments', owner_column => 'user_id');
    `,
    )
  }
  cluster.psql(
    'postgres',
    `
    copy (select '${jwks(secret)}') to '${cluster.folder}/data/jwks.json';
    alter database token_mode set pg_aal.claims_source = 'token';
    alter database token_mode set pg_aal.jwks_file = 'jwks.json';
    create database enrolled;
  `,
  )
  cluster.psql('enrolled', readFileSync(new URL('../supabase_stand_in.sql', import.meta.url), 'utf8'))
  cluster.psql(
    'enrolled',
    `
    insert into auth.users (id) select unnest('{${users}}'::uuid[]);
    insert into auth.mfa_factors (user_id, status) select unnest('{${withFactor}}'::uuid[]), 'verified';
    create extension pg_aal;
    create role enrolled login in role authenticated;
    alter database enrolled set pg_aal.claims_source = 'token';
    alter database enrolled set pg_aal.jwks_file = 'jwks.json';
  `,
  )
  pgbouncer = await PgBouncer.start(cluster, ['request_mode', 'token_mode', 'enrolled'], { poolSize: 2 })
})
after(async () => {
  await Promise.all(clients.map((client) => client.end()))
  cluster.stop()
})

async function connect(database) {
  const client = new pg.Client({ ...pgbouncer.connection, user: database, database })
  await client.connect()
  clients.push(client)
  return client
}

const who = async (client) => {
  const { rows } = await client.query('select auth.subject() as subject, auth.aal() as aal, pg_backend_pid() as pid')
  return rows[0]
}

// The ways to say who one is, for a transaction.
const ways = {
  request_mode: {
    'set_config of the claims': (client, session) => client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(session)]),
  },
  token_mode: {
    authenticate: async (client, session) => client.query('select auth.authenticate($1)', [await sign(session, secret)]),
    'set local': async (client, session) => client.query(`set local pg_aal.token = '${await sign(session, secret)}'`),
    'request.jwt': async (client, session) => client.query("select set_config('request.jwt', $1, true)", [await sign(session, secret)]),
    'request.headers': async (client, session) =>
      client.query("select set_config('request.headers', $1, true)", [JSON.stringify({ authorization: 'Bearer ' + (await sign(session, secret)) })]),
    // Careless: it stays with the connection. It counts for nobody else all the same.
    'a set that outlives the transaction': async (client, session) => client.query(`set pg_aal.token = '${await sign(session, secret)}'`),
    'a request.jwt that outlives it': async (client, session) => client.query(`set request.jwt = '${await sign(session, secret)}'`),
  },
}

for (const [database, itsWays] of Object.entries(ways)) {
  for (const [name, identify] of Object.entries(itsWays)) {
    test(`${database}, ${name}: interleaved clients never meet`, async () => {
      const anonymous = await connect(database)
      const pids = new Set()
      const work = async (user, n) => {
        const client = await connect(database)
        for (let round = 0; round < 10; round++) {
          const stepped = (round + n) % 2 === 0
          await client.query('begin')
          const before = await who(client)
          await identify(client, claims({ sub: user, factorAge: stepped ? 60 : undefined }))
          const during = await who(client)
          const expected = { subject: user, aal: stepped ? 'aal2' : 'aal1' }
          // Some end badly.
          if (round % 3 === 2) await assert.rejects(client.query('select 1 / 0'))
          await client.query(round % 3 === 1 ? 'rollback' : 'commit')
          pids.add(during.pid)
          assert.deepEqual([before.subject, before.aal], [null, null])
          assert.deepEqual({ subject: during.subject, aal: during.aal }, expected)
        }
      }
      const watch = async () => {
        for (let n = 0; n < 50; n++) {
          const { subject, aal } = await who(anonymous)
          assert.deepEqual([subject, aal], [null, null])
          await assert.rejects(anonymous.query('insert into payments (amount) values (1)'), /insufficient_aal|permission denied/)
        }
      }
      await Promise.all([...users.map(work), watch()])
      // They did share.
      assert.equal(pids.size, 2)
    })
  }
}

test('each user has their own enrolled level, whoever shares the connection', async () => {
  const pids = new Set()
  await Promise.all(
    users.map(async (user) => {
      const client = await connect('enrolled')
      const hasFactor = withFactor.includes(user)
      for (let round = 0; round < 10; round++) {
        await client.query('begin')
        await client.query('select auth.authenticate($1)', [await sign(claims({ sub: user }), secret)])
        const { rows } = await client.query('select auth.enrolled_aal() as level, auth.has_enrolled_aal() as passes, pg_backend_pid() as pid')
        await client.query(round % 2 ? 'commit' : 'rollback')
        const { pid, ...answer } = rows[0]
        pids.add(pid)
        assert.deepEqual(answer, { level: hasFactor ? 'aal2' : 'aal1', passes: !hasFactor })
      }
    }),
  )
  assert.equal(pids.size, 2)
})

test('each user has their own sessions, whoever shares the connection', async () => {
  const sessions = users.map((user, n) => ({ user, session: `5${user.slice(1)}`, isLive: n % 2 === 0 }))
  const live = sessions.filter(({ isLive }) => isLive)
  const values = live.map(({ user, session }) => `('${session}', '${user}', 'aal1')`)
  cluster.psql('enrolled', `insert into auth.sessions (id, user_id, aal) values ${values}`)
  const pids = new Set()
  await Promise.all(
    sessions.map(async ({ user, session, isLive }) => {
      const client = await connect('enrolled')
      for (let round = 0; round < 10; round++) {
        await client.query('begin')
        await client.query('select auth.authenticate($1)', [await sign({ ...claims({ sub: user }), session_id: session }, secret)])
        const { rows } = await client.query('select auth.session_is_live() as live, pg_backend_pid() as pid')
        await client.query(round % 2 ? 'commit' : 'rollback')
        pids.add(rows[0].pid)
        assert.equal(rows[0].live, isLive)
      }
    }),
  )
  assert.equal(pids.size, 2)
})

test('a write at aal2 is its own user’s, whoever shares the connection', async () => {
  await Promise.all(
    users.map(async (user) => {
      const client = await connect('token_mode')
      for (let round = 0; round < 5; round++) {
        await client.query('begin')
        await client.query('select auth.authenticate($1)', [await sign(claims({ sub: user, factorAge: 60 }), secret)])
        await client.query('insert into payments (amount) values (1)')
        await client.query('commit')
      }
    }),
  )
  const rows = await cluster.query('token_mode', 'select user_id, sum(amount)::int as amount from payments group by user_id order by 1')
  assert.deepEqual(
    rows,
    users.map((user) => ({ user_id: user, amount: 5 })),
  )
})
