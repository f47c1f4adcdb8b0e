// On a hot standby: what reads works as on its primary, and what would write says that it can't.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'

const user = '11111111-1111-4111-8111-111111111111'
const secret = 'a secret for the standby, which verifies as its primary does'

let cluster, standby, primary, client
before(async () => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create role anon nologin; create role authenticated nologin;
    create extension pg_aal;
    create table auth.users (id uuid primary key, deleted_at timestamptz);
    create table auth.mfa_factors (id int, user_id uuid, status text);
    insert into auth.users values ('${user}'), ('22222222-2222-4222-8222-222222222222');
    insert into auth.mfa_factors values (1, '${user}', 'verified');
    create function app_enrolled(text) returns boolean language sql stable parallel safe set search_path = pg_catalog, pg_temp as 'select $1 is null';
    create table payments (id int primary key, user_id uuid);
    insert into payments values (1, '${user}');
    create policy everybody on payments using (true);
    grant select, insert, update, delete, truncate on payments to authenticated;
    create table open (id int);
    grant select on open to authenticated;
    create view list as select * from payments;
    grant select on list to authenticated;
    set client_min_messages = error;
    select auth.protect_table('payments', read => 'aal2', on_insert => 'enrolled');
  `,
  )
  standby = cluster.standby()
  primary = new pg.Client({ ...cluster.connection, database: 'postgres' })
  client = new pg.Client({ ...standby.connection, database: 'postgres' })
  await primary.connect()
  await client.connect()
})
after(async () => {
  await client?.end()
  await primary?.end()
  standby?.stop()
  cluster.stop()
})

const one = async (on, sql, values) => Object.values((await on.query(sql, values)).rows[0])[0]

// Within a transaction, as this role with these claims.
async function as(aal, work, role = 'authenticated') {
  await client.query('begin')
  try {
    const session = { sub: user, role: 'authenticated', ...(aal && { aal }) }
    await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(session)])
    await client.query('set local role ' + role)
    return await work()
  } finally {
    await client.query('rollback')
  }
}

test('it is a standby', async () => {
  assert.equal(await one(client, 'select pg_is_in_recovery()'), true)
})

test('protect_table and unprotect_table say that a standby writes nothing', async () => {
  for (const call of ["protect_table('open')", "protect_table('payments')", "unprotect_table('payments')", "unprotect_table('open')"]) {
    await assert.rejects(client.query('select auth.' + call), { code: '25006', message: /cannot run on a standby/, hint: /on the primary/ }, call)
  }
  await client.query('begin isolation level repeatable read')
  await assert.rejects(client.query("select auth.protect_table('open')"), { code: '25006' })
  await client.query('rollback')
})

test('what only reads answers as on the primary', async () => {
  for (const sql of [
    "select auth.protect_table_sql('open', owner_column => null, max_age => '1 hour')",
    "select auth.protect_table_sql('payments', owner_column => 'user_id', lower => true)",
    'select json_agg(m order by m::text) from auth.aal_matrix() m',
    "select json_agg(m order by m::text) from auth.aal_matrix('payments') m",
    'select json_agg(l order by l::text) from auth.aal_lint() l',
    'select json_agg(p order by p::text) from auth.protected_tables p',
    "select auth.assert_aal('payments', 'select', 'aal2', accept => (select array_agg(cache_key) from auth.aal_lint() where name like '0012%'))",
    "select regexp_replace(auth.aal_report(), '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC', '', 'g')",
  ]) {
    assert.deepEqual(await one(client, sql), await one(primary, sql), sql)
  }
  // The view list reads the table with its owner's rights.
  await assert.rejects(client.query("select auth.assert_aal('payments', 'select', 'aal2')"), { code: 'P0004', detail: /0012_owner_rights_view/ })
  await assert.rejects(client.query("select auth.assert_aal('open', 'select', 'aal2')"), { code: 'P0004' })
  await assert.rejects(client.query("select auth.protect_table_sql('no_such')"), { code: '42P01' })
})

test('the session, its level and the enrolled level are as on the primary', async () => {
  await as('aal1', async () => {
    assert.equal(await one(client, 'select auth.aal()'), 'aal1')
    assert.equal(await one(client, 'select auth.subject()'), user)
    assert.equal(await one(client, 'select auth.enrolled_aal()'), 'aal2')
    assert.equal(await one(client, 'select auth.has_enrolled_aal()'), false)
    assert.equal((await one(client, 'select auth.aal_status()')).nextLevel, 'aal2')
    assert.equal(await one(client, 'select count(*)::int from payments'), 0)
    await assert.rejects(client.query("select auth.require_aal('aal2')"), { code: '42501', detail: /"action":"verify"/ })
  })
  await as('aal2', async () => {
    assert.equal(await one(client, 'select count(*)::int from payments'), 1)
    assert.equal(await one(client, 'select auth.require_enrolled_aal()'), true)
  })
  await as(undefined, async () => assert.equal(await one(client, 'select count(*)::int from payments'), 0))
})

test('a function that looks users up is asked', async () => {
  await client.query("set pg_aal.enrollment_function = 'public.app_enrolled'")
  try {
    await as('aal1', async () => assert.equal(await one(client, 'select auth.enrolled_aal()'), 'aal1'), 'postgres')
  } finally {
    await client.query('reset pg_aal.enrollment_function')
  }
})

test('tokens are verified', async () => {
  await client.query("set pg_aal.claims_source = 'token'")
  await client.query("select set_config('pg_aal.jwks', $1, false)", [jwks(secret)])
  try {
    const token = await sign(claims({ factorAge: 60 }), secret)
    assert.equal((await one(client, 'select auth.verify_jwt($1)', [token])).aal, 'aal2')
    await client.query('begin')
    await client.query('select auth.authenticate($1)', [token])
    assert.equal(await one(client, 'select auth.aal()'), 'aal2')
    assert.equal(await one(client, 'select count(*)::int from payments'), 1)
    await client.query('rollback')
    await assert.rejects(client.query('select auth.verify_jwt($1)', [token.slice(0, -2) + 'xx']), { code: '28000' })
  } finally {
    await client.query('reset pg_aal.claims_source')
    await client.query('reset pg_aal.jwks')
  }
})

test('writes are refused as Postgres refuses them', async () => {
  for (const sql of ['insert into payments values (2)', 'update payments set id = 3', 'delete from payments', 'truncate payments']) {
    await as('aal2', () => assert.rejects(client.query(sql), { code: '25006' }, sql))
  }
})

test('what is protected on the primary is protected here, as soon as it arrives', async () => {
  await primary.query('set client_min_messages = error')
  await primary.query(
    "create table later as select 1 as id; grant select on later to authenticated; create policy everybody on later using (true); select auth.protect_table('later', read => 'aal2')",
  )
  const target = await one(primary, 'select pg_current_wal_insert_lsn()::text')
  for (let tries = 0; tries < 200 && !(await one(client, 'select pg_last_wal_replay_lsn() >= $1::pg_lsn', [target])); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await as('aal1', async () => assert.equal(await one(client, 'select count(*)::int from later'), 0))
  await as('aal2', async () => assert.equal(await one(client, 'select count(*)::int from later'), 1))
})
