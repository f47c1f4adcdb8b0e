// Many users over eight connections, in token mode with shared tokens: while backends are killed and keys are rotated, every answer is right.
//
// LOAD_SECONDS=600 for a long run. SHOW=1 prints what happened.

import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims } from '../tokens.mjs'

const seconds = Number(process.env.LOAD_SECONDS ?? 20)
const connections = 8
const users = 60

const random = (end) => Math.floor(Math.random() * end)
const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const userOf = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

let cluster, postmaster
before(() => {
  cluster = new Cluster()
  cluster.psql(
    'postgres',
    `
    create extension pg_aal;
    create role app login in role pg_read_all_stats;
    create table notes (user_id uuid primary key, n int);
    insert into notes select ('00000000-0000-4000-8000-' || lpad(g::text, 12, '0'))::uuid, 0 from generate_series(0, ${users - 1}) g;
    grant select, update on notes to app;
    set client_min_messages = error;
    select auth.protect_table('notes', owner_column => 'user_id');
  `,
  )
  publish()
  // Small caches, so that tokens make room for others all the time.
  cluster.configure(`
    shared_preload_libraries = 'pg_aal'
    pg_aal.claims_source = 'token'
    pg_aal.jwks_file = 'keys.json'
    pg_aal.shared_token_cache_size = '512kB'
    pg_aal.token_cache_size = '64kB'`)
  postmaster = Number(readFileSync(cluster.folder + '/data/postmaster.pid', 'utf8').split('\n')[0])
})
after(() => cluster.stop())

// Replaces the file with the keys, whole.
function publish(...keys) {
  const file = cluster.folder + '/data/keys.json'
  writeFileSync(file + '.new', JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }), { mode: 0o644 })
  renameSync(file + '.new', file)
}

// The time now in milliseconds since 1970, rounded up.
const atMost = () => Date.now() + 1

// A key, with the tokens that it signs: of each user at both levels, some that expire soon, and some that another key signed in its name.
async function makeKey(kid) {
  const pair = () => generateKeyPair('ES256')
  const [{ privateKey, publicKey }, other] = [await pair(), await pair()]
  const key = { kid, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, published: Infinity, going: Infinity, gone: Infinity }
  const soon = Math.ceil(Date.now() / 1000) + 2
  const make = async (n, { level = 'aal2', expires, signer = privateKey } = {}) => {
    const user = userOf(n)
    const payload = { ...claims({ sub: user, factorAge: level === 'aal2' ? 60 : undefined }), jti: `${kid} ${n}` }
    if (expires) payload.exp = expires
    const text = await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid }).sign(signer)
    return { text, user, level, key, expires: (expires ?? Infinity) * 1000, isForged: signer !== privateKey }
  }
  const all = []
  for (let n = 0; n < users; n++) {
    for (const level of ['aal1', 'aal2']) all.push(make(n, { level }))
    if (n % 6 === 0) all.push(make(n, { expires: soon }), make(n, { signer: other.privateKey }))
  }
  key.tokens = await Promise.all(all)
  return key
}

// The process, if it is a backend of this server. Nobody else's process is ever killed, also where its number was that of a backend.
function isOurBackend(pid) {
  try {
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')
    return Number(parent) === postmaster
  } catch {
    return false
  }
}

