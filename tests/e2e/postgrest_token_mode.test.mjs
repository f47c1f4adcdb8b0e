// An unmodified PostgREST in front of a database that verifies the token itself.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import pg from 'pg'
import { send, story } from '../../examples/demo/story.mjs'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'

let cluster, postgrest
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create database demo; create database es256')
  cluster.psql('demo', readFileSync(new URL('../../examples/demo/demo.sql', import.meta.url), 'utf8'))
  cluster.psql(
    'demo',
    `
    create function forge() returns text language plpgsql as $$
    begin
      perform set_config('request.jwt.claims', '{"role":"authenticated","aal":"aal2"}', true);
      perform set_config('request.jwt.claim', '{"role":"authenticated","aal":"aal2"}', true);
      update payments set amount = 1000;
      return 'done';
    end
    $$;
    create function steal() returns text language plpgsql as $$
    begin
      -- Meant for whoever is next on this connection.
      perform set_config('request.jwt', substr(current_setting('request.headers')::json ->> 'authorization', 8), false);
      perform set_config('pg_aal.token', substr(current_setting('request.headers')::json ->> 'authorization', 8), false);
      return auth.aal();
    end
    $$;
    create function who_am_i() returns json language sql stable as $$
      select json_build_object('subject', auth.subject(), 'aal', auth.aal())
    $$;
    alter role authenticator in database demo set pg_aal.claims_source = 'token';
    alter role authenticator in database demo set pg_aal.jwks_file = 'demo_jwks.json';
  `,
  )
  postgrest = await PostgREST.start(cluster, 'demo', { DB_POOL: 1 })
  cluster.psql('demo', `copy (select '${jwks(postgrest.secret)}') to '${cluster.folder}/data/demo_jwks.json'`)
})
after(() => cluster.stop())

async function request(server, token, path, options = {}) {
  const headers = { 'Content-Type': 'application/json', ...options.headers }
  if (token) headers.Authorization = 'Bearer ' + token
  const response = await fetch(server.url + path, { ...options, headers })
  const text = await response.text()
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: text && JSON.parse(text) }
}
const rpc = (token, name) => request(postgrest, token, '/rpc/' + name, { method: 'POST', body: '{}' })
const aal1 = (sub) => sign(claims({ sub }), postgrest.secret)
const aal2 = (sub) => sign(claims({ sub, factorAge: 60 }), postgrest.secret)

for (const step of story) {
  test(`verified here: ${step.who} ${step.what}: ${step.expected.status} ${step.expected.action ?? ''}`, async () => {
    assert.deepEqual((await send(step, cluster, 'demo', postgrest)).wrong, [])
  })
}

test('claims that a function forges count for nothing', async () => {
  const { status, body } = await rpc(await aal1(), 'forge')
  assert.equal(status, 401)
  assert.equal(body.code, 'insufficient_aal')
  assert.equal(JSON.parse(body.details).current_aal, 'aal1')
})

test('a token that one request leaves behind is not the next one’s', async () => {
  assert.deepEqual((await rpc(await aal2('33333333-3333-4333-8333-333333333333'), 'steal')).body, 'aal2')
  for (let n = 0; n < 3; n++) {
    assert.deepEqual((await rpc(await aal1(), 'who_am_i')).body, { subject: claims().sub, aal: 'aal1' })
    assert.deepEqual((await rpc(undefined, 'who_am_i')).body, { subject: null, aal: null })
  }
})

test('a gateway that takes a token for good is not believed', async () => {
  const secret = 'another secret, which the gateway was talked into trusting'
  const misled = await PostgREST.start(cluster, 'demo', { JWT_SECRET: secret })
  const token = await sign(claims({ factorAge: 60 }), secret)
  assert.deepEqual((await request(misled, token, '/payments')).body, [])
  const { status, challenge, body } = await request(misled, token, '/payments?id=eq.2', { method: 'PATCH', body: '{"amount":1}' })
  assert.equal(status, 401)
  assert.equal(challenge, 'Bearer error="invalid_token", error_description="the signature is wrong"')
  assert.deepEqual([body.code, body.message], ['invalid_token', 'invalid_token: the signature is wrong'])
})

test('a Supabase client that nobody is signed in with sends its API key, and is told to sign in', async () => {
  const client = new pg.Client({ ...cluster.connection, user: 'authenticator', database: 'demo' })
  await client.connect()
  const codeOfDenial = async (headers) => {
    await client.query('begin')
    try {
      await client.query("select set_config('request.headers', $1, true), set_config('role', 'anon', true)", [JSON.stringify(headers)])
      await assert.rejects(client.query('delete from payments'), ({ message }) => {
        headers.seen = JSON.parse(message)
        return true
      })
    } finally {
      await client.query('rollback')
    }
    return headers.seen.code
  }
  try {
    for (const key of [await sign({ role: 'anon', exp: 4102444800 }, 'a key of the gateway, which verifies or replaces it'), 'sb_publishable_abc']) {
      const authorization = 'Bearer ' + key
      assert.equal(await codeOfDenial({ apikey: key, authorization }), 'insufficient_aal')
      assert.equal(await codeOfDenial({ apikey: 'another', authorization }), 'invalid_token')
      assert.equal(await codeOfDenial({ authorization }), 'invalid_token')
    }
    // One that verifies is a token like any other.
    const key = await sign(claims({ factorAge: 60 }), postgrest.secret)
    await client.query('begin')
    await client.query("select set_config('request.headers', $1, true)", [JSON.stringify({ apikey: key, authorization: 'Bearer ' + key })])
    assert.deepEqual((await client.query('select auth.aal()')).rows, [{ aal: 'aal2' }])
  } finally {
    await client.end()
  }
})

test('with asymmetric keys, alter database is all it takes', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'current', alg: 'ES256', use: 'sig' }] })
  cluster.psql(
    'es256',
    `
    create extension pg_aal;
    create function who_am_i() returns json language sql stable as $$
      select json_build_object('subject', auth.subject(), 'aal', auth.aal())
    $$;
    alter database es256 set pg_aal.claims_source = 'token';
    alter database es256 set pg_aal.jwks = '${keys}';
    alter database es256 set pg_aal.jwt_issuer = 'http://localhost:9999';
    alter database es256 set pg_aal.jwt_audience = 'authenticated';
  `,
  )
  const server = await PostgREST.start(cluster, 'es256', { JWT_SECRET: keys })
  const sign = (payload) => new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'current' }).sign(privateKey)
  const call = async (payload) => request(server, await sign(payload), '/rpc/who_am_i', { method: 'POST', body: '{}' })
  const session = claims({ factorAge: 60 })
  assert.deepEqual((await call(session)).body, { subject: session.sub, aal: 'aal2' })
  assert.deepEqual((await call({ ...session, iss: 'http://localhost:9998' })).body, { subject: null, aal: null })
  assert.deepEqual((await call({ ...session, aud: ['other'] })).body, { subject: null, aal: null })
})
