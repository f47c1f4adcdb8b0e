// A front end is mostly served from another origin than PostgREST. Of an answer from there, a browser shows code only the headers
// that the answer exposes. So what a refusal says in headers must be exposed, in each form of a refusal.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, jwks, sign } from '../tokens.mjs'
import { launch, skip } from './chromium.mjs'

const demo = readFileSync(new URL('../../examples/demo/demo.sql', import.meta.url), 'utf8')
const stepUp =
  'Bearer error="insufficient_user_authentication", error_description="A higher authentication level is required", acr_values="aal2", max_age="900"'
const deletion = '/payments?id=eq.2'

let cluster, explained, plain, verifying
before(async () => {
  cluster = new Cluster()
  // In each database the same, but for the form of a refusal, or for who verifies the token.
  cluster.psql('postgres', 'create database explained')
  cluster.psql('explained', demo)
  cluster.psql('postgres', 'create database plain template explained; create database verifying template explained')
  cluster.psql(
    'postgres',
    `
    load 'pg_aal';
    alter role authenticator in database plain set pg_aal.error_format = 'sql';
    alter role authenticator in database verifying set pg_aal.claims_source = 'token';
    alter role authenticator in database verifying set pg_aal.jwks_file = 'other_jwks.json';
    copy (select '${jwks('a secret that no gateway has, and that signs no token')}') to '${cluster.folder}/data/other_jwks.json';
  `,
  )
  explained = await PostgREST.start(cluster, 'explained')
  plain = await PostgREST.start(cluster, 'plain')
  verifying = await PostgREST.start(cluster, 'verifying')
})
after(() => cluster?.stop())

const authorization = async (postgrest, session = claims()) => 'Bearer ' + (await sign(session, postgrest.secret))

// What comes over the wire: the status, and all values of a header, in order.
async function ask(postgrest, method, headers) {
  const asked = request(postgrest.url + deletion, { method, headers })
  asked.end()
  const [response] = await once(asked, 'response')
  response.resume()
  const { rawHeaders, statusCode: status } = response
  const all = (name) => rawHeaders.filter((_, n) => n % 2 === 1 && rawHeaders[n - 1].toLowerCase() === name)
  return {
    status,
    exposed: all('access-control-expose-headers'),
    allowed: all('access-control-allow-headers').join(),
    challenges: all('www-authenticate'),
  }
}

test('the challenge is exposed beside the headers that PostgREST exposes, with an origin and without', async () => {
  const headers = { Authorization: await authorization(explained) }
  const there = await ask(explained, 'DELETE', { ...headers, Origin: 'http://app.example' })
  assert.deepEqual([there.status, there.challenges], [401, [stepUp]])
  assert.ok(there.exposed.includes('WWW-Authenticate'), there.exposed.join(' / '))
  assert.match(there.exposed.join(), /\bContent-Range\b/)
  assert.deepEqual((await ask(explained, 'DELETE', headers)).exposed, ['WWW-Authenticate'])
})

test('an answer that is no refusal has the headers that it had', async () => {
  const headers = { Authorization: await authorization(explained, claims({ factorAge: 60 })), Origin: 'http://app.example' }
  const { status, exposed } = await ask(explained, 'GET', headers)
  assert.equal(status, 200)
  assert.doesNotMatch(exposed.join(), /WWW-Authenticate/)
})

test('a preflight passes, and needs no token', async () => {
  const { status, allowed } = await ask(explained, 'OPTIONS', {
    Origin: 'http://app.example',
    'Access-Control-Request-Method': 'DELETE',
    'Access-Control-Request-Headers': 'authorization',
  })
  assert.equal(status, 200)
  assert.match(allowed, /authorization/i)
})

describe('code of another origin, in Chromium', { skip }, () => {
  let browser, server, page
  before(async () => {
    server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>The front end</title>'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    browser = await launch()
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
  })
  after(async () => {
    await browser?.close()
    server?.close()
  })

  // What the front end's code sees of the answer to a DELETE.
  const seen = (postgrest, authorization) =>
    page.evaluate(
      async ([url, authorization]) => {
        const response = await fetch(url, { method: 'DELETE', headers: { Authorization: authorization } })
        const { code, details } = await response.json()
        return { status: response.status, type: response.type, challenge: response.headers.get('WWW-Authenticate'), code, details }
      },
      [postgrest.url + deletion, authorization],
    )

  test('reads the status, the challenge and the body of a refused write', async () => {
    const { details, ...answer } = await seen(explained, await authorization(explained))
    assert.deepEqual(answer, { status: 401, type: 'cors', challenge: stepUp, code: 'insufficient_aal' })
    assert.equal(JSON.parse(details).action, 'verify')
  })

  test('reads that a token states no level', async () => {
    const { aal: _, ...session } = claims()
    const { details, ...answer } = await seen(explained, await authorization(explained, session))
    const challenge = stepUp.replace('A higher authentication level is required', 'The access token states no authentication level')
    assert.deepEqual(answer, { status: 401, type: 'cors', challenge, code: 'insufficient_aal' })
    assert.deepEqual([JSON.parse(details).action, JSON.parse(details).reason], ['configure', 'no_level'])
  })

  test('reads why a token doesn’t verify', async () => {
    const { details: _, ...answer } = await seen(verifying, await authorization(verifying))
    const challenge = 'Bearer error="invalid_token", error_description="the signature is wrong"'
    assert.deepEqual(answer, { status: 401, type: 'cors', challenge, code: 'invalid_token' })
  })

  test('without the form for PostgREST there is no challenge, and the body says it', async () => {
    const { details, ...answer } = await seen(plain, await authorization(plain))
    assert.deepEqual(answer, { status: 403, type: 'cors', challenge: null, code: '42501' })
    assert.equal(JSON.parse(details).action, 'verify')
  })
})
