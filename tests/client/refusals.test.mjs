// What the client module takes for a refusal, and what it reads from it: answers of a real PostgREST, through supabase-js
// and through fetch, and the forms of Storage, Edge Functions and Supabase Auth.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { orStepUp, readRefusal } from '../../clients/js/dist/index.js'
import { claims, sign } from '../tokens.mjs'
import { client, Database } from './database.mjs'

const verify = { action: 'verify', requiredLevel: 'aal2', maxAge: null, reason: 'level_too_low' }
const reverify = { ...verify, action: 'reverify', maxAge: 900, reason: 'not_fresh' }
const configure = { ...verify, action: 'configure', reason: 'no_level' }
const unnamed = { ...verify, action: null, reason: null }

describe('refusals of a real PostgREST', () => {
  let database, plain
  before(async () => {
    database = await Database.start()
    plain = await database.plainPostgrest()
  })
  after(() => database?.stop())

  const token = (session) => sign(claims(session), database.postgrest.secret)
  const supabase = async (session, postgrest = database.postgrest) => client(postgrest, await token(session))
  const write = (supabase, table) => supabase.from(table).insert({ amount: 1 })

  // The same write by fetch.
  const send = async (session, table, postgrest = database.postgrest) =>
    fetch(`${postgrest.url}/${table}`, {
      method: 'POST',
      headers: { authorization: 'Bearer ' + (await token(session)), 'content-type': 'application/json' },
      body: '{"amount":1}',
    })

  for (const format of ['postgrest', 'sql']) {
    const server = () => (format === 'sql' ? plain : database.postgrest)

    test(`an answer of supabase-js names the step, with error_format ${format}`, async () => {
      const aal1 = await supabase({}, server())
      assert.deepEqual(await readRefusal(await write(aal1, 'payments')), verify)
      assert.deepEqual(await readRefusal(await write(aal1, 'transfers')), { ...verify, maxAge: 900 })
      assert.deepEqual(await readRefusal(await write(aal1, 'vaults')), { ...verify, requiredLevel: 'aal3' })
      const old = await supabase({ factorAge: 3600 }, server())
      assert.deepEqual(await readRefusal(await write(old, 'transfers')), reverify)
      assert.deepEqual(await readRefusal(await write(old, 'logins')), { ...reverify, requiredLevel: 'aal1', maxAge: 600 })
      assert.deepEqual(await readRefusal(await write(client(server()), 'payments')), { ...verify, action: 'sign_in', reason: 'not_signed_in' })
    })

    test(`a token without a level, with error_format ${format}`, async () => {
      const { aal, ...others } = claims()
      const supabase = client(server(), await sign(others, database.postgrest.secret))
      const { error } = await write(supabase, 'payments')
      assert.deepEqual(await readRefusal({ error }), configure)
      // As Storage hands it on.
      assert.deepEqual(await readRefusal({ error: { message: error.message } }), configure)
    })

    test(`an error that supabase-js throws, with error_format ${format}`, async () => {
      const aal1 = await supabase({}, server())
      const error = await write(aal1, 'payments')
        .throwOnError()
        .then(assert.fail, (error) => error)
      assert.deepEqual(await readRefusal(error), verify)
    })

    test(`a Response of fetch, which can still be read, with error_format ${format}`, async () => {
      const response = await send({}, 'transfers', server())
      assert.deepEqual(await readRefusal(response), { ...verify, maxAge: 900 })
      assert.match((await response.json()).message, /^insufficient_aal/)
    })
  }

  test('a Response whose body is read already, by the challenge of RFC 9470', async () => {
    const response = await send({ factorAge: 3600 }, 'transfers')
    await response.text()
    assert.deepEqual(await readRefusal(response), { ...unnamed, maxAge: 900, acrValues: 'aal2' })
    const { aal, ...others } = claims()
    const headers = { authorization: 'Bearer ' + (await sign(others, database.postgrest.secret)) }
    const without = await fetch(database.postgrest.url + '/payments?id=eq.1', { method: 'DELETE', headers })
    await without.text()
    assert.deepEqual(await readRefusal(without), { ...configure, acrValues: 'aal2' })
  })

  test('other answers are no refusals', async () => {
    const aal2 = await supabase({ factorAge: 0 })
    const none = [
      write(aal2, 'payments'),
      aal2.from('messages').select(),
      aal2.from('messages').select().single(),
      aal2.from('secrets').select(),
      aal2.from('missing').select(),
      aal2.from('payments').insert({ id: 1 }),
      client(database.postgrest, await sign(claims(), 'another secret that is long enough, too'))
        .from('payments')
        .select(),
      fetch(database.postgrest.url + '/secrets'),
      fetch(database.postgrest.url + '/messages'),
      fetch(database.postgrest.url + '/payments', { headers: { authorization: 'Bearer nonsense' } }),
      null,
      undefined,
      'insufficient_aal',
      [],
      new Error('insufficient'),
      new TypeError('fetch failed'),
    ]
    for (const answer of none) assert.equal(await readRefusal(await answer), null)
  })

  test('a server returns the step as plain data, and the browser reads it', async () => {
    const aal1 = await supabase({})
    const answer = await orStepUp(() => write(aal1, 'transfers'))
    assert.deepEqual(answer, { stepUp: { ...verify, maxAge: 900 } })
    assert.deepEqual(await readRefusal(JSON.parse(JSON.stringify(answer))), answer.stepUp)
    assert.deepEqual(await readRefusal(Response.json(answer, { status: 401 })), answer.stepUp)
    assert.deepEqual(await orStepUp(() => write(aal1, 'transfers').throwOnError()), answer)
  })

  test('a server returns every other answer as it is, and throws every other error', async () => {
    const aal2 = await supabase({ factorAge: 0 })
    assert.equal((await orStepUp(() => write(aal2, 'payments'))).status, 201)
    assert.equal((await orStepUp(() => aal2.from('secrets').select())).error.code, '42501')
    await assert.rejects(
      orStepUp(() => aal2.from('secrets').select().throwOnError()),
      { code: '42501' },
    )
  })
})

