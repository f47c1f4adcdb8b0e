// What a client of a real PostgREST sees.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { send, story } from '../../examples/demo/story.mjs'
import { Cluster, PostgREST } from '../stack.mjs'
import { claims, jane, sign } from '../tokens.mjs'

let cluster, postgrest
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create database demo')
  cluster.psql('demo', readFileSync(new URL('../../examples/demo/demo.sql', import.meta.url), 'utf8'))
  cluster.psql(
    'demo',
    `
    create function transfer(amount numeric) returns text language plpgsql as $$
    begin
      perform auth.require_aal('aal2', '15 minutes');
      return 'sent ' || amount;
    end
    $$;
    create function who_am_i() returns json language sql stable as $$
      select json_build_object('subject', auth.subject(), 'aal', auth.aal())
    $$;
    create table notes (id int primary key, note text);
    insert into notes values (1, 'a');
    grant select, insert, update, delete on notes to authenticated;
    create policy everybody on notes using (true) with check (true);
    select auth.protect_table('notes', read => 'none');
  `,
  )
  // Two connections for all clients: identities share them.
  postgrest = await PostgREST.start(cluster, 'demo', { DB_POOL: 2 })
})
after(() => cluster.stop())

async function request(session, path, options = {}) {
  const headers = { 'Content-Type': 'application/json', ...options.headers }
  if (session) headers.Authorization = 'Bearer ' + (typeof session === 'string' ? session : await sign(session, postgrest.secret))
  const response = await fetch(postgrest.url + path, { ...options, headers })
  const text = await response.text()
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text, body: text && JSON.parse(text) }
}

const aal1 = () => claims()
const aal2 = () => claims({ factorAge: 60 })

for (const step of story) {
  test(`${step.who} ${step.what}: ${step.expected.status} ${step.expected.action ?? ''}`, async () => {
    assert.deepEqual((await send(step, cluster, 'demo', postgrest)).wrong, [])
  })
}

test('the refusal is the whole documented body', async () => {
  const { body } = await request(aal1(), '/payments', { method: 'POST', body: '{"amount":1,"payee":"x"}' })
  assert.deepEqual(body, {
    code: 'insufficient_aal',
    message: 'insufficient_aal: insert on table "payments" requires aal2, and the session is at aal1',
    details: '{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low"}',
    hint: 'Verify a second factor, then try again with the new access token.',
  })
})

test('an existing and a missing row get the same answer, byte by byte', async () => {
  for (const [method, body] of [
    ['PATCH', '{"amount":1}'],
    ['DELETE', undefined],
  ]) {
    const existing = await request(aal1(), '/payments?id=eq.2', { method, body })
    const missing = await request(aal1(), '/payments?id=eq.424242', { method, body })
    assert.equal(existing.status, 401)
    assert.deepEqual(existing, missing)
  }
})

test('upserts and bulk inserts are refused at AAL1 and done at AAL2', async () => {
  const upsert = {
    method: 'POST',
    headers: { Prefer: 'resolution=merge-duplicates' },
    body: '[{"id":2,"amount":5,"payee":"x"},{"id":500,"amount":6,"payee":"y"}]',
  }
  assert.equal((await request(aal1(), '/payments', upsert)).body.code, 'insufficient_aal')
  assert.equal((await request(aal2(), '/payments', upsert)).status, 201)
  const put = { method: 'PUT', body: '{"id":2,"amount":7,"payee":"x"}' }
  assert.equal((await request(aal1(), '/payments?id=eq.2', put)).status, 401)
  assert.equal((await request(aal2(), '/payments?id=eq.2', put)).status, 204)
})

test('a function that requires AAL2 is refused with the same challenge', async () => {
  const call = { method: 'POST', body: '{"amount":10}' }
  const refused = await request(aal1(), '/rpc/transfer', call)
  assert.equal(refused.status, 401)
  assert.match(refused.challenge, /^Bearer error="insufficient_user_authentication", .*acr_values="aal2", max_age="900"$/)
  assert.deepEqual((await request(aal2(), '/rpc/transfer', call)).body, 'sent 10')
  assert.equal(JSON.parse((await request(null, '/rpc/transfer', call)).body.details).action, 'sign_in')
})

test('a forged, unsigned or expired token is refused by PostgREST itself', async () => {
  const none = [{ alg: 'none', typ: 'JWT' }, aal2()].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.'
  for (const token of [await sign(aal2(), 'a'.repeat(64)), none, await sign({ ...aal2(), exp: 1 }, postgrest.secret)]) {
    const { status, body } = await request(token, '/payments?id=eq.2', { method: 'DELETE' })
    assert.equal(status, 401)
    assert.notEqual(body.code, 'insufficient_aal')
  }
})

test('public reads are open to a user without any level, writes are not', async () => {
  const { aal: _, ...withoutLevel } = aal1()
  assert.deepEqual((await request(withoutLevel, '/notes')).body, [{ id: 1, note: 'a' }])
  const { status, challenge, body } = await request(withoutLevel, '/notes?id=eq.1', { method: 'DELETE' })
  assert.equal(status, 401)
  assert.match(challenge, /error_description="The access token states no authentication level", acr_values="aal2"$/)
  assert.deepEqual([JSON.parse(body.details).action, JSON.parse(body.details).reason], ['configure', 'no_level'])
  assert.match(body.hint, /^The access token has no claim aal\. /)
})

