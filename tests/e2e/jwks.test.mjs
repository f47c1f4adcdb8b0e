// pg_aal-jwks against providers that serve, rotate and break their key sets; and its file in a Postgres with two issuers.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import pg from 'pg'
import { Cluster } from '../stack.mjs'
import { claims } from '../tokens.mjs'

const repo = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'pg_aal-jwks-'))
let program = process.env.PG_AAL_JWKS

before(() => {
  if (program) return
  const target = `${repo}target/pg${process.env.PG ?? '15'}`
  execFileSync('cargo', ['build', '--quiet', '--package', 'pg_aal-jwks'], { cwd: repo, env: { ...process.env, CARGO_TARGET_DIR: target } })
  program = target + '/debug/pg_aal-jwks'
})
after(() => rmSync(folder, { recursive: true }))

// An identity provider's endpoints, which a test may change. It counts who asks for what.
class Provider {
  static async start(create = createServer, scheme = 'http') {
    const provider = new Provider()
    provider.server = create((request, response) => {
      provider.asked.push(request.url)
      provider.answer(request, response)
    })
    await new Promise((resolve) => provider.server.listen(0, '127.0.0.1', resolve))
    provider.origin = `${scheme}://127.0.0.1:${provider.server.address().port}`
    provider.issuer = provider.origin + '/realms/app'
    provider.jwksUri = provider.issuer + '/keys'
    provider.reset()
    return provider
  }

  reset() {
    this.asked = []
    this.keys = []
    this.named = this.issuer
    this.keySet = (request, response) => response.end(JSON.stringify({ keys: this.keys }))
    this.answer = (request, response) => {
      if (request.url !== '/realms/app/.well-known/openid-configuration') return this.keySet(request, response)
      response.end(JSON.stringify({ issuer: this.named, jwks_uri: this.jwksUri }))
    }
  }

  stop() {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }
}

