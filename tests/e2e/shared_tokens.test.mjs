// With the library in shared_preload_libraries, all backends share the tokens that one of them verified.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims } from '../tokens.mjs'

const settings = `
  shared_preload_libraries = 'pg_aal'
  pg_aal.claims_source = 'token'
  pg_aal.jwks_file = 'keys.json'
  shared_buffers = 16MB`

let cluster, old, next
const opened = []
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create extension pg_aal; create role app login; create role of_issuer login')
  old = await key('old')
  next = await key('next')
  publish(old)
  cluster.configure(settings)
})
after(async () => {
  await Promise.all(opened.map((client) => client.end().catch(() => {})))
  cluster.stop()
})

async function key(kid) {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } }
}

// Replaces the file with the keys, whole.
function publish(...keys) {
  const file = cluster.folder + '/data/keys.json'
  writeFileSync(file + '.new', JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }), { mode: 0o644 })
  renameSync(file + '.new', file)
}

const tokenOf = (user, { kid, privateKey } = old, more = {}) =>
  new SignJWT({ ...claims({ sub: user, factorAge: 60 }), ...more }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
const tokensOf = (users, signer) => Promise.all(Array.from({ length: users }, (_, n) => tokenOf(`user ${n}`, signer)))

async function connect(user = 'app', options) {
  const client = new pg.Client({ ...cluster.connection, user, database: 'postgres', options })
  client.on('error', () => {})
  await client.connect()
  opened.push(client)
  return client
}

// Who a token's session is, as a pool asks for it; null for nobody.
async function subject(client, token) {
  await client.query('begin')
  await client.query("select set_config('pg_aal.token', $1, true)", [token])
  const { rows } = await client.query("select case when auth.has_aal('aal2') then auth.subject() end as subject")
  await client.query('commit')
  return rows[0].subject
}

async function shared() {
  const rows = await cluster.query(
    'postgres',
    "select tokens::int, hits::int, misses::int, evictions::int, bytes <= size as within from auth.token_cache() where cache = 'shared'",
  )
  return rows[0]
}

// What it counts meanwhile.
async function counted(work) {
  const before = await shared()
  await work()
  const after = await shared()
  assert.ok(after.within)
  return { hits: after.hits - before.hits, misses: after.misses - before.misses }
}

async function reload() {
  const [{ before }] = await cluster.query('postgres', 'select pg_conf_load_time()::text as before')
  await cluster.query('postgres', 'select pg_reload_conf()')
  while ((await cluster.query('postgres', 'select pg_conf_load_time()::text as now'))[0].now === before)
    await new Promise((done) => setTimeout(done, 20))
}

test('a token is verified by one backend, and found by all others', async () => {
  const tokens = await tokensOf(40)
  const first = await connect()
  const ask = async (client) => {
    for (const [n, token] of tokens.entries()) assert.equal(await subject(client, token), `user ${n}`)
  }
  assert.deepEqual(await counted(() => ask(first)), { hits: 0, misses: 40 })
  for (let other = 0; other < 3; other++) {
    const client = await connect()
    assert.deepEqual(await counted(() => ask(client)), { hits: 40, misses: 0 })
  }
  // What a backend keeps itself, it does not ask for.
  assert.deepEqual(await counted(() => ask(first)), { hits: 0, misses: 0 })
})

test('other keys, another issuer, another audience or profile share nothing with these', async () => {
  const token = await tokenOf('jane')
  assert.equal(await subject(await connect(), token), 'jane')
  const jwk = JSON.stringify({ keys: [next.jwk] })
  for (const [setting, value, expected] of [
    ['jwt_issuer', 'https://other', null],
    ['jwt_audience', 'somebody', null],
    ['jwks_file', '/no/such/file', null],
    ['jwks', jwk, 'jane'],
    ['claims_profile', '[{"issuer":"https://other","levels":[{"claim":["acr"],"is":"text","values":["mfa"],"level":"aal2"}]}]', null],
  ]) {
    cluster.psql('postgres', `load 'pg_aal'; alter role of_issuer set pg_aal.${setting} = '${value}'`)
    const client = await connect('of_issuer')
    const { hits } = await counted(async () => assert.equal(await subject(client, token), expected, setting))
    assert.equal(hits, 0, setting)
    cluster.psql('postgres', 'alter role of_issuer reset all')
  }
})

test('a session finds by the keys of the moment, also where a setting goes back', async () => {
  const [of_old, of_next] = [await tokenOf('jane'), await tokenOf('joe', next)]
  const client = await connect('postgres')
  await client.query('set pg_aal.token_cache_size = 0')
  const both = async () => [await subject(client, of_old), await subject(client, of_next)]
  // The server keeps the texts of statements in shared memory, and no parameters.
  const use = async (keys, local = false) => {
    const set = (name, value) => client.query('select set_config($1, $2, $3)', [name, value, local])
    await set('pg_aal.jwks_file', '/no/such/file')
    await set('pg_aal.jwks', JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
  }
  assert.deepEqual(await both(), ['jane', null])
  for (let times = 0; times < 3; times++) {
    await use([next])
    assert.deepEqual(await both(), [null, 'joe'])
    // Without begin and commit of its own, so that what is set stays within the transaction.
    await client.query('begin')
    await use([old], true)
    const ask = async (token) => {
      await client.query("select set_config('pg_aal.token', $1, true)", [token])
      return (await client.query('select auth.subject() as subject')).rows[0].subject
    }
    assert.deepEqual([await ask(of_old), await ask(of_next)], ['jane', null])
    await client.query('savepoint s')
    await use([next], true)
    assert.deepEqual([await ask(of_old), await ask(of_next)], [null, 'joe'])
    await client.query('rollback to s')
    assert.deepEqual([await ask(of_old), await ask(of_next)], ['jane', null])
    await client.query('rollback')
    assert.deepEqual(await both(), [null, 'joe'])
    await use([old])
    const { hits } = await counted(async () => assert.deepEqual(await both(), ['jane', null]))
    assert.equal(hits, 1)
    await client.query('reset pg_aal.jwks; reset pg_aal.jwks_file')
    assert.deepEqual(await both(), ['jane', null])
  }
})

test('a shared token expires to the second, and one that is refused is never shared', async () => {
  const soon = Math.floor(Date.now() / 1000) + 2
  const token = await tokenOf('short', old, { exp: soon })
  assert.equal(await subject(await connect(), token), 'short')
  const other = await connect()
  assert.equal(await subject(other, token), 'short')
  while (Date.now() / 1000 < soon) await new Promise((done) => setTimeout(done, 50))
  assert.equal(await subject(other, token), null)
  assert.equal(await subject(await connect(), token), null)
  const { tokens } = await shared()
  const forged = await tokenOf('forged', { ...next, kid: 'old' })
  for (let tries = 0; tries < 2; tries++) assert.equal(await subject(await connect(), forged), null)
  assert.equal((await shared()).tokens, tokens)
})

test('after a reload no token of the key before passes in any session, while they are asked all the time', async () => {
  publish(old, next)
  await reload()
  const [olds, nexts] = [await tokensOf(20), await tokensOf(20, next)]
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect()))
  let rotated = false
  const wrong = []
  let refused = 0
  const loop = async (client) => {
    for (let after = 0; after < 60; ) {
      // The configuration that this session has, before it is asked.
      const { rows } = await client.query(
        "select pg_conf_load_time() > coalesce(nullif(current_setting('test.rotated', true), '')::timestamptz, 'infinity') as is_new",
      )
      const isNew = rows[0].is_new
      const n = Math.floor(Math.random() * 20)
      const [of_old, of_next] = [await subject(client, olds[n]), await subject(client, nexts[n])]
      if (of_next !== `user ${n}`) wrong.push(`the new key's token was ${of_next}`)
      if (of_old !== null && (of_old !== `user ${n}` || isNew)) wrong.push(`the old key's token was ${of_old}`)
      if (of_old === null) refused++
      if (of_old === null && !rotated) wrong.push('the old token was refused too early')
      if (isNew) after++
    }
  }
  for (const client of clients) await client.query("set test.rotated = ''")
  const loops = clients.map(loop)
  await new Promise((done) => setTimeout(done, 300))
  publish(next)
  rotated = true
  for (const client of clients) client.query("select set_config('test.rotated', clock_timestamp()::text, false)")
  await new Promise((done) => setTimeout(done, 50))
  await reload()
  await Promise.all(loops)
  assert.deepEqual(wrong, [])
  assert.ok(refused >= 240)
  for (const token of olds) assert.equal(await subject(await clients[0], token), null)
  publish(old)
  await reload()
})