// Bodies as these servers send them: Storage 1.70 and Supabase Auth 2.196, and an Edge Function that hands on PostgREST's.
describe('refusals of other servers', () => {
  const message = 'insufficient_aal: insert on table "objects" requires aal2 verified within the last 900 seconds'
  const details = '{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":null,"action":"verify","reason":"level_too_low"}'
  const answers = {
    '/storage/v1/object/contracts/a.txt': [400, { statusCode: '403', error: 'Unauthorized', message }],
    '/functions/v1/pay': [401, { code: 'insufficient_aal', message: 'insufficient_aal: …', details, hint: '' }],
    '/auth/v1/user': [401, { code: 'insufficient_aal', message: 'AAL2 session is required to update email or password when MFA is enabled.' }],
    '/auth/old': [401, { code: 401, error_code: 'insufficient_aal', msg: 'AAL2 session is required …' }],
  }
  let server, supabase
  before(async () => {
    server = createServer((request, response) => {
      const [status, body] = answers[request.url]
      const headers = { 'content-type': 'application/json', 'x-supabase-api-version': '2024-01-01' }
      response.writeHead(status, headers).end(JSON.stringify(body))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    supabase = createClient(`http://127.0.0.1:${server.address().port}`, 'key', { realtime: { transport: globalThis.WebSocket ?? class {} } })
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  test("Storage's has a message only", async () => {
    const answer = await supabase.storage.from('contracts').upload('a.txt', new Blob(['text']))
    assert.deepEqual(await readRefusal(answer), { ...unnamed, maxAge: 900 })
  })

  test('a session that is over is told by the message, too', async () => {
    const told = (message) =>
      readRefusal({ error: { message: `insufficient_aal: insert on table "objects" requires a live session, and ${message}` } })
    const { action, reason } = await told('the session has ended')
    assert.deepEqual([action, reason], ['sign_in', 'session_ended'])
    assert.equal((await told('the factor of the session was removed')).reason, 'factor_removed')
    assert.equal((await told("the session's user is not known")).reason, 'unknown_user')
    assert.equal((await told("the session's token names no session")).action, 'configure')
  })

  test('an Edge Function may hand on the refusal', async () => {
    assert.deepEqual(await readRefusal(await supabase.functions.invoke('pay')), verify)
  })

  test("Supabase Auth's own has no details", async () => {
    const headers = { authorization: 'Bearer token' }
    const response = await fetch(supabase.auth.url + '/user', { headers })
    assert.deepEqual(await readRefusal(response), unnamed)
    assert.deepEqual(await readRefusal(await fetch(supabase.auth.url.replace('v1', 'old'))), unnamed)
    assert.deepEqual(await readRefusal(await supabase.auth.getUser('token')), unnamed)
  })

  test('a step that this version does not know is never guessed', async () => {
    const newer = details.replace('"verify"', '"dance"')
    assert.deepEqual(await readRefusal({ error: { code: 'insufficient_aal', message: 'insufficient_aal: …', details: newer } }), {
      ...verify,
      action: 'unknown',
    })
  })
})