const endsConnection = ({ code, message }) =>
  ['57P01', '57P02', '57P03', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOENT'].includes(code) ||
  (code === undefined && /Connection terminated|not queryable|server closed/i.test(message))

test('while backends crash and keys are rotated, every answer is right', { timeout: (seconds + 60) * 1000 }, async () => {
  const clients = new Set()
  const wrong = []
  const seen = {
    answers: 0,
    'own rows': 0,
    updates: 0,
    'refused updates': 0,
    withdrawn: 0,
    expired: 0,
    forged: 0,
    crashes: 0,
    rotations: 0,
    reconnects: 0,
    'shared hits': 0,
  }
  const keys = []
  const end = Date.now() + seconds * 1000
  const isOver = () => Date.now() >= end || wrong.length > 0

  const connect = async () => {
    for (;;) {
      const client = new pg.Client({ ...cluster.connection, user: 'app', database: 'postgres' })
      client.on('error', () => {})
      try {
        await client.connect()
        clients.add(client)
        return client
      } catch (error) {
        if (!endsConnection(error)) throw error
        await pause(20)
      }
    }
  }

  // One request, as a pool makes it. All that it answers is held against the token.
  const request = async (client, token) => {
    const fail = (text) =>
      wrong.push(`${text}: ${JSON.stringify({ ...token, text: undefined, key: { ...token.key, tokens: undefined, jwk: undefined } })}`)
    await client.query('begin')
    // The configuration that this session has, before it is asked. Later statements may have a later one.
    const set = await client.query(
      `select set_config('pg_aal.token', $1, $2),
              extract(epoch from pg_conf_load_time())::float8 * 1000 as loaded, extract(epoch from clock_timestamp())::float8 * 1000 as now`,
      // Whether for the session or not: it counts in this transaction only.
      [token.text, random(4) > 0],
    )
    const { loaded, now } = set.rows[0]
    const [{ subject, level, second, rows }] = (
      await client.query(`
        select auth.subject() as subject, auth.aal() as level, auth.has_aal('aal2') as second, array(select user_id::text from notes) as rows`)
    ).rows
    const answered = atMost()
    seen.answers++
    const isNobody = subject === null
    const expected = isNobody ? [null, null, false, []] : [token.user, token.level, token.level === 'aal2', [token.user]]
    // A statement that runs on past the token's exp sees nothing from there on.
    const expiresMeanwhile = now < token.expires && answered >= token.expires
    if (!expiresMeanwhile) assert.deepEqual([subject, level, second, rows], expected)
    else assert.ok([token.user, null].includes(subject) && rows.every((row) => row === token.user), JSON.stringify(rows))
    const { key } = token
    const mustBeNobody = token.isForged ? 'forged' : loaded > key.gone ? 'withdrawn' : now >= token.expires ? 'expired' : null
    if (mustBeNobody && !isNobody) fail(`a token that is ${mustBeNobody} was taken, by the configuration of ${loaded}, at ${now}`)
    if (mustBeNobody && isNobody) seen[mustBeNobody]++
    const mustBeTaken = !token.isForged && loaded > key.published && answered < key.going && answered < token.expires
    if (mustBeTaken && isNobody) fail(`a good token was refused, by the configuration of ${loaded}, at ${now}`)
    if (!isNobody) seen['own rows']++
    try {
      const { rowCount } = await client.query('update notes set n = n + 1')
      // Where the token expires after its level was asked for, no row is seen any more.
      const expired = rowCount === 0 && atMost() >= token.expires
      if (mustBeNobody || token.level !== 'aal2' || (rowCount !== 1 && !expired)) fail(`an update of ${rowCount} rows, by ${atMost()}`)
      seen.updates++
    } catch (error) {
      const isRefusal = error.code === '42501' ? 'insufficient_aal' : error.code === '28000' ? 'invalid_token' : ' '
      if (!error.message.startsWith(isRefusal)) throw error
      // A key that goes between the two statements takes the level away.
      if (mustBeTaken && token.level === 'aal2' && atMost() < key.going && atMost() < token.expires) fail('an update was refused')
      seen['refused updates']++
    }
    await client.query(random(2) ? 'commit' : 'rollback')
    const left = await client.query('select auth.subject() as subject, (select count(*)::int from notes) as rows')
    if (left.rows[0].subject !== null || left.rows[0].rows !== 0) fail('a token counted beyond its transaction')
  }

  const serve = async () => {
    let client = await connect()
    while (!isOver()) {
      const key = keys[Math.max(0, keys.length - 1 - random(3))]
      try {
        await request(client, key.tokens[random(key.tokens.length)])
      } catch (error) {
        clients.delete(client)
        client.end().catch(() => {})
        if (!endsConnection(error)) {
          wrong.push(error.stack ?? String(error))
          break
        }
        seen.reconnects++
        client = await connect()
      }
    }
    clients.delete(client)
    await client.end().catch(() => {})
  }

  const reload = () => process.kill(postmaster, 'SIGHUP')

  const rotate = async () => {
    while (!isOver()) {
      const [next, last] = [await makeKey(`key ${keys.length}`), keys.at(-1)]
      publish(...(last ? [last, next] : [next]))
      next.published = atMost()
      keys.push(next)
      reload()
      await pause(300 + random(1500))
      if (!last) continue
      last.going = Date.now()
      publish(next)
      last.gone = atMost()
      reload()
      seen.rotations++
      await pause(random(1500))
    }
  }

  const crash = async () => {
    while (!isOver()) {
      // Also soon after the start, and twice at once.
      await pause([50, 500, 1500, 3000][random(4)])
      const all = [...clients].map(({ processID }) => processID)
      for (const processID of [all[random(all.length)], all[random(all.length)]].slice(random(2))) {
        if (!isOurBackend(processID)) continue
        process.kill(processID, ['SIGKILL', 'SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM'][random(5)])
        seen.crashes++
      }
    }
  }

  const watch = async () => {
    const usage = "select hits::int, bytes <= size as within from auth.token_cache() where cache = 'shared'"
    while (!isOver()) {
      const client = await connect()
      try {
        for (; !isOver(); await pause(200)) {
          const [{ hits, within }] = (await client.query(usage)).rows
          if (!within) wrong.push('shared memory is more than its size')
          seen['shared hits'] = Math.max(seen['shared hits'], hits)
        }
      } catch (error) {
        if (!endsConnection(error)) throw error
      }
      clients.delete(client)
      client.end().catch(() => {})
    }
  }

  const rotation = rotate()
  while (keys.length === 0) await pause(10)
  await Promise.all([rotation, crash(), watch(), ...Array.from({ length: connections }, serve)])
  if (process.env.SHOW) console.log(seen)
  assert.deepEqual(wrong.slice(0, 5), [])
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, `no ${what}: ${JSON.stringify(seen)}`)
  assert.equal(readFileSync(cluster.folder + '/data/postmaster.pid', 'utf8').split('\n')[0], String(postmaster))
})