test(
  'shared memory holds no token and no part of a signature',
  { skip: process.getuid() !== 0 && 'only root reads the memory of the server' },
  async () => {
    const user = 'somebody whose name is in shared memory'
    const token = await tokenOf(user)
    assert.equal(await subject(await connect(), token), user)
    const pid = readFileSync(cluster.folder + '/data/postmaster.pid', 'utf8').split('\n')[0]
    const memory = sharedMemoryOf(pid)
    assert.ok(
      memory.some((region) => region.includes(`"sub":"${user}"`)),
      'the claims are there',
    )
    const [header, payload, signature] = token.split('.')
    const bytes = [signature, old.jwk.x, old.jwk.y].map((part) => Buffer.from(part, 'base64url'))
    const texts = [header + '.', payload, signature, old.jwk.x, old.jwk.y].map((part) => Buffer.from(part))
    const pieces = [...bytes, ...texts].flatMap((part) => [part, part.subarray(0, 16), part.subarray(-16)])
    for (const piece of pieces) assert.ok(!memory.some((region) => region.includes(piece)), piece.toString())
  },
)

// The anonymous shared memory of a process.
function sharedMemoryOf(pid) {
  const found = []
  const file = openSync(`/proc/${pid}/mem`, 'r')
  for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(\w+)-(\w+) rw-s .*(?:\/dev\/zero|SYSV|anon_hugepage).*$/gm)) {
    const [start, end] = [parseInt(from, 16), parseInt(to, 16)]
    const bytes = Buffer.alloc(end - start)
    if (readSync(file, bytes, 0, bytes.length, start) > 0) found.push(bytes)
  }
  closeSync(file)
  return found
}

