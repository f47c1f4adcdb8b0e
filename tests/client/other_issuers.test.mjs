// What the client module reads from refusals of other issuers' tokens, by a real PostgREST: what to ask the issuer for.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { orStepUp, readRefusal } from '../../clients/js/dist/index.js'
import { issuers, profiles } from '../issuers.mjs'
import { sign } from '../tokens.mjs'
import { client, Database } from './database.mjs'

let database
before(async () => {
  database = await Database.start()
  database.cluster.psql('postgres', `alter role authenticator set pg_aal.claims_profile = '${profiles}'`)
  await database.restartPostgrest()
})
after(() => database?.stop())

const token = (claims) => sign(claims, database.postgrest.secret)
const insert = async (claims, table = 'transfers') =>
  client(database.postgrest, claims && (await token(claims)))
    .from(table)
    .insert({ amount: 1 })

async function header(claims) {
  const headers = { authorization: 'Bearer ' + (await token(claims)), 'content-type': 'application/json' }
  const response = await fetch(database.postgrest.url + '/transfers', { method: 'POST', headers, body: '{"amount":1}' })
  await response.text()
  return response
}

const verify = { action: 'verify', requiredLevel: 'aal2', maxAge: 900, reason: 'level_too_low' }

test("a refusal holds the issuer's own acr_values", async () => {
  const okta = { ...verify, acrValues: 'urn:okta:loa:2fa:any' }
  assert.deepEqual(await readRefusal(await insert(issuers.okta)), okta)
  assert.deepEqual(await readRefusal(await insert(issuers.keycloak)), { ...verify, acrValues: 'aal2' })
  assert.deepEqual(await readRefusal(await header(issuers.okta)), { ...okta, action: null, reason: null })
})

test("a refusal holds Entra's claims, also where only the challenge can be read", async () => {
  const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
  assert.deepEqual(await readRefusal(await insert(issuers.entra)), { ...verify, claims })
  assert.deepEqual(await readRefusal(await header(issuers.entra)), { ...verify, action: null, reason: null, claims })
})

test("a refusal holds the hint of Clerk's useReverification", async () => {
  const clerkError = { type: 'forbidden', reason: 'reverification-error', metadata: { reverification: { level: 'second_factor', afterMinutes: 15 } } }
  assert.deepEqual(await readRefusal(await insert(issuers.clerk)), { ...verify, clerkError })
})

test('nothing to ask for where no issuer is known, or it has no word', async () => {
  const configure = { ...verify, action: 'configure', reason: 'no_level' }
  assert.deepEqual(await readRefusal(await insert({ ...issuers.okta, iss: 'https://other.example' })), configure)
  assert.deepEqual(await readRefusal(await insert(null)), { ...verify, action: 'sign_in', reason: 'not_signed_in' })
  assert.deepEqual(await readRefusal(await insert(issuers.firebase)), verify)
})

test('a server hands it on as plain data', async () => {
  for (const claims of [issuers.okta, issuers.entra, issuers.clerk]) {
    const answer = await orStepUp(() => insert(claims))
    assert.ok(answer.stepUp.acrValues ?? answer.stepUp.claims ?? answer.stepUp.clerkError)
    assert.deepEqual(await readRefusal(JSON.parse(JSON.stringify(answer))), answer.stepUp)
  }
})

test("a challenge that isn't for an authentication context is none of ours", async () => {
  const told = (challenge) => readRefusal(new Response('', { status: 401, headers: { 'WWW-Authenticate': challenge } }))
  assert.equal(await told('Bearer error="insufficient_claims", claims="e30="'), null)
  const wrong = await told('Bearer error="insufficient_claims", claims="%%", cc_type="authcontext"')
  assert.deepEqual([wrong.requiredLevel, wrong.claims], ['aal2', undefined])
})
