// Tokens of npm's oidc-provider, which issues them as any OpenID provider may: acr and amr in their shapes, two algorithms,
// refreshed tokens, and default access tokens that say nothing.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { OidcProvider } from '../oidc_provider.mjs'
import { Cluster } from '../stack.mjs'
import { claimsOf, inSession } from '../token_session.mjs'
import { Visitor } from '../visitor.mjs'

const jane = { id: 'user|1', username: 'jane', password: 'password', secret: 'twenty letters, each' }
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000))

// The entries that read its tokens: by acr, and by amr.
const byAcr = { profile: 'oidc', map: { aal1: 'aal1', aal2: 'aal2' } }
const byAmr = {
  levels: [
    { claim: ['amr'], is: 'texts', values: ['mfa'], level: 'aal2' },
    { claim: ['amr'], is: 'texts', values: ['pwd'], level: 'aal1' },
  ],
}

let cluster
const providers = {}
before(async () => {
  cluster = new Cluster()
  cluster.psql('postgres', 'create extension pg_aal')
  for (const alg of ['RS256', 'ES256']) {
    const clients = ['app', 'bare'].map((client_id) => ({ client_id, redirect_uris: [Visitor.redirectUri] }))
    providers[alg] = await OidcProvider.start({ alg, clients, users: { jane } })
    writeFileSync(`${cluster.folder}/data/${alg}.json`, providers[alg].keys, { mode: 0o644 })
  }
})
after(() => {
  for (const provider of Object.values(providers)) provider.stop()
  cluster?.stop()
})

const person = (alg, client = 'app') => new Visitor(providers[alg].url, client, jane)

// The level of a token and the time of its second factor, by the gateway's claims and by the token itself.
async function standing(alg, { access_token: token }, entry, keys = alg) {
  const profile = { issuer: providers[alg].url, audience: 'payments-api', ...entry }
  const query = "select auth.aal() as level, extract(epoch from auth.authenticated_at('aal2'))::int as at, auth.subject() as subject"
  return Promise.all(['request', 'token'].map((source) => inSession(cluster, { source, profile, keys: `${keys}.json` }, token, query)))
}

const both = (answer) => [answer, answer]

for (const alg of ['RS256', 'ES256']) {
  describe(`oidc-provider with ${alg}`, () => {
    test('a password is aal1, and a code aal2, by acr as by amr', async () => {
      const jane = person(alg)
      const first = await jane.authorize()
      assert.deepEqual(first.prompts, ['password'])
      const second = await jane.authorize({ acr_values: 'aal2' })
      assert.deepEqual(second.prompts, ['code'])
      const { acr, amr } = claimsOf(second.access_token)
      assert.deepEqual([acr, amr], ['aal2', ['pwd', 'otp', 'mfa']])
      for (const entry of [byAcr, byAmr]) {
        assert.deepEqual(await standing(alg, first, entry), both({ level: 'aal1', at: null, subject: 'user|1' }))
        assert.deepEqual(await standing(alg, second, entry), both({ level: 'aal2', at: null, subject: 'user|1' }))
      }
    })

    test('a refresh keeps acr, amr and auth_time, and auth_time counts only where the entry says so', async () => {
      const jane = person(alg)
      const answer = await jane.authorize({ acr_values: 'aal2' })
      await seconds(2)
      const refreshed = await jane.refresh(answer)
      assert.notEqual(refreshed.access_token, answer.access_token)
      const { acr, amr, auth_time: at } = claimsOf(answer.access_token)
      const { acr: sameAcr, amr: sameAmr, auth_time: sameTime } = claimsOf(refreshed.access_token)
      assert.deepEqual([sameAcr, sameAmr, sameTime], [acr, amr, at])
      assert.deepEqual(await standing(alg, refreshed, byAcr), both({ level: 'aal2', at: null, subject: 'user|1' }))
      assert.deepEqual(await standing(alg, refreshed, { ...byAcr, auth_time_is: 'level' }), both({ level: 'aal2', at, subject: 'user|1' }))
    })

    test('a sign-in by password alone takes aal2 away', async () => {
      const jane = person(alg)
      await jane.authorize({ acr_values: 'aal2' })
      const answer = await jane.authorize({ prompt: 'login' })
      assert.deepEqual(answer.prompts, ['password'])
      assert.deepEqual(await standing(alg, answer, byAcr), both({ level: 'aal1', at: null, subject: 'user|1' }))
    })

    test('a default access token says nothing, so it has no level', async () => {
      const answer = await person(alg, 'bare').authorize({ acr_values: 'aal2' })
      assert.deepEqual(answer.prompts, ['password', 'code'])
      for (const entry of [byAcr, byAmr]) assert.deepEqual(await standing(alg, answer, entry), both({ level: null, at: null, subject: 'user|1' }))
    })
  })
}

test('a token counts by the keys and the entry of its own issuer only', async () => {
  const answer = await person('RS256').authorize({ acr_values: 'aal2' })
  const [byClaims, byToken] = await standing('RS256', answer, byAcr, 'ES256')
  assert.deepEqual([byClaims.level, byToken.level], ['aal2', null])
  const foreign = await standing('ES256', answer, byAcr, 'RS256')
  assert.deepEqual(
    foreign.map(({ level }) => level),
    [null, null],
  )
})