test('what a claim holds that is no level stays in its place, short and harmless', async () => {
  const hint = async (aal) => {
    const { status, challenge, text, body } = await request({ ...aal1(), aal }, '/notes?id=eq.1', { method: 'DELETE' })
    assert.equal(status, 401)
    assert.match(
      challenge,
      /^Bearer error="insufficient_user_authentication", error_description="The access token states no authentication level", acr_values="aal2"$/,
    )
    assert.doesNotMatch(text, /evil/i)
    return body.hint
  }
  assert.match(await hint('AAL2'), /^The claim aal of the access token is "AAL2", and must be aal1, aal2 or aal3\. /)
  for (const evil of ['aal2\r\nX-Evil: 1', '"} evil', '\u202eevil', 'https://evil.example', ['evil'], { evil: 1 }, 'evil'.repeat(11)]) {
    assert.match(await hint(evil), /^The claim aal of the access token must be aal1, aal2 or aal3, and is something else\. /)
  }
})

test('other issuers’ claims are translated as docs/tokens_without_aal.md says', async () => {
  const page = readFileSync(new URL('../../docs/tokens_without_aal.md', import.meta.url), 'utf8')
  const recipe = page.match(/```sql\n(create function level_of_issuer.*?)```/s)[1]
  cluster.psql('demo', recipe)
  const translating = await PostgREST.start(cluster, 'demo')
  const { aal: _, amr: __, ...token } = aal1()
  const levelOf = async (claims) => {
    const authorization = 'Bearer ' + (await sign({ ...token, ...claims }, translating.secret))
    return (await (await fetch(translating.url + '/rpc/who_am_i', { headers: { authorization } })).json()).aal
  }
  const [keycloak, firebase, clerk] = ['https://id.example.com/realms/app', 'https://securetoken.google.com/my-project', 'https://clerk.example.com']
  const factor = { sign_in_provider: 'password', sign_in_second_factor: 'totp' }
  try {
    for (const [claims, level] of [
      [{ iss: keycloak, acr: 'aal1', auth_time: 1 }, 'aal1'],
      [{ iss: keycloak, acr: 'aal2', auth_time: 1 }, 'aal2'],
      // Without the mapping, and after the levels have expired.
      [{ iss: keycloak, acr: '1' }, null],
      [{ iss: keycloak, acr: '0' }, null],
      [{ iss: keycloak }, null],
      [{ iss: firebase, firebase: factor }, 'aal2'],
      [{ iss: firebase, firebase: { sign_in_provider: 'password' } }, 'aal1'],
      [{ iss: clerk, fva: [3, 0] }, 'aal2'],
      [{ iss: clerk, fva: [3, -1] }, 'aal1'],
      [{ iss: clerk }, 'aal1'],
      // Each rule is of its own issuer, and adds a claim only where there is none.
      [{ iss: clerk, acr: 'aal2', firebase: factor }, 'aal1'],
      [{ iss: 'https://evil.example', acr: 'aal2', fva: [0, 0], firebase: factor }, null],
      [{ iss: keycloak, acr: 'aal2', aal: 'aal1' }, 'aal1'],
    ]) {
      assert.equal(await levelOf(claims), level, JSON.stringify(claims))
    }
    // Nobody stays nobody.
    assert.deepEqual(await (await fetch(translating.url + '/rpc/who_am_i')).json(), { subject: null, aal: null })
  } finally {
    process.kill(translating.process.pid)
    cluster.psql('demo', 'alter role authenticator reset pgrst.db_pre_request; drop function level_of_issuer')
  }
})

test('without the format for PostgREST the same denial is a 403 with DETAIL and HINT', async () => {
  cluster.psql('demo', 'alter role authenticator reset pg_aal.error_format')
  const plain = await PostgREST.start(cluster, 'demo')
  const token = await sign(aal1(), plain.secret)
  const response = await fetch(plain.url + '/payments?id=eq.2', { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } })
  const body = await response.json()
  process.kill(plain.process.pid)
  cluster.psql('demo', "alter role authenticator set pg_aal.error_format = 'postgrest'")
  assert.equal(response.status, 403)
  assert.equal(body.code, '42501')
  assert.match(body.message, /^insufficient_aal: /)
  assert.equal(JSON.parse(body.details).action, 'verify')
})

test('sessions that share pooled connections never take on each other’s level', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const session = [null, claims({ sub: `user-${i}` }), claims({ sub: `user-${i}`, factorAge: 60 })][i % 3]
      const { body } = await request(session, '/rpc/who_am_i')
      const deletion = await request(session, '/payments?id=eq.424242', { method: 'DELETE' })
      return [body, deletion.status, session?.sub ?? null, session?.aal ?? null]
    }),
  )
  for (const [body, status, sub, aal] of answers) {
    assert.deepEqual(body, { subject: sub, aal })
    assert.equal(status, aal === 'aal2' ? 204 : 401)
  }
})

test('nothing above left a row that only AAL2 may write', async () => {
  const rows = await cluster.query('demo', 'select id::int, amount::text, user_id from payments order by id')
  assert.deepEqual(
    rows.map((row) => [row.id, row.amount]),
    [
      [2, '7'],
      [3, '12.50'],
      [100, '50'],
      [500, '6'],
    ],
  )
  assert.equal(rows.filter((row) => row.user_id === jane).length, 3)
})