// A private key, and its public JWK.
async function keyOf(kid, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { privateKey, kid, alg, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

// Runs the program. The servers that it asks run in this process.
function run(configuration) {
  const path = join(folder, 'configuration.json')
  writeFileSync(path, JSON.stringify({ allow_http_on_loopback: true, attempts: 1, timeout_seconds: 5, ...configuration }))
  return new Promise((resolve) => {
    execFile(program, [path], (error, stdout, stderr) => resolve({ status: error?.code ?? 0, stdout, stderr }))
  })
}

// The kids of each issuer in the file.
function written(file) {
  const { issuers } = JSON.parse(readFileSync(file, 'utf8'))
  return Object.fromEntries(issuers.map(({ issuer, keys }) => [issuer, keys.map(({ kid }) => kid)]))
}

describe('the job', () => {
  let a, b, file, issuers
  before(async () => {
    a = await Provider.start()
    b = await Provider.start()
  })
  after(() => Promise.all([a.stop(), b.stop()]))
  let runs = 0
  beforeEach(() => {
    for (const provider of [a, b]) provider.reset()
    const own = join(folder, `run-${++runs}`)
    mkdirSync(own)
    file = join(own, 'jwks.json')
    // One by discovery, one at an address of the administrator's.
    issuers = [{ issuer: a.issuer }, { issuer: 'b.example/project', audience: 'project', jwks_uri: b.origin + '/certs' }]
  })

  test("writes each issuer's keys, and nothing if nothing changed", async () => {
    const [of_a, of_b] = [await keyOf('a1'), await keyOf('b1', 'EdDSA')]
    a.keys = [{ ...of_a.jwk, x5c: ['MIIB'] }]
    b.keys = [of_b.jwk]
    const first = await run({ file, issuers })
    assert.deepEqual([first.status, first.stderr], [0, ''])
    assert.match(first.stdout, /: written: "http.*": 1 key: ES256 "a1"; "b.example\/project": 1 key: EdDSA "b1"\n$/)
    assert.deepEqual(written(file), { [a.issuer]: ['a1'], 'b.example/project': ['b1'] })
    const text = readFileSync(file, 'utf8')
    assert.equal(JSON.parse(text).issuers[1].audience, 'project')
    assert.ok(!text.includes('x5c'))
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.deepEqual(a.asked, ['/realms/app/.well-known/openid-configuration', '/realms/app/keys'])
    assert.deepEqual(b.asked, ['/certs'])

    const { ino } = statSync(file)
    const again = await run({ file, issuers })
    assert.equal(again.status, 0)
    assert.match(again.stdout, /: unchanged: /)
    assert.equal(statSync(file).ino, ino)
  })

  test('follows a rotation, and drops an issuer that is configured no more', async () => {
    const [old, next] = [await keyOf('old'), await keyOf('new')]
    b.keys = [(await keyOf('b1')).jwk]
    for (const keys of [[old], [old, next], [next]]) {
      a.keys = keys.map(({ jwk }) => jwk)
      assert.equal((await run({ file, issuers })).status, 0)
      assert.deepEqual(
        written(file)[a.issuer],
        keys.map(({ kid }) => kid),
      )
    }
    assert.equal((await run({ file, issuers: issuers.slice(1) })).status, 0)
    assert.deepEqual(written(file), { 'b.example/project': ['b1'] })
  })

  test('leaves out bad keys and secrets, names them, and takes the good ones', async () => {
    const good = await keyOf('good')
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
    const isPrivate = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA'
    a.keys = [
      { ...weak, kid: 'weak' },
      { kty: 'oct', kid: 'secret', alg: 'HS256', k: secret },
      { ...isPrivate, kid: 'private' },
      { ...good.jwk, kid: 'off', x: good.jwk.y },
      { ...good.jwk, kid: 'for encryption', use: 'enc' },
      good.jwk,
      'no key',
    ]
    const { status, stderr } = await run({ file, issuers: [issuers[0]] })
    assert.equal(status, 0)
    assert.deepEqual(written(file), { [a.issuer]: ['good'] })
    assert.deepEqual(
      stderr.trimEnd().split('\n'),
      [
        'the key with kid "weak" has 1024 bits, and RS256 needs at least 2048',
        'the key with kid "secret" is an HMAC secret, and an issuer\'s published keys are public',
        'the key with kid "private" is a private key, and verifying needs the public one only',
        'the key with kid "off" is no point of its curve',
        'key number 7, which has no kid, is no JSON object',
      ].map((fault) => `${a.issuer}: ${fault}; it is left out`),
    )
    for (const hidden of [secret, isPrivate.d]) assert.ok(!(readFileSync(file, 'utf8') + stderr).includes(hidden))
  })

  // What a provider may answer in the place of a good set, and what is said of it.
  const bad = {
    'a page in HTML': [(_, response) => response.end('<!doctype html><title>Sign in</title>'), /no JSON Web Key Set/],
    'truncated JSON': [(_, response) => response.end(JSON.stringify({ keys: a.keys }).slice(0, -20)), /no JSON Web Key Set/],
    'a body that breaks off': [
      (_, response) => {
        response.setHeader('Content-Length', 1000)
        response.write('{"keys":[')
        setTimeout(() => response.destroy(), 20)
      },
      /http.*\/keys: /,
    ],
    'a set without keys': [(_, response) => response.end('{"keys":[]}'), /no key that can be used/],
    'a set with secrets only': [
      (_, response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', k: 'A'.repeat(42) + 'E' }] })),
      /is an HMAC secret.*\n.*no key that can be used/,
    ],
    'a member twice': [(_, response) => response.end(`{"keys":[],"keys":${JSON.stringify(a.keys)}}`), /states a member twice/],
    '10 MB': [(_, response) => response.end(`{"keys":[${'{},'.repeat(3_500_000)}{}]}`), /longer than 65536 bytes/],
    '33 keys': [(_, response) => response.end(JSON.stringify({ keys: Array(33).fill(a.keys[0]) })), /more than 32 keys/],
    'an error of the server': [(_, response) => response.writeHead(500).end('no'), /answers 500/],
    'no such page': [(_, response) => response.writeHead(404).end('{"keys":[]}'), /answers 404/],
    'a redirect to itself': [(_, response) => response.writeHead(302, { Location: a.issuer + '/elsewhere' }).end(), /redirects \(302/],
    'a redirect to another host': [(_, response) => response.writeHead(307, { Location: b.origin + '/certs' }).end(), /redirects \(307/],
    'no answer': [() => {}, /timeout/],
    'an answer that drips': [
      (_, response) => {
        response.write('{"keys":[')
        const drip = setInterval(() => response.write(' '), 100)
        response.on('close', () => clearInterval(drip))
      },
      /timeout/,
    ],
    'an end without an answer': [(_, response) => response.destroy(), /http.*\/keys: /],
  }
  for (const [what, [answer, said]] of Object.entries(bad)) {
    test(`${what}: the earlier set is kept, and exit status 3 says so`, async () => {
      a.keys = [(await keyOf('a1')).jwk]
      b.keys = [(await keyOf('b1')).jwk]
      assert.equal((await run({ file, issuers })).status, 0)
      a.keySet = answer
      b.keys = [(await keyOf('b2')).jwk]
      b.asked = []
      const { status, stderr } = await run({ file, issuers, timeout_seconds: 1 })
      assert.match(stderr, said)
      assert.match(stderr, /; its earlier keys are kept\n$/)
      assert.equal(status, 3)
      assert.deepEqual(written(file), { [a.issuer]: ['a1'], 'b.example/project': ['b2'] })
      assert.deepEqual(b.asked, ['/certs'])
      assert.ok(!a.asked.includes('/realms/app/elsewhere'))
      assert.deepEqual(readdirSync(join(file, '..')), ['jwks.json'])
    })
  }

  test('a configuration of another issuer, or with keys on another host, is not followed', async () => {
    a.keys = [(await keyOf('a1')).jwk]
    for (const [change, said] of [
      [{ named: a.issuer + '/' }, /is of another issuer/],
      [{ jwksUri: b.origin + '/certs' }, /is on another host/],
      [{ jwksUri: 'http://a.example.com/keys' }, /is no address with https/],
      [{ jwksUri: 'file:///etc/passwd' }, /jwks_uri/],
      [{ jwksUri: a.origin.replace('//', '//user@') + '/keys' }, /a user's name/],
    ]) {
      a.reset()
      const normal = a.jwksUri
      Object.assign(a, change)
      const { status, stderr } = await run({ file, issuers: [issuers[0]] })
      a.jwksUri = normal
      assert.equal(status, 1)
      assert.match(stderr, said)
      assert.deepEqual(a.asked, ['/realms/app/.well-known/openid-configuration'])
    }
    assert.deepEqual(b.asked, [])
  })

  test('an issuer that never had keys has none, exit status 1 says so, and the others are written', async () => {
    a.keySet = (_, response) => response.writeHead(503).end()
    const none = await run({ file, issuers: [issuers[0]] })
    assert.equal(none.status, 1)
    assert.match(none.stderr, /it has no keys/)
    // It is bound all the same.
    assert.deepEqual(written(file), { [a.issuer]: [] })
    b.keys = [(await keyOf('b1')).jwk]
    assert.equal((await run({ file, issuers })).status, 1)
    assert.deepEqual(written(file), { [a.issuer]: [], 'b.example/project': ['b1'] })
  })

  test('keys of an issuer that is configured no more are gone, also where no other has any', async () => {
    a.keys = [(await keyOf('a1')).jwk]
    assert.equal((await run({ file, issuers: [issuers[0]] })).status, 0)
    b.keySet = (_, response) => response.writeHead(404).end()
    assert.equal((await run({ file, issuers: [issuers[1]] })).status, 1)
    assert.deepEqual(written(file), { 'b.example/project': [] })
  })

  test('asks again after a failure that may pass, and not after another', async () => {
    const good = a.keySet
    a.keys = [(await keyOf('a1')).jwk]
    a.keySet = (request, response) => {
      a.keySet = good
      response.writeHead(503).end()
    }
    assert.equal((await run({ file, issuers: [issuers[0]], attempts: 2 })).status, 0)
    assert.equal(a.asked.length, 4)
    a.asked = []
    a.keySet = (_, response) => response.writeHead(404).end()
    assert.equal((await run({ file, issuers: [issuers[0]], attempts: 2 })).status, 3)
    assert.equal(a.asked.length, 2)
  })

  test('a reader of the file finds one whole set or the other', async () => {
    const sets = [await keyOf('one'), await keyOf('two')].map(({ jwk }) => Array(20).fill(jwk))
    a.keys = sets[0]
    await run({ file, issuers: [issuers[0]] })
    let reads = 0
    let isDone = false
    const reading = (async () => {
      while (!isDone) {
        for (let n = 0; n < 50; n++, reads++) assert.equal(new Set(written(file)[a.issuer]).size, 1)
        await new Promise(setImmediate)
      }
    })()
    for (let n = 1; n <= 10; n++) {
      a.keys = sets[n % 2]
      assert.match((await run({ file, issuers: [issuers[0]] })).stdout, /: written: /)
    }
    isDone = true
    await reading
    assert.ok(reads > 100)
  })

  test('a configuration that leaves a doubt, and a file that cannot be written, have a status of their own', async () => {
    for (const [change, said] of [
      [{ allow_http_on_loopback: false }, /is no address with https/],
      [{ issuers: [{ issuer: 'http://a.example.com' }] }, /is no address with https/],
      [{ issuers: [] }, /from 1 to 64 issuers/],
      [{ isuers: 1 }, /unknown field/],
    ]) {
      const { status, stderr } = await run({ file, issuers, ...change })
      assert.match(stderr, said)
      assert.equal(status, 2)
    }
    assert.deepEqual(a.asked, [])
    a.keys = [(await keyOf('a1')).jwk]
    const { status, stderr } = await run({ file: join(folder, 'no/such/folder/jwks.json'), issuers: [issuers[0]] })
    assert.match(stderr, /no\/such\/folder\/jwks.json: /)
    assert.equal(status, 4)
  })

  test("an administrator's own file may hold a secret, which is written for its issuer only", async () => {
    const own = join(folder, 'own.json')
    const secret = { kty: 'oct', alg: 'HS256', k: Buffer.from('a secret of at least thirty-two bytes').toString('base64url') }
    writeFileSync(own, JSON.stringify({ keys: [secret] }))
    a.keys = [(await keyOf('a1')).jwk]
    const configuration = { file, issuers: [issuers[0], { issuer: 'https://project.example/auth/v1', keys_file: own }] }
    assert.equal((await run(configuration)).status, 0)
    const entries = JSON.parse(readFileSync(file, 'utf8')).issuers
    assert.deepEqual(
      entries.map(({ secrets }) => secrets),
      [undefined, true],
    )
    assert.equal(entries[1].keys[0].k, secret.k)
    rmSync(own)
    assert.equal((await run(configuration)).status, 3)
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).issuers[1].keys[0].k, secret.k)
  })

  test('by https, only a certificate of a trusted authority counts', async (t) => {
    const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.crt')]
    const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=here']
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE']
    try {
      execFileSync('openssl', [...options, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    } catch {
      return t.skip('no openssl, which makes the certificate')
    }
    const secure = await Provider.start(createTlsServer.bind(null, { key: readFileSync(key), cert: readFileSync(certificate) }), 'https')
    try {
      secure.keys = [(await keyOf('s1')).jwk]
      const configuration = { file, issuers: [{ issuer: secure.issuer }], allow_http_on_loopback: false }
      const untrusted = await run(configuration)
      assert.equal(untrusted.status, 1)
      assert.match(untrusted.stderr, /certificate/)
      assert.deepEqual(secure.asked, [])
      const trusted = await run({ ...configuration, ca_file: certificate })
      assert.deepEqual([trusted.status, trusted.stderr], [0, ''])
      assert.deepEqual(written(file), { [secure.issuer]: ['s1'] })
    } finally {
      await secure.stop()
    }
  })
})

describe('in Postgres', () => {
  let cluster, client, a, b, of_a, of_b, file
  const reader = () => statSync(cluster.folder + '/data').uid
  // The job of two issuers, whose file Postgres' user reads.
  async function fetchKeys() {
    const outcome = await run({ file, issuers: [{ issuer: a.issuer }, { issuer: b.issuer, audience: 'app-b' }] })
    chownSync(file, reader(), -1)
    return outcome
  }
  const profiles = () =>
    JSON.stringify([
      { issuer: a.issuer, profile: 'keycloak' },
      { issuer: b.issuer, profile: 'cognito' },
    ])
  before(async () => {
    cluster = new Cluster()
    file = cluster.folder + '/data/jwks.json'
    a = await Provider.start()
    b = await Provider.start()
    // The same kid, as issuers don't know of one another.
    ;[of_a, of_b] = [await keyOf('1'), await keyOf('1')]
    a.keys = [of_a.jwk]
    b.keys = [of_b.jwk]
    assert.equal((await fetchKeys()).status, 0)
    cluster.psql(
      'postgres',
      `create extension pg_aal;
       create role token_mode login; create role request_mode login;
       alter role token_mode set pg_aal.claims_source = 'token';
       alter role token_mode set pg_aal.jwks_file = 'jwks.json';
       alter role token_mode set pg_aal.claims_profile = '${profiles()}';
       alter role request_mode set pg_aal.claims_profile = '${profiles()}';`,
    )
    client = await connect('token_mode')
  })
  after(async () => {
    await client?.end()
    cluster.stop()
    await Promise.all([a.stop(), b.stop()])
  })

  async function connect(user) {
    const connected = new pg.Client({ ...cluster.connection, user, database: 'postgres' })
    await connected.connect()
    return connected
  }

  const common = () => ({ ...claims(), aal: undefined, amr: undefined, username: 'jane', auth_time: claims().iat, aud: 'app-b' })
  const sign = (payload, { privateKey, alg, kid }) => new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(privateKey)
  // The level of a token, by a setting as a gateway or a driver sets it; or why it is refused.
  async function levelByToken(payload, key, connection = client) {
    const token = await sign(payload, key)
    try {
      const answers = await connection.query(`begin; select auth.authenticate('${token}'); select auth.aal()`)
      return answers.at(-1).rows[0].aal
    } catch (error) {
      return error.message
    } finally {
      await connection.query('rollback')
    }
  }

  test("a token of one issuer can't use the profile or the keys of the other", async () => {
    const [of_keycloak, of_cognito] = [{ acr: 'aal2' }, { acr: 'urn:cognito:loa:4' }]
    const supabases = { aal: 'aal2', amr: [{ method: 'totp', timestamp: claims().iat }] }
    const from = (provider, claimed) => ({ ...common(), iss: provider.issuer, ...claimed })
    // [issuer, claims, level]
    const cases = [
      [a, of_keycloak, 'aal2'],
      [b, of_cognito, 'aal2'],
      [a, of_cognito, null],
      [b, of_keycloak, 'aal1'],
      [a, supabases, null],
      // Of another type than Cognito's.
      [b, supabases, null],
      [a, { ...supabases, fva: [0, 0], acrs: ['c1'], firebase: { sign_in_second_factor: 'totp' } }, null],
    ]
    for (const [provider, claimed, level] of cases) {
      const own = provider === a ? of_a : of_b
      const other = provider === a ? of_b : of_a
      assert.equal(await levelByToken(from(provider, claimed), own), level)
      assert.equal(await levelByToken(from(provider, claimed), other), 'invalid_token: the signature is wrong')
    }
    const unknown = { ...from(a, of_keycloak), iss: 'https://unknown.example' }
    assert.equal(await levelByToken(unknown, of_a), "invalid_token: there are no keys of the token's issuer")
    assert.equal(await levelByToken({ ...unknown, iss: undefined }, of_a), "invalid_token: there are no keys of the token's issuer")
    assert.equal(await levelByToken({ ...from(b, of_cognito), aud: 'app-a' }, of_b), 'invalid_token: the token is for another audience')

    // The same claims from a gateway, which has verified them.
    const gateway = await connect('request_mode')
    const levelByClaims = async (payload) => {
      await gateway.query("select set_config('request.jwt.claims', $1, false)", [JSON.stringify(payload)])
      return (await gateway.query('select auth.aal()')).rows[0].aal
    }
    try {
      for (const [provider, claimed, level] of cases) assert.equal(await levelByClaims(from(provider, claimed)), level)
      assert.equal(await levelByClaims(unknown), null)
    } finally {
      await gateway.end()
    }
  })

  test('without the document, a key set of several issuers verifies nothing', async () => {
    cluster.psql('postgres', `create role unbound login; alter role unbound set pg_aal.claims_source = 'token'`)
    cluster.psql('postgres', `alter role unbound set pg_aal.jwks = '${JSON.stringify({ keys: [of_a.jwk, { ...of_b.jwk, kid: '2' }] })}'`)
    cluster.psql('postgres', `alter role unbound set pg_aal.claims_profile = '${profiles()}'`)
    const connection = await connect('unbound')
    try {
      assert.equal(
        await levelByToken({ ...common(), iss: a.issuer, acr: 'aal2' }, of_a, connection),
        'invalid_token: there are several issuers, and the keys are bound to none',
      )
    } finally {
      await connection.end()
    }
  })

  test('a rotation counts in open sessions after a reload, and a set that turns bad changes nothing', async () => {
    const next = await keyOf('2')
    const payload = { ...common(), iss: a.issuer, acr: 'aal2' }
    const reload = async () => {
      const loaded = async () => (await client.query('select pg_conf_load_time()::text as at')).rows[0].at
      const before = await loaded()
      cluster.psql('postgres', 'select pg_reload_conf()')
      for (let tries = 0; tries < 100 && (await loaded()) === before; tries++) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    a.keys = [of_a.jwk, next.jwk]
    assert.equal((await fetchKeys()).status, 0)
    assert.equal(await levelByToken(payload, next), "invalid_token: no key has the token's kid")
    await reload()
    assert.equal(await levelByToken(payload, next), 'aal2')
    assert.equal(await levelByToken(payload, of_a), 'aal2')
    a.keys = [next.jwk]
    assert.equal((await fetchKeys()).status, 0)
    await reload()
    assert.equal(await levelByToken(payload, of_a), "invalid_token: no key has the token's kid")
    a.keySet = (_, response) => response.end('{"keys":[')
    assert.equal((await fetchKeys()).status, 3)
    await reload()
    assert.equal(await levelByToken(payload, next), 'aal2')
    assert.deepEqual(await keysInForce(), [
      { setting: 'pg_aal.jwks_file', issuer: a.issuer, kid: '2', algorithm: 'ES256', fault: null },
      { setting: 'pg_aal.jwks_file', issuer: b.issuer, kid: '1', algorithm: 'ES256', fault: null },
    ])
  })

  async function keysInForce() {
    const superuser = await connect('postgres')
    try {
      await superuser.query("load 'pg_aal'; set pg_aal.jwks_file = 'jwks.json'")
      return (await superuser.query('select * from auth.token_keys()')).rows
    } finally {
      await superuser.end()
    }
  }
})
