// What stands in postgresql.conf, with the library in shared_preload_libraries, for each session, and not at all.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'

const secret = 'a secret that stands in the configuration, for good or ill'

let cluster
before(() => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create extension pg_aal; create role app login')
})
after(() => cluster.stop())

async function session(work, options) {
  const client = new pg.Client({ ...cluster.connection, user: 'app', database: 'postgres', options })
  const warnings = []
  client.on('notice', ({ message }) => warnings.push(message))
  await client.connect()
  try {
    return await work(client, warnings)
  } finally {
    await client.end()
  }
}

const one = async (client, sql, values) => Object.values((await client.query(sql, values)).rows[0])[0]
const token = () => sign(claims({ factorAge: 60 }), secret)

async function levelByToken(client) {
  await client.query('begin')
  await client.query("select set_config('pg_aal.token', $1, true)", [await token()])
  const level = await one(client, 'select auth.aal()')
  await client.query('rollback')
  return level
}

const configuration = `
  pg_aal.claims_source = 'token'
  pg_aal.jwks = '${jwks(secret)}'
`

test('preloaded for all, an HMAC secret of the configuration counts, and nobody can look', async () => {
  cluster.configure(`shared_preload_libraries = 'pg_aal' ${configuration}`)
  await session(async (client) => {
    await assert.rejects(client.query('show pg_aal.jwks'), { code: '42501' })
    await assert.rejects(client.query("select current_setting('pg_aal.jwks')"), { code: '42501' })
    assert.equal(await levelByToken(client), 'aal2')
    await client.query('set request.jwt.claims = \'{"aal":"aal2"}\'')
    assert.equal(await one(client, 'select auth.aal()'), null)
    assert.equal(await one(client, "select count(*)::int from pg_settings where name = 'pg_aal.jwks'"), 0)
  })
  assert.equal(cluster.psql('postgres', 'show pg_aal.jwks').trim(), '1 key: HS256 without kid')
})

test('preloaded for all, connection options that set what decides trust are refused', async () => {
  for (const name of ['claims_source', 'jwks', 'jwks_file', 'jwt_issuer', 'jwt_audience', 'clock_skew', 'enrollment_function', 'worker_claims']) {
    await assert.rejects(
      session(() => {}, `-c pg_aal.${name}=request`),
      { code: '42501' },
      name,
    )
  }
  await assert.rejects(
    session(() => {}, '-c pg_aal.invented=1'),
    { code: '42602' },
  )
})

for (const [how, preload] of [
  ['not preloaded', ''],
  ['preloaded for each session', "session_preload_libraries = 'pg_aal'"],
]) {
  test(`${how}, an HMAC secret of the configuration does not count: not at first, and not after a reload`, async () => {
    cluster.configure(preload + configuration)
    await session(async (client, warnings) => {
      assert.equal(await levelByToken(client), null)
      if (preload === '')
        assert.ok(
          warnings.some((message) => message.includes('every session can read it')),
          warnings.join(),
        )
      const loaded = await one(client, 'select pg_conf_load_time()::text')
      cluster.psql('postgres', 'select pg_reload_conf()')
      while ((await one(client, 'select pg_conf_load_time()::text')) === loaded) await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal(await levelByToken(client), null)
    })
  })
}

test('a claims_source that cannot be read trusts nobody, wherever it stands', async () => {
  for (const preload of ['', "session_preload_libraries = 'pg_aal'", "shared_preload_libraries = 'pg_aal'"]) {
    cluster.configure(`${preload}\npg_aal.claims_source = 'tokens'`)
    await session(async (client) => {
      await client.query('set request.jwt.claims = \'{"aal":"aal2"}\'')
      assert.equal(await one(client, 'select auth.aal()'), null, preload)
      await assert.rejects(client.query("select auth.require_aal('aal1')"), { code: '55000' }, preload)
    })
  }
})

test('keys that cannot be used, and a file that cannot be read, leave no keys and a server that starts', async () => {
  for (const keys of ['{"keys":[', 'secret', '{"keys":[{"kty":"oct","k":"c2hvcnQ","kid":"weak"}]}']) {
    cluster.configure(
      `shared_preload_libraries = 'pg_aal'\npg_aal.claims_source = 'token'\npg_aal.jwks = '${keys}'\npg_aal.jwks_file = '/no/such/file'`,
    )
    await session(async (client) => {
      await assert.rejects(client.query('select auth.verify_jwt($1)', [await token()]), { code: '28000', message: /there are no keys/ })
    })
  }
  assert.match(cluster.log(), /LOG: {2}pg_aal.jwks_file "\/no\/such\/file": cannot be read: .*; it gives no keys/)
  assert.match(cluster.log(), /the key with kid "weak" has 40 bits/)
})