test('after a backend crashed, nothing is shared that was before, and every answer is right', async () => {
  const tokens = await tokensOf(10)
  const ask = async (client) => {
    for (const [n, token] of tokens.entries()) assert.equal(await subject(client, token), `user ${n}`)
  }
  const client = await connect()
  await ask(client)
  assert.ok((await shared()).tokens >= 10)
  for (let crash = 0; crash < 3; crash++) {
    const victim = await connect()
    // At work when it is killed.
    const work = ask(victim).catch(() => {})
    process.kill(victim.processID, 'SIGKILL')
    await work
    const again = await reconnect()
    const { tokens: kept, hits } = await shared()
    assert.deepEqual({ kept, hits }, { kept: 0, hits: 0 })
    await ask(again)
    assert.equal((await shared()).tokens, 10)
    // Another secret: what was shared before the crash would not be found, if it were still there.
    assert.equal((await shared()).hits, 0)
  }
})

async function reconnect() {
  for (let tries = 0; tries < 200; tries++) {
    try {
      const client = await connect()
      await client.query('select 1')
      return client
    } catch {
      await new Promise((done) => setTimeout(done, 50))
    }
  }
  throw new Error('the server does not come back')
}

test('an error, a cancel and a termination leave every lock free', async () => {
  const tokens = await tokensOf(30)
  for (let round = 0; round < 5; round++) {
    const client = await connect()
    const work = (async () => {
      for (const token of tokens) await subject(client, token)
    })().catch(() => {})
    await new Promise((done) => setTimeout(done, 3 * round))
    await cluster.query('postgres', round % 2 ? 'select pg_cancel_backend($1)' : 'select pg_terminate_backend($1)', [client.processID])
    await work
  }
  const client = await connect()
  await client.query("set statement_timeout = '5s'")
  for (const [n, token] of tokens.entries()) assert.equal(await subject(client, token), `user ${n}`)
  assert.ok((await shared()).tokens >= 30)
})

test('more users than there is room for: the bytes stay within, and every answer is right', async () => {
  cluster.configure(settings + "\npg_aal.shared_token_cache_size = '1MB'\npg_aal.token_cache_size = 0")
  const tokens = await tokensOf(900)
  const clients = [await connect(), await connect()]
  for (const client of clients) for (const [n, token] of tokens.entries()) assert.equal(await subject(client, token), `user ${n}`)
  const { within, evictions, tokens: kept } = await shared()
  assert.ok(within && evictions > 0 && kept <= 512, JSON.stringify({ evictions, kept }))
})

test('without room nothing is shared, and tokens verify', async () => {
  cluster.configure(settings + '\npg_aal.shared_token_cache_size = 0')
  assert.equal(await subject(await connect(), await tokenOf('jane')), 'jane')
  assert.equal(await shared(), undefined)
  await assert.rejects(cluster.query('postgres', "set pg_aal.shared_token_cache_size = '1MB'"), { code: '55P02' })
})
